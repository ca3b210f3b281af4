/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_HTTP2_H
#define WEFT_WIRE_HTTP2_H

/* The parts of HTTP/2: http2.c (the session), http2_receive.c and http2_send.c. Private to them;
 * threads as in http.h. */

#include <nghttp2/nghttp2.h>

#include "wire/http_private.h"

enum { WEFT_HTTP2_FRAME_HEAD_BYTES = 9 };

/* One session's memory (http_memory.c). */
struct weft_http2_heap {
    struct weft_http_shared *shared;
    void *aside;
    bool failed; /* an allocation has */
};

struct weft_http2 {
    struct weft_http2_heap heap;
    nghttp2_session *session;
    /* Where in the received frames we are, followed beside nghttp2 so that payload can be read to
     * its final place. */
    uint8_t frame_head[WEFT_HTTP2_FRAME_HEAD_BYTES];
    uint8_t frame_head_bytes; /* of the next frame's head that have come */
    uint8_t frame_type;       /* of the frame that is under way or came last */
    uint8_t frame_flags;
    int32_t frame_stream_id;
    uint32_t frame_left_bytes; /* of its payload */

    bool ping_under_way : 1;
    bool notice_given : 1;   /* server: the first, graceful GOAWAY */
    bool peer_goes_away : 1; /* GOAWAY came */
};

/* nghttp2's callbacks and table entries that http2_receive.c has. */
void weft_http2_set_receive_callbacks(nghttp2_session_callbacks *callbacks);
struct weft_http_stream *weft_http2_landing(struct weft_http *http, size_t *ret_size_bytes,
                                            size_t *ret_head_bytes);
enum weft_status weft_http2_receive(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                    struct weft_error **error);

/* nghttp2's callbacks and table entries that http2_send.c has. */
void weft_http2_set_send_callbacks(nghttp2_session_callbacks *callbacks);
void weft_http2_fill(struct weft_http *http);
enum weft_status weft_http2_open(struct weft_http_stream *stream, const struct weft_http_head *head,
                                 bool end, struct weft_error **error);
enum weft_status weft_http2_respond(struct weft_http_stream *stream,
                                    const struct weft_http_head *head, bool end,
                                    struct weft_error **error);
void weft_http2_queued(struct weft_http_stream *stream);
void weft_http2_reset(struct weft_http_stream *stream, enum weft_http_code code);
/* "100 Continue" where the request asks for it. */
void weft_http2_continue(struct weft_http_stream *stream);

/* nghttp2's way to the loop's memory. */
nghttp2_mem weft_http2_heap_memory(struct weft_http2_heap *heap);
/* After the session is gone. */
void weft_http2_heap_fini(struct weft_http2_heap *heap);

/* Where nghttp2 ran out of memory half-way: the connection can't go on. */
void weft_http2_check(struct weft_http *http, int result);

#endif
