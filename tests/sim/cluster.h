/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CLUSTER_H
#define TESTS_SIM_CLUSTER_H

/*
 * A simulated cluster: nodes with the real gateway, worker and sessions of src/sched, a network
 * between them that delays, loses, doubles and breaks, models that take their time, fail or hang,
 * and the books that the invariants are checked against. cluster.c has the nodes and the network,
 * workload.c what they are asked to do, books.c what must hold.
 */

#include "sched/gateway.h"
#include "sched/session.h"
#include "sim/world.h"

enum {
    SIM_NODES_MAX = 6,
    SIM_MODELS_MAX = 6,
    SIM_STEPS_MAX = 8,
    SIM_REQUESTS_MAX = 24,
    SIM_OUTPUTS = 2, /* of every model: o0, o1 */
};

struct sim_cluster;
struct sim_node;

struct sim_model {
    char name[8];
    struct weft_needs needs;
    char *tag[1];
    uint64_t duration_min_ns, duration_max_ns;
    unsigned fail_percent, hang_percent, stream_percent;
    bool on_node[SIM_NODES_MAX];
};

struct sim_peer {
    struct sim_node *node, *other;
    struct weft_session *session;
    uint64_t generation;  /* as heard in HELLO */
    uint64_t hello_at_ns; /* when to say it once more */
};

/* A task that runs on a node, in the simulator's own books. */
struct sim_task {
    struct sim_node *node;
    struct weft_task *task;
    uint64_t boot;
    bool hangs, stopped, over;
    unsigned parts_left; /* of a streamed output, before its end */
    bool streams;
    struct weft_error *error; /* of a part that could not be sent */
    struct sim_task *next;
};

struct sim_node {
    struct sim_cluster *cluster;
    unsigned index;
    char name[8];
    bool alive;
    uint64_t generation;
    struct weft_gateway *gateway;
    struct weft_worker *worker;
    struct weft_pipeline *pipeline; /* what its clients ask for, until it is replaced */
    unsigned forgotten, released;   /* of those that were replaced, in this boot */
    struct sim_peer peers[SIM_NODES_MAX];
    struct weft_resources resources; /* what it really has */
    char *tag[1];
    /* books */
    uint32_t slots_used;
    uint64_t memory_used;
    struct sim_task *tasks;
    bool timer_set;
    uint64_t timer_at_ns;
};

/* The connection of two nodes. */
struct sim_wire {
    bool up;
    uint64_t epoch; /* counts connections: what was under way on a former one is gone */
    uint64_t last_arrival_ns[2];
};

struct sim_request {
    struct sim_cluster *cluster;
    unsigned index;
    struct sim_node *gateway;
    uint64_t boot;
    struct weft_request *request;
    struct weft_request_id id;
    bool open, ended, settled, cancelled;
    enum weft_status status;
    uint64_t submitted_ns, deadline_ns;
    bool started[SIM_STEPS_MAX], finished[SIM_STEPS_MAX];
    uint8_t arrived[SIM_STEPS_MAX + 1][SIM_OUTPUTS + 4]
                   [SIM_NODES_MAX]; /* values, by producer and node */
    /* Of streamed outputs: the parts that their step sent, that came to a node, and that the client
     * saw, by step, or by output of the pipeline. */
    uint8_t parts_sent[SIM_STEPS_MAX];
    uint8_t parts_arrived[SIM_STEPS_MAX][SIM_OUTPUTS][SIM_NODES_MAX];
    uint8_t parts_seen[SIM_STEPS_MAX];
    const struct weft_pipeline *pipeline;
};

struct sim_cluster {
    struct sim_world *world;
    unsigned nodes_count, models_count;
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_model models[SIM_MODELS_MAX];
    struct sim_wire wires[SIM_NODES_MAX][SIM_NODES_MAX]; /* [lower][higher] */
    struct weft_pipeline *pipeline; /* as all nodes' are; only to be looked at */
    char *pipeline_text;
    struct sim_request requests[SIM_REQUESTS_MAX];
    unsigned requests_count;
    bool faults; /* the network breaks, nodes die */
    bool simple; /* every model needs one slot and nothing else */
    bool calm;   /* no more faults: everything must come to its end */
    unsigned loss_percent, double_percent;
    unsigned memory_percent; /* of messages that no memory is left to send, or to read */
    size_t plans_max;        /* of every worker; 0 = as usual */
};

/* cluster.c */
void sim_cluster_start(struct sim_cluster *cluster);
void sim_cluster_stop(struct sim_cluster *cluster);
void sim_node_die(struct sim_node *node);
void sim_node_boot(struct sim_node *node);
void sim_wire_break(struct sim_cluster *cluster, unsigned a, unsigned b);
/* After every call into a node's machines: sets its timer, checks what must always hold. */
void sim_node_after(struct sim_node *node);

/* workload.c */
void sim_workload_make(struct sim_cluster *cluster);
void sim_workload_schedule(struct sim_cluster *cluster);
void sim_task_start(void *context, struct weft_task *task);
void sim_task_stop(void *context, struct weft_task *task);
enum weft_status sim_task_check(void *context, const struct weft_plan_task *task,
                                struct weft_error **error);
/* The pipeline, made anew from its text. */
struct weft_pipeline *sim_pipeline_new(struct sim_cluster *cluster);
extern const struct weft_gateway_host sim_gateway_host;

/* books.c */
struct sim_request *sim_request_of(struct sim_cluster *cluster, struct weft_request_id id);
/* The content that a value of this producer must have. */
uint64_t sim_content(struct weft_request_id request, uint32_t step, uint32_t output);
struct weft_value *sim_value(uint64_t content);
/* That of a part differs by its number from what the whole output has. */
uint64_t sim_part_content(struct weft_request_id request, uint32_t step, uint32_t output,
                          unsigned part);
void sim_check_part(struct sim_request *request, uint32_t output, const struct weft_value *value);
void sim_check_start(struct sim_node *node, const struct weft_task *task);
void sim_check_arrival(struct sim_node *node, const struct weft_deliver *deliver);
void sim_check_ended(struct sim_request *request, struct weft_error *error,
                     struct weft_value *const *outputs);
void sim_check_always(struct sim_node *node);
void sim_check_end(struct sim_cluster *cluster);

#endif
