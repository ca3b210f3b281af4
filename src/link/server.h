/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_SERVER_H
#define WEFT_LINK_SERVER_H

/*
 * A connection that a listener accepted, as listener.c, exchange.c and grpc_server.c share it. Not
 * for other rooms; the loop's thread.
 */

#include "link/connection.h"
#include "link/listener.h"
#include "wire/grpc.h"

/* "[" + 45 + "]:65535": a peer is always numeric. */
enum { WEFT_PEER_TEXT_MAX = 56 };

struct weft_server {
    struct weft_connection connection;
    struct weft_listener *listener;
    struct weft_list link; /* in the listener */
    struct weft_timer timer;
    struct weft_list collecting; /* requests whose body is awaited, the longest silent first */
    uint64_t quiet_ns;           /* since when there is no request; 0 = there is one */
    uint64_t head_ns;  /* since when a head is awaited whose first bytes have come; 0 = none is */
    bool going;        /* told to go away */
    uint64_t asked_ns; /* when it was last asked for a sign of life */
    char peer[WEFT_PEER_TEXT_MAX];
};

/* A request whose whole body is awaited. */
struct weft_collecting {
    struct weft_list link;
    uint64_t touched_ns;
    /* Nothing came for too long: answers, and takes itself off the list. */
    void (*late)(struct weft_collecting *collecting);
};

void weft_collecting_begin(struct weft_server *server, struct weft_collecting *collecting,
                           void (*late)(struct weft_collecting *collecting));
/* Something came. */
void weft_collecting_touch(struct weft_server *server, struct weft_collecting *collecting);
/* Harmless when it has ended, or never began but is zeroed. */
void weft_collecting_end(struct weft_collecting *collecting);

const char *weft_server_peer(struct weft_server *server);

/* From listener.c, for each request that is (not) gRPC. */
void weft_grpc_server_take(struct weft_grpc_server *grpc, struct weft_server *server,
                           struct weft_http_stream *stream, const struct weft_http_head *head);
void weft_router_take(struct weft_router *router, struct weft_server *server,
                      struct weft_http_stream *stream, const struct weft_http_head *head);

#endif
