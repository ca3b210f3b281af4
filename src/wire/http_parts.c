/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wire/http_private.h"

/* The queue of body parts of a stream, and its way into the connection's batch. */

static void part_fini(struct weft_http_part *part)
{
    if (part->inline_bytes == 0) {
        weft_slice_fini(&part->slice);
    }
}

void weft_http_parts_fini(struct weft_http_parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        part_fini(&parts->parts[parts->first + i]);
    }
    if (parts->parts != parts->few) {
        free(parts->parts);
    }
    parts->parts = parts->few;
    parts->capacity = sizeof(parts->few) / sizeof(parts->few[0]);
    parts->first = 0;
    parts->count = 0;
    parts->queued_bytes = 0;
}

bool weft_http_parts_reserve(struct weft_http_parts *parts, size_t more)
{
    if (more <= parts->capacity - parts->first - parts->count) {
        return true;
    }
    if (parts->first > 0 && parts->first >= parts->count &&
        more <= parts->capacity - parts->count) {
        memcpy(parts->parts, parts->parts + parts->first, parts->count * sizeof(parts->parts[0]));
        parts->first = 0;
        return true;
    }
    size_t capacity = ((size_t)parts->count + more) * 2;
    if (capacity > UINT32_MAX) {
        return false;
    }
    struct weft_http_part *grown = malloc(capacity * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    memcpy(grown, parts->parts + parts->first, parts->count * sizeof(*grown));
    if (parts->parts != parts->few) {
        free(parts->parts);
    }
    parts->parts = grown;
    parts->first = 0;
    parts->capacity = (uint32_t)capacity;
    return true;
}

static size_t part_left_bytes(const struct weft_http_part *part)
{
    return part->inline_bytes > 0 ? (size_t)(part->inline_bytes - part->inline_sent)
                                  : part->slice.size_bytes;
}

size_t weft_http_stream_portion(const struct weft_http_stream *stream, size_t size_bytes)
{
    const struct weft_http_parts *queue = &stream->queue;
    size_t portion_bytes = 0;
    size_t copied_bytes = 0;
    for (uint32_t i = 0;
         i < queue->count && i < WEFT_HTTP_PORTION_PIECES_MAX && portion_bytes < size_bytes; i++) {
        size_t part_bytes = part_left_bytes(&queue->parts[queue->first + i]);
        if (part_bytes <= WEFT_HTTP_COPY_MAX_BYTES) {
            copied_bytes += part_bytes;
            if (copied_bytes > WEFT_HTTP_FRAME_COPIED_MAX_BYTES - 64 - WEFT_HTTP_COPY_MAX_BYTES) {
                break;
            }
        }
        portion_bytes += part_bytes;
    }
    return portion_bytes < size_bytes ? portion_bytes : size_bytes;
}

void weft_http_stream_output(struct weft_http_stream *stream, size_t size_bytes)
{
    struct weft_http_parts *queue = &stream->queue;
    struct weft_http *http = stream->http;
    weft_assert(size_bytes <= queue->queued_bytes);
    queue->queued_bytes -= size_bytes;
    while (size_bytes > 0) {
        struct weft_http_part *part = &queue->parts[queue->first];
        size_t left_bytes = part_left_bytes(part);
        size_t part_bytes = left_bytes < size_bytes ? left_bytes : size_bytes;
        if (part->inline_bytes > 0) {
            weft_http_output_copy(http, part->bytes + part->inline_sent, part_bytes);
            part->inline_sent = (uint8_t)(part->inline_sent + part_bytes);
        } else if (part_bytes <= WEFT_HTTP_COPY_MAX_BYTES) {
            weft_http_output_copy(http, part->slice.data, part_bytes);
            part->slice.data += part_bytes;
            part->slice.size_bytes -= part_bytes;
        } else {
            struct weft_slice piece = weft_slice_sub(&part->slice, 0, part_bytes);
            weft_http_output_slice(http, &piece);
            part->slice.data += part_bytes;
            part->slice.size_bytes -= part_bytes;
        }
        size_bytes -= part_bytes;
        if (part_bytes == left_bytes) {
            part_fini(part);
            queue->first++;
            queue->count--;
        }
    }
    if (queue->count == 0) {
        queue->first = 0;
    }
}
