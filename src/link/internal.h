/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_INTERNAL_H
#define WEFT_LINK_INTERNAL_H

/*
 * What the files of `link` know of each other's insides. Not for other rooms; the loop's thread.
 */

#include "base/list.h"
#include "link/connection.h"
#include "link/link.h"

struct weft_link {
    struct weft_loop *loop;
    struct weft_clock clock;
    struct weft_http_shared *shared;
    struct weft_pool *pool;
    const struct weft_log *log;
    struct weft_tcp_options tcp;
    struct weft_random random;
    struct weft_receive_budget budget;
    struct weft_link_counters counters; /* traffic: of closed connections only */
    struct weft_list connections;       /* open ones, for the counters */
    struct weft_list lingers; /* streams that wait for their peer to read the last answer */
};

void weft_traffic_add(struct weft_traffic *sum, const struct weft_traffic *part);

#endif
