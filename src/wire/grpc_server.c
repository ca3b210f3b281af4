/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/value.h"
#include "wire/grpc_private.h"
#include "wire/problem.h"

/* The server's side of a call: its request's head, its answer's head and its status. */

static const struct weft_http_field content_type = {
    "content-type", "application/grpc", 12, 16, true, false};
static const struct weft_http_field accepts = {
    "grpc-accept-encoding", "identity,gzip", 20, 13, true, false};
static const struct weft_http_field packs = {"grpc-encoding", "gzip", 13, 4, true, false};
static const struct weft_http_field status_ok = {"grpc-status", "0", 11, 1, true, false};

/* --- The request
 * -------------------------------------------------------------------------------------------------
 */

bool weft_grpc_is_request(const struct weft_http_head *head)
{
    const char *type = weft_http_head_value(head, "content-type");
    if (type == NULL || strncasecmp(type, "application/grpc", 16) != 0) {
        return false;
    }
    return type[16] == '\0' || type[16] == '+' || type[16] == ';';
}

/* Whether a list like "identity, deflate, gzip" has the word. */
static bool lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (*list != '\0') {
        list += strspn(list, " ,");
        size_t item_length = strcspn(list, ",");
        size_t trimmed = item_length;
        while (trimmed > 0 && list[trimmed - 1] == ' ') {
            trimmed--;
        }
        if (trimmed == length && memcmp(list, word, length) == 0) {
            return true;
        }
        list += item_length;
    }
    return false;
}

static enum weft_status refuse(struct weft_http_stream *stream, enum weft_status status,
                               const char *message, struct weft_error **error)
{
    weft_grpc_refuse(stream, status, message);
    return weft_error_set(error, status, "%s", message);
}

/* What the head's fields say, in one pass. */
struct request_fields {
    const char *te;
    const char *timeout;
    const char *encoding;
    const char *accepts;
};

static void read_fields(const struct weft_http_head *head, struct request_fields *ret_fields)
{
    *ret_fields = (struct request_fields){0};
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct weft_http_field *field = &head->fields[i];
        const char **place = NULL;
        switch (field->name_length) {
        case 2:
            place = memcmp(field->name, "te", 2) == 0 ? &ret_fields->te : NULL;
            break;
        case 12:
            place = memcmp(field->name, "grpc-timeout", 12) == 0 ? &ret_fields->timeout : NULL;
            break;
        case 13:
            place = memcmp(field->name, "grpc-encoding", 13) == 0 ? &ret_fields->encoding : NULL;
            break;
        case 20:
            place =
                memcmp(field->name, "grpc-accept-encoding", 20) == 0 ? &ret_fields->accepts : NULL;
            break;
        default:
            break;
        }
        if (place != NULL && *place == NULL) {
            *place = field->value;
        }
    }
}

/* An answer that a client of HTTP/1.1 can read. */
static void refuse_version(struct weft_http_stream *stream)
{
    static const struct weft_http_field type =
        WEFT_HTTP_FIELD("content-type", WEFT_PROBLEM_CONTENT_TYPE);
    const struct weft_http_head head = {.status = 505, .fields = &type, .fields_count = 1};
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text text = {0};
    cleanup_slice struct weft_slice body = {0};
    (void)!weft_error_set(&error, WEFT_UNIMPLEMENTED, "gRPC needs HTTP/2");
    weft_problem_json(error, head.status, &text);
    if (text.failed || !weft_slice_copy(text.data, text.length, &body) ||
        weft_http_stream_respond(stream, &head, false, NULL) != WEFT_OK ||
        weft_http_stream_send(stream, NULL, 0, &body, 1, NULL) != WEFT_OK) {
        weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
        return;
    }
    body = (struct weft_slice){0};
    if (weft_http_stream_end(stream, NULL, 0, NULL) != WEFT_OK) {
        weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
    }
}

static enum weft_status check(struct weft_http_stream *stream, const struct weft_http_head *head,
                              const struct request_fields *fields, struct weft_error **error)
{
    if (weft_http_version(weft_http_stream_http(stream)) != WEFT_HTTP_2) {
        refuse_version(stream);
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "gRPC needs HTTP/2");
    }
    if (strcmp(head->method, "POST") != 0) {
        return refuse(stream, WEFT_INVALID_ARGUMENT, "gRPC calls are POST requests", error);
    }
    if (fields->te == NULL || !lists(fields->te, "trailers")) {
        return refuse(stream, WEFT_INVALID_ARGUMENT, "the request lacks te: trailers", error);
    }
    return WEFT_OK;
}

enum weft_status weft_grpc_accept(struct weft_http_stream *stream,
                                  const struct weft_http_head *head,
                                  const struct weft_grpc_options *options,
                                  const struct weft_grpc_events *events, void *context,
                                  struct weft_grpc_call **ret_call, struct weft_error **error)
{
    struct request_fields fields;
    read_fields(head, &fields);
    enum weft_status status = check(stream, head, &fields, error);
    if (status != WEFT_OK) {
        return status;
    }
    uint64_t timeout_ns = UINT64_MAX;
    if (fields.timeout != NULL && !weft_grpc_timeout_parse(fields.timeout, &timeout_ns)) {
        return refuse(stream, WEFT_INVALID_ARGUMENT, "a malformed grpc-timeout", error);
    }
    enum weft_grpc_encoding encoding = WEFT_GRPC_IDENTITY;
    if (fields.encoding != NULL && !weft_grpc_encoding_parse(fields.encoding, &encoding)) {
        return refuse(stream, WEFT_UNIMPLEMENTED,
                      "an unknown grpc-encoding; identity and gzip are known", error);
    }
    struct weft_grpc_call *call = weft_grpc_call_new(stream, options, events, context);
    if (call == NULL) {
        weft_grpc_refuse(stream, WEFT_OUT_OF_MEMORY, NULL);
        return weft_error_set_out_of_memory(error);
    }
    call->is_server = true;
    call->timeout_ns = timeout_ns;
    call->encoding_in = (uint8_t)encoding;
    call->peer_takes_gzip = fields.accepts != NULL && lists(fields.accepts, "gzip");
    *ret_call = call;
    return WEFT_OK;
}

uint64_t weft_grpc_call_timeout_ns(const struct weft_grpc_call *call)
{
    return call->timeout_ns;
}

bool weft_grpc_call_accepts(const struct weft_grpc_call *call, enum weft_grpc_encoding encoding)
{
    return encoding == WEFT_GRPC_IDENTITY || call->peer_takes_gzip;
}

/* --- The answer
 * --------------------------------------------------------------------------------------------------
 */

void weft_grpc_call_set_encoding(struct weft_grpc_call *call, enum weft_grpc_encoding encoding)
{
    if (!call->head_sent && weft_grpc_call_accepts(call, encoding)) {
        call->encoding_out = (uint8_t)encoding;
    }
}

enum weft_status weft_grpc_call_set_head(struct weft_grpc_call *call,
                                         const struct weft_grpc_metadata *metadata, size_t count,
                                         struct weft_error **error)
{
    cleanup_text struct weft_text scratch = {0};
    struct weft_http_field fields[WEFT_GRPC_METADATA_MAX];
    enum weft_status status = weft_grpc_metadata_to_fields(metadata, count, fields,
                                                           WEFT_GRPC_METADATA_MAX, &scratch, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_http_field *kept = weft_http_stream_memory(call->stream, count * sizeof(*kept));
    if (kept == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        char *text = weft_http_stream_memory(call->stream,
                                             fields[i].name_length + fields[i].value_length + 2U);
        if (text == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        kept[i] = fields[i];
        memcpy(text, fields[i].name, fields[i].name_length);
        kept[i].name = text;
        text += fields[i].name_length + 1;
        memcpy(text, fields[i].value, fields[i].value_length);
        kept[i].value = text;
    }
    call->head_fields = kept;
    call->head_fields_count = count;
    return WEFT_OK;
}

enum weft_status weft_grpc_server_send_head(struct weft_grpc_call *call, struct weft_error **error)
{
    struct weft_http_field fields[3 + WEFT_GRPC_METADATA_MAX];
    size_t count = 0;
    fields[count++] = content_type;
    fields[count++] = accepts;
    if (call->encoding_out == WEFT_GRPC_GZIP) {
        fields[count++] = packs;
    }
    if (call->head_fields_count > 0) {
        memcpy(&fields[count], call->head_fields, call->head_fields_count * sizeof(fields[0]));
        count += call->head_fields_count;
    }
    struct weft_http_head head = {.status = 200, .fields = fields, .fields_count = count};
    enum weft_status status = weft_http_stream_respond(call->stream, &head, false, error);
    call->head_sent = status == WEFT_OK;
    return status;
}

/* grpc-status and grpc-message, into fields[0..2). */
struct status_fields {
    char number[4];
    char message[WEFT_GRPC_STATUS_MESSAGE_MAX_BYTES];
};

static size_t make_status(struct status_fields *texts, struct weft_http_field *fields,
                          enum weft_status status, const char *message)
{
    if (status == WEFT_OK) {
        fields[0] = status_ok;
        return 1;
    }
    int length =
        snprintf(texts->number, sizeof(texts->number), "%d", weft_status_grpc(status) % 100);
    fields[0] =
        (struct weft_http_field){"grpc-status", texts->number, 11, (uint32_t)length, false, false};
    size_t message_length =
        weft_grpc_message_encode(message != NULL ? message : weft_status_words(status),
                                 texts->message, sizeof(texts->message));
    fields[1] = (struct weft_http_field){"grpc-message",           texts->message, 12,
                                         (uint32_t)message_length, false,          true};
    return 2;
}

static enum weft_status send_status(struct weft_grpc_call *call, struct weft_http_field *fields,
                                    size_t count)
{
    if (call->head_sent) {
        return weft_http_stream_end(call->stream, fields + 1, count - 1, NULL);
    }
    struct weft_http_head head = {.status = 200, .fields = fields, .fields_count = count};
    return weft_http_stream_respond(call->stream, &head, true, NULL);
}

void weft_grpc_finish(struct weft_grpc_call *call, enum weft_status status, const char *message,
                      const struct weft_grpc_metadata *trailers, size_t trailers_count)
{
    if (call->finished || call->failed) {
        return;
    }
    cleanup_text struct weft_text scratch = {0};
    struct status_fields texts;
    struct weft_http_field fields[3 + 2 * WEFT_GRPC_METADATA_MAX];
    fields[0] = content_type; /* of a trailers-only answer */
    size_t count = 1 + make_status(&texts, fields + 1, status, message);
    if (trailers_count > 0 &&
        weft_grpc_metadata_to_fields(trailers, trailers_count, fields + count,
                                     WEFT_GRPC_METADATA_MAX, &scratch, NULL) == WEFT_OK) {
        count += trailers_count;
    }
    if (!call->head_sent && call->head_fields_count > 0) {
        /* Initial metadata that had no head to go with. */
        memcpy(&fields[count], call->head_fields, call->head_fields_count * sizeof(fields[0]));
        count += call->head_fields_count;
    }
    call->finished = true;
    if (send_status(call, fields, count) != WEFT_OK) {
        weft_http_stream_reset(call->stream, WEFT_HTTP_INTERNAL_ERROR);
    }
}

enum weft_status weft_grpc_reply(struct weft_grpc_call *call, struct weft_slice *take_slices,
                                 size_t slices_count, struct weft_error **error)
{
    enum weft_status status = weft_grpc_send(call, take_slices, slices_count, error);
    if (status == WEFT_OK) {
        weft_grpc_finish(call, WEFT_OK, NULL, NULL, 0);
    }
    return status;
}

void weft_grpc_refuse(struct weft_http_stream *stream, enum weft_status status, const char *message)
{
    struct status_fields texts;
    struct weft_http_field fields[3] = {content_type};
    size_t count = 1 + make_status(&texts, fields + 1, status, message);
    struct weft_http_head head = {.status = 200, .fields = fields, .fields_count = count};
    if (weft_http_stream_respond(stream, &head, true, NULL) != WEFT_OK) {
        weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
    }
}
