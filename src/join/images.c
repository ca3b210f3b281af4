/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "join/operators.h"

/* An image is UINT8 [height, width, 3 or 4]; a fourth channel is alpha that the colours have not
 * been multiplied by. */
static enum weft_status check_image(const char *name, const struct weft_tensor_spec *input,
                                    size_t index, struct weft_error **error)
{
    const struct weft_shape *shape = &input->shape;
    if (input->datatype != WEFT_UINT8 || shape->rank != 3 ||
        (shape->dims[2] != 3 && shape->dims[2] != 4 && shape->dims[2] != -1)) {
        char text[256];
        weft_shape_format(shape, text, sizeof(text));
        return weft_error_set(
            error, WEFT_INVALID_ARGUMENT,
            "%s joins images, UINT8 [height,width,3 or 4], but input %zu is %s %s", name, index + 1,
            weft_datatype_name(input->datatype), text);
    }
    return WEFT_OK;
}

static uint32_t channels_of(const struct weft_value *value)
{
    return (uint32_t)weft_value_shape(value)->dims[2];
}

/* --- layers: the first input is the ground, each later one is laid over it at (x, y) --- */

static enum weft_status layers_infer(const struct weft_parameters *options,
                                     const struct weft_tensor_spec *inputs, size_t inputs_count,
                                     struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    (void)options;
    for (size_t i = 0; i < inputs_count; i++) {
        enum weft_status status = check_image("layers", &inputs[i], i, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    *ret_output = (struct weft_tensor_spec){.datatype = WEFT_UINT8, .shape = inputs[0].shape};
    return WEFT_OK;
}

/* "over" of Porter and Duff ("Compositing digital images", 1984), with colours that are not
 * premultiplied. */
static void over(uint8_t *to, uint32_t to_channels, const uint8_t *from, uint32_t from_channels)
{
    uint32_t from_alpha = from_channels == 4 ? from[3] : 255;
    uint32_t to_alpha = to_channels == 4 ? to[3] : 255;
    uint32_t kept = to_alpha * (255 - from_alpha) / 255;
    uint32_t alpha = from_alpha + kept;
    for (int channel = 0; alpha > 0 && channel < 3; channel++) {
        to[channel] =
            (uint8_t)((from[channel] * from_alpha + to[channel] * kept + alpha / 2) / alpha);
    }
    if (to_channels == 4) {
        to[3] = (uint8_t)alpha;
    }
}

struct span {
    int64_t first;
    int64_t end;
};

/* The part of a layer's side that lies on the ground, of which it stands `offset` away. */
static struct span overlap(int64_t size, int64_t ground, int64_t offset)
{
    int64_t end = offset < 0 ? ground + -offset : ground - offset;
    return (struct span){offset < 0 ? -offset : 0, size < end ? size : end};
}

static void lay(uint8_t *ground, const struct weft_shape *shape, const struct weft_value *layer,
                int64_t x, int64_t y)
{
    const struct weft_shape *size = weft_value_shape(layer);
    uint32_t to_channels = (uint32_t)shape->dims[2];
    uint32_t from_channels = channels_of(layer);
    const uint8_t *pixels = weft_value_data(layer);
    struct span rows = overlap(size->dims[0], shape->dims[0], y);
    struct span columns = overlap(size->dims[1], shape->dims[1], x);
    /* Rows without a column may be endlessly many: [2^62, 0, 3] is an image too. */
    for (int64_t row = rows.first; columns.first < columns.end && row < rows.end; row++) {
        for (int64_t column = columns.first; column < columns.end; column++) {
            over(ground + ((row + y) * shape->dims[1] + column + x) * to_channels, to_channels,
                 pixels + (row * size->dims[1] + column) * from_channels, from_channels);
        }
    }
}

/* The same offset for every layer; layers that are as large as the ground need none. */
static enum weft_status layers_apply(const struct weft_parameters *options,
                                     struct weft_value *const *inputs, size_t inputs_count,
                                     const struct weft_tensor_spec *output,
                                     struct weft_value **ret_output, struct weft_error **error)
{
    if (inputs_count == 1) {
        *ret_output = weft_value_ref(inputs[0]);
        return WEFT_OK;
    }
    struct weft_buffer *buffer = weft_buffer_new(weft_value_size_bytes(inputs[0]));
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    weft_copy(buffer->data, weft_value_data(inputs[0]), buffer->size_bytes);
    for (size_t i = 1; i < inputs_count; i++) {
        lay(buffer->data, &output->shape, inputs[i], join_option(options, "x"),
            join_option(options, "y"));
    }
    return join_value_of(output, buffer, ret_output, error);
}

static const struct weft_model_option layers_options[] = {
    {"x", WEFT_OPTION_INT64, "0", -65536, 65536, "columns to the right"},
    {"y", WEFT_OPTION_INT64, "0", -65536, 65536, "rows down"},
    {0},
};

const struct weft_join join_layers = {"layers", "lays images over the first one, with alpha",
                                      layers_options, layers_infer, layers_apply};

/* --- tiles: images of one size in rows --- */

static enum weft_status tiles_infer(const struct weft_parameters *options,
                                    const struct weft_tensor_spec *inputs, size_t inputs_count,
                                    struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    int64_t columns = join_option(options, "columns");
    if ((int64_t)inputs_count % columns != 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "tiles: %zu images do not fill rows of %lld", inputs_count,
                              (long long)columns);
    }
    struct weft_shape shape = inputs[0].shape;
    for (size_t i = 0; i < inputs_count; i++) {
        enum weft_status status = check_image("tiles", &inputs[i], i, error);
        if (status != WEFT_OK) {
            return status;
        }
        for (uint32_t dimension = 0; dimension < 3; dimension++) {
            int64_t size = inputs[i].shape.dims[dimension];
            if (shape.dims[dimension] == -1) {
                shape.dims[dimension] = size;
            } else if (size != -1 && size != shape.dims[dimension]) {
                return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                      "tiles: image %zu has not the size and channels of the first",
                                      i + 1);
            }
        }
    }
    int64_t rows = (int64_t)inputs_count / columns;
    if ((shape.dims[0] != -1 && __builtin_mul_overflow(shape.dims[0], rows, &shape.dims[0])) ||
        (shape.dims[1] != -1 && __builtin_mul_overflow(shape.dims[1], columns, &shape.dims[1]))) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "tiles: the result is larger than any memory");
    }
    *ret_output = (struct weft_tensor_spec){.datatype = WEFT_UINT8, .shape = shape};
    return WEFT_OK;
}

static enum weft_status tiles_apply(const struct weft_parameters *options,
                                    struct weft_value *const *inputs, size_t inputs_count,
                                    const struct weft_tensor_spec *output,
                                    struct weft_value **ret_output, struct weft_error **error)
{
    if (inputs_count == 1) {
        *ret_output = weft_value_ref(inputs[0]);
        return WEFT_OK;
    }
    uint64_t size_bytes = 0;
    size_t columns = (size_t)join_option(options, "columns");
    struct weft_buffer *buffer = weft_shape_size_bytes(&output->shape, WEFT_UINT8, &size_bytes)
                                     ? weft_buffer_new(size_bytes)
                                     : NULL;
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    const struct weft_shape *tile = weft_value_shape(inputs[0]);
    /* Where nothing is in them, rows may be endlessly many or long: [2^62, 0, 3], [0, 2^62, 3]. */
    size_t row_bytes = size_bytes > 0 ? (size_t)(tile->dims[1] * tile->dims[2]) : 0;
    uint8_t *to = buffer->data;
    for (size_t first = 0; size_bytes > 0 && first < inputs_count; first += columns) {
        for (int64_t row = 0; row < tile->dims[0]; row++) {
            for (size_t column = 0; column < columns; column++) {
                const uint8_t *from = weft_value_data(inputs[first + column]);
                weft_copy(to, from + (size_t)row * row_bytes, row_bytes);
                to += row_bytes;
            }
        }
    }
    return join_value_of(output, buffer, ret_output, error);
}

static const struct weft_model_option tiles_options[] = {
    {"columns", WEFT_OPTION_INT64, "1", 1, WEFT_JOIN_INPUTS_MAX,
     "images beside each other in a row"},
    {0},
};

const struct weft_join join_tiles = {"tiles", "puts images of one size together, row by row",
                                     tiles_options, tiles_infer, tiles_apply};
