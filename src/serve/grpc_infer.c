/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/zeroed.h"
#include "serve/serve_parts.h"

/* A unary inference over gRPC. */
struct grpc_infer {
    struct talk talk;
    struct serve_infer infer;
};

static void grpc_free(struct grpc_infer *grpc)
{
    struct weft_serve *serve = grpc->talk.entry->serve;
    serve_infer_fini(serve, &grpc->infer);
    free(grpc);
    serve_release(serve);
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct grpc_infer *grpc = context;
    grpc->infer.call = NULL;
    if (error != NULL) {
        serve_finish(&grpc->talk, error);
    } else {
        struct weft_named_value items[WEFT_VALUES_MAX];
        struct weft_oip_response response;
        cleanup_slices struct weft_slices slices = {0};
        cleanup_error struct weft_error *failure = NULL;
        serve_infer_response(&grpc->infer, outputs, items, &response);
        enum weft_status status = weft_oip_grpc_response_encode(&response, &slices, &failure);
        serve_conclude(&grpc->talk, status, &slices, failure);
    }
    grpc_free(grpc);
}

static void cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    struct grpc_infer *grpc = context;
    (void)call, (void)reason;
    if (grpc->infer.call != NULL) {
        weft_run_cancel(grpc->infer.call);
    }
}

void serve_grpc_infer(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    static const struct weft_run_events events = {NULL, done};
    static const struct weft_server_call_events call_events = {.cancelled = cancelled};
    cleanup_error struct weft_error *error = NULL;
    struct grpc_infer *grpc = weft_zeroed(sizeof(*grpc));
    if (grpc == NULL) {
        (void)weft_error_set_out_of_memory(&error);
        serve_finish(talk, error);
        return;
    }
    grpc->talk = *talk;
    serve_hold(serve);
    enum weft_status status = weft_oip_grpc_request_decode(message, &grpc->infer.request, &error);
    if (status == WEFT_OK) {
        status = serve_hold_message(serve, &grpc->infer, message, &error);
    }
    if (status == WEFT_OK) {
        status = serve_infer_start(serve, &grpc->infer, grpc->infer.request.version, &talk->trace,
                                   talk->started_ns, weft_server_call_deadline_ns(talk->call),
                                   &events, grpc, &error);
    }
    if (status != WEFT_OK) {
        serve_finish(talk, error);
        grpc_free(grpc);
        return;
    }
    weft_server_call_handle(talk->call, &call_events, grpc);
}
