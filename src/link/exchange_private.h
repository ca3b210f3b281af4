/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_EXCHANGE_PRIVATE_H
#define WEFT_LINK_EXCHANGE_PRIVATE_H

/*
 * An exchange's inside, as exchange.c (its life and its answer), exchange_body.c (the request's
 * body) and router.c share it. The loop's thread.
 */

#include "link/router.h"
#include "link/server.h"

struct weft_exchange_parameter {
    const char *name; /* of the pattern: the route's */
    size_t name_length;
    const char *value; /* decoded, in the stream's memory */
};

/* Of the target of a request whose client has left: for the log, which shows no more of any. */
enum { WEFT_EXCHANGE_LEFT_TARGET_MAX = 257 };

/* Held by two parties, as a gRPC call is: by the handler until it ends it (`ended`), by the stream
 * until it is closed
 * (`stream` is NULL). */
struct weft_exchange {
    struct weft_http_stream *stream;
    const struct weft_http_head *head; /* with stream */
    struct weft_server *server;        /* with stream */
    struct weft_link *link;
    const struct weft_route *route; /* NULL: the router answers by itself */
    struct weft_exchange_parameter parameters[WEFT_ROUTE_PARAMETERS_MAX];
    size_t parameters_count;
    uint64_t started_ns;
    char left_target[WEFT_EXCHANGE_LEFT_TARGET_MAX]; /* once the client has left */
    char left_peer[WEFT_PEER_TEXT_MAX];

    /* The body. */
    struct weft_collecting collecting;
    struct weft_receive_lease lease;
    struct weft_buffer *buffer; /* while it is collected */
    size_t buffer_capacity;
    size_t received_bytes;
    size_t unconsumed_bytes;
    struct weft_slice body;
    bool held;
    bool arrived; /* all of it */
    const struct weft_exchange_reader *reader;
    void *reader_context;

    /* The answer. */
    void (*gone)(void *context);
    void *gone_context;
    void (*drained)(void *context);
    void *drained_context;
    struct weft_deferred cut; /* of a request that was answered before it was whole */
    bool handled;             /* the handler has it */
    bool begun;
    bool ended;
};

void weft_exchange_init(struct weft_exchange *exchange);
extern const struct weft_http_stream_events weft_exchange_stream_events;

/* --- exchange_body.c --- */

/* When the head has come. False where the exchange was answered instead. */
bool weft_exchange_body_begin(struct weft_exchange *exchange);
void weft_exchange_body_data(struct weft_exchange *exchange, const struct weft_slice *data);
void weft_exchange_body_landed(struct weft_exchange *exchange, size_t size_bytes);
void weft_exchange_body_end(struct weft_exchange *exchange);
/* Releases what is being collected. */
void weft_exchange_body_drop(struct weft_exchange *exchange);

/* Answers for the router: a status with words, before a handler has the exchange. */
void weft_exchange_refuse(struct weft_exchange *exchange, int http_status, enum weft_status status,
                          const char *words);
/* Gives it to the route's handler. */
void weft_exchange_hand_over(struct weft_exchange *exchange);

#endif
