/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/assert.h"
#include "wire/http_private.h"

void weft_http_note_output(struct weft_http *http)
{
    if (!http->output_noted && !http->disconnected) {
        http->output_noted = true;
        if (http->events->on_output != NULL) {
            http->events->on_output(http->context);
        }
    }
}

bool weft_http_output_open(struct weft_http *http)
{
    if (http->batch == NULL) {
        http->batch = weft_http_shared_batch(http->shared);
    }
    return http->batch != NULL;
}

void weft_http_output_close(struct weft_http *http)
{
    if (http->batch != NULL && http->batch->queued_bytes == 0) {
        weft_http_shared_give_batch(http->shared, http->batch);
        http->batch = NULL;
    }
}

bool weft_http_output_has_room(const struct weft_http *http)
{
    const struct weft_http_batch *batch = http->batch;
    return batch->first + batch->count + WEFT_HTTP_PORTION_PIECES_MAX + 4 <= WEFT_HTTP_PIECES_MAX &&
           batch->used_bytes + WEFT_HTTP_FRAME_COPIED_MAX_BYTES <= WEFT_HTTP_BATCH_BYTES &&
           batch->queued_bytes < WEFT_HTTP_BATCH_FULL_BYTES;
}

void weft_http_output_copy(struct weft_http *http, const void *data, size_t size_bytes)
{
    struct weft_http_batch *batch = http->batch;
    weft_assert(size_bytes <= sizeof(batch->bytes) - batch->used_bytes);
    uint8_t *place = batch->bytes + batch->used_bytes;
    memcpy(place, data, size_bytes);
    batch->used_bytes += (uint32_t)size_bytes;
    batch->queued_bytes += size_bytes;
    if (batch->count > 0) {
        struct weft_http_piece *last = &batch->pieces[batch->first + batch->count - 1];
        if (last->data + last->size_bytes == place && last->buffer == NULL) {
            last->size_bytes += size_bytes;
            return;
        }
    }
    weft_assert(batch->first + batch->count < WEFT_HTTP_PIECES_MAX);
    batch->pieces[batch->first + batch->count++] =
        (struct weft_http_piece){place, size_bytes, NULL};
}

void weft_http_output_slice(struct weft_http *http, struct weft_slice *take_slice)
{
    struct weft_http_batch *batch = http->batch;
    if (take_slice->size_bytes > 0) {
        weft_assert(batch->first + batch->count < WEFT_HTTP_PIECES_MAX);
        batch->queued_bytes += take_slice->size_bytes;
        batch->pieces[batch->first + batch->count++] =
            (struct weft_http_piece){take_slice->data, take_slice->size_bytes, take_slice->buffer};
        *take_slice = (struct weft_slice){0};
    } else {
        weft_slice_fini(take_slice);
    }
}

int weft_http_send_vector(struct weft_http *http, struct iovec *vector, int capacity)
{
    weft_assert(!http->inside);
    if (http->protocol != NULL && !http->disconnected) {
        http->inside = true;
        http->protocol->fill(http);
        http->inside = false;
    }
    weft_http_output_close(http);
    const struct weft_http_batch *batch = http->batch;
    if (batch == NULL) {
        http->output_noted = false;
        return 0;
    }
    int count = 0;
    for (uint32_t i = 0; i < batch->count && count < capacity; i++) {
        const struct weft_http_piece *piece = &batch->pieces[batch->first + i];
        /* A vector that is only written from has no const. */
        vector[count++] = (struct iovec){(void *)(uintptr_t)piece->data, piece->size_bytes};
    }
    return count;
}

static void remove_front(struct weft_http *http, size_t size_bytes)
{
    struct weft_http_batch *batch = http->batch;
    while (size_bytes > 0) {
        struct weft_http_piece *piece = &batch->pieces[batch->first];
        size_t part_bytes = size_bytes < piece->size_bytes ? size_bytes : piece->size_bytes;
        piece->data += part_bytes;
        piece->size_bytes -= part_bytes;
        batch->queued_bytes -= part_bytes;
        size_bytes -= part_bytes;
        if (piece->size_bytes == 0) {
            weft_buffer_unref(piece->buffer);
            batch->first++;
            batch->count--;
        }
    }
    weft_http_output_close(http);
}

void weft_http_sent(struct weft_http *http, size_t size_bytes)
{
    weft_assert(!http->inside);
    weft_assert(size_bytes == 0 ||
                (http->batch != NULL && size_bytes <= http->batch->queued_bytes));
    remove_front(http, size_bytes);
}

void weft_http_output_drop(struct weft_http *http)
{
    if (http->batch != NULL) {
        remove_front(http, http->batch->queued_bytes);
    }
}
