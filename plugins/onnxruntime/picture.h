/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_PICTURE_H
#define WEFT_ONNXRUNTIME_PICTURE_H

/*
 * Encoded pictures for networks that take pixels (the option `decode`). The codecs are in the
 * module `image.so` beside this plugin, opened at first use and kept. Any thread.
 */

#include "ort.h"

#include "image.h"

/* FAILED_PRECONDITION where the module is not there or of another ABI. */
enum weft_status weft_picture_open(const struct weft_image_library **ret_library,
                                   struct weft_ort_reason *reason) WEFT_MUST_CHECK;

/* Decodes the BYTES [1] tensor `input` for a network that takes UINT8 `wanted` (-1 = any size).
 * INVALID_ARGUMENT, with the codec's words, for what is no picture or of another size. */
enum weft_status weft_picture_decode(const struct weft_image_library *library,
                                     const struct weft_tensor *input,
                                     const struct weft_shape *wanted, struct weft_image *ret_image,
                                     struct weft_ort_reason *reason) WEFT_MUST_CHECK;

#endif
