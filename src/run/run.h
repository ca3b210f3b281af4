/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_RUN_RUN_H
#define WEFT_RUN_RUN_H

/*
 * The engine of a node: performs what `sched` decides. It holds the node's worker and gateway, a
 * session with every other node, the pipelines, and the records of recent requests; it runs models
 * and joins, sends values, and keeps the timers. Made by the composition root, used by `serve`; the
 * loop's thread.
 */

#include "base/clock.h"
#include "base/log.h"
#include "link/peer.h"
#include "model/repository.h"
#include "plan/validate.h"
#include "sched/gateway.h"
#include "sys/executor.h"
#include "watch/metrics.h"

struct weft_run;
struct weft_run_call;

/* Pipelines of one gateway, implicit ones of single models included. Beyond it the implicit one
 * that was asked for least recently makes room; where all are of the user, a new one is
 * RESOURCE_EXHAUSTED. */
enum { WEFT_RUN_PIPELINES_MAX = 4096 };
/* Requests whose records are kept for those who ask afterwards; a record is some KiB. */
enum { WEFT_RUN_RECORDS_MAX = 256 };
/* A request that brings no deadline, to a pipeline that names none. */
#define WEFT_RUN_TIMEOUT_DEFAULT_NS (300 * WEFT_NS_PER_S)

struct weft_run_options {
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_repository *repository; /* outlives the engine */
    struct weft_executor *executor;     /* for joins; outlives the engine */
    struct weft_metrics *metrics;       /* outlives the engine */
    const struct weft_log *log;
    struct weft_clock wall_clock; /* since 1970; now_ns NULL = the system's */
    const char *name;             /* of this node */
    uint64_t generation;          /* of this boot: wall-clock nanoseconds at start */
    const char *address;          /* where other nodes reach this one */
    struct weft_resources resources;
    size_t pipelines_max; /* 0 = WEFT_RUN_PIPELINES_MAX */
};

enum weft_status weft_run_new(const struct weft_run_options *options, struct weft_run **ret_run,
                              struct weft_error **error) WEFT_MUST_CHECK;
/* Adds the nodes' service to the door. */
enum weft_status weft_run_serve(struct weft_run *run, struct weft_grpc_server *server,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* Another node of the cluster. */
enum weft_status weft_run_add_node(struct weft_run *run, const char *name, const char *address,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* What the repository has, has changed: announces it to the cluster. */
void weft_run_models_changed(struct weft_run *run);
/* Requests of this gateway and tasks of this node that are under way: none when it has drained. */
size_t weft_run_busy(const struct weft_run *run);
/* Ends the calls of other nodes, so that a listener can drain; they see this node go. */
void weft_run_leave(struct weft_run *run);
/* Open requests end with UNAVAILABLE, tasks are stopped; `closed` is called once, later; the memory
 * is gone then. The listener must be closed before. */
void weft_run_close(struct weft_run *run, void (*closed)(void *context), void *context);

/* --- pipelines and models --- */

/* Takes the pipeline on success. One of the same name is replaced; requests under way keep the old
 * one. */
enum weft_status weft_run_add_pipeline(struct weft_run *run, struct weft_pipeline *take_pipeline,
                                       struct weft_error **error) WEFT_MUST_CHECK;
size_t weft_run_pipelines_count(const struct weft_run *run);
const struct weft_pipeline *weft_run_pipeline_at(const struct weft_run *run, size_t index);
/* A pipeline, or a model of any node, as metadata. version NULL = the newest. NOT_FOUND with a
 * suggestion. The caller calls weft_model_info_fini. */
enum weft_status weft_run_describe(struct weft_run *run, const char *name, const char *version,
                                   struct weft_model_info *ret_info,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* The nodes that are up, this one included. NULL where a slot is empty. */
size_t weft_run_nodes_count(const struct weft_run *run);
const struct weft_node_info *weft_run_node_at(const struct weft_run *run, size_t index);
const struct weft_node_info *weft_run_self(const struct weft_run *run);
struct weft_repository *weft_run_repository(const struct weft_run *run);
/* Whether all nodes that were added are connected. */
bool weft_run_is_whole(const struct weft_run *run);

/* --- requests --- */

/* Borrowed; values are referenced. */
struct weft_run_request {
    const char *name;    /* of the pipeline or model */
    const char *version; /* NULL = the newest */
    const struct weft_values *inputs;
    const char *const *outputs; /* names of those that are wanted; outputs_count 0 = all */
    size_t outputs_count;
    const struct weft_parameters *parameters; /* NULL = none */
    const char *id;                           /* the client's; NULL = none */
    struct weft_trace trace;
    uint64_t deadline_ns; /* of the loop's clock; WEFT_DEADLINE_NEVER_NS = none */
};

/* Must not call the engine, but for weft_run_record_write. */
struct weft_run_events {
    /* A part of a streamed answer. May be NULL: then only the last part counts. */
    void (*part)(void *context, const char *output, struct weft_value *value);
    /* The end, once, never from inside weft_run_start. error NULL: with outputs; borrowed. The call
     * is gone then. */
    void (*done)(void *context, struct weft_error *error, const struct weft_values *outputs);
};

/* INVALID_ARGUMENT for inputs and outputs that the pipeline does not have, and for inputs of
 * another datatype or shape. All outputs come, whatever is wanted. */
enum weft_status weft_run_start(struct weft_run *run, const struct weft_run_request *request,
                                const struct weft_run_events *events, void *context,
                                struct weft_run_call **ret_call,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* The version of the pipeline or model that answers, "1" where it has none; borrowed until `done`
 * has returned. */
const char *weft_run_call_version(const struct weft_run_call *call);
/* The client has left; `done` follows with CANCELLED. */
void weft_run_cancel(struct weft_run_call *call);

/* Writes the record of the latest request with that id (docs/run.schema.json) as JSON. False where
 * there is none. */
bool weft_run_record_write(const struct weft_run *run, const char *id, struct weft_text *text);

#endif
