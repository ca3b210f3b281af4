/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sched/gateway_parts.h"

struct cluster_node *node_find(struct weft_gateway *gateway, const char *name)
{
    for (size_t i = 0; i < gateway->nodes_count; i++) {
        if (gateway->nodes[i].info.name != NULL && strcmp(gateway->nodes[i].info.name, name) == 0) {
            return &gateway->nodes[i];
        }
    }
    return NULL;
}

/* So many places are taken before one that remembers a node that is gone is given to another. */
enum { REMEMBERED_MIN = 64 };

/* The place that the node had, or one that nobody had; one that another had only where there are
 * many. */
static struct cluster_node *free_slot(struct weft_gateway *gateway, const char *name)
{
    struct cluster_node *any = NULL;
    struct cluster_node *fresh = NULL;
    for (size_t i = 0; i < gateway->nodes_count; i++) {
        struct cluster_node *node = &gateway->nodes[i];
        if (node->info.name != NULL) {
            continue;
        }
        if (node->gone.name != NULL && strcmp(node->gone.name, name) == 0) {
            return node;
        }
        any = any == NULL ? node : any;
        fresh = fresh == NULL && node->gone.name == NULL ? node : fresh;
    }
    return fresh != NULL || gateway->nodes_count < REMEMBERED_MIN ? fresh : any;
}

static enum weft_status empty_slot(struct weft_gateway *gateway, const char *name,
                                   struct cluster_node **ret_slot, struct weft_error **error)
{
    *ret_slot = free_slot(gateway, name);
    if (*ret_slot != NULL) {
        return WEFT_OK;
    }
    if (gateway->nodes_count >= WEFT_GATEWAY_NODES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the cluster has %d nodes already, which is the limit",
                              WEFT_GATEWAY_NODES_MAX);
    }
    struct cluster_node *nodes =
        realloc(gateway->nodes, (gateway->nodes_count + 1) * sizeof(struct cluster_node));
    if (nodes == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    gateway->nodes = nodes;
    nodes[gateway->nodes_count] = (struct cluster_node){0};
    *ret_slot = &nodes[gateway->nodes_count++];
    return WEFT_OK;
}

enum weft_status weft_gateway_node(struct weft_gateway *gateway, const struct weft_node_info *info,
                                   struct weft_error **error)
{
    struct cluster_node *node = node_find(gateway, info->name);
    if (node != NULL && info->generation < node->info.generation) {
        return WEFT_OK; /* of a boot that is over */
    }
    struct weft_node_info copy;
    if (!weft_node_info_copy(info, &copy)) {
        return weft_error_set_out_of_memory(error);
    }
    if (node == NULL) {
        enum weft_status status = empty_slot(gateway, info->name, &node, error);
        if (status != WEFT_OK) {
            weft_node_info_fini(&copy);
            return status;
        }
    }
    if (node->info.generation != copy.generation) {
        node->open_tasks = 0;
    }
    weft_node_info_fini(&node->info);
    weft_node_info_fini(&node->gone);
    node->info = copy;
    gateway->cluster_version++; /* of all nodes: they may lie elsewhere now */
    return WEFT_OK;
}

static bool plan_has(const struct gateway_plan *plan, const char *name, uint64_t generation)
{
    for (size_t i = 0; i < plan->nodes_count; i++) {
        if ((generation == 0 || plan->nodes[i].generation == generation) &&
            strcmp(plan->nodes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether what a finished step made may not have reached all who take it: a node reports before its
 * values are acknowledged, so with the node they may be gone. Only a consumer that runs, or an
 * output that is here, is proof. */
static bool may_be_missed(const struct open_request *open, uint32_t step)
{
    const struct weft_pipeline *pipeline = open->request.pipeline;
    for (uint32_t i = step + 1; i < pipeline->steps_count; i++) {
        const struct weft_pipeline_step *consumer = &pipeline->steps[i];
        for (size_t before = 0;
             open->step_states[i] == STEP_OPEN && before < consumer->before_count; before++) {
            if (consumer->before[before] == step) {
                return true;
            }
        }
    }
    for (uint32_t i = 0; i < open->outputs_count; i++) {
        if (open->plan->compiled.outputs[i].from_step == step && !open->output_done[i]) {
            return true;
        }
    }
    return false;
}

const char *step_fed_on(const struct open_request *open, uint32_t producer, const char *node)
{
    const struct weft_pipeline *pipeline = open->request.pipeline;
    for (uint32_t i = producer + 1; i < pipeline->steps_count; i++) {
        const struct weft_pipeline_step *consumer = &pipeline->steps[i];
        for (size_t before = 0; before < consumer->before_count; before++) {
            if (consumer->before[before] == producer &&
                strcmp(open->request.step_nodes[i], node) == 0) {
                return consumer->name;
            }
        }
    }
    return NULL;
}

uint32_t open_step_on(const struct open_request *open, const char *name)
{
    for (uint32_t step = 0; step < open->request.steps_count; step++) {
        bool over =
            open->step_states[step] == STEP_FINISHED || open->step_states[step] == STEP_FAILED;
        if (strcmp(open->request.step_nodes[step], name) == 0 &&
            (!over || may_be_missed(open, step))) {
            return step;
        }
    }
    return WEFT_STEP_GATEWAY;
}

static void end_for_lost_node(struct weft_gateway *gateway, struct open_request *open,
                              const char *name, uint64_t now_ns)
{
    uint32_t step = open_step_on(open, name);
    if (step == WEFT_STEP_GATEWAY) {
        return; /* what it had to do is done and handed on */
    }
    const char *step_name = open->request.pipeline->steps[step].name;
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_UNAVAILABLE,
                         "node \"%s\" went away while it held step \"%s\" or its output", name,
                         step_name);
    weft_error_set_hint(&error, "is the node's process running, and its address reachable?");
    weft_error_set_place(&error,
                         &(struct weft_error_place){.step = step_name, .node = name, .attempt = 1});
    request_end(gateway, open, error, now_ns);
}

void weft_gateway_peer_lost(struct weft_gateway *gateway, const char *name, uint64_t generation,
                            uint64_t now_ns)
{
    struct open_request *open, *next_open;
    HASH_ITER (hh, gateway->requests, open, next_open) {
        if (open->machine.state != REQUEST_ENDED && plan_has(open->plan, name, generation)) {
            end_for_lost_node(gateway, open, name, now_ns);
        }
    }
    struct gateway_plan *plan, *next_plan;
    HASH_ITER (hh, gateway->plans_map, plan, next_plan) {
        if (plan_has(plan, name, generation)) {
            plan_forget(gateway, plan);
        }
    }
    struct cluster_node *node = node_find(gateway, name);
    if (node != NULL && (generation == 0 || node->info.generation <= generation)) {
        weft_node_info_fini(&node->gone);
        node->gone = node->info;
        node->info = (struct weft_node_info){0};
        node->open_tasks = 0;
        gateway->cluster_version++;
    }
}

size_t weft_gateway_nodes_count(const struct weft_gateway *gateway)
{
    return gateway->nodes_count;
}

const struct weft_node_info *weft_gateway_node_at(const struct weft_gateway *gateway, size_t index)
{
    weft_assert(index < gateway->nodes_count);
    return gateway->nodes[index].info.name != NULL ? &gateway->nodes[index].info : NULL;
}
