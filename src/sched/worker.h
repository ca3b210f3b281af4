/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_WORKER_H
#define WEFT_SCHED_WORKER_H

/*
 * A node's half of the run protocol: keeps the plans it was given, collects the inputs of each
 * request's tasks, starts a task as soon as it has all of them and the node has room, sends each
 * output straight to the nodes that consume it, and reports to the gateway afterwards. Slots and
 * memory are never exceeded, and ready work does not wait while it fits.
 *
 * Pure: the host brings messages and time and performs what it is told. One thread. The host's
 * functions must not call the worker again before they return: completions and answers come later.
 *
 * A task's states (a CANCEL or a deadline drops it in any of them; a running one is stopped and its
 * end awaited):
 *
 *     WAITING ──all inputs──▶ READY ──fits──▶ RUNNING ──finished, failed──▶ DONE
 *        └───────────────────────┴───dropped──────┼──▶ DONE
 *                                                 └──▶ STOPPING ──ended──▶ DONE
 */

#include "base/clock.h"
#include "base/message.h"

/* Plans that a worker keeps; a gateway releases what it no longer uses. Beyond it the least
 * recently used one that no request needs makes room, after its gateway was told with PREPARED and
 * an error: that ends what counted on it, and prepares it anew for the next request. Where there is
 * none, PREPARE is refused with RESOURCE_EXHAUSTED. */
enum { WEFT_WORKER_PLANS_MAX = 4096 };
/* And their constants together, with the same answer. */
#define WEFT_WORKER_CONSTANTS_MAX_BYTES (UINT64_C(1) << 30)
/* Requests of which a worker holds inputs. Beyond it new ones fail with RESOURCE_EXHAUSTED. */
enum { WEFT_WORKER_RUNS_MAX = 65536 };
/* Running longer than this is reported as started: short tasks would only double the messages. */
#define WEFT_WORKER_STARTED_AFTER_NS (50 * WEFT_NS_PER_MS)
/* Reports may wait so long for others to share a message with them: they are not on anybody's
 * critical path. */
#define WEFT_WORKER_REPORT_AFTER_NS (10 * WEFT_NS_PER_MS)

/* Reports that wait to be sent, because their gateway is far behind. Beyond it those that tell of a
 * good end are dropped, and beyond twice as many those of failures: the gateway's deadline ends
 * what it hears nothing of. */
enum { WEFT_WORKER_REPORTS_MAX = 65536 };

struct weft_worker;

/* One step to be executed for one request, as the host sees it. Valid from start until
 * weft_worker_finished. */
struct weft_task {
    struct weft_request_id request;
    const struct weft_node_plan *plan;
    const struct weft_plan_task *step;
    struct weft_value **inputs; /* step->inputs_count of them, constants filled in, none NULL */
    const struct weft_parameters *parameters; /* of the request */
    const char *id;                           /* the client's name of the request, "" if none */
    struct weft_trace trace;
    uint32_t attempt;
    uint64_t deadline_ns;
    void *host_data; /* the host's own: zeroed memory of the size it asked for */
};

/* How a task went. The worker takes references of its own. */
struct weft_task_result {
    struct weft_error *error;          /* NULL = finished */
    struct weft_value *const *outputs; /* by index of step->outputs */
    uint64_t start_ns;                 /* wall clock */
    uint64_t end_ns;
    uint32_t pid;
    uint64_t model_generation;
    bool cache_hit;
};

/* What became of a DELIVER on its way out; for the report of its edge. */
struct weft_send_outcome {
    uint64_t wire_bytes; /* framing included; 0 where it stayed in the process or waits for a
                            connection */
    uint64_t copied_bytes;
    enum weft_lane lane;
    enum weft_codec codec;
};

struct weft_worker_host {
    size_t plans_max; /* 0 = WEFT_WORKER_PLANS_MAX */
    size_t
        task_bytes; /* of host_data; taken before a task can start, so starting needs no memory */
    /* Whether the model of a step can be run here: asked when a plan is prepared. */
    enum weft_status (*check)(void *context, const struct weft_plan_task *task,
                              struct weft_error **error);
    /* Sends to a node, which may be this one. Takes the message on success. UNAVAILABLE where that
     * boot of the node is gone; anything else may succeed later. */
    enum weft_status (*send)(void *context, const struct weft_plan_node *to,
                             struct weft_message *take_message,
                             struct weft_send_outcome *ret_outcome, struct weft_error **error);
    /* Runs a task; weft_worker_finished follows, later. */
    void (*start)(void *context, struct weft_task *task);
    /* Asks a running task to end soon; weft_worker_finished is still owed. */
    void (*stop)(void *context, struct weft_task *task);
    void *context;
};

/* resources are copied. NULL if out of memory. */
struct weft_worker *weft_worker_new(const struct weft_worker_host *host,
                                    const struct weft_resources *resources);
/* Drops every request; tasks that run are asked to stop and their ends awaited. For the end of a
 * node. */
void weft_worker_stop(struct weft_worker *worker);
/* No task may be running. NULL is fine. */
void weft_worker_free(struct weft_worker *worker);

/* PREPARE, RELEASE, DELIVER, CANCEL from the node of that name; others are ignored. So is what that
 * node has no right to say: only a plan's gateway prepares it, releases it and cancels its
 * requests, and only nodes of the plan deliver. Takes what it needs of the message; the rest is the
 * caller's to release. */
void weft_worker_message(struct weft_worker *worker, struct weft_message *message, const char *node,
                         uint64_t now_ns);
/* A task has ended: with outputs, with an error, or stopped. The task is gone afterwards. */
void weft_worker_finished(struct weft_worker *worker, struct weft_task *task,
                          const struct weft_task_result *result, uint64_t now_ns);
/* A part of a streamed output, before the task finishes; only outputs that the gateway alone
 * consumes can be streamed, others fail with FAILED_PRECONDITION. */
enum weft_status weft_worker_part(struct weft_worker *worker, struct weft_task *task,
                                  struct weft_value *const *outputs, uint64_t now_ns,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* A DELIVER of ours never reached its node: the request cannot end well, and its gateway is told.
 */
void weft_worker_undelivered(struct weft_worker *worker, const struct weft_message *message,
                             const char *node, uint64_t now_ns);
/* A boot of a node is gone; generation 0 = all that were. Requests of its gateway are dropped, with
 * its plans. */
void weft_worker_peer_lost(struct weft_worker *worker, const char *node, uint64_t generation,
                           uint64_t now_ns);

uint64_t weft_worker_deadline_ns(const struct weft_worker *worker);
void weft_worker_tick(struct weft_worker *worker, uint64_t now_ns);

/* For metrics, tests and the simulation's invariants. */
struct weft_worker_state {
    uint32_t slots_used;
    uint64_t memory_used_bytes;
    size_t plans;
    size_t runs;
    size_t ready;
    size_t running;
};
struct weft_worker_state weft_worker_state(const struct weft_worker *worker);
/* Whether a ready task would fit now; never true after a call has returned. */
bool weft_worker_wastes(const struct weft_worker *worker);

#endif
