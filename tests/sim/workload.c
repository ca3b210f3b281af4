/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/cluster.h"

/* --- tasks --- */

struct task_event {
    struct sim_event event; /* first */
    struct sim_task *task;
};

static void task_free(struct sim_task *task)
{
    if (task != NULL) {
        weft_error_unref(task->error);
        free(task);
    }
}

static void drop_task_event(struct sim_event *event)
{
    struct task_event *task_event = (struct task_event *)event;
    task_free(task_event->task);
    free(task_event);
}

static void book_end(struct sim_node *node, struct sim_task *task)
{
    struct sim_task **at = &node->tasks;
    while (*at != NULL && *at != task) {
        at = &(*at)->next;
    }
    if (*at == task) {
        *at = task->next;
    }
    node->slots_used -= task->task->step->needs.slots;
    node->memory_used -= task->task->step->needs.memory_bytes;
    task->over = true;
}

static const struct sim_model *model_of(const struct sim_cluster *cluster, const char *name)
{
    return &cluster->models[name[1] - '0'];
}

static void finish(struct sim_task *task)
{
    struct sim_node *node = task->node;
    struct sim_world *world = node->cluster->world;
    struct weft_task *real = task->task;
    const struct sim_model *model = model_of(node->cluster, real->step->model);
    cleanup_error struct weft_error *error = weft_error_ref(task->error);
    struct weft_value *outputs[SIM_OUTPUTS] = {0};
    struct sim_request *request = sim_request_of(node->cluster, real->request);
    if (error != NULL) {
        /* A part could not be sent. */
    } else if (task->stopped) {
        (void)weft_error_set(&error, WEFT_CANCELLED, "stopped");
    } else if (sim_chance(world, model->fail_percent)) {
        (void)weft_error_set(&error, WEFT_INTERNAL, "the model failed");
    }
    bool whole = !task->streams || sim_chance(world, 50); /* or its parts were all */
    for (uint32_t i = 0; error == NULL && whole && i < real->step->outputs_count; i++) {
        outputs[i] = sim_value(sim_content(real->request, real->step->step, i));
    }
    if (error == NULL && request != NULL) {
        request->finished[real->step->step] = true;
    }
    sim_trace(world, "%s ends %s of request %llu: %s", node->name, real->step->step_name,
              (unsigned long long)real->request.sequence,
              error != NULL ? weft_error_message(error) : "ok");
    book_end(node, task);
    task->task = NULL;
    struct weft_task_result result = {
        .error = error, .outputs = outputs, .start_ns = 1, .end_ns = 2};
    weft_worker_finished(node->worker, real, &result, world->now_ns);
    for (size_t i = 0; i < SIM_OUTPUTS; i++) {
        weft_value_unref(outputs[i]);
    }
    sim_node_after(node);
}

static void task_ends(struct sim_event *event);

static void ends_later(struct sim_task *task, uint64_t after_ns)
{
    struct task_event *again = calloc(1, sizeof(*again));
    weft_assert(again != NULL);
    again->event.happen = task_ends;
    again->event.drop = drop_task_event;
    again->task = task;
    sim_schedule(task->node->cluster->world, &again->event, after_ns);
}

/* Only what no other step takes can be streamed. */
static bool may_stream(const struct sim_cluster *cluster, uint32_t step)
{
    for (size_t i = 0; i < cluster->pipeline->steps_count; i++) {
        const struct weft_pipeline_step *other = &cluster->pipeline->steps[i];
        for (size_t before = 0; before < other->before_count; before++) {
            if (other->before[before] == step) {
                return false;
            }
        }
    }
    return true;
}

/* A part of every output. */
static void stream_part(struct sim_task *task)
{
    struct sim_node *node = task->node;
    struct weft_task *real = task->task;
    struct sim_request *request = sim_request_of(node->cluster, real->request);
    struct weft_value *outputs[SIM_OUTPUTS] = {0};
    unsigned part = request != NULL ? request->parts_sent[real->step->step]++ : 0;
    for (uint32_t i = 0; i < real->step->outputs_count; i++) {
        outputs[i] = sim_value(sim_part_content(real->request, real->step->step, i, part));
    }
    task->parts_left--;
    if (weft_worker_part(node->worker, real, outputs, node->cluster->world->now_ns, &task->error) !=
        WEFT_OK) {
        task->parts_left = 0;
    }
    for (size_t i = 0; i < SIM_OUTPUTS; i++) {
        weft_value_unref(outputs[i]);
    }
    sim_node_after(node);
}

static void task_ends(struct sim_event *event)
{
    struct sim_task *task = ((struct task_event *)event)->task;
    ((struct task_event *)event)->task = NULL;
    if (!task->over && task->parts_left > 0 && !task->stopped) {
        stream_part(task);
        ends_later(task, sim_between(task->node->cluster->world, 0, 5 * WEFT_NS_PER_MS));
        return;
    }
    if (task->over) {
        task_free(task);
        return;
    }
    if (task->stopped && task->node->cluster->world->bug == SIM_BUG_LEAKED_SLOT) {
        return; /* planted: its end is never told; the memory goes with the node's list */
    }
    if (!task->hangs || task->stopped) {
        finish(task);
        task_free(task);
        return;
    }
    ends_later(task, 20 * WEFT_NS_PER_MS);
}

void sim_task_start(void *context, struct weft_task *real)
{
    struct sim_node *node = context;
    struct sim_world *world = node->cluster->world;
    sim_check_start(node, real);
    const struct sim_model *model = model_of(node->cluster, real->step->model);
    struct sim_task *task = calloc(1, sizeof(*task));
    struct task_event *event = calloc(1, sizeof(*event));
    weft_assert(task != NULL && event != NULL);
    *task = (struct sim_task){
        .node = node, .task = real, .boot = node->generation, .next = node->tasks};
    task->hangs = sim_chance(world, model->hang_percent);
    task->streams = may_stream(node->cluster, real->step->step) && real->step->outputs_count > 0 &&
                    sim_chance(world, model->stream_percent);
    task->parts_left = task->streams ? (unsigned)sim_between(world, 1, 4) : 0;
    node->tasks = task;
    *(struct sim_task **)real->host_data = task;
    event->event.happen = task_ends;
    event->event.drop = drop_task_event;
    event->task = task;
    sim_trace(world, "%s starts %s of request %llu", node->name, real->step->step_name,
              (unsigned long long)real->request.sequence);
    sim_schedule(world, &event->event,
                 sim_between(world, model->duration_min_ns, model->duration_max_ns));
}

void sim_task_stop(void *context, struct weft_task *real)
{
    (void)context;
    (*(struct sim_task **)real->host_data)->stopped = true;
}

enum weft_status sim_task_check(void *context, const struct weft_plan_task *task,
                                struct weft_error **error)
{
    struct sim_node *node = context;
    return model_of(node->cluster, task->model)->on_node[node->index]
               ? WEFT_OK
               : weft_error_set(error, WEFT_NOT_FOUND, "no model \"%s\" here", task->model);
}

/* --- requests --- */

static void gateway_ended(void *context, struct weft_request *handle, struct weft_error *error,
                          struct weft_value *const *outputs)
{
    (void)context;
    struct sim_request *request = handle->host_data;
    sim_check_ended(request, error, outputs);
    if (request->cluster->world->bug == SIM_BUG_ENDED_TWICE &&
        sim_chance(request->cluster->world, 20)) {
        sim_check_ended(request, error, outputs);
    }
}

static void gateway_settled(void *context, struct weft_request *handle)
{
    (void)context;
    struct sim_request *request = handle->host_data;
    if (!request->ended || request->settled) {
        sim_find(request->cluster->world, "request %u settled %s", request->index,
                 request->settled ? "twice" : "before it had ended");
    }
    request->settled = true;
    request->request = NULL;
}

static void check_released(struct sim_node *node, const struct weft_pipeline *pipeline)
{
    const struct sim_cluster *cluster = node->cluster;
    for (unsigned i = 0; i < cluster->requests_count; i++) {
        const struct sim_request *request = &cluster->requests[i];
        if (request->open && request->request != NULL && request->gateway == node &&
            request->boot == node->generation && request->pipeline == pipeline) {
            sim_find(cluster->world, "%s gives the pipeline of request %u back, which needs it",
                     node->name, request->index);
        }
    }
}

static void gateway_released(void *context, const struct weft_pipeline *pipeline)
{
    struct sim_node *node = context;
    check_released(node, pipeline);
    node->released++;
    weft_pipeline_free((struct weft_pipeline *)pipeline);
}

static void gateway_part(void *context, struct weft_request *handle, uint32_t output,
                         struct weft_value *value)
{
    (void)context;
    sim_check_part(handle->host_data, output, value);
}

const struct weft_gateway_host sim_gateway_host = {.part = gateway_part,
                                                   .ended = gateway_ended,
                                                   .settled = gateway_settled,
                                                   .released = gateway_released};

/* The user replaces the pipeline by another one of the same content. */
static void replace_pipeline(struct sim_node *node)
{
    struct weft_pipeline *former = node->pipeline;
    node->pipeline = sim_pipeline_new(node->cluster);
    node->forgotten++;
    sim_trace(node->cluster->world, "%s has its pipeline replaced", node->name);
    if (node->cluster->world->bug == SIM_BUG_EARLY_RELEASE) {
        check_released(node, former);
    }
    weft_assert(weft_gateway_forget(node->gateway, former, NULL) == WEFT_OK);
    sim_node_after(node);
}

struct request_event {
    struct sim_event event; /* first */
    struct sim_request *request;
};

static void drop_plain(struct sim_event *event)
{
    free(event);
}

static void client_leaves(struct sim_event *event)
{
    struct sim_request *request = ((struct request_event *)event)->request;
    if (request->open && request->request != NULL && request->gateway->alive &&
        request->gateway->generation == request->boot) {
        request->cancelled = true;
        weft_gateway_cancel(request->gateway->gateway, request->request);
        sim_node_after(request->gateway);
    }
}

static void schedule_request(struct sim_request *request, void (*happen)(struct sim_event *event),
                             uint64_t after_ns)
{
    struct request_event *event = calloc(1, sizeof(*event));
    weft_assert(event != NULL);
    event->event.happen = happen;
    event->event.drop = drop_plain;
    event->request = request;
    sim_schedule(request->cluster->world, &event->event, after_ns);
}

static void client_asks(struct sim_event *event)
{
    struct sim_request *request = ((struct request_event *)event)->request;
    struct sim_cluster *cluster = request->cluster;
    struct sim_world *world = cluster->world;
    struct sim_node *gateway = &cluster->nodes[sim_between(world, 0, cluster->nodes_count - 1)];
    uint64_t timeout_ns =
        sim_chance(world, 40) ? UINT64_MAX : sim_between(world, 5, 2000) * WEFT_NS_PER_MS;
    if (!gateway->alive) {
        return;
    }
    struct weft_value *inputs[1] = {sim_value(0)};
    if (sim_chance(world, 15)) {
        replace_pipeline(gateway);
    }
    request->pipeline = gateway->pipeline;
    struct weft_submission submission = {.pipeline = gateway->pipeline,
                                         .inputs = inputs,
                                         .timeout_ns = timeout_ns,
                                         .host_data = request};
    request->gateway = gateway;
    request->boot = gateway->generation;
    request->submitted_ns = world->now_ns;
    request->deadline_ns = timeout_ns == UINT64_MAX ? UINT64_MAX : world->now_ns + timeout_ns;
    request->open = true;
    enum weft_status status =
        weft_gateway_submit(gateway->gateway, &submission, world->now_ns, &request->request, NULL);
    weft_value_unref(inputs[0]);
    if (status != WEFT_OK) {
        request->open = false;
        sim_trace(world, "%s refuses request %u: %s", gateway->name, request->index,
                  weft_status_name(status));
        if (!cluster->faults && status != WEFT_UNAVAILABLE) {
            sim_find(world, "request %u was refused without a fault: %s", request->index,
                     weft_status_name(status));
        }
    } else {
        request->id = request->request->request;
        sim_trace(world, "%s takes request %u as %llu", gateway->name, request->index,
                  (unsigned long long)request->id.sequence);
        if (sim_chance(world, 15)) {
            schedule_request(request, client_leaves, sim_between(world, 0, 200 * WEFT_NS_PER_MS));
        }
    }
    sim_node_after(gateway);
}

/* --- faults --- */

struct fault_event {
    struct sim_event event; /* first */
    struct sim_cluster *cluster;
    unsigned node;
};

static void reboots(struct sim_event *event)
{
    struct fault_event *fault = (struct fault_event *)event;
    if (!fault->cluster->nodes[fault->node].alive) {
        sim_node_boot(&fault->cluster->nodes[fault->node]);
        sim_node_after(&fault->cluster->nodes[fault->node]);
    }
}

static struct fault_event *fault_new(struct sim_cluster *cluster,
                                     void (*happen)(struct sim_event *event))
{
    struct fault_event *fault = calloc(1, sizeof(*fault));
    weft_assert(fault != NULL);
    fault->event.happen = happen;
    fault->event.drop = drop_plain;
    fault->cluster = cluster;
    return fault;
}

static void fault_strikes(struct sim_event *event)
{
    struct sim_cluster *cluster = ((struct fault_event *)event)->cluster;
    struct sim_world *world = cluster->world;
    if (cluster->calm) {
        return;
    }
    unsigned node = (unsigned)sim_between(world, 0, cluster->nodes_count - 1);
    if (sim_chance(world, 25) && cluster->nodes[node].alive) {
        sim_node_die(&cluster->nodes[node]);
        struct fault_event *boot = fault_new(cluster, reboots);
        boot->node = node;
        sim_schedule(world, &boot->event, sim_between(world, 10, 1500) * WEFT_NS_PER_MS);
    } else if (cluster->nodes_count > 1) {
        sim_wire_break(cluster, node,
                       (node + 1 + (unsigned)sim_between(world, 0, cluster->nodes_count - 2)) %
                           cluster->nodes_count);
    }
    sim_schedule(world, &fault_new(cluster, fault_strikes)->event,
                 sim_between(world, 20, 800) * WEFT_NS_PER_MS);
}

/* --- making a workload --- */

static void make_models(struct sim_cluster *cluster)
{
    struct sim_world *world = cluster->world;
    cluster->models_count = (unsigned)sim_between(world, 1, SIM_MODELS_MAX);
    for (unsigned i = 0; i < cluster->models_count; i++) {
        struct sim_model *model = &cluster->models[i];
        snprintf(model->name, sizeof(model->name), "m%u", i);
        model->needs.slots = cluster->simple ? 1 : (uint32_t)sim_between(world, 1, 2);
        model->needs.memory_bytes =
            cluster->simple || sim_chance(world, 50) ? 0 : sim_between(world, 1, 100);
        model->tag[0] = (char *)"t";
        if (!cluster->simple && sim_chance(world, 25)) {
            model->needs.tags = model->tag;
            model->needs.tags_count = 1;
        }
        model->duration_min_ns = sim_between(world, 0, 5) * WEFT_NS_PER_MS;
        model->duration_max_ns =
            model->duration_min_ns + sim_between(world, 1, 60) * WEFT_NS_PER_MS;
        model->fail_percent = cluster->faults && sim_chance(world, 30) ? 10 : 0;
        model->stream_percent = sim_chance(world, 30) ? 50 : 0;
        model->hang_percent = cluster->faults && sim_chance(world, 30) ? 10 : 0;
        for (unsigned node = 0; node < cluster->nodes_count; node++) {
            model->on_node[node] = sim_chance(world, 60);
        }
        model->on_node[sim_between(world, 0, cluster->nodes_count - 1)] = true;
    }
}

static void make_nodes(struct sim_cluster *cluster)
{
    struct sim_world *world = cluster->world;
    cluster->nodes_count = (unsigned)sim_between(world, 1, SIM_NODES_MAX);
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        struct sim_node *node = &cluster->nodes[i];
        node->resources.slots = (uint32_t)sim_between(world, cluster->simple ? 1 : 2, 4);
        node->resources.memory_bytes =
            cluster->simple || sim_chance(world, 50) ? 0 : sim_between(world, 100, 250);
        node->tag[0] = (char *)"t";
        if (sim_chance(world, 50)) {
            node->resources.tags = node->tag;
            node->resources.tags_count = 1;
        }
    }
}

struct weft_pipeline *sim_pipeline_new(struct sim_cluster *cluster)
{
    struct weft_pipeline *pipeline = NULL;
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "sim");
    if (weft_pipeline_parse(cluster->pipeline_text, strlen(cluster->pipeline_text), &diagnostics,
                            &pipeline, NULL) != WEFT_OK) {
        cleanup_text struct weft_text findings = {0};
        weft_diagnostics_format(&diagnostics, &findings);
        sim_find(cluster->world, "a good pipeline was refused: %s", weft_text_string(&findings));
    }
    return pipeline;
}

/* As text, so that the reader of pipelines has its part in every run. */
static void make_pipeline(struct sim_cluster *cluster)
{
    struct sim_world *world = cluster->world;
    cleanup_text struct weft_text text = {0};
    unsigned steps = (unsigned)sim_between(world, 1, SIM_STEPS_MAX);
    bool used[SIM_STEPS_MAX] = {0};
    weft_text_append_string(&text,
                            "pipeline: p\ninputs: {x: {datatype: INT64, shape: [1]}}\nsteps:\n");
    for (unsigned i = 0; i < steps; i++) {
        weft_text_printf(&text, "  s%u:\n    model: m%u\n    inputs: {", i,
                         (unsigned)sim_between(world, 0, cluster->models_count - 1));
        unsigned inputs = (unsigned)sim_between(world, 0, 3);
        for (unsigned input = 0; input < inputs; input++) {
            weft_text_append_string(&text, input > 0 ? ", " : "");
            unsigned from = (unsigned)sim_between(world, 0, i);
            if (from == i) {
                weft_text_printf(&text, "i%u: x", input);
            } else {
                weft_text_printf(&text, "i%u: s%u.o%u", input, from,
                                 (unsigned)sim_between(world, 0, 1));
                used[from] = true;
            }
        }
        weft_text_append_string(&text, "}\n");
        if (i > 0 && sim_chance(world, 25)) {
            unsigned after = (unsigned)sim_between(world, 0, i - 1);
            weft_text_printf(&text, "    after: [s%u]\n", after);
            used[after] = true;
        }
    }
    weft_text_append_string(&text, "outputs: {");
    for (unsigned i = 0; i < steps; i++) {
        if (!used[i] || i + 1 == steps || sim_chance(world, 20)) {
            weft_text_printf(&text, "y%u: s%u.o0, ", i, i);
        }
    }
    weft_text_append_string(&text, "}\n");
    cluster->pipeline_text = strdup(weft_text_string(&text));
    weft_assert(cluster->pipeline_text != NULL);
    cluster->pipeline = sim_pipeline_new(cluster);
    sim_trace(world, "pipeline:\n%s", weft_text_string(&text));
}

void sim_workload_make(struct sim_cluster *cluster)
{
    struct sim_world *world = cluster->world;
    cluster->faults = sim_chance(world, 70);
    cluster->simple = sim_chance(world, 40);
    cluster->loss_percent = cluster->faults ? (unsigned)sim_between(world, 0, 15) : 0;
    cluster->double_percent = cluster->faults ? (unsigned)sim_between(world, 0, 10) : 0;
    cluster->memory_percent =
        cluster->faults && sim_chance(world, 30) ? (unsigned)sim_between(world, 1, 20) : 0;
    cluster->plans_max = sim_chance(world, 25) ? sim_between(world, 1, 4) : 0;
    make_nodes(cluster);
    make_models(cluster);
    make_pipeline(cluster);
}

void sim_workload_schedule(struct sim_cluster *cluster)
{
    struct sim_world *world = cluster->world;
    cluster->requests_count = (unsigned)sim_between(world, 1, SIM_REQUESTS_MAX);
    for (unsigned i = 0; i < cluster->requests_count; i++) {
        cluster->requests[i] = (struct sim_request){.cluster = cluster, .index = i};
        /* Half of them close together, so that there is a queue. */
        uint64_t spread_ns = sim_chance(world, 50) ? 20 * WEFT_NS_PER_MS : 3 * WEFT_NS_PER_S;
        schedule_request(&cluster->requests[i], client_asks,
                         WEFT_NS_PER_S + sim_between(world, 0, spread_ns));
    }
    if (cluster->faults) {
        sim_schedule(world, &fault_new(cluster, fault_strikes)->event,
                     WEFT_NS_PER_S + 5 * WEFT_NS_PER_MS);
    }
}
