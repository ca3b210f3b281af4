/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/compile.h"

#include <stdlib.h>
#include <string.h>

void weft_compiled_plan_fini(struct weft_compiled_plan *compiled)
{
    for (size_t i = 0; compiled->plans != NULL && i < compiled->plans_count; i++) {
        weft_node_plan_fini(&compiled->plans[i]);
    }
    free(compiled->plans);
    for (size_t i = 0; compiled->inputs != NULL && i < compiled->inputs_count; i++) {
        for (size_t to = 0; to < compiled->inputs[i].destinations_count; to++) {
            free(compiled->inputs[i].destinations[to].lane);
        }
        free(compiled->inputs[i].destinations);
    }
    free(compiled->inputs);
    free(compiled->outputs);
    free(compiled->start);
    *compiled = (struct weft_compiled_plan){0};
}

static bool copy(const char *from, char **ret_to)
{
    *ret_to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *ret_to != NULL;
}

/* A destination is added once; the first pinned lane of its consumers counts. */
static bool add_destination(struct weft_plan_destination **destinations, size_t *count,
                            uint32_t node, const char *lane)
{
    for (size_t i = 0; i < *count; i++) {
        if ((*destinations)[i].node == node) {
            return (*destinations)[i].lane != NULL || copy(lane, &(*destinations)[i].lane);
        }
    }
    struct weft_plan_destination *larger = realloc(*destinations, (*count + 1) * sizeof(*larger));
    if (larger == NULL) {
        return false;
    }
    *destinations = larger;
    larger[*count] = (struct weft_plan_destination){.node = node};
    return copy(lane, &larger[(*count)++].lane);
}

struct compiling {
    const struct weft_compile_request *request;
    struct weft_compiled_plan *compiled;
    struct weft_plan_task **tasks; /* by step */
};

static bool is_absent(const struct compiling *compiling,
                      const struct weft_pipeline_binding *binding)
{
    return binding->kind == WEFT_SOURCE_INPUT && compiling->request->absent != NULL &&
           compiling->request->absent[binding->from_output];
}

static bool fill_node_plans(struct compiling *compiling)
{
    const struct weft_compile_request *request = compiling->request;
    struct weft_compiled_plan *compiled = compiling->compiled;
    compiled->plans = calloc(request->nodes_count + 1, sizeof(*compiled->plans));
    if (compiled->plans == NULL) {
        return false;
    }
    compiled->plans_count = request->nodes_count;
    for (size_t i = 0; i < request->nodes_count; i++) {
        struct weft_node_plan head = {
            .gateway = request->gateway_generation,
            .plan = request->plan,
            .pipeline = request->pipeline->name,
            .pipeline_version = request->pipeline->version,
            .nodes = (struct weft_plan_node *)request->nodes,
            .nodes_count = request->nodes_count,
            .gateway_node = request->gateway_node,
        };
        struct weft_node_plan *plan = &compiled->plans[i];
        if (!weft_node_plan_copy(&head, plan)) {
            return false;
        }
        plan->tasks = calloc(request->pipeline->steps_count + 1, sizeof(*plan->tasks));
        if (plan->tasks == NULL) {
            return false;
        }
    }
    return true;
}

static bool fill_inputs(struct compiling *compiling, const struct weft_pipeline_step *step,
                        struct weft_plan_task *task)
{
    task->inputs = calloc(step->inputs_count + 1, sizeof(*task->inputs));
    if (task->inputs == NULL) {
        return false;
    }
    for (size_t i = 0; i < step->inputs_count; i++) {
        const struct weft_pipeline_binding *binding = &step->inputs[i];
        if (is_absent(compiling, binding)) {
            continue;
        }
        struct weft_plan_input *input = &task->inputs[task->inputs_count++];
        input->constant = weft_value_ref(binding->constant);
        input->from_step = binding->from_step;
        input->from_output = binding->from_output;
        if (!copy(binding->name, &input->name)) {
            return false;
        }
    }
    return true;
}

/* A task that waits for nothing is told the start of the request. */
static bool waits_for_nothing(const struct weft_plan_task *task)
{
    for (size_t i = 0; i < task->inputs_count; i++) {
        if (task->inputs[i].constant == NULL) {
            return false;
        }
    }
    return task->after_count == 0;
}

static bool fill_after(const struct weft_pipeline_step *step, struct weft_plan_task *task)
{
    task->after = calloc(step->after_count + 1, sizeof(*task->after));
    if (task->after == NULL) {
        return false;
    }
    for (size_t i = 0; i < step->after_count; i++) {
        task->after[i] = step->after[i];
    }
    task->after_count = step->after_count;
    if (waits_for_nothing(task)) {
        task->after[task->after_count++] = WEFT_STEP_GATEWAY;
    }
    return true;
}

static bool fill_outputs(const struct weft_pipeline_step *step, struct weft_plan_task *task)
{
    task->outputs = calloc(step->outputs_count + 1, sizeof(*task->outputs));
    if (task->outputs == NULL) {
        return false;
    }
    task->outputs_count = step->outputs_count;
    for (size_t i = 0; i < step->outputs_count; i++) {
        if (!copy(step->outputs[i], &task->outputs[i].name)) {
            return false;
        }
    }
    return true;
}

static bool fill_task(struct compiling *compiling, uint32_t index)
{
    const struct weft_pipeline_step *step = &compiling->request->pipeline->steps[index];
    struct weft_node_plan *plan = &compiling->compiled->plans[compiling->request->placement[index]];
    struct weft_plan_task *task = &plan->tasks[plan->tasks_count++];
    compiling->tasks[index] = task;
    task->step = index;
    bool filled = copy(step->name, &task->step_name) && copy(step->model, &task->model) &&
                  copy(step->model_version, &task->model_version) &&
                  weft_needs_copy(&step->needs, &task->needs) &&
                  weft_parameters_merge(&task->parameters, &step->parameters, NULL) == WEFT_OK &&
                  fill_inputs(compiling, step, task) && fill_after(step, task) &&
                  fill_outputs(step, task);
    task->needs.slots = task->needs.slots > 0 ? task->needs.slots : 1;
    return filled;
}

static bool connect_binding(struct compiling *compiling,
                            const struct weft_pipeline_binding *binding, uint32_t node)
{
    if (binding->kind == WEFT_SOURCE_CONSTANT || is_absent(compiling, binding)) {
        return true;
    }
    if (binding->kind == WEFT_SOURCE_INPUT) {
        struct weft_compiled_input *input = &compiling->compiled->inputs[binding->from_output];
        return add_destination(&input->destinations, &input->destinations_count, node,
                               binding->lane);
    }
    struct weft_plan_output *output =
        &compiling->tasks[binding->from_step]->outputs[binding->from_output];
    return add_destination(&output->destinations, &output->destinations_count, node, binding->lane);
}

static bool connect_step(struct compiling *compiling, uint32_t index)
{
    const struct weft_pipeline_step *step = &compiling->request->pipeline->steps[index];
    uint32_t node = compiling->request->placement[index];
    for (size_t i = 0; i < step->inputs_count; i++) {
        if (!connect_binding(compiling, &step->inputs[i], node)) {
            return false;
        }
    }
    for (size_t i = 0; i < step->after_count; i++) {
        struct weft_plan_task *before = compiling->tasks[step->after[i]];
        if (!add_destination(&before->finished, &before->finished_count, node, NULL)) {
            return false;
        }
    }
    return true;
}

static bool connect_outputs(struct compiling *compiling)
{
    const struct weft_pipeline *pipeline = compiling->request->pipeline;
    for (size_t i = 0; i < pipeline->outputs_count; i++) {
        const struct weft_pipeline_binding *binding = &pipeline->outputs[i];
        compiling->compiled->outputs[i] =
            (struct weft_compiled_output){binding->from_step, binding->from_output};
        if (!connect_binding(compiling, binding, compiling->request->gateway_node)) {
            return false;
        }
    }
    return true;
}

static bool fill_start(struct compiling *compiling)
{
    struct weft_compiled_plan *compiled = compiling->compiled;
    for (uint32_t node = 0; node < compiled->plans_count; node++) {
        const struct weft_node_plan *plan = &compiled->plans[node];
        bool told = false;
        for (size_t i = 0; i < plan->tasks_count; i++) {
            told = told || (plan->tasks[i].after_count == 1 &&
                            plan->tasks[i].after[0] == WEFT_STEP_GATEWAY);
        }
        if (told) {
            compiled->start[compiled->start_count++] = node;
        }
    }
    return true;
}

static bool compile(struct compiling *compiling)
{
    const struct weft_pipeline *pipeline = compiling->request->pipeline;
    struct weft_compiled_plan *compiled = compiling->compiled;
    compiled->inputs = calloc(pipeline->inputs_count + 1, sizeof(*compiled->inputs));
    compiled->outputs = calloc(pipeline->outputs_count + 1, sizeof(*compiled->outputs));
    compiled->start = calloc(compiling->request->nodes_count + 1, sizeof(*compiled->start));
    if (compiled->inputs == NULL || compiled->outputs == NULL || compiled->start == NULL ||
        !fill_node_plans(compiling)) {
        return false;
    }
    compiled->inputs_count = pipeline->inputs_count;
    compiled->outputs_count = pipeline->outputs_count;
    bool well = true;
    for (uint32_t i = 0; well && i < pipeline->steps_count; i++) {
        well = fill_task(compiling, i);
    }
    for (uint32_t i = 0; well && i < pipeline->steps_count; i++) {
        well = connect_step(compiling, i);
    }
    return well && connect_outputs(compiling) && fill_start(compiling);
}

enum weft_status weft_plan_compile(const struct weft_compile_request *request,
                                   struct weft_compiled_plan *ret_compiled,
                                   struct weft_error **error)
{
    for (size_t i = 0; i < request->pipeline->steps_count; i++) {
        if (request->placement[i] >= request->nodes_count) {
            return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                                  "step \"%s\" is placed on no node",
                                  request->pipeline->steps[i].name);
        }
    }
    if (request->pipeline->steps_count > WEFT_PLAN_STEPS_MAX ||
        request->nodes_count > WEFT_PLAN_NODES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "a plan has at most %d steps on %d nodes", WEFT_PLAN_STEPS_MAX,
                              WEFT_PLAN_NODES_MAX);
    }
    size_t edges = request->pipeline->outputs_count;
    for (size_t i = 0; i < request->pipeline->steps_count; i++) {
        edges += request->pipeline->steps[i].inputs_count + request->pipeline->steps[i].after_count;
    }
    if (edges > WEFT_PLAN_EDGES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the pipeline has %zu edges, a plan at most %d", edges,
                              WEFT_PLAN_EDGES_MAX);
    }
    cleanup_free struct weft_plan_task **tasks =
        calloc(request->pipeline->steps_count + 1, sizeof(struct weft_plan_task *));
    struct weft_compiled_plan compiled = {0};
    struct compiling compiling = {request, &compiled, tasks};
    if (tasks == NULL || !compile(&compiling)) {
        weft_compiled_plan_fini(&compiled);
        return weft_error_set_out_of_memory(error);
    }
    *ret_compiled = compiled;
    return WEFT_OK;
}
