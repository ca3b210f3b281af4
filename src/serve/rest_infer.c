/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"

/*
 * A request's way: taken from the exchange ──▶ decoded ──▶ started ──▶ answered (rest_answer.c).
 * What is large is decoded, and its answer encoded, by a thread of the executor, which sees nothing
 * but the rest_infer: the exchange's texts go with the client.
 */

/* --- its life --- */

void serve_rest_free(struct rest_infer *rest)
{
    struct weft_serve *serve = rest->visit.entry->serve;
    serve_infer_fini(serve, &rest->infer);
    weft_values_fini(&rest->outputs);
    weft_slices_fini(&rest->answer);
    weft_slice_fini(&rest->body);
    weft_error_unref(rest->error);
    free(rest->model);
    free(rest->version);
    free(rest);
    serve_release(serve);
}

void serve_rest_refuse(struct rest_infer *rest)
{
    serve_respond_error(&rest->visit, rest->http_status, rest->error);
    serve_rest_free(rest);
}

enum weft_status serve_rest_send_away(struct rest_infer *rest, void (*run)(struct weft_job *job),
                                      void (*done)(struct weft_job *job, bool cancelled),
                                      struct weft_error **error)
{
    return serve_send_away(rest->visit.entry->serve, &rest->job, run, done, error);
}

void serve_rest_returned(struct rest_infer *rest, bool cancelled)
{
    struct weft_serve *serve = rest->visit.entry->serve;
    serve->away--;
    if (rest->error != NULL) {
        return;
    }
    if (weft_exchange_is_gone(rest->visit.exchange)) {
        (void)weft_error_set(&rest->error, WEFT_CANCELLED, "the client has left");
    } else if (cancelled || serve->freed) {
        (void)weft_error_set(&rest->error, WEFT_UNAVAILABLE, "this node ends");
    }
}

static void gone(void *context)
{
    struct rest_infer *rest = context;
    if (rest->infer.call != NULL) {
        weft_run_cancel(rest->infer.call);
    } else {
        (void)weft_executor_cancel(&rest->job); /* one that runs is heard of when it is back */
    }
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct rest_infer *rest = context;
    rest->infer.call = NULL;
    if (error != NULL) {
        rest->error = weft_error_ref(error);
        serve_rest_refuse(rest);
    } else {
        serve_rest_answer(rest, outputs);
    }
}

/* --- the request --- */

/* WEFT_OIP_JSON_WHOLE where the field is not there. */
static enum weft_status json_length(const struct visit *visit, size_t *ret_bytes,
                                    struct weft_error **error)
{
    const char *text = weft_exchange_header(visit->exchange, "inference-header-content-length");
    size_t bytes = 0;
    *ret_bytes = WEFT_OIP_JSON_WHOLE;
    if (text == NULL) {
        return WEFT_OK;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || c - text >= 12) {
            text = "";
            break;
        }
        bytes = bytes * 10 + (size_t)(*c - '0');
    }
    if (text[0] == '\0') {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "Inference-Header-Content-Length is not a number of bytes");
    }
    *ret_bytes = bytes;
    return WEFT_OK;
}

/* Binary data is taken as it is, but for the lists of texts, which are walked. */
static bool is_large(const struct rest_infer *rest)
{
    size_t bytes = rest->body.size_bytes;
    if (rest->coding != WEFT_CODING_IDENTITY) {
        return bytes > SERVE_INLINE_BYTES / SERVE_DEFLATE_RATIO_MAX;
    }
    size_t json_bytes = rest->json_bytes < bytes ? rest->json_bytes : bytes;
    return json_bytes > SERVE_INLINE_BYTES ||
           (bytes > SERVE_INLINE_BYTES &&
            memmem(rest->body.data, json_bytes, "\"BYTES\"", 7) != NULL);
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* What a coded body may become: what gzip tells (of one member; nobody sends several), or, as
 * zlib's format tells nothing, the most that is let through. */
static size_t unpacked_max_bytes(const struct weft_slice *body, enum weft_coding coding)
{
    size_t bytes = body->size_bytes;
    size_t most = bytes * WEFT_GZIP_RATIO_MAX;
    if (coding == WEFT_CODING_GZIP) {
        return least(weft_gzip_told_bytes(body->data, bytes), WEFT_ROUTE_BODY_MAX_BYTES);
    }
    most = most > WEFT_GZIP_RATIO_FREE_BYTES ? most : WEFT_GZIP_RATIO_FREE_BYTES;
    return least(least(most, bytes * SERVE_DEFLATE_RATIO_MAX), WEFT_ROUTE_BODY_MAX_BYTES);
}

/* The same that a message of gRPC is held as: what it will be, before a thread makes it. */
static enum weft_status hold_body(struct weft_serve *serve, struct rest_infer *rest,
                                  struct weft_error **error)
{
    size_t held_bytes = rest->body.size_bytes;
    rest->limit_bytes = WEFT_ROUTE_BODY_MAX_BYTES;
    if (rest->coding != WEFT_CODING_IDENTITY && is_large(rest)) {
        rest->limit_bytes = unpacked_max_bytes(&rest->body, rest->coding);
        held_bytes += rest->limit_bytes;
    }
    return serve_hold_bytes(serve, &rest->infer, held_bytes, error);
}

static enum weft_status take(struct weft_serve *serve, struct rest_infer *rest,
                             struct weft_error **error)
{
    const struct visit *visit = &rest->visit;
    const struct weft_slice *body = weft_exchange_body(visit->exchange);
    const char *version = weft_exchange_parameter(visit->exchange, "version");
    rest->infer.admitted = serve->ready;
    rest->model = strdup(weft_exchange_parameter(visit->exchange, "model"));
    rest->version = version != NULL ? strdup(version) : NULL;
    if (rest->model == NULL || (version != NULL && rest->version == NULL)) {
        return weft_error_set_out_of_memory(error);
    }
    rest->body = body->data != NULL ? weft_slice_ref(body) : weft_slice_static("", 0);
    enum weft_status status = serve_visit_coding(visit, &rest->coding, &rest->http_status, error);
    if (status == WEFT_OK) {
        status = json_length(visit, &rest->json_bytes, error);
    }
    return status == WEFT_OK ? hold_body(serve, rest, error) : status;
}

/* Any thread. The raw form is left as it is. */
static void decode(struct rest_infer *rest)
{
    struct weft_slice body = {0};
    enum weft_status status = serve_inflate(&rest->body, rest->coding, rest->limit_bytes, &body,
                                            &rest->http_status, &rest->error);
    if (status == WEFT_OK) {
        weft_slice_fini(&rest->body);
        rest->body = body;
    } else if (rest->coding == WEFT_CODING_GZIP && rest->limit_bytes < WEFT_ROUTE_BODY_MAX_BYTES) {
        weft_error_set_hint(&rest->error, "send one gzip member, whose trailer tells its length");
    }
    if (status == WEFT_OK && rest->json_bytes != 0) {
        status = weft_oip_json_request_decode(&rest->body, rest->json_bytes, &rest->infer.request,
                                              &rest->error);
    }
    if (status == WEFT_RESOURCE_EXHAUSTED) {
        rest->http_status = 413;
    }
}

static enum weft_status decode_raw(struct weft_serve *serve, struct rest_infer *rest,
                                   struct weft_error **error)
{
    struct weft_model_info info;
    enum weft_status status =
        weft_run_describe(serve->options.run, rest->model, rest->version, &info, error);
    if (status == WEFT_OK) {
        status = weft_oip_raw_request_decode(&rest->body, &info, &rest->infer.request, error);
        weft_model_info_fini(&info);
    }
    return status;
}

static enum weft_status start(struct weft_serve *serve, struct rest_infer *rest,
                              struct weft_error **error)
{
    static const struct weft_run_events events = {NULL, done};
    const struct visit *visit = &rest->visit;
    struct weft_oip_request *request = &rest->infer.request;
    enum weft_status status = rest->json_bytes == 0 ? decode_raw(serve, rest, error) : WEFT_OK;
    if (status == WEFT_OK) {
        const struct weft_slice *body = weft_exchange_body(visit->exchange);
        size_t own_bytes = serve_own_bytes(&request->inputs, body);
        serve_let_go(serve, &rest->infer); /* it is known now */
        status = serve_hold_bytes(serve, &rest->infer, body->size_bytes + own_bytes, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    weft_slice_fini(&rest->body);
    request->model = steal(&rest->model);
    return serve_infer_start(serve, &rest->infer, rest->version, &visit->trace,
                             weft_exchange_started_ns(visit->exchange), WEFT_DEADLINE_NEVER_NS,
                             &events, rest, error);
}

/* Once it is decoded, or has failed to be. */
static void go_on(struct rest_infer *rest)
{
    if (rest->error != NULL || start(rest->visit.entry->serve, rest, &rest->error) != WEFT_OK) {
        serve_rest_refuse(rest);
        return;
    }
    weft_exchange_on_gone(rest->visit.exchange, gone, rest);
}

static void run(struct weft_job *job)
{
    decode(weft_list_entry(job, struct rest_infer, job));
}

static void decoded(struct weft_job *job, bool cancelled)
{
    struct rest_infer *rest = weft_list_entry(job, struct rest_infer, job);
    serve_rest_returned(rest, cancelled);
    go_on(rest);
}

void serve_rest_infer(struct weft_serve *serve, struct visit *visit)
{
    struct rest_infer *rest = calloc(1, sizeof(*rest));
    if (rest == NULL) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        serve_respond_error(visit, 0, error);
        return;
    }
    rest->visit = *visit;
    serve_hold(serve);
    if (take(serve, rest, &rest->error) != WEFT_OK) {
        serve_rest_refuse(rest);
    } else if (serve->options.executor == NULL || !is_large(rest)) {
        decode(rest);
        go_on(rest);
    } else if (serve_rest_send_away(rest, run, decoded, &rest->error) != WEFT_OK) {
        serve_rest_refuse(rest);
    } else {
        weft_exchange_on_gone(visit->exchange, gone, rest);
    }
}
