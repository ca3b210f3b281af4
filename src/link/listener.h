/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_LISTENER_H
#define WEFT_LINK_LISTENER_H

/*
 * A door: listens on an address, takes HTTP/1.1 and HTTP/2 on the same port, and hands requests to
 * a router (REST) or a gRPC server. Opened and closed by `serve` or `node`; the loop's thread.
 *
 * Binds loopback only, unless `insecure`.
 */

#include "link/link.h"

struct weft_listener;
struct weft_router;
struct weft_grpc_server;

enum {
    /* Connections of one listener. Ten thousand idle ones cost less than 160 MiB. [the new one is
     * answered 503 and closed] */
    WEFT_LISTENER_CONNECTIONS_MAX = 10000,
    /* Connections that have sent no whole request head for this long are closed; so are those
     * without a request. Longer than the keep-alive of usual clients and proxies (60 s). */
    WEFT_LISTENER_IDLE_TIMEOUT_MS = 120 * 1000,
    /* A request's head must arrive within this: no person or machine types slower, only slowloris
       does. [408, closed] */
    WEFT_LISTENER_HEAD_TIMEOUT_MS = 10 * 1000,
    /* While a request's body is awaited, some byte must come within this. [408, or
       DEADLINE_EXCEEDED for gRPC] */
    WEFT_LISTENER_BODY_TIMEOUT_MS = 30 * 1000,
    /* While bytes wait to be sent, the peer must take some within this. [closed] */
    WEFT_LISTENER_SEND_TIMEOUT_MS = 30 * 1000,
    /* An HTTP/2 client with an open request that has been silent for so long is asked for a sign of
     * life; as long as channels wait (link/grpc_client.h), whose other end this is. */
    WEFT_LISTENER_KEEPALIVE_MS = 10 * 1000,
    /* No answer within this: it is gone. [closed, its requests are cancelled] */
    WEFT_LISTENER_KEEPALIVE_TIMEOUT_MS = 5 * 1000,
};

struct weft_listener_options {
    const char *address;           /* "127.0.0.11:8000"; port 0 takes a free one */
    bool insecure;                 /* allow addresses that are not loopback; a warning is logged */
    struct weft_router *router;    /* outlives the listener; NULL = no REST (404) */
    struct weft_grpc_server *grpc; /* outlives the listener; NULL = no gRPC (UNIMPLEMENTED) */
    size_t connections_max;        /* 0 = the above, and so on below */
    uint64_t idle_timeout_ms;
    uint64_t head_timeout_ms;
    uint64_t body_timeout_ms;
    uint64_t send_timeout_ms;
    uint64_t keepalive_ms;
    uint64_t keepalive_timeout_ms;
};

/* PERMISSION_DENIED for an address that is not loopback without `insecure`; ALREADY_EXISTS where it
 * is in use. */
enum weft_status weft_listener_open(struct weft_link *link,
                                    const struct weft_listener_options *options,
                                    struct weft_listener **ret_listener,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* "127.0.0.1:43210", as bound. */
const char *weft_listener_address(const struct weft_listener *listener);
size_t weft_listener_connections_count(const struct weft_listener *listener);
/* Stops accepting, tells HTTP/2 peers to go elsewhere (GOAWAY), lets open requests end until
 * deadline_ns, then cuts what is left. `closed` is called once, never from inside; the listener is
 * gone then. */
void weft_listener_close(struct weft_listener *listener, uint64_t deadline_ns,
                         void (*closed)(void *context), void *context);

#endif
