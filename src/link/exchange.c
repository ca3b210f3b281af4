/* SPDX-License-Identifier: Apache-2.0 */
#include "link/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "link/exchange_private.h"
#include "link/internal.h"
#include "link/url.h"
#include "wire/problem.h"

/* Fields that a handler may add to an answer. */
enum { ADDED_FIELDS_MAX = 32 };

static void free_if_done(struct weft_exchange *exchange)
{
    if (exchange->ended && exchange->stream == NULL) {
        weft_slice_fini(&exchange->body);
        free(exchange);
    }
}

static void late(struct weft_collecting *collecting)
{
    struct weft_exchange *exchange = weft_list_entry(collecting, struct weft_exchange, collecting);
    weft_http_stream_reset(exchange->stream, WEFT_HTTP_NO_ERROR);
}

/* After the answer to a request that was not whole has been sent: the rest of the request is not
 * wanted (RFC 9113, 8.1; in HTTP/1.1 the connection ends). A long answer still waits for its
 * reader; then the body's time limit cuts. */
static void cut(void *context)
{
    struct weft_exchange *exchange = context;
    if (exchange->stream != NULL && !exchange->arrived &&
        weft_http_stream_queued_bytes(exchange->stream) == 0) {
        weft_http_stream_reset(exchange->stream, WEFT_HTTP_NO_ERROR);
    }
}

static void end(struct weft_exchange *exchange)
{
    weft_assert(!exchange->ended);
    weft_exchange_body_drop(exchange);
    weft_slice_fini(&exchange->body);
    exchange->ended = true;
    if (exchange->stream != NULL && !exchange->arrived) {
        weft_collecting_begin(exchange->server, &exchange->collecting, late);
        exchange->collecting.touched_ns = weft_loop_now_ns();
        weft_connection_nudge(&exchange->server->connection);
        weft_loop_defer_last(exchange->link->loop, &exchange->cut);
    }
    free_if_done(exchange);
}

/* --- the stream's events --- */

static void on_data(void *context, struct weft_http_stream *stream, const struct weft_slice *data)
{
    (void)stream;
    weft_exchange_body_data(context, data);
}

static void on_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                      bool complete)
{
    (void)stream, (void)complete;
    weft_exchange_body_landed(context, size_bytes);
}

static void on_end(void *context, struct weft_http_stream *stream,
                   const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)stream, (void)trailers, (void)trailers_count;
    weft_exchange_body_end(context);
}

static void on_drained(void *context, struct weft_http_stream *stream)
{
    struct weft_exchange *exchange = context;
    (void)stream;
    if (!exchange->ended && exchange->drained != NULL) {
        exchange->drained(exchange->drained_context);
    }
}

/* For the log: a handler that is under way says in the end whose request it was. */
static void keep_names(struct weft_exchange *exchange)
{
    snprintf(exchange->left_target, sizeof(exchange->left_target), "%s",
             weft_exchange_target(exchange));
    snprintf(exchange->left_peer, sizeof(exchange->left_peer), "%s", weft_exchange_peer(exchange));
}

static void on_closed(void *context, struct weft_http_stream *stream,
                      const struct weft_http_close *close)
{
    struct weft_exchange *exchange = context;
    (void)stream, (void)close;
    weft_exchange_body_drop(exchange);
    weft_deferred_cancel(&exchange->cut);
    if (!exchange->ended && exchange->handled) {
        keep_names(exchange);
    }
    exchange->stream = NULL;
    exchange->server = NULL;
    exchange->head = NULL;
    if (!exchange->ended && !exchange->handled) {
        exchange->ended = true; /* no handler has heard of it */
    }
    if (exchange->ended) {
        free_if_done(exchange);
    } else if (exchange->gone != NULL) {
        void (*gone)(void *context) = exchange->gone;
        exchange->gone = NULL;
        gone(exchange->gone_context);
    }
}

const struct weft_http_stream_events weft_exchange_stream_events = {
    .on_data = on_data,
    .on_landed = on_landed,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

void weft_exchange_init(struct weft_exchange *exchange)
{
    weft_deferred_init(&exchange->cut, cut, exchange);
}

void weft_exchange_hand_over(struct weft_exchange *exchange)
{
    exchange->handled = true;
    exchange->route->handle(exchange->route->context, exchange);
}

/* --- the request --- */

const char *weft_exchange_method(const struct weft_exchange *exchange)
{
    return exchange->head != NULL ? exchange->head->method : "";
}

const char *weft_exchange_target(const struct weft_exchange *exchange)
{
    return exchange->head != NULL ? exchange->head->path : exchange->left_target;
}

const char *weft_exchange_parameter(const struct weft_exchange *exchange, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < exchange->parameters_count; i++) {
        const struct weft_exchange_parameter *parameter = &exchange->parameters[i];
        if (parameter->name_length == length && memcmp(parameter->name, name, length) == 0) {
            return exchange->stream != NULL ? parameter->value : "";
        }
    }
    return NULL;
}

bool weft_exchange_query(const struct weft_exchange *exchange, const char *name, char *text,
                         size_t capacity)
{
    const char *query = exchange->head != NULL ? strchr(exchange->head->path, '?') : NULL;
    return query != NULL && weft_url_query(query + 1, name, text, capacity);
}

const char *weft_exchange_header(const struct weft_exchange *exchange, const char *name)
{
    return exchange->head != NULL ? weft_http_head_value(exchange->head, name) : NULL;
}

const struct weft_http_head *weft_exchange_head(const struct weft_exchange *exchange)
{
    return exchange->head;
}

const struct weft_slice *weft_exchange_body(const struct weft_exchange *exchange)
{
    return &exchange->body;
}

const char *weft_exchange_peer(const struct weft_exchange *exchange)
{
    return exchange->server != NULL ? weft_server_peer(exchange->server) : exchange->left_peer;
}

uint64_t weft_exchange_started_ns(const struct weft_exchange *exchange)
{
    return exchange->started_ns;
}

struct weft_link *weft_exchange_link(const struct weft_exchange *exchange)
{
    return exchange->link;
}

void weft_exchange_read(struct weft_exchange *exchange, const struct weft_exchange_reader *reader,
                        void *context)
{
    weft_assert(exchange->route->stream_body);
    exchange->reader = reader;
    exchange->reader_context = context;
}

void weft_exchange_on_gone(struct weft_exchange *exchange, void (*gone)(void *context),
                           void *context)
{
    exchange->gone = gone;
    exchange->gone_context = context;
}

bool weft_exchange_is_gone(const struct weft_exchange *exchange)
{
    return exchange->stream == NULL;
}

/* --- the response --- */

/* The head; on failure the stream is reset, so the client hears of it in any case. */
static bool send_head(struct weft_exchange *exchange, int status, const char *content_type,
                      const struct weft_http_field *fields, size_t fields_count,
                      int64_t content_length, bool last)
{
    struct weft_http_field all[ADDED_FIELDS_MAX + 2];
    char number[24];
    size_t count = 0;
    weft_assert(fields_count <= ADDED_FIELDS_MAX && !exchange->begun);
    exchange->begun = true;
    if (content_type != NULL) {
        all[count++] = (struct weft_http_field){.name = "content-type",
                                                .value = content_type,
                                                .name_length = 12,
                                                .value_length = (uint32_t)strlen(content_type)};
    }
    if (content_length >= 0 && status != 204 && status != 304) {
        int length = snprintf(number, sizeof(number), "%lld", (long long)content_length);
        all[count++] = (struct weft_http_field){.name = "content-length",
                                                .value = number,
                                                .name_length = 14,
                                                .value_length = (uint32_t)length};
    }
    if (fields_count > 0) {
        memcpy(&all[count], fields, fields_count * sizeof(*fields));
        count += fields_count;
    }
    struct weft_http_head head = {.status = status, .fields = all, .fields_count = count};
    if (weft_http_stream_respond(exchange->stream, &head, last, NULL) != WEFT_OK) {
        weft_http_stream_reset(exchange->stream, WEFT_HTTP_INTERNAL_ERROR);
        return false;
    }
    return true;
}

static void drop_slices(struct weft_slice *slices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weft_slice_fini(&slices[i]);
    }
}

void weft_exchange_respond(struct weft_exchange *exchange, int status, const char *content_type,
                           const struct weft_http_field *fields, size_t fields_count,
                           struct weft_slice *take_body, size_t body_count)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < body_count; i++) {
        size_bytes += take_body[i].size_bytes;
    }
    struct weft_http_stream *stream = exchange->stream;
    if (stream != NULL &&
        send_head(exchange, status, content_type, fields, fields_count, (int64_t)size_bytes,
                  size_bytes == 0) &&
        size_bytes > 0 &&
        (weft_http_stream_send(stream, NULL, 0, take_body, body_count, NULL) != WEFT_OK ||
         weft_http_stream_end(stream, NULL, 0, NULL) != WEFT_OK)) {
        weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
    }
    drop_slices(take_body, body_count);
    end(exchange);
}

void weft_exchange_respond_text(struct weft_exchange *exchange, int status,
                                const char *content_type, const char *text, size_t length)
{
    struct weft_slice body = {0};
    if (length > 0 && !weft_slice_copy(text, length, &body)) {
        weft_exchange_abort(exchange);
        return;
    }
    weft_exchange_respond(exchange, status, content_type, NULL, 0, &body, length > 0 ? 1 : 0);
}

void weft_exchange_respond_error(struct weft_exchange *exchange, int http_status,
                                 const struct weft_error *error)
{
    cleanup_text struct weft_text text = {0};
    weft_problem_json(error, http_status, &text);
    weft_exchange_respond_text(
        exchange, http_status > 0 ? http_status : weft_status_http(weft_error_status(error)),
        WEFT_PROBLEM_CONTENT_TYPE, weft_text_string(&text), text.failed ? 0 : text.length);
}

void weft_exchange_refuse(struct weft_exchange *exchange, int http_status, enum weft_status status,
                          const char *words)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, status, "%s", words);
    weft_exchange_respond_error(exchange, http_status, error);
    weft_error_unref(error);
}

void weft_exchange_begin(struct weft_exchange *exchange, int status, const char *content_type,
                         const struct weft_http_field *fields, size_t fields_count)
{
    if (exchange->stream != NULL) {
        send_head(exchange, status, content_type, fields, fields_count, -1, false);
    }
}

bool weft_exchange_send(struct weft_exchange *exchange, struct weft_slice take_part)
{
    struct weft_http_stream *stream = exchange->stream;
    weft_assert(!exchange->ended);
    if (stream == NULL || take_part.size_bytes == 0) {
        weft_slice_fini(&take_part);
        return stream != NULL;
    }
    weft_assert(exchange->begun);
    if (weft_http_stream_queued_bytes(stream) > WEFT_EXCHANGE_QUEUE_MAX_BYTES ||
        weft_http_stream_send(stream, NULL, 0, &take_part, 1, NULL) != WEFT_OK) {
        weft_slice_fini(&take_part);
        weft_http_stream_reset(stream, WEFT_HTTP_ENHANCE_YOUR_CALM);
        return false;
    }
    return true;
}

size_t weft_exchange_queued_bytes(const struct weft_exchange *exchange)
{
    return exchange->stream != NULL ? weft_http_stream_queued_bytes(exchange->stream) : 0;
}

void weft_exchange_on_drained(struct weft_exchange *exchange, void (*drained)(void *context),
                              void *context)
{
    exchange->drained = drained;
    exchange->drained_context = context;
}

void weft_exchange_finish(struct weft_exchange *exchange, const struct weft_http_field *trailers,
                          size_t trailers_count)
{
    if (exchange->stream != NULL &&
        weft_http_stream_end(exchange->stream, trailers, trailers_count, NULL) != WEFT_OK) {
        weft_http_stream_reset(exchange->stream, WEFT_HTTP_INTERNAL_ERROR);
    }
    end(exchange);
}

void weft_exchange_abort(struct weft_exchange *exchange)
{
    if (exchange->stream != NULL) {
        weft_http_stream_reset(exchange->stream, WEFT_HTTP_INTERNAL_ERROR);
    }
    end(exchange);
}
