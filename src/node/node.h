/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_NODE_H
#define WEFT_NODE_NODE_H

/*
 * One node of a cluster: the composition root, which makes the parts in order, joins them, and
 * takes them apart again. A process has one at most (it watches the process's signals). Everything
 * here belongs to the thread that opens it.
 *
 *   open ──▶ models load, peers connect ──▶ ready ──▶ SIGTERM: drains ──▶ closes ──▶ run returns
 *
 * It is ready when its own models are loaded and every peer that it was given has been connected
 * once. While it drains it is not ready, and what is under way has WEFT_NODE_DRAIN_MS to end; a
 * second signal ends the process at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/log.h"
#include "base/text.h"

struct weft_node;

enum {
    /* Requests that are under way at SIGTERM. Orchestrators kill after 10 s (docker) or 30 s. */
    WEFT_NODE_DRAIN_MS = 8 * 1000,
    /* Then answers that are on their way to clients. */
    WEFT_NODE_FLUSH_MS = 1000,
    /* A model that is stuck in a call is left behind after this. */
    WEFT_NODE_MODELS_GRACE_MS = 500,
};

struct weft_node_peer {
    const char *name;
    const char *address;
};

enum weft_node_spin { WEFT_NODE_SPIN_ON = 0, WEFT_NODE_SPIN_OFF };

/* Borrowed for the length of weft_node_open. */
struct weft_node_options {
    const char *name;    /* NULL = the host's */
    const char *listen;  /* "127.0.0.1:8000", with a port that is not 0 */
    const char *models;  /* a model directory; NULL = none */
    const char *plugins; /* NULL = none */
    const char *state;   /* what models keep; NULL = nothing is kept */
    /* Models to load. One that fails ends the node. */
    const char *const *load;
    size_t load_count;
    bool load_all; /* every model of the directory instead; one that fails is logged */
    const char *const *pipelines; /* files, and directories of them */
    size_t pipelines_count;
    const struct weft_node_peer *peers;
    size_t peers_count;
    uint32_t slots;        /* 0 = as many as the machine has processors */
    uint64_t memory_bytes; /* 0 = unlimited */
    const char *const *tags;
    size_t tags_count;
    bool insecure;
    enum weft_node_spin spin;
    bool tcp_only;               /* no Unix sockets with the processes of this host */
    size_t receive_budget_bytes; /* 0 = WEFT_LINK_RECEIVE_BUDGET_BYTES */
    size_t held_budget_bytes;    /* for inputs of open requests; 0 = as the receive budget */
    enum weft_log_level log_level;
    /* A descriptor that gets a line when the node is ready, and is closed then; 0 = none. */
    int ready_descriptor;
};

/* Opens the door and starts loading. What is wrong with pipeline files goes to findings, a line
 * each, and the status is INVALID_ARGUMENT. */
enum weft_status weft_node_open(const struct weft_node_options *options, struct weft_text *findings,
                                struct weft_node **ret_node,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* "127.0.0.1:8000", as bound. */
const char *weft_node_address(const struct weft_node *node);
/* Serves until a signal asks for the end, or a model of `load` can't be loaded; then drains and
 * takes everything apart. The node's memory is gone afterwards, whatever the status. */
enum weft_status weft_node_run(struct weft_node *take_node,
                               struct weft_error **error) WEFT_MUST_CHECK;

#endif
