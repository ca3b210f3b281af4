/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/problem.h"

#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "wire/protobuf.h"

/* --- Problem details ----------------------------------------------------------------------------
 */

static void write_member(struct weft_text *text, const char *key, const char *string)
{
    if (string != NULL) {
        weft_text_printf(text, ",\"%s\":", key);
        weft_text_append_json(text, string, strlen(string));
    }
}

/* An enum's name as a relative URI: what kind of problem it is, the same for all of that status. */
static void write_type(struct weft_text *text, enum weft_status status)
{
    weft_text_append_string(text, "{\"type\":\"urn:weft:problem:");
    for (const char *name = weft_status_name(status); *name != '\0'; name++) {
        char lower = *name == '_' ? '-' : (char)(*name | 0x20);
        weft_text_append(text, &lower, 1);
    }
    weft_text_append_string(text, "\"");
}

static void write_causes(struct weft_text *text, const struct weft_error *error)
{
    const struct weft_error *cause = weft_error_cause(error);
    if (cause == NULL) {
        return;
    }
    weft_text_append_string(text, ",\"cause\":[");
    for (const char *comma = ""; cause != NULL; cause = weft_error_cause(cause)) {
        const char *message = weft_error_message(cause);
        weft_text_append_string(text, comma);
        weft_text_append_json(text, message, strlen(message));
        comma = ",";
    }
    weft_text_append_string(text, "]");
}

void weft_problem_json(const struct weft_error *error, int http_status, struct weft_text *text)
{
    enum weft_status status = weft_error_status(error);
    struct weft_error_place place = weft_error_place(error);
    char whole[4096];
    weft_error_format_whole(error, whole, sizeof(whole));
    write_type(text, status);
    write_member(text, "title", weft_status_words(status));
    weft_text_printf(text, ",\"status\":%d",
                     http_status > 0 ? http_status : weft_status_http(status));
    write_member(text, "detail", weft_error_message(error));
    write_member(text, "error", whole);
    write_member(text, "pipeline", place.pipeline);
    write_member(text, "step", place.step);
    write_member(text, "node", place.node);
    if (place.attempt != 0) {
        weft_text_printf(text, ",\"attempt\":%u", (unsigned)place.attempt);
    }
    write_causes(text, error);
    write_member(text, "hint", weft_error_hint(error));
    weft_text_append_string(text, "}");
}

/* --- google.rpc.Status ---------------------------------------------------------------------------
 */

/*
 * google.rpc.Status: code = 1, message = 2, details = 3 (google.protobuf.Any: type_url = 1,
 * value = 2); google.rpc.ErrorInfo: reason = 1, domain = 2, metadata = 3 (map of strings).
 */
static const char error_info[] = "type.googleapis.com/google.rpc.ErrorInfo";
static const char domain[] = "weft";

enum { METADATA_VALUE_MAX_BYTES = 512 };

static void write_metadata(struct weft_protobuf_writer *writer, const char *key, const char *value)
{
    if (value == NULL) {
        return;
    }
    size_t length = strlen(value);
    if (length > METADATA_VALUE_MAX_BYTES) {
        length = METADATA_VALUE_MAX_BYTES;
        while (length > 0 && ((unsigned char)value[length] & 0xC0) == 0x80) {
            length--; /* not within a character */
        }
    }
    size_t entry = weft_protobuf_open(writer, 3);
    weft_protobuf_put_string(writer, 1, key);
    weft_protobuf_put_bytes(writer, 2, value, length);
    weft_protobuf_close(writer, entry);
}

static void write_info(struct weft_protobuf_writer *writer, const struct weft_error *error,
                       size_t causes)
{
    struct weft_error_place place = weft_error_place(error);
    char number[32];
    weft_protobuf_put_string(writer, 1, weft_status_name(weft_error_status(error)));
    weft_protobuf_put_string(writer, 2, domain);
    write_metadata(writer, "pipeline", place.pipeline);
    write_metadata(writer, "step", place.step);
    write_metadata(writer, "node", place.node);
    if (place.attempt != 0) {
        snprintf(number, sizeof(number), "%u", (unsigned)place.attempt);
        write_metadata(writer, "attempt", number);
    }
    write_metadata(writer, "hint", weft_error_hint(error));
    const struct weft_error *cause = weft_error_cause(error);
    for (size_t i = 0; i < causes && cause != NULL; i++, cause = weft_error_cause(cause)) {
        snprintf(number, sizeof(number), "cause%zu", i + 1);
        write_metadata(writer, number, weft_error_message(cause));
    }
}

static void write_status(struct weft_protobuf_writer *writer, const struct weft_error *error,
                         size_t causes)
{
    weft_protobuf_put_uint64(writer, 1, (uint64_t)weft_status_grpc(weft_error_status(error)));
    const char *message = weft_error_message(error);
    size_t length = strlen(message);
    while (length > 1024 ||
           (message[length] != '\0' && ((unsigned char)message[length] & 0xC0) == 0x80)) {
        length--;
    }
    weft_protobuf_put_bytes(writer, 2, message, length);
    size_t any = weft_protobuf_open(writer, 3);
    weft_protobuf_put_string(writer, 1, error_info);
    size_t info = weft_protobuf_open(writer, 2);
    write_info(writer, error, causes);
    weft_protobuf_close(writer, info);
    weft_protobuf_close(writer, any);
}

void weft_problem_grpc(const struct weft_error *error, struct weft_text *bytes)
{
    for (size_t causes = 17; causes < SIZE_MAX; causes--) {
        struct weft_protobuf_writer writer;
        cleanup_slices struct weft_slices slices = {0};
        weft_protobuf_writer_init(&writer);
        write_status(&writer, error, causes);
        if (weft_protobuf_finish(&writer, &slices, NULL) != WEFT_OK) {
            bytes->failed = true;
            return;
        }
        if (causes > 0 && weft_slices_size_bytes(&slices) > WEFT_PROBLEM_DETAILS_MAX_BYTES) {
            continue;
        }
        for (size_t i = 0; i < slices.count; i++) {
            const struct weft_slice *slice = &weft_slices_items(&slices)[i];
            weft_text_append(bytes, (const char *)slice->data, slice->size_bytes);
        }
        return;
    }
}

struct details {
    bool ours; /* one of them is */
    uint64_t code;
    char *message;
    char *pipeline, *step, *node, *hint;
    char *causes[17];
    uint32_t attempt;
};

static void keep(char **place, char **value)
{
    if (*place == NULL) {
        *place = steal(value);
    }
}

static void read_metadata(struct weft_protobuf_reader *reader, struct details *details)
{
    struct weft_protobuf_field field;
    cleanup_free char *key = NULL;
    cleanup_free char *value = NULL;
    while (weft_protobuf_next(reader, &field)) {
        if (field.number == 1) {
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, &key);
        } else if (field.number == 2) {
            weft_protobuf_set_string(reader, &field, 4 * 1024, &value);
        }
    }
    if (key == NULL || value == NULL) {
        return;
    }
    unsigned number = 0;
    if (strcmp(key, "pipeline") == 0) {
        keep(&details->pipeline, &value);
    } else if (strcmp(key, "step") == 0) {
        keep(&details->step, &value);
    } else if (strcmp(key, "node") == 0) {
        keep(&details->node, &value);
    } else if (strcmp(key, "hint") == 0) {
        keep(&details->hint, &value);
    } else if (strcmp(key, "attempt") == 0) {
        details->attempt = (uint32_t)strtoul(value, NULL, 10);
    } else if (sscanf(key, "cause%2u", &number) == 1 && number >= 1 && number <= 17) {
        keep(&details->causes[number - 1], &value);
    }
}

static bool is_text(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *field,
                    const char *text)
{
    return weft_protobuf_is_bytes(reader, field) && field->size_bytes == strlen(text) &&
           memcmp(field->data, text, field->size_bytes) == 0;
}

/* Of an ErrorInfo; the domain may stand behind what it is about. */
static bool is_of_our_domain(struct weft_protobuf_reader info)
{
    struct weft_protobuf_field field;
    bool ours = false;
    while (weft_protobuf_next(&info, &field)) {
        if (field.number == 2) {
            ours = is_text(&info, &field, domain);
        }
    }
    return ours;
}

static void read_info(struct weft_protobuf_reader *reader, struct details *details)
{
    struct weft_protobuf_field field;
    struct weft_protobuf_reader inner;
    if (!is_of_our_domain(*reader)) {
        return;
    }
    details->ours = true;
    while (weft_protobuf_next(reader, &field)) {
        if (field.number == 3 && weft_protobuf_enter(reader, &field, &inner)) {
            read_metadata(&inner, details);
            weft_protobuf_leave(reader, &inner);
        }
    }
}

static void read_any(struct weft_protobuf_reader *reader, struct details *details)
{
    struct weft_protobuf_field field;
    struct weft_protobuf_reader inner;
    bool is_info = false;
    while (weft_protobuf_next(reader, &field)) {
        if (field.number == 1) {
            is_info = is_text(reader, &field, error_info);
        } else if (field.number == 2 && is_info && weft_protobuf_enter(reader, &field, &inner)) {
            read_info(&inner, details);
            weft_protobuf_leave(reader, &inner);
        }
    }
}

static void make(const struct details *details, struct weft_error **error)
{
    struct weft_error *made = NULL;
    enum weft_status status = weft_status_from_grpc((int)details->code);
    for (size_t i = 17; i > 0; i--) {
        if (details->causes[i - 1] != NULL) {
            (void)weft_error_set(&made, status, "%s", details->causes[i - 1]);
        }
    }
    (void)weft_error_set(&made, status, "%s", details->message != NULL ? details->message : "");
    if (details->hint != NULL) {
        weft_error_set_hint(&made, "%s", details->hint);
    }
    struct weft_error_place place = {details->pipeline, details->step, details->node,
                                     details->attempt};
    weft_error_set_place(&made, &place);
    if (error != NULL) {
        weft_error_unref(*error);
        *error = steal(&made);
    }
    weft_error_unref(made);
}

bool weft_problem_grpc_decode(const void *data, size_t size_bytes, struct weft_error **error)
{
    struct details details = {0};
    struct weft_protobuf_reader reader;
    struct weft_protobuf_reader inner;
    struct weft_protobuf_field field;
    weft_protobuf_reader_init(&reader, data, size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            details.code = weft_protobuf_uint64(&reader, &field);
        } else if (field.number == 2) {
            weft_protobuf_set_string(&reader, &field, 4 * 1024, &details.message);
        } else if (field.number == 3 && weft_protobuf_enter(&reader, &field, &inner)) {
            read_any(&inner, &details);
            weft_protobuf_leave(&reader, &inner);
        }
    }
    bool good = reader.failure == NULL && details.ours && details.code >= 1 && details.code <= 16;
    if (good) {
        make(&details, error);
    }
    free(details.message);
    free(details.pipeline);
    free(details.step);
    free(details.node);
    free(details.hint);
    for (size_t i = 0; i < 17; i++) {
        free(details.causes[i]);
    }
    return good;
}
