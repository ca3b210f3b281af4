/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* Text and profile chunks are not used; this much of each may be unpacked before libpng gives up on
 * it. */
#define CHUNK_BYTES_MAX (1024u * 1024u)
/* Kept unknown and text chunks; there is no use for more than a few. */
#define CHUNKS_MAX 64

/* What must outlive libpng's jump on errors. */
struct codec {
    struct weft_image_reason *reason;
    enum weft_status status;
    const uint8_t *data;
    size_t left_bytes;
    uint8_t *pixels;
    uint8_t **rows;
    uint8_t *encoded;
    size_t encoded_bytes;
    size_t encoded_capacity;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct codec *codec = png_get_error_ptr(png);
    if (codec->status == WEFT_OK) {
        codec->status =
            weft_image_fail(codec->reason, WEFT_INVALID_ARGUMENT, "the PNG is broken: %s", text);
    }
    png_longjmp(png, 1);
}

/* What libpng only warns about (an odd profile, a wrong checksum of a chunk that is not needed)
 * changes no pixel. */
static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t size_bytes)
{
    struct codec *codec = png_get_io_ptr(png);
    if (size_bytes > codec->left_bytes) {
        codec->status =
            weft_image_fail(codec->reason, WEFT_INVALID_ARGUMENT, "the PNG is cut short");
        png_longjmp(png, 1);
    }
    memcpy(to, codec->data, size_bytes);
    codec->data += size_bytes;
    codec->left_bytes -= size_bytes;
}

/* Asks libpng for 8-bit RGBA, whatever is stored; alpha is laid over white afterwards. */
static void ask_rgba(png_structp png, png_infop info)
{
    png_byte type = png_get_color_type(png, info);
    png_set_expand(png);
    png_set_scale_16(png);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA) {
        png_set_gray_to_rgb(png);
    }
    png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

/* RGBA in place to RGB over white; the target never overtakes the source. */
static void lay_over_white(uint8_t *pixels, size_t count)
{
    const uint8_t *from = pixels;
    uint8_t *to = pixels;
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        unsigned int alpha = from[3];
        for (int c = 0; c < 3; c++) {
            to[c] = (uint8_t)((from[c] * alpha + 255u * (255u - alpha) + 127u) / 255u);
        }
    }
}

static uint32_t find_orientation(png_structp png, png_infop info)
{
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(png, info, &size, &exif) == 0 || exif == NULL) {
        return 1;
    }
    return weft_image_exif_orientation(exif, size);
}

static enum weft_status decode(struct codec *codec, png_structp png, png_infop info,
                               uint32_t *ret_orientation)
{
    if (setjmp(png_jmpbuf(png)) != 0) {
        return codec->status;
    }
    png_set_user_limits(png, WEFT_IMAGE_SIDE_MAX, WEFT_IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(png, CHUNKS_MAX);
    png_set_read_fn(png, codec, on_read);
    png_read_info(png, info);
    uint32_t width = png_get_image_width(png, info);
    uint32_t height = png_get_image_height(png, info);
    enum weft_status status = weft_image_check_size(width, height, codec->reason);
    if (status != WEFT_OK) {
        return status;
    }
    ask_rgba(png, info);
    if (png_get_rowbytes(png, info) != (size_t)width * 4) {
        return weft_image_fail(codec->reason, WEFT_INTERNAL,
                               "libpng gives rows of an unexpected size");
    }
    codec->pixels = malloc((size_t)width * height * 4);
    codec->rows = malloc(height * sizeof(*codec->rows));
    if (codec->pixels == NULL || codec->rows == NULL) {
        return weft_image_fail(codec->reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t y = 0; y < height; y++) {
        codec->rows[y] = codec->pixels + (size_t)y * width * 4;
    }
    png_read_image(png, codec->rows);
    png_read_end(png, info);
    *ret_orientation = find_orientation(png, info);
    lay_over_white(codec->pixels, (size_t)width * height);
    return WEFT_OK;
}

enum weft_status weft_image_decode_png(const uint8_t *data, size_t size_bytes,
                                       struct weft_image *ret_image, uint32_t *ret_orientation,
                                       struct weft_image_reason *reason)
{
    struct codec codec = {.reason = reason, .data = data, .left_bytes = size_bytes};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    enum weft_status status = info == NULL
                                  ? weft_image_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory")
                                  : decode(&codec, png, info, ret_orientation);
    if (status == WEFT_OK) {
        size_t size = (size_t)png_get_image_width(png, info) * png_get_image_height(png, info) * 3;
        /* A third more than needed until here, for the alpha; giving it back cannot fail in a way
         * that matters. */
        uint8_t *smaller = realloc(codec.pixels, size);
        *ret_image =
            (struct weft_image){png_get_image_width(png, info), png_get_image_height(png, info),
                                smaller == NULL ? codec.pixels : smaller};
        codec.pixels = NULL;
    }
    png_destroy_read_struct(&png, &info, NULL);
    free(codec.pixels);
    free(codec.rows);
    return status;
}

static void on_write(png_structp png, png_bytep from, size_t size_bytes)
{
    struct codec *codec = png_get_io_ptr(png);
    if (size_bytes > codec->encoded_capacity - codec->encoded_bytes) {
        size_t capacity = codec->encoded_capacity * 2 + size_bytes + 65536;
        uint8_t *grown = realloc(codec->encoded, capacity);
        if (grown == NULL) {
            codec->status = weft_image_fail(codec->reason, WEFT_OUT_OF_MEMORY, "out of memory");
            png_longjmp(png, 1);
        }
        codec->encoded = grown;
        codec->encoded_capacity = capacity;
    }
    memcpy(codec->encoded + codec->encoded_bytes, from, size_bytes);
    codec->encoded_bytes += size_bytes;
}

static void on_flush(png_structp png)
{
    (void)png;
}

static enum weft_status encode(struct codec *codec, png_structp png, png_infop info,
                               const uint8_t *pixels, uint32_t width, uint32_t height)
{
    if (setjmp(png_jmpbuf(png)) != 0) {
        return codec->status;
    }
    png_set_user_limits(png, WEFT_IMAGE_SIDE_MAX, WEFT_IMAGE_SIDE_MAX);
    png_set_write_fn(png, codec, on_write, on_flush);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    /* Level 4 takes a third of the time of the default and a twentieth more bytes on pictures. */
    png_set_compression_level(png, 4);
    png_write_info(png, info);
    for (uint32_t y = 0; y < height; y++) {
        png_write_row(png, pixels + (size_t)y * width * 3);
    }
    png_write_end(png, info);
    return WEFT_OK;
}

enum weft_status weft_image_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                       uint8_t **ret_data, size_t *ret_size_bytes,
                                       struct weft_image_reason *reason)
{
    enum weft_status status = weft_image_check_size(width, height, reason);
    if (status != WEFT_OK) {
        return status;
    }
    struct codec codec = {.reason = reason};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    status = info == NULL ? weft_image_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory")
                          : encode(&codec, png, info, pixels, width, height);
    png_destroy_write_struct(&png, &info);
    if (status != WEFT_OK) {
        free(codec.encoded);
        return status;
    }
    *ret_data = codec.encoded;
    *ret_size_bytes = codec.encoded_bytes;
    return WEFT_OK;
}
