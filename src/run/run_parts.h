/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_RUN_RUN_PARTS_H
#define WEFT_RUN_RUN_PARTS_H

/*
 * The inside of the engine, shared by its files: run.c (life and time), run_peers.c (sessions),
 * run_send.c (what goes to a node), run_tasks.c (models and joins), run_requests.c (clients'
 * calls), run_pipelines.c (what can be called), run_records.c (what happened), run_metrics.c and
 * run_metrics_models.c (in numbers) and run_log.c (the same in the log). Nobody else includes it,
 * but for a test that says what no client can.
 */

#include "base/list.h"
#include "run/outline.h"
#include "run/run.h"
#include "sched/session.h"

/* A message to this node itself: it takes the queue instead of a session. */
struct local_message {
    struct weft_list link;
    struct weft_message *message;
};

/* What the engine keeps of another node. */
struct node_session {
    struct weft_run *run;
    struct weft_peer *peer;
    struct weft_session *session;
    uint64_t generation; /* as its HELLO says; 0 = not heard of */
    uint64_t
        hello_at_ns; /* when to tell it of this node, again; WEFT_DEADLINE_NEVER_NS = it knows */
    char *address;   /* as given; NULL = it called, or a plan named it */
    /* Of its traffic, what the metrics have. */
    uint64_t counted_sent_bytes, counted_received_bytes;
    struct weft_metric *edge_raw, *edge_wire; /* looked up at their first use */
};

struct pipeline_entry {
    struct weft_pipeline *pipeline;
    /* Of the implicit pipeline of a single model: what it was built for. */
    bool implicit;
    char *version;
    struct weft_model_info info;
    uint64_t seen; /* weft_run.cluster_version at which info was last compared */
    uint64_t used; /* weft_run.pipelines_used when it was last asked for */
};

/* What an edge of the outline carried in one request. */
struct record_edge {
    bool known;  /* a report has said what it carried */
    bool shared; /* crossed together with an edge before it */
    uint64_t raw_bytes, wire_bytes, copied_bytes;
    enum weft_lane lane;
    enum weft_codec codec;
};

enum record_step_state { RECORD_WAITING, RECORD_STARTED, RECORD_FINISHED, RECORD_FAILED };

struct record_step {
    enum record_step_state state;
    uint64_t start_ns, end_ns, bytes_in, bytes_out, model_generation;
    uint32_t pid, attempt;
    bool cache_hit;
};

/* What is told about a request, while it runs and for some time afterwards: one block, but for
 * what it shares and the error. */
struct record {
    struct weft_list link; /* in weft_run.records */
    struct outline *outline;
    struct outline_nodes *nodes; /* that the steps are placed on; NULL = not known */
    char *id;
    struct weft_trace trace;
    uint64_t start_ns, end_ns; /* wall clock */
    uint64_t gateway_in_bytes, gateway_out_bytes;
    bool ended, settled;
    struct weft_error *error;
    struct record_step *steps; /* as many as the outline has, and in its order */
    struct record_edge *edges;
};

struct weft_run_call {
    struct weft_run *run;
    const struct weft_run_events *events;
    void *context;
    struct weft_request *request;
    struct record *record; /* NULL without memory for one */
    bool ended;
    uint64_t started_ns;
};

struct run_metrics {
    struct weft_metric_family *requests, *request_seconds;
    struct weft_metric_family *tasks, *task_seconds;
    struct weft_metric_family *edge_raw, *edge_wire;
    struct weft_metric_family *edge_values, *edge_bytes, *edge_seconds;
    struct weft_metric_family *peer_sent, *peer_received, *peer_round_trip;
    struct weft_metric *slots_used, *tasks_ready, *requests_open, *plans;
    struct weft_metric_family *model_memory;
    struct shown_model *models; /* that have a series there */
    size_t models_count;
};

struct weft_run {
    struct weft_run_options options;
    char *name;
    struct weft_node_info self;
    struct weft_peers *peers;
    struct weft_gateway *gateway;
    struct weft_worker *worker;
    struct node_session **sessions;
    size_t sessions_count;

    uint64_t now_ns;           /* when the engine was last called: see come_in */
    struct weft_list local;    /* of local_message */
    struct weft_deferred pump; /* brings local messages and sets the timer */
    struct weft_timer timer;
    struct weft_peer_sent sent; /* by the session's last send */

    struct pipeline_entry **pipelines;
    size_t pipelines_count;
    uint64_t pipelines_used;  /* counts how often an implicit one was asked for */
    uint64_t cluster_version; /* counts up when a node or its models change */

    struct outlines outlines;
    struct weft_list records; /* oldest first */
    size_t records_count;
    struct run_metrics metrics;

    uint32_t pid;
    size_t tasks_open;
    bool closing;
    bool peers_closed;
    void (*closed)(void *context);
    void *closed_context;
};

/* run.c */
/* Reads the clock. Every way into the engine that leads to `sched` does so, once; what follows from
 * it uses run->now_ns: reading the clock costs as much as making a message. */
uint64_t come_in(struct weft_run *run);
void pump_soon(struct weft_run *run);
uint64_t wall_ns(const struct weft_run *run);

/* run_peers.c */
enum weft_status peers_start(struct weft_run *run, struct weft_error **error);
void peers_free(struct weft_run *run);
void peers_tick(struct weft_run *run, uint64_t now_ns);
uint64_t peers_deadline_ns(const struct weft_run *run);
void announce(struct weft_run *run);
/* What the engine keeps of that peer, made where it is new. */
enum weft_status peer_session(struct weft_run *run, struct weft_peer *peer,
                              struct node_session **ret_node, struct weft_error **error);
void dispatch(struct weft_run *run, struct weft_message *message, const char *node);

/* run_send.c */
enum weft_status send_to_node(void *context, const struct weft_plan_node *to,
                              struct weft_message *take_message,
                              struct weft_send_outcome *ret_outcome, struct weft_error **error);

/* run_tasks.c */
extern const size_t task_bytes;
enum weft_status task_check(void *context, const struct weft_plan_task *task,
                            struct weft_error **error);
void task_start(void *context, struct weft_task *task);
void task_stop(void *context, struct weft_task *task);

/* run_requests.c */
extern const struct weft_gateway_host gateway_host_table;

/* run_pipelines.c */
enum weft_status pipeline_resolve(struct weft_run *run, const char *name, const char *version,
                                  struct weft_pipeline **ret_pipeline, struct weft_error **error);
void pipelines_free(struct weft_run *run);
void pipeline_released(void *context, const struct weft_pipeline *pipeline);

/* run_records.c */
struct record *record_new(struct weft_run *run, const struct weft_pipeline *pipeline,
                          const char *id, const struct weft_trace *trace);
void record_placed(struct record *record, const struct weft_request *request);
void record_report(struct weft_run *run, struct record *record, const struct weft_request *request,
                   const struct weft_report *report);
void record_sent(struct weft_run *run, struct record *record, const struct weft_request *request,
                 uint32_t input, const char *node, uint64_t raw_bytes,
                 const struct weft_send_outcome *outcome);
void record_ended(const struct weft_run *run, struct record *record, struct weft_error *error,
                  uint64_t outputs_bytes);
void records_free(struct weft_run *run);

/* run_metrics.c */
enum weft_status metrics_start(struct weft_run *run, struct weft_error **error);
void metrics_task(struct weft_run *run, const struct weft_task *task, bool well,
                  uint64_t compute_ns);
void metrics_request(struct weft_run *run, const char *pipeline, enum weft_status status,
                     uint64_t duration_ns);
/* Takes the series of a node away. */
void metrics_forget(struct weft_run *run, const char *node);
void metrics_edge(struct node_session *to, uint64_t raw_bytes, uint64_t wire_bytes);
void metrics_crossing(struct weft_run *run, const struct record *record, size_t edge);
/* All reports about the request are in. */
void metrics_edges_seconds(struct weft_run *run, const struct record *record);

/* run_metrics_models.c */
void metrics_models(struct weft_run *run);
void metrics_free(struct weft_run *run);

/* run_log.c: what happens to a request, with its trace; costs nothing where the level is off. */
void log_task_started(const struct weft_run *run, const struct weft_task *task);
/* error NULL = it has finished. */
void log_task_ended(const struct weft_run *run, const struct weft_task *task,
                    const struct weft_error *error, uint64_t duration_ns);
void log_request_ended(const struct weft_run *run, const struct weft_request *request,
                       const struct weft_error *error, uint64_t duration_ns);

#endif
