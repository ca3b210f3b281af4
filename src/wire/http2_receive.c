/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/assert.h"
#include "wire/http2.h"

/* HTTP/2: what is received. RFC 9113 unless another source is named. */

/* Padding takes of the window as the body does (section 6.9.1); so much of it is given back alone,
 * when nothing else is. A small part of the window. */
enum { PADDING_BACK_BYTES = 16 * 1024 };

/* --- Streams' ends
 * -----------------------------------------------------------------------------------------------
 */

/* grpc/doc/PROTOCOL-HTTP2.md, "HTTP2 Transport Mapping, Errors"; the same sense for plain HTTP. */
static enum weft_status code_status(uint32_t code)
{
    switch (code) {
    case NGHTTP2_REFUSED_STREAM:
        return WEFT_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return WEFT_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return WEFT_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return WEFT_PERMISSION_DENIED;
    default:
        return WEFT_INTERNAL;
    }
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
    (void)user_data;
    struct weft_http_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream == NULL) {
        return 0;
    }
    struct weft_http *http = stream->http;
    struct weft_http_close close = {.code = code, .status = code_status(code)};
    /* An early answer that was followed by NO_ERROR or a cut of the useless rest is complete
     * (section 8.1). */
    bool answered = http->is_server ? stream->local_done : stream->remote_done;
    if (answered && !stream->reset) {
        close.status = WEFT_OK;
        weft_http_bucket_take(http, WEFT_HTTP_BUCKET_IDLE, 16);
        weft_http_bucket_take(http, WEFT_HTTP_BUCKET_RESETS, 1);
    } else if (stream->reset) {
        close.status = WEFT_CANCELLED;
    } else if (!http->is_server && (code == NGHTTP2_REFUSED_STREAM || !stream->head_sent)) {
        close.status = WEFT_UNAVAILABLE;
        close.unprocessed = true;
    }
    weft_http_stream_close(stream, &close);
    return 0;
}

/* --- Heads
 * -------------------------------------------------------------------------------------------------------
 */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct weft_http *http = user_data;
    int32_t id = frame->hd.stream_id;
    struct weft_http_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL || !http->is_server || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    stream = weft_http_stream_new(http);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    stream->id = id;
    stream->head.method = "";
    stream->head.scheme = http->scheme;
    stream->head.authority = "";
    stream->head.path = "";
    return nghttp2_session_set_stream_user_data(session, id, stream);
}

/* The static table's strings live for ever; others are copied into the stream. */
static const char *keep(struct weft_http_stream *stream, nghttp2_rcbuf *buffer, size_t *ret_length)
{
    nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
    *ret_length = bytes.len;
    return nghttp2_rcbuf_is_static(buffer)
               ? (const char *)bytes.base
               : weft_http_stream_text(stream, (const char *)bytes.base, bytes.len);
}

static int add_pseudo(struct weft_http_stream *stream, const char *name, size_t name_length,
                      const char *value, size_t value_length)
{
    struct weft_http_head *head = &stream->head;
    stream->fields.size_bytes += name_length + value_length + 32;
    if (stream->fields.size_bytes > WEFT_HTTP_HEAD_MAX_BYTES) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (strcmp(name, ":path") == 0) {
        head->path = value;
        return value_length <= WEFT_HTTP_PATH_MAX_BYTES ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (strcmp(name, ":method") == 0) {
        head->method = value;
    } else if (strcmp(name, ":scheme") == 0) {
        head->scheme = value;
    } else if (strcmp(name, ":authority") == 0) {
        head->authority = value;
    } else if (strcmp(name, ":status") == 0) {
        head->status = atoi(value); /* nghttp2 lets three digits pass */
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     nghttp2_rcbuf *name_buffer, nghttp2_rcbuf *value_buffer, uint8_t flags,
                     void *user_data)
{
    (void)flags, (void)user_data;
    struct weft_http_stream *stream =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->reset) {
        return 0;
    }
    struct weft_http_fields *fields =
        stream->head_done ? &stream->trailers_received : &stream->fields;
    size_t value_bytes = nghttp2_rcbuf_get_buf(value_buffer).len;
    if (value_bytes > WEFT_HTTP_HEAD_MAX_BYTES) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t name_length = 0;
    size_t value_length = 0;
    const char *name = keep(stream, name_buffer, &name_length);
    const char *value = keep(stream, value_buffer, &value_length);
    if (name == NULL || value == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (name[0] == ':') {
        return add_pseudo(stream, name, name_length, value, value_length);
    }
    if (name_length == 4 && memcmp(name, "host", 4) == 0) {
        if (stream->head.authority != NULL && stream->head.authority[0] == '\0') {
            stream->head.authority = value;
        }
        return 0;
    }
    if (name_length == 14 && memcmp(name, "content-length", 14) == 0 && !stream->head_done) {
        stream->head.content_length =
            strtoll(value, NULL, 10); /* nghttp2 lets only digits that fit pass */
    }
    return weft_http_fields_add(stream, fields, name, name_length, value, value_length) ==
                   WEFT_HTTP_ADDED
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void on_headers(struct weft_http_stream *stream)
{
    if (stream->head_done) {
        return; /* trailers: told with the end */
    }
    if (!stream->http->is_server && stream->head.status / 100 == 1) {
        stream->fields.count = 0;
        stream->fields.size_bytes = 0;
        return;
    }
    weft_http_stream_tell_head(stream);
    if (stream->http->is_server) {
        weft_http2_continue(stream);
    }
}

/* --- Frames
 * ------------------------------------------------------------------------------------------------------
 */

static void too_many(struct weft_http *http)
{
    weft_http2_check(
        http, nghttp2_session_terminate_session(http->http2->session, NGHTTP2_ENHANCE_YOUR_CALM));
}

static void count_frame(struct weft_http *http, const nghttp2_frame *frame)
{
    bool fine = true;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        if (frame->hd.length > 0) {
            weft_http_bucket_take(http, WEFT_HTTP_BUCKET_IDLE, 1);
        } else if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
            fine = weft_http_bucket_add(http, WEFT_HTTP_BUCKET_IDLE);
        }
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        fine = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ||
               weft_http_bucket_add(http, WEFT_HTTP_BUCKET_IDLE);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        fine = weft_http_bucket_add(http, WEFT_HTTP_BUCKET_IDLE);
        break;
    case NGHTTP2_RST_STREAM:
        fine = !http->is_server || weft_http_bucket_add(http, WEFT_HTTP_BUCKET_RESETS);
        break;
    default:
        break;
    }
    if (!fine) {
        too_many(http);
    }
}

static void on_connection_frame(struct weft_http *http, const nghttp2_frame *frame)
{
    struct weft_http2 *http2 = http->http2;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
        http2->ping_under_way) {
        http2->ping_under_way = false;
        if (http->events->on_ping_ack != NULL) {
            http->events->on_ping_ack(http->context);
        }
    } else if (frame->hd.type == NGHTTP2_GOAWAY && !http2->peer_goes_away) {
        http2->peer_goes_away = true;
        if (!http->is_server && http->events->on_goaway != NULL) {
            http->events->on_goaway(http->context);
        }
    }
}

/* The peer's last byte of the stream came. */
static void on_remote_end(struct weft_http_stream *stream)
{
    weft_http_stream_tell_end(stream);
    struct weft_http *http = stream->http;
    if (!http->is_server && !stream->local_done && !stream->reset) {
        /* The answer is complete; the rest of our request helps nobody. */
        stream->send_cut = true;
        weft_http_parts_fini(&stream->queue);
        weft_http2_check(http, nghttp2_submit_rst_stream(http->http2->session, NGHTTP2_FLAG_NONE,
                                                         stream->id, NGHTTP2_NO_ERROR));
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct weft_http *http = user_data;
    count_frame(http, frame);
    if (frame->hd.stream_id == 0) {
        on_connection_frame(http, frame);
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct weft_http_stream *stream =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->reset) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) {
        on_headers(stream);
    } else if (stream->own_credit && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        stream->padding_bytes += (uint32_t)frame->data.padlen;
        if (stream->padding_bytes >= PADDING_BACK_BYTES) {
            http->protocol->allow(stream, 0);
        }
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !stream->reset) {
        on_remote_end(stream);
    }
    return 0;
}

static int on_data_chunk_recv(nghttp2_session *session, uint8_t flags, int32_t id,
                              const uint8_t *data, size_t length, void *user_data)
{
    (void)flags;
    struct weft_http *http = user_data;
    /* Streams hold their senders back, the connection does not: each stream's window is bounded. */
    int result = nghttp2_session_consume_connection(session, length);
    struct weft_http_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL && !stream->reset) {
        weft_http_stream_body(stream, data, length);
    }
    weft_http2_check(http, result);
    return http->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- Following the frames
 * ---------------------------------------------------------------------------------------- */

static void follow(struct weft_http *http, const uint8_t *data, size_t size_bytes)
{
    struct weft_http2 *http2 = http->http2;
    while (size_bytes > 0) {
        if (http2->frame_left_bytes > 0) {
            size_t part_bytes =
                size_bytes < http2->frame_left_bytes ? size_bytes : http2->frame_left_bytes;
            http2->frame_left_bytes -= (uint32_t)part_bytes;
            data += part_bytes;
            size_bytes -= part_bytes;
            continue;
        }
        size_t missing_bytes = sizeof(http2->frame_head) - http2->frame_head_bytes;
        size_t part_bytes = size_bytes < missing_bytes ? size_bytes : missing_bytes;
        memcpy(http2->frame_head + http2->frame_head_bytes, data, part_bytes);
        http2->frame_head_bytes = (uint8_t)(http2->frame_head_bytes + part_bytes);
        data += part_bytes;
        size_bytes -= part_bytes;
        if (http2->frame_head_bytes == sizeof(http2->frame_head)) {
            const uint8_t *head = http2->frame_head; /* section 4.1 */
            http2->frame_left_bytes = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
            http2->frame_type = head[3];
            http2->frame_flags = head[4];
            http2->frame_stream_id =
                (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                          (uint32_t)head[7] << 8 | head[8]);
            http2->frame_head_bytes = 0;
            /* Those that nghttp2 passes over in silence. */
            if ((head[3] == NGHTTP2_PRIORITY || head[3] > NGHTTP2_CONTINUATION) &&
                !weft_http_bucket_add(http, WEFT_HTTP_BUCKET_IDLE)) {
                too_many(http);
            }
        }
    }
}

struct weft_http_stream *weft_http2_landing(struct weft_http *http, size_t *ret_size_bytes,
                                            size_t *ret_head_bytes)
{
    struct weft_http2 *http2 = http->http2;
    if (http2->frame_type != NGHTTP2_DATA || (http2->frame_flags & NGHTTP2_FLAG_PADDED) != 0) {
        return NULL;
    }
    struct weft_http_stream *stream =
        nghttp2_session_get_stream_user_data(http2->session, http2->frame_stream_id);
    if (stream == NULL || stream->landing.buffer == NULL) {
        return NULL;
    }
    size_t left_bytes = http2->frame_left_bytes;
    if (left_bytes == 0) {
        /* Between two frames of it: read the next head alone, so that the payload behind it goes to
         * its place. */
        *ret_head_bytes = sizeof(http2->frame_head) - http2->frame_head_bytes;
        return NULL;
    }
    *ret_size_bytes =
        left_bytes < stream->landing.left_bytes ? left_bytes : stream->landing.left_bytes;
    *ret_head_bytes = left_bytes < stream->landing.left_bytes ? sizeof(http2->frame_head) : 0;
    return stream;
}

enum weft_status weft_http2_receive(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                    struct weft_error **error)
{
    struct weft_http2 *http2 = http->http2;
    ssize_t result = nghttp2_session_mem_recv(http2->session, data, size_bytes);
    if (result < 0) {
        http->failed = true;
        if (result == NGHTTP2_ERR_NOMEM || result == NGHTTP2_ERR_CALLBACK_FAILURE) {
            return weft_error_set_out_of_memory(error);
        }
        return weft_error_set(
            error, result == NGHTTP2_ERR_FLOODED ? WEFT_RESOURCE_EXHAUSTED : WEFT_INVALID_ARGUMENT,
            "HTTP/2: %s", nghttp2_strerror((int)result));
    }
    follow(http, data, size_bytes);
    if (http->failed || http2->heap.failed) {
        http->failed = true;
        return weft_error_set_out_of_memory(error);
    }
    return WEFT_OK;
}

void weft_http2_set_receive_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk_recv);
}
