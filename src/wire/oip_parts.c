/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_parts.h"

#include <string.h>

void weft_oip_tensor_fini(struct weft_oip_tensor *tensor)
{
    free(tensor->name);
    weft_parameters_fini(&tensor->parameters);
}

static void read_choice(struct weft_protobuf_reader *reader, struct weft_parameter *parameter,
                        char **string)
{
    struct weft_protobuf_field field;
    while (weft_protobuf_next(reader, &field)) {
        switch (field.number) {
        case 1:
            parameter->kind = WEFT_PARAMETER_BOOL;
            parameter->boolean = weft_protobuf_bool(reader, &field);
            break;
        case 2:
            parameter->kind = WEFT_PARAMETER_INT64;
            parameter->int64 = weft_protobuf_int64(reader, &field);
            break;
        case 3:
            parameter->kind = WEFT_PARAMETER_STRING;
            weft_protobuf_set_string(reader, &field, WEFT_OIP_STRING_MAX_BYTES, string);
            break;
        case 4:
            parameter->kind = WEFT_PARAMETER_DOUBLE;
            parameter->number = weft_protobuf_double(reader, &field);
            break;
        case 5: {
            uint64_t number = weft_protobuf_uint64(reader, &field);
            if (number > INT64_MAX) {
                weft_protobuf_fail(reader, "is a parameter beyond 2^63 - 1");
            }
            parameter->kind = WEFT_PARAMETER_INT64;
            parameter->int64 = (int64_t)number;
            break;
        }
        default:
            break;
        }
    }
}

static void read_entry(struct weft_protobuf_reader *reader, struct weft_parameter *parameter,
                       char **name, char **string)
{
    struct weft_protobuf_field field;
    struct weft_protobuf_reader choice;
    while (weft_protobuf_next(reader, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, name);
        } else if (field.number == 2 && weft_protobuf_enter(reader, &field, &choice)) {
            read_choice(&choice, parameter, string);
            weft_protobuf_leave(reader, &choice);
        }
    }
    if (reader->failure == NULL && (*name == NULL || parameter->kind == 0)) {
        weft_protobuf_fail(reader, "is a parameter without name or value");
    }
}

void weft_oip_read_parameter(struct weft_protobuf_reader *reader,
                             const struct weft_protobuf_field *field,
                             struct weft_parameters *parameters, struct weft_error **error)
{
    struct weft_protobuf_reader entry;
    if (!weft_protobuf_enter(reader, field, &entry)) {
        return;
    }
    struct weft_parameter parameter = {0};
    cleanup_free char *name = NULL;
    cleanup_free char *string = NULL;
    read_entry(&entry, &parameter, &name, &string);
    weft_protobuf_leave(reader, &entry);
    if (reader->failure == NULL) {
        parameter.name = name;
        parameter.string = string;
        parameter.string_length = string != NULL ? strlen(string) : 0;
        if (weft_parameters_set(parameters, &parameter, error) != WEFT_OK) {
            weft_protobuf_fail(reader, "is not valid");
        }
    }
}

void weft_oip_write_parameters(struct weft_protobuf_writer *writer, uint32_t number,
                               const struct weft_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const struct weft_parameter *parameter = &parameters->items[i];
        size_t entry = weft_protobuf_open(writer, number);
        weft_protobuf_put_string(writer, 1, parameter->name);
        size_t choice = weft_protobuf_open(writer, 2);
        switch (parameter->kind) {
        case WEFT_PARAMETER_BOOL:
            weft_protobuf_put_uint64(writer, 1, parameter->boolean);
            break;
        case WEFT_PARAMETER_INT64:
            weft_protobuf_put_int64(writer, 2, parameter->int64);
            break;
        case WEFT_PARAMETER_STRING:
            weft_protobuf_put_bytes(writer, 3, parameter->string, parameter->string_length);
            break;
        case WEFT_PARAMETER_DOUBLE:
            weft_protobuf_put_double(writer, 4, parameter->number);
            break;
        }
        weft_protobuf_close(writer, choice);
        weft_protobuf_close(writer, entry);
    }
}

static void add_dimension(struct weft_protobuf_reader *reader, struct weft_shape *shape,
                          uint64_t dimension)
{
    if (shape->rank == WEFT_RANK_MAX) {
        weft_protobuf_fail(reader, "has too many dimensions (8 are the most)");
    } else {
        shape->dims[shape->rank++] = (int64_t)dimension;
    }
}

static void read_shape(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *field,
                       struct weft_shape *shape)
{
    struct weft_protobuf_reader packed;
    uint64_t dimension = 0;
    if (field->wire == WEFT_PROTOBUF_VARINT) {
        add_dimension(reader, shape, field->integer);
    } else if (weft_protobuf_enter(reader, field, &packed)) {
        while (weft_protobuf_next_packed(&packed, &dimension)) {
            add_dimension(&packed, shape, dimension);
        }
        weft_protobuf_leave(reader, &packed);
    }
}

static void read_datatype(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_oip_tensor *tensor)
{
    if (weft_protobuf_is_bytes(reader, field)) {
        tensor->datatype = weft_datatype_from_name((const char *)field->data, field->size_bytes);
        if (tensor->datatype == WEFT_DATATYPE_NONE) {
            weft_protobuf_fail(reader, "is no datatype");
        }
    }
}

void weft_oip_read_tensor(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *seen, struct weft_oip_tensor *tensor,
                          struct weft_error **error)
{
    struct weft_protobuf_reader inner;
    struct weft_protobuf_field field;
    if (!weft_protobuf_enter(reader, seen, &inner)) {
        return;
    }
    while (weft_protobuf_next(&inner, &field)) {
        switch (field.number) {
        case 1:
            weft_protobuf_set_string(&inner, &field, WEFT_OIP_NAME_MAX_BYTES, &tensor->name);
            break;
        case 2:
            read_datatype(&inner, &field, tensor);
            break;
        case 3:
            read_shape(&inner, &field, &tensor->shape);
            break;
        case 4:
            weft_oip_read_parameter(&inner, &field, &tensor->parameters, error);
            break;
        case 5:
            if (weft_protobuf_is_bytes(&inner, &field)) {
                tensor->contents = field.data;
                tensor->contents_bytes = field.size_bytes;
                tensor->contents_count++;
            }
            break;
        default:
            break;
        }
    }
    if (inner.failure == NULL && (tensor->name == NULL || tensor->datatype == WEFT_DATATYPE_NONE ||
                                  tensor->contents_count > 1)) {
        weft_protobuf_fail(&inner, "is a tensor without name or datatype, or with contents twice");
    }
    weft_protobuf_leave(reader, &inner);
}

enum weft_status weft_oip_end(const struct weft_protobuf_reader *reader, const char *what,
                              struct weft_error **inner, struct weft_error **error)
{
    if (*inner == NULL) {
        return weft_protobuf_end(reader, what, error);
    }
    enum weft_status status = weft_error_status(*inner);
    if (error != NULL) {
        weft_error_unref(*error);
        *error = steal(inner);
    }
    return status;
}
