/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"
#include "wire/gzip.h"
#include "wire/problem.h"

/* --- arrival --- */

void serve_visit_take(void *context, struct weft_exchange *exchange)
{
    struct serve_entry *entry = context;
    struct visit visit = {.entry = entry, .exchange = exchange};
    serve_trace_begin(entry->serve, weft_exchange_head(exchange), &visit.trace);
    entry->route->handle(entry->serve, &visit);
}

/* Takes a Content-Encoding off; what it grows to is bounded as bodies are. */
static enum weft_status inflate(const struct weft_slice *body, enum weft_coding coding,
                                size_t limit_bytes, struct weft_slice *ret_body,
                                struct weft_error **error)
{
    cleanup_inflate struct weft_inflate *inflate = weft_inflate_new(coding, limit_bytes);
    cleanup_slices struct weft_slices slices = {0};
    if (inflate == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_inflate_feed(inflate, body->data, body->size_bytes, error);
    if (status == WEFT_OK) {
        status = weft_inflate_finish(inflate, &slices, error);
    }
    if (status == WEFT_OK && !weft_slices_join(&slices, ret_body)) {
        status = weft_error_set_out_of_memory(error);
    }
    return status;
}

enum weft_status serve_visit_coding(const struct visit *visit, enum weft_coding *ret_coding,
                                    int *ret_http_status, struct weft_error **error)
{
    const char *name = weft_exchange_header(visit->exchange, "content-encoding");
    *ret_coding = WEFT_CODING_IDENTITY;
    if (name != NULL && !weft_coding_from_name(name, strlen(name), ret_coding)) {
        *ret_http_status = 415;
        enum weft_status status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                                 "the Content-Encoding '%.64s' is unknown", name);
        weft_error_set_hint(error, "use gzip, deflate or identity");
        return status;
    }
    return WEFT_OK;
}

enum weft_status serve_inflate(const struct weft_slice *body, enum weft_coding coding,
                               size_t limit_bytes, struct weft_slice *ret_body,
                               int *ret_http_status, struct weft_error **error)
{
    if (coding == WEFT_CODING_IDENTITY || body->size_bytes == 0) {
        *ret_body = body->data != NULL ? weft_slice_ref(body) : weft_slice_static("", 0);
        return WEFT_OK;
    }
    enum weft_status status = inflate(body, coding, limit_bytes, ret_body, error);
    if (status == WEFT_RESOURCE_EXHAUSTED) {
        *ret_http_status = 413;
    }
    return status != WEFT_OK ? weft_error_wrap(error, status, "the body is no proper %s",
                                               weft_coding_name(coding))
                             : status;
}

enum weft_status serve_visit_body(struct visit *visit, struct weft_slice *ret_body,
                                  int *ret_http_status, struct weft_error **error)
{
    const struct weft_slice *body = weft_exchange_body(visit->exchange);
    enum weft_coding coding;
    *ret_http_status = 0;
    enum weft_status status = serve_visit_coding(visit, &coding, ret_http_status, error);
    return status == WEFT_OK
               ? serve_inflate(body, coding, SERVE_INLINE_BYTES, ret_body, ret_http_status, error)
               : status;
}

/* --- the answer --- */

static void note(const struct visit *visit, int status, const struct weft_error *error,
                 uint64_t duration_ns)
{
    const struct weft_log *log = visit->entry->serve->options.log;
    /* "Not ready" is what a probe came to hear, many times over while a cluster starts. */
    bool probe = strstr(visit->entry->route->pattern, "/ready") != NULL;
    enum weft_log_level level = status < 400 || probe ? WEFT_LOG_DEBUG
                                : status >= 500       ? WEFT_LOG_WARNING
                                                      : WEFT_LOG_INFO;
    if (log != NULL && level >= log->level_min) {
        char words[512] = "";
        if (error != NULL) {
            weft_error_format(error, words, sizeof(words));
        }
        weft_log(log, level, &visit->trace, "%s %.256s from %s: %d in %llu us%s%s",
                 visit->entry->route->method, weft_exchange_target(visit->exchange),
                 weft_exchange_peer(visit->exchange), status,
                 (unsigned long long)(duration_ns / WEFT_NS_PER_US), error != NULL ? ": " : "",
                 words);
    }
}

/* Everything that is said about an answer is said before it ends the exchange. */
static void account(const struct visit *visit, int status, const struct weft_error *error)
{
    int told = weft_exchange_is_gone(visit->exchange) ? 499 : status;
    uint64_t duration_ns = weft_loop_now_ns() - weft_exchange_started_ns(visit->exchange);
    serve_count_http(visit->entry, told, duration_ns);
    note(visit, told, error, duration_ns);
}

enum { FIELDS_MAX = 16 };

/* error: why it is not what was asked for, for the log; NULL = none. */
static void respond(struct visit *visit, int status, const struct weft_error *error,
                    const char *content_type, const struct weft_http_field *fields,
                    size_t fields_count, struct weft_slice *take_body, size_t body_count)
{
    struct weft_http_field all[FIELDS_MAX];
    char traceparent[WEFT_TRACEPARENT_LENGTH + 1];
    char tracestate[WEFT_TRACESTATE_MAX_LENGTH + 1];
    size_t count = fields_count < FIELDS_MAX - 2 ? fields_count : FIELDS_MAX - 2;
    if (count > 0) {
        memcpy(all, fields, count * sizeof(*fields));
    }
    weft_trace_format(&visit->trace, traceparent);
    all[count++] = (struct weft_http_field){
        .name = "traceparent",
        .value = traceparent,
        .name_length = sizeof("traceparent") - 1,
        .value_length = WEFT_TRACEPARENT_LENGTH,
        .unindexed = true,
    };
    size_t state_length = serve_tracestate(weft_exchange_head(visit->exchange), tracestate);
    if (state_length > 0) {
        all[count++] = (struct weft_http_field){
            .name = "tracestate",
            .value = tracestate,
            .name_length = sizeof("tracestate") - 1,
            .value_length = (uint32_t)state_length,
            .unindexed = true,
        };
    }
    account(visit, status, error);
    weft_exchange_respond(visit->exchange, status, content_type, all, count, take_body, body_count);
}

void serve_respond(struct visit *visit, int status, const char *content_type,
                   const struct weft_http_field *fields, size_t fields_count,
                   struct weft_slice *take_body, size_t body_count)
{
    respond(visit, status, NULL, content_type, fields, fields_count, take_body, body_count);
}

static void release_text(void *memory, void *context)
{
    (void)context;
    free(memory);
}

static void respond_text(struct visit *visit, int status, const struct weft_error *error,
                         const char *content_type, struct weft_text *take_text)
{
    size_t length = take_text->length;
    bool failed = take_text->failed;
    if (failed || length == 0) {
        weft_text_fini(take_text);
        respond(visit, failed ? 503 : status, error, NULL, NULL, 0, NULL, 0);
        return;
    }
    char *data = weft_text_steal(take_text);
    struct weft_buffer *buffer = weft_buffer_take(data, length, release_text, NULL);
    if (buffer == NULL) {
        free(data);
        respond(visit, 503, error, NULL, NULL, 0, NULL, 0);
        return;
    }
    struct weft_slice body = weft_slice_take(buffer);
    respond(visit, status, error, content_type, NULL, 0, &body, 1);
}

void serve_respond_text(struct visit *visit, int status, const char *content_type,
                        struct weft_text *take_text)
{
    respond_text(visit, status, NULL, content_type, take_text);
}

void serve_respond_json(struct visit *visit, int status, struct weft_text *take_text)
{
    serve_respond_text(visit, status, "application/json", take_text);
}

void serve_respond_error(struct visit *visit, int http_status, const struct weft_error *error)
{
    struct weft_text text = {0};
    if (http_status == 0) {
        http_status = weft_status_http(weft_error_status(error));
    }
    weft_problem_json(error, http_status, &text);
    respond_text(visit, http_status, error, WEFT_PROBLEM_CONTENT_TYPE, &text);
}

void serve_respond_empty(struct visit *visit, int status)
{
    serve_respond(visit, status, NULL, NULL, 0, NULL, 0);
}
