/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "link/exchange_private.h"
#include "link/internal.h"

/*
 * A body is collected in one piece. One that came whole with its head is a slice of the read
 * buffer, or a copy where it is small, so that a slow handler doesn't hold 64 KiB for it. One of
 * announced length goes straight from the socket into its buffer; its untouched pages cost nothing,
 * and the receive budget says how fast they may be touched. One of unknown length (chunks) grows by
 * doubling.
 */

enum {
    SMALL_BODY_BYTES = 16 * 1024,
    GROWING_START_BYTES = 64 * 1024,
};

static void late(struct weft_collecting *collecting)
{
    struct weft_exchange *exchange = weft_list_entry(collecting, struct weft_exchange, collecting);
    weft_exchange_refuse(exchange, 408, WEFT_DEADLINE_EXCEEDED,
                         "the request's body did not come in time");
}

static size_t body_max_bytes(const struct weft_exchange *exchange)
{
    return exchange->route->body_max_bytes > 0 ? exchange->route->body_max_bytes
                                               : WEFT_ROUTE_BODY_MAX_BYTES;
}

static void refuse_large(struct weft_exchange *exchange)
{
    weft_exchange_refuse(exchange, 413, WEFT_RESOURCE_EXHAUSTED,
                         "the request's body is larger than this path takes");
}

/* Lets come what the lease has room for. */
static void follow_lease(struct weft_exchange *exchange)
{
    bool short_of = exchange->lease.leased_bytes < exchange->lease.wanted_bytes &&
                    exchange->lease.leased_bytes <= exchange->received_bytes;
    if (short_of != exchange->held) {
        exchange->held = short_of;
        if (weft_http_version(exchange->server->connection.http) != WEFT_HTTP_2) {
            weft_connection_hold(&exchange->server->connection, short_of);
        }
    }
    if (!short_of && exchange->unconsumed_bytes > 0) {
        size_t consumed_bytes = exchange->unconsumed_bytes;
        exchange->unconsumed_bytes = 0;
        weft_http_stream_consumed(exchange->stream, consumed_bytes);
    }
}

static void on_grown(struct weft_receive_lease *lease)
{
    struct weft_exchange *exchange = weft_list_entry(lease, struct weft_exchange, lease);
    if (exchange->stream != NULL && !exchange->ended) {
        follow_lease(exchange);
    }
}

static void ask_lease(struct weft_exchange *exchange)
{
    size_t ahead_bytes = exchange->buffer_capacity - exchange->received_bytes;
    ahead_bytes =
        ahead_bytes < WEFT_HTTP_WINDOW_MAX_BYTES ? ahead_bytes : WEFT_HTTP_WINDOW_MAX_BYTES;
    weft_receive_lease_ask(&exchange->lease, exchange->received_bytes + ahead_bytes,
                           exchange->received_bytes);
    if (ahead_bytes > WEFT_HTTP_WINDOW_BYTES &&
        exchange->lease.leased_bytes >= exchange->received_bytes + ahead_bytes) {
        weft_http_stream_expect(exchange->stream, ahead_bytes);
    }
    follow_lease(exchange);
}

bool weft_exchange_body_begin(struct weft_exchange *exchange)
{
    weft_receive_lease_init(&exchange->lease, &exchange->link->budget, on_grown);
    if (exchange->route->stream_body) {
        return true;
    }
    if (exchange->head->content_length > 0 &&
        (uint64_t)exchange->head->content_length > body_max_bytes(exchange)) {
        refuse_large(exchange);
        return false;
    }
    weft_collecting_begin(exchange->server, &exchange->collecting, late);
    return true;
}

/* Room for size_bytes. */
static bool reserve(struct weft_exchange *exchange, size_t size_bytes)
{
    if (size_bytes <= exchange->buffer_capacity) {
        return true;
    }
    size_t capacity =
        exchange->buffer_capacity > 0 ? exchange->buffer_capacity * 2 : GROWING_START_BYTES;
    capacity = capacity > size_bytes ? capacity : size_bytes;
    struct weft_buffer *buffer = weft_pool_buffer(exchange->link->pool, capacity);
    if (buffer == NULL) {
        return false;
    }
    if (exchange->buffer != NULL) {
        weft_copy(buffer->data, exchange->buffer->data, exchange->received_bytes);
        weft_buffer_unref(exchange->buffer);
    }
    exchange->buffer = buffer;
    exchange->buffer_capacity = capacity;
    return true;
}

static void refuse_for_memory(struct weft_exchange *exchange)
{
    weft_exchange_refuse(exchange, 503, WEFT_OUT_OF_MEMORY, "no memory for the request's body");
}

static void collect_whole(struct weft_exchange *exchange, const struct weft_slice *data)
{
    if (data->size_bytes > SMALL_BODY_BYTES) {
        exchange->body = weft_slice_ref(data);
    } else if (!weft_slice_copy(data->data, data->size_bytes, &exchange->body)) {
        refuse_for_memory(exchange);
        return;
    }
    exchange->received_bytes = data->size_bytes;
    weft_http_stream_consumed(exchange->stream, data->size_bytes);
}

static void collect_some(struct weft_exchange *exchange, const struct weft_slice *data)
{
    int64_t length = exchange->head->content_length;
    size_t after = exchange->received_bytes + data->size_bytes;
    if (after > body_max_bytes(exchange)) {
        refuse_large(exchange);
        return;
    }
    size_t wanted = length > 0 && (uint64_t)length > after ? (size_t)length : after;
    if (!reserve(exchange, wanted)) {
        refuse_for_memory(exchange);
        return;
    }
    weft_copy(exchange->buffer->data + exchange->received_bytes, data->data, data->size_bytes);
    exchange->received_bytes = after;
    exchange->unconsumed_bytes += data->size_bytes;
    if (length > 0 && (uint64_t)length > after) {
        weft_http_stream_land(exchange->stream, exchange->buffer, after, (size_t)length - after);
    }
    ask_lease(exchange);
}

void weft_exchange_body_data(struct weft_exchange *exchange, const struct weft_slice *data)
{
    if (exchange->ended) {
        weft_http_stream_consumed(exchange->stream, data->size_bytes);
        return;
    }
    if (exchange->route->stream_body) {
        if (exchange->reader != NULL) {
            exchange->reader->data(exchange->reader_context, exchange, data);
        }
        if (exchange->stream != NULL) {
            weft_http_stream_consumed(exchange->stream, data->size_bytes);
        }
        return;
    }
    weft_collecting_touch(exchange->server, &exchange->collecting);
    if (exchange->buffer == NULL && exchange->head->content_length == (int64_t)data->size_bytes) {
        collect_whole(exchange, data);
    } else {
        collect_some(exchange, data);
    }
}

void weft_exchange_body_landed(struct weft_exchange *exchange, size_t size_bytes)
{
    if (exchange->ended) {
        weft_http_stream_consumed(exchange->stream, size_bytes);
        return;
    }
    weft_collecting_touch(exchange->server, &exchange->collecting);
    exchange->received_bytes += size_bytes;
    exchange->unconsumed_bytes += size_bytes;
    ask_lease(exchange);
}

void weft_exchange_body_end(struct weft_exchange *exchange)
{
    exchange->arrived = true;
    if (exchange->ended) {
        return;
    }
    if (exchange->route->stream_body) {
        if (exchange->reader != NULL) {
            exchange->reader->end(exchange->reader_context, exchange);
        }
        return;
    }
    weft_collecting_end(&exchange->collecting);
    if (exchange->buffer != NULL) {
        exchange->body =
            (struct weft_slice){exchange->buffer, exchange->buffer->data, exchange->received_bytes};
        exchange->buffer = NULL;
    }
    weft_exchange_body_drop(exchange);
    weft_exchange_hand_over(exchange);
}

void weft_exchange_body_drop(struct weft_exchange *exchange)
{
    weft_collecting_end(&exchange->collecting);
    if (exchange->lease.link.next != NULL) {
        weft_receive_lease_return(&exchange->lease);
    }
    weft_buffer_unref(exchange->buffer);
    exchange->buffer = NULL;
    if (exchange->held && exchange->server != NULL) {
        exchange->held = false;
        if (weft_http_version(exchange->server->connection.http) != WEFT_HTTP_2) {
            weft_connection_hold(&exchange->server->connection, false);
        }
    }
}
