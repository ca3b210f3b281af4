/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "sched/gateway_parts.h"

/* For the names in one error. Those that have no room in it are left out: the first few say enough.
 */
enum { AWAITED_NAMES_SIZE = 1024 };

struct weft_gateway *weft_gateway_new(const struct weft_gateway_host *host, const char *name,
                                      uint64_t generation)
{
    struct weft_gateway *gateway = calloc(1, sizeof(*gateway));
    char *copy = strdup(name);
    if (gateway == NULL || copy == NULL) {
        free(gateway);
        free(copy);
        return NULL;
    }
    gateway->host = *host;
    gateway->name = copy;
    gateway->generation = generation;
    weft_list_init(&gateway->plans);
    weft_list_init(&gateway->failing);
    weft_list_init(&gateway->forgotten);
    gateway->ask_again_ns = WEFT_DEADLINE_NEVER_NS;
    return gateway;
}

void weft_gateway_free(struct weft_gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    struct open_request *open, *next_open;
    HASH_ITER (hh, gateway->requests, open, next_open) {
        request_free(gateway, open);
    }
    struct gateway_plan *plan, *next_plan;
    HASH_ITER (hh, gateway->plans_map, plan, next_plan) {
        plan_free(gateway, plan);
    }
    pipelines_release(gateway); /* no plan is left that needs one */
    for (size_t i = 0; i < gateway->nodes_count; i++) {
        weft_node_info_fini(&gateway->nodes[i].info);
        weft_node_info_fini(&gateway->nodes[i].gone);
    }
    places_free(gateway);
    free(gateway->nodes);
    weft_heap_fini(&gateway->timers);
    free(gateway->name);
    free(gateway);
}

static struct open_request *find(struct weft_gateway *gateway, struct weft_request_id request)
{
    struct open_request *open = NULL;
    if (request.gateway == gateway->generation) {
        HASH_FIND(hh, gateway->requests, &request.sequence, sizeof(request.sequence), open);
    }
    return open;
}

/* What one of them ends the next may be about: each looks its request up anew. */
static void hear_reports(struct weft_gateway *gateway, const struct weft_run_reports *heard,
                         const char *node, uint64_t now_ns)
{
    for (size_t i = 0; i < heard->reports_count; i++) {
        const struct weft_run_report *said = &heard->reports[i];
        struct weft_request_id request = {heard->gateway, said->sequence};
        struct open_request *open = find(gateway, request);
        if (open != NULL) {
            request_report(gateway, open, &said->report, node, now_ns);
        }
    }
}

void weft_gateway_message(struct weft_gateway *gateway, const struct weft_message *message,
                          const char *node, uint64_t now_ns)
{
    if (message->kind == WEFT_MESSAGE_PREPARED) {
        struct gateway_plan *plan = message->prepared.gateway == gateway->generation
                                        ? plan_find(gateway, message->prepared.plan)
                                        : NULL;
        if (plan != NULL) {
            plan_prepared(gateway, plan, node, message->prepared.error, now_ns);
        }
    } else if (message->kind == WEFT_MESSAGE_DELIVER) {
        struct open_request *open = find(gateway, message->deliver.request);
        if (open != NULL) {
            request_deliver(gateway, open, &message->deliver, node, now_ns);
        }
    } else if (message->kind == WEFT_MESSAGE_REPORT) {
        hear_reports(gateway, &message->report, node, now_ns);
    }
}

void weft_gateway_undelivered(struct weft_gateway *gateway, const struct weft_message *message,
                              const char *node, uint64_t now_ns)
{
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_UNAVAILABLE,
                         "node \"%s\" went away before it confirmed the request", node);
    weft_error_set_place(&error, &(struct weft_error_place){.node = node, .attempt = 1});
    if (message->kind == WEFT_MESSAGE_PREPARE && message->prepare.gateway == gateway->generation) {
        struct gateway_plan *plan = plan_find(gateway, message->prepare.plan);
        if (plan != NULL && plan->state == PLAN_PREPARING) {
            plan_break(gateway, plan, error, now_ns);
        }
    } else if (message->kind == WEFT_MESSAGE_DELIVER &&
               message->deliver.from_step == WEFT_STEP_GATEWAY) {
        struct open_request *open = find(gateway, message->deliver.request);
        if (open != NULL && open->machine.state == REQUEST_RUNNING) {
            uint32_t step = open_step_on(open, node);
            if (step != WEFT_STEP_GATEWAY) {
                weft_error_set_place(&error, &(struct weft_error_place){
                                                 .step = open->request.pipeline->steps[step].name});
            }
            request_end(gateway, open, error, now_ns);
        }
    }
}

static enum weft_status check_inputs(const struct weft_submission *submission,
                                     struct weft_error **error)
{
    size_t count = submission->pipeline->inputs_count;
    for (size_t i = 0; i < count; i++) {
        if (submission->inputs[i] == NULL && !submission->pipeline->inputs[i].optional) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT, "input \"%s\" is missing",
                                  submission->pipeline->inputs[i].name);
        }
    }
    return WEFT_OK;
}

/* The request and its lists are one block. NULL if out of memory. */
static struct open_request *allocate(const struct gateway_plan *plan,
                                     const struct weft_submission *submission)
{
    size_t inputs_count = submission->pipeline->inputs_count;
    size_t outputs_count = plan->compiled.outputs_count;
    size_t id_bytes = submission->id != NULL ? strlen(submission->id) + 1 : 0;
    struct open_request *open = weft_zeroed(
        weft_padded(sizeof(*open)) + weft_padded(inputs_count * sizeof(struct weft_value *)) +
        weft_padded(outputs_count * sizeof(struct weft_value *)) + 2 * weft_padded(outputs_count) +
        weft_padded(plan->steps_count) + weft_padded(id_bytes));
    if (open == NULL) {
        return NULL;
    }
    char *rest = (char *)open + weft_padded(sizeof(*open));
    open->inputs = weft_take_part(&rest, inputs_count * sizeof(struct weft_value *));
    open->outputs = weft_take_part(&rest, outputs_count * sizeof(struct weft_value *));
    open->output_done = weft_take_part(&rest, outputs_count);
    open->output_streamed = weft_take_part(&rest, outputs_count);
    open->step_states = weft_take_part(&rest, plan->steps_count);
    if (id_bytes > 0) {
        open->id = weft_take_part(&rest, id_bytes);
        memcpy(open->id, submission->id, id_bytes);
    }
    open->inputs_count = inputs_count;
    open->outputs_count = outputs_count;
    return open;
}

static bool copy_parameters(struct open_request *open, const struct weft_submission *submission)
{
    return submission->parameters == NULL ||
           weft_parameters_merge(&open->parameters, submission->parameters, NULL) == WEFT_OK;
}

static void fill(struct weft_gateway *gateway, struct open_request *open,
                 const struct weft_submission *submission, uint64_t now_ns)
{
    static const struct weft_machine_state table[] = {
        [REQUEST_PREPARING] = {"preparing", WEFT_MACHINE_NEXT(REQUEST_RUNNING) |
                                                WEFT_MACHINE_NEXT(REQUEST_ENDED)},
        [REQUEST_RUNNING] = {"running", WEFT_MACHINE_NEXT(REQUEST_ENDED)},
        [REQUEST_ENDED] = {"ended", 0},
    };
    open->machine = (struct weft_machine){table, REQUEST_PREPARING};
    open->request = (struct weft_request){
        .request = {gateway->generation, gateway->sequence_last + 1},
        .pipeline = open->plan->pipeline,
        .id = open->id != NULL ? open->id : "",
        .trace = submission->trace,
        .steps_count = open->plan->steps_count,
        .step_nodes = open->plan->step_nodes,
        .nodes = open->plan->nodes,
        .nodes_count = open->plan->nodes_count,
        .gateway_node = open->plan->gateway_node,
        .submitted_ns = now_ns,
        .host_data = submission->host_data,
    };
    for (size_t i = 0; i < open->inputs_count; i++) {
        open->inputs[i] = weft_value_ref(submission->inputs[i] != NULL
                                             ? submission->inputs[i]
                                             : submission->pipeline->inputs[i].default_value);
    }
    open->outputs_missing = open->outputs_count;
    open->steps_open = open->plan->steps_count;
}

static struct open_request *open_request_new(struct weft_gateway *gateway,
                                             struct gateway_plan *plan,
                                             const struct weft_submission *submission,
                                             uint64_t now_ns)
{
    struct open_request *open = allocate(plan, submission);
    if (open == NULL) {
        return NULL;
    }
    open->plan = plan;
    plan_use(plan, gateway);
    weft_list_init(&open->waiting);
    weft_list_init(&open->failing);
    uint64_t timeout_ns = submission->timeout_ns;
    if (__builtin_add_overflow(now_ns, timeout_ns, &open->deadline_ns)) {
        open->deadline_ns = WEFT_DEADLINE_NEVER_NS;
    }
    if (!copy_parameters(open, submission) ||
        !weft_heap_add(&gateway->timers, &open->timer, open->deadline_ns)) {
        request_free(gateway, open);
        return NULL;
    }
    fill(gateway, open, submission, now_ns);
    HASH_ADD(hh, gateway->requests, request.request.sequence, sizeof(uint64_t), open);
    if (!weft_map_added(open)) {
        request_free(gateway, open);
        return NULL;
    }
    for (uint32_t step = 0; step < open->plan->steps_count; step++) {
        gateway->nodes[open->plan->placement[step]].open_tasks++;
    }
    gateway->requests_count++;
    gateway->sequence_last++;
    return open;
}

enum weft_status weft_gateway_submit(struct weft_gateway *gateway,
                                     const struct weft_submission *submission, uint64_t now_ns,
                                     struct weft_request **ret_request, struct weft_error **error)
{
    if (gateway->requests_count >= WEFT_GATEWAY_REQUESTS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%d requests are under way already, which is the limit",
                              WEFT_GATEWAY_REQUESTS_MAX);
    }
    enum weft_status status = check_inputs(submission, error);
    struct gateway_plan *plan = NULL;
    if (status == WEFT_OK) {
        status = plan_for(gateway, submission, now_ns, &plan, error);
    }
    if (status != WEFT_OK) {
        weft_error_set_place(error,
                             &(struct weft_error_place){.pipeline = submission->pipeline->name});
        return status;
    }
    struct open_request *open = open_request_new(gateway, plan, submission, now_ns);
    if (open == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    *ret_request = &open->request;
    if (plan->state == PLAN_READY) {
        request_run(gateway, open, now_ns);
    } else {
        weft_list_append(&plan->waiting, &open->waiting);
    }
    return WEFT_OK;
}

void weft_gateway_cancel(struct weft_gateway *gateway, struct weft_request *request)
{
    struct open_request *open = (struct open_request *)request;
    if (open->machine.state != REQUEST_ENDED) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set(&error, WEFT_CANCELLED,
                             "the client left before the request had ended");
        request_fail_later(gateway, open, error);
    }
}

void weft_gateway_stop(struct weft_gateway *gateway)
{
    struct open_request *open, *next_open;
    HASH_ITER (hh, gateway->requests, open, next_open) {
        if (open->machine.state == REQUEST_ENDED) {
            request_settle(gateway, open);
        } else {
            /* One for each request: its place will be written into it. */
            cleanup_error struct weft_error *error = NULL;
            (void)weft_error_set(&error, WEFT_UNAVAILABLE, "node \"%s\" is stopping",
                                 gateway->name);
            request_fail_later(gateway, open, error);
        }
    }
}

uint64_t weft_gateway_deadline_ns(const struct weft_gateway *gateway)
{
    if (!weft_list_is_empty(&gateway->failing) || gateway->releasable) {
        return 0;
    }
    const struct weft_heap_item *first = weft_heap_first(&gateway->timers);
    return first != NULL && first->at_ns < gateway->ask_again_ns ? first->at_ns
                                                                 : gateway->ask_again_ns;
}

/* The nodes that have not said PREPARED; the place is the first step that one of them holds. */
static void name_awaited(const struct open_request *open, struct weft_error **error)
{
    const struct gateway_plan *plan = open->plan;
    char names[AWAITED_NAMES_SIZE] = "";
    size_t length = 0;
    for (size_t i = 0; i < plan->nodes_count; i++) {
        size_t more = strlen(plan->nodes[i].name) + strlen(", \"\"");
        if (!plan->prepared[i] && more < sizeof(names) - length) {
            length += (size_t)snprintf(names + length, sizeof(names) - length, "%s\"%s\"",
                                       length > 0 ? ", " : "", plan->nodes[i].name);
        }
    }
    bool one = plan->awaited == 1;
    (void)weft_error_set(error, WEFT_DEADLINE_EXCEEDED,
                         "the deadline passed before %s %s had prepared %s steps",
                         one ? "node" : "nodes", names, one ? "its" : "their");
    uint32_t step = 0;
    while (step < open->request.steps_count && !plan_awaits(plan, open->request.step_nodes[step])) {
        step++;
    }
    if (step < open->request.steps_count) {
        weft_error_set_place(error,
                             &(struct weft_error_place){.step = plan->pipeline->steps[step].name,
                                                        .node = open->request.step_nodes[step]});
    }
}

/* Which steps the request was still waiting for, for the person who wonders. */
static void end_late(struct weft_gateway *gateway, struct open_request *open, uint64_t now_ns)
{
    uint32_t step = 0;
    while (step < open->request.steps_count && open->step_states[step] != STEP_STARTED) {
        step++;
    }
    for (uint32_t i = 0; step == open->request.steps_count && i < open->request.steps_count; i++) {
        step = open->step_states[i] == STEP_OPEN ? i : step;
    }
    cleanup_error struct weft_error *error = NULL;
    if (open->machine.state == REQUEST_PREPARING) {
        /* Whoever did not answer may never do so: the next request asks again, with a new plan. */
        plan_forget(gateway, open->plan);
        name_awaited(open, &error);
    } else if (step == open->request.steps_count) {
        (void)weft_error_set(&error, WEFT_DEADLINE_EXCEEDED,
                             "the deadline passed before the outputs arrived");
    } else {
        const char *name = open->request.pipeline->steps[step].name;
        (void)weft_error_set(&error, WEFT_DEADLINE_EXCEEDED,
                             "the deadline passed while step \"%s\" on node \"%s\" %s", name,
                             open->request.step_nodes[step],
                             open->step_states[step] == STEP_STARTED ? "was running"
                                                                     : "had not finished");
        weft_error_set_place(&error, &(struct weft_error_place){
                                         .step = name, .node = open->request.step_nodes[step]});
    }
    request_end(gateway, open, error, now_ns);
}

void weft_gateway_tick(struct weft_gateway *gateway, uint64_t now_ns)
{
    for (struct weft_list *link; (link = weft_list_first(&gateway->failing)) != NULL;) {
        struct open_request *open = weft_list_entry(link, struct open_request, failing);
        weft_list_remove(link);
        if (open->machine.state != REQUEST_ENDED) {
            request_end(gateway, open, open->error, now_ns);
        }
    }
    for (struct weft_heap_item *first;
         (first = weft_heap_first(&gateway->timers)) != NULL && first->at_ns <= now_ns;) {
        struct open_request *open = weft_list_entry(first, struct open_request, timer);
        weft_heap_remove(&gateway->timers, first);
        if (open->machine.state == REQUEST_ENDED) {
            request_settle(gateway, open);
        } else {
            end_late(gateway, open, now_ns);
        }
    }
    if (now_ns >= gateway->ask_again_ns) {
        plans_ask_again(gateway, now_ns);
    }
    pipelines_release(gateway);
}

size_t weft_gateway_requests_count(const struct weft_gateway *gateway)
{
    return gateway->requests_count;
}

size_t weft_gateway_plans_count(const struct weft_gateway *gateway)
{
    return gateway->plans_count;
}
