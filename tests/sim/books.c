/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/cluster.h"

/* What a timer may be late by: it fires a microsecond after it is due, and cancelling takes a turn.
 */
#define SLACK_NS (5 * WEFT_NS_PER_MS)

struct sim_request *sim_request_of(struct sim_cluster *cluster, struct weft_request_id id)
{
    for (unsigned i = 0; i < cluster->requests_count; i++) {
        struct sim_request *request = &cluster->requests[i];
        if (request->id.sequence == id.sequence && request->id.gateway == id.gateway) {
            return request;
        }
    }
    return NULL;
}

uint64_t sim_content(struct weft_request_id request, uint32_t step, uint32_t output)
{
    if (step == WEFT_STEP_GATEWAY) {
        return 0;
    }
    struct weft_random random = {request.gateway * 31 + request.sequence * 1009 + step * 17 +
                                 output};
    return weft_random_next(&random);
}

struct weft_value *sim_value(uint64_t content)
{
    struct weft_value *value = NULL;
    struct weft_shape shape = {.rank = 1, .dims = {1}};
    weft_assert(weft_value_new(WEFT_INT64, &shape, &content, sizeof(content), &value, NULL) ==
                WEFT_OK);
    return value;
}

uint64_t sim_part_content(struct weft_request_id request, uint32_t step, uint32_t output,
                          unsigned part)
{
    return sim_content(request, step, output) + part + 1;
}

static bool has_content(const struct weft_value *value, uint64_t content)
{
    return weft_value_size_bytes(value) == sizeof(content) &&
           memcmp(weft_value_data(value), &content, sizeof(content)) == 0;
}

static void check_room(struct sim_node *node, const struct weft_task *task)
{
    struct sim_world *world = node->cluster->world;
    const struct weft_needs *needs = &task->step->needs;
    node->slots_used += needs->slots;
    node->memory_used += needs->memory_bytes;
    if (node->slots_used > node->resources.slots) {
        sim_find(world, "%s uses %u of its %u slots", node->name, node->slots_used,
                 node->resources.slots);
    }
    if (node->resources.memory_bytes != 0 && node->memory_used > node->resources.memory_bytes) {
        sim_find(world, "%s uses %llu of its %llu bytes", node->name,
                 (unsigned long long)node->memory_used,
                 (unsigned long long)node->resources.memory_bytes);
    }
    if (needs->tags_count > node->resources.tags_count) {
        sim_find(world, "%s runs %s, whose tag it has not", node->name, task->step->model);
    }
}

void sim_check_start(struct sim_node *node, const struct weft_task *task)
{
    struct sim_cluster *cluster = node->cluster;
    struct sim_world *world = cluster->world;
    struct sim_request *request = sim_request_of(cluster, task->request);
    check_room(node, task);
    if (request == NULL) {
        return; /* of a gateway that is dead */
    }
    uint32_t step = task->step->step;
    const struct weft_pipeline_step *declared = &cluster->pipeline->steps[step];
    if (request->started[step]) {
        sim_find(world, "step %s of request %u is started twice", declared->name, request->index);
    }
    request->started[step] = true;
    for (size_t i = 0; i < declared->before_count; i++) {
        if (!request->finished[declared->before[i]]) {
            sim_find(world, "step %s of request %u is started before %s has finished",
                     declared->name, request->index,
                     cluster->pipeline->steps[declared->before[i]].name);
        }
    }
    for (size_t i = 0; i < task->step->inputs_count; i++) {
        const struct weft_plan_input *input = &task->step->inputs[i];
        if (task->inputs[i] == NULL) {
            sim_find(world, "step %s of request %u lacks input %s", declared->name, request->index,
                     input->name);
        } else if (!has_content(task->inputs[i],
                                sim_content(task->request, input->from_step, input->from_output))) {
            sim_find(world, "step %s of request %u has another's value as input %s", declared->name,
                     request->index, input->name);
        }
    }
}

/* A value comes to a node once, and only where somebody takes it. */
void sim_check_arrival(struct sim_node *node, const struct weft_deliver *deliver)
{
    struct sim_cluster *cluster = node->cluster;
    struct sim_request *request = sim_request_of(cluster, deliver->request);
    if (request == NULL) {
        return;
    }
    uint32_t from = deliver->from_step == WEFT_STEP_GATEWAY ? SIM_STEPS_MAX : deliver->from_step;
    uint32_t output =
        deliver->from_output == WEFT_OUTPUT_FINISHED ? SIM_OUTPUTS + 3 : deliver->from_output;
    if (from < SIM_STEPS_MAX && output < SIM_OUTPUTS && !deliver->last) {
        if (deliver->part != request->parts_arrived[from][output][node->index]++) {
            sim_find(cluster->world,
                     "part %u of output %u of step %u of request %u came to %s as %u",
                     deliver->part, output, from, request->index, node->name,
                     request->parts_arrived[from][output][node->index] - 1U);
        }
        return;
    }
    if (from > SIM_STEPS_MAX || output >= SIM_OUTPUTS + 4) {
        sim_find(cluster->world, "a value of nobody arrives at %s", node->name);
        return;
    }
    if (++request->arrived[from][output][node->index] > 1) {
        sim_find(cluster->world, "output %u of step %u of request %u came to %s twice", output,
                 from, request->index, node->name);
    }
}

void sim_check_part(struct sim_request *request, uint32_t output, const struct weft_value *value)
{
    struct sim_world *world = request->cluster->world;
    const struct weft_pipeline_binding *from = &request->cluster->pipeline->outputs[output];
    unsigned part = request->parts_seen[output]++;
    bool last = part == request->parts_sent[from->from_step];
    uint64_t content =
        last ? sim_content(request->id, from->from_step, from->from_output)
             : sim_part_content(request->id, from->from_step, from->from_output, part);
    if (request->ended || !has_content(value, content)) {
        sim_find(world, "part %u of output %s of request %u is not the next one", part, from->name,
                 request->index);
    }
}

/* What the client has in the end: the whole output, or its last part. */
static uint64_t end_content(const struct sim_request *request, uint32_t output)
{
    const struct weft_pipeline_binding *from = &request->cluster->pipeline->outputs[output];
    unsigned sent = request->parts_sent[from->from_step];
    bool whole = sent == 0 || request->parts_seen[output] > sent;
    return whole ? sim_content(request->id, from->from_step, from->from_output)
                 : sim_part_content(request->id, from->from_step, from->from_output, sent - 1);
}

void sim_check_ended(struct sim_request *request, struct weft_error *error,
                     struct weft_value *const *outputs)
{
    struct sim_cluster *cluster = request->cluster;
    struct sim_world *world = cluster->world;
    request->status = weft_error_status(error);
    sim_trace(world, "request %u ends: %s %s", request->index, weft_status_name(request->status),
              error != NULL ? weft_error_message(error) : "");
    if (request->ended) {
        sim_find(world, "request %u ended twice", request->index);
        return;
    }
    request->ended = true;
    if (request->deadline_ns != UINT64_MAX && world->now_ns > request->deadline_ns + SLACK_NS) {
        sim_find(world, "request %u ended %llu ms after its deadline", request->index,
                 (unsigned long long)((world->now_ns - request->deadline_ns) / WEFT_NS_PER_MS));
    }
    for (size_t i = 0; error == NULL && i < cluster->pipeline->outputs_count; i++) {
        const struct weft_pipeline_binding *output = &cluster->pipeline->outputs[i];
        if (outputs[i] == NULL || !has_content(outputs[i], end_content(request, (uint32_t)i)) ||
            request->parts_seen[i] < request->parts_sent[output->from_step]) {
            sim_find(world, "output %s of request %u is not what its step made", output->name,
                     request->index);
        }
    }
    /* A small table of plans turns requests away, but says so. */
    bool no_room = cluster->plans_max > 0 && (request->status == WEFT_UNAVAILABLE ||
                                              request->status == WEFT_RESOURCE_EXHAUSTED);
    bool excused = cluster->faults || request->cancelled || no_room ||
                   request->status == WEFT_DEADLINE_EXCEEDED;
    if (error != NULL && !excused) {
        sim_find(world, "request %u failed without a fault: %s", request->index,
                 weft_error_message(error));
    }
}

void sim_check_always(struct sim_node *node)
{
    struct sim_world *world = node->cluster->world;
    if (!node->alive || world->found) {
        return;
    }
    struct weft_worker_state state = weft_worker_state(node->worker);
    if (node->cluster->plans_max > 0 && state.plans > node->cluster->plans_max) {
        sim_find(world, "%s keeps %zu plans, and %zu are allowed", node->name, state.plans,
                 node->cluster->plans_max);
    }
    if (weft_worker_wastes(node->worker)) {
        sim_find(world, "work waits on %s although it fits", node->name);
    }
    if (node->cluster->simple && state.ready > 0 && node->slots_used < node->resources.slots) {
        sim_find(world, "%zu tasks wait on %s although %u of its %u slots are free", state.ready,
                 node->name, node->resources.slots - node->slots_used, node->resources.slots);
    }
    if (state.slots_used != node->slots_used && world->bug != SIM_BUG_LEAKED_SLOT) {
        sim_find(world, "%s counts %u slots in use, but %u are", node->name, state.slots_used,
                 node->slots_used);
    }
    for (unsigned i = 0; i < node->cluster->requests_count; i++) {
        const struct sim_request *request = &node->cluster->requests[i];
        if (request->open && !request->ended && request->gateway == node &&
            request->boot == node->generation && request->deadline_ns != UINT64_MAX &&
            world->now_ns > request->deadline_ns + 100 * WEFT_NS_PER_MS) {
            sim_find(world, "request %u is still open long after its deadline", request->index);
        }
    }
}

static void check_node_end(struct sim_node *node)
{
    struct sim_world *world = node->cluster->world;
    struct weft_worker_state state = weft_worker_state(node->worker);
    if (state.runs > 0 || state.ready > 0 || state.running > 0 || state.slots_used > 0 ||
        state.memory_used_bytes > 0) {
        sim_find(
            world,
            "in the end %s still holds %zu requests, %zu ready and %zu running tasks, %u slots",
            node->name, state.runs, state.ready, state.running, state.slots_used);
    }
    if (node->forgotten != node->released) {
        sim_find(world, "in the end %s has got %u of its %u former pipelines back", node->name,
                 node->released, node->forgotten);
    }
    if (weft_gateway_requests_count(node->gateway) > 0) {
        sim_find(world, "in the end %zu requests are still open at %s",
                 weft_gateway_requests_count(node->gateway), node->name);
    }
    for (unsigned i = 0; i < node->cluster->nodes_count; i++) {
        if (i != node->index && weft_session_queued(node->peers[i].session) > 0) {
            sim_find(world, "in the end %zu messages of %s to %s are not acknowledged",
                     weft_session_queued(node->peers[i].session), node->name,
                     node->peers[i].other->name);
        }
    }
}

void sim_check_end(struct sim_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->requests_count; i++) {
        const struct sim_request *request = &cluster->requests[i];
        if (request->open && (!request->ended || !request->settled)) {
            sim_find(cluster->world, "request %u never %s", request->index,
                     request->ended ? "settled" : "ended");
        }
    }
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        if (cluster->nodes[i].alive) {
            check_node_end(&cluster->nodes[i]);
        }
    }
}
