/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_STRING_TENSOR_H
#define WEFT_ONNXRUNTIME_STRING_TENSOR_H

/*
 * Tensors of strings: OIP's raw form of BYTES (a 4-byte little-endian length before each element)
 * to ONNX Runtime's own strings and back. Elements may hold any bytes, zeros too. Any thread.
 */

#include "ort.h"

/* INVALID_ARGUMENT where the raw form is broken. *ret_value is the caller's to release. */
enum weft_status weft_string_tensor_read(const struct weft_ort *ort,
                                         const struct weft_tensor *tensor, OrtValue **ret_value,
                                         struct weft_ort_reason *reason) WEFT_MUST_CHECK;
/* Writes a value of strings as the output `name` of the call. */
enum weft_status weft_string_tensor_write(const struct weft_ort *ort, const OrtValue *value,
                                          const struct weft_shape *shape,
                                          struct weft_model_call *call, const char *name,
                                          struct weft_ort_reason *reason) WEFT_MUST_CHECK;

#endif
