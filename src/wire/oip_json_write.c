/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "wire/oip_json.h"
#include "wire/oip_json_data.h"

static void write_string(struct weft_text *text, const char *string)
{
    weft_text_append_json(text, string, strlen(string));
}

/* "key": "string", with a comma before it where one is needed; NULL writes nothing. */
static void write_member(struct weft_text *text, const char *key, const char *string)
{
    if (string == NULL) {
        return;
    }
    if (text->length > 0 && text->data[text->length - 1] != '{') {
        weft_text_append_string(text, ",");
    }
    weft_text_printf(text, "\"%s\":", key);
    write_string(text, string);
}

static void write_parameter(struct weft_text *text, const struct weft_parameter *parameter)
{
    write_string(text, parameter->name);
    weft_text_append_string(text, ":");
    switch (parameter->kind) {
    case WEFT_PARAMETER_BOOL:
        weft_text_append_string(text, parameter->boolean ? "true" : "false");
        break;
    case WEFT_PARAMETER_INT64:
        weft_text_printf(text, "%" PRId64, parameter->int64);
        break;
    case WEFT_PARAMETER_DOUBLE:
        /* JSON has no other word for what is no number. */
        if (isfinite(parameter->number)) {
            weft_text_printf(text, "%.17g", parameter->number);
        } else {
            weft_text_append_string(text, "null");
        }
        break;
    case WEFT_PARAMETER_STRING:
        weft_text_append_json(text, parameter->string, parameter->string_length);
        break;
    }
}

/* binary_bytes SIZE_MAX: the tensor is not binary. switch_name: a further parameter that is true.
 */
static void write_parameters(struct weft_text *text, const struct weft_parameters *parameters,
                             size_t binary_bytes, const char *switch_name)
{
    const char *comma = "";
    if (parameters->count == 0 && binary_bytes == SIZE_MAX && switch_name == NULL) {
        return;
    }
    weft_text_append_string(text, ",\"parameters\":{");
    if (binary_bytes != SIZE_MAX) {
        weft_text_printf(text, "\"binary_data_size\":%zu", binary_bytes);
        comma = ",";
    }
    if (switch_name != NULL) {
        weft_text_printf(text, "%s\"%s\":true", comma, switch_name);
        comma = ",";
    }
    for (size_t i = 0; i < parameters->count; i++) {
        weft_text_append_string(text, comma);
        write_parameter(text, &parameters->items[i]);
        comma = ",";
    }
    weft_text_append_string(text, "}");
}

static void write_shape(struct weft_text *text, const struct weft_shape *shape)
{
    weft_text_append_string(text, "[");
    for (uint32_t i = 0; i < shape->rank; i++) {
        weft_text_printf(text, "%s%" PRId64, i > 0 ? "," : "", shape->dims[i]);
    }
    weft_text_append_string(text, "]");
}

static enum weft_status write_tensor(struct weft_text *text, const struct weft_named_value *named,
                                     bool binary, bool base64, struct weft_error **error)
{
    const struct weft_value *value = named->value;
    enum weft_status status = WEFT_OK;
    weft_text_append_string(text, "{\"name\":");
    write_string(text, named->name);
    weft_text_printf(
        text, ",\"datatype\":\"%s\",\"shape\":", weft_datatype_name(weft_value_datatype(value)));
    write_shape(text, weft_value_shape(value));
    write_parameters(text, weft_value_parameters(value),
                     binary ? weft_value_size_bytes(value) : SIZE_MAX, NULL);
    if (!binary) {
        weft_text_append_string(text, ",\"data\":");
        status = weft_oip_json_write_data(named->name, value, base64, text, error);
    }
    weft_text_append_string(text, "}");
    return status;
}

static const struct weft_oip_output *wanted(const struct weft_oip_request *request,
                                            const char *name)
{
    for (size_t i = 0; request != NULL && i < request->outputs_count; i++) {
        if (strcmp(request->outputs[i].name, name) == 0) {
            return &request->outputs[i];
        }
    }
    return NULL;
}

static bool is_binary(const struct weft_oip_request *request, const char *name)
{
    const struct weft_oip_output *output = wanted(request, name);
    return output != NULL ? output->binary : request != NULL && request->binary_outputs;
}

static bool is_base64(const struct weft_oip_request *request, const char *name)
{
    const struct weft_oip_output *output = wanted(request, name);
    return output != NULL && output->base64;
}

static void free_text(void *memory, void *context)
{
    (void)context;
    free(memory);
}

static bool add_text(struct weft_slices *slices, struct weft_text *text)
{
    size_t length = text->length;
    char *data = weft_text_steal(text);
    struct weft_buffer *buffer =
        data != NULL ? weft_buffer_take(data, length, free_text, NULL) : NULL;
    if (buffer == NULL) {
        free(data);
        return false;
    }
    cleanup_slice struct weft_slice slice = weft_slice_take(buffer);
    return weft_slices_add(slices, &slice);
}

static bool add_value(struct weft_slices *slices, const struct weft_value *value)
{
    cleanup_slice struct weft_slice slice = weft_slice_ref(weft_value_slice(value));
    return weft_slices_add(slices, &slice);
}

static void shorten(struct weft_slices *slices, size_t count)
{
    while (slices->count > count) {
        weft_slice_fini(&weft_slices_items(slices)[--slices->count]);
    }
}

/* The text, then the values that are binary. NULL request with all: all values are. */
static enum weft_status add_all(struct weft_text *text, const struct weft_values *values,
                                const struct weft_oip_request *request, bool all,
                                struct weft_slices *slices, size_t *ret_json_bytes,
                                struct weft_error **error)
{
    size_t count = slices->count;
    size_t json_bytes = text->length;
    bool binary = false;
    bool added = add_text(slices, text);
    for (size_t i = 0; added && i < values->count; i++) {
        if (all || is_binary(request, values->items[i].name)) {
            binary = true;
            added = add_value(slices, values->items[i].value);
        }
    }
    if (!added) {
        shorten(slices, count);
        return weft_error_set_out_of_memory(error);
    }
    *ret_json_bytes = binary ? json_bytes : WEFT_OIP_JSON_WHOLE;
    return WEFT_OK;
}

enum weft_status weft_oip_json_response_encode(const struct weft_oip_response *response,
                                               const struct weft_oip_request *request,
                                               struct weft_slices *slices, size_t *ret_json_bytes,
                                               struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, "{");
    write_member(&text, "model_name", response->model != NULL ? response->model : "");
    write_member(&text, "model_version", response->version);
    write_member(&text, "id", response->id);
    write_parameters(&text, &response->parameters, SIZE_MAX, NULL);
    weft_text_append_string(&text, ",\"outputs\":[");
    for (size_t i = 0; i < response->outputs.count; i++) {
        const struct weft_named_value *named = &response->outputs.items[i];
        weft_text_append_string(&text, i > 0 ? "," : "");
        enum weft_status status = write_tensor(&text, named, is_binary(request, named->name),
                                               is_base64(request, named->name), error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    weft_text_append_string(&text, "]}");
    return add_all(&text, &response->outputs, request, false, slices, ret_json_bytes, error);
}

enum weft_status weft_oip_json_request_encode(const struct weft_oip_request *request,
                                              struct weft_slices *slices, size_t *ret_json_bytes,
                                              struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, "{");
    write_member(&text, "id", request->id != NULL ? request->id : "");
    write_parameters(&text, &request->parameters, SIZE_MAX, "binary_data_output");
    weft_text_append_string(&text, ",\"inputs\":[");
    for (size_t i = 0; i < request->inputs.count; i++) {
        weft_text_append_string(&text, i > 0 ? "," : "");
        enum weft_status status =
            write_tensor(&text, &request->inputs.items[i], true, false, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    weft_text_append_string(&text, "]");
    for (size_t i = 0; i < request->outputs_count; i++) {
        weft_text_append_string(&text, i > 0 ? ",{\"name\":" : ",\"outputs\":[{\"name\":");
        write_string(&text, request->outputs[i].name);
        write_parameters(&text, &request->outputs[i].parameters, SIZE_MAX, "binary_data");
        weft_text_append_string(&text, "}");
    }
    weft_text_append_string(&text, request->outputs_count > 0 ? "]}" : "}");
    return add_all(&text, &request->inputs, NULL, true, slices, ret_json_bytes, error);
}

/* --- The other calls ----------------------------------------------------------------------------
 */

static void write_strings(struct weft_text *text, const char *const *strings, size_t count)
{
    weft_text_append_string(text, "[");
    for (size_t i = 0; i < count; i++) {
        weft_text_append_string(text, i > 0 ? "," : "");
        write_string(text, strings[i]);
    }
    weft_text_append_string(text, "]");
}

void weft_oip_json_server(const struct weft_oip_server *server, struct weft_text *text)
{
    weft_text_append_string(text, "{\"name\":");
    write_string(text, server->name);
    weft_text_append_string(text, ",\"version\":");
    write_string(text, server->version);
    weft_text_append_string(text, ",\"extensions\":");
    write_strings(text, server->extensions, server->extensions_count);
    weft_text_append_string(text, "}");
}

static void write_metadata(struct weft_text *text, const struct weft_model_tensor *tensors,
                           size_t count)
{
    weft_text_append_string(text, "[");
    for (size_t i = 0; i < count; i++) {
        weft_text_append_string(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_string(text, tensors[i].name);
        weft_text_printf(
            text, ",\"datatype\":\"%s\",\"shape\":", weft_datatype_name(tensors[i].datatype));
        write_shape(text, &tensors[i].shape);
        weft_text_append_string(text, "}");
    }
    weft_text_append_string(text, "]");
}

void weft_oip_json_model(const struct weft_oip_model *model, struct weft_text *text)
{
    const struct weft_model_info *info = model->info;
    weft_text_append_string(text, "{\"name\":");
    write_string(text, info->name);
    weft_text_append_string(text, ",\"versions\":");
    write_strings(text, model->versions, model->versions_count);
    weft_text_append_string(text, ",\"platform\":");
    write_string(text, info->platform);
    weft_text_append_string(text, ",\"inputs\":");
    write_metadata(text, info->inputs, info->inputs_count);
    weft_text_append_string(text, ",\"outputs\":");
    write_metadata(text, info->outputs, info->outputs_count);
    weft_text_printf(text, ",\"properties\":{\"generation\":\"%" PRIu64 "\"}}", info->generation);
}

void weft_oip_json_index(const struct weft_oip_index_entry *entries, size_t count,
                         struct weft_text *text)
{
    weft_text_append_string(text, "[");
    for (size_t i = 0; i < count; i++) {
        weft_text_append_string(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_string(text, entries[i].name);
        write_member(text, "version", entries[i].version);
        write_member(text, "state", entries[i].state);
        write_member(text, "reason", entries[i].reason);
        weft_text_append_string(text, "}");
    }
    weft_text_append_string(text, "]");
}

void weft_oip_json_ready(const char *key, bool ready, struct weft_text *text)
{
    weft_text_printf(text, "{\"%s\":%s}", key, ready ? "true" : "false");
}
