/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/assert.h"
#include "wire/http2.h"

/* HTTP/2: what is sent. Payload goes from the streams' queues to the batch without passing nghttp2,
 * which only decides how much and when. RFC 9113 unless another source is named. */

/* --- Bodies
 * ------------------------------------------------------------------------------------------------------
 */

static void to_nv(nghttp2_nv *nv, const char *name, size_t name_length, const char *value,
                  size_t value_length, uint8_t flags)
{
    *nv = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name, /* only read */
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = name_length,
        .valuelen = value_length,
        .flags = flags,
    };
}

static size_t fields_to_nv(nghttp2_nv *nv, const struct weft_http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned flags =
            (fields[i].constant ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
                                : 0U) |
            (fields[i].unindexed ? NGHTTP2_NV_FLAG_NO_INDEX : 0U);
        to_nv(&nv[i], fields[i].name, fields[i].name_length, fields[i].value,
              fields[i].value_length, (uint8_t)flags);
    }
    return count;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *memory, size_t length,
                         uint32_t *data_flags, nghttp2_data_source *source, void *user_data)
{
    (void)memory, (void)user_data;
    struct weft_http_stream *stream = source->ptr;
    size_t queued_bytes = stream->queue.queued_bytes;
    if (stream->reset || stream->send_cut || (queued_bytes == 0 && !stream->send_ended)) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t portion_bytes = weft_http_stream_portion(stream, length);
    *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (portion_bytes == queued_bytes && stream->send_ended) {
        *data_flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->trailers.count > 0) {
            nghttp2_nv nv[WEFT_HTTP_FIELDS_MAX];
            size_t count = fields_to_nv(nv, stream->trailers.fields, stream->trailers.count);
            *data_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (nghttp2_submit_trailer(session, id, nv, count) != 0) {
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            }
        }
    }
    return (ssize_t)portion_bytes;
}

static int send_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
                     size_t length, nghttp2_data_source *source, void *user_data)
{
    (void)session;
    struct weft_http *http = user_data;
    struct weft_http_stream *stream = source->ptr;
    /* nghttp2 makes one such frame after the other without coming back to weft_http2_fill: peers
     * with small frames would overfill the batch. */
    if (!weft_http_output_has_room(http)) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    if (stream->reset || stream->send_cut) { /* while the frame waited for room */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    weft_assert(frame->data.padlen == 0 && length <= stream->queue.queued_bytes);
    weft_http_output_copy(http, frame_head, WEFT_HTTP2_FRAME_HEAD_BYTES);
    weft_http_stream_output(stream, length);
    weft_http_bucket_take(http, WEFT_HTTP_BUCKET_IDLE,
                          4); /* its acknowledgements: windows and a probe of round trips */
    return 0;
}

/* DATA frames as long as the windows and the peer allow; nghttp2 would keep to 16 KiB. */
static ssize_t frame_length(nghttp2_session *session, uint8_t type, int32_t id,
                            int32_t connection_window, int32_t stream_window,
                            uint32_t frame_max_bytes, void *user_data)
{
    (void)type, (void)connection_window, (void)stream_window, (void)user_data;
    struct weft_http_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    /* nghttp2 reserves that much memory before it asks for the body, so never more than there is.
     */
    size_t bytes = stream != NULL ? stream->queue.queued_bytes : 0;
    bytes = bytes < frame_max_bytes ? bytes : frame_max_bytes;
    bytes = bytes < WEFT_HTTP_FRAME_MAX_BYTES ? bytes : WEFT_HTTP_FRAME_MAX_BYTES;
    return bytes > 0 ? (ssize_t)bytes : 1;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct weft_http *http = user_data;
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    struct weft_http_stream *stream =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    stream->head_sent = true;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->local_done = true;
        if (http->is_server && !stream->remote_done) {
            /* Answered early: the client may stop sending (section 8.1). */
            weft_http2_check(http,
                             nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
                                                       frame->hd.stream_id, NGHTTP2_NO_ERROR));
        }
    } else if (frame->hd.type == NGHTTP2_DATA) {
        weft_http_stream_tell_drained(stream);
    }
    return 0;
}

/* HEADERS that nghttp2 could not make (it ran out of memory, or the peer went away meanwhile). */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int result,
                             void *user_data)
{
    struct weft_http *http = user_data;
    weft_http2_check(http, result);
    if (http->is_server && frame->hd.type == NGHTTP2_HEADERS && !http->failed) {
        /* Too long an answer for HPACK's limits: the client must not wait for it. */
        weft_http2_check(http,
                         nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                                   NGHTTP2_INTERNAL_ERROR));
    }
    return 0;
}

void weft_http2_set_send_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
}

void weft_http2_fill(struct weft_http *http)
{
    nghttp2_session *session = http->http2->session;
    if (http->http2->heap.failed) {
        http->failed = true; /* nghttp2 is in no state to go on */
    }
    if (http->failed || nghttp2_session_want_write(session) == 0) {
        return;
    }
    if (!weft_http_output_open(http)) {
        http->failed = true;
        return;
    }
    while (weft_http_output_has_room(http)) {
        const uint8_t *data = NULL;
        ssize_t size_bytes = nghttp2_session_mem_send(session, &data);
        if (size_bytes < 0) {
            http->failed = true;
        }
        if (size_bytes <= 0) {
            return;
        }
        weft_http_output_copy(http, data, (size_t)size_bytes);
    }
}

/* --- Heads
 * -------------------------------------------------------------------------------------------------------
 */

enum weft_status weft_http2_open(struct weft_http_stream *stream, const struct weft_http_head *head,
                                 bool end, struct weft_error **error)
{
    weft_assert(head->fields_count <= WEFT_HTTP_FIELDS_MAX);
    struct weft_http *http = stream->http;
    nghttp2_nv nv[WEFT_HTTP_FIELDS_MAX + 4];
    to_nv(&nv[0], ":method", 7, head->method, strlen(head->method), NGHTTP2_NV_FLAG_NO_COPY_NAME);
    to_nv(&nv[1], ":scheme", 7, http->scheme, strlen(http->scheme),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    to_nv(&nv[2], ":authority", 10, head->authority, strlen(head->authority),
          NGHTTP2_NV_FLAG_NO_COPY_NAME);
    to_nv(&nv[3], ":path", 5, head->path, strlen(head->path), NGHTTP2_NV_FLAG_NO_COPY_NAME);
    size_t count = 4 + fields_to_nv(nv + 4, head->fields, head->fields_count);
    nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = read_body};
    int32_t id = nghttp2_submit_request(http->http2->session, NULL, nv, count,
                                        end ? NULL : &provider, stream);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
        http->going_away = true; /* 2^30 requests: time for a new connection */
        return weft_error_set(error, WEFT_UNAVAILABLE, "the connection takes no further request");
    }
    if (id < 0) {
        return weft_error_set_out_of_memory(error);
    }
    stream->id = id;
    return WEFT_OK;
}

enum weft_status weft_http2_respond(struct weft_http_stream *stream,
                                    const struct weft_http_head *head, bool end,
                                    struct weft_error **error)
{
    weft_assert(head->fields_count <= WEFT_HTTP_FIELDS_MAX && head->status >= 200 &&
                head->status <= 999);
    nghttp2_nv nv[WEFT_HTTP_FIELDS_MAX + 1];
    char status_text[3];
    if (head->status == 200) {
        to_nv(&nv[0], ":status", 7, "200", 3,
              NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    } else {
        status_text[0] = (char)('0' + head->status / 100);
        status_text[1] = (char)('0' + head->status / 10 % 10);
        status_text[2] = (char)('0' + head->status % 10);
        to_nv(&nv[0], ":status", 7, status_text, 3, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    }
    size_t count = 1 + fields_to_nv(nv + 1, head->fields, head->fields_count);
    nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = read_body};
    bool no_body = end || stream->head_method;
    if (nghttp2_submit_response(stream->http->http2->session, stream->id, nv, count,
                                no_body ? NULL : &provider) != 0) {
        return weft_error_set_out_of_memory(error);
    }
    stream->drop_body = stream->head_method;
    return WEFT_OK;
}

void weft_http2_continue(struct weft_http_stream *stream)
{
    if (stream->responded || stream->reset || stream->remote_done) {
        return;
    }
    const char *expectation = weft_http_head_value(&stream->head, "expect");
    if (expectation != NULL && strcmp(expectation, "100-continue") == 0) {
        nghttp2_nv nv;
        to_nv(&nv, ":status", 7, "100", 3,
              NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
        weft_http2_check(stream->http,
                         nghttp2_submit_headers(stream->http->http2->session, NGHTTP2_FLAG_NONE,
                                                stream->id, NULL, &nv, 1, NULL));
    }
}

void weft_http2_queued(struct weft_http_stream *stream)
{
    if (stream->deferred) {
        stream->deferred = false;
        weft_http2_check(stream->http,
                         nghttp2_session_resume_data(stream->http->http2->session, stream->id));
    }
    weft_http_note_output(stream->http);
}

void weft_http2_reset(struct weft_http_stream *stream, enum weft_http_code code)
{
    weft_http2_check(stream->http,
                     nghttp2_submit_rst_stream(stream->http->http2->session, NGHTTP2_FLAG_NONE,
                                               stream->id, (uint32_t)code));
}
