/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "client/document.h"
#include "link/grpc_client.h"
#include "link/http_client.h"
#include "sys/address.h"
#include "wire/oip_grpc.h"

/* How often `waiting` is called. */
#define WAITING_EVERY_NS (50 * WEFT_NS_PER_MS)
/* A node that is late says which step kept it, 0.1 s after the deadline at most; over any network
 * that is here in this time. */
#define PATIENCE_NS (1000 * WEFT_NS_PER_MS)

struct weft_client {
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_channel *channel;
    struct weft_http_client *http;
    char *address;
    void (*waiting)(void *context);
    void *waiting_context;
    uint64_t last_duration_ns;
    bool in_waiting;
    bool channel_closed;
    bool answered; /* there was somebody at the address */
};

/* One call under way. */
struct pending {
    bool done;
    struct weft_error *error;
    struct weft_slice reply;
    uint64_t done_ns;
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

bool weft_client_is_address(const char *text)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    return weft_address_split(text, host, &port, NULL) == WEFT_OK;
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
        const struct weft_link_options near = {.tcp = {.same_host_sockets = true}};
        status = weft_link_new(client->loop, &near, &client->link, error);
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

const char *weft_client_address(const struct weft_client *client)
{
    return client->address;
}

struct weft_random *weft_client_random(struct weft_client *client)
{
    return weft_link_random(client->link);
}

uint64_t weft_client_last_duration_ns(const struct weft_client *client)
{
    return client->last_duration_ns;
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
    uint64_t start_ns = weft_loop_now_ns();
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
    client->last_duration_ns = pending->done_ns - start_ns;
}

/* Hands on the error that a call ended with. Where the connection failed, or the node as a whole,
 * and not what was asked for, it says so in front. */
static enum weft_status failed(struct weft_client *client, struct pending *pending, bool reached,
                               struct weft_error **error)
{
    enum weft_status status = weft_error_status(pending->error);
    weft_slice_fini(&pending->reply);
    if (error == NULL) {
        weft_error_unref(pending->error);
        return status;
    }
    *error = steal(&pending->error);
    if (status == WEFT_UNAVAILABLE && !reached) {
        weft_error_wrap(error, status,
                        client->answered ? "the node at %s went away" : "nobody answers at %s",
                        client->address);
        weft_error_set_hint(error,
                            client->answered
                                ? "its log says why; is it still running?"
                                : "start a cluster with `weft up FILE` or a node with `weft node`, "
                                  "or name another address with --server HOST:PORT");
    } else if (status == WEFT_DEADLINE_EXCEEDED && weft_error_place(*error).step == NULL) {
        weft_error_wrap(error, status, "the node at %s did not answer in time", client->address);
    }
    return status;
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
    pending->done_ns = weft_loop_now_ns();
    pending->error = weft_error_ref((struct weft_error *)(uintptr_t)error);
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
        .patience_ns = PATIENCE_NS,
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
    bool reached = weft_channel_state(client->channel) == WEFT_CHANNEL_READY;
    if (pending.error != NULL) {
        return failed(client, &pending, reached, error);
    }
    client->answered = true;
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
                                      const char *version, uint64_t timeout_ms,
                                      struct weft_model_info *ret_info, struct weft_error **error)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice reply = {0};
    enum weft_status status = weft_oip_grpc_name_encode(name, version, &slices, error);
    if (status == WEFT_OK) {
        status = call(client, "/inference.GRPCInferenceService/ModelMetadata", &slices, timeout_ms,
                      NULL, &reply, error);
    }
    return status == WEFT_OK ? weft_oip_grpc_model_decode(&reply, ret_info, error) : status;
}

/* --- HTTP --- */

static void http_done(void *context, const struct weft_http_response *response,
                      const struct weft_error *error)
{
    struct pending *pending = context;
    pending->done = true;
    pending->done_ns = weft_loop_now_ns();
    pending->error = weft_error_ref((struct weft_error *)(uintptr_t)error);
    if (response != NULL) {
        pending->http_status = response->status;
        pending->reply = weft_slice_ref(&response->body);
    }
}

/* Causes of one error that are taken over: a chain is as deep as the rooms that an error passes. */
enum { PROBLEM_CAUSES_MAX = 16 };

/* A problem document (wire/problem.h) as the error that it tells of: the causes first, as each
 * becomes the cause of the next. */
static void problem_causes(const struct weft_item *cause, unsigned room, enum weft_status status,
                           struct weft_error **error)
{
    if (cause != NULL && room > 0) {
        problem_causes(cause->next, room - 1, status, error);
        (void)weft_error_set(error, status, "%s", cause->text != NULL ? cause->text : "");
    }
}

static enum weft_status problem(const struct weft_item *root, enum weft_status status,
                                struct weft_error **error)
{
    const struct weft_item *causes = weft_item_member(root, "cause");
    const char *detail = weft_item_text(root, "detail");
    if (*detail != '\0' && causes != NULL) {
        problem_causes(causes->first, PROBLEM_CAUSES_MAX, status, error);
    }
    (void)weft_error_set(error, status, "%s",
                         *detail != '\0' ? detail : weft_item_text(root, "error"));
    if (*weft_item_text(root, "hint") != '\0') {
        weft_error_set_hint(error, "%s", weft_item_text(root, "hint"));
    }
    return status;
}

/* The words of a problem document, or the start of whatever it is. */
static enum weft_status refusal(const struct pending *pending, const char *method,
                                const char *target, struct weft_error **error)
{
    const char *body = pending->reply.size_bytes > 0 ? (const char *)pending->reply.data : "";
    cleanup_document struct weft_document *document = NULL;
    enum weft_status status = pending->http_status == 404 ? WEFT_NOT_FOUND
                              : pending->http_status == 400
                                  ? WEFT_INVALID_ARGUMENT
                                  : weft_status_from_http(pending->http_status);
    if (weft_document_parse(body, pending->reply.size_bytes, "the answer", &document, NULL) ==
        WEFT_OK) {
        const struct weft_item *root = weft_document_root(document);
        if (*weft_item_text(root, "error") != '\0') {
            return problem(root, status, error);
        }
    }
    int length = pending->reply.size_bytes < 500 ? (int)pending->reply.size_bytes : 500;
    return weft_error_set(error, status, "%s %s was answered %d: %.*s", method, target,
                          pending->http_status, length, body);
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
        return failed(client, &pending, false, error);
    }
    client->answered = true;
    if (pending.http_status >= 400) {
        status = refusal(&pending, method, target, error);
    } else {
        weft_text_append(text, (const char *)pending.reply.data, pending.reply.size_bytes);
        status = text->failed ? weft_error_set_out_of_memory(error) : WEFT_OK;
    }
    weft_slice_fini(&pending.reply);
    return status;
}

enum weft_status weft_client_get(struct weft_client *client, const char *target,
                                 uint64_t timeout_ms, struct weft_document **ret_document,
                                 struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    enum weft_status status =
        weft_client_http(client, "GET", target, NULL, timeout_ms, &text, error);
    return status == WEFT_OK ? weft_document_parse(weft_text_string(&text), text.length, target,
                                                   ret_document, error)
                             : status;
}
