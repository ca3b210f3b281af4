/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "wire/grpc_private.h"

/* Calls, as far as both sides are the same. */

/* --- The stream's events
 * ----------------------------------------------------------------------------------------- */

static void on_head(void *context, struct weft_http_stream *stream,
                    const struct weft_http_head *head)
{
    (void)stream;
    weft_grpc_client_head(context, head);
}

static void on_data(void *context, struct weft_http_stream *stream, const struct weft_slice *data)
{
    (void)stream;
    weft_grpc_receive_data(context, data);
}

static void on_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                      bool complete)
{
    (void)stream;
    weft_grpc_receive_landed(context, size_bytes, complete);
}

static void on_end(void *context, struct weft_http_stream *stream,
                   const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)stream;
    struct weft_grpc_call *call = context;
    if (!call->is_server) {
        weft_grpc_client_end(call, trailers, trailers_count);
        return;
    }
    if (call->failed || call->finished) {
        return;
    }
    if (weft_grpc_receive_is_partial(call)) {
        weft_grpc_fail(call, WEFT_INTERNAL, "the request ends inside a message");
        return;
    }
    call->told_half_closed = true;
    if (call->events->on_half_closed != NULL) {
        call->events->on_half_closed(call->context, call);
    }
}

static void on_drained(void *context, struct weft_http_stream *stream)
{
    (void)stream;
    struct weft_grpc_call *call = context;
    if (call->events->on_drained != NULL && !call->failed) {
        call->events->on_drained(call->context, call);
    }
}

/* A client's call that was cut off without an answer. */
static void take_close(struct weft_grpc_call *call, const struct weft_http_close *close)
{
    call->unprocessed = close->unprocessed;
    call->failed = true;
    call->status = close->status == WEFT_OK ? WEFT_UNKNOWN : close->status;
    if (close->status == WEFT_UNAVAILABLE && close->unprocessed) {
        weft_error_set(&call->error, call->status,
                       "the server took no further call on this connection");
    } else if (close->status == WEFT_UNAVAILABLE) {
        weft_error_set(&call->error, call->status,
                       "the connection was lost before the answer was complete");
    } else {
        weft_error_set(&call->error, call->status, "the stream was reset (HTTP/2 code %u)",
                       (unsigned)close->code);
    }
}

static void on_closed(void *context, struct weft_http_stream *stream,
                      const struct weft_http_close *close)
{
    (void)stream;
    struct weft_grpc_call *call = context;
    weft_grpc_receive_fini(call);
    if (!call->failed && (call->is_server ? close->status != WEFT_OK
                                          : call->status == WEFT_OK && !call->told_half_closed)) {
        take_close(call, close);
    }
    call->finished = true;
    call->failed = true; /* nothing may be sent any more */
    call->events->on_finished(call->context, call, call->status, call->error, call->trailers,
                              call->trailers_count);
    weft_error_unref(call->error);
    call->error = NULL;
}

static const struct weft_http_stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_landed = on_landed,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* --- Life
 * --------------------------------------------------------------------------------------------------------
 */

struct weft_grpc_call *weft_grpc_call_new(struct weft_http_stream *stream,
                                          const struct weft_grpc_options *options,
                                          const struct weft_grpc_events *events, void *context)
{
    _Static_assert(sizeof(struct weft_grpc_call) <= WEFT_HTTP_STREAM_MEMORY_BYTES,
                   "a call comes with its stream");
    struct weft_grpc_call *call = weft_http_stream_memory(stream, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->stream = stream;
    call->events = events;
    call->context = context;
    call->timeout_ns = UINT64_MAX;
    call->open_bytes = WEFT_HTTP_WINDOW_BYTES;
    weft_http_stream_own_credit(stream);
    if (options != NULL) {
        call->options = *options;
    }
    weft_receive_lease_init(&call->lease, call->options.budget, weft_grpc_receive_grown);
    weft_http_stream_handle(stream, &stream_events, call);
    return call;
}

void weft_grpc_fail(struct weft_grpc_call *call, enum weft_status status, const char *format, ...)
{
    if (call->failed) {
        return;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (call->is_server) {
        weft_grpc_finish(call, status, text, NULL, 0);
    } else {
        weft_http_stream_reset(call->stream, WEFT_HTTP_CANCEL);
    }
    call->failed = true;
    call->status = status;
    weft_error_set(&call->error, status, "%s", text);
    weft_grpc_receive_fini(call);
}

void weft_grpc_cancel(struct weft_grpc_call *call, enum weft_status status)
{
    weft_assert(status != WEFT_OK);
    if (!call->failed) {
        call->failed = true;
        call->status = status;
        weft_error_set(&call->error, status, "the call was given up: %s",
                       weft_status_words(status));
    }
    weft_http_stream_reset(call->stream, WEFT_HTTP_CANCEL);
    weft_grpc_receive_fini(call);
}

struct weft_http_stream *weft_grpc_call_stream(const struct weft_grpc_call *call)
{
    return call->stream;
}

void *weft_grpc_call_context(const struct weft_grpc_call *call)
{
    return call->context;
}

void weft_grpc_call_set_context(struct weft_grpc_call *call, void *context)
{
    call->context = context;
}

size_t weft_grpc_call_queued_bytes(const struct weft_grpc_call *call)
{
    return weft_http_stream_queued_bytes(call->stream);
}

/* --- Sending
 * -----------------------------------------------------------------------------------------------------
 */

static size_t whole_bytes(const struct weft_slice *slices, size_t count)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        size_bytes += slices[i].size_bytes;
    }
    return size_bytes;
}

static enum weft_status send_prefixed(struct weft_grpc_call *call, bool compressed,
                                      struct weft_slice *take_slices, size_t slices_count,
                                      struct weft_error **error)
{
    size_t size_bytes = whole_bytes(take_slices, slices_count);
    if (size_bytes > UINT32_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "a gRPC message can't have %zu bytes",
                              size_bytes);
    }
    const uint8_t prefix[WEFT_GRPC_PREFIX_BYTES] = {
        compressed, (uint8_t)(size_bytes >> 24), (uint8_t)(size_bytes >> 16),
        (uint8_t)(size_bytes >> 8), (uint8_t)size_bytes};
    return weft_http_stream_send(call->stream, prefix, sizeof(prefix), take_slices, slices_count,
                                 error);
}

static enum weft_status send_packed(struct weft_grpc_call *call, struct weft_slice *take_slices,
                                    size_t slices_count, struct weft_error **error)
{
    struct weft_slice packed = {0};
    enum weft_status status = weft_grpc_deflate(take_slices, slices_count, &packed, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (packed.size_bytes == 0) {
        return send_prefixed(call, false, take_slices, slices_count, error);
    }
    status = send_prefixed(call, true, &packed, 1, error);
    if (status != WEFT_OK) {
        weft_slice_fini(&packed);
        return status;
    }
    for (size_t i = 0; i < slices_count; i++) {
        weft_slice_fini(&take_slices[i]);
    }
    return WEFT_OK;
}

bool weft_grpc_call_packs(const struct weft_grpc_call *call, size_t size_bytes)
{
    return call->encoding_out == WEFT_GRPC_GZIP && (call->peer_takes_gzip || !call->is_server) &&
           size_bytes >= WEFT_GRPC_COMPRESS_MIN_BYTES;
}

static enum weft_status begin_send(struct weft_grpc_call *call, struct weft_error **error)
{
    if (call->failed || call->finished) {
        return weft_error_set(error, WEFT_CANCELLED, "the call is over");
    }
    return call->is_server && !call->head_sent ? weft_grpc_server_send_head(call, error) : WEFT_OK;
}

enum weft_status weft_grpc_send(struct weft_grpc_call *call, struct weft_slice *take_slices,
                                size_t slices_count, struct weft_error **error)
{
    enum weft_status status = begin_send(call, error);
    if (status != WEFT_OK) {
        return status;
    }
    size_t size_bytes = whole_bytes(take_slices, slices_count);
    size_t max_bytes = call->options.pack_max_bytes;
    bool pack =
        weft_grpc_call_packs(call, size_bytes) && (max_bytes == 0 || size_bytes <= max_bytes);
    return pack ? send_packed(call, take_slices, slices_count, error)
                : send_prefixed(call, false, take_slices, slices_count, error);
}

enum weft_status weft_grpc_send_packed(struct weft_grpc_call *call, struct weft_slice *take_slice,
                                       struct weft_error **error)
{
    weft_assert(call->encoding_out == WEFT_GRPC_GZIP);
    enum weft_status status = begin_send(call, error);
    return status == WEFT_OK ? send_prefixed(call, true, take_slice, 1, error) : status;
}
