/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/suggest.h"
#include "base/value.h"
#include "model/config_parts.h"

struct tensor {
    char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    bool optional;
};

static const struct {
    const char *name;
    enum weft_datatype datatype;
} types[] = {
    {"TYPE_BOOL", WEFT_BOOL},     {"TYPE_UINT8", WEFT_UINT8},   {"TYPE_UINT16", WEFT_UINT16},
    {"TYPE_UINT32", WEFT_UINT32}, {"TYPE_UINT64", WEFT_UINT64}, {"TYPE_INT8", WEFT_INT8},
    {"TYPE_INT16", WEFT_INT16},   {"TYPE_INT32", WEFT_INT32},   {"TYPE_INT64", WEFT_INT64},
    {"TYPE_FP16", WEFT_FP16},     {"TYPE_FP32", WEFT_FP32},     {"TYPE_FP64", WEFT_FP64},
    {"TYPE_STRING", WEFT_BYTES},  {"TYPE_BF16", WEFT_BF16},
};

enum { TYPES_COUNT = sizeof(types) / sizeof(types[0]) };

static enum weft_status take_name(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target)
{
    struct tensor *tensor = target;
    enum weft_status status = config_take_string(reader, field, &tensor->name);
    if (status == WEFT_OK && (tensor->name[0] == '\0' || strlen(tensor->name) > WEFT_NAME_MAX)) {
        return weft_config_complain(reader->config, field->value_place, reader->error,
                                    "a tensor's name has 1 to %d bytes", WEFT_NAME_MAX);
    }
    return status;
}

static enum weft_status take_type(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target)
{
    const char *names[TYPES_COUNT];
    if (field->kind != WEFT_PBTXT_WORD) {
        return config_wrong_kind(reader, field, "a type like TYPE_FP32");
    }
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        names[i] = types[i].name;
        if (strcmp(field->text, types[i].name) == 0) {
            ((struct tensor *)target)->datatype = types[i].datatype;
            return WEFT_OK;
        }
    }
    const char *nearest = weft_suggest(field->text, names, TYPES_COUNT);
    return weft_config_complain(reader->config, field->value_place, reader->error,
                                "there is no type \"%s\"%s%s%s", field->text,
                                nearest != NULL ? "; did you mean \"" : "",
                                nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static enum weft_status take_dimension(struct config_reader *reader, const struct weft_pbtxt *field,
                                       void *target)
{
    struct tensor *tensor = target;
    int64_t dimension = 0;
    enum weft_status status = config_take_int64(reader, field, -1, INT64_MAX, &dimension);
    if (status != WEFT_OK) {
        return status;
    }
    if (tensor->shape.rank == WEFT_RANK_MAX) {
        return weft_config_complain(reader->config, field->value_place, reader->error,
                                    "a tensor has at most %d dimensions", WEFT_RANK_MAX);
    }
    tensor->shape.dims[tensor->shape.rank++] = dimension;
    return WEFT_OK;
}

static enum weft_status take_optional(struct config_reader *reader, const struct weft_pbtxt *field,
                                      void *target)
{
    return config_take_bool(reader, field, &((struct tensor *)target)->optional);
}

/* What only matters when it is true. */
static enum weft_status take_false(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target)
{
    (void)target;
    bool set = false;
    enum weft_status status = config_take_bool(reader, field, &set);
    return status == WEFT_OK && set
               ? weft_config_complain(reader->config, field->value_place, reader->error,
                                      "\"%s\" is not supported", field->name)
               : status;
}

static const struct config_field input_fields[] = {
    {"name", CONFIG_TAKEN, take_name, false},
    {"data_type", CONFIG_TAKEN, take_type, false},
    {"dims", CONFIG_TAKEN, take_dimension, true},
    {"optional", CONFIG_TAKEN, take_optional, false},
    {"format", CONFIG_IGNORED, NULL, false},
    {"reshape", CONFIG_REFUSED, NULL, false},
    {"is_shape_tensor", CONFIG_TAKEN, take_false, false},
    {"allow_ragged_batch", CONFIG_TAKEN, take_false, false},
    {"is_non_linear_format_io", CONFIG_TAKEN, take_false, false},
    {NULL, CONFIG_TAKEN, NULL, false},
};

static const struct config_field output_fields[] = {
    {"name", CONFIG_TAKEN, take_name, false},
    {"data_type", CONFIG_TAKEN, take_type, false},
    {"dims", CONFIG_TAKEN, take_dimension, true},
    {"label_filename", CONFIG_IGNORED, NULL, false},
    {"reshape", CONFIG_REFUSED, NULL, false},
    {"is_shape_tensor", CONFIG_TAKEN, take_false, false},
    {"is_non_linear_format_io", CONFIG_TAKEN, take_false, false},
    {NULL, CONFIG_TAKEN, NULL, false},
};

static enum weft_status add(struct config_reader *reader, const struct weft_pbtxt *field,
                            struct tensor *tensor, struct weft_tensor_spec **list, size_t *count)
{
    if (tensor->name == NULL || tensor->datatype == WEFT_DATATYPE_NONE) {
        return weft_config_complain(reader->config, field->value_place, reader->error,
                                    "this %s has no %s", field->name,
                                    tensor->name == NULL ? "name" : "data_type");
    }
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i].name, tensor->name) == 0) {
            return weft_config_complain(reader->config, field->value_place, reader->error,
                                        "the %s \"%s\" is listed twice", field->name, tensor->name);
        }
    }
    if (*count == WEFT_VALUES_MAX) {
        return weft_config_complain(reader->config, field->value_place, reader->error,
                                    "more than %d tensors", WEFT_VALUES_MAX);
    }
    struct weft_tensor_spec *more = realloc(*list, (*count + 1) * sizeof(*more));
    if (more == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    *list = more;
    more[(*count)++] = (struct weft_tensor_spec){steal(&tensor->name), tensor->datatype,
                                                 tensor->shape, tensor->optional};
    return WEFT_OK;
}

static enum weft_status take(struct config_reader *reader, const struct weft_pbtxt *field,
                             const struct config_field *table, struct weft_tensor_spec **list,
                             size_t *count)
{
    struct tensor tensor = {0};
    enum weft_status status = config_read_message(reader, field, field->name, table, &tensor);
    if (status == WEFT_OK) {
        status = add(reader, field, &tensor, list, count);
    }
    free(tensor.name);
    return status;
}

enum weft_status config_take_input(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target)
{
    (void)target;
    return take(reader, field, input_fields, &reader->config->inputs,
                &reader->config->inputs_count);
}

enum weft_status config_take_output(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target)
{
    (void)target;
    return take(reader, field, output_fields, &reader->config->outputs,
                &reader->config->outputs_count);
}

static enum weft_status add_batch(struct config_reader *reader, struct weft_tensor_spec *list,
                                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct weft_shape *shape = &list[i].shape;
        if (shape->rank == WEFT_RANK_MAX) {
            return weft_error_set(reader->error, WEFT_INVALID_ARGUMENT,
                                  "%s: with max_batch_size, \"%s\" has more than %d dimensions",
                                  reader->config->file, list[i].name, WEFT_RANK_MAX);
        }
        memmove(&shape->dims[1], &shape->dims[0], shape->rank * sizeof(shape->dims[0]));
        shape->dims[0] = -1;
        shape->rank++;
    }
    return WEFT_OK;
}

enum weft_status config_add_batch(struct config_reader *reader)
{
    struct weft_config *config = reader->config;
    if (config->batch_max == 0) {
        return WEFT_OK;
    }
    enum weft_status status = add_batch(reader, config->inputs, config->inputs_count);
    return status == WEFT_OK ? add_batch(reader, config->outputs, config->outputs_count) : status;
}
