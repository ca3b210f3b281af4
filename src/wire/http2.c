/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http2.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

/* HTTP/2 by nghttp2: the session's life. RFC 9113 unless another source is named. */

void weft_http2_check(struct weft_http *http, int result)
{
    if (result == NGHTTP2_ERR_NOMEM || nghttp2_is_fatal(result)) {
        http->failed = true;
    }
}

/* --- Small entries of the table
 * ---------------------------------------------------------------------------------- */

static void disconnect(struct weft_http *http, bool clean_end)
{
    (void)http, (void)clean_end; /* http.c ends the streams */
}

static bool wants_receive(const struct weft_http *http)
{
    return nghttp2_session_want_read(http->http2->session) != 0;
}

static bool wants_send(const struct weft_http *http)
{
    return !http->failed && nghttp2_session_want_write(http->http2->session) != 0;
}

static bool is_done(const struct weft_http *http)
{
    nghttp2_session *session = http->http2->session;
    if (!http->is_server && (http->going_away || http->http2->peer_goes_away) &&
        http->streams_count == 0) {
        return true;
    }
    return nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
}

static bool can_open(const struct weft_http *http)
{
    nghttp2_session *session = http->http2->session;
    return !http->http2->peer_goes_away && nghttp2_session_check_request_allowed(session) != 0 &&
           http->streams_count < nghttp2_session_get_remote_settings(
                                     session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static void consumed(struct weft_http_stream *stream, size_t size_bytes)
{
    struct weft_http *http = stream->http;
    if (stream->remote_done) {
        return; /* nothing more comes, so the window is of no use */
    }
    weft_http2_check(http,
                     nghttp2_session_consume_stream(http->http2->session, stream->id, size_bytes));
    weft_http_note_output(http);
}

static void expect(struct weft_http_stream *stream, size_t window_bytes)
{
    struct weft_http *http = stream->http;
    weft_http2_check(http,
                     nghttp2_session_set_local_window_size(http->http2->session, NGHTTP2_FLAG_NONE,
                                                           stream->id, (int32_t)window_bytes));
    weft_http_note_output(http);
}

static void allow(struct weft_http_stream *stream, size_t more_bytes)
{
    struct weft_http *http = stream->http;
    more_bytes += stream->padding_bytes;
    stream->padding_bytes = 0;
    weft_http2_check(http, nghttp2_submit_window_update(http->http2->session, NGHTTP2_FLAG_NONE,
                                                        stream->id, (int32_t)more_bytes));
    weft_http_note_output(http);
}

static void goaway(struct weft_http *http)
{
    struct weft_http2 *http2 = http->http2;
    if (http->is_server && !http2->notice_given) {
        http2->notice_given = true;
        weft_http2_check(http, nghttp2_submit_shutdown_notice(http2->session));
    } else {
        int32_t last_id = nghttp2_session_get_last_proc_stream_id(http2->session);
        weft_http2_check(http, nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
                                                     http->is_server ? last_id : 0,
                                                     NGHTTP2_NO_ERROR, NULL, 0));
    }
    weft_http_note_output(http);
}

static bool ping(struct weft_http *http)
{
    struct weft_http2 *http2 = http->http2;
    if (http2->ping_under_way ||
        nghttp2_submit_ping(http2->session, NGHTTP2_FLAG_NONE, NULL) != 0) {
        return false;
    }
    http2->ping_under_way = true;
    weft_http_note_output(http);
    return true;
}

static void http2_free(struct weft_http *http)
{
    nghttp2_session_del(http->http2->session);
    weft_http2_heap_fini(&http->http2->heap);
    free(http->http2);
    http->http2 = NULL;
}

/* --- Start
 * -------------------------------------------------------------------------------------------------------
 */

static int new_session(struct weft_http *http, struct weft_http2 *http2)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int result = nghttp2_session_callbacks_new(&callbacks);
    if (result == 0) {
        result = nghttp2_option_new(&option);
    }
    if (result == 0) {
        weft_http2_set_receive_callbacks(callbacks);
        weft_http2_set_send_callbacks(callbacks);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_recv_client_magic(option, 1); /* http.c has seen it */
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_max_outbound_ack(option, WEFT_HTTP_ANSWERS_QUEUED_MAX);
#ifdef WEFT_NGHTTP2_HAS_MAX_CONTINUATIONS
        nghttp2_option_set_max_continuations(option, WEFT_HTTP_CONTINUATIONS_MAX);
#endif
        nghttp2_mem memory = weft_http2_heap_memory(&http2->heap);
        result =
            http->is_server
                ? nghttp2_session_server_new3(&http2->session, callbacks, http, option, &memory)
                : nghttp2_session_client_new3(&http2->session, callbacks, http, option, &memory);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return result;
}

static int submit_settings(struct weft_http *http, nghttp2_session *session)
{
    nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, WEFT_HTTP_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WEFT_HTTP_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, WEFT_HTTP_FRAME_MAX_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WEFT_HTTP_HEAD_MAX_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    size_t count = sizeof(entries) / sizeof(entries[0]);
    if (http->is_server) {
        count--; /* only clients may be pushed to */
    } else {
        entries[0].value = 0; /* and nobody may push to us */
    }
    int result = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries, count);
    return result != 0 ? result
                       : nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                               WEFT_HTTP_CONNECTION_WINDOW_BYTES);
}

enum weft_status weft_http2_start(struct weft_http *http, struct weft_error **error)
{
    struct weft_http2 *http2 = calloc(1, sizeof(*http2));
    if (http2 == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    http2->frame_type = NGHTTP2_SETTINGS;
    http2->heap.shared = http->shared;
    int result = new_session(http, http2);
    if (result == 0) {
        result = submit_settings(http, http2->session);
    }
    if (result != 0) {
        nghttp2_session_del(http2->session);
        weft_http2_heap_fini(&http2->heap);
        free(http2);
        return weft_error_set_out_of_memory(error);
    }
    http->http2 = http2;
    weft_http_note_output(http);
    return WEFT_OK;
}

const struct weft_http_protocol weft_http2_protocol = {
    .receive = weft_http2_receive,
    .landing = weft_http2_landing,
    .wants_receive = wants_receive,
    .disconnect = disconnect,
    .fill = weft_http2_fill,
    .wants_send = wants_send,
    .is_done = is_done,
    .can_open = can_open,
    .open = weft_http2_open,
    .respond = weft_http2_respond,
    .queued = weft_http2_queued,
    .reset = weft_http2_reset,
    .consumed = consumed,
    .expect = expect,
    .allow = allow,
    .goaway = goaway,
    .ping = ping,
    .free = http2_free,
};
