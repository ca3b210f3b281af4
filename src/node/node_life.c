/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <unistd.h>

#include "node/node_parts.h"

/* How often a node that isn't ready looks for its peers: quickly while a cluster starts, then
 * slowly, for a peer may be away for hours. */
#define LOOK_QUICKLY_NS (5 * WEFT_NS_PER_MS)
#define LOOK_SLOWLY_NS (250 * WEFT_NS_PER_MS)
#define LOOK_QUICKLY_FOR_NS (5 * WEFT_NS_PER_S)

/* --- signals and the timer --- */

static void asked_to_end(void *context, int signal_number)
{
    struct weft_node *node = context;
    if (++node->signals > 1) {
        weft_log(&node->log, WEFT_LOG_WARNING, NULL,
                 "asked to end a second time: what is under way is given up");
        _exit(128 + signal_number);
    }
    weft_log(&node->log, WEFT_LOG_INFO, NULL, "asked to end by %s",
             signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
    node_end(node);
}

static void tick(void *context)
{
    struct weft_node *node = context;
    if (node->stage <= NODE_READY) {
        node_check_ready(node);
    } else {
        node_end_tick(node);
    }
}

enum weft_status node_watch(struct weft_node *node, struct weft_error **error)
{
    weft_timer_init(&node->timer, node->loop, tick, node);
    return weft_loop_watch_signals(node->loop, asked_to_end, node, error);
}

/* --- becoming ready --- */

/* Once whole, always: a peer that leaves later doesn't make this node less able to answer. */
static bool is_whole(struct weft_node *node)
{
    node->whole = node->whole || weft_run_is_whole(node->run);
    if (!node->whole) {
        uint64_t now_ns = weft_loop_now_ns();
        bool quickly = now_ns - node->opened_ns < LOOK_QUICKLY_FOR_NS;
        if (weft_timer_set(&node->timer, now_ns + (quickly ? LOOK_QUICKLY_NS : LOOK_SLOWLY_NS)) !=
            WEFT_OK) {
            weft_log(&node->log, WEFT_LOG_ERROR, NULL, "out of memory for a timer");
        }
    }
    return node->whole;
}

/* Who started the node may have left; that is nothing to us. */
static void tell_starter(struct weft_node *node)
{
    if (node->ready_descriptor > 0) {
        (void)!write(node->ready_descriptor, "ready\n", 6);
        close(node->ready_descriptor);
        node->ready_descriptor = 0;
    }
}

void node_check_ready(struct weft_node *node)
{
    if (node->stage != NODE_STARTING || !is_whole(node) || node->loads_open > 0) {
        return;
    }
    node->stage = NODE_READY;
    weft_serve_set_ready(node->serve, true);
    tell_starter(node);
    weft_log(&node->log, WEFT_LOG_INFO, NULL, "ready after %llu ms",
             (unsigned long long)((weft_loop_now_ns() - node->opened_ns) / WEFT_NS_PER_MS));
}

/* --- models --- */

void node_models_changed(void *context)
{
    struct weft_node *node = context;
    if (node->run != NULL) {
        weft_run_models_changed(node->run);
    }
}

/* All that failed, not only the first. */
static void log_failures(struct weft_node *node, const struct weft_error *first)
{
    struct weft_repository_index index = {0};
    bool told = false;
    if (weft_repository_index(node->repository, false, &index, NULL) == WEFT_OK) {
        for (size_t i = 0; i < index.count; i++) {
            const struct weft_repository_entry *entry = &index.entries[i];
            if (entry->state == WEFT_MODEL_UNAVAILABLE && entry->reason[0] != '\0') {
                told = true;
                weft_log(&node->log, WEFT_LOG_ERROR, NULL, "model \"%s\" is not loaded: %s",
                         entry->name, entry->reason);
            }
        }
        weft_repository_index_fini(&index);
    }
    if (!told) {
        weft_log(&node->log, WEFT_LOG_ERROR, NULL, "not all models are loaded: %s",
                 weft_error_message(first));
    }
}

static void loaded(void *context, struct weft_error *error)
{
    struct weft_node *node = context;
    node->loads_open--;
    if (error != NULL && node->stage == NODE_STARTING) {
        if (node->load_all) {
            log_failures(node, error);
        } else {
            node->failure = weft_error_ref(error);
            node_end(node);
            return;
        }
    }
    node_check_ready(node);
}

enum weft_status node_load(struct weft_node *node, const struct weft_node_options *options,
                           struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    node->load_all = options->load_all;
    if (options->load_all && options->models != NULL) {
        status = weft_repository_load_all(node->repository, loaded, node, error);
        node->loads_open += status == WEFT_OK;
    }
    for (size_t i = 0; status == WEFT_OK && !options->load_all && i < options->load_count; i++) {
        status = weft_repository_load(node->repository, options->load[i], loaded, node, error);
        node->loads_open += status == WEFT_OK;
    }
    /* The first look comes from the loop, for there a failure can still end the node. */
    return status == WEFT_OK ? weft_timer_set(&node->timer, weft_loop_now_ns()) : status;
}
