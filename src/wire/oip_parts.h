/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_OIP_PARTS_H
#define WEFT_WIRE_OIP_PARTS_H

/*
 * Parts that OIP's gRPC messages share: parameters and tensors. Internal to the OIP codec; any
 * thread.
 */

#include "wire/oip.h"
#include "wire/protobuf.h"

/* A tensor as it stands in a message, before its data is known. */
struct weft_oip_tensor {
    char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    struct weft_parameters parameters;
    const uint8_t *contents; /* an InferTensorContents, NULL = none */
    size_t contents_bytes;
    size_t contents_count; /* the format merges a message given twice; we refuse */
};
void weft_oip_tensor_fini(struct weft_oip_tensor *tensor);

/* One entry of a map<string, InferParameter>. Errors that are not the reader's are in *error. */
void weft_oip_read_parameter(struct weft_protobuf_reader *reader,
                             const struct weft_protobuf_field *field,
                             struct weft_parameters *parameters, struct weft_error **error);
void weft_oip_write_parameters(struct weft_protobuf_writer *writer, uint32_t number,
                               const struct weft_parameters *parameters);
/* An InferInputTensor or InferOutputTensor into a zeroed tensor. */
void weft_oip_read_tensor(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_oip_tensor *tensor,
                          struct weft_error **error);
/* The tensor's typed contents as raw bytes. */
enum weft_status weft_oip_contents(const struct weft_oip_tensor *tensor,
                                   struct weft_slice *ret_data,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Ends a decoder: the status of reader and inner, the more exact one first. Takes *inner. */
enum weft_status weft_oip_end(const struct weft_protobuf_reader *reader, const char *what,
                              struct weft_error **inner, struct weft_error **error) WEFT_MUST_CHECK;

#endif
