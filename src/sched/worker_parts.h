/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_WORKER_PARTS_H
#define WEFT_SCHED_WORKER_PARTS_H

/*
 * The inside of the worker, shared by its files: worker.c (life and time), worker_plans.c (what it
 * was told to do), worker_runs.c (what it holds of each request), worker_tasks.c (what runs when)
 * and worker_reports.c (what the gateway hears). Nobody else includes it.
 */

#include "base/list.h"
#include "base/map.h"
#include "sched/ended_requests.h"
#include "sched/machine.h"
#include "sched/worker.h"

/* The gateway watches deadlines exactly; the worker only makes sure that nothing stays when a
 * gateway cannot say so. */
#define WEFT_WORKER_SWEEP_NS (500 * WEFT_NS_PER_MS)

enum task_state { TASK_WAITING, TASK_READY, TASK_RUNNING, TASK_STOPPING, TASK_DONE };

struct run;

/* A task and what the worker knows of it; `task` is what the host sees. */
struct work {
    struct weft_task task; /* first, so that the host's pointer leads back */
    struct run *run;
    struct weft_machine machine;
    struct weft_list link; /* in worker.ready or worker.running */
    size_t missing;        /* inputs and predecessors still awaited */
    uint64_t after_seen;   /* bit i: the i-th predecessor has finished */
    uint64_t started_ns;
    bool started_reported;
    uint32_t parts;          /* of streamed outputs, sent so far */
    bool *streamed;          /* by output: at least one part was sent */
    uint64_t streamed_bytes; /* of all parts, by destination */
};

struct plan {
    struct plan_key {
        uint64_t gateway;
        uint64_t plan;
    } key;
    struct weft_node_plan content;
    uint64_t constants_bytes;
    size_t runs; /* that use it, and reports */
    bool released;
    uint64_t held_back_at; /* the last flush in which its gateway took no more reports */
    struct weft_list link; /* in worker.used: the last used at the end */
    UT_hash_handle hh;
};

/* What a node holds of one request. */
struct run {
    struct weft_request_id request;
    struct plan *plan;
    char *id;
    struct weft_parameters parameters;
    struct weft_trace trace;
    uint64_t deadline_ns;
    uint32_t attempt;
    size_t open;        /* tasks that are not DONE */
    bool dropped;       /* cancelled, failed or late: nothing more is started or sent */
    struct work *works; /* in the same block, as all that they point to */
    UT_hash_handle hh;
};

/* A report that waits: for company, or to be sent again. */
struct pending_report {
    struct weft_list link;
    struct plan *plan; /* NULL = free, of a spare one */
    struct weft_run_report said;
};

/* Places for failures that no memory is left to keep. Beyond them the gateway's deadline ends the
 * request. */
enum { WEFT_WORKER_SPARE_REPORTS = 64 };

struct weft_worker {
    struct weft_worker_host host;
    struct weft_resources resources;
    uint32_t slots_used;
    uint64_t memory_used_bytes;

    struct plan *plans; /* by key */
    size_t plans_count;
    uint64_t constants_bytes; /* of all plans */
    struct weft_list used;    /* of plan */
    struct run *runs;         /* by request */
    size_t runs_count;
    struct weft_list ready;
    size_t ready_count;
    struct weft_list running; /* by start */
    size_t running_count;

    struct weft_ended_requests ended;

    struct weft_list reports; /* of pending_report */
    size_t reports_count;
    size_t reports_fresh; /* queued since the last flush */
    uint64_t flushes;     /* so far */
    struct pending_report spare_reports[WEFT_WORKER_SPARE_REPORTS];
    uint64_t reports_at_ns;
    uint64_t sweep_at_ns;
};

/* worker_tasks.c */
void run_accept(struct weft_worker *worker, struct run *run, const struct weft_deliver *deliver,
                uint64_t now_ns);
void run_drop(struct weft_worker *worker, struct run *run);
void start_ready(struct weft_worker *worker, uint64_t now_ns);

/* worker_reports.c */
void report_started(struct weft_worker *worker, struct work *work);
void report_finished(struct weft_worker *worker, struct work *work,
                     const struct weft_task_result *result,
                     struct weft_report_transfer *take_transfers, size_t transfers_count,
                     uint64_t bytes_out, uint64_t now_ns);
void report_failed(struct weft_worker *worker, struct plan *plan, struct weft_request_id request,
                   uint32_t step, uint32_t attempt, struct weft_error *error, uint64_t now_ns);
void reports_flush(struct weft_worker *worker, uint64_t now_ns);
void reports_drop(struct weft_worker *worker, const struct plan *plan);

/* worker_plans.c */
struct plan *worker_plan_find(struct weft_worker *worker, uint64_t gateway, uint64_t number);
const char *plan_step_name(const struct plan *plan, uint32_t step);
/* Whether that node is the plan's gateway. */
bool plan_is_from(const struct plan *plan, const char *node);
/* A request begins that uses it. */
void worker_plan_use(struct weft_worker *worker, struct plan *plan);
void worker_plan_unuse(struct weft_worker *worker, struct plan *plan);
void worker_plan_free(struct weft_worker *worker, struct plan *plan);
void worker_prepare(struct weft_worker *worker, const struct weft_node_plan *content,
                    const char *node);
void worker_release(struct weft_worker *worker, const struct weft_prepared *release,
                    const char *node);

/* worker_runs.c */
void worker_deliver(struct weft_worker *worker, struct weft_deliver *deliver, const char *node,
                    uint64_t now_ns);
void worker_cancel(struct weft_worker *worker, const struct weft_cancel *cancel, const char *node);
/* Frees the run if nothing of it is open. */
void run_settle(struct weft_worker *worker, struct run *run);

#endif
