/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wire/http_private.h"

/* --- What becomes of a stream that nobody took
 * ------------------------------------------------------------------- */

static void ignore_head(void *context, struct weft_http_stream *stream,
                        const struct weft_http_head *head)
{
    (void)context, (void)stream, (void)head;
}

static void ignore_data(void *context, struct weft_http_stream *stream,
                        const struct weft_slice *data)
{
    (void)context;
    weft_http_stream_consumed(stream, data->size_bytes);
}

static void ignore_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                          bool complete)
{
    (void)context, (void)complete;
    weft_http_stream_consumed(stream, size_bytes);
}

static void ignore_end(void *context, struct weft_http_stream *stream,
                       const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)context, (void)stream, (void)trailers, (void)trailers_count;
}

static void ignore_closed(void *context, struct weft_http_stream *stream,
                          const struct weft_http_close *close)
{
    (void)context, (void)stream, (void)close;
}

static const struct weft_http_stream_events ignoring = {
    .on_head = ignore_head,
    .on_data = ignore_data,
    .on_landed = ignore_landed,
    .on_end = ignore_end,
    .on_closed = ignore_closed,
};

/* --- Life
 * --------------------------------------------------------------------------------------------------------
 */

struct weft_http_stream *weft_http_stream_new(struct weft_http *http)
{
    struct weft_http_stream *stream = weft_http_shared_stream(http->shared);
    if (stream == NULL) {
        return NULL;
    }
    stream->http = http;
    stream->events = &ignoring;
    stream->send_left_bytes = -1;
    stream->window_bytes = WEFT_HTTP_WINDOW_BYTES;
    stream->head.content_length = -1;
    stream->queue.parts = stream->queue.few;
    stream->queue.capacity = sizeof(stream->queue.few) / sizeof(stream->queue.few[0]);
    weft_list_append(&http->streams, &stream->link);
    http->streams_count++;
    return stream;
}

static void drop_landing(struct weft_http_stream *stream)
{
    weft_buffer_unref(stream->landing.buffer);
    stream->landing = (struct weft_http_landing){0};
}

void weft_http_stream_close(struct weft_http_stream *stream, const struct weft_http_close *close)
{
    struct weft_http *http = stream->http;
    weft_list_remove(&stream->link);
    http->streams_count--;
    drop_landing(stream);
    stream->reset = true;
    stream->events->on_closed(stream->context, stream, close);
    weft_http_parts_fini(&stream->queue);
    while (stream->more_memory != NULL) {
        struct weft_http_more_memory *more = stream->more_memory;
        stream->more_memory = more->next;
        free(more);
    }
    weft_http_shared_give_stream(http->shared, stream);
}

void weft_http_stream_handle(struct weft_http_stream *stream,
                             const struct weft_http_stream_events *events, void *context)
{
    stream->events = events;
    stream->context = context;
}

void *weft_http_stream_context(const struct weft_http_stream *stream)
{
    return stream->context;
}

struct weft_http *weft_http_stream_http(const struct weft_http_stream *stream)
{
    return stream->http;
}

/* --- Memory
 * ------------------------------------------------------------------------------------------------------
 */

void *weft_http_stream_arena(struct weft_http_stream *stream, size_t size_bytes, size_t alignment)
{
    size_t start = (stream->arena_used + alignment - 1) & ~(alignment - 1);
    if (start <= sizeof(stream->arena) && size_bytes <= sizeof(stream->arena) - start) {
        stream->arena_used = (uint32_t)(start + size_bytes);
        return (uint8_t *)stream->arena + start;
    }
    size_t whole_bytes = 0;
    if (__builtin_add_overflow(size_bytes, sizeof(struct weft_http_more_memory), &whole_bytes)) {
        return NULL;
    }
    struct weft_http_more_memory *more = malloc(whole_bytes);
    if (more == NULL) {
        return NULL;
    }
    more->next = stream->more_memory;
    stream->more_memory = more;
    return more->bytes;
}

void *weft_http_stream_memory(struct weft_http_stream *stream, size_t size_bytes)
{
    void *memory = weft_http_stream_arena(stream, size_bytes, alignof(max_align_t));
    if (memory != NULL) {
        memset(memory, 0, size_bytes);
    }
    return memory;
}

char *weft_http_stream_text(struct weft_http_stream *stream, const char *bytes, size_t length)
{
    char *text = weft_http_stream_arena(stream, length + 1, 1);
    if (text != NULL) {
        memcpy(text, bytes, length);
        text[length] = '\0';
    }
    return text;
}

enum weft_http_add weft_http_fields_add(struct weft_http_stream *stream,
                                        struct weft_http_fields *fields, const char *name,
                                        size_t name_length, const char *value, size_t value_length)
{
    /* RFC 9113 section 6.5.2: 32 for each field's bookkeeping. */
    fields->size_bytes += name_length + value_length + 32;
    if (fields->count >= WEFT_HTTP_FIELDS_MAX || fields->size_bytes > WEFT_HTTP_HEAD_MAX_BYTES) {
        return WEFT_HTTP_ADD_TOO_MUCH;
    }
    if (fields->count == fields->capacity) {
        uint32_t capacity = fields->capacity == 0 ? 12 : fields->capacity * 2;
        struct weft_http_field *grown = weft_http_stream_arena(stream, capacity * sizeof(*grown),
                                                               alignof(struct weft_http_field));
        if (grown == NULL) {
            return WEFT_HTTP_ADD_OUT_OF_MEMORY;
        }
        if (fields->count > 0) {
            memcpy(grown, fields->fields, fields->count * sizeof(*grown));
        }
        fields->fields = grown;
        fields->capacity = capacity;
    }
    fields->fields[fields->count++] = (struct weft_http_field){
        .name = name,
        .value = value,
        .name_length = (uint32_t)name_length,
        .value_length = (uint32_t)value_length,
    };
    return WEFT_HTTP_ADDED;
}

bool weft_http_fields_copy(struct weft_http_stream *stream, struct weft_http_fields *to,
                           const struct weft_http_field *fields, size_t count)
{
    struct weft_http_field *copies =
        weft_http_stream_arena(stream, count * sizeof(*copies), alignof(struct weft_http_field));
    if (copies == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copies[i] = fields[i];
        if (!fields[i].constant) {
            copies[i].name = weft_http_stream_text(stream, fields[i].name, fields[i].name_length);
            copies[i].value =
                weft_http_stream_text(stream, fields[i].value, fields[i].value_length);
            if (copies[i].name == NULL || copies[i].value == NULL) {
                return false;
            }
            copies[i].constant = true;
        }
    }
    to->fields = copies;
    to->count = (uint32_t)count;
    return true;
}

/* --- Receiving
 * ---------------------------------------------------------------------------------------------------
 */

void weft_http_stream_tell_head(struct weft_http_stream *stream)
{
    struct weft_http *http = stream->http;
    stream->head_done = true;
    stream->head.fields = stream->fields.fields;
    stream->head.fields_count = stream->fields.count;
    if (!http->is_server) {
        stream->events->on_head(stream->context, stream, &stream->head);
        return;
    }
    stream->head_method = strcmp(stream->head.method, "HEAD") == 0;
    http->events->on_request(http->context, stream, &stream->head);
    if (stream->events == &ignoring && !stream->responded && !stream->reset) {
        if (weft_http_stream_respond(stream, &(struct weft_http_head){.status = 503}, true, NULL) !=
            WEFT_OK) {
            weft_http_stream_reset(stream, WEFT_HTTP_REFUSED_STREAM);
        }
    }
}

/* To the landing zone what belongs there; returns how much that was. */
static size_t land(struct weft_http_stream *stream, const uint8_t *data, size_t size_bytes)
{
    struct weft_http_landing *landing = &stream->landing;
    size_t part_bytes = size_bytes < landing->left_bytes ? size_bytes : landing->left_bytes;
    if (data != landing->next) {
        weft_copy(landing->next, data, part_bytes);
    }
    landing->next += part_bytes;
    landing->left_bytes -= part_bytes;
    bool complete = landing->left_bytes == 0;
    if (complete) {
        drop_landing(stream);
    }
    stream->events->on_landed(stream->context, stream, part_bytes, complete);
    return part_bytes;
}

void weft_http_stream_body(struct weft_http_stream *stream, const uint8_t *data, size_t size_bytes)
{
    stream->unconsumed_bytes += size_bytes;
    while (size_bytes > 0 && !stream->reset) {
        size_t part_bytes = size_bytes;
        if (stream->landing.buffer != NULL) {
            part_bytes = land(stream, data, size_bytes);
        } else {
            weft_assert(stream->http->feeding != NULL);
            struct weft_slice slice = {stream->http->feeding, data, size_bytes};
            stream->events->on_data(stream->context, stream, &slice);
        }
        data += part_bytes;
        size_bytes -= part_bytes;
    }
}

void weft_http_stream_tell_end(struct weft_http_stream *stream)
{
    stream->remote_done = true;
    drop_landing(stream);
    if (!stream->reset) {
        stream->events->on_end(stream->context, stream, stream->trailers_received.fields,
                               stream->trailers_received.count);
    }
}

void weft_http_stream_land(struct weft_http_stream *stream, struct weft_buffer *buffer,
                           size_t offset, size_t size_bytes)
{
    weft_assert(stream->landing.buffer == NULL && size_bytes > 0);
    weft_assert(offset <= buffer->size_bytes && size_bytes <= buffer->size_bytes - offset);
    if (!stream->reset) {
        stream->landing =
            (struct weft_http_landing){weft_buffer_ref(buffer), buffer->data + offset, size_bytes};
    }
}

void weft_http_stream_consumed(struct weft_http_stream *stream, size_t size_bytes)
{
    size_bytes = size_bytes < stream->unconsumed_bytes ? size_bytes : stream->unconsumed_bytes;
    if (size_bytes > 0 && !stream->http->disconnected) {
        stream->unconsumed_bytes -= size_bytes;
        stream->http->protocol->consumed(stream, size_bytes);
    }
}

void weft_http_stream_expect(struct weft_http_stream *stream, size_t window_bytes)
{
    window_bytes = window_bytes < WEFT_HTTP_WINDOW_BYTES       ? WEFT_HTTP_WINDOW_BYTES
                   : window_bytes > WEFT_HTTP_WINDOW_MAX_BYTES ? WEFT_HTTP_WINDOW_MAX_BYTES
                                                               : window_bytes;
    if ((int32_t)window_bytes != stream->window_bytes && !stream->reset && !stream->remote_done &&
        !stream->http->disconnected) {
        stream->window_bytes = (int32_t)window_bytes;
        stream->http->protocol->expect(stream, window_bytes);
    }
}

void weft_http_stream_own_credit(struct weft_http_stream *stream)
{
    stream->own_credit = true;
}

void weft_http_stream_allow(struct weft_http_stream *stream, size_t more_bytes)
{
    if (stream->reset || stream->remote_done || stream->http->disconnected) {
        return; /* nothing more comes */
    }
    size_t back_bytes =
        more_bytes < stream->unconsumed_bytes ? more_bytes : stream->unconsumed_bytes;
    stream->unconsumed_bytes -= back_bytes;
    stream->window_bytes += (int32_t)(more_bytes - back_bytes);
    stream->http->protocol->allow(stream, more_bytes);
}

/* --- Sending
 * -----------------------------------------------------------------------------------------------------
 */

enum weft_status weft_http_stream_respond(struct weft_http_stream *stream,
                                          const struct weft_http_head *head, bool end,
                                          struct weft_error **error)
{
    weft_assert(stream->http->is_server && !stream->responded);
    if (stream->reset || stream->http->disconnected) {
        return weft_error_set(error, WEFT_CANCELLED, "the request is over");
    }
    enum weft_status status = stream->http->protocol->respond(stream, head, end, error);
    if (status == WEFT_OK) {
        stream->responded = true;
        stream->send_ended = end;
        weft_http_note_output(stream->http);
    }
    return status;
}

enum weft_status weft_http_stream_send(struct weft_http_stream *stream, const void *prefix,
                                       size_t prefix_bytes, struct weft_slice *take_slices,
                                       size_t slices_count, struct weft_error **error)
{
    weft_assert(stream->responded && prefix_bytes <= sizeof(stream->queue.few[0].bytes));
    if (stream->reset || stream->send_cut || stream->http->disconnected) {
        return weft_error_set(error, WEFT_CANCELLED, "the peer takes no more of this body");
    }
    weft_assert(!stream->send_ended);
    if (stream->drop_body) {
        for (size_t i = 0; i < slices_count; i++) {
            weft_slice_fini(&take_slices[i]);
        }
        return WEFT_OK;
    }
    struct weft_http_parts *queue = &stream->queue;
    if (!weft_http_parts_reserve(queue, slices_count + 1)) {
        return weft_error_set_out_of_memory(error);
    }
    if (prefix_bytes > 0) {
        struct weft_http_part *part = &queue->parts[queue->first + queue->count++];
        *part = (struct weft_http_part){.inline_bytes = (uint8_t)prefix_bytes};
        memcpy(part->bytes, prefix, prefix_bytes);
        queue->queued_bytes += prefix_bytes;
    }
    for (size_t i = 0; i < slices_count; i++) {
        queue->queued_bytes += take_slices[i].size_bytes;
        if (take_slices[i].size_bytes == 0) {
            weft_slice_fini(&take_slices[i]);
            continue;
        }
        queue->parts[queue->first + queue->count++] =
            (struct weft_http_part){.slice = take_slices[i]};
        take_slices[i] = (struct weft_slice){0};
    }
    if (queue->queued_bytes >= WEFT_HTTP_DRAINED_BYTES) {
        stream->above_drained = true;
    }
    stream->http->protocol->queued(stream);
    return WEFT_OK;
}

enum weft_status weft_http_stream_end(struct weft_http_stream *stream,
                                      const struct weft_http_field *trailers, size_t trailers_count,
                                      struct weft_error **error)
{
    weft_assert(stream->responded);
    if (stream->reset || stream->send_cut || stream->http->disconnected) {
        return weft_error_set(error, WEFT_CANCELLED, "the peer takes no more of this body");
    }
    weft_assert(!stream->send_ended && trailers_count <= WEFT_HTTP_FIELDS_MAX);
    if (trailers_count > 0 && !stream->drop_body &&
        !weft_http_fields_copy(stream, &stream->trailers, trailers, trailers_count)) {
        return weft_error_set_out_of_memory(error);
    }
    stream->send_ended = true;
    stream->http->protocol->queued(stream);
    return WEFT_OK;
}

size_t weft_http_stream_queued_bytes(const struct weft_http_stream *stream)
{
    return stream->queue.queued_bytes;
}

void weft_http_stream_reset(struct weft_http_stream *stream, enum weft_http_code code)
{
    if (stream->reset || (stream->local_done && stream->remote_done) ||
        stream->http->disconnected) {
        return;
    }
    stream->reset = true;
    drop_landing(stream);
    weft_http_parts_fini(&stream->queue);
    stream->http->protocol->reset(stream, code);
    weft_http_note_output(stream->http);
}

void weft_http_stream_tell_drained(struct weft_http_stream *stream)
{
    if (stream->above_drained && stream->queue.queued_bytes < WEFT_HTTP_DRAINED_BYTES) {
        stream->above_drained = false;
        if (stream->events->on_drained != NULL && !stream->reset && !stream->send_ended) {
            stream->events->on_drained(stream->context, stream);
        }
    }
}
