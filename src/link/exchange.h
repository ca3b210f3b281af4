/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_EXCHANGE_H
#define WEFT_LINK_EXCHANGE_H

/*
 * One HTTP request with its response, either version, as a handler sees it. The router hands it to
 * the handler, which ends it with exactly one weft_exchange_respond*, weft_exchange_finish or
 * weft_exchange_abort, at once or later; afterwards the pointer is invalid. If the client leaves
 * before, the handler hears it (weft_exchange_on_gone), what it sends goes nowhere, and it still
 * ends the exchange. The loop's thread.
 */

#include "link/link.h"
#include "wire/http.h"

struct weft_exchange;

/* --- the request: borrowed texts, valid until the client is gone or the exchange ended --- */

const char *weft_exchange_method(const struct weft_exchange *exchange);
/* Path and query as they came; their beginning still when the client is gone, for the log. */
const char *weft_exchange_target(const struct weft_exchange *exchange);
/* A {name} of the route's pattern, percent-decoded (valid UTF-8, no NUL: others were answered 400).
 * Never NULL for a name that the pattern has. */
const char *weft_exchange_parameter(const struct weft_exchange *exchange, const char *name);
/* The first `name=value` of the query, decoded into text (terminated). False where there is none,
 * or it does not fit or is malformed. */
bool weft_exchange_query(const struct weft_exchange *exchange, const char *name, char *text,
                         size_t capacity);
/* A header field's value, NULL if none; name in lower case. */
const char *weft_exchange_header(const struct weft_exchange *exchange, const char *name);
const struct weft_http_head *weft_exchange_head(const struct weft_exchange *exchange);
/* The collected body in one piece (empty where there is none); valid until the end, also when the
 * client is gone. */
const struct weft_slice *weft_exchange_body(const struct weft_exchange *exchange);
/* "127.0.0.1:51812"; also when the client is gone. */
const char *weft_exchange_peer(const struct weft_exchange *exchange);
uint64_t weft_exchange_started_ns(const struct weft_exchange *exchange);
struct weft_link *weft_exchange_link(const struct weft_exchange *exchange);

struct weft_exchange_reader {
    /* A part of the body, borrowed. */
    void (*data)(void *context, struct weft_exchange *exchange, const struct weft_slice *data);
    /* All of it has come. */
    void (*end)(void *context, struct weft_exchange *exchange);
};
/* For routes with stream_body, inside `handle`. `reader` outlives the exchange. */
void weft_exchange_read(struct weft_exchange *exchange, const struct weft_exchange_reader *reader,
                        void *context);

/* The client went away (or the connection broke) before the end. Called once, never from inside a
 * call. */
void weft_exchange_on_gone(struct weft_exchange *exchange, void (*gone)(void *context),
                           void *context);
bool weft_exchange_is_gone(const struct weft_exchange *exchange);

/* --- the response --- */

/* The whole response: content-length is added. The slices' references are taken, whatever happens
 * (a broken connection can't be answered and is not the handler's trouble). content_type NULL =
 * none. Ends the exchange. */
void weft_exchange_respond(struct weft_exchange *exchange, int status, const char *content_type,
                           const struct weft_http_field *fields, size_t fields_count,
                           struct weft_slice *take_body, size_t body_count);
/* The same with a text, copied. */
void weft_exchange_respond_text(struct weft_exchange *exchange, int status,
                                const char *content_type, const char *text, size_t length);
/* RFC 9457 problem details, with OIP's `error` member and the error's place (pipeline, step, node,
 * attempt). Ends the exchange. http_status 0 = what fits the error's status. */
void weft_exchange_respond_error(struct weft_exchange *exchange, int http_status,
                                 const struct weft_error *error);

/* A response in parts: begin, send any number of times, finish. */
void weft_exchange_begin(struct weft_exchange *exchange, int status, const char *content_type,
                         const struct weft_http_field *fields, size_t fields_count);
/* Takes the slice's reference whatever happens. False where the client is gone: stop producing. */
bool weft_exchange_send(struct weft_exchange *exchange, struct weft_slice take_part);
/* Sent and not yet taken by the connection. Stop above WEFT_HTTP_DRAINED_BYTES until `drained`:
 * beyond WEFT_EXCHANGE_QUEUE_MAX_BYTES the exchange is cut (gone). */
size_t weft_exchange_queued_bytes(const struct weft_exchange *exchange);
void weft_exchange_on_drained(struct weft_exchange *exchange, void (*drained)(void *context),
                              void *context);
/* Ends the exchange, with trailers where there are some. */
void weft_exchange_finish(struct weft_exchange *exchange, const struct weft_http_field *trailers,
                          size_t trailers_count);
/* Ends it by a reset, so that the client sees that the response is not whole. */
void weft_exchange_abort(struct weft_exchange *exchange);

/* What one streamed response may have queued for a reader that doesn't read. Holds the largest
 * value at once. */
enum { WEFT_EXCHANGE_QUEUE_MAX_BYTES = 256 * 1024 * 1024 };

#endif
