/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_IMAGE_PICTURES_H
#define TESTS_UNIT_IMAGE_PICTURES_H

/*
 * Makes encoded pictures of kinds that the image library itself never writes, for its tests.
 * Asserts on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoded {
    uint8_t *data; /* free() */
    size_t size_bytes;
};

/* A PNG of libpng's colour type and depth. samples are the rows as PNG stores them (16-bit: big
 * endian). A palette of three colours (red, green, blue; the last half transparent) is added where
 * the type wants one. */
struct encoded make_png(int color_type, int depth, bool interlaced, uint32_t width, uint32_t height,
                        const uint8_t *samples, size_t row_bytes);

/* A JPEG of 16x8 pixels, left half red and right half blue, with an EXIF block of that orientation,
 * little or big endian. */
struct encoded make_rotated_jpeg(uint32_t orientation, bool big_endian);

/* The same picture in grey: left half black and right half white. */
struct encoded make_grey_jpeg(void);

#endif
