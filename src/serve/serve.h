/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SERVE_SERVE_H
#define WEFT_SERVE_SERVE_H

/*
 * The doors of a node: the Open Inference Protocol v2 over REST and gRPC for every pipeline and
 * every model of the cluster, gRPC health checking and reflection, Prometheus metrics, and the
 * node's own lists (`/v1/...`) that the command line reads. Made by the composition root, which
 * hands router and gRPC server to a listener; the loop's thread.
 */

#include "link/grpc_server.h"
#include "link/router.h"
#include "run/run.h"
#include "sys/executor.h"

struct weft_serve;

struct weft_serve_options {
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_run *run;         /* outlives the doors */
    struct weft_metrics *metrics; /* outlives the doors, and is not rendered after them */
    const struct weft_log *log;   /* NULL = silent */
    /* For JSON that is large, and what is compressed; it outlives the doors' requests, which end at
     * the latest with weft_executor_free. NULL = all is the loop's. */
    struct weft_executor *executor;
    /* Bytes that the inputs of all open requests, and the answers that their readers have not taken
     * yet, may hold together; what would exceed it is answered RESOURCE_EXHAUSTED (429), but one
     * alone is always let in. 0 = as much as the link's receive budget. */
    size_t held_max_bytes;
};

enum weft_status weft_serve_new(const struct weft_serve_options *options,
                                struct weft_serve **ret_serve,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* Live as long as the doors do; for weft_listener_options, and for weft_run_serve. */
struct weft_router *weft_serve_router(struct weft_serve *serve);
struct weft_grpc_server *weft_serve_grpc(struct weft_serve *serve);
/* Whether the node takes requests: false until its models are loaded, and again while it drains.
 * Health and
 * `/v2/health/ready` say so; false to begin with. */
void weft_serve_set_ready(struct weft_serve *serve, bool ready);
/* Requests that are with the executor: a node that drains waits for them. */
size_t weft_serve_busy(const struct weft_serve *serve);
/* The listener must be closed before. NULL is fine. */
void weft_serve_free(struct weft_serve *serve);

#endif
