/* SPDX-License-Identifier: Apache-2.0 */
#include <llhttp.h>
#include <string.h>

#include "wire/http1.h"

/* --- Lines
 * -------------------------------------------------------------------------------------------------------
 */

static const char *check_byte(const struct weft_http1_lines *lines, uint8_t byte)
{
    if (lines->after_return) {
        return "a carriage return without line feed";
    }
    if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
        return "a control character";
    }
    if (lines->line_bytes == 0 && (byte == ' ' || byte == '\t')) {
        return "a line that begins with a space";
    }
    if (lines->line_bytes == 0 && byte == ':') {
        return "a field without a name"; /* llhttp lets it pass */
    }
    return NULL;
}

size_t weft_http1_lines_follow(struct weft_http1_lines *lines, const uint8_t *data,
                               size_t size_bytes, bool *ret_complete, const char **ret_refusal)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (data[i] == '\n') {
            if (!lines->after_return) {
                *ret_refusal = "a line feed without carriage return";
                return i;
            }
            bool blank = lines->line_bytes == 0;
            *lines = (struct weft_http1_lines){.lines = lines->lines + 1};
            if (blank) {
                *ret_complete = true;
                return i + 1;
            }
            continue;
        }
        *ret_refusal = check_byte(lines, data[i]);
        if (*ret_refusal != NULL) {
            return i;
        }
        if (data[i] == '\r') {
            lines->after_return = true;
        } else {
            lines->line_bytes++;
        }
    }
    return size_bytes;
}

/* --- llhttp
 * ------------------------------------------------------------------------------------------------------
 */

/* One head while llhttp reads it: it is complete, so every span comes in one piece. */
struct reading {
    struct weft_http_stream *stream;
    struct weft_http_fields *fields;
    struct weft_http1_head *head;
    bool complete;
    bool out_of_memory;
    const char *name;
    size_t name_length;
    const char *target; /* of the request */
    size_t target_length;
    const char *method;
    size_t method_length;
    size_t hosts_count;
    size_t codings_count;
};

static int refuse(struct reading *reading, int status, const char *reason)
{
    if (reading->head->refusal_status == 0) {
        reading->head->refusal_status = status;
        reading->head->refusal = reason;
    }
    return -1;
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
    struct reading *reading = parser->data;
    reading->method = at;
    reading->method_length = length;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct reading *reading = parser->data;
    reading->target = at;
    reading->target_length = length;
    return length <= WEFT_HTTP_PATH_MAX_BYTES
               ? 0
               : refuse(reading, 414, "the request's target is too long");
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct reading *reading = parser->data;
    reading->name = at;
    reading->name_length = length;
    return 0;
}

static bool equals(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static bool parse_length(const char *text, size_t length, int64_t *ret_length)
{
    int64_t value = 0;
    if (length == 0 || length > 18) { /* below 2^63 */
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_length = value;
    return true;
}

/* Host's value becomes the authority and part of what access rules look at: nothing but a host and
 * a port. */
static bool is_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (memchr(" \t/?#@\\,<>\"{}|^`", text[i], 16) != NULL || (unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Fields that are about the connection or the framing. *ret_keep tells whether the host sees the
 * field. */
static int framing_field(struct reading *reading, const char *value, size_t length, bool *ret_keep)
{
    const char *name = reading->name;
    size_t name_length = reading->name_length;
    struct weft_http1_head *head = reading->head;
    *ret_keep = false;
    if (equals(name, name_length, "content-length")) {
        *ret_keep = true;
        if (head->content_length >= 0) {
            return refuse(reading, 400, "more than one Content-Length");
        }
        return parse_length(value, length, &head->content_length)
                   ? 0
                   : refuse(reading, 400, "a bad Content-Length");
    }
    if (equals(name, name_length, "transfer-encoding")) {
        if (reading->codings_count++ > 0 || !equals(value, length, "chunked")) {
            return refuse(reading, 501, "a transfer coding other than chunked");
        }
        head->chunked = true;
        return 0;
    }
    if (equals(name, name_length, "host") && reading->stream->http->is_server) {
        if (reading->hosts_count++ > 0 || !is_host(value, length)) {
            return refuse(reading, 400, "a bad Host");
        }
        reading->stream->head.authority = weft_http_stream_text(reading->stream, value, length);
        reading->out_of_memory |= reading->stream->head.authority == NULL;
        return 0;
    }
    if (equals(name, name_length, "connection") || equals(name, name_length, "keep-alive") ||
        equals(name, name_length, "proxy-connection") || equals(name, name_length, "upgrade")) {
        return 0;
    }
    head->expects_continue |=
        equals(name, name_length, "expect") && equals(value, length, "100-continue");
    *ret_keep = true;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct reading *reading = parser->data;
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t')) {
        length--;
    }
    bool keep = true;
    if (reading->fields == &reading->stream->fields &&
        framing_field(reading, at, length, &keep) != 0) {
        return -1;
    }
    if (!keep) {
        return 0;
    }
    char *name = weft_http_stream_text(reading->stream, reading->name, reading->name_length);
    const char *value = weft_http_stream_text(reading->stream, at, length);
    if (name == NULL || value == NULL) {
        reading->out_of_memory = true;
        return -1;
    }
    for (size_t i = 0; i < reading->name_length; i++) {
        name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    }
    switch (weft_http_fields_add(reading->stream, reading->fields, name, reading->name_length,
                                 value, length)) {
    case WEFT_HTTP_ADDED:
        return 0;
    case WEFT_HTTP_ADD_TOO_MUCH:
        return refuse(reading, 431, "too many or too long header fields");
    default:
        reading->out_of_memory = true;
        return -1;
    }
}

static int on_headers_complete(llhttp_t *parser)
{
    struct reading *reading = parser->data;
    reading->complete = true;
    reading->head->is_1_0 = parser->http_minor == 0;
    reading->head->keep_alive =
        (parser->flags & F_CONNECTION_CLOSE) == 0 &&
        (parser->http_minor > 0 || (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0);
    reading->stream->head.status = parser->status_code;
    if (parser->http_major != 1 || parser->http_minor > 1) {
        return refuse(reading, 505, "this is not HTTP/1.1");
    }
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
};

/* False if out of memory. */
static bool run(struct reading *reading, llhttp_t *parser, const char *text, size_t length)
{
    llhttp_errno_t result = llhttp_execute(parser, text, length);
    if (reading->out_of_memory) {
        return false;
    }
    if (result == HPE_PAUSED && reading->complete) {
        /* Both have seen the same end. */
        if (llhttp_get_error_pos(parser) != text + length) {
            refuse(reading, 400, "a malformed head");
        }
    } else if (result != HPE_OK) {
        refuse(reading, 400, "a malformed head");
    }
    return true;
}

/* --- Requests
 * ----------------------------------------------------------------------------------------------------
 */

/* "http://host/path": host and path of it (RFC 9112 section 3.2.2). */
static bool read_absolute(struct reading *reading, size_t scheme_length)
{
    struct weft_http_stream *stream = reading->stream;
    const char *authority = reading->target + scheme_length;
    size_t left = reading->target_length - scheme_length;
    const char *slash = memchr(authority, '/', left);
    size_t authority_length = slash != NULL ? (size_t)(slash - authority) : left;
    if (authority_length == 0 || !is_host(authority, authority_length)) {
        refuse(reading, 400, "a bad request target");
        return true;
    }
    stream->head.authority = weft_http_stream_text(stream, authority, authority_length);
    stream->head.path =
        slash != NULL ? weft_http_stream_text(stream, slash, left - authority_length) : "/";
    return stream->head.authority != NULL && stream->head.path != NULL;
}

static bool read_target(struct reading *reading)
{
    struct weft_http_stream *stream = reading->stream;
    const char *target = reading->target;
    size_t length = reading->target_length;
    if (length > 7 && strncasecmp(target, "http://", 7) == 0) {
        return read_absolute(reading, 7);
    }
    if (length > 8 && strncasecmp(target, "https://", 8) == 0) {
        return read_absolute(reading, 8);
    }
    bool asterisk =
        equals(target, length, "*") && equals(reading->method, reading->method_length, "OPTIONS");
    if (length == 0 || memchr(target, '#', length) != NULL || (target[0] != '/' && !asterisk)) {
        refuse(reading, 400, "a bad request target");
        return true;
    }
    stream->head.path = weft_http_stream_text(stream, target, length);
    return stream->head.path != NULL;
}

/* llhttp skips further spaces; another reader could see an empty target. */
static bool has_single_spaces(const char *text, size_t length)
{
    size_t i = 0;
    for (; i < length && text[i] != '\r'; i++) {
        if (text[i] == '\t' || (text[i] == ' ' && i + 1 < length && text[i + 1] == ' ')) {
            return false;
        }
    }
    return i < length;
}

static bool check_request(struct reading *reading)
{
    struct weft_http_stream *stream = reading->stream;
    struct weft_http1_head *head = reading->head;
    if (equals(reading->method, reading->method_length, "CONNECT")) {
        refuse(reading, 501, "CONNECT is not for this server");
        return true;
    }
    if (!head->is_1_0 && reading->hosts_count == 0) {
        refuse(reading, 400, "no Host");
        return true;
    }
    if (head->is_1_0 && head->chunked) {
        refuse(reading, 400, "a transfer coding in HTTP/1.0");
        return true;
    }
    stream->head.scheme = stream->http->scheme;
    stream->head.method = weft_http_stream_text(stream, reading->method, reading->method_length);
    return stream->head.method != NULL && read_target(reading);
}

bool weft_http1_head_read(struct weft_http_stream *stream, const char *text, size_t length,
                          struct weft_http1_head *ret_head)
{
    *ret_head = (struct weft_http1_head){.content_length = -1};
    struct reading reading = {.stream = stream, .fields = &stream->fields, .head = ret_head};
    llhttp_t parser;
    llhttp_init(&parser, stream->http->is_server ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = &reading;
    stream->head.authority = "";
    if (!run(&reading, &parser, text, length)) {
        return false;
    }
    if (ret_head->refusal_status == 0 && !reading.complete) {
        refuse(&reading, 400, "a malformed head");
    }
    if (ret_head->refusal_status == 0 && stream->http->is_server &&
        !has_single_spaces(text, length)) {
        refuse(&reading, 400, "a malformed request line");
    }
    if (ret_head->refusal_status == 0 && ret_head->chunked && ret_head->content_length >= 0) {
        refuse(&reading, 400, "both Content-Length and Transfer-Encoding");
    }
    if (ret_head->refusal_status == 0 && stream->http->is_server && !check_request(&reading)) {
        return false;
    }
    stream->head.content_length = ret_head->content_length;
    return true;
}

bool weft_http1_trailers_read(struct weft_http_stream *stream, const char *trailers, size_t length,
                              const char **ret_refusal)
{
    static const char line[] = "GET / HTTP/1.1\r\n";
    struct weft_http1_head head = {.content_length = -1};
    struct reading reading = {
        .stream = stream, .fields = &stream->trailers_received, .head = &head};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &reading;
    int status = stream->head.status;
    bool fine =
        run(&reading, &parser, line, sizeof(line) - 1) && run(&reading, &parser, trailers, length);
    stream->head.status = status;
    *ret_refusal = head.refusal_status != 0 ? head.refusal
                   : !reading.complete      ? "malformed trailers"
                                            : NULL;
    return fine;
}
