/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include "codec.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum weft_status weft_image_fail(struct weft_image_reason *reason, enum weft_status status,
                                 const char *format, ...)
{
    if (reason != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reason->text, sizeof(reason->text), format, arguments);
        va_end(arguments);
    }
    return status;
}

enum weft_status weft_image_check_size(uint64_t width, uint64_t height,
                                       struct weft_image_reason *reason)
{
    if (width == 0 || height == 0) {
        return weft_image_fail(reason, WEFT_INVALID_ARGUMENT, "the picture has no pixels");
    }
    if (width > WEFT_IMAGE_SIDE_MAX || height > WEFT_IMAGE_SIDE_MAX ||
        width * height > WEFT_IMAGE_PIXELS_MAX) {
        return weft_image_fail(
            reason, WEFT_RESOURCE_EXHAUSTED,
            "the picture has %llu x %llu pixels; the limit is %u in all and %u a side",
            (unsigned long long)width, (unsigned long long)height, WEFT_IMAGE_PIXELS_MAX,
            WEFT_IMAGE_SIDE_MAX);
    }
    return WEFT_OK;
}

/* Where the pixel (x, y) of the upright picture lies in the stored one, by EXIF orientation. */
static size_t stored_index(uint32_t orientation, const struct weft_image *stored, uint32_t x,
                           uint32_t y)
{
    uint32_t right = stored->width - 1;
    uint32_t bottom = stored->height - 1;
    uint32_t column = x;
    uint32_t row = y;
    switch (orientation) {
    case 2: /* mirrored */
        column = right - x;
        break;
    case 3: /* upside down */
        column = right - x;
        row = bottom - y;
        break;
    case 4: /* mirrored upside down */
        row = bottom - y;
        break;
    case 5: /* transposed */
        column = y;
        row = x;
        break;
    case 6: /* to be turned clockwise */
        column = y;
        row = bottom - x;
        break;
    case 7: /* transposed over the other diagonal */
        column = right - y;
        row = bottom - x;
        break;
    case 8: /* to be turned counterclockwise */
        column = right - y;
        row = x;
        break;
    default:
        break;
    }
    return ((size_t)row * stored->width + column) * 3;
}

/* Takes the stored picture over and leaves the upright one in its place. */
static enum weft_status turn_upright(uint32_t orientation, struct weft_image *image,
                                     struct weft_image_reason *reason)
{
    if (orientation <= 1) {
        return WEFT_OK;
    }
    struct weft_image upright = {.width = image->width, .height = image->height};
    if (orientation >= 5) {
        upright.width = image->height;
        upright.height = image->width;
    }
    upright.pixels = malloc((size_t)upright.width * upright.height * 3);
    if (upright.pixels == NULL) {
        return weft_image_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    uint8_t *to = upright.pixels;
    for (uint32_t y = 0; y < upright.height; y++) {
        for (uint32_t x = 0; x < upright.width; x++, to += 3) {
            memcpy(to, image->pixels + stored_index(orientation, image, x, y), 3);
        }
    }
    weft_image_fini(image);
    *image = upright;
    return WEFT_OK;
}

enum weft_status weft_image_decode(const void *data, size_t size_bytes,
                                   struct weft_image *ret_image, struct weft_image_reason *reason)
{
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    struct weft_image image = {0};
    uint32_t orientation = 1;
    enum weft_status status;
    if (size_bytes >= sizeof(jpeg) && memcmp(data, jpeg, sizeof(jpeg)) == 0) {
        status = weft_image_decode_jpeg(data, size_bytes, &image, &orientation, reason);
    } else if (size_bytes >= sizeof(png) && memcmp(data, png, sizeof(png)) == 0) {
        status = weft_image_decode_png(data, size_bytes, &image, &orientation, reason);
    } else {
        return weft_image_fail(reason, WEFT_INVALID_ARGUMENT,
                               "the %zu bytes are neither a JPEG nor a PNG picture", size_bytes);
    }
    if (status == WEFT_OK) {
        status = turn_upright(orientation, &image, reason);
    }
    if (status != WEFT_OK) {
        weft_image_fini(&image);
        return status;
    }
    *ret_image = image;
    return WEFT_OK;
}

void weft_image_fini(struct weft_image *image)
{
    free(image->pixels);
    *image = (struct weft_image){0};
}

__attribute__((visibility("default"))) const struct weft_image_library weft_image_library = {
    .abi = WEFT_IMAGE_ABI,
    .decode = weft_image_decode,
    .encode_png = weft_image_encode_png,
    .encode_jpeg = weft_image_encode_jpeg,
    .fini = weft_image_fini,
};
