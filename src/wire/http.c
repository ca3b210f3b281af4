/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "wire/http1.h"
#include "wire/http_private.h"

/* RFC 9113 section 3.4. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof(preface) - 1 };

/* How fast the buckets of useless frames leak: as nghttp2 does with resets. */
enum { BUCKET_LEAK_PER_S = 33 };

/* --- Life
 * --------------------------------------------------------------------------------------------------------
 */

static struct weft_http *connection_new(struct weft_http_shared *shared, const char *scheme,
                                        const struct weft_http_events *events, void *context)
{
    struct weft_http *http = calloc(1, sizeof(*http));
    if (http != NULL) {
        http->shared = shared;
        http->scheme = scheme;
        http->events = events;
        http->context = context;
        weft_list_init(&http->streams);
    }
    return http;
}

static enum weft_status set_version(struct weft_http *http, enum weft_http_version version,
                                    struct weft_error **error)
{
    enum weft_status status =
        version == WEFT_HTTP_2 ? weft_http2_start(http, error) : weft_http1_start(http, error);
    if (status == WEFT_OK) {
        http->version = version;
        http->protocol = version == WEFT_HTTP_2 ? &weft_http2_protocol : &weft_http1_protocol;
    }
    return status;
}

enum weft_status weft_http_new_server(struct weft_http_shared *shared, const char *scheme,
                                      const struct weft_http_events *events, void *context,
                                      struct weft_http **ret_http, struct weft_error **error)
{
    struct weft_http *http = connection_new(shared, scheme, events, context);
    if (http == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    http->is_server = true;
    *ret_http = http;
    return WEFT_OK;
}

enum weft_status weft_http_new_client(struct weft_http_shared *shared,
                                      enum weft_http_version version, const char *scheme,
                                      const struct weft_http_events *events, void *context,
                                      struct weft_http **ret_http, struct weft_error **error)
{
    struct weft_http *http = connection_new(shared, scheme, events, context);
    if (http == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = set_version(http, version, error);
    if (status != WEFT_OK) {
        free(http);
        return status;
    }
    *ret_http = http;
    return WEFT_OK;
}

static void release_offered(struct weft_http *http, size_t read_bytes)
{
    if (http->read_buffer != NULL) {
        weft_http_shared_give_read_buffer(http->shared, steal(&http->read_buffer),
                                          http->read_offset + read_bytes);
    }
    weft_buffer_unref(steal(&http->direct_buffer));
    http->offered_count = 0;
}

void weft_http_free(struct weft_http *http)
{
    if (http == NULL) {
        return;
    }
    weft_assert(!http->inside);
    weft_http_disconnect(http, false);
    release_offered(http, 0);
    if (http->protocol != NULL) {
        http->protocol->free(http);
    }
    free(http);
}

void weft_http_disconnect(struct weft_http *http, bool clean_end)
{
    weft_assert(!http->inside);
    if (http->disconnected) {
        return;
    }
    http->inside = true;
    if (http->protocol != NULL) {
        http->protocol->disconnect(http, clean_end);
    }
    http->disconnected = true;
    while (!weft_list_is_empty(&http->streams)) {
        struct weft_http_stream *stream =
            weft_list_entry(weft_list_first(&http->streams), struct weft_http_stream, link);
        bool over = stream->local_done && stream->remote_done;
        weft_http_stream_close(stream, &(struct weft_http_close){
                                           .status = over ? WEFT_OK : WEFT_UNAVAILABLE,
                                           .unprocessed = !http->is_server && !stream->head_sent,
                                       });
    }
    weft_http_output_drop(http);
    http->inside = false;
}

/* --- Receiving
 * ---------------------------------------------------------------------------------------------------
 */

bool weft_http_wants_receive(const struct weft_http *http)
{
    return !http->failed && !http->disconnected &&
           (http->protocol == NULL || http->protocol->wants_receive(http));
}

static void offer(struct weft_http *http, void *memory, size_t size_bytes)
{
    http->offered[http->offered_count++] = (struct iovec){memory, size_bytes};
}

static bool offer_read_buffer(struct weft_http *http)
{
    http->read_buffer = weft_http_shared_read_buffer(http->shared, &http->read_offset);
    if (http->read_buffer == NULL) {
        return false;
    }
    offer(http, http->read_buffer->data + http->read_offset,
          WEFT_HTTP_READ_BYTES - http->read_offset);
    return true;
}

int weft_http_receive_vector(struct weft_http *http, struct iovec *vector, int capacity,
                             struct weft_error **error)
{
    weft_assert(!http->inside && http->offered_count == 0 && capacity > 0);
    if (!weft_http_wants_receive(http)) {
        return 0;
    }
    size_t landing_bytes = 0;
    size_t head_bytes = 0;
    if (http->protocol != NULL) {
        struct weft_http_stream *stream =
            http->protocol->landing(http, &landing_bytes, &head_bytes);
        if (stream != NULL) {
            http->direct_buffer = weft_buffer_ref(stream->landing.buffer);
            offer(http, stream->landing.next, landing_bytes);
        }
    }
    if (http->offered_count < capacity) {
        if (head_bytes > 0) {
            weft_assert(head_bytes <= sizeof(http->spill));
            offer(http, http->spill, head_bytes);
        } else if (!offer_read_buffer(http) && http->offered_count == 0) {
            weft_error_set_out_of_memory(error);
            return 0;
        }
    }
    memcpy(vector, http->offered, (size_t)http->offered_count * sizeof(vector[0]));
    return http->offered_count;
}

/* The first bytes of a server's connection say which version it is. */
static enum weft_status detect(struct weft_http *http, const uint8_t **data, size_t *size_bytes,
                               struct weft_error **error)
{
    while (*size_bytes > 0 && http->preface_matched < PREFACE_BYTES &&
           **data == (uint8_t)preface[http->preface_matched]) {
        http->preface_matched++;
        (*data)++;
        (*size_bytes)--;
    }
    if (http->preface_matched == PREFACE_BYTES) {
        return set_version(http, WEFT_HTTP_2, error);
    }
    if (*size_bytes == 0) {
        return WEFT_OK;
    }
    enum weft_status status = set_version(http, WEFT_HTTP_1_1, error);
    if (status != WEFT_OK || http->preface_matched == 0) {
        return status;
    }
    struct weft_buffer *feeding = steal(&http->feeding);
    status = http->protocol->receive(http, (const uint8_t *)preface, http->preface_matched, error);
    http->feeding = feeding;
    return status;
}

static enum weft_status feed(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                             struct weft_error **error)
{
    if (http->protocol == NULL) {
        enum weft_status status = detect(http, &data, &size_bytes, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return size_bytes > 0 && !http->failed ? http->protocol->receive(http, data, size_bytes, error)
                                           : WEFT_OK;
}

enum weft_status weft_http_received(struct weft_http *http, size_t size_bytes,
                                    struct weft_error **error)
{
    weft_assert(!http->inside);
    http->inside = true;
    enum weft_status status = WEFT_OK;
    size_t read_bytes = 0;
    for (int i = 0; i < http->offered_count && size_bytes > 0; i++) {
        const struct iovec *part = &http->offered[i];
        size_t part_bytes = size_bytes < part->iov_len ? size_bytes : part->iov_len;
        bool to_landing = i == 0 && http->direct_buffer != NULL;
        bool to_spill = part->iov_base == (void *)http->spill;
        http->feeding = to_landing ? http->direct_buffer : to_spill ? NULL : http->read_buffer;
        read_bytes = to_landing || to_spill ? 0 : part_bytes;
        size_bytes -= part_bytes;
        if (status == WEFT_OK && !http->failed && !http->disconnected) {
            status = feed(http, part->iov_base, part_bytes, error);
        }
    }
    weft_assert(size_bytes == 0);
    http->feeding = NULL;
    release_offered(http, read_bytes);
    if (status != WEFT_OK) {
        http->failed = true;
    }
    http->inside = false;
    if (weft_http_wants_send(http)) {
        weft_http_note_output(http);
    }
    return status;
}

/* --- The connection
 * ---------------------------------------------------------------------------------------------- */

bool weft_http_wants_send(const struct weft_http *http)
{
    return !http->disconnected &&
           (http->batch != NULL || (http->protocol != NULL && http->protocol->wants_send(http)));
}

void weft_http_late(struct weft_http *http)
{
    if (http->http1 != NULL && http->is_server && !http->failed && http->http1->stream == NULL) {
        http->failed = true;
        weft_http1_refuse(http, 408, "the request's head did not come in time");
    }
}

bool weft_http_is_done(const struct weft_http *http)
{
    return http->disconnected || http->failed ||
           (http->protocol == NULL ? http->going_away : http->protocol->is_done(http));
}

enum weft_http_version weft_http_version(const struct weft_http *http)
{
    return http->version;
}

bool weft_http_is_server(const struct weft_http *http)
{
    return http->is_server;
}

const char *weft_http_scheme(const struct weft_http *http)
{
    return http->scheme;
}

size_t weft_http_streams_count(const struct weft_http *http)
{
    return http->streams_count;
}

struct weft_http_shared *weft_http_shared(const struct weft_http *http)
{
    return http->shared;
}

bool weft_http_can_open(const struct weft_http *http)
{
    return !http->is_server && !http->failed && !http->disconnected && !http->going_away &&
           http->protocol->can_open(http);
}

bool weft_http_ping(struct weft_http *http)
{
    return http->protocol != NULL && !http->failed && !http->disconnected &&
           http->protocol->ping(http);
}

void weft_http_goaway(struct weft_http *http)
{
    if (!http->failed && !http->disconnected) {
        if (http->protocol != NULL) {
            http->protocol->goaway(http);
        }
        http->going_away = true;
    }
}

enum weft_status weft_http_open(struct weft_http *http, const struct weft_http_head *head, bool end,
                                const struct weft_http_stream_events *events, void *context,
                                struct weft_http_stream **ret_stream, struct weft_error **error)
{
    weft_assert(!http->is_server);
    if (!weft_http_can_open(http)) {
        return weft_error_set(error, WEFT_UNAVAILABLE,
                              "the connection takes no further request now");
    }
    struct weft_http_stream *stream = weft_http_stream_new(http);
    if (stream == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    stream->head_method = strcmp(head->method, "HEAD") == 0;
    enum weft_status status = http->protocol->open(stream, head, end, error);
    if (status != WEFT_OK) {
        weft_http_stream_close(stream, &(struct weft_http_close){.status = status});
        return status;
    }
    weft_http_stream_handle(stream, events, context);
    stream->responded = true;
    stream->send_ended = end;
    *ret_stream = stream;
    weft_http_note_output(http);
    return WEFT_OK;
}

/* --- Floods
 * ------------------------------------------------------------------------------------------------------
 */

static void leak_buckets(struct weft_http *http)
{
    if (http->shared->clock == NULL) {
        return;
    }
    uint64_t now_ns = weft_clock_now_ns(http->shared->clock);
    if (http->buckets_leaked_ns == 0) {
        http->buckets_leaked_ns = now_ns;
    }
    uint64_t leaked = (now_ns - http->buckets_leaked_ns) / (WEFT_NS_PER_S / BUCKET_LEAK_PER_S);
    if (leaked > 0) {
        http->buckets_leaked_ns = now_ns;
        for (int i = 0; i < WEFT_HTTP_BUCKETS_COUNT; i++) {
            weft_http_bucket_take(http, (enum weft_http_bucket)i,
                                  leaked > UINT32_MAX ? UINT32_MAX : (uint32_t)leaked);
        }
    }
}

bool weft_http_bucket_add(struct weft_http *http, enum weft_http_bucket bucket)
{
    /* The clock is only asked when it could matter. */
    if (http->buckets[bucket] == WEFT_HTTP_IDLE_FRAMES_MAX / 2 ||
        http->buckets[bucket] >= WEFT_HTTP_IDLE_FRAMES_MAX) {
        leak_buckets(http);
    }
    return ++http->buckets[bucket] <= WEFT_HTTP_IDLE_FRAMES_MAX;
}

void weft_http_bucket_take(struct weft_http *http, enum weft_http_bucket bucket, uint32_t count)
{
    http->buckets[bucket] -= count < http->buckets[bucket] ? count : http->buckets[bucket];
}

/* --- Fields
 * ------------------------------------------------------------------------------------------------------
 */

const struct weft_http_field *weft_http_field_find(const struct weft_http_field *fields,
                                                   size_t fields_count, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].name_length == length && memcmp(fields[i].name, name, length) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

const char *weft_http_head_value(const struct weft_http_head *head, const char *name)
{
    const struct weft_http_field *field =
        weft_http_field_find(head->fields, head->fields_count, name);
    return field != NULL ? field->value : NULL;
}
