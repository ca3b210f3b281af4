/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "cli/numbers.h"
#include "cli/units.h"
#include "client/files.h"

/* An argument taken apart. */
struct input {
    char *name;
    const char *value; /* borrowed from the argument, behind = and @ */
    bool is_file;
    struct weft_shape shape; /* the specification's, or the argument's own */
    const struct weft_model_tensor *tensor;
};

const char *weft_content_type_of(const char *path)
{
    static const char *const types[][2] = {
        {".png", "image/png"},         {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
        {".json", "application/json"}, {".txt", "text/plain"}, {".wav", "audio/wav"},
        {".webp", "image/webp"},
    };
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t ending = strlen(types[i][0]);
        if (length > ending && strcasecmp(path + length - ending, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return NULL;
}

/* --- taking apart --- */

static enum weft_status unknown_input(const char *name, const struct weft_model_info *info,
                                      struct weft_error **error)
{
    const char *names[WEFT_VALUES_MAX];
    cleanup_text struct weft_text list = {0};
    for (size_t i = 0; i < info->inputs_count; i++) {
        names[i] = info->inputs[i].name;
        weft_text_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    }
    const char *near = weft_suggest(name, names, info->inputs_count);
    enum weft_status status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                             "\"%s\" has no input \"%s\"", info->name, name);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    } else {
        weft_error_set_hint(error, "its inputs are %s", weft_text_string(&list));
    }
    return status;
}

static enum weft_status take_apart(const char *argument, const struct weft_model_info *info,
                                   const struct weft_values *inputs, struct input *ret_input,
                                   struct weft_error **error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "an input is written NAME=VALUE or NAME=@FILE, not \"%s\"", argument);
    }
    const char *bracket = memchr(argument, '[', (size_t)(equals - argument));
    size_t length = (size_t)((bracket != NULL ? bracket : equals) - argument);
    if ((ret_input->name = strndup(argument, length)) == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < info->inputs_count; i++) {
        if (strcmp(info->inputs[i].name, ret_input->name) == 0) {
            ret_input->tensor = &info->inputs[i];
        }
    }
    if (ret_input->tensor == NULL) {
        return unknown_input(ret_input->name, info, error);
    }
    if (weft_values_find(inputs, ret_input->name) != NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "input \"%s\" is given twice",
                              ret_input->name);
    }
    ret_input->shape = ret_input->tensor->shape;
    if (bracket != NULL &&
        (equals[-1] != ']' ||
         !weft_shape_parse(bracket + 1, (size_t)(equals - bracket - 2), true, &ret_input->shape))) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the shape in \"%.*s\" is written as in NAME[2,3]=VALUE",
                              (int)(equals - argument), argument);
    }
    ret_input->is_file = equals[1] == '@' && equals[2] != '@';
    ret_input->value = equals + 1 + (equals[1] == '@');
    return WEFT_OK;
}

/* --- the shape --- */

/* Fills the one open dimension so that the shape has `elements`. */
static enum weft_status close_shape(struct input *input, uint64_t elements,
                                    struct weft_error **error)
{
    struct weft_shape *shape = &input->shape;
    char text[128];
    int64_t *open = NULL;
    uint64_t known = 1;
    weft_shape_format(shape, text, sizeof(text));
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0 && open != NULL) {
            weft_error_set(error, WEFT_INVALID_ARGUMENT,
                           "input \"%s\" has the shape %s, more of which is open than its data can "
                           "tell",
                           input->name, text);
            weft_error_set_hint(error, "say its shape, as in \"%s[2,3]=...\"", input->name);
            return WEFT_INVALID_ARGUMENT;
        }
        if (shape->dims[i] < 0) {
            open = &shape->dims[i];
        } else if (__builtin_mul_overflow(known, (uint64_t)shape->dims[i], &known)) {
            known = 0;
        }
    }
    if (open != NULL && known != 0 && elements % known == 0) {
        *open = (int64_t)(elements / known);
        return WEFT_OK;
    }
    if (open == NULL && known == elements) {
        return WEFT_OK;
    }
    return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                          "input \"%s\" is %s %s, and what was given has %llu elements",
                          input->name, weft_datatype_name(input->tensor->datatype), text,
                          (unsigned long long)elements);
}

/* --- values --- */

static bool is_encoded_picture(const struct weft_slice *content)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF};
    return (content->size_bytes > 4 && memcmp(content->data, png, sizeof(png)) == 0) ||
           (content->size_bytes > 3 && memcmp(content->data, jpeg, sizeof(jpeg)) == 0);
}

static enum weft_status raw_value(struct input *input, struct weft_slice *content,
                                  struct weft_value **ret_value, struct weft_error **error)
{
    enum weft_datatype datatype = input->tensor->datatype;
    size_t element = weft_datatype_size_bytes(datatype);
    char shape[128];
    weft_shape_format(&input->shape, shape, sizeof(shape));
    if (is_encoded_picture(content)) {
        weft_error_set(error, WEFT_INVALID_ARGUMENT,
                       "input \"%s\" takes %s %s, and %s is an encoded picture, which is not "
                       "decoded silently",
                       input->name, weft_datatype_name(datatype), shape, input->value);
        weft_error_set_hint(error, "let the pipeline take BYTES and decode them in a step with the "
                                   "model image_decode, or give a file of raw pixels");
        return WEFT_INVALID_ARGUMENT;
    }
    if (content->size_bytes % element != 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "input \"%s\" is %s of %zu bytes each, and %s has %zu bytes",
                              input->name, weft_datatype_name(datatype), element, input->value,
                              content->size_bytes);
    }
    enum weft_status status = close_shape(input, content->size_bytes / element, error);
    return status == WEFT_OK
               ? weft_value_new_slice(datatype, &input->shape, content, ret_value, error)
               : status;
}

static enum weft_status one_element(struct input *input, const void *data, size_t size_bytes,
                                    const char *content_type, struct weft_value **ret_value,
                                    struct weft_error **error)
{
    enum weft_status status = close_shape(input, 1, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (input->shape.rank == 1) {
        return weft_value_new_bytes(data, size_bytes, content_type, ret_value, error);
    }
    if (size_bytes > UINT32_MAX - 4) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s has more than 4 GiB", input->value);
    }
    cleanup_free uint8_t *raw = malloc(size_bytes + 4);
    if (raw == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (int i = 0; i < 4; i++) {
        raw[i] = (uint8_t)(size_bytes >> (8 * i));
    }
    if (size_bytes > 0) {
        memcpy(raw + 4, data, size_bytes);
    }
    return weft_value_new(WEFT_BYTES, &input->shape, raw, size_bytes + 4, ret_value, error);
}

static enum weft_status file_value(struct input *input, struct weft_value **ret_value,
                                   struct weft_error **error)
{
    cleanup_slice struct weft_slice content = {0};
    enum weft_status status =
        weft_file_read(input->value, WEFT_INPUT_FILE_MAX_BYTES, &content, error);
    if (status != WEFT_OK) {
        /* What is too large to be sent is no input. */
        status = status == WEFT_RESOURCE_EXHAUSTED ? WEFT_INVALID_ARGUMENT : status;
        return weft_error_wrap(error, status, "input \"%s\"", input->name);
    }
    return input->tensor->datatype == WEFT_BYTES
               ? one_element(input, content.data, content.size_bytes,
                             weft_content_type_of(input->value), ret_value, error)
               : raw_value(input, &content, ret_value, error);
}

/* Elements of a list like "1, 2 3" into `to`, up to capacity; counts all of them. */
static enum weft_status read_numbers(const struct input *input, uint8_t *to, uint64_t *ret_count,
                                     struct weft_error **error)
{
    static const char between[] = ", \t\n";
    enum weft_datatype datatype = input->tensor->datatype;
    size_t element = weft_datatype_size_bytes(datatype);
    const char *at = input->value + strspn(input->value, between);
    for (*ret_count = 0; *at != '\0'; ++*ret_count) {
        char number[WEFT_NUMBER_TEXT_MAX] = "";
        size_t length = strcspn(at, between);
        if (*ret_count == WEFT_INPUT_NUMBERS_MAX) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "input \"%s\" has more than %d numbers; give a file", input->name,
                                  WEFT_INPUT_NUMBERS_MAX);
        }
        memcpy(number, at, length < sizeof(number) ? length : 0);
        if (!weft_number_parse(datatype, number, to + *ret_count * element)) {
            return weft_error_set(
                error, WEFT_INVALID_ARGUMENT, "input \"%s\" is %s, and \"%.*s\" is no such number",
                input->name, weft_datatype_name(datatype), (int)(length < 40 ? length : 40), at);
        }
        at += length;
        at += strspn(at, between);
    }
    return WEFT_OK;
}

static enum weft_status numbers_value(struct input *input, struct weft_value **ret_value,
                                      struct weft_error **error)
{
    size_t element = weft_datatype_size_bytes(input->tensor->datatype);
    /* A number and its separator take two characters or more. */
    size_t capacity = (strlen(input->value) / 2 + 1) * element;
    cleanup_free uint8_t *data = calloc(1, capacity);
    uint64_t count = 0;
    if (data == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = read_numbers(input, data, &count, error);
    if (status == WEFT_OK) {
        status = close_shape(input, count, error);
    }
    return status == WEFT_OK ? weft_value_new(input->tensor->datatype, &input->shape, data,
                                              count * element, ret_value, error)
                             : status;
}

enum weft_status weft_input_add(const char *argument, const struct weft_model_info *info,
                                struct weft_values *inputs, struct weft_error **error)
{
    struct input input = {0};
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status = take_apart(argument, info, inputs, &input, error);
    if (status == WEFT_OK && input.is_file) {
        status = file_value(&input, &value, error);
    } else if (status == WEFT_OK && input.tensor->datatype == WEFT_BYTES) {
        status = one_element(&input, input.value, strlen(input.value), NULL, &value, error);
    } else if (status == WEFT_OK) {
        status = numbers_value(&input, &value, error);
    }
    if (status == WEFT_OK) {
        status = weft_values_add(inputs, input.name, value, error);
    }
    free(input.name);
    return status;
}

/* --- parameters --- */

enum weft_status weft_parameter_add(const char *argument, struct weft_parameters *parameters,
                                    struct weft_error **error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a parameter is written NAME=VALUE, not \"%s\"", argument);
    }
    cleanup_free char *name = strndup(argument, (size_t)(equals - argument));
    cleanup_free char *text = strdup(equals + 1);
    if (name == NULL || text == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    struct weft_parameter parameter = {.name = name, .string = text, .string_length = strlen(text)};
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        parameter.string = text + 1;
        parameter.string_length = length - 2;
        parameter.kind = WEFT_PARAMETER_STRING;
    } else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        parameter.kind = WEFT_PARAMETER_BOOL;
        parameter.boolean = text[0] == 't';
    } else if (weft_number_parse(WEFT_INT64, text, &parameter.int64)) {
        parameter.kind = WEFT_PARAMETER_INT64;
    } else if (weft_number_parse(WEFT_FP64, text, &parameter.number) &&
               isfinite(parameter.number)) {
        parameter.kind = WEFT_PARAMETER_DOUBLE;
    } else {
        parameter.kind = WEFT_PARAMETER_STRING;
    }
    return weft_parameters_set(parameters, &parameter, error);
}
