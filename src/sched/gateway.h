/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_GATEWAY_H
#define WEFT_SCHED_GATEWAY_H

/*
 * A gateway's half of the run protocol: knows the nodes of the cluster, places the steps of a
 * request, sees that every node that takes part has the plan, sends the pipeline's inputs to the
 * nodes that consume them, gathers its outputs, and ends each request exactly once: with all
 * outputs, or with an error that names pipeline, step, node and attempt.
 *
 * Pure: the host brings messages and time and performs what it is told. One thread. The host's
 * functions must not call the gateway again before they return, and are never called from inside
 * weft_gateway_submit or _cancel.
 *
 * A request's states:
 *
 *     PREPARING ──all nodes have the plan──▶ RUNNING ──outputs──▶ ENDED ──reports in──▶ gone
 *         └──error, deadline, cancel─────────────┴───────────────────▲
 */

#include "base/clock.h"
#include "base/message.h"
#include "plan/compile.h"
#include "sched/worker.h"

/* Requests under way at one gateway. Beyond it a new one is RESOURCE_EXHAUSTED: it would only wait.
 */
enum { WEFT_GATEWAY_REQUESTS_MAX = 65536 };
/* Plans kept prepared; the least used one that no request needs makes room for another. */
enum { WEFT_GATEWAY_PLANS_MAX = 1024 };
/* Nodes that a gateway knows: as many as a cluster file names, and as many that called and are
 * named nowhere. Beyond it a node is not used. */
enum { WEFT_GATEWAY_NODES_MAX = 2 * WEFT_PLAN_NODES_MAX };
/* How often a plan is prepared again on nodes that gave it up for others before all nodes had it.
 * Beyond it those who wait for it get the node's error: such nodes are too small for what they are
 * asked. */
enum { WEFT_GATEWAY_EVICTIONS_MAX = 8 };
/* After so long nodes that have not said whether they have their part of a plan are asked again,
 * and then after twice as long each time: their answer may have been lost for want of memory, or
 * for a full queue. */
#define WEFT_GATEWAY_ASK_AGAIN_NS WEFT_NS_PER_S
/* How long after its end a request waits for the last reports. */
#define WEFT_GATEWAY_SETTLE_NS (500 * WEFT_NS_PER_MS)

struct weft_gateway;

/* A request as the host sees it: from submit until `settled` has returned. Read-only but for
 * host_data. */
struct weft_request {
    struct weft_request_id request;
    const struct weft_pipeline *pipeline;
    const char *id; /* the client's name, "" if none */
    struct weft_trace trace;
    size_t steps_count;
    const char *const *step_nodes;      /* the name of the node of each step */
    const struct weft_plan_node *nodes; /* of the plan */
    size_t nodes_count;
    uint32_t gateway_node; /* index into nodes */
    uint64_t submitted_ns;
    void *host_data;
};

/* What a client asks for. Everything is copied or referenced. */
struct weft_submission {
    const struct weft_pipeline *pipeline; /* lives until `released`, or, where it is not forgotten,
                                             the gateway's end */
    struct weft_value *const
        *inputs;    /* by index of the pipeline's inputs; NULL = absent, or its default */
    const char *id; /* NULL = none */
    const struct weft_parameters *parameters; /* NULL = none */
    struct weft_trace trace;
    uint64_t timeout_ns; /* UINT64_MAX = none */
    void *host_data;
};

struct weft_gateway_host {
    /* As the worker's. */
    enum weft_status (*send)(void *context, const struct weft_plan_node *to,
                             struct weft_message *take_message,
                             struct weft_send_outcome *ret_outcome, struct weft_error **error);
    /* One part of a streamed output has come: borrowed. May be NULL. */
    void (*part)(void *context, struct weft_request *request, uint32_t output,
                 struct weft_value *value);
    /* The request has ended, once. error NULL: with outputs, by index of the pipeline's. All
     * borrowed. One may be NULL where it was streamed and its last part came before. */
    void (*ended)(void *context, struct weft_request *request, struct weft_error *error,
                  struct weft_value *const *outputs);
    /* A step was started, has finished or failed: for progress and measurement. Borrowed. May be
     * NULL. */
    void (*reported)(void *context, struct weft_request *request, const struct weft_report *report);
    /* An input left the gateway for a node. May be NULL. */
    void (*sent)(void *context, struct weft_request *request, uint32_t input, const char *node,
                 uint64_t raw_bytes, const struct weft_send_outcome *outcome);
    /* No more is heard of the request; its memory goes when this returns. */
    void (*settled)(void *context, struct weft_request *request);
    /* Nothing refers any more to a pipeline that was forgotten. */
    void (*released)(void *context, const struct weft_pipeline *pipeline);
    void *context;
};

/* generation is this node's boot, name its name among the nodes. NULL if out of memory. */
struct weft_gateway *weft_gateway_new(const struct weft_gateway_host *host, const char *name,
                                      uint64_t generation);
/* Every request that is under way ends with UNAVAILABLE, at the next tick, and settles without
 * waiting for reports. */
void weft_gateway_stop(struct weft_gateway *gateway);
/* Requests that are under way are dropped without a word: the host has ended them before. NULL is
 * fine. */
void weft_gateway_free(struct weft_gateway *gateway);

/* A node has come, or what it announces has changed; this node itself included. Copied. */
enum weft_status weft_gateway_node(struct weft_gateway *gateway, const struct weft_node_info *info,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* A boot of a node is gone (generation 0 = all that were): requests that still need it end with
 * UNAVAILABLE. */
void weft_gateway_peer_lost(struct weft_gateway *gateway, const char *node, uint64_t generation,
                            uint64_t now_ns);
/* A message of ours that never reached its node. */
void weft_gateway_undelivered(struct weft_gateway *gateway, const struct weft_message *message,
                              const char *node, uint64_t now_ns);
/* PREPARED, DELIVER and REPORT, from the node of that name; others are ignored, and so is what is
 * said of a step or a plan by a node that it was not given to. Borrowed. */
void weft_gateway_message(struct weft_gateway *gateway, const struct weft_message *message,
                          const char *node, uint64_t now_ns);

/* Starts a request. On failure `ended` and `settled` are not called. */
enum weft_status weft_gateway_submit(struct weft_gateway *gateway,
                                     const struct weft_submission *submission, uint64_t now_ns,
                                     struct weft_request **ret_request,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* The client has left: the request ends with CANCELLED, at the next tick. Harmless after its end.
 */
void weft_gateway_cancel(struct weft_gateway *gateway, struct weft_request *request);
/* No more requests will use this pipeline; `released` follows at a tick, when those under way have
 * settled, or at the gateway's end. */
enum weft_status weft_gateway_forget(struct weft_gateway *gateway,
                                     const struct weft_pipeline *pipeline,
                                     struct weft_error **error) WEFT_MUST_CHECK;

/* 0 = at once. */
uint64_t weft_gateway_deadline_ns(const struct weft_gateway *gateway);
void weft_gateway_tick(struct weft_gateway *gateway, uint64_t now_ns);

/* The nodes that are up: infos borrowed until the next call. */
size_t weft_gateway_nodes_count(const struct weft_gateway *gateway);
/* NULL where the slot is empty; index below weft_gateway_nodes_count. */
const struct weft_node_info *weft_gateway_node_at(const struct weft_gateway *gateway, size_t index);
size_t weft_gateway_requests_count(const struct weft_gateway *gateway);
size_t weft_gateway_plans_count(const struct weft_gateway *gateway);

#endif
