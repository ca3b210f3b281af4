/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "link/internal.h"
#include "link/peer_private.h"

#define CONNECT_PATH "/weft.v1.Peer/Connect"

/* Envelope.deliver, Deliver.value, Value.data: a tensor lies so that a model need not move it. */
static const uint32_t aligned[] = {9, 12, 4, 0};
#define NAME_METADATA "weft-node"

enum { GRPC_PREFIX_BYTES = 5 };

static bool calls_first(const struct weft_peer *peer)
{
    return strcmp(peer->peers->name, peer->name) < 0;
}

/* --- which stream is in use --- */

static enum side best_side(const struct weft_peer *peer)
{
    bool called = peer->called != NULL && peer->called_up;
    bool accepted = peer->accepted != NULL;
    if (called && accepted) {
        return calls_first(peer) ? SIDE_CALLED : SIDE_ACCEPTED;
    }
    return called ? SIDE_CALLED : accepted ? SIDE_ACCEPTED : SIDE_NONE;
}

void peer_schedule(struct weft_peer *peer)
{
    if (peer->peers->leaving || peer->dropped || peer->address == NULL || peer->called != NULL ||
        peer->active != SIDE_NONE) {
        weft_timer_cancel(&peer->timer);
        return;
    }
    uint64_t wait_ms = calls_first(peer) ? WEFT_PEER_REOPEN_MS : WEFT_PEER_WAIT_MS;
    if (!weft_timer_is_set(&peer->timer) &&
        weft_timer_set(&peer->timer, weft_loop_now_ns() + wait_ms * WEFT_NS_PER_MS) != WEFT_OK) {
        weft_log(weft_link_log(peer->peers->link), WEFT_LOG_ERROR, NULL,
                 "no memory for a timer: node \"%s\" is only reached when it calls", peer->name);
    }
}

void peer_choose(struct weft_peer *peer)
{
    enum side best = best_side(peer);
    if (peer->dropped) {
        return;
    }
    if (best != peer->active && !peer->peers->closing) {
        const struct weft_peers_events *events = peer->peers->events;
        bool was = peer->active != SIDE_NONE;
        peer->active = best;
        if (was) {
            events->disconnected(peer->peers->context, peer);
        }
        if (best != SIDE_NONE && peer->active == best) {
            (void)weft_peer_round_trip_ns(peer); /* the first that asks is to hear of one */
            events->connected(peer->peers->context, peer);
        }
    }
    peer_schedule(peer);
}

static bool is_own_hello(const struct weft_peer *peer, const struct weft_message *message)
{
    return message != NULL && message->kind == WEFT_MESSAGE_HELLO && message->hello.name != NULL &&
           strcmp(message->hello.name, peer->name) == 0;
}

static void received(struct weft_peer *peer, const struct weft_slice *message)
{
    cleanup_error struct weft_error *error = NULL;
    struct weft_envelope envelope = {0};
    if (peer->peers->closing) {
        return;
    }
    if (weft_envelope_decode(message, &envelope, &error) != WEFT_OK) {
        weft_log(weft_link_log(peer->peers->link), WEFT_LOG_WARNING, NULL,
                 "a message from node \"%s\" cannot be read and is dropped: %s", peer->name,
                 weft_error_message(error));
        /* Without memory it is read when it comes again. Otherwise it never will be, and must not
         * be waited for. */
        if (weft_error_status(error) == WEFT_OUT_OF_MEMORY) {
            peer->peers->events->missed(peer->peers->context, peer);
            return;
        }
        if (weft_envelope_decode_numbers(message, &envelope, NULL) != WEFT_OK) {
            return;
        }
    }
    peer->heard = peer->heard || is_own_hello(peer, envelope.message);
    peer->peers->events->envelope(peer->peers->context, peer, &envelope);
    weft_message_free(envelope.message);
}

/* --- the stream that we called --- */

static void called_head(void *context, struct weft_client_call *call,
                        const struct weft_http_head *head)
{
    (void)call;
    (void)head;
    struct weft_peer *peer = context;
    peer->called_up = true;
    peer_choose(peer);
}

static void called_message(void *context, struct weft_client_call *call,
                           const struct weft_slice *message)
{
    (void)call;
    received(context, message);
}

static void called_done(void *context, struct weft_client_call *call,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count)
{
    (void)call;
    (void)trailers;
    (void)trailers_count;
    struct weft_peer *peer = context;
    bool was_up = peer->called_up;
    peer->called = NULL;
    peer->called_up = false;
    if (was_up && error != NULL && !peer->peers->closing) {
        weft_log(weft_link_log(peer->peers->link), WEFT_LOG_INFO, NULL,
                 "the stream to node \"%s\" broke: %s", peer->name, weft_error_message(error));
    }
    peer_choose(peer);
}

static enum weft_status open_channel(struct weft_peer *peer, struct weft_error **error)
{
    if (peer->channel != NULL) {
        return WEFT_OK;
    }
    struct weft_channel_options options = {.message_max_bytes = WEFT_PEER_MESSAGE_MAX_BYTES};
    enum weft_status status =
        weft_channel_open(peer->peers->link, peer->address, &options, &peer->channel, error);
    peer->peers->channels_open += status == WEFT_OK;
    return status;
}

static void call(struct weft_peer *peer)
{
    static const struct weft_client_call_events events = {
        .head = called_head, .message = called_message, .done = called_done};
    cleanup_error struct weft_error *error = NULL;
    struct weft_grpc_metadata name = {NAME_METADATA, peer->peers->name, strlen(peer->peers->name)};
    struct weft_client_call_options options = {.path = CONNECT_PATH,
                                               .wait_for_ready = true,
                                               .aligned = aligned,
                                               .metadata = &name,
                                               .metadata_count = 1};
    if (open_channel(peer, &error) != WEFT_OK ||
        weft_channel_call(peer->channel, &options, &events, peer, &peer->called, &error) !=
            WEFT_OK) {
        weft_log(weft_link_log(peer->peers->link), WEFT_LOG_WARNING, NULL,
                 "node \"%s\" cannot be called: %s", peer->name, weft_error_message(error));
        peer->called = NULL;
        peer_schedule(peer);
    }
}

void peer_call_due(void *context)
{
    struct weft_peer *peer = context;
    if (peer->called == NULL && peer->active == SIDE_NONE && peer->address != NULL &&
        !peer->peers->leaving) {
        call(peer);
    }
}

/* --- the stream that was called --- */

static void drop_accepted(struct weft_peer *peer)
{
    struct weft_traffic traffic;
    weft_server_call_traffic(peer->accepted, &traffic);
    weft_traffic_add(&peer->former, &traffic);
    peer->accepted = NULL;
}

static void accepted_message(void *context, struct weft_server_call *server_call,
                             const struct weft_slice *message)
{
    struct weft_peer *peer = context;
    if (peer->accepted == server_call) {
        received(peer, message);
    }
}

static void accepted_over(struct weft_peer *peer, struct weft_server_call *server_call)
{
    bool current = peer->accepted == server_call;
    if (current) {
        drop_accepted(peer);
    }
    weft_server_call_finish(server_call, NULL);
    if (current) {
        peer_choose(peer);
    }
}

static void accepted_half_closed(void *context, struct weft_server_call *server_call)
{
    accepted_over(context, server_call);
}

static void accepted_cancelled(void *context, struct weft_server_call *server_call,
                               enum weft_status reason)
{
    (void)reason;
    accepted_over(context, server_call);
}

static void refuse(struct weft_server_call *server_call, enum weft_status status, const char *why)
{
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, status, "%s", why);
    weft_server_call_finish(server_call, error);
}

static void accept_call(void *context, struct weft_server_call *server_call)
{
    static const struct weft_server_call_events events = {.message = accepted_message,
                                                          .half_closed = accepted_half_closed,
                                                          .cancelled = accepted_cancelled};
    struct weft_peers *peers = context;
    const char *name = weft_server_call_metadata(server_call, NAME_METADATA);
    cleanup_error struct weft_error *error = NULL;
    if (peers->leaving) {
        refuse(server_call, WEFT_UNAVAILABLE, "the node is stopping");
        return;
    }
    if (name == NULL || name[0] == '\0' || strlen(name) > WEFT_NAME_MAX) {
        refuse(server_call, WEFT_INVALID_ARGUMENT, "metadata weft-node must name the calling node");
        return;
    }
    struct weft_peer *peer = weft_peers_find(peers, name);
    if (peer == NULL && weft_peers_add(peers, name, NULL, &peer, &error) != WEFT_OK) {
        weft_server_call_finish(server_call, error);
        return;
    }
    if (peer->evicted) {
        refuse(server_call, WEFT_UNAVAILABLE, "the node has just made room for others: call again");
        return;
    }
    struct weft_server_call *before = peer->accepted;
    if (before != NULL) {
        /* Called anew: the old stream is one whose end has not reached us yet. */
        drop_accepted(peer);
        weft_server_call_finish(before, NULL);
        peer_choose(peer);
    }
    weft_server_call_handle(server_call, &events, peer);
    peer->accepted = server_call;
    peer_choose(peer);
}

enum weft_status weft_peers_serve(struct weft_peers *peers, struct weft_grpc_server *server,
                                  struct weft_error **error)
{
    /* The session bounds what is under way. A limit here would be met again by all that is sent
     * again on the next stream. */
    struct weft_grpc_method method = {.path = CONNECT_PATH,
                                      .start = accept_call,
                                      .context = peers,
                                      .message_max_bytes = WEFT_PEER_MESSAGE_MAX_BYTES,
                                      .queue_max_bytes = SIZE_MAX,
                                      .aligned = aligned};
    return weft_grpc_server_add(server, &method, error);
}

void peer_finish_accepted(struct weft_peer *peer)
{
    struct weft_server_call *server_call = peer->accepted;
    if (server_call != NULL) {
        drop_accepted(peer);
        weft_server_call_finish(server_call, NULL);
    }
}

/* --- what is in use --- */

void weft_peer_traffic(const struct weft_peer *peer, struct weft_traffic *ret_traffic)
{
    struct weft_traffic traffic;
    *ret_traffic = peer->former;
    if (peer->accepted != NULL) {
        weft_server_call_traffic(peer->accepted, &traffic);
        weft_traffic_add(ret_traffic, &traffic);
    }
    if (peer->channel != NULL) {
        weft_channel_traffic(peer->channel, &traffic);
        weft_traffic_add(ret_traffic, &traffic);
    }
}

uint64_t weft_peer_round_trip_ns(const struct weft_peer *peer)
{
    switch (peer->active) {
    case SIDE_CALLED:
        return weft_channel_round_trip_ns(peer->channel);
    case SIDE_ACCEPTED:
        return weft_server_call_round_trip_ns(peer->accepted);
    default:
        return 0;
    }
}

enum weft_status weft_peer_send(struct weft_peer *peer, const struct weft_envelope *envelope,
                                struct weft_peer_sent *ret_sent, struct weft_error **error)
{
    if (peer->active == SIDE_NONE) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "node \"%s\" is not connected", peer->name);
    }
    cleanup_slices struct weft_slices slices = {0};
    uint64_t copied_before = weft_copied_bytes_total();
    enum weft_status status = weft_envelope_encode(envelope, &slices, error);
    if (status != WEFT_OK) {
        return status;
    }
    ret_sent->wire_bytes = weft_slices_size_bytes(&slices) + GRPC_PREFIX_BYTES;
    ret_sent->copied_bytes = weft_copied_bytes_total() - copied_before;
    struct weft_slice *items = weft_slices_items(&slices);
    bool sent = peer->active == SIDE_CALLED
                    ? weft_client_call_send(peer->called, items, slices.count)
                    : weft_server_call_send(peer->accepted, items, slices.count);
    weft_slices_forget(&slices);
    return sent ? WEFT_OK
                : weft_error_set(error, WEFT_UNAVAILABLE, "the stream to node \"%s\" is over",
                                 peer->name);
}

size_t weft_peer_queued_bytes(const struct weft_peer *peer)
{
    switch (peer->active) {
    case SIDE_CALLED:
        return weft_client_call_queued_bytes(peer->called);
    case SIDE_ACCEPTED:
        return weft_server_call_queued_bytes(peer->accepted);
    default:
        return 0;
    }
}
