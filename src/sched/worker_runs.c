/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "sched/worker_parts.h"

/* Whether the node may send a request of that plan something: inputs come from the gateway, all
 * else from whoever takes part. */
static bool may_deliver(const struct plan *plan, const struct weft_deliver *deliver,
                        const char *node)
{
    bool takes_part = false;
    for (size_t i = 0; !takes_part && i < plan->content.nodes_count; i++) {
        takes_part = strcmp(plan->content.nodes[i].name, node) == 0;
    }
    return deliver->from_step == WEFT_STEP_GATEWAY ? plan_is_from(plan, node) : takes_part;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* A run is one block: itself, its works, and of each of them the inputs, the host's data, and which
 * outputs have streamed. */
static size_t run_bytes(const struct weft_worker *worker, const struct weft_node_plan *content)
{
    size_t total =
        weft_padded(sizeof(struct run)) + weft_padded(content->tasks_count * sizeof(struct work));
    for (size_t i = 0; i < content->tasks_count; i++) {
        total += weft_padded(content->tasks[i].inputs_count * sizeof(struct weft_value *)) +
                 weft_padded(worker->host.task_bytes) +
                 weft_padded(content->tasks[i].outputs_count);
    }
    return total;
}

static void works_init(const struct weft_worker *worker, struct run *run, char *rest)
{
    static const struct weft_machine_state table[] = {
        [TASK_WAITING] = {"waiting", WEFT_MACHINE_NEXT(TASK_READY) | WEFT_MACHINE_NEXT(TASK_DONE)},
        [TASK_READY] = {"ready", WEFT_MACHINE_NEXT(TASK_RUNNING) | WEFT_MACHINE_NEXT(TASK_DONE)},
        [TASK_RUNNING] = {"running",
                          WEFT_MACHINE_NEXT(TASK_STOPPING) | WEFT_MACHINE_NEXT(TASK_DONE)},
        [TASK_STOPPING] = {"stopping", WEFT_MACHINE_NEXT(TASK_DONE)},
        [TASK_DONE] = {"done", 0},
    };
    const struct weft_node_plan *content = &run->plan->content;
    run->works = weft_take_part(&rest, content->tasks_count * sizeof(*run->works));
    for (size_t i = 0; i < content->tasks_count; i++) {
        struct work *work = &run->works[i];
        const struct weft_plan_task *step = &content->tasks[i];
        work->run = run;
        work->machine = (struct weft_machine){table, TASK_WAITING};
        weft_list_init(&work->link);
        work->task.request = run->request;
        work->task.plan = content;
        work->task.step = step;
        work->task.parameters = &run->parameters;
        work->task.id = run->id != NULL ? run->id : "";
        work->task.trace = run->trace;
        work->task.attempt = run->attempt;
        work->task.deadline_ns = run->deadline_ns;
        work->task.inputs = weft_take_part(&rest, step->inputs_count * sizeof(struct weft_value *));
        work->task.host_data = weft_take_part(&rest, worker->host.task_bytes);
        work->streamed = weft_take_part(&rest, step->outputs_count);
        work->missing = step->after_count;
        for (size_t input = 0; input < step->inputs_count; input++) {
            work->task.inputs[input] = weft_value_ref(step->inputs[input].constant);
            work->missing += step->inputs[input].constant == NULL;
        }
        run->open++;
    }
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < run->plan->content.tasks_count; i++) {
        struct work *work = &run->works[i];
        for (size_t input = 0; input < work->task.step->inputs_count; input++) {
            weft_value_unref(work->task.inputs[input]);
        }
    }
    free(run->id);
    weft_parameters_fini(&run->parameters);
    free(run);
}

/* Takes the request's id and parameters out of the message. */
static struct run *run_new(struct weft_worker *worker, struct plan *plan,
                           struct weft_deliver *deliver, uint64_t now_ns)
{
    struct run *run = weft_zeroed(run_bytes(worker, &plan->content));
    if (run == NULL) {
        return NULL;
    }
    run->request = deliver->request;
    run->plan = plan;
    run->trace = deliver->trace;
    run->attempt = deliver->attempt;
    run->deadline_ns = saturating_add(now_ns, deliver->timeout_ns);
    run->id = steal(&deliver->id);
    run->parameters = deliver->parameters;
    deliver->parameters = (struct weft_parameters){0};
    works_init(worker, run, (char *)run + weft_padded(sizeof(*run)));
    HASH_ADD(hh, worker->runs, request, sizeof(run->request), run);
    if (!weft_map_added(run)) {
        run_free(run);
        return NULL;
    }
    worker_plan_use(worker, plan);
    worker->runs_count++;
    if (worker->sweep_at_ns == WEFT_DEADLINE_NEVER_NS) {
        worker->sweep_at_ns = now_ns + WEFT_WORKER_SWEEP_NS;
    }
    return run;
}

void run_settle(struct weft_worker *worker, struct run *run)
{
    if (run->open > 0) {
        return;
    }
    struct plan *plan = run->plan;
    weft_ended_requests_add(&worker->ended, run->request);
    HASH_DEL(worker->runs, run);
    worker->runs_count--;
    run_free(run);
    worker_plan_unuse(worker, plan);
}

/* Whether any task of the plan waits for this. */
static bool is_for(const struct plan *plan, const struct weft_deliver *deliver)
{
    for (size_t i = 0; i < plan->content.tasks_count; i++) {
        const struct weft_plan_task *task = &plan->content.tasks[i];
        for (size_t input = 0; input < task->inputs_count; input++) {
            if (task->inputs[input].constant == NULL &&
                task->inputs[input].from_step == deliver->from_step &&
                task->inputs[input].from_output == deliver->from_output) {
                return true;
            }
        }
        for (size_t after = 0; after < task->after_count; after++) {
            if (deliver->from_output == WEFT_OUTPUT_FINISHED &&
                task->after[after] == deliver->from_step) {
                return true;
            }
        }
    }
    return false;
}

static void refuse_run(struct weft_worker *worker, struct plan *plan,
                       const struct weft_deliver *deliver, uint64_t now_ns)
{
    cleanup_error struct weft_error *error = NULL;
    if (worker->runs_count >= WEFT_WORKER_RUNS_MAX) {
        (void)weft_error_set(&error, WEFT_RESOURCE_EXHAUSTED, "the node holds %d requests already",
                             WEFT_WORKER_RUNS_MAX);
    } else {
        (void)weft_error_set_out_of_memory(&error);
    }
    weft_ended_requests_add(&worker->ended, deliver->request);
    report_failed(worker, plan, deliver->request, plan->content.tasks[0].step, deliver->attempt,
                  error, now_ns);
}

void worker_deliver(struct weft_worker *worker, struct weft_deliver *deliver, const char *node,
                    uint64_t now_ns)
{
    struct plan *plan = worker_plan_find(worker, deliver->request.gateway, deliver->plan);
    if (plan == NULL || !may_deliver(plan, deliver, node) || !is_for(plan, deliver) ||
        weft_ended_requests_has(&worker->ended, deliver->request)) {
        return;
    }
    struct run *run = NULL;
    HASH_FIND(hh, worker->runs, &deliver->request, sizeof(deliver->request), run);
    if (run == NULL) {
        run = worker->runs_count < WEFT_WORKER_RUNS_MAX ? run_new(worker, plan, deliver, now_ns)
                                                        : NULL;
        if (run == NULL) {
            refuse_run(worker, plan, deliver, now_ns);
            return;
        }
    }
    if (!run->dropped && run->plan == plan) {
        run_accept(worker, run, deliver, now_ns);
    }
}

void worker_cancel(struct weft_worker *worker, const struct weft_cancel *cancel, const char *node)
{
    struct run *run = NULL;
    HASH_FIND(hh, worker->runs, &cancel->request, sizeof(cancel->request), run);
    const struct plan *plan =
        run != NULL ? run->plan : worker_plan_find(worker, cancel->request.gateway, cancel->plan);
    if (plan == NULL || !plan_is_from(plan, node)) {
        return; /* without its plan nothing of the request can begin here */
    }
    weft_ended_requests_add(&worker->ended, cancel->request);
    if (run != NULL && !run->dropped) {
        run_drop(worker, run);
    }
}
