/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_CHANNEL_H
#define WEFT_LINK_CHANNEL_H

/*
 * A channel's inside, as channel.c (its connections) and client_call.c (its calls) share it. The
 * loop's thread.
 */

#include "link/connection.h"
#include "link/grpc_client.h"

struct weft_carrier;

struct weft_channel {
    struct weft_link *link;
    char *address;
    struct weft_channel_options options;
    enum weft_channel_state state;
    struct weft_connect *connect;
    struct weft_carrier *carrier; /* takes new calls; NULL = none */
    struct weft_list carriers;    /* all, those that drain after a GOAWAY too */
    struct weft_timer backoff;
    uint64_t backoff_ns; /* of the next failure */
    struct weft_error *trouble;
    struct weft_list waiting; /* calls without a stream yet */
    size_t waiting_count;
    struct weft_list open; /* calls with one */
    struct weft_traffic past;
    struct weft_deferred tell;
    enum weft_channel_state told;
    struct weft_deferred last;
    bool closes;
    void (*closed)(void *context);
    void *closed_context;
};

/* A connection of a channel. */
struct weft_carrier {
    struct weft_connection connection;
    struct weft_channel *channel;
    struct weft_list link;
    struct weft_timer keepalive;
    uint64_t since_ns;
};

/* client_call.c: starts waiting calls while there is room. */
void weft_calls_start(struct weft_channel *channel);
/* Ends those waiting calls that do not wait for better times. */
void weft_calls_fail(struct weft_channel *channel, const struct weft_error *error);
void weft_calls_cancel_all(struct weft_channel *channel);
/* channel.c: a call wants a connection. */
void weft_channel_want(struct weft_channel *channel);
/* channel.c: a call ended. */
void weft_channel_call_ended(struct weft_channel *channel);

#endif
