/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/numbers.h"
#include "cli/units.h"

static void fill_text(uint8_t *data, uint64_t elements, struct weft_random *random)
{
    for (uint64_t i = 0; i < elements; i++) {
        const uint8_t length[4] = {WEFT_SAMPLE_TEXT_BYTES};
        memcpy(data, length, sizeof(length));
        data += sizeof(length);
        for (int j = 0; j < WEFT_SAMPLE_TEXT_BYTES; j++) {
            *data++ = (uint8_t)('a' + weft_random_below(random, 26));
        }
    }
}

static void fill_numbers(enum weft_datatype datatype, uint8_t *data, uint64_t elements,
                         struct weft_random *random)
{
    size_t size = weft_datatype_size_bytes(datatype);
    for (uint64_t i = 0; i < elements; i++) {
        if (datatype == WEFT_UINT8) {
            data[i] = (uint8_t)weft_random_below(random, 256); /* a picture's */
        } else {
            weft_number_from_fraction(datatype, weft_random_fraction(random), data + i * size);
        }
    }
}

enum weft_status weft_sample_new(const struct weft_model_tensor *tensor, struct weft_random *random,
                                 struct weft_value **ret_value, struct weft_error **error)
{
    struct weft_shape shape = tensor->shape;
    uint64_t elements = 0;
    uint64_t size_bytes = 0;
    bool is_text = tensor->datatype == WEFT_BYTES;
    for (uint32_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = shape.dims[i] < 0 ? 1 : shape.dims[i];
    }
    size_t element =
        is_text ? 4 + WEFT_SAMPLE_TEXT_BYTES : weft_datatype_size_bytes(tensor->datatype);
    if (!weft_shape_elements(&shape, &elements) ||
        __builtin_mul_overflow(elements, element, &size_bytes) ||
        size_bytes > WEFT_SAMPLE_MAX_BYTES) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "input \"%s\" would have more than %d bytes", tensor->name,
                              WEFT_SAMPLE_MAX_BYTES);
    }
    cleanup_free uint8_t *data = malloc(size_bytes + 1);
    if (data == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    if (is_text) {
        fill_text(data, elements, random);
    } else {
        fill_numbers(tensor->datatype, data, elements, random);
    }
    return weft_value_new(tensor->datatype, &shape, data, size_bytes, ret_value, error);
}

enum weft_status weft_sample_set_shape(const char *argument, struct weft_model_info *info,
                                       struct weft_error **error)
{
    const char *names[WEFT_VALUES_MAX];
    struct weft_shape shape = {0};
    const char *equals = strchr(argument, '=');
    if (equals == NULL || !weft_shape_parse(equals + 1, strlen(equals + 1), false, &shape)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a shape is written NAME=1x3x224, not \"%s\"", argument);
    }
    cleanup_free char *name = strndup(argument, (size_t)(equals - argument));
    if (name == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < info->inputs_count; i++) {
        struct weft_model_tensor *tensor = &info->inputs[i];
        names[i] = tensor->name;
        if (strcmp(tensor->name, name) != 0) {
            continue;
        }
        char text[128];
        weft_shape_format(&tensor->shape, text, sizeof(text));
        if (!weft_shape_fits(&shape, &tensor->shape)) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s does not fit the shape of input \"%s\", %s", equals + 1, name,
                                  text);
        }
        tensor->shape = shape;
        return WEFT_OK;
    }
    const char *near = weft_suggest(name, names, info->inputs_count);
    weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" has no input \"%s\"", info->name, name);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    }
    return WEFT_INVALID_ARGUMENT;
}
