/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "link/grpc_client.h"
#include "link/http_client.h"
#include "wire/oip_grpc.h"
#include "wire/problem.h"

/* How often `waiting` is called. */
#define WAITING_EVERY_NS (50 * WEFT_NS_PER_MS)

struct weft_client {
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_channel *channel;
    struct weft_http_client *http;
    char *address;
    void (*waiting)(void *context);
    void *waiting_context;
    bool in_waiting;
    bool channel_closed;
};

/* One call under way. */
struct pending {
    bool done;
    struct weft_error *error;
    struct weft_slice reply;
    int http_status;
};

static void channel_closed(void *context)
{
    ((struct weft_client *)context)->channel_closed = true;
}

void weft_client_free(struct weft_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->http != NULL) {
        weft_http_client_close(client->http);
    }
    if (client->channel != NULL) {
        weft_channel_close(client->channel, channel_closed, client);
        while (!client->channel_closed) {
            weft_loop_turn(client->loop, true);
        }
    }
    if (client->loop != NULL) {
        weft_loop_turn(client->loop, false);
        weft_link_free(client->link);
        weft_loop_free(client->loop);
    }
    free(client->address);
    free(client);
}

enum weft_status weft_client_new(const char *address, struct weft_client **ret_client,
                                 struct weft_error **error)
{
    cleanup_client struct weft_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    client->address = strdup(address);
    enum weft_status status =
        client->address != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    if (status == WEFT_OK) {
        status = weft_loop_new(NULL, &client->loop, error);
    }
    if (status == WEFT_OK) {
        status = weft_link_new(client->loop, NULL, &client->link, error);
    }
    if (status == WEFT_OK) {
        status = weft_channel_open(client->link, address, NULL, &client->channel, error);
    }
    if (status == WEFT_OK) {
        status = weft_http_client_open(client->link, address, &client->http, error);
    }
    if (status == WEFT_OK) {
        *ret_client = steal(&client);
    }
    return status;
}

void weft_client_on_wait(struct weft_client *client, void (*waiting)(void *context), void *context)
{
    client->waiting = waiting;
    client->waiting_context = context;
}

static void tick(void *context)
{
    *(bool *)context = true;
}

static void wait_for(struct weft_client *client, struct pending *pending)
{
    bool ticked = false;
    struct weft_timer timer;
    weft_timer_init(&timer, client->loop, tick, &ticked);
    while (!pending->done) {
        bool watched = client->waiting != NULL && !client->in_waiting;
        if (watched && !weft_timer_is_set(&timer)) {
            (void)!weft_timer_set(&timer, weft_loop_now_ns() + WAITING_EVERY_NS);
        }
        weft_loop_turn(client->loop, true);
        if (ticked && watched && !pending->done) {
            ticked = false;
            client->in_waiting = true;
            client->waiting(client->waiting_context);
            client->in_waiting = false;
        }
    }
    weft_timer_cancel(&timer);
}

static uint64_t deadline(uint64_t timeout_ms)
{
    return weft_loop_now_ns() +
           (timeout_ms != 0 ? timeout_ms : WEFT_CLIENT_TIMEOUT_MS) * WEFT_NS_PER_MS;
}

/* --- gRPC --- */

static void unary_done(void *context, const struct weft_slice *reply,
                       const struct weft_error *error)
{
    struct pending *pending = context;
    pending->done = true;
    pending->error = weft_error_ref((struct weft_error *)error);
    if (reply != NULL) {
        pending->reply = weft_slice_ref(reply);
    }
}

/* Takes the slices. */
static enum weft_status call(struct weft_client *client, const char *path,
                             struct weft_slices *slices, uint64_t timeout_ms,
                             const struct weft_trace *trace, struct weft_slice *ret_reply,
                             struct weft_error **error)
{
    char traceparent[WEFT_TRACEPARENT_LENGTH + 1];
    struct weft_grpc_metadata metadata = {"traceparent", traceparent, WEFT_TRACEPARENT_LENGTH};
    if (trace != NULL) {
        weft_trace_format(trace, traceparent);
    }
    struct weft_client_call_options options = {
        .path = path,
        .deadline_ns = deadline(timeout_ms),
        .metadata = &metadata,
        .metadata_count = trace != NULL,
    };
    struct pending pending = {0};
    enum weft_status status =
        weft_channel_unary(client->channel, &options, weft_slices_items(slices), slices->count,
                           unary_done, &pending, NULL, error);
    if (status != WEFT_OK) {
        return status;
    }
    weft_slices_forget(slices);
    wait_for(client, &pending);
    if (pending.error != NULL) {
        status = weft_error_status(pending.error);
        if (error != NULL) {
            *error = pending.error;
        } else {
            weft_error_unref(pending.error);
        }
        weft_slice_fini(&pending.reply);
        return status;
    }
    *ret_reply = pending.reply;
    return WEFT_OK;
}

enum weft_status weft_client_infer(struct weft_client *client,
                                   const struct weft_oip_request *request, uint64_t timeout_ms,
                                   const struct weft_trace *trace,
                                   struct weft_oip_response *ret_response,
                                   struct weft_error **error)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice reply = {0};
    enum weft_status status = weft_oip_grpc_request_encode(request, &slices, error);
    if (status == WEFT_OK) {
        status = call(client, "/inference.GRPCInferenceService/ModelInfer", &slices, timeout_ms,
                      trace, &reply, error);
    }
    return status == WEFT_OK ? weft_oip_grpc_response_decode(&reply, ret_response, error) : status;
}

enum weft_status weft_client_describe(struct weft_client *client, const char *name,
                                      const char *version, struct weft_model_info *ret_info,
                                      struct weft_error **error)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice reply = {0};
    enum weft_status status = weft_oip_grpc_name_encode(name, version, &slices, error);
    if (status == WEFT_OK) {
        status = call(client, "/inference.GRPCInferenceService/ModelMetadata", &slices, 0, NULL,
                      &reply, error);
    }
    return status == WEFT_OK ? weft_oip_grpc_model_decode(&reply, ret_info, error) : status;
}

/* --- HTTP --- */

static void http_done(void *context, const struct weft_http_response *response,
                      const struct weft_error *error)
{
    struct pending *pending = context;
    pending->done = true;
    pending->error = weft_error_ref((struct weft_error *)error);
    if (response != NULL) {
        pending->http_status = response->status;
        pending->reply = weft_slice_ref(&response->body);
    }
}

/* The words of a problem document, or the start of whatever it is. */
static enum weft_status refusal(const struct pending *pending, const char *method,
                                const char *target, struct weft_error **error)
{
    enum weft_status status = pending->http_status == 404 ? WEFT_NOT_FOUND
                              : pending->http_status == 400
                                  ? WEFT_INVALID_ARGUMENT
                                  : weft_status_from_http(pending->http_status);
    int length = pending->reply.size_bytes < 500 ? (int)pending->reply.size_bytes : 500;
    return weft_error_set(error, status, "%s %s was answered %d: %.*s", method, target,
                          pending->http_status, length,
                          pending->reply.size_bytes > 0 ? (const char *)pending->reply.data : "");
}

enum weft_status weft_client_http(struct weft_client *client, const char *method,
                                  const char *target, const char *body, uint64_t timeout_ms,
                                  struct weft_text *text, struct weft_error **error)
{
    struct pending pending = {0};
    struct weft_http_field field = {0};
    cleanup_slice struct weft_slice slice = {0};
    if (body != NULL && !weft_slice_copy(body, strlen(body), &slice)) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        weft_http_client_request(client->http, method, target, &field, 0, &slice, body != NULL,
                                 deadline(timeout_ms), http_done, &pending, error);
    if (status != WEFT_OK) {
        return status;
    }
    slice = (struct weft_slice){0};
    wait_for(client, &pending);
    if (pending.error != NULL) {
        status = weft_error_status(pending.error);
        if (error != NULL) {
            *error = pending.error;
        } else {
            weft_error_unref(pending.error);
        }
    } else if (pending.http_status >= 400) {
        status = refusal(&pending, method, target, error);
    } else {
        weft_text_append(text, (const char *)pending.reply.data, pending.reply.size_bytes);
        status = text->failed ? weft_error_set_out_of_memory(error) : WEFT_OK;
    }
    weft_slice_fini(&pending.reply);
    return status;
}
