/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* HTTP/1.1: where messages begin and end, and whose turn it is. RFC 9112 unless another source is
 * named. */

/* The longest line with a chunk's size that makes sense: 15 digits are an exabyte. */
enum { CHUNK_DIGITS_MAX = 15 };

/* A head with its request line. */
enum { HEAD_TEXT_MAX_BYTES = WEFT_HTTP_HEAD_MAX_BYTES + WEFT_HTTP_PATH_MAX_BYTES + 1024 };

static enum weft_status refuse(struct weft_http *http, int status, const char *reason,
                               struct weft_error **error)
{
    http->failed = true;
    weft_http1_refuse(http, status, reason);
    return weft_error_set(error, WEFT_INVALID_ARGUMENT, "HTTP/1.1: %s", reason);
}

static enum weft_status out_of_memory(struct weft_http *http, struct weft_error **error)
{
    http->failed = true;
    return weft_error_set_out_of_memory(error);
}

/* --- The order of messages
 * --------------------------------------------------------------------------------------- */

static void close_stream(struct weft_http *http, const struct weft_http_close *close)
{
    struct weft_http_stream *stream = http->http1->stream;
    http->http1->stream = NULL;
    weft_http_stream_close(stream, close);
}

static void next_message(struct weft_http1 *http1)
{
    if (!http1->keep_alive) {
        http1->done = true;
    }
    http1->phase = WEFT_HTTP1_HEAD;
    http1->lines = (struct weft_http1_lines){0};
    http1->body_left_bytes = 0;
    http1->discarded_bytes = 0;
    http1->chunks_out = false;
    http1->continue_due = false;
}

void weft_http1_advance(struct weft_http *http)
{
    struct weft_http1 *http1 = http->http1;
    struct weft_http_stream *stream = http1->stream;
    if (stream != NULL && stream->reset) {
        http1->done = true;
        close_stream(http,
                     &(struct weft_http_close){.status = WEFT_CANCELLED, .code = WEFT_HTTP_CANCEL});
        return;
    }
    if (stream != NULL && stream->remote_done && !stream->local_done && !http->is_server) {
        /* The answer is complete; the rest of our request helps nobody, and the connection is lost
         * with it. */
        http1->keep_alive = false;
        stream->send_cut = true;
        weft_http_parts_fini(&stream->queue);
        close_stream(http, &(struct weft_http_close){.status = WEFT_OK});
    } else if (stream != NULL && stream->local_done && (stream->remote_done || http->is_server)) {
        close_stream(http, &(struct weft_http_close){.status = WEFT_OK});
    }
    if (http1->stream != NULL) {
        return;
    }
    if (http1->phase == WEFT_HTTP1_COMPLETE) {
        next_message(http1);
    } else if (http->is_server && http1->phase != WEFT_HTTP1_HEAD && !http1->keep_alive) {
        http1->done = true; /* answered early, and the rest of the request is not worth reading */
    }
}

/* The message that is being received has ended. */
static void end_message(struct weft_http *http)
{
    struct weft_http1 *http1 = http->http1;
    http1->phase = WEFT_HTTP1_COMPLETE;
    if (http1->stream != NULL) {
        weft_http_stream_tell_end(http1->stream);
    }
    weft_http1_advance(http);
}

/* --- Heads
 * -------------------------------------------------------------------------------------------------------
 */

static bool has_no_body(const struct weft_http_stream *stream)
{
    int status = stream->head.status;
    return stream->head_method || status == 204 || status == 304;
}

static void start_body(struct weft_http *http, const struct weft_http1_head *head)
{
    struct weft_http1 *http1 = http->http1;
    if (!http->is_server && has_no_body(http1->stream)) {
        end_message(http);
    } else if (head->chunked) {
        http1->phase = WEFT_HTTP1_CHUNK_LINE;
    } else if (head->content_length > 0) {
        http1->phase = WEFT_HTTP1_BODY;
        http1->body_left_bytes = (uint64_t)head->content_length;
    } else if (head->content_length == 0 || http->is_server) {
        end_message(http);
    } else {
        http1->phase = WEFT_HTTP1_UNTIL_END;
        http1->keep_alive = false;
    }
}

static struct weft_http_stream *stream_for_head(struct weft_http *http)
{
    if (http->is_server) {
        http->http1->stream = weft_http_stream_new(http);
    }
    return http->http1->stream;
}

/* A whole head has come. */
static enum weft_status take_head(struct weft_http *http, const char *text, size_t length,
                                  struct weft_error **error)
{
    struct weft_http1 *http1 = http->http1;
    http1->lines = (struct weft_http1_lines){0};
    if (length == 2) {
        return WEFT_OK; /* an empty line before a message (section 2.2) */
    }
    if (!http->is_server && http1->stream == NULL) {
        return refuse(http, 400, "an answer without a request", error);
    }
    struct weft_http_stream *stream = stream_for_head(http);
    struct weft_http1_head head;
    if (stream == NULL || !weft_http1_head_read(stream, text, length, &head)) {
        return out_of_memory(http, error);
    }
    if (head.refusal_status != 0) {
        if (http->is_server) {
            close_stream(http, &(struct weft_http_close){.status = WEFT_INVALID_ARGUMENT});
        }
        return refuse(http, head.refusal_status, head.refusal, error);
    }
    if (!http->is_server && stream->head.status / 100 == 1) {
        if (stream->head.status == 101) {
            return refuse(http, 400, "an upgrade that nobody asked for", error);
        }
        stream->fields.count = 0;
        stream->fields.size_bytes = 0;
        return WEFT_OK;
    }
    http1->keep_alive = http1->keep_alive && head.keep_alive;
    http1->peer_is_1_0 = head.is_1_0;
    bool waits =
        http->is_server && head.expects_continue && (head.chunked || head.content_length > 0);
    weft_http_stream_tell_head(stream);
    if (http1->stream != NULL && waits) {
        http1->continue_due = !stream->responded;
        http1->keep_alive =
            http1->keep_alive && !stream->responded; /* whether a body follows is open */
    }
    start_body(http, &head);
    return WEFT_OK;
}

static enum weft_status take_trailers(struct weft_http *http, const char *text, size_t length,
                                      struct weft_error **error)
{
    http->http1->lines = (struct weft_http1_lines){0};
    if (http->http1->stream != NULL && length > 2) {
        const char *refusal = NULL;
        if (!weft_http1_trailers_read(http->http1->stream, text, length, &refusal)) {
            return out_of_memory(http, error);
        }
        if (refusal != NULL) {
            return refuse(http, 400, refusal, error);
        }
    }
    end_message(http);
    return WEFT_OK;
}

/* Collects lines up to the blank one. Mostly they come in one read and are parsed where they are.
 */
static enum weft_status receive_lines(struct weft_http *http, const uint8_t *data,
                                      size_t size_bytes, size_t *ret_used,
                                      struct weft_error **error)
{
    struct weft_http1 *http1 = http->http1;
    bool complete = false;
    const char *refusal = NULL;
    size_t used = weft_http1_lines_follow(&http1->lines, data, size_bytes, &complete, &refusal);
    *ret_used = used;
    if (refusal != NULL) {
        return refuse(http, 400, refusal, error);
    }
    if (used > HEAD_TEXT_MAX_BYTES - http1->collected.length) {
        return refuse(http, http1->lines.lines == 0 ? 414 : 431, "too long a head", error);
    }
    if (!complete || http1->collected.length > 0) {
        weft_text_append(&http1->collected, (const char *)data, used);
        if (http1->collected.failed) {
            return out_of_memory(http, error);
        }
    }
    if (!complete) {
        return WEFT_OK;
    }
    struct weft_text collected = http1->collected;
    http1->collected = (struct weft_text){0};
    const char *text = collected.length > 0 ? collected.data : (const char *)data;
    size_t length = collected.length > 0 ? collected.length : used;
    enum weft_status status = http1->phase == WEFT_HTTP1_HEAD
                                  ? take_head(http, text, length, error)
                                  : take_trailers(http, text, length, error);
    weft_text_fini(&collected);
    return status;
}

/* --- Bodies
 * ------------------------------------------------------------------------------------------------------
 */

static void take_body(struct weft_http *http, const uint8_t *data, size_t size_bytes)
{
    struct weft_http1 *http1 = http->http1;
    if (http1->stream != NULL) {
        weft_http_stream_body(http1->stream, data, size_bytes);
        return;
    }
    http1->discarded_bytes += size_bytes;
    if (http1->discarded_bytes > WEFT_HTTP1_DISCARD_MAX_BYTES) {
        http1->done = true;
    }
}

static enum weft_status receive_counted(struct weft_http *http, const uint8_t *data,
                                        size_t size_bytes, size_t *ret_used)
{
    struct weft_http1 *http1 = http->http1;
    size_t part_bytes =
        size_bytes < http1->body_left_bytes ? size_bytes : (size_t)http1->body_left_bytes;
    *ret_used = part_bytes;
    http1->body_left_bytes -= part_bytes;
    take_body(http, data, part_bytes);
    if (http1->body_left_bytes == 0 && http1->phase == WEFT_HTTP1_CHUNK) {
        http1->phase = WEFT_HTTP1_CHUNK_END;
    } else if (http1->body_left_bytes == 0) {
        end_message(http);
    }
    return WEFT_OK;
}

static int hex_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

/* "1f" CRLF, one byte a call. Extensions (";name=value") are refused: nobody needs them, and they
 * are read differently. */
static enum weft_status receive_chunk_line(struct weft_http *http, uint8_t byte,
                                           struct weft_error **error)
{
    struct weft_http1 *http1 = http->http1;
    struct weft_http1_lines *lines = &http1->lines;
    if (byte == '\n' && lines->after_return) {
        *lines = (struct weft_http1_lines){0};
        http1->phase = http1->body_left_bytes > 0 ? WEFT_HTTP1_CHUNK : WEFT_HTTP1_TRAILERS;
        return WEFT_OK;
    }
    if (byte == '\r' && lines->line_bytes > 0 && !lines->after_return) {
        lines->after_return = true;
        return WEFT_OK;
    }
    int digit = hex_digit(byte);
    if (digit < 0 || lines->after_return || lines->line_bytes >= CHUNK_DIGITS_MAX) {
        return refuse(http, 400, "a bad chunk size", error);
    }
    lines->line_bytes++;
    http1->body_left_bytes = http1->body_left_bytes * 16 + (uint64_t)digit;
    return WEFT_OK;
}

static enum weft_status receive_chunk_end(struct weft_http *http, uint8_t byte,
                                          struct weft_error **error)
{
    struct weft_http1_lines *lines = &http->http1->lines;
    if (byte == '\r' && !lines->after_return) {
        lines->after_return = true;
        return WEFT_OK;
    }
    if (byte != '\n' || !lines->after_return) {
        return refuse(http, 400, "a chunk longer than it says", error);
    }
    *lines = (struct weft_http1_lines){0};
    http->http1->phase = WEFT_HTTP1_CHUNK_LINE;
    return WEFT_OK;
}

/* --- Bytes
 * -------------------------------------------------------------------------------------------------------
 */

/* The next request came before the answer to this one: it waits. */
static enum weft_status keep_ahead(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                   size_t *ret_used, struct weft_error **error)
{
    struct weft_http1 *http1 = http->http1;
    if (!http->is_server) {
        return refuse(http, 400, "more than the answer", error);
    }
    weft_assert(http1->ahead.size_bytes == 0);
    *ret_used = size_bytes;
    if (http->feeding != NULL) {
        http1->ahead = (struct weft_slice){weft_buffer_ref(http->feeding), data, size_bytes};
        return WEFT_OK;
    }
    return weft_slice_copy(data, size_bytes, &http1->ahead) ? WEFT_OK : out_of_memory(http, error);
}

static enum weft_status receive_some(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                     size_t *ret_used, struct weft_error **error)
{
    *ret_used = 1;
    switch (http->http1->phase) {
    case WEFT_HTTP1_HEAD:
    case WEFT_HTTP1_TRAILERS:
        return receive_lines(http, data, size_bytes, ret_used, error);
    case WEFT_HTTP1_BODY:
    case WEFT_HTTP1_CHUNK:
        return receive_counted(http, data, size_bytes, ret_used);
    case WEFT_HTTP1_CHUNK_LINE:
        return receive_chunk_line(http, *data, error);
    case WEFT_HTTP1_CHUNK_END:
        return receive_chunk_end(http, *data, error);
    case WEFT_HTTP1_UNTIL_END:
        *ret_used = size_bytes;
        take_body(http, data, size_bytes);
        return WEFT_OK;
    case WEFT_HTTP1_COMPLETE:
    default:
        return keep_ahead(http, data, size_bytes, ret_used, error);
    }
}

static enum weft_status receive(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                struct weft_error **error)
{
    while (size_bytes > 0 && !http->http1->done && !http->failed) {
        size_t used = 0;
        enum weft_status status = receive_some(http, data, size_bytes, &used, error);
        if (status != WEFT_OK) {
            return status;
        }
        data += used;
        size_bytes -= used;
    }
    return WEFT_OK;
}

void weft_http1_go_on(struct weft_http *http)
{
    struct weft_http1 *http1 = http->http1;
    while (http1->ahead.size_bytes > 0 && http1->phase != WEFT_HTTP1_COMPLETE && !http->failed &&
           !http1->done) {
        struct weft_slice ahead = http1->ahead;
        http1->ahead = (struct weft_slice){0};
        http->feeding = ahead.buffer;
        if (receive(http, ahead.data, ahead.size_bytes, NULL) != WEFT_OK) {
            http->failed = true;
        }
        http->feeding = NULL;
        weft_slice_fini(&ahead);
    }
}

static struct weft_http_stream *landing(struct weft_http *http, size_t *ret_size_bytes,
                                        size_t *ret_head_bytes)
{
    struct weft_http1 *http1 = http->http1;
    struct weft_http_stream *stream = http1->stream;
    *ret_head_bytes = 0;
    if (stream == NULL || stream->landing.buffer == NULL ||
        (http1->phase != WEFT_HTTP1_BODY && http1->phase != WEFT_HTTP1_CHUNK)) {
        return NULL;
    }
    size_t left_bytes = stream->landing.left_bytes;
    *ret_size_bytes =
        left_bytes < http1->body_left_bytes ? left_bytes : (size_t)http1->body_left_bytes;
    return stream;
}

static bool wants_receive(const struct weft_http *http)
{
    const struct weft_http1 *http1 = http->http1;
    const struct weft_http_stream *stream = http1->stream;
    return !http1->done && http1->ahead.size_bytes == 0 &&
           (stream == NULL || stream->unconsumed_bytes < (size_t)stream->window_bytes);
}

/* --- Small entries of the table
 * ---------------------------------------------------------------------------------- */

static void disconnect(struct weft_http *http, bool clean_end)
{
    struct weft_http1 *http1 = http->http1;
    if (http1->stream != NULL && http1->phase == WEFT_HTTP1_UNTIL_END && clean_end &&
        !http->failed) {
        http1->stream->local_done = true;
        end_message(http);
    }
    http1->stream = NULL; /* http.c ends it */
    http1->done = true;
}

static bool is_done(const struct weft_http *http)
{
    const struct weft_http1 *http1 = http->http1;
    return http1->done ||
           (http->going_away && http1->stream == NULL && http1->phase == WEFT_HTTP1_HEAD);
}

static bool can_open(const struct weft_http *http)
{
    return http->http1->stream == NULL && !http->http1->done &&
           http->http1->phase == WEFT_HTTP1_HEAD;
}

static void reset(struct weft_http_stream *stream, enum weft_http_code code)
{
    (void)code;
    struct weft_http1 *http1 = stream->http->http1;
    http1->keep_alive = false;
    weft_slice_fini(&http1->head_out);
}

static void consumed(struct weft_http_stream *stream, size_t size_bytes)
{
    (void)size_bytes;
    /* The host asks for wants_receive after flushing. */
    weft_http_note_output(stream->http);
}

static void expect(struct weft_http_stream *stream, size_t window_bytes)
{
    (void)window_bytes;
    weft_http_note_output(stream->http);
}

static void goaway(struct weft_http *http)
{
    http->http1->keep_alive = false;
}

static bool ping(struct weft_http *http)
{
    (void)http;
    return false;
}

static void http1_free(struct weft_http *http)
{
    struct weft_http1 *http1 = http->http1;
    weft_text_fini(&http1->collected);
    weft_slice_fini(&http1->ahead);
    weft_slice_fini(&http1->head_out);
    weft_slice_fini(&http1->refusal);
    free(http1);
    http->http1 = NULL;
}

enum weft_status weft_http1_start(struct weft_http *http, struct weft_error **error)
{
    http->http1 = calloc(1, sizeof(*http->http1));
    if (http->http1 == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    http->http1->keep_alive = !http->going_away;
    return WEFT_OK;
}

const struct weft_http_protocol weft_http1_protocol = {
    .receive = receive,
    .landing = landing,
    .wants_receive = wants_receive,
    .disconnect = disconnect,
    .fill = weft_http1_fill,
    .wants_send = weft_http1_wants_send,
    .is_done = is_done,
    .can_open = can_open,
    .open = weft_http1_open,
    .respond = weft_http1_respond,
    .queued = weft_http1_queued,
    .reset = reset,
    .consumed = consumed,
    .expect = expect,
    .allow = consumed,
    .goaway = goaway,
    .ping = ping,
    .free = http1_free,
};
