/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/grpc_private.h"

/* The client's side of a call: its request, the answer's head, and the status at its end. */

static enum weft_status make_fields(const struct weft_grpc_request *request,
                                    char timeout[WEFT_GRPC_TIMEOUT_TEXT_BYTES],
                                    struct weft_http_field *fields, size_t *ret_count,
                                    struct weft_text *scratch, struct weft_error **error)
{
    size_t count = 0;
    fields[count++] = WEFT_HTTP_FIELD("te", "trailers");
    fields[count++] = WEFT_HTTP_FIELD("content-type", "application/grpc");
    fields[count++] = WEFT_HTTP_FIELD("user-agent", "weft/" WEFT_VERSION);
    fields[count++] = WEFT_HTTP_FIELD("grpc-accept-encoding", "identity,gzip");
    if (request->encoding == WEFT_GRPC_GZIP) {
        fields[count++] = WEFT_HTTP_FIELD("grpc-encoding", "gzip");
    }
    if (request->timeout_ns != UINT64_MAX) {
        weft_grpc_timeout_format(request->timeout_ns, timeout);
        fields[count++] = (struct weft_http_field){
            "grpc-timeout", timeout, 12, (uint32_t)strlen(timeout), false, true};
    }
    enum weft_status status =
        weft_grpc_metadata_to_fields(request->metadata, request->metadata_count, fields + count,
                                     WEFT_GRPC_METADATA_MAX, scratch, error);
    *ret_count = count + request->metadata_count;
    return status;
}

static void orphan_data(void *context, struct weft_http_stream *stream,
                        const struct weft_slice *data)
{
    (void)context, (void)stream, (void)data;
}

static void orphan_closed(void *context, struct weft_http_stream *stream,
                          const struct weft_http_close *close)
{
    (void)context, (void)stream, (void)close;
}

/* For the moment between opening the stream and having a call in it. */
static const struct weft_http_stream_events orphan_events = {.on_data = orphan_data,
                                                             .on_closed = orphan_closed};

enum weft_status weft_grpc_call(struct weft_http *http, const struct weft_grpc_request *request,
                                const struct weft_grpc_options *options,
                                const struct weft_grpc_events *events, void *context,
                                struct weft_grpc_call **ret_call, struct weft_error **error)
{
    cleanup_text struct weft_text scratch = {0};
    char timeout[WEFT_GRPC_TIMEOUT_TEXT_BYTES];
    struct weft_http_field fields[6 + WEFT_GRPC_METADATA_MAX];
    struct weft_http_head head = {
        .method = "POST", .path = request->path, .authority = request->authority, .fields = fields};
    enum weft_status status =
        make_fields(request, timeout, fields, &head.fields_count, &scratch, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_http_stream *stream = NULL;
    status = weft_http_open(http, &head, false, &orphan_events, NULL, &stream, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_grpc_call *call = weft_grpc_call_new(stream, options, events, context);
    if (call == NULL) {
        weft_http_stream_reset(stream, WEFT_HTTP_CANCEL);
        return weft_error_set_out_of_memory(error);
    }
    call->encoding_out = (uint8_t)request->encoding;
    call->timeout_ns = request->timeout_ns;
    *ret_call = call;
    return WEFT_OK;
}

enum weft_status weft_grpc_half_close(struct weft_grpc_call *call, struct weft_error **error)
{
    if (call->failed || call->finished) {
        return weft_error_set(error, WEFT_CANCELLED, "the call is over");
    }
    enum weft_status status = weft_http_stream_end(call->stream, NULL, 0, error);
    call->finished = status == WEFT_OK;
    return status;
}

bool weft_grpc_call_was_unprocessed(const struct weft_grpc_call *call)
{
    return call->unprocessed;
}

/* --- The answer
 * --------------------------------------------------------------------------------------------------
 */

void weft_grpc_client_head(struct weft_grpc_call *call, const struct weft_http_head *head)
{
    call->http_status = head->status;
    call->trailers = head->fields; /* should this be trailers-only */
    call->trailers_count = head->fields_count;
    const char *encoding = weft_http_head_value(head, "grpc-encoding");
    enum weft_grpc_encoding known = WEFT_GRPC_IDENTITY;
    if (encoding != NULL && !weft_grpc_encoding_parse(encoding, &known)) {
        weft_grpc_fail(call, WEFT_INTERNAL, "the answer has the unknown grpc-encoding %.32s",
                       encoding);
        return;
    }
    call->encoding_in = (uint8_t)known;
    if (weft_http_head_value(head, "grpc-status") != NULL) {
        return;
    }
    if (head->status != 200 || !weft_grpc_is_request(head)) {
        const char *type = weft_http_head_value(head, "content-type");
        enum weft_status status =
            head->status == 200 ? WEFT_UNKNOWN : weft_status_from_http(head->status);
        weft_grpc_fail(
            call, status,
            "the server does not speak gRPC: it answers with HTTP status %d and content-type %.64s",
            head->status, type != NULL ? type : "none");
        return;
    }
    if (call->events->on_head != NULL) {
        call->events->on_head(call->context, call, head);
    }
}

static void take_status(struct weft_grpc_call *call, const struct weft_http_field *field)
{
    char *end = NULL;
    long number = strtol(field->value, &end, 10);
    bool fine = field->value_length > 0 && field->value_length <= 4 && *end == '\0' && number >= 0;
    call->status = fine ? weft_status_from_grpc((int)number) : WEFT_UNKNOWN;
    if (call->status == WEFT_OK) {
        return;
    }
    const struct weft_http_field *message =
        weft_http_field_find(call->trailers, call->trailers_count, "grpc-message");
    char text[1024];
    size_t length =
        message != NULL
            ? weft_grpc_message_decode(message->value, message->value_length, text, sizeof(text))
            : 0;
    weft_error_set(&call->error, call->status, "%s",
                   length > 0 ? text : weft_status_words(call->status));
}

void weft_grpc_client_end(struct weft_grpc_call *call, const struct weft_http_field *trailers,
                          size_t trailers_count)
{
    if (call->failed) {
        return;
    }
    if (trailers_count > 0) {
        call->trailers = trailers;
        call->trailers_count = trailers_count;
    }
    const struct weft_http_field *field =
        weft_http_field_find(call->trailers, call->trailers_count, "grpc-status");
    call->told_half_closed = true;
    if (field == NULL) {
        call->failed = true;
        call->status = WEFT_UNKNOWN;
        weft_error_set(&call->error, call->status, "the answer ends without a grpc-status");
        return;
    }
    take_status(call, field);
    if (call->status == WEFT_OK && weft_grpc_receive_is_partial(call)) {
        call->status = WEFT_INTERNAL;
        weft_error_set(&call->error, call->status, "the answer ends inside a message");
    }
}
