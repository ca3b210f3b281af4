/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve_parts.h"

/*
 * A ModelInferRequest of gRPC on its way from the wire to the engine. Raw contents are parts of the
 * message, so the most there is to do is little work and done at once. What is compressed, typed or
 * a list of texts is looked at byte by byte: above SERVE_INLINE_BYTES by a thread of the executor,
 * which sees nothing but the serve_message. What is compressed tells how long it will be: that much
 * is held before a thread makes it, and no more is made.
 */

static bool is_large(const struct weft_slice *slice, bool packed)
{
    size_t bytes = slice->size_bytes;
    if (packed) {
        return bytes > SERVE_INLINE_BYTES / SERVE_DEFLATE_RATIO_MAX;
    }
    return bytes > SERVE_INLINE_BYTES &&
           weft_oip_grpc_request_work_bytes(slice) > SERVE_INLINE_BYTES;
}

static enum weft_status unpack(struct serve_message *message, struct weft_slice *ret_plain)
{
    enum weft_status status =
        weft_grpc_inflate(&message->slice, message->limit_bytes, NULL, ret_plain, &message->error);
    if (status == WEFT_RESOURCE_EXHAUSTED && message->limit_bytes < WEFT_GRPC_MESSAGE_MAX_BYTES) {
        weft_error_unref(steal(&message->error));
        status = weft_error_set(&message->error, WEFT_INVALID_ARGUMENT,
                                "the message is longer than the %zu bytes that its gzip trailer "
                                "tells",
                                message->limit_bytes);
    }
    return status;
}

/* Any thread. */
static void decode(struct serve_message *message)
{
    struct weft_slice plain = {0};
    enum weft_status status = WEFT_OK;
    if (message->packed) {
        status = unpack(message, &plain);
    }
    if (message->packed && status == WEFT_OK) {
        weft_slice_fini(&message->slice);
        message->slice = plain;
    }
    if (status == WEFT_OK) {
        status = weft_oip_grpc_request_decode(&message->slice, &message->infer->request,
                                              &message->error);
    }
}

static void run(struct weft_job *job)
{
    decode(weft_list_entry(job, struct serve_message, job));
}

/* The values that need the message have references of their own. */
static void settle(struct weft_serve *serve, struct serve_message *message)
{
    if (message->error == NULL) {
        serve_let_go(serve, message->infer); /* it is known now */
        (void)!serve_hold_message(serve, message->infer, &message->slice, &message->error);
    }
    weft_slice_fini(&message->slice);
}

enum weft_status serve_send_away(struct weft_serve *serve, struct weft_job *job,
                                 void (*run_job)(struct weft_job *job),
                                 void (*done)(struct weft_job *job, bool cancelled),
                                 struct weft_error **error)
{
    job->run = run_job;
    job->done = done;
    enum weft_status status = weft_executor_submit(serve->options.executor, job, error);
    serve->away += status == WEFT_OK;
    return status;
}

bool serve_message_begin(struct weft_serve *serve, struct serve_message *message,
                         struct weft_server_call *call, const struct weft_slice *slice,
                         void (*done)(struct weft_job *job, bool cancelled))
{
    struct serve_infer *infer = message->infer;
    message->packed = weft_server_call_is_packed(call);
    infer->admitted = serve->ready;
    bool away = serve->options.executor != NULL && is_large(slice, message->packed);
    if (!away && !message->packed) { /* the common way: nothing is kept */
        if (weft_oip_grpc_request_decode(slice, &infer->request, &message->error) == WEFT_OK) {
            (void)!serve_hold_message(serve, infer, slice, &message->error);
        }
        return false;
    }
    message->slice = weft_slice_ref(slice);
    if (message->packed) {
        size_t told_bytes = weft_gzip_told_bytes(slice->data, slice->size_bytes);
        message->limit_bytes =
            told_bytes < WEFT_GRPC_MESSAGE_MAX_BYTES ? told_bytes : WEFT_GRPC_MESSAGE_MAX_BYTES;
    }
    if (!away) {
        decode(message);
        settle(serve, message);
        return false;
    }
    if (serve_hold_bytes(serve, infer, slice->size_bytes + message->limit_bytes, &message->error) !=
            WEFT_OK ||
        serve_send_away(serve, &message->job, run, done, &message->error) != WEFT_OK) {
        weft_slice_fini(&message->slice);
        return false;
    }
    return true;
}

void serve_message_returned(struct weft_serve *serve, struct serve_message *message,
                            const struct weft_server_call *call, bool cancelled)
{
    serve->away--;
    if (message->error == NULL && weft_server_call_is_cancelled(call)) {
        (void)weft_error_set(&message->error, WEFT_CANCELLED, "the client has left");
    } else if (message->error == NULL && (cancelled || serve->freed)) {
        (void)weft_error_set(&message->error, WEFT_UNAVAILABLE, "this node ends");
    }
    settle(serve, message);
}

void serve_message_fini(struct serve_message *message)
{
    weft_slice_fini(&message->slice);
    weft_error_unref(message->error);
    message->error = NULL;
}
