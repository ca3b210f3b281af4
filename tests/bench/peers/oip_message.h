/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_OIP_MESSAGE_H
#define TESTS_BENCH_OIP_MESSAGE_H

/*
 * A ModelInferRequest of the Open Inference Protocol v2 with one raw input, as bytes: all that
 * stands before the tensor. The tensor is the message's last field, so a sender appends it as it
 * lies in memory.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OIP_INFER_METHOD "/inference.GRPCInferenceService/ModelInfer"
#define OIP_REQUEST_HEAD_MAX 256

struct oip_request {
    const char *model;
    const char *input;
    const char *datatype;
    const int64_t *dimensions;
    size_t dimensions_count;
    size_t tensor_bytes;
};

/* Writes the head and returns its size; 0 if the names are too long for OIP_REQUEST_HEAD_MAX. */
size_t oip_request_write_head(const struct oip_request *request,
                              uint8_t head[OIP_REQUEST_HEAD_MAX]);

#ifdef __cplusplus
}
#endif

#endif
