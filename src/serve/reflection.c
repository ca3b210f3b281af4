/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "serve/serve_parts.h"
#include "wire/rpc.h"

/* The services of the door, run's among them. */
static const char *const services[] = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
    "weft.v1.Peer",
};

/* One conversation; each question is answered at once, and nothing else is kept. */
struct asking {
    struct talk talk;
};

static void end(struct asking *asking, const struct weft_error *error)
{
    struct weft_serve *serve = asking->talk.entry->serve;
    serve_finish(&asking->talk, error);
    free(asking);
    serve_release(serve);
}

static void on_message(void *context, struct weft_server_call *call,
                       const struct weft_slice *message)
{
    struct asking *asking = context;
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    if (weft_reflection_answer(message, services, sizeof(services) / sizeof(services[0]), &slices,
                               &error) != WEFT_OK) {
        end(asking, error);
        return;
    }
    (void)weft_server_call_send(call, weft_slices_items(&slices), slices.count);
    weft_slices_forget(&slices);
    if (weft_server_call_queued_bytes(call) > (size_t)WEFT_HTTP_DRAINED_BYTES) {
        weft_server_call_pause(call, true); /* who asks shall read, too */
    }
}

static void on_half_closed(void *context, struct weft_server_call *call)
{
    (void)call;
    end(context, NULL);
}

static void on_cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    (void)call, (void)reason;
    end(context, NULL);
}

static void on_drained(void *context, struct weft_server_call *call)
{
    (void)context;
    weft_server_call_pause(call, false);
}

void serve_reflection(struct weft_serve *serve, struct talk *talk)
{
    static const struct weft_server_call_events events = {on_message, on_half_closed, on_cancelled,
                                                          on_drained};
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        serve_finish(talk, error);
        return;
    }
    asking->talk = *talk;
    serve_hold(serve);
    weft_server_call_handle(talk->call, &events, asking);
}
