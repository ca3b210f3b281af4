/* SPDX-License-Identifier: Apache-2.0 */
#include "pictures.h"

#include "image.h"
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

static void append(png_structp png, png_bytep data, size_t size_bytes)
{
    struct encoded *out = png_get_io_ptr(png);
    out->data = realloc(out->data, out->size_bytes + size_bytes);
    assert_non_null(out->data);
    memcpy(out->data + out->size_bytes, data, size_bytes);
    out->size_bytes += size_bytes;
}

static void flush(png_structp png)
{
    (void)png;
}

struct encoded make_png(int color_type, int depth, bool interlaced, uint32_t width, uint32_t height,
                        const uint8_t *samples, size_t row_bytes)
{
    struct encoded out = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, append, flush);
    png_set_IHDR(png, info, width, height, depth, color_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color_type == PNG_COLOR_TYPE_PALETTE) {
        const png_color palette[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
        const png_byte alpha[] = {255, 255, 128};
        png_set_PLTE(png, info, palette, 3);
        png_set_tRNS(png, info, alpha, 3, NULL);
    }
    png_write_info(png, info);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < height; y++) {
            png_write_row(png, samples + y * row_bytes);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

static void put_u16(uint8_t *to, uint32_t value, bool big_endian)
{
    to[big_endian ? 0 : 1] = (uint8_t)(value >> 8);
    to[big_endian ? 1 : 0] = (uint8_t)value;
}

struct encoded make_rotated_jpeg(uint32_t orientation, bool big_endian)
{
    uint8_t pixels[8 * 16 * 3] = {0};
    for (size_t i = 0; i < 8 * 16; i++) {
        pixels[3 * i + (i % 16 < 8 ? 0 : 2)] = 255;
    }
    struct encoded plain = {0};
    assert_status(weft_image_encode_jpeg(pixels, 16, 8, 95, &plain.data, &plain.size_bytes, NULL),
                  WEFT_OK);

    /* APP1 with "Exif", the TIFF header, and a directory of one entry (EXIF 2.32, 4.5.4). */
    uint8_t exif[36] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f'};
    uint8_t *tiff = exif + 10;
    memset(tiff, big_endian ? 'M' : 'I', 2);
    put_u16(tiff + 2, 42, big_endian);
    put_u16(tiff + (big_endian ? 6 : 4), 8, big_endian);
    put_u16(tiff + 8, 1, big_endian);
    put_u16(tiff + 10, 0x0112, big_endian);
    put_u16(tiff + 12, 3, big_endian);
    put_u16(tiff + (big_endian ? 16 : 14), 1, big_endian);
    put_u16(tiff + 18, orientation, big_endian);

    struct encoded out = {.size_bytes = plain.size_bytes + sizeof(exif)};
    out.data = malloc(out.size_bytes);
    assert_non_null(out.data);
    memcpy(out.data, plain.data, 2);
    memcpy(out.data + 2, exif, sizeof(exif));
    memcpy(out.data + 2 + sizeof(exif), plain.data + 2, plain.size_bytes - 2);
    free(plain.data);
    return out;
}

struct encoded make_grey_jpeg(void)
{
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&errors)};
    struct encoded out = {0};
    unsigned long size = 0;
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out.data, &size);
    jpeg.image_width = 16;
    jpeg.image_height = 8;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    uint8_t line[16];
    memset(line, 0, 8);
    memset(line + 8, 255, 8);
    JSAMPROW row = line;
    for (int y = 0; y < 8; y++) {
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    out.size_bytes = size;
    return out;
}
