/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "sched/gateway_parts.h"

/* The plan's index of a node of the cluster, which is added if it is not there yet. */
static bool add_node(struct gateway_plan *plan, const struct weft_node_info *info,
                     uint32_t *ret_index)
{
    for (uint32_t i = 0; i < plan->nodes_count; i++) {
        if (strcmp(plan->nodes[i].name, info->name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    struct weft_plan_node *node = &plan->nodes[plan->nodes_count];
    *node = (struct weft_plan_node){strdup(info->name), info->generation, strdup(info->address)};
    *ret_index = (uint32_t)plan->nodes_count++;
    return node->name != NULL && node->address != NULL;
}

static bool add_nodes(struct weft_gateway *gateway, struct gateway_plan *plan, uint32_t *ret_places,
                      uint32_t *ret_gateway_node)
{
    plan->nodes = calloc(plan->steps_count + 1, sizeof(*plan->nodes));
    struct cluster_node *self = node_find(gateway, gateway->name);
    if (plan->nodes == NULL || self == NULL || !add_node(plan, &self->info, ret_gateway_node)) {
        return false;
    }
    for (size_t i = 0; i < plan->steps_count; i++) {
        const struct weft_node_info *info = &gateway->nodes[plan->placement[i]].info;
        plan->generations[i] = info->generation;
        if (!add_node(plan, info, &ret_places[i])) {
            return false;
        }
        plan->step_nodes[i] = plan->nodes[ret_places[i]].name;
    }
    return true;
}

/* The tags of both, each once. */
static bool merge_tags(struct weft_needs *needs, const struct weft_needs *more)
{
    for (size_t i = 0; i < more->tags_count; i++) {
        bool known = false;
        for (size_t tag = 0; tag < needs->tags_count && !known; tag++) {
            known = strcmp(needs->tags[tag], more->tags[i]) == 0;
        }
        if (known) {
            continue;
        }
        char **tags = realloc(needs->tags, (needs->tags_count + 1) * sizeof(char *));
        if (tags == NULL) {
            return false;
        }
        needs->tags = tags;
        tags[needs->tags_count] = strdup(more->tags[i]);
        if (tags[needs->tags_count] == NULL) {
            return false;
        }
        needs->tags_count++;
    }
    return true;
}

/* A task needs what its step says and what its model says. */
static bool add_model_needs(struct weft_gateway *gateway, struct gateway_plan *plan)
{
    for (size_t node = 0; node < plan->nodes_count; node++) {
        struct weft_node_plan *part = &plan->compiled.plans[node];
        for (size_t i = 0; i < part->tasks_count; i++) {
            struct weft_plan_task *task = &part->tasks[i];
            const struct weft_node_info *info = &gateway->nodes[plan->placement[task->step]].info;
            const struct weft_model_info *model =
                weft_node_find_model(info, task->model, task->model_version);
            if (model == NULL) {
                continue; /* a join */
            }
            struct weft_needs *needs = &task->needs;
            needs->slots = model->needs.slots > needs->slots ? model->needs.slots : needs->slots;
            if (__builtin_add_overflow(needs->memory_bytes, model->needs.memory_bytes,
                                       &needs->memory_bytes)) {
                needs->memory_bytes = UINT64_MAX;
            }
            if (!merge_tags(needs, &model->needs)) {
                return false;
            }
        }
    }
    return true;
}

static enum weft_status check_constants(const struct gateway_plan *plan, struct weft_error **error)
{
    for (size_t node = 0; node < plan->nodes_count; node++) {
        uint64_t bytes = weft_node_plan_constants_bytes(&plan->compiled.plans[node]);
        if (bytes > WEFT_PLAN_CONSTANTS_MAX_BYTES) {
            return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                                  "the constants of the steps on node \"%s\" have %" PRIu64
                                  " bytes together, each time they are used, and a plan carries %d",
                                  plan->nodes[node].name, bytes, WEFT_PLAN_CONSTANTS_MAX_BYTES);
        }
    }
    return WEFT_OK;
}

enum weft_status plan_compile(struct weft_gateway *gateway, struct gateway_plan *plan,
                              struct weft_error **error)
{
    cleanup_free uint32_t *places = calloc(plan->steps_count + 1, sizeof(*places));
    if (places == NULL || !add_nodes(gateway, plan, places, &plan->gateway_node)) {
        return weft_error_set_out_of_memory(error);
    }
    struct weft_compile_request request = {
        .pipeline = plan->pipeline,
        .placement = places,
        .nodes = plan->nodes,
        .nodes_count = plan->nodes_count,
        .gateway_node = plan->gateway_node,
        .gateway_generation = gateway->generation,
        .plan = plan->number,
        .absent = plan->absent,
    };
    enum weft_status status = weft_plan_compile(&request, &plan->compiled, error);
    if (status == WEFT_OK) {
        status = check_constants(plan, error);
    }
    if (status == WEFT_OK && !add_model_needs(gateway, plan)) {
        status = weft_error_set_out_of_memory(error);
    }
    return status;
}
