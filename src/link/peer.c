/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "link/peer_private.h"

static void peer_free(struct weft_peer *peer)
{
    weft_timer_cancel(&peer->timer);
    free(peer->name);
    free(peer->address);
    free(peer);
}

/* Deferred, for peer_choose() calls the host, who drops the peer then. */
static void end_evicted(void *context)
{
    struct weft_peers *peers = context;
    for (size_t i = 0; i < peers->count; i++) {
        if (peers->items[i]->evicted) {
            peer_finish_accepted(peers->items[i]);
            peer_choose(peers->items[i]);
        }
    }
}

static void leave(void *context)
{
    struct weft_peers *peers = context;
    for (size_t i = 0; i < peers->count; i++) {
        peer_finish_accepted(peers->items[i]);
        peer_choose(peers->items[i]);
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
    weft_deferred_init(&peers->evict, end_evicted, peers);
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

/* --- who has a place --- */

static size_t count_of(const struct weft_peers *peers, bool configured)
{
    size_t count = 0;
    for (size_t i = 0; i < peers->count; i++) {
        count += peers->items[i]->configured == configured && !peers->items[i]->evicted;
    }
    return count;
}

/* They are in the order of their coming. False where all have said who they are, or are called by
 * this node; and where too many of those before are not gone yet. */
static bool evict_silent(struct weft_peers *peers)
{
    bool crowded = peers->count >= 2 * WEFT_PEER_STRANGERS_MAX + WEFT_PLAN_NODES_MAX;
    for (size_t i = 0; !crowded && i < peers->count; i++) {
        struct weft_peer *peer = peers->items[i];
        if (!peer->configured && !peer->heard && !peer->evicted && peer->address == NULL) {
            weft_log(weft_link_log(peers->link), WEFT_LOG_WARNING, NULL,
                     "something called as node \"%s\" and said nothing: it makes room", peer->name);
            peer->evicted = true;
            weft_loop_defer(weft_link_loop(peers->link), &peers->evict);
            return true;
        }
    }
    return false;
}

static enum weft_status find_place(struct weft_peers *peers, bool configured,
                                   struct weft_error **error)
{
    if (configured && count_of(peers, true) >= WEFT_PLAN_NODES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%d other nodes are configured already, which is the limit",
                              WEFT_PLAN_NODES_MAX);
    }
    if (!configured && count_of(peers, false) >= WEFT_PEER_STRANGERS_MAX && !evict_silent(peers)) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%d nodes that the configuration does not name are here already, "
                              "which is the limit",
                              WEFT_PEER_STRANGERS_MAX);
    }
    return WEFT_OK;
}

static enum weft_status peer_new(struct weft_peers *peers, const char *name, bool configured,
                                 struct weft_peer **ret_peer, struct weft_error **error)
{
    if (strcmp(peers->name, name) == 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a node named \"%s\" is this one: names must differ", name);
    }
    enum weft_status status = find_place(peers, configured, error);
    if (status != WEFT_OK) {
        return status;
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
    peer->configured = configured;
    weft_timer_init(&peer->timer, weft_link_loop(peers->link), peer_call_due, peer);
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

static enum weft_status add(struct weft_peers *peers, const char *name, const char *address,
                            bool configured, struct weft_peer **ret_peer, struct weft_error **error)
{
    struct weft_peer *peer = weft_peers_find(peers, name);
    enum weft_status status = WEFT_OK;
    if (peer == NULL) {
        status = peer_new(peers, name, configured, &peer, error);
    } else if (configured && !peer->configured) {
        status = find_place(peers, true, error);
        peer->configured = status == WEFT_OK;
        peer->evicted = peer->evicted && !peer->configured;
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
    peer_schedule(peer);
    return WEFT_OK;
}

enum weft_status weft_peers_add(struct weft_peers *peers, const char *name, const char *address,
                                struct weft_peer **ret_peer, struct weft_error **error)
{
    return add(peers, name, address, false, ret_peer, error);
}

enum weft_status weft_peers_add_configured(struct weft_peers *peers, const char *name,
                                           const char *address, struct weft_peer **ret_peer,
                                           struct weft_error **error)
{
    return add(peers, name, address, true, ret_peer, error);
}

/* Deferred, for peer_choose() calls the host. */
void weft_peers_leave(struct weft_peers *peers)
{
    peers->leaving = true;
    weft_loop_defer(weft_link_loop(peers->link), &peers->leave);
}

void weft_peers_close(struct weft_peers *peers, void (*closed)(void *context), void *context)
{
    peers->leaving = true;
    peers->closing = true;
    weft_deferred_cancel(&peers->evict);
    weft_deferred_cancel(&peers->leave);
    peers->closed = closed;
    peers->closed_context = context;
    for (size_t i = 0; i < peers->count; i++) {
        struct weft_peer *peer = peers->items[i];
        weft_timer_cancel(&peer->timer);
        peer_finish_accepted(peer);
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

void weft_peer_set_data(struct weft_peer *peer, void *data)
{
    peer->data = data;
}

void *weft_peer_data(const struct weft_peer *peer)
{
    return peer->data;
}
