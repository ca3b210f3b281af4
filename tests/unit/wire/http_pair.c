/* SPDX-License-Identifier: Apache-2.0 */
#include "http_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/assert.h>

/* --- Carrying bytes
 * ---------------------------------------------------------------------------------------------- */

static void on_client_goaway(void *context)
{
    ((struct http_pair *)context)->client_goaways++;
}

static void on_client_ping(void *context)
{
    ((struct http_pair *)context)->client_pings++;
}

static const struct weft_http_events client_events = {.on_goaway = on_client_goaway,
                                                      .on_ping_ack = on_client_ping};

bool http_pair_try_init(struct http_pair *pair, enum weft_http_version version,
                        const struct weft_http_events *server_events, void *context)
{
    *pair = (struct http_pair){.server_events = server_events, .context = context};
    pair->shared = weft_http_shared_new();
    if (pair->shared != NULL &&
        weft_http_new_client(pair->shared, version, "http", &client_events, pair, &pair->client,
                             NULL) == WEFT_OK &&
        weft_http_new_server(pair->shared, "http", server_events, context, &pair->server, NULL) ==
            WEFT_OK) {
        return true;
    }
    http_pair_fini(pair);
    return false;
}

void http_pair_init(struct http_pair *pair, enum weft_http_version version,
                    const struct weft_http_events *server_events, void *context)
{
    weft_assert(http_pair_try_init(pair, version, server_events, context));
}

void http_pair_fini(struct http_pair *pair)
{
    weft_http_free(pair->client);
    weft_http_free(pair->server);
    weft_http_shared_free(pair->shared);
    weft_error_unref(pair->error);
    *pair = (struct http_pair){0};
}

/* *ret_given tells how much the side took before it stopped reading. */
static enum weft_status give(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                             size_t *ret_given, struct weft_error **error)
{
    *ret_given = 0;
    while (size_bytes > 0) {
        struct iovec vector[2];
        int count = weft_http_receive_vector(http, vector, 2, error);
        if (count == 0) {
            return WEFT_OK;
        }
        size_t filled = 0;
        for (int i = 0; i < count && size_bytes > 0; i++) {
            size_t part = size_bytes < vector[i].iov_len ? size_bytes : vector[i].iov_len;
            memcpy(vector[i].iov_base, data, part);
            data += part;
            size_bytes -= part;
            filled += part;
        }
        *ret_given += filled;
        enum weft_status status = weft_http_received(http, filled, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

enum weft_status http_give(struct weft_http *http, const void *data, size_t size_bytes,
                           size_t piece_bytes)
{
    const uint8_t *bytes = data;
    while (size_bytes > 0) {
        size_t part = piece_bytes > 0 && piece_bytes < size_bytes ? piece_bytes : size_bytes;
        size_t given = 0;
        enum weft_status status = give(http, bytes, part, &given, NULL);
        if (status != WEFT_OK) {
            return status;
        }
        bytes += part;
        size_bytes -= part;
    }
    return WEFT_OK;
}

bool http_pair_carry(struct http_pair *pair, struct weft_http *from, struct weft_http *to)
{
    if (!weft_http_wants_receive(to) && !weft_http_is_done(to)) {
        return false;
    }
    struct iovec vector[WEFT_HTTP_VECTOR_MAX];
    int capacity = pair->vector_count > 0 ? (int)pair->vector_count : WEFT_HTTP_VECTOR_MAX;
    int count = weft_http_send_vector(from, vector, capacity);
    size_t left = pair->piece_bytes > 0 ? pair->piece_bytes : SIZE_MAX;
    size_t carried = 0;
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = vector[i].iov_len < left ? vector[i].iov_len : left;
        size_t given = 0;
        enum weft_status status =
            give(to, vector[i].iov_base, part, &given, pair->error == NULL ? &pair->error : NULL);
        if (status != WEFT_OK || weft_http_is_done(to)) {
            given = part; /* a side that ended takes no more, and nobody waits for it */
        }
        left -= part;
        carried += given;
        if (given < part) {
            break;
        }
    }
    weft_http_sent(from, carried);
    return carried > 0;
}

void http_pair_run(struct http_pair *pair)
{
    bool busy = true;
    while (busy) {
        busy = http_pair_carry(pair, pair->client, pair->server);
        busy |= http_pair_carry(pair, pair->server, pair->client);
    }
}

char *http_take(struct weft_http *http, size_t *ret_size_bytes)
{
    char *text = calloc(1, 1);
    size_t length = 0;
    struct iovec vector[4];
    int count = 0;
    while ((count = weft_http_send_vector(http, vector, 4)) > 0) {
        size_t sent = 0;
        for (int i = 0; i < count; i++) {
            text = realloc(text, length + vector[i].iov_len + 1);
            memcpy(text + length, vector[i].iov_base, vector[i].iov_len);
            length += vector[i].iov_len;
            sent += vector[i].iov_len;
        }
        text[length] = '\0';
        weft_http_sent(http, sent);
    }
    if (ret_size_bytes != NULL) {
        *ret_size_bytes = length;
    }
    return text;
}

/* --- Recording
 * ---------------------------------------------------------------------------------------------------
 */

static void record_head(void *context, struct weft_http_stream *stream,
                        const struct weft_http_head *head)
{
    struct http_record *record = context;
    record->stream = stream;
    record->status = head->status;
    record->fields_count = head->fields_count;
    const char *type = weft_http_head_value(head, "content-type");
    snprintf(record->content_type, sizeof(record->content_type), "%s", type != NULL ? type : "");
    if (record->landing != NULL) {
        weft_http_stream_expect(stream, record->landing->size_bytes);
        weft_http_stream_land(stream, record->landing, 0, record->landing->size_bytes);
    }
}

static void record_data(void *context, struct weft_http_stream *stream,
                        const struct weft_slice *data)
{
    struct http_record *record = context;
    weft_assert(record->closed_count == 0 && !record->ended && data->size_bytes > 0);
    uint8_t *body = realloc(record->body, record->body_bytes + data->size_bytes);
    if (body == NULL) {
        weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
        return;
    }
    record->body = body;
    memcpy(record->body + record->body_bytes, data->data, data->size_bytes);
    record->body_bytes += data->size_bytes;
    record->slices_count++;
    if (!record->hold) {
        weft_http_stream_consumed(stream, data->size_bytes);
    }
}

static void record_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                          bool complete)
{
    struct http_record *record = context;
    record->landed_bytes += size_bytes;
    record->landed_complete |= complete;
    weft_http_stream_consumed(stream, size_bytes);
}

static void record_end(void *context, struct weft_http_stream *stream,
                       const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)stream;
    struct http_record *record = context;
    weft_assert(!record->ended);
    record->ended = true;
    const struct weft_http_field *field =
        weft_http_field_find(trailers, trailers_count, "x-trailer");
    snprintf(record->trailer, sizeof(record->trailer), "%s", field != NULL ? field->value : "");
}

static void record_drained(void *context, struct weft_http_stream *stream)
{
    (void)stream;
    ((struct http_record *)context)->drained_count++;
}

static void record_closed(void *context, struct weft_http_stream *stream,
                          const struct weft_http_close *close)
{
    (void)stream;
    struct http_record *record = context;
    record->stream = NULL;
    record->closed_count++;
    record->close = *close;
}

const struct weft_http_stream_events http_record_events = {
    .on_head = record_head,
    .on_data = record_data,
    .on_landed = record_landed,
    .on_end = record_end,
    .on_drained = record_drained,
    .on_closed = record_closed,
};

void http_record_fini(struct http_record *record)
{
    free(record->body);
    weft_buffer_unref(record->landing);
    *record = (struct http_record){0};
}

/* --- The server
 * --------------------------------------------------------------------------------------------------
 */

static void give_up(struct http_server *server, struct weft_http_stream *stream)
{
    server->out_of_memory_count++;
    weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
}

static void answer(struct http_server *server, struct weft_http_stream *stream)
{
    struct http_record *record = &server->last;
    struct weft_http_field fields[] = {WEFT_HTTP_FIELD("content-type", "text/plain")};
    bool echo = strcmp(server->path, "/echo") == 0;
    bool hello = strcmp(server->path, "/hello") == 0;
    struct weft_http_head head = {
        .status = echo || hello ? 200 : 404, .fields = fields, .fields_count = 1};
    if (weft_http_stream_respond(stream, &head, !echo && !hello, NULL) != WEFT_OK) {
        give_up(server, stream);
        return;
    }
    if (!echo && !hello) {
        return;
    }
    struct weft_slice body = weft_slice_static("hello", 5);
    if (echo) {
        body = record->landing != NULL ? weft_slice_of(record->landing, 0, record->landed_bytes)
                                       : (struct weft_slice){0};
        if (record->landing == NULL && !weft_slice_copy(record->body, record->body_bytes, &body)) {
            give_up(server, stream);
            return;
        }
    }
    struct weft_http_field trailers[] = {WEFT_HTTP_FIELD("x-trailer", "done")};
    if (weft_http_stream_send(stream, "<", hello ? 1 : 0, &body, 1, NULL) != WEFT_OK ||
        weft_http_stream_end(stream, trailers, echo ? 1 : 0, NULL) != WEFT_OK) {
        weft_slice_fini(&body);
        give_up(server, stream);
    }
}

/* The record is the last request's; of older ones that still come nothing is kept. */
static void server_end(void *context, struct weft_http_stream *stream,
                       const struct weft_http_field *trailers, size_t trailers_count)
{
    struct http_server *server = context;
    if (server->last.stream == stream) {
        record_end(&server->last, stream, trailers, trailers_count);
    }
    if (strcmp(server->path, "/silent") != 0 && !server->early) {
        answer(server, stream);
    }
}

static void server_data(void *context, struct weft_http_stream *stream,
                        const struct weft_slice *data)
{
    struct http_server *server = context;
    if (server->last.stream == stream) {
        record_data(&server->last, stream, data);
    } else {
        weft_http_stream_consumed(stream, data->size_bytes);
    }
}

static void server_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                          bool complete)
{
    struct http_server *server = context;
    if (server->last.stream == stream) {
        record_landed(&server->last, stream, size_bytes, complete);
    } else {
        weft_http_stream_consumed(stream, size_bytes);
    }
}

static void server_drained(void *context, struct weft_http_stream *stream)
{
    record_drained(&((struct http_server *)context)->last, stream);
}

static void server_closed(void *context, struct weft_http_stream *stream,
                          const struct weft_http_close *close)
{
    struct http_server *server = context;
    server->closed_count++;
    server->cancelled_count += close->status == WEFT_CANCELLED;
    if (server->last.stream == stream) {
        record_closed(&server->last, stream, close);
    }
}

static const struct weft_http_stream_events server_stream_events = {
    .on_data = server_data,
    .on_landed = server_landed,
    .on_end = server_end,
    .on_drained = server_drained,
    .on_closed = server_closed,
};

static void server_request(void *context, struct weft_http_stream *stream,
                           const struct weft_http_head *head)
{
    struct http_server *server = context;
    struct weft_buffer *landing = weft_buffer_ref(server->last.landing);
    bool hold = server->last.hold;
    http_record_fini(&server->last);
    server->last.landing = landing;
    server->last.hold = hold;
    server->requests_count++;
    snprintf(server->method, sizeof(server->method), "%s", head->method);
    snprintf(server->path, sizeof(server->path), "%s", head->path);
    snprintf(server->authority, sizeof(server->authority), "%s", head->authority);
    const char *field = weft_http_head_value(head, "x-field");
    snprintf(server->field, sizeof(server->field), "%s", field != NULL ? field : "");
    if (strcmp(head->path, "/nobody") == 0) {
        return;
    }
    server->handled_count++;
    weft_http_stream_handle(stream, &server_stream_events, server);
    record_head(&server->last, stream, head);
    if (server->early) {
        answer(server, stream);
    }
}

const struct weft_http_events http_server_events = {.on_request = server_request};

void http_server_fini(struct http_server *server)
{
    http_record_fini(&server->last);
}
