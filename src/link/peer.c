/* SPDX-License-Identifier: Apache-2.0 */
#include "link/peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define CONNECT_PATH "/weft.v1.Peer/Connect"

/* Envelope.deliver, Deliver.value, Value.data: a tensor lies so that a model need not move it. */
static const uint32_t aligned[] = {9, 12, 4, 0};
#define NAME_METADATA "weft-node"

enum { GRPC_PREFIX_BYTES = 5 };

/* The streams a peer can have, by who called. */
enum side { SIDE_NONE, SIDE_CALLED, SIDE_ACCEPTED };

struct weft_peer {
    struct weft_peers *peers;
    char *name;
    char *address; /* NULL = it calls */
    void *data;
    struct weft_channel *channel;
    struct weft_client_call *called;
    bool called_up;
    struct weft_server_call *accepted;
    enum side active;
    bool dropped;               /* only its channel is left, which closes */
    struct weft_timer timer;    /* to call, or to call again */
    struct weft_traffic former; /* of accepted streams that are over */
};

struct weft_peers {
    struct weft_link *link;
    char *name;
    const struct weft_peers_events *events;
    void *context;
    struct weft_peer **items;
    size_t count;
    bool leaving; /* takes no calls any more */
    bool closing; /* and no event comes */
    size_t channels_open;
    void (*closed)(void *context);
    void *closed_context;
    struct weft_deferred leave;
    struct weft_deferred finish;
};

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

static void schedule(struct weft_peer *peer)
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

static void choose(struct weft_peer *peer)
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
            events->connected(peer->peers->context, peer);
        }
    }
    schedule(peer);
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
    choose(peer);
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
    choose(peer);
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
        schedule(peer);
    }
}

static void timer_fired(void *context)
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
    peer->former.received_bytes += traffic.received_bytes;
    peer->former.sent_bytes += traffic.sent_bytes;
    peer->former.recv_calls += traffic.recv_calls;
    peer->former.send_calls += traffic.send_calls;
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
        choose(peer);
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
    struct weft_server_call *before = peer->accepted;
    if (before != NULL) {
        /* Called anew: the old stream is one whose end has not reached us yet. */
        drop_accepted(peer);
        weft_server_call_finish(before, NULL);
        choose(peer);
    }
    weft_server_call_handle(server_call, &events, peer);
    peer->accepted = server_call;
    choose(peer);
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

/* --- life --- */

static void peer_free(struct weft_peer *peer)
{
    weft_timer_cancel(&peer->timer);
    free(peer->name);
    free(peer->address);
    free(peer);
}

static void finish_accepted(struct weft_peer *peer)
{
    struct weft_server_call *server_call = peer->accepted;
    if (server_call != NULL) {
        drop_accepted(peer);
        weft_server_call_finish(server_call, NULL);
    }
}

static void leave(void *context)
{
    struct weft_peers *peers = context;
    for (size_t i = 0; i < peers->count; i++) {
        finish_accepted(peers->items[i]);
        choose(peers->items[i]);
    }
}

static void finish(void *context)
{
    struct weft_peers *peers = context;
    if (peers->channels_open > 0) {
        return;
    }
    void (*closed)(void *) = peers->closed;
    void *closed_context = peers->closed_context;
    for (size_t i = 0; i < peers->count; i++) {
        peer_free(peers->items[i]);
    }
    free(peers->items);
    free(peers->name);
    free(peers);
    if (closed != NULL) {
        closed(closed_context);
    }
}

enum weft_status weft_peers_new(struct weft_link *link, const char *name,
                                const struct weft_peers_events *events, void *context,
                                struct weft_peers **ret_peers, struct weft_error **error)
{
    struct weft_peers *peers = calloc(1, sizeof(*peers));
    char *copy = strdup(name);
    if (peers == NULL || copy == NULL) {
        free(peers);
        free(copy);
        return weft_error_set_out_of_memory(error);
    }
    peers->link = link;
    peers->name = copy;
    peers->events = events;
    peers->context = context;
    weft_deferred_init(&peers->leave, leave, peers);
    weft_deferred_init(&peers->finish, finish, peers);
    *ret_peers = peers;
    return WEFT_OK;
}

struct weft_peer *weft_peers_find(struct weft_peers *peers, const char *name)
{
    for (size_t i = 0; i < peers->count; i++) {
        if (strcmp(peers->items[i]->name, name) == 0) {
            return peers->items[i];
        }
    }
    return NULL;
}

static enum weft_status peer_new(struct weft_peers *peers, const char *name,
                                 struct weft_peer **ret_peer, struct weft_error **error)
{
    if (strcmp(peers->name, name) == 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a node named \"%s\" is this one: names must differ", name);
    }
    if (peers->count >= WEFT_PLAN_NODES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%d other nodes are known already, which is the limit",
                              WEFT_PLAN_NODES_MAX);
    }
    struct weft_peer **items =
        realloc(peers->items, (peers->count + 1) * sizeof(struct weft_peer *));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    peers->items = items;
    struct weft_peer *peer = calloc(1, sizeof(*peer));
    char *copy = strdup(name);
    if (peer == NULL || copy == NULL) {
        free(peer);
        free(copy);
        return weft_error_set_out_of_memory(error);
    }
    peer->peers = peers;
    peer->name = copy;
    weft_timer_init(&peer->timer, weft_link_loop(peers->link), timer_fired, peer);
    items[peers->count++] = peer;
    *ret_peer = peer;
    return WEFT_OK;
}

static void channel_closed(void *context)
{
    struct weft_peers *peers = context;
    peers->channels_open--;
    if (peers->closing) {
        weft_loop_defer(weft_link_loop(peers->link), &peers->finish);
    }
}

static void dropped_closed(void *context)
{
    struct weft_peer *peer = context;
    struct weft_peers *peers = peer->peers;
    peer_free(peer);
    channel_closed(peers);
}

void weft_peers_drop(struct weft_peers *peers, struct weft_peer *peer)
{
    weft_assert(peer->active == SIDE_NONE && !peers->closing);
    for (size_t i = 0; i < peers->count; i++) {
        if (peers->items[i] == peer) {
            peers->count--;
            memmove(&peers->items[i], &peers->items[i + 1],
                    (peers->count - i) * sizeof(struct weft_peer *));
            break;
        }
    }
    weft_timer_cancel(&peer->timer);
    peer->dropped = true;
    if (peer->channel != NULL) {
        weft_channel_close(steal(&peer->channel), dropped_closed, peer);
    } else {
        peer_free(peer);
    }
}

/* A new address: the old channel goes, with the stream on it. */
static enum weft_status set_address(struct weft_peer *peer, const char *address,
                                    struct weft_error **error)
{
    if (address == NULL || (peer->address != NULL && strcmp(peer->address, address) == 0)) {
        return WEFT_OK;
    }
    char *copy = strdup(address);
    if (copy == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    free(peer->address);
    peer->address = copy;
    if (peer->channel != NULL) {
        weft_channel_close(steal(&peer->channel), channel_closed, peer->peers);
    }
    return WEFT_OK;
}

enum weft_status weft_peers_add(struct weft_peers *peers, const char *name, const char *address,
                                struct weft_peer **ret_peer, struct weft_error **error)
{
    struct weft_peer *peer = weft_peers_find(peers, name);
    enum weft_status status = WEFT_OK;
    if (peer == NULL) {
        status = peer_new(peers, name, &peer, error);
    }
    if (status == WEFT_OK) {
        status = set_address(peer, address, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (ret_peer != NULL) {
        *ret_peer = peer;
    }
    schedule(peer);
    return WEFT_OK;
}

/* Deferred, for choose() calls the host. */
void weft_peers_leave(struct weft_peers *peers)
{
    peers->leaving = true;
    weft_loop_defer(weft_link_loop(peers->link), &peers->leave);
}

void weft_peers_close(struct weft_peers *peers, void (*closed)(void *context), void *context)
{
    peers->leaving = true;
    peers->closing = true;
    weft_deferred_cancel(&peers->leave);
    peers->closed = closed;
    peers->closed_context = context;
    for (size_t i = 0; i < peers->count; i++) {
        struct weft_peer *peer = peers->items[i];
        weft_timer_cancel(&peer->timer);
        finish_accepted(peer);
        if (peer->channel != NULL) {
            weft_channel_close(steal(&peer->channel), channel_closed, peers);
        }
    }
    weft_loop_defer(weft_link_loop(peers->link), &peers->finish);
}

size_t weft_peers_count(const struct weft_peers *peers)
{
    return peers->count;
}

struct weft_peer *weft_peers_at(const struct weft_peers *peers, size_t index)
{
    weft_assert(index < peers->count);
    return peers->items[index];
}

const char *weft_peer_name(const struct weft_peer *peer)
{
    return peer->name;
}

bool weft_peer_is_connected(const struct weft_peer *peer)
{
    return peer->active != SIDE_NONE;
}

static void add_traffic(struct weft_traffic *sum, const struct weft_traffic *more)
{
    sum->received_bytes += more->received_bytes;
    sum->sent_bytes += more->sent_bytes;
    sum->recv_calls += more->recv_calls;
    sum->send_calls += more->send_calls;
}

void weft_peer_traffic(const struct weft_peer *peer, struct weft_traffic *ret_traffic)
{
    struct weft_traffic traffic;
    *ret_traffic = peer->former;
    if (peer->accepted != NULL) {
        weft_server_call_traffic(peer->accepted, &traffic);
        add_traffic(ret_traffic, &traffic);
    }
    if (peer->channel != NULL) {
        weft_channel_traffic(peer->channel, &traffic);
        add_traffic(ret_traffic, &traffic);
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

void weft_peer_set_data(struct weft_peer *peer, void *data)
{
    peer->data = data;
}

void *weft_peer_data(const struct weft_peer *peer)
{
    return peer->data;
}
