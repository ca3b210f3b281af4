/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "sched/worker_parts.h"

/* The gateway watches deadlines exactly; the worker only makes sure that nothing stays when a
 * gateway cannot say so. */
#define SWEEP_EVERY_NS (500 * WEFT_NS_PER_MS)

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
    weft_list_init(&worker->ready);
    weft_list_init(&worker->running);
    weft_list_init(&worker->reports);
    worker->reports_at_ns = WEFT_DEADLINE_NEVER_NS;
    worker->sweep_at_ns = WEFT_DEADLINE_NEVER_NS;
    return worker;
}

static void plan_free(struct weft_worker *worker, struct plan *plan)
{
    HASH_DEL(worker->plans, plan);
    worker->plans_count--;
    weft_node_plan_fini(&plan->content);
    free(plan);
}

void worker_plan_unuse(struct weft_worker *worker, struct plan *plan)
{
    weft_assert(plan->runs > 0);
    plan->runs--;
    if (plan->runs == 0 && plan->released) {
        plan_free(worker, plan);
    }
}

static void plan_release(struct weft_worker *worker, struct plan *plan)
{
    plan->released = true;
    if (plan->runs == 0) {
        plan_free(worker, plan);
    }
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
        plan_free(worker, plan);
    }
    HASH_CLEAR(hh, worker->ended_map);
    weft_needs_fini(&(struct weft_needs){.tags = worker->resources.tags,
                                         .tags_count = worker->resources.tags_count});
    free(worker);
}

static struct plan *find_plan(struct weft_worker *worker, uint64_t gateway, uint64_t number)
{
    struct plan_key key = {gateway, number};
    struct plan *plan = NULL;
    HASH_FIND(hh, worker->plans, &key, sizeof(key), plan);
    return plan;
}

const char *plan_step_name(const struct plan *plan, uint32_t step)
{
    for (size_t i = 0; i < plan->content.tasks_count; i++) {
        if (plan->content.tasks[i].step == step) {
            return plan->content.tasks[i].step_name;
        }
    }
    return NULL;
}

void remember_ended(struct weft_worker *worker, struct weft_request_id request)
{
    struct ended_request *known = NULL;
    HASH_FIND(hh, worker->ended_map, &request, sizeof(request), known);
    if (known != NULL) {
        return;
    }
    struct ended_request *slot = &worker->ended[worker->ended_next];
    worker->ended_next = (worker->ended_next + 1) % WEFT_WORKER_ENDED_MAX;
    if (weft_map_added(slot)) {
        HASH_DEL(worker->ended_map, slot);
    }
    *slot = (struct ended_request){.request = request};
    HASH_ADD(hh, worker->ended_map, request, sizeof(slot->request), slot);
}

static bool has_ended(struct weft_worker *worker, struct weft_request_id request)
{
    struct ended_request *known = NULL;
    HASH_FIND(hh, worker->ended_map, &request, sizeof(request), known);
    return known != NULL;
}

static bool has_tag(const struct weft_resources *resources, const char *tag)
{
    for (size_t i = 0; i < resources->tags_count; i++) {
        if (strcmp(resources->tags[i], tag) == 0) {
            return true;
        }
    }
    return false;
}

static enum weft_status check_task(struct weft_worker *worker, const struct weft_plan_task *task,
                                   struct weft_error **error)
{
    const struct weft_resources *has = &worker->resources;
    if (task->needs.slots > has->slots) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "model \"%s\" needs %u slots, the node has %u", task->model,
                              task->needs.slots, has->slots);
    }
    if (has->memory_bytes != 0 && task->needs.memory_bytes > has->memory_bytes) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "model \"%s\" needs %" PRIu64
                              " bytes of memory, the node has %" PRIu64,
                              task->model, task->needs.memory_bytes, has->memory_bytes);
    }
    for (size_t i = 0; i < task->needs.tags_count; i++) {
        if (!has_tag(has, task->needs.tags[i])) {
            return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                                  "model \"%s\" needs a node tagged \"%s\", and this one is not",
                                  task->model, task->needs.tags[i]);
        }
    }
    if (task->after_count > 64) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "step \"%s\" waits for more than 64 others", task->step_name);
    }
    return worker->host.check(worker->host.context, task, error);
}

static bool within(const struct weft_plan_destination *destinations, size_t count,
                   size_t nodes_count)
{
    for (size_t i = 0; i < count; i++) {
        if (destinations[i].node >= nodes_count) {
            return false;
        }
    }
    return true;
}

/* Every index that a peer wrote into the plan must lead somewhere. */
static bool leads_somewhere(const struct weft_node_plan *content)
{
    bool well = content->gateway_node < content->nodes_count;
    for (size_t i = 0; well && i < content->tasks_count; i++) {
        const struct weft_plan_task *task = &content->tasks[i];
        well = within(task->finished, task->finished_count, content->nodes_count);
        for (size_t output = 0; well && output < task->outputs_count; output++) {
            well = within(task->outputs[output].destinations,
                          task->outputs[output].destinations_count, content->nodes_count);
        }
    }
    return well;
}

static bool is_from_gateway(const struct plan *plan, const char *node)
{
    return strcmp(plan->content.nodes[plan->content.gateway_node].name, node) == 0;
}

/* Whether the node may send a request of that plan something: inputs come from the gateway, all
 * else from whoever takes part. */
static bool may_deliver(const struct plan *plan, const struct weft_deliver *deliver,
                        const char *node)
{
    bool takes_part = false;
    for (size_t i = 0; !takes_part && i < plan->content.nodes_count; i++) {
        takes_part = strcmp(plan->content.nodes[i].name, node) == 0;
    }
    return deliver->from_step == WEFT_STEP_GATEWAY ? is_from_gateway(plan, node) : takes_part;
}

/* Keeps a copy of the plan. Preparing it again is harmless. */
static enum weft_status keep_plan(struct weft_worker *worker, const struct weft_node_plan *content,
                                  struct weft_error **error)
{
    const struct plan *known = find_plan(worker, content->gateway, content->plan);
    if (known != NULL) {
        const char *gateway = content->nodes[content->gateway_node].name;
        return is_from_gateway(known, gateway)
                   ? WEFT_OK
                   : weft_error_set(error, WEFT_ALREADY_EXISTS,
                                    "the plan is known as one of another gateway than node \"%s\"",
                                    gateway);
    }
    if (!leads_somewhere(content)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the plan sends something to a node that it does not name");
    }
    for (size_t i = 0; i < content->tasks_count; i++) {
        enum weft_status status = check_task(worker, &content->tasks[i], error);
        if (status != WEFT_OK) {
            weft_error_set_place(error,
                                 &(struct weft_error_place){.pipeline = content->pipeline,
                                                            .step = content->tasks[i].step_name});
            return status;
        }
    }
    if (worker->plans_count >= WEFT_WORKER_PLANS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "the node keeps %d plans already",
                              WEFT_WORKER_PLANS_MAX);
    }
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL || !weft_node_plan_copy(content, &plan->content)) {
        free(plan);
        return weft_error_set_out_of_memory(error);
    }
    plan->key = (struct plan_key){content->gateway, content->plan};
    HASH_ADD(hh, worker->plans, key, sizeof(plan->key), plan);
    if (!weft_map_added(plan)) {
        weft_node_plan_fini(&plan->content);
        free(plan);
        return weft_error_set_out_of_memory(error);
    }
    worker->plans_count++;
    return WEFT_OK;
}

static void prepare(struct weft_worker *worker, const struct weft_node_plan *content,
                    const char *node)
{
    if (content->gateway_node >= content->nodes_count ||
        strcmp(content->nodes[content->gateway_node].name, node) != 0) {
        return; /* nobody to answer, or a plan in another's name */
    }
    cleanup_message struct weft_message *answer = weft_message_new(WEFT_MESSAGE_PREPARED);
    if (answer == NULL) {
        return; /* the gateway's deadline ends the request */
    }
    answer->prepared.gateway = content->gateway;
    answer->prepared.plan = content->plan;
    (void)keep_plan(worker, content, &answer->prepared.error);
    struct weft_send_outcome outcome;
    if (worker->host.send(worker->host.context, &content->nodes[content->gateway_node], answer,
                          &outcome, NULL) == WEFT_OK) {
        answer = NULL;
    }
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
    plan->runs++;
    worker->runs_count++;
    if (worker->sweep_at_ns == WEFT_DEADLINE_NEVER_NS) {
        worker->sweep_at_ns = now_ns + SWEEP_EVERY_NS;
    }
    return run;
}

void run_settle(struct weft_worker *worker, struct run *run)
{
    if (run->open > 0) {
        return;
    }
    struct plan *plan = run->plan;
    remember_ended(worker, run->request);
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
    remember_ended(worker, deliver->request);
    report_failed(worker, plan, deliver->request, plan->content.tasks[0].step, deliver->attempt,
                  error, now_ns);
}

static void deliver(struct weft_worker *worker, struct weft_deliver *deliver, const char *node,
                    uint64_t now_ns)
{
    struct plan *plan = find_plan(worker, deliver->request.gateway, deliver->plan);
    if (plan == NULL || !may_deliver(plan, deliver, node) || !is_for(plan, deliver) ||
        has_ended(worker, deliver->request)) {
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

static void cancel(struct weft_worker *worker, const struct weft_cancel *cancel, const char *node)
{
    struct run *run = NULL;
    HASH_FIND(hh, worker->runs, &cancel->request, sizeof(cancel->request), run);
    const struct plan *plan =
        run != NULL ? run->plan : find_plan(worker, cancel->request.gateway, cancel->plan);
    if (plan == NULL || !is_from_gateway(plan, node)) {
        return; /* without its plan nothing of the request can begin here */
    }
    remember_ended(worker, cancel->request);
    if (run != NULL && !run->dropped) {
        run_drop(worker, run);
    }
}

static void release(struct weft_worker *worker, const struct weft_prepared *release,
                    const char *node)
{
    struct plan *plan = find_plan(worker, release->gateway, release->plan);
    if (plan != NULL && is_from_gateway(plan, node)) {
        plan_release(worker, plan);
    }
}

void weft_worker_message(struct weft_worker *worker, struct weft_message *message, const char *node,
                         uint64_t now_ns)
{
    switch (message->kind) {
    case WEFT_MESSAGE_PREPARE:
        prepare(worker, &message->prepare, node);
        break;
    case WEFT_MESSAGE_RELEASE:
        release(worker, &message->release, node);
        break;
    case WEFT_MESSAGE_DELIVER:
        deliver(worker, &message->deliver, node, now_ns);
        break;
    case WEFT_MESSAGE_CANCEL:
        cancel(worker, &message->cancel, node);
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
    struct plan *plan = find_plan(worker, lost->request.gateway, lost->plan);
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
    return is_from_gateway(plan, node) && (generation == 0 || plan->key.gateway == generation);
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
    worker->sweep_at_ns = worker->runs != NULL ? now_ns + SWEEP_EVERY_NS : WEFT_DEADLINE_NEVER_NS;
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
