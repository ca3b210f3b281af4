/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_GATEWAY_PARTS_H
#define WEFT_SCHED_GATEWAY_PARTS_H

/*
 * The inside of the gateway, shared by its files: gateway.c (messages and time), gateway_nodes.c
 * (the cluster), gateway_places.c (where steps go), gateway_plans.c (which plans there are),
 * gateway_compile.c (how they are made) and gateway_requests.c (a request's life). Nobody else
 * includes it.
 */

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "plan/compile.h"
#include "sched/gateway.h"
#include "sched/machine.h"
#include "sched/placement.h"

enum request_state { REQUEST_PREPARING, REQUEST_RUNNING, REQUEST_ENDED };
enum step_state { STEP_OPEN, STEP_STARTED, STEP_FINISHED, STEP_FAILED };
enum plan_state { PLAN_PREPARING, PLAN_READY, PLAN_BROKEN };

struct cluster_node {
    struct weft_node_info info; /* name NULL = empty */
    struct weft_node_info gone; /* who was here last, for the words of errors; name NULL = nobody */
    uint32_t open_tasks;
};

/* A pipeline with one placement, known to the nodes under a number. */
struct gateway_plan {
    uint64_t number;
    const struct weft_pipeline *pipeline;
    bool *absent;            /* by input of the pipeline: optional and left out */
    uint32_t *placement;     /* the cluster's node of each step */
    uint64_t *generations;   /* and its boot */
    const char **step_nodes; /* and its name, in nodes */
    size_t steps_count;
    struct weft_plan_node *nodes; /* that take part; names are its own */
    size_t nodes_count;
    uint32_t gateway_node;
    struct weft_compiled_plan compiled;
    enum plan_state state;
    bool *prepared;           /* by node: it has said so, or has no part */
    uint32_t awaited;         /* nodes that have not said PREPARED */
    size_t requests;          /* that use it */
    uint64_t asked_ns;        /* when PREPARE was sent last */
    uint64_t patience_ns;     /* until it is sent again to those awaited */
    unsigned evictions;       /* how often a node gave it up again before all had it */
    bool forgotten;           /* not to be found any more; goes with its last request */
    struct weft_list waiting; /* of open_request: until it is ready */
    struct weft_list link;    /* in gateway.plans: the last used at the end */
    UT_hash_handle hh;
};

/* A pipeline that no request will use again, until its last plan is gone. */
struct forgotten_pipeline {
    struct weft_list link;
    const struct weft_pipeline *pipeline;
};

struct open_request {
    struct weft_request request; /* first, so that the host's pointer leads back */
    struct weft_machine machine;
    struct gateway_plan *plan;
    char *id; /* this and the lists lie in the request's own block */
    struct weft_parameters parameters;
    struct weft_value **inputs;
    struct weft_value **outputs;
    size_t inputs_count;
    size_t outputs_count;
    size_t outputs_missing;
    bool *output_done;
    bool *output_streamed;
    uint8_t *step_states; /* enum step_state */
    size_t steps_open;    /* neither finished nor failed */
    uint64_t deadline_ns;
    struct weft_heap_item timer; /* deadline, later the end of settling */
    struct weft_list waiting;    /* in plan.waiting */
    struct weft_list failing;    /* in gateway.failing */
    struct weft_error *error;    /* of one that fails at the next tick */
    UT_hash_handle hh;
};

struct weft_gateway {
    struct weft_gateway_host host;
    char *name;
    uint64_t generation;

    struct cluster_node *nodes;
    size_t nodes_count;
    uint64_t cluster_version; /* counts up with every change of what nodes say, or of who is here */
    struct weft_placement_node *candidates; /* the nodes, for placement */
    uint64_t candidates_version;            /* of the cluster, when they were made */
    uint32_t self;                          /* among them */
    struct pipeline_places *places;         /* by pipeline */

    struct gateway_plan *plans_map; /* by number; those not forgotten too */
    struct weft_list plans;
    size_t plans_count;
    uint64_t plan_last;
    uint64_t ask_again_ns;      /* no plan has to be prepared again before */
    struct weft_list forgotten; /* of forgotten_pipeline */
    bool releasable;            /* perhaps one of them, at the next tick */

    struct open_request *requests; /* by request.request.sequence */
    size_t requests_count;
    uint64_t sequence_last;
    struct weft_heap timers;
    struct weft_list failing; /* of open_request: end at the next tick */
};

/* gateway_nodes.c */
struct cluster_node *node_find(struct weft_gateway *gateway, const char *name);
/* A step of the request that may still have to run, or hand on, on that node; WEFT_STEP_GATEWAY if
 * none. */
uint32_t open_step_on(const struct open_request *open, const char *name);
/* The name of a step on that node that takes something from this one; NULL if none does. */
const char *step_fed_on(const struct open_request *open, uint32_t producer, const char *node);

/* gateway_places.c */
/* The index of each step's node, in the cluster; borrowed until the next of these calls. */
enum weft_status plan_place(struct weft_gateway *gateway, const struct weft_pipeline *pipeline,
                            const uint32_t **ret_placement, struct weft_error **error);
/* What is kept of a pipeline's places goes: another may come to lie where it was. */
void places_forget(struct weft_gateway *gateway, const struct weft_pipeline *pipeline);
void places_free(struct weft_gateway *gateway);

/* gateway_compile.c */
/* Fills the plan's nodes and what each of them has to know. */
enum weft_status plan_compile(struct weft_gateway *gateway, struct gateway_plan *plan,
                              struct weft_error **error);

/* gateway_plans.c */
enum weft_status plan_for(struct weft_gateway *gateway, const struct weft_submission *submission,
                          uint64_t now_ns, struct gateway_plan **ret_plan,
                          struct weft_error **error);
/* Asks those again that have let requests wait for long. */
void plans_ask_again(struct weft_gateway *gateway, uint64_t now_ns);
struct gateway_plan *plan_find(struct weft_gateway *gateway, uint64_t number);
void plan_use(struct gateway_plan *plan, struct weft_gateway *gateway);
void plan_unuse(struct weft_gateway *gateway, struct gateway_plan *plan);
void plan_forget(struct weft_gateway *gateway, struct gateway_plan *plan);
void plan_free(struct weft_gateway *gateway, struct gateway_plan *plan);
void pipelines_release(struct weft_gateway *gateway);
/* Whether that node has still to say PREPARED. */
bool plan_awaits(const struct gateway_plan *plan, const char *node);
void plan_prepared(struct weft_gateway *gateway, struct gateway_plan *plan, const char *node,
                   struct weft_error *error, uint64_t now_ns);
void plan_break(struct weft_gateway *gateway, struct gateway_plan *plan, struct weft_error *error,
                uint64_t now_ns);

/* gateway_requests.c */
void request_run(struct weft_gateway *gateway, struct open_request *open, uint64_t now_ns);
void request_end(struct weft_gateway *gateway, struct open_request *open, struct weft_error *error,
                 uint64_t now_ns);
void request_fail_later(struct weft_gateway *gateway, struct open_request *open,
                        struct weft_error *error);
void request_settle(struct weft_gateway *gateway, struct open_request *open);
void request_free(struct weft_gateway *gateway, struct open_request *open);
void request_deliver(struct weft_gateway *gateway, struct open_request *open,
                     const struct weft_deliver *deliver, const char *node, uint64_t now_ns);
void request_report(struct weft_gateway *gateway, struct open_request *open,
                    const struct weft_report *report, const char *node, uint64_t now_ns);

#endif
