/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_NODE_PARTS_H
#define WEFT_NODE_NODE_PARTS_H

/* What the files of the composition root share; for src/node/node*.c only. */

#include "link/link.h"
#include "link/listener.h"
#include "model/repository.h"
#include "node/node.h"
#include "run/run.h"
#include "serve/serve.h"
#include "sys/executor.h"
#include "watch/metrics.h"

/* Each leads to the next; what a failed weft_node_open did not make is passed over. */
enum node_stage {
    NODE_STARTING, /* models load, peers connect */
    NODE_READY,
    NODE_DRAINING, /* until nothing is under way */
    NODE_FLUSHING, /* the listener closes */
    NODE_SETTLING, /* calls that the listener cut come to their ends */
    NODE_CLOSING,  /* the engine closes, then the models */
};

struct weft_node {
    char *name;
    char *advertised; /* where other nodes reach it */
    struct weft_log log;
    uint64_t opened_ns;

    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_metrics *metrics;
    struct weft_repository *repository;
    struct weft_executor *executor;       /* joins */
    struct weft_executor *doors_executor; /* large JSON: slow, and nothing that joins wait for */
    struct weft_run *run;
    struct weft_serve *serve;
    struct weft_listener *listener;

    enum node_stage stage;
    struct weft_timer timer;    /* looks again: at peers, at what is under way */
    uint64_t stage_deadline_ns; /* of draining and settling */
    size_t loads_open;
    bool load_all;
    int ready_descriptor; /* 0 = none, or told already */
    bool whole;           /* all peers have been here */
    size_t signals;
    struct weft_error *failure; /* why the node ends by itself */
};

/* node_life.c */
enum weft_status node_watch(struct weft_node *node, struct weft_error **error);
enum weft_status node_load(struct weft_node *node, const struct weft_node_options *options,
                           struct weft_error **error);
/* Looks whether the node is ready now. */
void node_check_ready(struct weft_node *node);
void node_models_changed(void *context);

/* node_end.c */
void node_end(struct weft_node *node);
/* For the timer, while the node ends. */
void node_end_tick(struct weft_node *node);
/* Takes apart whatever there is, turning the loop until it is done; frees the node. */
void node_free(struct weft_node *node);

#endif
