/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_PEER_H
#define WEFT_LINK_PEER_H

/*
 * The other nodes of the cluster, and one stream of envelopes (base/message.h) with each: a call of
 * weft.v1.Peer/Connect that carries both directions. Of two nodes that know each other the one with
 * the lesser name calls; the other calls too if nobody came within a second, and where both did,
 * the lesser name's stream is used. Streams are made anew when they broke. What was under way is
 * lost then: sched/session.h keeps and repeats it. Owned by the composition root; the loop's
 * thread.
 */

#include "link/grpc_client.h"
#include "link/grpc_server.h"
#include "wire/control.h"

struct weft_peers;
struct weft_peer;

enum {
    /* Peers that the configuration does not name: they called, or a plan names them. Beyond it the
     * one that called first of those that never said HELLO makes room; where all have, a further
     * one is RESOURCE_EXHAUSTED. Names cost nothing, so these never take the place of one that is
     * configured. */
    WEFT_PEER_STRANGERS_MAX = WEFT_PLAN_NODES_MAX,
    /* How long the greater name waits to be called before it calls itself. */
    WEFT_PEER_WAIT_MS = 1000,
    /* The pause before a stream that broke is opened again. */
    WEFT_PEER_REOPEN_MS = 50,
    /* The largest value that one message carries: as much as a door takes from a client. The host
     * refuses what is larger, for a message that the other end refuses breaks the stream, each time
     * it is sent again. */
    WEFT_PEER_VALUE_MAX_BYTES = 256 * 1024 * 1024,
    /* With all that a message may say beside: parameters of the request and of the value. */
    WEFT_PEER_MESSAGE_MAX_BYTES = WEFT_PEER_VALUE_MAX_BYTES + 16 * 1024 * 1024,
};

/* Never called from inside a call into this header. */
struct weft_peers_events {
    /* A stream is up; both ends say HELLO first. */
    void (*connected)(void *context, struct weft_peer *peer);
    /* Takes the envelope's message by setting it to NULL. */
    void (*envelope)(void *context, struct weft_peer *peer, struct weft_envelope *envelope);
    /* There was an envelope, and no memory to read it. */
    void (*missed)(void *context, struct weft_peer *peer);
    void (*disconnected)(void *context, struct weft_peer *peer);
};

/* What sending one envelope took. */
struct weft_peer_sent {
    uint64_t wire_bytes; /* of the message with its gRPC prefix */
    uint64_t copied_bytes;
};

/* name is this node's. events outlives it. */
enum weft_status weft_peers_new(struct weft_link *link, const char *name,
                                const struct weft_peers_events *events, void *context,
                                struct weft_peers **ret_peers,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* Adds weft.v1.Peer/Connect to the door. Peers that call need not have been added: they are then
 * known by the name they give, up to WEFT_PEER_STRANGERS_MAX, until the host drops them. */
enum weft_status weft_peers_serve(struct weft_peers *peers, struct weft_grpc_server *server,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* Makes a peer known, with the address to call it at; NULL = it will call. A new address for a
 * known one replaces the old. This node's own name is INVALID_ARGUMENT. */
enum weft_status weft_peers_add(struct weft_peers *peers, const char *name, const char *address,
                                struct weft_peer **ret_peer,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* The same for a peer that the configuration names: up to WEFT_PLAN_NODES_MAX of them have a place
 * whoever else calls. */
enum weft_status weft_peers_add_configured(struct weft_peers *peers, const char *name,
                                           const char *address, struct weft_peer **ret_peer,
                                           struct weft_error **error) WEFT_MUST_CHECK;
/* Forgets a peer: it is as if it had never been known, and may come again. Nothing of it is used
 * any more by the host, which is called no more for it either. It must not be connected. Not from
 * inside an event. */
void weft_peers_drop(struct weft_peers *peers, struct weft_peer *peer);
/* NULL if unknown. */
struct weft_peer *weft_peers_find(struct weft_peers *peers, const char *name);
/* Of index below the count, in the order of becoming known. */
size_t weft_peers_count(const struct weft_peers *peers);
struct weft_peer *weft_peers_at(const struct weft_peers *peers, size_t index);
/* Ends the streams that others called, and takes no new ones: the others see this node go. A
 * listener that drains would otherwise wait for them, for they never end by themselves. */
void weft_peers_leave(struct weft_peers *peers);
/* Ends all streams; no event comes any more. `closed` is called once, later; the memory is gone
 * then. The listener must be closed before. */
void weft_peers_close(struct weft_peers *peers, void (*closed)(void *context), void *context);

const char *weft_peer_name(const struct weft_peer *peer);
bool weft_peer_is_connected(const struct weft_peer *peer);
/* Socket bytes of its streams' connections, framing included, former ones too. */
void weft_peer_traffic(const struct weft_peer *peer, struct weft_traffic *ret_traffic);
/* The round trip to it, of the stream in use; 0 = unknown, or not connected. Within a host it is
 * measured when the stream comes up, and anew by asking. */
uint64_t weft_peer_round_trip_ns(const struct weft_peer *peer);
/* Sends an envelope, borrowed. UNAVAILABLE without a stream. */
enum weft_status weft_peer_send(struct weft_peer *peer, const struct weft_envelope *envelope,
                                struct weft_peer_sent *ret_sent,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* Bytes that it was given and that have not left for the socket. */
size_t weft_peer_queued_bytes(const struct weft_peer *peer);
/* The host's own pointer. */
void weft_peer_set_data(struct weft_peer *peer, void *data);
void *weft_peer_data(const struct weft_peer *peer);

#endif
