/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sched/gateway_parts.h"

struct gateway_plan *plan_find(struct weft_gateway *gateway, uint64_t number)
{
    struct gateway_plan *plan = NULL;
    HASH_FIND(hh, gateway->plans_map, &number, sizeof(number), plan);
    return plan;
}

static void send_release(struct weft_gateway *gateway, const struct gateway_plan *plan, size_t node)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_RELEASE);
    if (message == NULL) {
        return; /* the worker keeps it until it is full or this gateway is gone */
    }
    message->release.gateway = gateway->generation;
    message->release.plan = plan->number;
    struct weft_send_outcome outcome;
    if (gateway->host.send(gateway->host.context, &plan->nodes[node], message, &outcome, NULL) !=
        WEFT_OK) {
        weft_message_free(message);
    }
}

static bool takes_part(const struct gateway_plan *plan, size_t node)
{
    return plan->compiled.plans != NULL && plan->compiled.plans[node].tasks_count > 0;
}

void plan_free(struct weft_gateway *gateway, struct gateway_plan *plan)
{
    if (weft_map_added(plan)) {
        HASH_DEL(gateway->plans_map, plan);
        gateway->plans_count--;
    }
    weft_list_remove(&plan->link);
    gateway->releasable = !weft_list_is_empty(&gateway->forgotten);
    weft_compiled_plan_fini(&plan->compiled);
    for (size_t i = 0; i < plan->nodes_count; i++) {
        free(plan->nodes[i].name);
        free(plan->nodes[i].address);
    }
    free(plan->nodes);
    free(plan->absent);
    free(plan->placement);
    free(plan->generations);
    free(plan->prepared);
    free(plan->step_nodes);
    free(plan);
}

static void plan_retire(struct weft_gateway *gateway, struct gateway_plan *plan)
{
    for (size_t node = 0; node < plan->nodes_count; node++) {
        if (takes_part(plan, node)) {
            send_release(gateway, plan, node);
        }
    }
    plan_free(gateway, plan);
}

void plan_use(struct gateway_plan *plan, struct weft_gateway *gateway)
{
    plan->requests++;
    weft_list_remove(&plan->link);
    weft_list_append(&gateway->plans, &plan->link);
}

void plan_unuse(struct weft_gateway *gateway, struct gateway_plan *plan)
{
    weft_assert(plan->requests > 0);
    plan->requests--;
    if (plan->requests == 0 && plan->forgotten) {
        plan_retire(gateway, plan);
    }
}

void plan_forget(struct weft_gateway *gateway, struct gateway_plan *plan)
{
    plan->forgotten = true;
    if (plan->requests == 0) {
        plan_retire(gateway, plan);
    }
}

/* The least recently used plans that no request needs make room. */
static enum weft_status make_room(struct weft_gateway *gateway, struct weft_error **error)
{
    struct weft_list *link = gateway->plans.next;
    while (gateway->plans_count >= WEFT_GATEWAY_PLANS_MAX && link != &gateway->plans) {
        struct gateway_plan *plan = weft_list_entry(link, struct gateway_plan, link);
        link = link->next;
        if (plan->requests == 0) {
            plan_retire(gateway, plan);
        }
    }
    return gateway->plans_count < WEFT_GATEWAY_PLANS_MAX
               ? WEFT_OK
               : weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                                "%d plans are in use already, which is the limit",
                                WEFT_GATEWAY_PLANS_MAX);
}

static bool is_absent(const struct weft_submission *submission, size_t input)
{
    return submission->inputs[input] == NULL &&
           submission->pipeline->inputs[input].default_value == NULL;
}

/* The plan for this placement, if there is one already. */
static struct gateway_plan *find_same(struct weft_gateway *gateway,
                                      const struct weft_submission *submission,
                                      const uint32_t *placement)
{
    for (struct weft_list *link = gateway->plans.previous; link != &gateway->plans;
         link = link->previous) {
        struct gateway_plan *plan = weft_list_entry(link, struct gateway_plan, link);
        bool same = !plan->forgotten && plan->pipeline == submission->pipeline;
        for (size_t i = 0; same && i < plan->steps_count; i++) {
            same = plan->placement[i] == placement[i] &&
                   plan->generations[i] == gateway->nodes[placement[i]].info.generation;
        }
        for (size_t i = 0; same && i < submission->pipeline->inputs_count; i++) {
            same = plan->absent[i] == is_absent(submission, i);
        }
        if (same) {
            return plan;
        }
    }
    return NULL;
}

static enum weft_status send_prepare(struct weft_gateway *gateway, const struct gateway_plan *plan,
                                     size_t node, struct weft_error **error)
{
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARE);
    if (message == NULL || !weft_node_plan_copy(&plan->compiled.plans[node], &message->prepare)) {
        return weft_error_set_out_of_memory(error);
    }
    struct weft_send_outcome outcome;
    enum weft_status status =
        gateway->host.send(gateway->host.context, &plan->nodes[node], message, &outcome, error);
    if (status != WEFT_OK) {
        (void)weft_error_wrap(error, status, "node \"%s\" cannot be prepared",
                              plan->nodes[node].name);
        weft_error_set_place(error, &(struct weft_error_place){.node = plan->nodes[node].name});
        return status;
    }
    message = NULL;
    return WEFT_OK;
}

static enum weft_status prepare_part(struct weft_gateway *gateway, struct gateway_plan *plan,
                                     size_t node, struct weft_error **error)
{
    enum weft_status status = send_prepare(gateway, plan, node, error);
    if (status == WEFT_OK) {
        plan->prepared[node] = false;
        plan->awaited++;
    }
    return status;
}

/* Whether requests wait for nodes that may have to be asked again; the tick looks then. */
static void watch(struct weft_gateway *gateway, const struct gateway_plan *plan)
{
    uint64_t at_ns = plan->asked_ns + plan->patience_ns;
    if (plan->state == PLAN_PREPARING && at_ns < gateway->ask_again_ns) {
        gateway->ask_again_ns = at_ns;
    }
}

/* A node that has its part already, or takes no more messages just now, is not hurt by it. */
static void ask_again(struct weft_gateway *gateway, struct gateway_plan *plan, uint64_t now_ns)
{
    for (size_t node = 0; node < plan->nodes_count; node++) {
        if (!plan->prepared[node]) {
            (void)send_prepare(gateway, plan, node, NULL);
        }
    }
    plan->asked_ns = now_ns;
    plan->patience_ns *= 2;
}

void plans_ask_again(struct weft_gateway *gateway, uint64_t now_ns)
{
    gateway->ask_again_ns = WEFT_DEADLINE_NEVER_NS;
    for (struct weft_list *link = gateway->plans.next; link != &gateway->plans; link = link->next) {
        struct gateway_plan *plan = weft_list_entry(link, struct gateway_plan, link);
        if (weft_list_is_empty(&plan->waiting)) {
            continue; /* the next request that joins it has it watched again */
        }
        if (plan->state == PLAN_PREPARING && now_ns - plan->asked_ns >= plan->patience_ns) {
            ask_again(gateway, plan, now_ns);
        }
        watch(gateway, plan);
    }
}

static enum weft_status plan_new(struct weft_gateway *gateway,
                                 const struct weft_submission *submission,
                                 const uint32_t *placement, struct gateway_plan **ret_plan,
                                 struct weft_error **error)
{
    struct gateway_plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    weft_list_init(&plan->waiting);
    weft_list_init(&plan->link);
    plan->number = ++gateway->plan_last;
    plan->pipeline = submission->pipeline;
    plan->steps_count = submission->pipeline->steps_count;
    plan->placement = malloc((plan->steps_count + 1) * sizeof(*plan->placement));
    plan->generations = calloc(plan->steps_count + 1, sizeof(*plan->generations));
    plan->step_nodes = calloc(plan->steps_count + 1, sizeof(*plan->step_nodes));
    plan->prepared = malloc((plan->steps_count + 1) * sizeof(bool)); /* no more nodes than that */
    plan->absent = calloc(submission->pipeline->inputs_count + 1, sizeof(bool));
    enum weft_status status = WEFT_OK;
    if (plan->placement == NULL || plan->generations == NULL || plan->step_nodes == NULL ||
        plan->prepared == NULL || plan->absent == NULL) {
        status = weft_error_set_out_of_memory(error);
    } else {
        memcpy(plan->placement, placement, plan->steps_count * sizeof(*placement));
        memset(plan->prepared, true, (plan->steps_count + 1) * sizeof(bool));
        for (size_t i = 0; i < submission->pipeline->inputs_count; i++) {
            plan->absent[i] = is_absent(submission, i);
        }
        status = plan_compile(gateway, plan, error);
    }
    if (status == WEFT_OK) {
        HASH_ADD(hh, gateway->plans_map, number, sizeof(plan->number), plan);
        gateway->plans_count += weft_map_added(plan);
        status = weft_map_added(plan) ? WEFT_OK : weft_error_set_out_of_memory(error);
    }
    if (status != WEFT_OK) {
        plan_free(gateway, plan);
        return status;
    }
    weft_list_append(&gateway->plans, &plan->link);
    *ret_plan = plan;
    return WEFT_OK;
}

enum weft_status plan_for(struct weft_gateway *gateway, const struct weft_submission *submission,
                          uint64_t now_ns, struct gateway_plan **ret_plan,
                          struct weft_error **error)
{
    const uint32_t *placement = NULL;
    enum weft_status status = plan_place(gateway, submission->pipeline, &placement, error);
    if (status != WEFT_OK) {
        return status;
    }
    *ret_plan = find_same(gateway, submission, placement);
    if (*ret_plan != NULL) {
        watch(gateway, *ret_plan);
        return WEFT_OK;
    }
    status = make_room(gateway, error);
    struct gateway_plan *plan = NULL;
    if (status == WEFT_OK) {
        status = plan_new(gateway, submission, placement, &plan, error);
    }
    for (size_t node = 0; status == WEFT_OK && node < plan->nodes_count; node++) {
        status = takes_part(plan, node) ? prepare_part(gateway, plan, node, error) : WEFT_OK;
    }
    if (status != WEFT_OK) {
        if (plan != NULL) {
            plan_forget(gateway, plan);
        }
        return status;
    }
    plan->state = plan->awaited == 0 ? PLAN_READY : PLAN_PREPARING;
    plan->asked_ns = now_ns;
    plan->patience_ns = WEFT_GATEWAY_ASK_AGAIN_NS;
    watch(gateway, plan);
    *ret_plan = plan;
    return WEFT_OK;
}

void plan_break(struct weft_gateway *gateway, struct gateway_plan *plan, struct weft_error *error,
                uint64_t now_ns)
{
    plan->state = PLAN_BROKEN;
    plan->requests++; /* stays while its requests go */
    plan->forgotten = true;
    for (struct weft_list *link; (link = weft_list_first(&plan->waiting)) != NULL;) {
        request_end(gateway, weft_list_entry(link, struct open_request, waiting), error, now_ns);
    }
    plan_unuse(gateway, plan);
}

static void plan_ready(struct weft_gateway *gateway, struct gateway_plan *plan, uint64_t now_ns)
{
    plan->state = PLAN_READY;
    for (struct weft_list *link; (link = weft_list_first(&plan->waiting)) != NULL;) {
        weft_list_remove(link);
        request_run(gateway, weft_list_entry(link, struct open_request, waiting), now_ns);
    }
}

/* nodes_count if it is none of the plan's. */
static size_t node_index(const struct gateway_plan *plan, const char *node)
{
    size_t index = 0;
    while (index < plan->nodes_count && strcmp(plan->nodes[index].name, node) != 0) {
        index++;
    }
    return index;
}

bool plan_awaits(const struct gateway_plan *plan, const char *node)
{
    size_t index = node_index(plan, node);
    return index < plan->nodes_count && !plan->prepared[index];
}

static void refused(struct weft_gateway *gateway, struct gateway_plan *plan, const char *node,
                    struct weft_error *error, uint64_t now_ns)
{
    struct weft_error *why = weft_error_ref(error);
    (void)weft_error_wrap(&why, WEFT_UNKNOWN, "node \"%s\" refuses its part of the pipeline", node);
    weft_error_set_place(&why, &(struct weft_error_place){.node = node});
    plan_break(gateway, plan, why, now_ns);
    weft_error_unref(why);
}

static void end_evicted(struct weft_gateway *gateway, struct open_request *open, uint32_t step,
                        const char *node, struct weft_error *error, uint64_t now_ns)
{
    const char *name = open->request.pipeline->steps[step].name;
    struct weft_error *why = weft_error_ref(error);
    (void)weft_error_wrap(&why, WEFT_UNAVAILABLE,
                          "node \"%s\" gave plan %" PRIu64
                          " up while it held step \"%s\" or its output",
                          node, open->plan->number, name);
    weft_error_set_place(&why, &(struct weft_error_place){.step = name, .node = node});
    request_end(gateway, open, why, now_ns);
    weft_error_unref(why);
}

/* The node gave the plan up, to make room. No request of it was there, so what has still a step
 * there can't go on: its values are lost, or will be. Nor would the node know any more whom to tell
 * if an output did not arrive. Before the plan is ready no value is under way. */
static void evicted(struct weft_gateway *gateway, struct gateway_plan *plan, size_t node,
                    struct weft_error *error, uint64_t now_ns)
{
    const char *name = plan->nodes[node].name;
    if (plan->state == PLAN_PREPARING) {
        if (++plan->evictions > WEFT_GATEWAY_EVICTIONS_MAX ||
            prepare_part(gateway, plan, node, NULL) != WEFT_OK) {
            refused(gateway, plan, name, error, now_ns);
        }
        return;
    }
    plan->requests++; /* stays while its requests go */
    struct open_request *open, *next_open;
    HASH_ITER (hh, gateway->requests, open, next_open) {
        uint32_t step = open->plan == plan && open->machine.state == REQUEST_RUNNING
                            ? open_step_on(open, name)
                            : WEFT_STEP_GATEWAY;
        if (step != WEFT_STEP_GATEWAY) {
            end_evicted(gateway, open, step, name, error, now_ns);
        }
    }
    plan->forgotten = true;
    plan_unuse(gateway, plan);
}

void plan_prepared(struct weft_gateway *gateway, struct gateway_plan *plan, const char *node,
                   struct weft_error *error, uint64_t now_ns)
{
    bool awaited = plan_awaits(plan, node);
    size_t index = node_index(plan, node);
    if (!awaited && error != NULL && index < plan->nodes_count && takes_part(plan, index) &&
        plan->state != PLAN_BROKEN) {
        evicted(gateway, plan, index, error, now_ns);
        return;
    }
    if (plan->state != PLAN_PREPARING || !awaited) {
        return;
    }
    if (error != NULL) {
        refused(gateway, plan, node, error, now_ns);
        return;
    }
    plan->prepared[index] = true;
    plan->awaited--;
    if (plan->awaited == 0) {
        plan_ready(gateway, plan, now_ns);
    }
}

static bool is_used(const struct weft_gateway *gateway, const struct weft_pipeline *pipeline)
{
    for (const struct weft_list *link = gateway->plans.next; link != &gateway->plans;
         link = link->next) {
        if (weft_list_entry(link, struct gateway_plan, link)->pipeline == pipeline) {
            return true;
        }
    }
    return false;
}

void pipelines_release(struct weft_gateway *gateway)
{
    struct weft_list *link = gateway->forgotten.next;
    gateway->releasable = false;
    while (link != &gateway->forgotten) {
        struct forgotten_pipeline *forgotten =
            weft_list_entry(link, struct forgotten_pipeline, link);
        link = link->next;
        if (!is_used(gateway, forgotten->pipeline)) {
            weft_list_remove(&forgotten->link);
            gateway->host.released(gateway->host.context, forgotten->pipeline);
            free(forgotten);
        }
    }
}

enum weft_status weft_gateway_forget(struct weft_gateway *gateway,
                                     const struct weft_pipeline *pipeline,
                                     struct weft_error **error)
{
    struct forgotten_pipeline *forgotten = malloc(sizeof(*forgotten));
    if (forgotten == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    forgotten->pipeline = pipeline;
    places_forget(gateway, pipeline);
    weft_list_append(&gateway->forgotten, &forgotten->link);
    gateway->releasable = true;
    struct weft_list *link = gateway->plans.next;
    while (link != &gateway->plans) {
        struct gateway_plan *plan = weft_list_entry(link, struct gateway_plan, link);
        link = link->next;
        if (plan->pipeline == pipeline) {
            plan_forget(gateway, plan);
        }
    }
    return WEFT_OK;
}
