/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_grpc.h"

#include <string.h>

#include "wire/oip_parts.h"

/*
 * ModelInferRequest and ModelInferResponse. Up to their field 6 resp. 5 they say the same with the
 * same numbers, so both are read into the same parts first: tensors, and then raw contents, which
 * may come before or after them.
 */

struct view {
    const uint8_t *data;
    size_t size_bytes;
};

struct parts {
    char *model, *version, *id;
    struct weft_parameters parameters;
    struct weft_oip_tensor *tensors;
    size_t tensors_count;
    struct view *raws;
    size_t raws_count;
};

static void parts_fini(struct parts *parts)
{
    free(parts->model);
    free(parts->version);
    free(parts->id);
    weft_parameters_fini(&parts->parameters);
    for (size_t i = 0; i < parts->tensors_count; i++) {
        weft_oip_tensor_fini(&parts->tensors[i]);
    }
    free(parts->tensors);
    free(parts->raws);
}

/* One more zeroed element; NULL (the reader fails) beyond WEFT_VALUES_MAX or without memory. */
static void *append(struct weft_protobuf_reader *reader, void *items_place, size_t *count,
                    size_t element_bytes, struct weft_error **error)
{
    char *items = NULL;
    memcpy(&items, items_place, sizeof(items));
    if (*count == WEFT_VALUES_MAX) {
        (void)weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "a message has more than %d tensors",
                             WEFT_VALUES_MAX);
        weft_protobuf_fail(reader, "is one too many");
        return NULL;
    }
    if ((*count & (*count - 1)) == 0) {
        items = realloc(items, (*count == 0 ? 1 : *count * 2) * element_bytes);
        if (items == NULL) {
            (void)weft_error_set_out_of_memory(error);
            weft_protobuf_fail(reader, "does not fit memory");
            return NULL;
        }
        memcpy(items_place, &items, sizeof(items));
    }
    void *element = items + *count * element_bytes;
    memset(element, 0, element_bytes);
    (*count)++;
    return element;
}

/* False where the field's number is none of those that requests and responses share. */
static bool read_shared(struct weft_protobuf_reader *reader,
                        const struct weft_protobuf_field *field, struct parts *parts,
                        struct weft_error **error)
{
    switch (field->number) {
    case 1:
        weft_protobuf_set_string(reader, field, WEFT_OIP_NAME_MAX_BYTES, &parts->model);
        return true;
    case 2:
        weft_protobuf_set_string(reader, field, WEFT_OIP_NAME_MAX_BYTES, &parts->version);
        return true;
    case 3:
        weft_protobuf_set_string(reader, field, WEFT_OIP_NAME_MAX_BYTES, &parts->id);
        return true;
    case 4:
        weft_oip_read_parameter(reader, field, &parts->parameters, error);
        return true;
    case 5: {
        struct weft_oip_tensor *tensor =
            append(reader, &parts->tensors, &parts->tensors_count, sizeof(*tensor), error);
        if (tensor != NULL) {
            weft_oip_read_tensor(reader, field, tensor, error);
        }
        return true;
    }
    default:
        return false;
    }
}

static void read_raw(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *field,
                     struct parts *parts, struct weft_error **error)
{
    if (weft_protobuf_is_bytes(reader, field)) {
        struct view *view = append(reader, &parts->raws, &parts->raws_count, sizeof(*view), error);
        if (view != NULL) {
            *view = (struct view){field->data, field->size_bytes};
        }
    }
}

static enum weft_status refuse_shared_memory(const char *kind, const char *name,
                                             const struct weft_parameters *parameters,
                                             struct weft_error **error)
{
    if (weft_parameters_find(parameters, "shared_memory_region") == NULL) {
        return WEFT_OK;
    }
    enum weft_status status =
        weft_error_set(error, WEFT_UNIMPLEMENTED,
                       "%s '%s' is to be in shared memory, which Weft does not offer", kind, name);
    weft_error_set_hint(error, "send tensors in the message");
    return status;
}

/* Gives a tensor its data, raw (by reference) or typed (converted), and adds the value. */
static enum weft_status add_value(const struct weft_oip_tensor *tensor, const struct view *raw,
                                  const struct weft_slice *whole, struct weft_values *values,
                                  struct weft_error **error)
{
    cleanup_slice struct weft_slice data = {0};
    enum weft_status status =
        refuse_shared_memory("tensor", tensor->name, &tensor->parameters, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (raw == NULL) {
        status = weft_oip_contents(tensor, &data, error);
    } else if (raw->size_bytes > 0) {
        data = weft_slice_sub(whole, (size_t)(raw->data - whole->data), raw->size_bytes);
    } else {
        data = weft_slice_static("", 0);
    }
    cleanup_value struct weft_value *value = NULL;
    if (status == WEFT_OK) {
        status = weft_value_new_slice(tensor->datatype, &tensor->shape, &data, &value, error);
        if (status != WEFT_OK) {
            return weft_error_wrap(error, status, "tensor '%s' is not valid", tensor->name);
        }
    }
    for (size_t i = 0; status == WEFT_OK && i < tensor->parameters.count; i++) {
        status = weft_value_set_parameter(value, &tensor->parameters.items[i], error);
    }
    if (status == WEFT_OK) {
        status = weft_values_add(values, tensor->name, value, error);
    }
    /* A name twice is a mistake of the sender's, whatever it is for a list. */
    return status == WEFT_ALREADY_EXISTS
               ? weft_error_set(error, WEFT_INVALID_ARGUMENT, "tensor '%s' is there twice",
                                tensor->name)
               : status;
}

static enum weft_status make_values(const struct parts *parts, const struct weft_slice *whole,
                                    struct weft_values *values, struct weft_error **error)
{
    bool raw = parts->raws_count > 0;
    if (raw && parts->raws_count != parts->tensors_count) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%zu raw contents were given for %zu tensors", parts->raws_count,
                              parts->tensors_count);
    }
    for (size_t i = 0; i < parts->tensors_count; i++) {
        const struct weft_oip_tensor *tensor = &parts->tensors[i];
        if (raw && tensor->contents_bytes > 0) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "tensor '%s' has both raw and typed contents", tensor->name);
        }
        enum weft_status status =
            add_value(tensor, raw ? &parts->raws[i] : NULL, whole, values, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

/* An empty text means the same as none. */
static char *steal_text(char **text)
{
    if (*text != NULL && **text == '\0') {
        return NULL;
    }
    return steal(text);
}

static void read_output(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                        struct weft_oip_request *request, struct weft_error **error)
{
    struct weft_protobuf_reader inner;
    struct weft_protobuf_field field;
    if (!weft_protobuf_enter(reader, seen, &inner)) {
        return;
    }
    cleanup_free char *name = NULL;
    struct weft_parameters parameters = {0};
    while (weft_protobuf_next(&inner, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(&inner, &field, WEFT_OIP_NAME_MAX_BYTES, &name);
        } else if (field.number == 2) {
            weft_oip_read_parameter(&inner, &field, &parameters, error);
        }
    }
    struct weft_oip_output *output = NULL;
    if (inner.failure == NULL && name == NULL) {
        weft_protobuf_fail(&inner, "asks for an output without a name");
    } else if (inner.failure == NULL &&
               (refuse_shared_memory("output", name, &parameters, error) != WEFT_OK ||
                weft_oip_request_add_output(request, name, &output, error) != WEFT_OK)) {
        weft_protobuf_fail(&inner, "is not valid");
    }
    if (output != NULL) {
        output->parameters = parameters;
        parameters = (struct weft_parameters){0};
    }
    weft_parameters_fini(&parameters);
    weft_protobuf_leave(reader, &inner);
}

static enum weft_status read_request(const struct weft_slice *message, struct parts *parts,
                                     struct weft_oip_request *request, struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_error struct weft_error *inner = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 6) {
            read_output(&reader, &field, request, &inner);
        } else if (field.number == 7) {
            read_raw(&reader, &field, parts, &inner);
        } else {
            (void)read_shared(&reader, &field, parts, &inner);
        }
    }
    return weft_oip_end(&reader, "ModelInferRequest", &inner, error);
}

enum weft_status weft_oip_grpc_request_decode(const struct weft_slice *message,
                                              struct weft_oip_request *ret_request,
                                              struct weft_error **error)
{
    struct parts parts = {0};
    cleanup_oip_request struct weft_oip_request request = {0};
    enum weft_status status = read_request(message, &parts, &request, error);
    if (status == WEFT_OK) {
        status = make_values(&parts, message, &request.inputs, error);
    }
    if (status == WEFT_OK && (parts.model == NULL || parts.model[0] == '\0')) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT, "the request names no model");
    }
    if (status == WEFT_OK) {
        request.model = steal(&parts.model);
        request.version = steal_text(&parts.version);
        request.id = steal_text(&parts.id);
        request.parameters = parts.parameters;
        parts.parameters = (struct weft_parameters){0};
        *ret_request = request;
        request = (struct weft_oip_request){0};
    }
    parts_fini(&parts);
    return status;
}

static enum weft_status read_response(const struct weft_slice *message, struct parts *parts,
                                      struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_error struct weft_error *inner = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 6) {
            read_raw(&reader, &field, parts, &inner);
        } else {
            (void)read_shared(&reader, &field, parts, &inner);
        }
    }
    return weft_oip_end(&reader, "ModelInferResponse", &inner, error);
}

enum weft_status weft_oip_grpc_response_decode(const struct weft_slice *message,
                                               struct weft_oip_response *ret_response,
                                               struct weft_error **error)
{
    struct parts parts = {0};
    cleanup_oip_response struct weft_oip_response response = {0};
    enum weft_status status = read_response(message, &parts, error);
    if (status == WEFT_OK) {
        status = make_values(&parts, message, &response.outputs, error);
    }
    if (status == WEFT_OK) {
        response.model = steal(&parts.model);
        response.version = steal_text(&parts.version);
        response.id = steal_text(&parts.id);
        response.parameters = parts.parameters;
        parts.parameters = (struct weft_parameters){0};
        *ret_response = response;
        response = (struct weft_oip_response){0};
    }
    parts_fini(&parts);
    return status;
}

/* --- Writing ------------------------------------------------------------------------------------
 */

static void write_tensors(struct weft_protobuf_writer *writer, const struct weft_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        const struct weft_value *value = values->items[i].value;
        const struct weft_shape *shape = weft_value_shape(value);
        size_t opened = weft_protobuf_open(writer, 5);
        weft_protobuf_put_string(writer, 1, values->items[i].name);
        weft_protobuf_put_string(writer, 2, weft_datatype_name(weft_value_datatype(value)));
        if (shape->rank > 0) {
            weft_protobuf_put_packed(writer, 3, shape->dims, shape->rank);
        }
        weft_oip_write_parameters(writer, 4, weft_value_parameters(value));
        weft_protobuf_close(writer, opened);
    }
}

static void write_raws(struct weft_protobuf_writer *writer, uint32_t number,
                       const struct weft_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        weft_protobuf_put_slice(writer, number, weft_value_slice(values->items[i].value));
    }
}

enum weft_status weft_oip_grpc_request_encode(const struct weft_oip_request *request,
                                              struct weft_slices *slices, struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_string(&writer, 1, request->model);
    weft_protobuf_put_string(&writer, 2, request->version);
    weft_protobuf_put_string(&writer, 3, request->id);
    weft_oip_write_parameters(&writer, 4, &request->parameters);
    write_tensors(&writer, &request->inputs);
    for (size_t i = 0; i < request->outputs_count; i++) {
        size_t opened = weft_protobuf_open(&writer, 6);
        weft_protobuf_put_string(&writer, 1, request->outputs[i].name);
        weft_oip_write_parameters(&writer, 2, &request->outputs[i].parameters);
        weft_protobuf_close(&writer, opened);
    }
    write_raws(&writer, 7, &request->inputs);
    return weft_protobuf_finish(&writer, slices, error);
}

static void write_response(struct weft_protobuf_writer *writer,
                           const struct weft_oip_response *response)
{
    weft_protobuf_put_string(writer, 1, response->model);
    weft_protobuf_put_string(writer, 2, response->version);
    weft_protobuf_put_string(writer, 3, response->id);
    weft_oip_write_parameters(writer, 4, &response->parameters);
    write_tensors(writer, &response->outputs);
    write_raws(writer, 6, &response->outputs);
}

enum weft_status weft_oip_grpc_response_encode(const struct weft_oip_response *response,
                                               struct weft_slices *slices,
                                               struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    write_response(&writer, response);
    return weft_protobuf_finish(&writer, slices, error);
}

enum weft_status weft_oip_grpc_stream_response_encode(const struct weft_oip_response *response,
                                                      const struct weft_error *failure,
                                                      struct weft_slices *slices,
                                                      struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    if (failure != NULL) {
        char text[4096];
        weft_error_format_whole(failure, text, sizeof(text));
        weft_protobuf_put_string(&writer, 1, text[0] != '\0' ? text : "unknown error");
    }
    if (response != NULL) {
        size_t opened = weft_protobuf_open(&writer, 2);
        write_response(&writer, response);
        weft_protobuf_close(&writer, opened);
    }
    return weft_protobuf_finish(&writer, slices, error);
}

enum weft_status weft_oip_grpc_stream_response_decode(const struct weft_slice *message,
                                                      struct weft_oip_response *ret_response,
                                                      struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    struct view response = {message->data, 0};
    cleanup_free char *words = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_STRING_MAX_BYTES, &words);
        } else if (field.number == 2 && weft_protobuf_is_bytes(&reader, &field)) {
            response = (struct view){field.data, field.size_bytes};
        }
    }
    enum weft_status status = weft_protobuf_end(&reader, "ModelStreamInferResponse", error);
    if (status != WEFT_OK) {
        return status;
    }
    if (words != NULL && words[0] != '\0') {
        return weft_error_set(error, WEFT_UNKNOWN, "%s", words);
    }
    cleanup_slice struct weft_slice part = {0};
    if (response.size_bytes > 0) {
        part =
            weft_slice_sub(message, (size_t)(response.data - message->data), response.size_bytes);
    }
    return weft_oip_grpc_response_decode(&part, ret_response, error);
}
