/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "node/node_parts.h"

/*
 * The end of a node, outer parts first, each after the one before has closed:
 *
 *   drain: what is under way ends ──▶ listener ──▶ doors ──▶ engine ──▶ models ──▶ loop
 */

#define LOOK_NS (10 * WEFT_NS_PER_MS)

static void look_again(struct weft_node *node)
{
    if (weft_timer_set(&node->timer, weft_loop_now_ns() + LOOK_NS) != WEFT_OK) {
        node->stage_deadline_ns = 0;
        node_end_tick(node);
    }
}

static bool is_quiet(const struct weft_node *node)
{
    return (node->run == NULL || weft_run_busy(node->run) == 0) &&
           (node->serve == NULL || weft_serve_busy(node->serve) == 0);
}

/* --- models --- */

static void repository_closed(void *context)
{
    struct weft_node *node = context;
    node->repository = NULL;
    weft_timer_cancel(&node->timer);
    weft_loop_stop(node->loop);
}

static void close_repository(struct weft_node *node)
{
    if (node->repository != NULL) {
        weft_repository_close(node->repository, WEFT_NODE_MODELS_GRACE_MS, repository_closed, node);
    } else {
        repository_closed(node);
    }
}

/* --- engine --- */

static void run_closed(void *context)
{
    struct weft_node *node = context;
    node->run = NULL;
    close_repository(node);
}

static void close_run(struct weft_node *node)
{
    node->stage = NODE_CLOSING;
    weft_serve_free(node->serve);
    node->serve = NULL;
    if (node->run != NULL) {
        weft_run_close(node->run, run_closed, node);
    } else {
        run_closed(node);
    }
}

/* --- doors --- */

static void listener_closed(void *context)
{
    struct weft_node *node = context;
    node->listener = NULL;
    node->stage = NODE_SETTLING;
    node->stage_deadline_ns = weft_loop_now_ns() + WEFT_NODE_FLUSH_MS * WEFT_NS_PER_MS;
    node_end_tick(node);
}

static void close_listener(struct weft_node *node)
{
    node->stage = NODE_FLUSHING;
    if (node->listener == NULL) {
        listener_closed(node);
        return;
    }
    weft_run_leave(node->run);
    weft_listener_close(node->listener, weft_loop_now_ns() + WEFT_NODE_FLUSH_MS * WEFT_NS_PER_MS,
                        listener_closed, node);
}

/* --- the whole --- */

void node_end_tick(struct weft_node *node)
{
    bool over = is_quiet(node) || weft_loop_now_ns() >= node->stage_deadline_ns;
    if (node->stage != NODE_DRAINING && node->stage != NODE_SETTLING) {
        return;
    }
    if (!over) {
        look_again(node);
    } else if (node->stage == NODE_DRAINING) {
        if (!is_quiet(node)) {
            weft_log(&node->log, WEFT_LOG_WARNING, NULL,
                     "%zu requests and tasks have not ended in time and are given up",
                     weft_run_busy(node->run));
        }
        close_listener(node);
    } else {
        close_run(node);
    }
}

void node_end(struct weft_node *node)
{
    if (node->stage >= NODE_DRAINING) {
        return;
    }
    node->stage = NODE_DRAINING;
    node->stage_deadline_ns = weft_loop_now_ns() + WEFT_NODE_DRAIN_MS * WEFT_NS_PER_MS;
    if (node->serve != NULL) {
        weft_serve_set_ready(node->serve, false);
    }
    look_again(node);
}

void node_free(struct weft_node *node)
{
    if (node->loop != NULL) {
        /* After weft_node_run all is closed; after a failed open, nothing is under way. */
        bool closed = node->stage == NODE_CLOSING;
        node_end(node);
        if (!closed) {
            weft_loop_run(node->loop);
        }
        weft_executor_free(node->executor);
        weft_executor_free(node->doors_executor);
        weft_link_free(node->link);
        weft_metrics_free(node->metrics);
        weft_loop_free(node->loop);
    }
    if (node->failure == NULL && node->name != NULL && node->stage == NODE_CLOSING &&
        node->signals > 0) {
        weft_log(&node->log, WEFT_LOG_INFO, NULL, "ended");
    }
    weft_error_unref(node->failure);
    free(node->advertised);
    free(node->name);
    free(node);
}
