/* SPDX-License-Identifier: Apache-2.0 */
#include "link/link.h"

#include <stdlib.h>

#include "base/assert.h"
#include "link/internal.h"

enum weft_status weft_link_new(struct weft_loop *loop, const struct weft_link_options *options,
                               struct weft_link **ret_link, struct weft_error **error)
{
    static const struct weft_link_options defaults = {0};
    options = options != NULL ? options : &defaults;
    struct weft_random random;
    enum weft_status status = weft_random_seed_from_system(&random, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    weft_list_init(&link->connections);
    weft_list_init(&link->lingers);
    link->clock = weft_loop_clock();
    link->loop = loop;
    link->log = options->log;
    link->tcp = options->tcp;
    link->random = random;
    weft_receive_budget_init(&link->budget, options->receive_budget_bytes > 0
                                                ? options->receive_budget_bytes
                                                : WEFT_LINK_RECEIVE_BUDGET_BYTES);
    link->shared = weft_http_shared_new();
    link->pool = weft_pool_new(options->pool_idle_bytes > 0 ? options->pool_idle_bytes
                                                            : WEFT_LINK_POOL_IDLE_BYTES);
    if (link->shared == NULL || link->pool == NULL) {
        weft_link_free(link);
        return weft_error_set_out_of_memory(error);
    }
    weft_http_shared_set_clock(link->shared, &link->clock);
    *ret_link = link;
    return WEFT_OK;
}

void weft_link_free(struct weft_link *link)
{
    if (link != NULL) {
        weft_assert(weft_list_is_empty(&link->connections));
        weft_linger_end_all(link);
        weft_http_shared_free(link->shared);
        weft_pool_unref(link->pool);
        free(link);
    }
}

struct weft_loop *weft_link_loop(struct weft_link *link)
{
    return link->loop;
}

struct weft_http_shared *weft_link_http_shared(struct weft_link *link)
{
    return link->shared;
}

struct weft_receive_budget *weft_link_budget(struct weft_link *link)
{
    return &link->budget;
}

struct weft_pool *weft_link_pool(struct weft_link *link)
{
    return link->pool;
}

const struct weft_log *weft_link_log(struct weft_link *link)
{
    return link->log;
}

struct weft_random *weft_link_random(struct weft_link *link)
{
    return &link->random;
}

const struct weft_tcp_options *weft_link_tcp_options(struct weft_link *link)
{
    return &link->tcp;
}

void weft_link_counters(const struct weft_link *link, struct weft_link_counters *ret_counters)
{
    *ret_counters = link->counters;
    for (const struct weft_list *next = link->connections.next; next != &link->connections;
         next = next->next) {
        struct weft_traffic traffic;
        weft_connection_traffic(weft_list_entry(next, struct weft_connection, in_link), &traffic);
        weft_traffic_add(&ret_counters->traffic, &traffic);
    }
}

void weft_traffic_add(struct weft_traffic *sum, const struct weft_traffic *part)
{
    sum->received_bytes += part->received_bytes;
    sum->sent_bytes += part->sent_bytes;
    sum->recv_calls += part->recv_calls;
    sum->send_calls += part->send_calls;
}
