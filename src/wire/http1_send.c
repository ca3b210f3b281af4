/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/value.h"
#include "wire/http1.h"
#include "wire/problem.h"

/* HTTP/1.1: what is sent. RFC 9112 unless another source is named. */

/* --- Heads
 * -------------------------------------------------------------------------------------------------------
 */

/* RFC 9110 section 15; of the rest, the class is enough. */
static const char *reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return status < 300   ? "Success"
               : status < 400 ? "Redirection"
               : status < 500 ? "Client Error"
                              : "Server Error";
    }
}

/* A value could otherwise begin a line of its own. */
static bool is_one_line(const char *text, size_t length)
{
    return memchr(text, '\r', length) == NULL && memchr(text, '\n', length) == NULL &&
           memchr(text, '\0', length) == NULL;
}

static bool append_fields(struct weft_text *text, const struct weft_http_field *fields,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_one_line(fields[i].name, fields[i].name_length) ||
            !is_one_line(fields[i].value, fields[i].value_length)) {
            return false;
        }
        weft_text_append(text, fields[i].name, fields[i].name_length);
        weft_text_append(text, ": ", 2);
        weft_text_append(text, fields[i].value, fields[i].value_length);
        weft_text_append(text, "\r\n", 2);
    }
    return true;
}

static void free_text(void *memory, void *context)
{
    (void)context;
    free(memory);
}

/* The text as a slice, leaving it empty. False if out of memory, also of an earlier append. */
static bool text_to_slice(struct weft_text *text, struct weft_slice *ret_slice)
{
    size_t length = text->length;
    char *bytes = weft_text_steal(text);
    struct weft_buffer *buffer =
        bytes != NULL ? weft_buffer_take(bytes, length, free_text, NULL) : NULL;
    if (buffer == NULL) {
        free(bytes);
        return false;
    }
    *ret_slice = weft_slice_take(buffer);
    return true;
}

static int64_t length_of(const struct weft_http_head *head)
{
    const char *value = weft_http_head_value(head, "content-length");
    return value != NULL ? strtoll(value, NULL, 10) : -1;
}

/* Ends a head: how long the body is, and whether another message follows. */
static enum weft_status finish_head(struct weft_http_stream *stream, struct weft_text *text,
                                    const struct weft_http_head *head, bool body,
                                    struct weft_error **error)
{
    struct weft_http1 *http1 = stream->http->http1;
    if (!append_fields(text, head->fields, head->fields_count)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "a header field with a line end in it");
    }
    stream->send_left_bytes = body ? length_of(head) : -1;
    bool chunks = body && stream->send_left_bytes < 0 && !http1->peer_is_1_0;
    if (chunks) {
        weft_text_append_string(text, "transfer-encoding: chunked\r\n");
    } else if (body && stream->send_left_bytes < 0) {
        http1->keep_alive = false; /* HTTP/1.0: the end is the connection's end */
    }
    if (!http1->keep_alive) {
        weft_text_append_string(text, "connection: close\r\n");
    } else if (http1->peer_is_1_0) {
        weft_text_append_string(text, "connection: keep-alive\r\n");
    }
    weft_text_append_string(text, "\r\n");
    if (!text_to_slice(text, &http1->head_out)) {
        return weft_error_set_out_of_memory(error);
    }
    http1->chunks_out = chunks;
    return WEFT_OK;
}

enum weft_status weft_http1_respond(struct weft_http_stream *stream,
                                    const struct weft_http_head *head, bool end,
                                    struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    weft_text_printf(&text, "HTTP/1.1 %d %s\r\n", head->status, reason_phrase(head->status));
    bool bodiless = stream->head_method || head->status == 204 || head->status == 304;
    if (end && !bodiless && length_of(head) < 0) {
        weft_text_append_string(&text, "content-length: 0\r\n");
    }
    enum weft_status status = finish_head(stream, &text, head, !end && !bodiless, error);
    stream->drop_body = status == WEFT_OK && bodiless;
    return status;
}

enum weft_status weft_http1_open(struct weft_http_stream *stream, const struct weft_http_head *head,
                                 bool end, struct weft_error **error)
{
    if (!is_one_line(head->path, strlen(head->path)) ||
        !is_one_line(head->authority, strlen(head->authority)) || strchr(head->path, ' ') != NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a request target with a space or line end in it");
    }
    cleanup_text struct weft_text text = {0};
    weft_text_printf(&text, "%s %s HTTP/1.1\r\nhost: %s\r\n", head->method, head->path,
                     head->authority);
    if (end && length_of(head) < 0 && strcmp(head->method, "GET") != 0 &&
        strcmp(head->method, "HEAD") != 0) {
        weft_text_append_string(&text, "content-length: 0\r\n");
    }
    enum weft_status status = finish_head(stream, &text, head, !end, error);
    if (status == WEFT_OK) {
        stream->http->http1->stream = stream;
    }
    return status;
}

/* What was refused before there was a request is told as every other error is. */
static void write_problem(int status, const char *reason, struct weft_text *text)
{
    cleanup_error struct weft_error *error = NULL;
    enum weft_status kind = status >= 500                    ? WEFT_UNIMPLEMENTED
                            : status == 414 || status == 431 ? WEFT_RESOURCE_EXHAUSTED
                            : status == 408                  ? WEFT_DEADLINE_EXCEEDED
                                                             : WEFT_INVALID_ARGUMENT;
    (void)!weft_error_set(&error, kind, "%s", reason);
    weft_problem_json(error, status, text);
}

void weft_http1_refuse(struct weft_http *http, int status, const char *reason)
{
    struct weft_http1 *http1 = http->http1;
    bool answered = http1->stream != NULL && http1->stream->head_sent;
    http1->done = true;
    if (!http->is_server || answered) {
        return;
    }
    cleanup_text struct weft_text problem = {0};
    cleanup_text struct weft_text text = {0};
    write_problem(status, reason, &problem);
    weft_text_printf(&text,
                     "HTTP/1.1 %d %s\r\ncontent-type: " WEFT_PROBLEM_CONTENT_TYPE
                     "\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n%s",
                     status, reason_phrase(status), problem.length, weft_text_string(&problem));
    weft_slice_fini(&http1->refusal);
    if (problem.failed || !text_to_slice(&text, &http1->refusal)) {
        http1->refusal = (struct weft_slice){0}; /* then the connection just ends */
    }
}

/* --- Bodies
 * ------------------------------------------------------------------------------------------------------
 */

void weft_http1_queued(struct weft_http_stream *stream)
{
    weft_http_note_output(stream->http);
}

static void output_small(struct weft_http *http, struct weft_slice *take_slice)
{
    if (take_slice->size_bytes <= WEFT_HTTP_COPY_MAX_BYTES) {
        weft_http_output_copy(http, take_slice->data, take_slice->size_bytes);
        weft_slice_fini(take_slice);
    } else {
        weft_http_output_slice(http, take_slice);
    }
}

/* The host gave a body of another length than it announced: the connection can't be kept, and must
 * not look whole. */
static void broke_promise(struct weft_http_stream *stream)
{
    weft_http_stream_reset(stream, WEFT_HTTP_INTERNAL_ERROR);
}

static void output_portion(struct weft_http_stream *stream)
{
    struct weft_http *http = stream->http;
    size_t portion_bytes = weft_http_stream_portion(stream, WEFT_HTTP_FRAME_MAX_BYTES);
    if (stream->send_left_bytes >= 0) {
        if ((int64_t)portion_bytes > stream->send_left_bytes) {
            broke_promise(stream);
            return;
        }
        stream->send_left_bytes -= (int64_t)portion_bytes;
    }
    if (http->http1->chunks_out) {
        char line[20];
        int length = snprintf(line, sizeof(line), "%zx\r\n", portion_bytes);
        weft_http_output_copy(http, line, (size_t)length);
    }
    weft_http_stream_output(stream, portion_bytes);
    if (http->http1->chunks_out) {
        weft_http_output_copy(http, "\r\n", 2);
    }
}

static void output_end(struct weft_http_stream *stream)
{
    struct weft_http *http = stream->http;
    if (stream->send_left_bytes > 0) {
        broke_promise(stream);
        return;
    }
    if (http->http1->chunks_out) {
        cleanup_text struct weft_text text = {0};
        struct weft_slice slice = {0};
        weft_text_append_string(&text, "0\r\n");
        bool fine = append_fields(&text, stream->trailers.fields, stream->trailers.count);
        weft_text_append_string(&text, "\r\n");
        if (!fine || !text_to_slice(&text, &slice)) {
            broke_promise(stream);
            return;
        }
        output_small(http, &slice);
    }
    stream->local_done = true;
}

/* Puts what the stream has into the batch; false when that is nothing more. */
static bool output_some(struct weft_http_stream *stream)
{
    struct weft_http1 *http1 = stream->http->http1;
    if (stream->reset || stream->local_done) {
        return false;
    }
    if (http1->continue_due) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        http1->continue_due = false;
        if (!stream->responded && !stream->remote_done) {
            weft_http_output_copy(stream->http, text, sizeof(text) - 1);
        }
        return true;
    }
    if (http1->head_out.size_bytes > 0) {
        output_small(stream->http, &http1->head_out);
        stream->head_sent = true;
        return true;
    }
    if (stream->queue.queued_bytes > 0) {
        output_portion(stream);
        return true;
    }
    if (stream->responded && stream->send_ended) {
        output_end(stream);
        return true;
    }
    return false;
}

void weft_http1_fill(struct weft_http *http)
{
    struct weft_http1 *http1 = http->http1;
    if (!weft_http1_wants_send(http)) {
        return;
    }
    if (!weft_http_output_open(http)) {
        http->failed = true;
        return;
    }
    while (!http->failed && weft_http_output_has_room(http)) {
        struct weft_http_stream *stream = http1->stream;
        bool more = stream != NULL && output_some(stream);
        if (stream != NULL) {
            weft_http_stream_tell_drained(stream);
        }
        weft_http1_advance(http);
        weft_http1_go_on(http);
        if (!more && http1->stream == stream) {
            break;
        }
    }
    if (http1->refusal.size_bytes > 0 && weft_http_output_has_room(http)) {
        weft_http_output_slice(http, &http1->refusal);
    }
}

bool weft_http1_wants_send(const struct weft_http *http)
{
    const struct weft_http1 *http1 = http->http1;
    const struct weft_http_stream *stream = http1->stream;
    if (http1->refusal.size_bytes > 0) {
        return true;
    }
    if (http->failed) {
        return false;
    }
    if (stream == NULL) {
        return http1->ahead.size_bytes > 0 && http1->phase != WEFT_HTTP1_COMPLETE && !http1->done;
    }
    return stream->reset || http1->continue_due || http1->head_out.size_bytes > 0 ||
           stream->queue.queued_bytes > 0 ||
           (stream->responded && stream->send_ended && !stream->local_done);
}
