/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_LINK_H
#define WEFT_LINK_LINK_H

/*
 * What all connections of one loop share: HTTP's read buffer and output chunks, the receive budget,
 * the pool that large messages land in, counters, the log. Made once by the composition root, freed
 * after the last listener and channel. Everything in `link` belongs to the loop's thread.
 */

#include <weft/error.h>

#include "base/log.h"
#include "base/pool.h"
#include "base/random.h"
#include "sys/loop.h"
#include "sys/stream.h"
#include "wire/budget.h"
#include "wire/http.h"

struct weft_link;

enum {
    /* All messages that are being received, together. Four of the largest allowed, so one never
       starves the rest. */
    WEFT_LINK_RECEIVE_BUDGET_BYTES = 1024 * 1024 * 1024,
    /* Idle memory kept for the next large message. */
    WEFT_LINK_POOL_IDLE_BYTES = 64 * 1024 * 1024,
};

struct weft_link_options {
    size_t receive_budget_bytes; /* 0 = WEFT_LINK_RECEIVE_BUDGET_BYTES */
    size_t pool_idle_bytes;      /* 0 = WEFT_LINK_POOL_IDLE_BYTES */
    const struct weft_log *log;  /* outlives the link; NULL = silent */
    struct weft_tcp_options tcp; /* zeroed = defaults */
};

/* Socket bytes include all framing. Monotonic. */
struct weft_traffic {
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t recv_calls;
    uint64_t send_calls;
};

/* All of the link, its listeners' and channels' connections together, closed ones included. */
struct weft_link_counters {
    struct weft_traffic traffic;
    uint64_t accepted;        /* connections */
    uint64_t refused;         /* at the connection limit */
    uint64_t accept_failures; /* out of descriptors and the like */
    uint64_t connects;        /* that succeeded */
    uint64_t connect_failures;
    uint64_t connections_lost; /* ended by an error, a broken protocol, or a time limit */
    uint64_t requests;         /* HTTP requests that came in, gRPC calls included */
    uint64_t calls;            /* gRPC calls that went out */
    uint64_t connections_open; /* now; a gauge */
};

/* options NULL = defaults. */
enum weft_status weft_link_new(struct weft_loop *loop, const struct weft_link_options *options,
                               struct weft_link **ret_link,
                               struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_link_free(struct weft_link *link);

struct weft_loop *weft_link_loop(struct weft_link *link);
struct weft_http_shared *weft_link_http_shared(struct weft_link *link);
struct weft_receive_budget *weft_link_budget(struct weft_link *link);
struct weft_pool *weft_link_pool(struct weft_link *link);
const struct weft_log *weft_link_log(struct weft_link *link);
struct weft_random *weft_link_random(struct weft_link *link);
const struct weft_tcp_options *weft_link_tcp_options(struct weft_link *link);
void weft_link_counters(const struct weft_link *link, struct weft_link_counters *ret_counters);

#endif
