/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/zeroed.h"
#include "serve/serve_parts.h"

/*
 * A unary inference over gRPC: decoded (grpc_message.c) ──▶ started ──▶ answered. An answer that is
 * large and goes compressed is packed by the executor.
 */
struct grpc_infer {
    struct talk talk;
    struct serve_infer infer;
    struct serve_message message;
    struct weft_slices answer; /* one that is being packed */
    struct weft_slice packed;
};

static void grpc_free(struct grpc_infer *grpc)
{
    struct weft_serve *serve = grpc->talk.entry->serve;
    serve_message_fini(&grpc->message);
    serve_infer_fini(serve, &grpc->infer);
    weft_slices_fini(&grpc->answer);
    weft_slice_fini(&grpc->packed);
    free(grpc);
    serve_release(serve);
}

static void finish(struct grpc_infer *grpc, const struct weft_error *error)
{
    serve_finish(&grpc->talk, error);
    grpc_free(grpc);
}

/* --- the answer --- */

static void answer(struct grpc_infer *grpc, struct weft_slices *slices, struct weft_slice *packed)
{
    cleanup_error struct weft_error *error = NULL;
    (void)!serve_send(&grpc->talk, &grpc->infer, true, slices, packed, &error);
    finish(grpc, error);
}

static void pack(struct weft_job *job)
{
    struct grpc_infer *grpc = weft_list_entry(job, struct grpc_infer, message.job);
    /* Where it fails, or gains nothing, the answer goes as it is. */
    (void)!weft_grpc_deflate(weft_slices_items(&grpc->answer), grpc->answer.count, &grpc->packed,
                             NULL);
}

static void packed(struct weft_job *job, bool cancelled)
{
    struct grpc_infer *grpc = weft_list_entry(job, struct grpc_infer, message.job);
    grpc->talk.entry->serve->away--;
    (void)cancelled; /* then it goes as it is */
    answer(grpc, &grpc->answer, &grpc->packed);
}

/* True where it goes on in `packed`, or has ended because there is no room for it. */
static bool pack_away(struct grpc_infer *grpc, struct weft_slices *slices)
{
    struct weft_serve *serve = grpc->talk.entry->serve;
    size_t size_bytes = weft_slices_size_bytes(slices);
    cleanup_error struct weft_error *error = NULL;
    if (serve->options.executor == NULL || size_bytes <= SERVE_INLINE_BYTES ||
        !weft_server_call_packs(grpc->talk.call, size_bytes)) {
        return false;
    }
    if (serve_hold_answer(serve, &grpc->infer, size_bytes, &error) != WEFT_OK) {
        finish(grpc, error);
        return true;
    }
    grpc->answer = *slices;
    if (serve_send_away(serve, &grpc->message.job, pack, packed, NULL) != WEFT_OK) {
        grpc->answer = (struct weft_slices){0};
        return false;
    }
    *slices = (struct weft_slices){0};
    return true;
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct grpc_infer *grpc = context;
    grpc->infer.call = NULL;
    if (error != NULL) {
        finish(grpc, error);
        return;
    }
    struct weft_named_value items[WEFT_VALUES_MAX];
    struct weft_oip_response response;
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *failure = NULL;
    serve_infer_response(&grpc->infer, outputs, items, &response);
    if (weft_oip_grpc_response_encode(&response, &slices, &failure) != WEFT_OK) {
        finish(grpc, failure);
    } else if (!pack_away(grpc, &slices)) {
        answer(grpc, &slices, NULL);
    }
}

/* --- the request --- */

static void cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    struct grpc_infer *grpc = context;
    (void)call, (void)reason;
    if (grpc->infer.call != NULL) {
        weft_run_cancel(grpc->infer.call);
    } else {
        (void)weft_executor_cancel(&grpc->message.job); /* one that runs comes back by itself */
    }
}

/* Once the message is decoded, or has failed to be. */
static void go_on(struct grpc_infer *grpc)
{
    static const struct weft_run_events events = {NULL, done};
    static const struct weft_server_call_events call_events = {.cancelled = cancelled};
    struct talk *talk = &grpc->talk;
    cleanup_error struct weft_error *error = steal(&grpc->message.error);
    if (error != NULL ||
        serve_infer_start(talk->entry->serve, &grpc->infer, grpc->infer.request.version,
                          &talk->trace, talk->started_ns, weft_server_call_deadline_ns(talk->call),
                          &events, grpc, &error) != WEFT_OK) {
        finish(grpc, error);
        return;
    }
    weft_server_call_handle(talk->call, &call_events, grpc);
}

static void decoded(struct weft_job *job, bool job_cancelled)
{
    struct grpc_infer *grpc = weft_list_entry(job, struct grpc_infer, message.job);
    serve_message_returned(grpc->talk.entry->serve, &grpc->message, grpc->talk.call, job_cancelled);
    go_on(grpc);
}

void serve_grpc_infer(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    static const struct weft_server_call_events call_events = {.cancelled = cancelled};
    struct grpc_infer *grpc = weft_zeroed(sizeof(*grpc));
    if (grpc == NULL) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        serve_finish(talk, error);
        return;
    }
    grpc->talk = *talk;
    grpc->message.infer = &grpc->infer;
    serve_hold(serve);
    if (serve_message_begin(serve, &grpc->message, talk->call, message, decoded)) {
        weft_server_call_handle(talk->call, &call_events, grpc);
    } else {
        go_on(grpc);
    }
}
