/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_IMAGE_CODEC_H
#define WEFT_IMAGE_CODEC_H

/*
 * What image.c asks of the two codecs. Internal to the image library; any thread.
 */

#include "image.h"

/* Writes the reason, if there is a place for it, and returns status. */
enum weft_status weft_image_fail(struct weft_image_reason *reason, enum weft_status status,
                                 const char *format, ...) WEFT_PRINTF(3, 4);

/* INVALID_ARGUMENT or RESOURCE_EXHAUSTED where a picture of that size is not acceptable. */
enum weft_status weft_image_check_size(uint64_t width, uint64_t height,
                                       struct weft_image_reason *reason) WEFT_MUST_CHECK;

/* Decode to RGB as it lies in the file. The JPEG one also says the EXIF orientation (1 to 8; 1
 * where there is none). */
enum weft_status weft_image_decode_jpeg(const uint8_t *data, size_t size_bytes,
                                        struct weft_image *ret_image, uint32_t *ret_orientation,
                                        struct weft_image_reason *reason) WEFT_MUST_CHECK;
enum weft_status weft_image_decode_png(const uint8_t *data, size_t size_bytes,
                                       struct weft_image *ret_image, uint32_t *ret_orientation,
                                       struct weft_image_reason *reason) WEFT_MUST_CHECK;

/* The orientation (EXIF 2.32, tag 0x0112) in a TIFF block; 1 where there is none or it makes no
 * sense. */
uint32_t weft_image_exif_orientation(const uint8_t *tiff, size_t size_bytes);

#endif
