/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_json.h"

#include <math.h>
#include <string.h>

#include "wire/oip_json_data.h"

/* Reading of requests and responses. Both are the same document, where "inputs" of a request and
 * "outputs" of a response are the tensors with data. */

enum { KEY_BYTES = 32, DATATYPE_NAME_MAX_BYTES = 16 };

struct tensor {
    char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    bool has_shape;
    struct weft_parameters parameters;
    struct weft_json data; /* stands before the array; start NULL = none */
    int64_t binary_bytes;  /* -1 = none */
    bool base64;
};

struct document {
    const struct weft_slice *body;
    size_t json_bytes;
    size_t binary_offset;             /* of the next binary tensor */
    struct weft_oip_request *request; /* the one or the other */
    struct weft_oip_response *response;
    struct weft_error *error; /* what is not a matter of JSON itself */
};

static void stop(struct document *document, struct weft_json *json, enum weft_status status)
{
    if (status != WEFT_OK) {
        if (document->error == NULL && status == WEFT_OUT_OF_MEMORY) {
            json->out_of_memory = true;
        }
        weft_json_fail(json, "it is not valid");
    }
}

static void set_string(struct weft_json *json, char **string, size_t max_bytes)
{
    char *copy = weft_json_string(json, max_bytes);
    if (copy != NULL) {
        free(*string);
        *string = copy;
    }
}

/* {"name": value, ...}; null stands for none. */
static void read_parameters(struct document *document, struct weft_json *json,
                            struct weft_parameters *parameters)
{
    bool first = true;
    char key[WEFT_NAME_MAX + 1];
    while (weft_json_member(json, &first, key, sizeof(key))) {
        struct weft_parameter parameter = {.name = key};
        cleanup_free char *string = NULL;
        char number[WEFT_JSON_NUMBER_MAX + 1];
        bool whole = false;
        char next = weft_json_peek(json);
        if (key[0] == '\0') {
            weft_json_fail(json, "a parameter's name is too long or empty");
        } else if (next == '"') {
            string = weft_json_string(json, WEFT_OIP_STRING_MAX_BYTES);
            parameter.kind = WEFT_PARAMETER_STRING;
            parameter.string = string;
            parameter.string_length = string != NULL ? strlen(string) : 0;
        } else if (next == 't' || next == 'f') {
            parameter.kind = WEFT_PARAMETER_BOOL;
            parameter.boolean = weft_json_bool(json);
        } else if (next == '[' || next == '{' || next == 'n') {
            weft_json_fail(json, "a parameter is a string, a number or a boolean");
        } else {
            struct weft_json before = *json;
            parameter.kind = WEFT_PARAMETER_INT64;
            if (weft_json_number(json, number, &whole) && !whole) {
                parameter.kind = WEFT_PARAMETER_DOUBLE;
                parameter.number = strtod(number, NULL);
                if (!isfinite(parameter.number)) {
                    weft_json_fail(json, "a parameter is out of range");
                }
            } else if (json->failure == NULL) {
                *json = before;
                parameter.int64 = weft_json_int64(json);
            }
        }
        if (json->failure == NULL) {
            stop(document, json, weft_parameters_set(parameters, &parameter, &document->error));
        }
    }
}

static void remove_parameter(struct weft_parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            free((char *)parameters->items[i].name);
            free((char *)parameters->items[i].string);
            parameters->items[i] = parameters->items[--parameters->count];
            return;
        }
    }
}

/* Takes a switch of the binary extension out of the parameters. */
static bool take_bool(struct weft_json *json, struct weft_parameters *parameters, const char *name,
                      bool otherwise)
{
    const struct weft_parameter *found = weft_parameters_find(parameters, name);
    if (found == NULL) {
        return otherwise;
    }
    bool value = found->boolean;
    if (found->kind != WEFT_PARAMETER_BOOL) {
        weft_json_fail(json, "binary_data and binary_data_output are true or false");
    }
    remove_parameter(parameters, name);
    return value;
}

static bool take_base64(struct weft_parameters *parameters)
{
    const char *type = weft_parameters_string(parameters, "content_type");
    bool base64 = type != NULL && strcmp(type, "base64") == 0;
    if (base64) {
        remove_parameter(parameters, "content_type");
    }
    return base64;
}

static void refuse_shared_memory(struct document *document, struct weft_json *json,
                                 const char *name, const struct weft_parameters *parameters)
{
    if (json->failure == NULL && weft_parameters_find(parameters, "shared_memory_region") != NULL) {
        stop(document, json,
             weft_error_set(&document->error, WEFT_UNIMPLEMENTED,
                            "tensor '%s' is to be in shared memory, which Weft does not offer",
                            name));
    }
}

static void read_shape(struct weft_json *json, struct tensor *tensor)
{
    bool first = true;
    tensor->has_shape = true;
    tensor->shape.rank = 0;
    while (weft_json_element(json, &first)) {
        int64_t dimension = weft_json_int64(json);
        if (tensor->shape.rank == WEFT_RANK_MAX) {
            weft_json_fail(json, "a shape has more than 8 dimensions");
        } else if (dimension < 0) {
            weft_json_fail(json, "a dimension is negative");
        } else {
            tensor->shape.dims[tensor->shape.rank++] = dimension;
        }
    }
}

static void read_datatype(struct weft_json *json, struct tensor *tensor)
{
    cleanup_free char *name = weft_json_string(json, DATATYPE_NAME_MAX_BYTES);
    if (name != NULL) {
        tensor->datatype = weft_datatype_from_name(name, strlen(name));
        if (tensor->datatype == WEFT_DATATYPE_NONE) {
            weft_json_fail(json, "a datatype is unknown");
        }
    }
}

/* Readers differ on which of two members of one name counts, so there must not be two. The names
 * are at most 31, NULL at the end. */
static void check_once(struct weft_json *json, const char *key, const char *const *names,
                       unsigned *seen)
{
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(key, names[i]) == 0) {
            if ((*seen & 1u << i) != 0) {
                weft_json_fail(json, "a member is there twice");
            }
            *seen |= 1u << i;
        }
    }
}

static void read_tensor_members(struct document *document, struct weft_json *json,
                                struct tensor *tensor)
{
    static const char *const names[] = {"name", "datatype", "shape", "parameters", "data", NULL};
    bool first = true;
    unsigned seen = 0;
    char key[KEY_BYTES];
    while (weft_json_member(json, &first, key, sizeof(key))) {
        check_once(json, key, names, &seen);
        if (strcmp(key, "name") == 0) {
            set_string(json, &tensor->name, WEFT_OIP_NAME_MAX_BYTES);
        } else if (strcmp(key, "datatype") == 0) {
            read_datatype(json, tensor);
        } else if (strcmp(key, "shape") == 0) {
            read_shape(json, tensor);
        } else if (strcmp(key, "parameters") == 0) {
            read_parameters(document, json, &tensor->parameters);
        } else if (strcmp(key, "data") == 0) {
            (void)weft_json_peek(json);
            tensor->data = *json;
            weft_json_skip(json);
            tensor->data.end = json->at;
        } else {
            weft_json_skip(json);
        }
    }
}

static void check_tensor(struct document *document, struct weft_json *json, struct tensor *tensor)
{
    if (json->failure != NULL) {
        return;
    }
    if (tensor->name == NULL || tensor->datatype == WEFT_DATATYPE_NONE || !tensor->has_shape) {
        weft_json_fail(json, "a tensor lacks its name, datatype or shape");
        return;
    }
    refuse_shared_memory(document, json, tensor->name, &tensor->parameters);
    const struct weft_parameter *binary =
        weft_parameters_find(&tensor->parameters, "binary_data_size");
    tensor->binary_bytes = -1;
    if (binary != NULL) {
        if (binary->kind != WEFT_PARAMETER_INT64 || binary->int64 < 0) {
            weft_json_fail(json, "binary_data_size is not a size");
            return;
        }
        tensor->binary_bytes = binary->int64;
        remove_parameter(&tensor->parameters, "binary_data_size");
    }
    if (document->request != NULL && tensor->datatype == WEFT_BYTES && tensor->binary_bytes < 0) {
        tensor->base64 = take_base64(&tensor->parameters);
    }
    if ((tensor->binary_bytes >= 0) == (tensor->data.start != NULL)) {
        weft_json_fail(json, tensor->data.start != NULL
                                 ? "a tensor has both data and binary_data_size"
                                 : "a tensor has neither data nor binary_data_size");
    }
}

static enum weft_status binary_data(struct document *document, const struct tensor *tensor,
                                    struct weft_slice *ret_data)
{
    size_t left = document->body->size_bytes - document->binary_offset;
    if ((uint64_t)tensor->binary_bytes > left) {
        enum weft_status status =
            weft_error_set(&document->error, WEFT_INVALID_ARGUMENT,
                           "tensor '%s' has %lld bytes of binary data, but only %zu are left",
                           tensor->name, (long long)tensor->binary_bytes, left);
        if (document->json_bytes == document->body->size_bytes) {
            weft_error_set_hint(&document->error,
                                "is the field Inference-Header-Content-Length missing?");
        }
        return status;
    }
    *ret_data =
        weft_slice_sub(document->body, document->binary_offset, (size_t)tensor->binary_bytes);
    document->binary_offset += (size_t)tensor->binary_bytes;
    return WEFT_OK;
}

static enum weft_status make_value(struct document *document, struct tensor *tensor)
{
    struct weft_error **error = &document->error;
    struct weft_values *values =
        document->request != NULL ? &document->request->inputs : &document->response->outputs;
    cleanup_slice struct weft_slice data = {0};
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status =
        tensor->binary_bytes >= 0
            ? binary_data(document, tensor, &data)
            : weft_oip_json_data(&tensor->data, tensor->name, tensor->datatype, &tensor->shape,
                                 tensor->base64, &data, error);
    if (status != WEFT_OK) {
        return status;
    }
    status = weft_value_new_slice(tensor->datatype, &tensor->shape, &data, &value, error);
    if (status != WEFT_OK) {
        return weft_error_wrap(error, status, "tensor '%s' is not valid", tensor->name);
    }
    for (size_t i = 0; status == WEFT_OK && i < tensor->parameters.count; i++) {
        status = weft_value_set_parameter(value, &tensor->parameters.items[i], error);
    }
    if (status == WEFT_OK) {
        status = weft_values_add(values, tensor->name, value, error);
    }
    return status == WEFT_ALREADY_EXISTS
               ? weft_error_set(error, WEFT_INVALID_ARGUMENT, "tensor '%s' is there twice",
                                tensor->name)
               : status;
}

static void read_tensors(struct document *document, struct weft_json *json)
{
    bool first = true;
    while (weft_json_element(json, &first)) {
        struct tensor tensor = {0};
        read_tensor_members(document, json, &tensor);
        check_tensor(document, json, &tensor);
        if (json->failure == NULL) {
            stop(document, json, make_value(document, &tensor));
        }
        free(tensor.name);
        weft_parameters_fini(&tensor.parameters);
    }
}

/* An output that is asked for: {"name": ..., "parameters": {...}}. */
static void read_wanted(struct document *document, struct weft_json *json)
{
    bool first = true;
    char key[KEY_BYTES];
    cleanup_free char *name = NULL;
    struct weft_parameters parameters = {0};
    while (weft_json_member(json, &first, key, sizeof(key))) {
        if (strcmp(key, "name") == 0) {
            set_string(json, &name, WEFT_OIP_NAME_MAX_BYTES);
        } else if (strcmp(key, "parameters") == 0) {
            read_parameters(document, json, &parameters);
        } else {
            weft_json_skip(json);
        }
    }
    struct weft_oip_output *output = NULL;
    if (json->failure == NULL && name == NULL) {
        weft_json_fail(json, "an output that is asked for has no name");
    }
    if (json->failure == NULL) {
        refuse_shared_memory(document, json, name, &parameters);
    }
    if (json->failure == NULL) {
        stop(document, json,
             weft_oip_request_add_output(document->request, name, &output, &document->error));
    }
    if (output != NULL) {
        output->parameters = parameters;
        parameters = (struct weft_parameters){0};
    }
    weft_parameters_fini(&parameters);
}

static void read_key(struct document *document, struct weft_json *json, const char *key)
{
    struct weft_oip_request *request = document->request;
    struct weft_oip_response *response = document->response;
    bool first = true;
    if (strcmp(key, "id") == 0) {
        set_string(json, request != NULL ? &request->id : &response->id, WEFT_OIP_NAME_MAX_BYTES);
    } else if (strcmp(key, "parameters") == 0) {
        read_parameters(document, json,
                        request != NULL ? &request->parameters : &response->parameters);
    } else if (strcmp(key, request != NULL ? "inputs" : "outputs") == 0) {
        read_tensors(document, json);
    } else if (request != NULL && strcmp(key, "outputs") == 0) {
        while (weft_json_element(json, &first)) {
            read_wanted(document, json);
        }
    } else if (response != NULL && strcmp(key, "model_name") == 0) {
        set_string(json, &response->model, WEFT_OIP_NAME_MAX_BYTES);
    } else if (response != NULL && strcmp(key, "model_version") == 0) {
        set_string(json, &response->version, WEFT_OIP_NAME_MAX_BYTES);
    } else {
        weft_json_skip(json);
    }
}

static enum weft_status read_document(struct document *document, struct weft_error **error)
{
    static const char *const names[] = {"id",         "parameters",    "inputs", "outputs",
                                        "model_name", "model_version", NULL};
    const struct weft_slice *body = document->body;
    bool first = true;
    unsigned seen = 0;
    char key[KEY_BYTES];
    struct weft_json json;
    if (document->json_bytes == WEFT_OIP_JSON_WHOLE) {
        document->json_bytes = body->size_bytes;
    }
    if (document->json_bytes > body->size_bytes) {
        return weft_error_set(
            error, WEFT_INVALID_ARGUMENT,
            "Inference-Header-Content-Length says %zu, but the body has %zu bytes",
            document->json_bytes, body->size_bytes);
    }
    document->binary_offset = document->json_bytes;
    weft_json_init(&json, body->data, document->json_bytes);
    while (weft_json_member(&json, &first, key, sizeof(key))) {
        check_once(&json, key, names, &seen);
        read_key(document, &json, key);
    }
    if (document->error != NULL) {
        enum weft_status status = weft_error_status(document->error);
        if (error != NULL) {
            weft_error_unref(*error);
            *error = steal(&document->error);
        }
        return status;
    }
    enum weft_status status = weft_json_end(&json, "the JSON", error);
    if (status == WEFT_OK && document->binary_offset != body->size_bytes) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                "%zu bytes follow behind the last tensor's binary data",
                                body->size_bytes - document->binary_offset);
    }
    return status;
}

/* The switches of the outputs, which may come before or after the request's own. */
static enum weft_status settle_outputs(struct weft_oip_request *request, struct weft_error **error)
{
    struct weft_json json;
    weft_json_init(&json, "", 0);
    request->binary_outputs = take_bool(&json, &request->parameters, "binary_data_output", false);
    for (size_t i = 0; i < request->outputs_count; i++) {
        struct weft_oip_output *output = &request->outputs[i];
        output->binary =
            take_bool(&json, &output->parameters, "binary_data", request->binary_outputs);
        output->base64 = take_base64(&output->parameters);
    }
    return json.failure == NULL ? WEFT_OK
                                : weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s", json.failure);
}

enum weft_status weft_oip_json_request_decode(const struct weft_slice *body, size_t json_bytes,
                                              struct weft_oip_request *ret_request,
                                              struct weft_error **error)
{
    cleanup_oip_request struct weft_oip_request request = {0};
    struct document document = {.body = body, .json_bytes = json_bytes, .request = &request};
    enum weft_status status = read_document(&document, error);
    weft_error_unref(document.error);
    if (status == WEFT_OK) {
        status = settle_outputs(&request, error);
    }
    if (status == WEFT_OK) {
        *ret_request = request;
        request = (struct weft_oip_request){0};
    }
    return status;
}

enum weft_status weft_oip_json_response_decode(const struct weft_slice *body, size_t json_bytes,
                                               struct weft_oip_response *ret_response,
                                               struct weft_error **error)
{
    cleanup_oip_response struct weft_oip_response response = {0};
    struct document document = {.body = body, .json_bytes = json_bytes, .response = &response};
    enum weft_status status = read_document(&document, error);
    weft_error_unref(document.error);
    if (status == WEFT_OK) {
        *ret_response = response;
        response = (struct weft_oip_response){0};
    }
    return status;
}

/* The shape that size_bytes of the specification's datatype have, its one unknown dimension found.
 */
static enum weft_status raw_shape(const struct weft_model_tensor *input, size_t size_bytes,
                                  struct weft_shape *ret_shape, struct weft_error **error)
{
    struct weft_shape shape = input->shape;
    size_t unknown = SIZE_MAX;
    for (size_t i = 0; i < shape.rank; i++) {
        if (shape.dims[i] < 0) {
            if (unknown != SIZE_MAX) {
                return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                      "input '%s' has more than one unknown dimension, so its raw "
                                      "form has no one shape",
                                      input->name);
            }
            unknown = i;
            shape.dims[i] = 1;
        }
    }
    uint64_t unit_bytes = 0;
    if (unknown != SIZE_MAX && weft_shape_size_bytes(&shape, input->datatype, &unit_bytes) &&
        unit_bytes > 0) {
        shape.dims[unknown] = (int64_t)(size_bytes / unit_bytes);
    }
    *ret_shape = shape;
    return WEFT_OK;
}

enum weft_status weft_oip_raw_request_decode(const struct weft_slice *body,
                                             const struct weft_model_info *model,
                                             struct weft_oip_request *ret_request,
                                             struct weft_error **error)
{
    if (model->inputs_count != 1) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the raw form is for models of one input, and '%s' has %zu",
                              model->name, model->inputs_count);
    }
    const struct weft_model_tensor *input = &model->inputs[0];
    cleanup_oip_request struct weft_oip_request request = {.binary_outputs = true};
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status = WEFT_OK;
    if (input->datatype == WEFT_BYTES) {
        status = weft_value_new_bytes(body->data, body->size_bytes, NULL, &value, error);
    } else {
        struct weft_shape shape = {0};
        cleanup_slice struct weft_slice data = weft_slice_ref(body);
        status = raw_shape(input, body->size_bytes, &shape, error);
        if (status == WEFT_OK) {
            status = weft_value_new_slice(input->datatype, &shape, &data, &value, error);
        }
    }
    if (status == WEFT_OK) {
        status = weft_values_add(&request.inputs, input->name, value, error);
    }
    if (status == WEFT_OK) {
        *ret_request = request;
        request = (struct weft_oip_request){0};
    }
    return status;
}

enum weft_status weft_oip_json_index_decode(const struct weft_slice *body, bool *ret_ready_only,
                                            struct weft_error **error)
{
    struct weft_json json;
    bool first = true;
    bool ready = false;
    char key[KEY_BYTES];
    weft_json_init(&json, body->data, body->size_bytes);
    if (weft_json_peek(&json) != 0) {
        while (weft_json_member(&json, &first, key, sizeof(key))) {
            if (strcmp(key, "ready") == 0) {
                ready = weft_json_bool(&json);
            } else {
                weft_json_skip(&json);
            }
        }
    }
    enum weft_status status = weft_json_end(&json, "the JSON", error);
    if (status == WEFT_OK) {
        *ret_ready_only = ready;
    }
    return status;
}
