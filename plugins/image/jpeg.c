/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* libjpeg reports errors by a callback that must not return; it jumps to the one place that each
 * function below sets. What must outlive the jump is in this struct, so that no local variable is
 * touched between setjmp and longjmp. */
struct codec {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    enum weft_status status;
    struct weft_image_reason *reason;
    uint8_t *pixels;
    uint8_t *line;
    unsigned char *encoded;
    unsigned long encoded_bytes;
};

static void fail_with(struct codec *codec, j_common_ptr common)
{
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    bool memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    codec->status =
        weft_image_fail(codec->reason, memory ? WEFT_OUT_OF_MEMORY : WEFT_INVALID_ARGUMENT,
                        "the JPEG is broken: %s", text);
    longjmp(codec->failed, 1);
}

static void on_error(j_common_ptr common)
{
    fail_with(common->client_data, common);
}

/* libjpeg invents grey pixels for what is missing and calls it a warning. A picture cut short is an
 * error here; odd bytes between segments, which some cameras write, are none. */
static void on_message(j_common_ptr common, int level)
{
    int code = common->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) {
        fail_with(common->client_data, common);
    }
}

static void on_progress(j_common_ptr common)
{
    struct codec *codec = common->client_data;
    if (common->is_decompressor &&
        ((j_decompress_ptr)common)->input_scan_number > WEFT_IMAGE_SCANS_MAX) {
        codec->status = weft_image_fail(codec->reason, WEFT_RESOURCE_EXHAUSTED,
                                        "the JPEG has more than %d scans", WEFT_IMAGE_SCANS_MAX);
        longjmp(codec->failed, 1);
    }
}

static void prepare(struct codec *codec, struct weft_image_reason *reason)
{
    *codec = (struct codec){.reason = reason, .status = WEFT_OK};
    jpeg_std_error(&codec->errors);
    codec->errors.error_exit = on_error;
    codec->errors.emit_message = on_message;
    codec->progress.progress_monitor = on_progress;
}

static uint32_t find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    static const char name[] = "Exif\0"; /* six bytes with both terminators */
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker != NULL; marker = marker->next) {
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > sizeof(name) &&
            memcmp(marker->data, name, sizeof(name)) == 0) {
            return weft_image_exif_orientation(marker->data + sizeof(name),
                                               marker->data_length - sizeof(name));
        }
    }
    return 1;
}

/* CMYK as Adobe writes it (inverted) or plain, to RGB without a profile. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, uint32_t width, bool inverted)
{
    for (uint32_t x = 0; x < width; x++, from += 4, to += 3) {
        unsigned int key = inverted ? from[3] : 255u - from[3];
        for (int i = 0; i < 3; i++) {
            unsigned int ink = inverted ? from[i] : 255u - from[i];
            to[i] = (uint8_t)((ink * key + 127u) / 255u);
        }
    }
}

static void read_rows(struct codec *codec, struct jpeg_decompress_struct *jpeg, bool cmyk)
{
    size_t row_bytes = (size_t)jpeg->output_width * 3;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = codec->pixels + row_bytes * jpeg->output_scanline;
        JSAMPROW target = cmyk ? codec->line : row;
        jpeg_read_scanlines(jpeg, &target, 1);
        if (cmyk) {
            cmyk_to_rgb(codec->line, row, jpeg->output_width, jpeg->saw_Adobe_marker);
        }
    }
}

static enum weft_status decode(struct codec *codec, struct jpeg_decompress_struct *jpeg,
                               const uint8_t *data, size_t size_bytes, uint32_t *ret_orientation)
{
    if (setjmp(codec->failed) != 0) {
        return codec->status;
    }
    jpeg_create_decompress(jpeg);
    jpeg->progress = &codec->progress;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_mem_src(jpeg, data, (unsigned long)size_bytes);
    jpeg_read_header(jpeg, TRUE);
    enum weft_status status =
        weft_image_check_size(jpeg->image_width, jpeg->image_height, codec->reason);
    if (status != WEFT_OK) {
        return status;
    }
    bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    /* The slow integer transform gives the same pixels on every machine. */
    jpeg->dct_method = JDCT_ISLOW;
    *ret_orientation = find_orientation(jpeg);
    jpeg_start_decompress(jpeg);
    codec->pixels = malloc((size_t)jpeg->output_width * jpeg->output_height * 3);
    codec->line = malloc((size_t)jpeg->output_width * 4);
    if (codec->pixels == NULL || codec->line == NULL) {
        return weft_image_fail(codec->reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    read_rows(codec, jpeg, cmyk);
    jpeg_finish_decompress(jpeg);
    return WEFT_OK;
}

enum weft_status weft_image_decode_jpeg(const uint8_t *data, size_t size_bytes,
                                        struct weft_image *ret_image, uint32_t *ret_orientation,
                                        struct weft_image_reason *reason)
{
    struct codec codec;
    prepare(&codec, reason);
    struct jpeg_decompress_struct jpeg = {.err = &codec.errors, .client_data = &codec};
    enum weft_status status = decode(&codec, &jpeg, data, size_bytes, ret_orientation);
    if (status == WEFT_OK) {
        *ret_image = (struct weft_image){jpeg.output_width, jpeg.output_height, codec.pixels};
        codec.pixels = NULL;
    }
    jpeg_destroy_decompress(&jpeg);
    free(codec.pixels);
    free(codec.line);
    return status;
}

static enum weft_status encode(struct codec *codec, struct jpeg_compress_struct *jpeg,
                               const uint8_t *pixels, uint32_t width, uint32_t height, int quality)
{
    if (setjmp(codec->failed) != 0) {
        return codec->status;
    }
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &codec->encoded, &codec->encoded_bytes);
    jpeg->image_width = width;
    jpeg->image_height = height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < height) {
        memcpy(codec->line, pixels + (size_t)jpeg->next_scanline * width * 3, (size_t)width * 3);
        JSAMPROW row = codec->line;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return WEFT_OK;
}

enum weft_status weft_image_encode_jpeg(const uint8_t *pixels, uint32_t width, uint32_t height,
                                        int quality, uint8_t **ret_data, size_t *ret_size_bytes,
                                        struct weft_image_reason *reason)
{
    if (quality < 1 || quality > 100) {
        return weft_image_fail(reason, WEFT_INVALID_ARGUMENT, "the quality %d is not in 1 to 100",
                               quality);
    }
    enum weft_status status = weft_image_check_size(width, height, reason);
    if (status != WEFT_OK) {
        return status;
    }
    struct codec codec;
    prepare(&codec, reason);
    struct jpeg_compress_struct jpeg = {.err = &codec.errors, .client_data = &codec};
    codec.line = malloc((size_t)width * 3);
    status = codec.line == NULL ? weft_image_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory")
                                : encode(&codec, &jpeg, pixels, width, height, quality);
    jpeg_destroy_compress(&jpeg);
    free(codec.line);
    if (status != WEFT_OK) {
        free(codec.encoded);
        return status;
    }
    *ret_data = codec.encoded;
    *ret_size_bytes = codec.encoded_bytes;
    return WEFT_OK;
}
