/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that says it is the last ONNX Runtime that is too old for us. Whatever it is asked for
 * up to its own version it gives, and a call through that table ends the process.
 */
#include "ort_api.h"

static const OrtApi *get_api(uint32_t version)
{
    static const OrtApi nothing;
    return version < WEFT_ORT_API_VERSION ? &nothing : NULL;
}

static const char *get_version(void)
{
    return "1.17.3";
}

static const OrtApiBase base = {get_api, get_version};

__attribute__((visibility("default"))) const OrtApiBase *OrtGetApiBase(void)
{
    return &base;
}
