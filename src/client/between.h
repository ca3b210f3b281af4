/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_BETWEEN_H
#define WEFT_CLIENT_BETWEEN_H

/*
 * How many bytes went between the nodes of a cluster: socket bytes, framing included, as each
 * node's /metrics counts them (weft_peer_sent_bytes_total), after less before. What the called
 * node sent or was sent is not among them: that is the gateway's. Other traffic at the same time
 * is. One thread at a time.
 */

#include "client/client.h"

struct weft_between;

enum {
    /* Nodes of a cluster that are asked: each costs a connection. [RESOURCE_EXHAUSTED] */
    WEFT_BETWEEN_NODES_MAX = 256,
    /* A node that takes longer is not measured. */
    WEFT_BETWEEN_TIMEOUT_MS = 5 * 1000,
    /* Counters are read until they say the same twice, as acknowledgements may still be under way;
       after so many readings as they are, since some other client's traffic may never end. */
    WEFT_BETWEEN_READINGS_MAX = 50,
    WEFT_BETWEEN_PAUSE_MS = 20,
};

struct weft_between_pair {
    const char *from;
    const char *to;
    uint64_t bytes;
};

/* Asks the called node for the others (/v1/nodes) and reads their counters. */
enum weft_status weft_between_begin(struct weft_client *client, struct weft_between **ret_between,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* Reads them again. A node that has restarted meanwhile counts from its start. */
enum weft_status weft_between_end(struct weft_between *between,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_between_free(struct weft_between *between);

uint64_t weft_between_bytes(const struct weft_between *between);
/* The ordered pairs that had any traffic at all. */
size_t weft_between_count(const struct weft_between *between);
struct weft_between_pair weft_between_at(const struct weft_between *between, size_t index);

/* One line of Prometheus' text format (0.0.4): where it is `name{...label="value"...} number`,
 * true, with the label's value without escapes. For tests, too. */
bool weft_metric_line_read(const char *line, const char *name, const char *label, char *ret_value,
                           size_t capacity, uint64_t *ret_number);

WEFT_DEFINE_CLEANUP(struct weft_between, weft_between_free)
#define cleanup_between WEFT_CLEANUP(weft_between_free_cleanup)

#endif
