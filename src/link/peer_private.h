/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_PEER_PRIVATE_H
#define WEFT_LINK_PEER_PRIVATE_H

/*
 * The inside of the peers, shared by peer.c (which there are) and peer_streams.c (what goes to and
 * fro). Nobody else includes it.
 */

#include "link/peer.h"

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
    bool configured;            /* not a stranger */
    bool heard;                 /* it has said HELLO, in its own name */
    bool evicted;               /* makes room for another: its stream ends, and the host drops it */
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
    struct weft_deferred evict;
    struct weft_deferred leave;
    struct weft_deferred finish;
};

/* Sets the timer to call it, where it is this node's turn. */
void peer_schedule(struct weft_peer *peer);
/* Looks which stream is to be used, and tells the host where that is another. */
void peer_choose(struct weft_peer *peer);
/* Its timer has fired: calls it where nothing has come up. */
void peer_call_due(void *context);
/* Ends the stream that it called. */
void peer_finish_accepted(struct weft_peer *peer);

#endif
