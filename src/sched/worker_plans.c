/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sched/worker_parts.h"

void worker_plan_free(struct weft_worker *worker, struct plan *plan)
{
    HASH_DEL(worker->plans, plan);
    worker->plans_count--;
    worker->constants_bytes -= plan->constants_bytes;
    weft_list_remove(&plan->link);
    weft_node_plan_fini(&plan->content);
    free(plan);
}

static void touch(struct weft_worker *worker, struct plan *plan)
{
    weft_list_remove(&plan->link);
    weft_list_append(&worker->used, &plan->link);
}

void worker_plan_use(struct weft_worker *worker, struct plan *plan)
{
    plan->runs++;
    touch(worker, plan);
}

void worker_plan_unuse(struct weft_worker *worker, struct plan *plan)
{
    weft_assert(plan->runs > 0);
    plan->runs--;
    if (plan->runs == 0 && plan->released) {
        worker_plan_free(worker, plan);
    }
}

static void plan_release(struct weft_worker *worker, struct plan *plan)
{
    plan->released = true;
    if (plan->runs == 0) {
        worker_plan_free(worker, plan);
    }
}

struct plan *worker_plan_find(struct weft_worker *worker, uint64_t gateway, uint64_t number)
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

bool plan_is_from(const struct plan *plan, const char *node)
{
    return strcmp(plan->content.nodes[plan->content.gateway_node].name, node) == 0;
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

/* Answers the plan's gateway. UNAVAILABLE: there is none any more. */
static enum weft_status send_prepared(struct weft_worker *worker,
                                      const struct weft_node_plan *content,
                                      struct weft_error *answer)
{
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARED);
    if (message == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    message->prepared.gateway = content->gateway;
    message->prepared.plan = content->plan;
    message->prepared.error = weft_error_ref(answer);
    struct weft_send_outcome outcome;
    enum weft_status status = worker->host.send(
        worker->host.context, &content->nodes[content->gateway_node], message, &outcome, NULL);
    if (status == WEFT_OK) {
        message = NULL;
    }
    return status;
}

/* False if its gateway cannot be told just now: what it sends for the plan would be lost. */
static bool evict(struct weft_worker *worker, struct plan *plan)
{
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_UNAVAILABLE,
                         "the node keeps %zu plans, and this one made room for another",
                         worker->host.plans_max);
    enum weft_status status = send_prepared(worker, &plan->content, error);
    if (status != WEFT_OK && status != WEFT_UNAVAILABLE) {
        return false;
    }
    worker_plan_free(worker, plan);
    return true;
}

static bool has_room(const struct weft_worker *worker, uint64_t constants_bytes)
{
    return worker->plans_count < worker->host.plans_max &&
           worker->constants_bytes + constants_bytes <= WEFT_WORKER_CONSTANTS_MAX_BYTES;
}

static enum weft_status make_room(struct weft_worker *worker, uint64_t constants_bytes,
                                  struct weft_error **error)
{
    struct weft_list *link = worker->used.next;
    while (!has_room(worker, constants_bytes) && link != &worker->used) {
        struct plan *plan = weft_list_entry(link, struct plan, link);
        link = link->next;
        if (plan->runs == 0) {
            (void)evict(worker, plan);
        }
    }
    if (has_room(worker, constants_bytes)) {
        return WEFT_OK;
    }
    return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                          "%zu plans with %" PRIu64 " bytes of constants are in use on the node "
                          "already, and %zu with %" PRIu64 " are the limit",
                          worker->plans_count, worker->constants_bytes, worker->host.plans_max,
                          WEFT_WORKER_CONSTANTS_MAX_BYTES);
}

/* Keeps a copy of the plan. Preparing it again is harmless. */
static enum weft_status keep_plan(struct weft_worker *worker, const struct weft_node_plan *content,
                                  struct weft_error **error)
{
    struct plan *known = worker_plan_find(worker, content->gateway, content->plan);
    if (known != NULL) {
        const char *gateway = content->nodes[content->gateway_node].name;
        if (!plan_is_from(known, gateway)) {
            return weft_error_set(error, WEFT_ALREADY_EXISTS,
                                  "the plan is known as one of another gateway than node \"%s\"",
                                  gateway);
        }
        touch(worker, known);
        return WEFT_OK;
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
    uint64_t constants_bytes = weft_node_plan_constants_bytes(content);
    if (constants_bytes > WEFT_PLAN_CONSTANTS_MAX_BYTES) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "the plan's constants have %" PRIu64 " bytes, and it may carry %d",
                              constants_bytes, WEFT_PLAN_CONSTANTS_MAX_BYTES);
    }
    enum weft_status status = make_room(worker, constants_bytes, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL || !weft_node_plan_copy(content, &plan->content)) {
        free(plan);
        return weft_error_set_out_of_memory(error);
    }
    plan->key = (struct plan_key){content->gateway, content->plan};
    weft_list_init(&plan->link);
    HASH_ADD(hh, worker->plans, key, sizeof(plan->key), plan);
    if (!weft_map_added(plan)) {
        weft_node_plan_fini(&plan->content);
        free(plan);
        return weft_error_set_out_of_memory(error);
    }
    worker->plans_count++;
    plan->constants_bytes = constants_bytes;
    worker->constants_bytes += constants_bytes;
    touch(worker, plan);
    return WEFT_OK;
}

void worker_prepare(struct weft_worker *worker, const struct weft_node_plan *content,
                    const char *node)
{
    if (content->gateway_node >= content->nodes_count ||
        strcmp(content->nodes[content->gateway_node].name, node) != 0) {
        return; /* nobody to answer, or a plan in another's name */
    }
    cleanup_error struct weft_error *error = NULL;
    (void)keep_plan(worker, content, &error);
    (void)send_prepared(worker, content, error); /* or the gateway asks again */
}

void worker_release(struct weft_worker *worker, const struct weft_prepared *release,
                    const char *node)
{
    struct plan *plan = worker_plan_find(worker, release->gateway, release->plan);
    if (plan != NULL && plan_is_from(plan, node)) {
        plan_release(worker, plan);
    }
}
