/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "wire/oip_grpc.h"
#include "wire/oip_parts.h"

/* OIP's messages about servers and models, all but inference itself. */

void weft_oip_name_fini(struct weft_oip_name *name)
{
    free(name->name);
    free(name->version);
    weft_parameters_fini(&name->parameters);
    *name = (struct weft_oip_name){0};
}

/* name_number and version_number (0 = none) are where the two stand; parameters are 3. */
static enum weft_status decode(const struct weft_slice *message, uint32_t name_number,
                               uint32_t version_number, uint32_t parameters_number,
                               struct weft_oip_name *ret_name, struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_oip_name struct weft_oip_name name = {0};
    cleanup_error struct weft_error *inner = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == name_number) {
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_NAME_MAX_BYTES, &name.name);
        } else if (field.number == version_number) {
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_NAME_MAX_BYTES, &name.version);
        } else if (field.number == parameters_number) {
            weft_oip_read_parameter(&reader, &field, &name.parameters, &inner);
        }
    }
    enum weft_status status = weft_oip_end(&reader, "the request", &inner, error);
    if (status == WEFT_OK && (name.name == NULL || name.name[0] == '\0')) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT, "the request names no model");
    }
    if (status == WEFT_OK) {
        if (name.version != NULL && name.version[0] == '\0') {
            free(steal(&name.version));
        }
        *ret_name = name;
        name = (struct weft_oip_name){0};
    }
    return status;
}

enum weft_status weft_oip_grpc_name_decode(const struct weft_slice *message,
                                           struct weft_oip_name *ret_name,
                                           struct weft_error **error)
{
    return decode(message, 1, 2, UINT32_MAX, ret_name, error);
}

enum weft_status weft_oip_grpc_load_decode(const struct weft_slice *message,
                                           struct weft_oip_name *ret_name,
                                           struct weft_error **error)
{
    return decode(message, 2, UINT32_MAX, 3, ret_name, error);
}

enum weft_status weft_oip_grpc_name_encode(const char *name, const char *version,
                                           struct weft_slices *slices, struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_string(&writer, 1, name);
    weft_protobuf_put_string(&writer, 2, version);
    return weft_protobuf_finish(&writer, slices, error);
}

static enum weft_status decode_flag(const struct weft_slice *message, uint32_t number,
                                    bool *ret_flag, struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    bool flag = false;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == number) {
            flag = weft_protobuf_bool(&reader, &field);
        }
    }
    enum weft_status status = weft_protobuf_end(&reader, "the message", error);
    if (status == WEFT_OK) {
        *ret_flag = flag;
    }
    return status;
}

enum weft_status weft_oip_grpc_index_decode(const struct weft_slice *message, bool *ret_ready_only,
                                            struct weft_error **error)
{
    return decode_flag(message, 2, ret_ready_only, error);
}

enum weft_status weft_oip_grpc_ready_decode(const struct weft_slice *message, bool *ret_ready,
                                            struct weft_error **error)
{
    return decode_flag(message, 1, ret_ready, error);
}

enum weft_status weft_oip_grpc_ready_encode(bool ready, struct weft_slices *slices,
                                            struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_uint64(&writer, 1, ready);
    return weft_protobuf_finish(&writer, slices, error);
}

enum weft_status weft_oip_grpc_server_encode(const struct weft_oip_server *server,
                                             struct weft_slices *slices, struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_string(&writer, 1, server->name);
    weft_protobuf_put_string(&writer, 2, server->version);
    for (size_t i = 0; i < server->extensions_count; i++) {
        weft_protobuf_put_string(&writer, 3, server->extensions[i]);
    }
    return weft_protobuf_finish(&writer, slices, error);
}

static void write_metadata(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_model_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t opened = weft_protobuf_open(writer, number);
        weft_protobuf_put_string(writer, 1, tensors[i].name);
        weft_protobuf_put_string(writer, 2, weft_datatype_name(tensors[i].datatype));
        if (tensors[i].shape.rank > 0) {
            weft_protobuf_put_packed(writer, 3, tensors[i].shape.dims, tensors[i].shape.rank);
        }
        weft_protobuf_close(writer, opened);
    }
}

enum weft_status weft_oip_grpc_model_encode(const struct weft_oip_model *model,
                                            struct weft_slices *slices, struct weft_error **error)
{
    const struct weft_model_info *info = model->info;
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    struct weft_text generation = {0};
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_string(&writer, 1, info->name);
    for (size_t i = 0; i < model->versions_count; i++) {
        weft_protobuf_put_string(&writer, 2, model->versions[i]);
    }
    weft_protobuf_put_string(&writer, 3, info->platform);
    write_metadata(&writer, 4, info->inputs, info->inputs_count);
    write_metadata(&writer, 5, info->outputs, info->outputs_count);
    weft_text_printf(&generation, "%llu", (unsigned long long)info->generation);
    size_t opened = weft_protobuf_open(&writer, 6);
    weft_protobuf_put_string(&writer, 1, "generation");
    weft_protobuf_put_string(&writer, 2, weft_text_string(&generation));
    weft_protobuf_close(&writer, opened);
    bool failed = generation.failed;
    weft_text_fini(&generation);
    return failed ? weft_error_set_out_of_memory(error)
                  : weft_protobuf_finish(&writer, slices, error);
}

static void read_metadata(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field,
                          struct weft_model_tensor **tensors, size_t *count,
                          struct weft_error **error)
{
    struct weft_oip_tensor tensor = {0};
    if (*count == WEFT_VALUES_MAX) {
        weft_protobuf_fail(reader, "is one tensor too many");
        return;
    }
    weft_oip_read_tensor(reader, field, &tensor, error);
    if (reader->failure == NULL) {
        struct weft_model_tensor *larger = realloc(*tensors, (*count + 1) * sizeof(*larger));
        if (larger == NULL) {
            (void)weft_error_set_out_of_memory(error);
            weft_protobuf_fail(reader, "does not fit memory");
        } else {
            *tensors = larger;
            larger[(*count)++] = (struct weft_model_tensor){
                .name = steal(&tensor.name), .datatype = tensor.datatype, .shape = tensor.shape};
        }
    }
    weft_oip_tensor_fini(&tensor);
}

enum weft_status weft_oip_grpc_model_decode(const struct weft_slice *message,
                                            struct weft_model_info *ret_info,
                                            struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    struct weft_model_info info = {0};
    cleanup_error struct weft_error *inner = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        switch (field.number) {
        case 1:
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_NAME_MAX_BYTES, &info.name);
            break;
        case 2:
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_NAME_MAX_BYTES, &info.version);
            break;
        case 3:
            weft_protobuf_set_string(&reader, &field, WEFT_OIP_NAME_MAX_BYTES, &info.platform);
            break;
        case 4:
            read_metadata(&reader, &field, &info.inputs, &info.inputs_count, &inner);
            break;
        case 5:
            read_metadata(&reader, &field, &info.outputs, &info.outputs_count, &inner);
            break;
        default:
            break;
        }
    }
    enum weft_status status = weft_oip_end(&reader, "ModelMetadataResponse", &inner, error);
    if (status == WEFT_OK && info.name == NULL) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT, "ModelMetadataResponse has no name");
    }
    if (status != WEFT_OK) {
        weft_model_info_fini(&info);
        return status;
    }
    *ret_info = info;
    return WEFT_OK;
}

enum weft_status weft_oip_grpc_index_encode(const struct weft_oip_index_entry *entries,
                                            size_t count, struct weft_slices *slices,
                                            struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    for (size_t i = 0; i < count; i++) {
        size_t opened = weft_protobuf_open(&writer, 1);
        weft_protobuf_put_string(&writer, 1, entries[i].name);
        weft_protobuf_put_string(&writer, 2, entries[i].version);
        weft_protobuf_put_string(&writer, 3, entries[i].state);
        weft_protobuf_put_string(&writer, 4, entries[i].reason);
        weft_protobuf_close(&writer, opened);
    }
    return weft_protobuf_finish(&writer, slices, error);
}
