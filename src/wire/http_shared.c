/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/http_private.h"

/* Less room than this at the end of the read buffer makes reads so small that a fresh buffer is
 * cheaper. */
enum { READ_ROOM_MIN_BYTES = 16 * 1024 };

struct weft_http_shared *weft_http_shared_new(void)
{
    return calloc(1, sizeof(struct weft_http_shared));
}

void weft_http_shared_set_clock(struct weft_http_shared *shared, const struct weft_clock *clock)
{
    shared->clock = clock;
}

void weft_http_shared_free(struct weft_http_shared *shared)
{
    if (shared == NULL) {
        return;
    }
    weft_buffer_unref(shared->read_buffer);
    while (shared->free_streams != NULL) {
        struct weft_http_stream *stream = shared->free_streams;
        shared->free_streams = stream->context;
        free(stream);
    }
    while (shared->free_batches != NULL) {
        struct weft_http_batch *batch = shared->free_batches;
        shared->free_batches = batch->next;
        free(batch);
    }
    weft_http2_memory_fini(shared);
    free(shared);
}

struct weft_buffer *weft_http_shared_read_buffer(struct weft_http_shared *shared,
                                                 size_t *ret_offset)
{
    struct weft_buffer *buffer = shared->read_buffer;
    if (buffer == NULL) {
        *ret_offset = 0;
        return weft_buffer_new(WEFT_HTTP_READ_BYTES);
    }
    *ret_offset = shared->read_offset;
    shared->read_buffer = NULL;
    return buffer;
}

void weft_http_shared_give_read_buffer(struct weft_http_shared *shared, struct weft_buffer *buffer,
                                       size_t end_offset)
{
    /* Acquire: who dropped the last slice may have been reading it on another thread until then. */
    if (atomic_load_explicit(&buffer->references, memory_order_acquire) == 1) {
        end_offset = 0;
    }
    if (shared->read_buffer != NULL || end_offset > WEFT_HTTP_READ_BYTES - READ_ROOM_MIN_BYTES) {
        weft_buffer_unref(buffer);
        return;
    }
    shared->read_buffer = buffer;
    shared->read_offset = end_offset;
}

/* Free streams are chained by `context`. */
struct weft_http_stream *weft_http_shared_stream(struct weft_http_shared *shared)
{
    struct weft_http_stream *stream = shared->free_streams;
    if (stream == NULL) {
        stream = malloc(sizeof(*stream));
    } else {
        shared->free_streams = stream->context;
        shared->free_streams_count--;
    }
    if (stream != NULL) {
        /* The arena is set up piece by piece as it is handed out. */
        memset(stream, 0, offsetof(struct weft_http_stream, arena));
    }
    return stream;
}

void weft_http_shared_give_stream(struct weft_http_shared *shared, struct weft_http_stream *stream)
{
    if (shared->free_streams_count >= WEFT_HTTP_FREE_STREAMS_MAX) {
        free(stream);
        return;
    }
    stream->context = shared->free_streams;
    shared->free_streams = stream;
    shared->free_streams_count++;
}

struct weft_http_batch *weft_http_shared_batch(struct weft_http_shared *shared)
{
    struct weft_http_batch *batch = shared->free_batches;
    if (batch == NULL) {
        batch = malloc(sizeof(*batch));
    } else {
        shared->free_batches = batch->next;
        shared->free_batches_count--;
    }
    if (batch != NULL) {
        memset(batch, 0, offsetof(struct weft_http_batch, pieces));
    }
    return batch;
}

void weft_http_shared_give_batch(struct weft_http_shared *shared, struct weft_http_batch *batch)
{
    if (shared->free_batches_count >= WEFT_HTTP_FREE_BATCHES_MAX) {
        free(batch);
        return;
    }
    batch->next = shared->free_batches;
    shared->free_batches = batch;
    shared->free_batches_count++;
}
