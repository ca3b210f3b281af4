/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rpc.h"

#include <string.h>

#include "base/value.h"
#include "wire/protobuf.h"

/* Made from proto/ when Weft is built: a google.protobuf.FileDescriptorSet (file = 1). */
extern const uint8_t weft_descriptor_set[];
extern const size_t weft_descriptor_set_size_bytes;

enum { TEXT_MAX_BYTES = 1024 };

enum weft_status weft_health_request_decode(const struct weft_slice *message, char **ret_service,
                                            struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_free char *service = NULL;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(&reader, &field, TEXT_MAX_BYTES, &service);
        }
    }
    enum weft_status status = weft_protobuf_end(&reader, "HealthCheckRequest", error);
    if (status == WEFT_OK && service == NULL && (service = strdup("")) == NULL) {
        status = weft_error_set_out_of_memory(error);
    }
    if (status == WEFT_OK) {
        *ret_service = steal(&service);
    }
    return status;
}

enum weft_status weft_health_response_encode(enum weft_health health, struct weft_slices *slices,
                                             struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_uint64(&writer, 1, health);
    return weft_protobuf_finish(&writer, slices, error);
}

/* --- Reflection ---------------------------------------------------------------------------------
 */

struct view {
    const uint8_t *data;
    size_t size_bytes;
};

/*
 * A symbol's place in a name: what is left of it after `package.` or `Message.` was taken off.
 * Descriptors of files: name = 1, package = 2, dependency = 3, message_type = 4, enum_type = 5,
 * service = 6; of messages: name = 1, field = 2, nested_type = 3, enum_type = 4; of services:
 * name = 1, method = 2; of enums, fields and methods: name = 1.
 */
struct symbol {
    const char *text;
    size_t length;
};

static struct view name_of(struct view descriptor, uint32_t number)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    weft_protobuf_reader_init(&reader, descriptor.data, descriptor.size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == number) {
            return (struct view){field.data, field.size_bytes};
        }
    }
    return (struct view){(const uint8_t *)"", 0};
}

/* Takes name, and the dot behind it, off the symbol. False where it does not begin so. */
static bool take(struct symbol *symbol, struct view name)
{
    if (name.size_bytes > symbol->length || memcmp(symbol->text, name.data, name.size_bytes) != 0 ||
        (name.size_bytes < symbol->length && symbol->text[name.size_bytes] != '.')) {
        return false;
    }
    size_t taken = name.size_bytes < symbol->length ? name.size_bytes + 1 : name.size_bytes;
    symbol->text += taken;
    symbol->length -= taken;
    return true;
}

/* Whether a descriptor is, or holds, the symbol. Our own descriptors nest two
 * deep, which bounds the recursion. */
static bool holds(struct view descriptor, struct symbol symbol, bool is_file)
{
    struct view name = name_of(descriptor, is_file ? 2 : 1);
    if (!(is_file && name.size_bytes == 0) && !take(&symbol, name)) {
        return false;
    }
    if (symbol.length == 0) {
        return !is_file;
    }
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    weft_protobuf_reader_init(&reader, descriptor.data, descriptor.size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        bool inner = is_file ? field.number >= 4 && field.number <= 6
                             : field.number >= 2 && field.number <= 4;
        if (inner && field.wire == WEFT_PROTOBUF_LENGTH &&
            holds((struct view){field.data, field.size_bytes}, symbol, false)) {
            return true;
        }
    }
    return false;
}

static bool is_file(struct view file, const char *filename)
{
    struct view name = name_of(file, 1);
    return name.size_bytes == strlen(filename) && memcmp(name.data, filename, name.size_bytes) == 0;
}

/* The file of that name, or that holds the symbol; data NULL if there is none. */
static struct view find_file(const char *filename, const char *symbol)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    weft_protobuf_reader_init(&reader, weft_descriptor_set, weft_descriptor_set_size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        struct view file = {field.data, field.size_bytes};
        if (filename != NULL ? is_file(file, filename)
                             : holds(file, (struct symbol){symbol, strlen(symbol)}, true)) {
            return file;
        }
    }
    return (struct view){0};
}

static void write_failure(struct weft_protobuf_writer *writer, enum weft_status status,
                          const char *words)
{
    size_t opened = weft_protobuf_open(writer, 7);
    weft_protobuf_put_uint64(writer, 1, (uint64_t)weft_status_grpc(status));
    weft_protobuf_put_string(writer, 2, words);
    weft_protobuf_close(writer, opened);
}

/* Our files import nothing, so a file alone is complete. */
static void write_file(struct weft_protobuf_writer *writer, const char *filename,
                       const char *symbol)
{
    struct view file =
        symbol != NULL && symbol[0] == '\0' ? (struct view){0} : find_file(filename, symbol);
    if (file.data == NULL) {
        write_failure(writer, WEFT_NOT_FOUND, filename != NULL ? "no such file" : "no such symbol");
        return;
    }
    size_t opened = weft_protobuf_open(writer, 4);
    struct weft_slice slice = weft_slice_static(file.data, file.size_bytes);
    weft_protobuf_put_slice(writer, 1, &slice);
    weft_protobuf_close(writer, opened);
}

static void write_services(struct weft_protobuf_writer *writer, const char *const *services,
                           size_t count)
{
    size_t opened = weft_protobuf_open(writer, 6);
    for (size_t i = 0; i < count; i++) {
        size_t service = weft_protobuf_open(writer, 1);
        weft_protobuf_put_string(writer, 1, services[i]);
        weft_protobuf_close(writer, service);
    }
    weft_protobuf_close(writer, opened);
}

enum weft_status weft_reflection_answer(const struct weft_slice *message,
                                        const char *const *services, size_t services_count,
                                        struct weft_slices *slices, struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_free char *host = NULL;
    cleanup_free char *text = NULL;
    uint32_t question = 0;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(&reader, &field, TEXT_MAX_BYTES, &host);
        } else if (field.number >= 3 && field.number <= 7) {
            question = field.number;
            if (question != 5) {
                weft_protobuf_set_string(&reader, &field, TEXT_MAX_BYTES, &text);
            }
        }
    }
    enum weft_status status = weft_protobuf_end(&reader, "ServerReflectionRequest", error);
    if (status != WEFT_OK) {
        return status;
    }
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_string(&writer, 1, host);
    weft_protobuf_put_bytes(&writer, 2, message->data, message->size_bytes);
    if (question == 3) {
        write_file(&writer, text, NULL);
    } else if (question == 4) {
        write_file(&writer, NULL, text);
    } else if (question == 7) {
        write_services(&writer, services, services_count);
    } else if (question == 5 || question == 6) {
        write_failure(&writer, WEFT_NOT_FOUND, "there are no extensions");
    } else {
        write_failure(&writer, WEFT_INVALID_ARGUMENT, "the request asks nothing");
    }
    return weft_protobuf_finish(&writer, slices, error);
}
