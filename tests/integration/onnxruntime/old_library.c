/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that says it is an ONNX Runtime too old for any header that we build with.
 */
#include <onnxruntime_c_api.h>
#include <stddef.h>

static const OrtApi *get_api(uint32_t version) NO_EXCEPTION
{
    (void)version;
    return NULL;
}

static const char *get_version(void) NO_EXCEPTION
{
    return "1.2.3";
}

static const OrtApiBase base = {get_api, get_version};

__attribute__((visibility("default"))) const OrtApiBase *OrtGetApiBase(void) NO_EXCEPTION
{
    return &base;
}
