/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/worker.h"

#include <stdlib.h>
#include <string.h>

#include "sched/worker_parts.h"

struct weft_worker *weft_worker_new(const struct weft_worker_host *host,
                                    const struct weft_resources *resources)
{
    struct weft_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return NULL;
    }
    struct weft_needs tags = {.tags = resources->tags, .tags_count = resources->tags_count};
    struct weft_needs copy;
    if (!weft_needs_copy(&tags, &copy)) {
        free(worker);
        return NULL;
    }
    worker->host = *host;
    worker->resources = *resources;
    worker->resources.tags = copy.tags;
    worker->resources.tags_count = copy.tags_count;
    if (worker->host.plans_max == 0) {
        worker->host.plans_max = WEFT_WORKER_PLANS_MAX;
    }
    weft_list_init(&worker->used);
    weft_list_init(&worker->ready);
    weft_list_init(&worker->running);
    weft_list_init(&worker->reports);
    worker->reports_at_ns = WEFT_DEADLINE_NEVER_NS;
    worker->sweep_at_ns = WEFT_DEADLINE_NEVER_NS;
    return worker;
}

void weft_worker_free(struct weft_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    struct run *run, *next_run;
    HASH_ITER (hh, worker->runs, run, next_run) {
        if (!run->dropped) {
            run_drop(worker, run);
        }
    }
    weft_assert(worker->running_count == 0);
    reports_drop(worker, NULL);
    struct plan *plan, *next_plan;
    HASH_ITER (hh, worker->plans, plan, next_plan) {
        worker_plan_free(worker, plan);
    }
    weft_needs_fini(&(struct weft_needs){.tags = worker->resources.tags,
                                         .tags_count = worker->resources.tags_count});
    free(worker);
}

void weft_worker_message(struct weft_worker *worker, struct weft_message *message, const char *node,
                         uint64_t now_ns)
{
    switch (message->kind) {
    case WEFT_MESSAGE_PREPARE:
        worker_prepare(worker, &message->prepare, node);
        break;
    case WEFT_MESSAGE_RELEASE:
        worker_release(worker, &message->release, node);
        break;
    case WEFT_MESSAGE_DELIVER:
        worker_deliver(worker, &message->deliver, node, now_ns);
        break;
    case WEFT_MESSAGE_CANCEL:
        worker_cancel(worker, &message->cancel, node);
        break;
    case WEFT_MESSAGE_HELLO:
    case WEFT_MESSAGE_PREPARED:
    case WEFT_MESSAGE_REPORT:
        break;
    }
    start_ready(worker, now_ns);
}

void weft_worker_undelivered(struct weft_worker *worker, const struct weft_message *message,
                             const char *node, uint64_t now_ns)
{
    if (message->kind != WEFT_MESSAGE_DELIVER) {
        return;
    }
    const struct weft_deliver *lost = &message->deliver;
    struct plan *plan = worker_plan_find(worker, lost->request.gateway, lost->plan);
    if (plan == NULL) {
        return;
    }
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_UNAVAILABLE,
                         "node \"%s\" went away before it had the output of step \"%s\"", node,
                         plan_step_name(plan, lost->from_step));
    weft_error_set_place(&error, &(struct weft_error_place){.node = node});
    report_failed(worker, plan, lost->request, lost->from_step, lost->attempt, error, now_ns);
    start_ready(worker, now_ns);
}

static bool is_gateway(const struct plan *plan, const char *node, uint64_t generation)
{
    return plan_is_from(plan, node) && (generation == 0 || plan->key.gateway == generation);
}

void weft_worker_peer_lost(struct weft_worker *worker, const char *node, uint64_t generation,
                           uint64_t now_ns)
{
    struct run *run, *next_run;
    HASH_ITER (hh, worker->runs, run, next_run) {
        if (is_gateway(run->plan, node, generation) && !run->dropped) {
            run_drop(worker, run);
        }
    }
    struct plan *plan, *next_plan;
    HASH_ITER (hh, worker->plans, plan, next_plan) {
        if (is_gateway(plan, node, generation)) {
            plan->runs++; /* reports may be the last to hold a plan that was released before */
            reports_drop(worker, plan);
            plan->released = true;
            worker_plan_unuse(worker, plan);
        }
    }
    start_ready(worker, now_ns);
}

void weft_worker_stop(struct weft_worker *worker)
{
    struct run *run, *next_run;
    HASH_ITER (hh, worker->runs, run, next_run) {
        if (!run->dropped) {
            run_drop(worker, run);
        }
    }
}

static void sweep(struct weft_worker *worker, uint64_t now_ns)
{
    struct run *run, *next_run;
    HASH_ITER (hh, worker->runs, run, next_run) {
        if (now_ns >= run->deadline_ns && !run->dropped) {
            run_drop(worker, run);
        }
    }
    worker->sweep_at_ns =
        worker->runs != NULL ? now_ns + WEFT_WORKER_SWEEP_NS : WEFT_DEADLINE_NEVER_NS;
}

/* The running task that is next to be reported as started; NULL if none. */
static struct work *next_unreported(const struct weft_worker *worker)
{
    struct weft_list *last = worker->running.previous;
    struct work *found = NULL;
    for (; last != &worker->running; last = last->previous) {
        struct work *work = weft_list_entry(last, struct work, link);
        if (work->started_reported) {
            break; /* all before it started earlier */
        }
        found = work;
    }
    return found;
}

uint64_t weft_worker_deadline_ns(const struct weft_worker *worker)
{
    uint64_t deadline_ns =
        worker->sweep_at_ns < worker->reports_at_ns ? worker->sweep_at_ns : worker->reports_at_ns;
    const struct work *work = next_unreported(worker);
    if (work != NULL && work->started_ns + WEFT_WORKER_STARTED_AFTER_NS < deadline_ns) {
        deadline_ns = work->started_ns + WEFT_WORKER_STARTED_AFTER_NS;
    }
    return deadline_ns;
}

void weft_worker_tick(struct weft_worker *worker, uint64_t now_ns)
{
    for (struct work *work; (work = next_unreported(worker)) != NULL;) {
        if (now_ns < work->started_ns + WEFT_WORKER_STARTED_AFTER_NS) {
            break;
        }
        report_started(worker, work);
    }
    if (now_ns >= worker->reports_at_ns) {
        reports_flush(worker, now_ns);
    }
    if (now_ns >= worker->sweep_at_ns) {
        sweep(worker, now_ns);
    }
    start_ready(worker, now_ns);
}

struct weft_worker_state weft_worker_state(const struct weft_worker *worker)
{
    return (struct weft_worker_state){
        .slots_used = worker->slots_used,
        .memory_used_bytes = worker->memory_used_bytes,
        .plans = worker->plans_count,
        .runs = worker->runs_count,
        .ready = worker->ready_count,
        .running = worker->running_count,
    };
}
