/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/pipeline.h"

#include <stdlib.h>
#include <string.h>

static void binding_fini(struct weft_pipeline_binding *binding)
{
    free(binding->name);
    weft_value_unref(binding->constant);
    free(binding->lane);
}

static void step_fini(struct weft_pipeline_step *step)
{
    free(step->name);
    free(step->model);
    free(step->model_version);
    free(step->node);
    weft_needs_fini(&step->needs);
    weft_parameters_fini(&step->parameters);
    for (size_t i = 0; i < step->inputs_count; i++) {
        binding_fini(&step->inputs[i]);
    }
    free(step->inputs);
    for (size_t i = 0; i < step->outputs_count; i++) {
        free(step->outputs[i]);
    }
    free(step->outputs);
    free(step->outputs_at);
    free(step->after);
    free(step->before);
}

void weft_pipeline_free(struct weft_pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    free(pipeline->name);
    free(pipeline->version);
    free(pipeline->description);
    for (size_t i = 0; i < pipeline->inputs_count; i++) {
        free(pipeline->inputs[i].name);
        weft_value_unref(pipeline->inputs[i].default_value);
    }
    free(pipeline->inputs);
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        step_fini(&pipeline->steps[i]);
    }
    free(pipeline->steps);
    for (size_t i = 0; i < pipeline->outputs_count; i++) {
        binding_fini(&pipeline->outputs[i]);
    }
    free(pipeline->outputs);
    free(pipeline);
}

uint32_t weft_pipeline_find_step(const struct weft_pipeline *pipeline, const char *name)
{
    for (uint32_t i = 0; i < pipeline->steps_count; i++) {
        if (strcmp(pipeline->steps[i].name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

uint32_t weft_pipeline_find_input(const struct weft_pipeline *pipeline, const char *name)
{
    for (uint32_t i = 0; i < pipeline->inputs_count; i++) {
        if (strcmp(pipeline->inputs[i].name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

bool weft_pipeline_step_is_join(const struct weft_pipeline_step *step)
{
    return strncmp(step->model, WEFT_JOIN_MODEL_PREFIX, strlen(WEFT_JOIN_MODEL_PREFIX)) == 0;
}

static void add_edges(const struct weft_pipeline_binding *bindings, size_t count, uint32_t to_step,
                      struct weft_pipeline_edge *edges, size_t *edges_count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bindings[i].kind != WEFT_SOURCE_CONSTANT) {
            edges[(*edges_count)++] = (struct weft_pipeline_edge){
                bindings[i].from_step, bindings[i].from_output, to_step, i, bindings[i].lane};
        }
    }
}

enum weft_status weft_pipeline_edges(const struct weft_pipeline *pipeline,
                                     struct weft_pipeline_edge **ret_edges, size_t *ret_count,
                                     struct weft_error **error)
{
    size_t capacity = pipeline->outputs_count + 1;
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        capacity += pipeline->steps[i].inputs_count;
    }
    struct weft_pipeline_edge *edges = calloc(capacity, sizeof(*edges));
    if (edges == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    size_t count = 0;
    for (uint32_t i = 0; i < pipeline->steps_count; i++) {
        add_edges(pipeline->steps[i].inputs, pipeline->steps[i].inputs_count, i, edges, &count);
    }
    add_edges(pipeline->outputs, pipeline->outputs_count, WEFT_STEP_GATEWAY, edges, &count);
    *ret_edges = edges;
    *ret_count = count;
    return WEFT_OK;
}

/* --- the pipeline of a single model --- */

static bool copy(const char *from, char **ret_to)
{
    *ret_to = strdup(from);
    return *ret_to != NULL;
}

static bool fill_inputs(struct weft_pipeline *pipeline, const struct weft_model_info *info)
{
    struct weft_pipeline_step *step = &pipeline->steps[0];
    for (uint32_t i = 0; i < info->inputs_count; i++) {
        struct weft_pipeline_input *input = &pipeline->inputs[i];
        struct weft_pipeline_binding *binding = &step->inputs[i];
        input->datatype = info->inputs[i].datatype;
        input->shape = info->inputs[i].shape;
        input->optional = info->inputs[i].optional;
        *binding = (struct weft_pipeline_binding){
            .kind = WEFT_SOURCE_INPUT, .from_step = WEFT_STEP_GATEWAY, .from_output = i};
        if (!copy(info->inputs[i].name, &input->name) ||
            !copy(info->inputs[i].name, &binding->name)) {
            return false;
        }
    }
    return true;
}

static bool fill_outputs(struct weft_pipeline *pipeline, const struct weft_model_info *info)
{
    struct weft_pipeline_step *step = &pipeline->steps[0];
    for (uint32_t i = 0; i < info->outputs_count; i++) {
        pipeline->outputs[i] =
            (struct weft_pipeline_binding){.kind = WEFT_SOURCE_STEP, .from_output = i};
        if (!copy(info->outputs[i].name, &pipeline->outputs[i].name) ||
            !copy(info->outputs[i].name, &step->outputs[i])) {
            return false;
        }
    }
    return true;
}

enum weft_status weft_pipeline_for_model(const struct weft_model_info *info,
                                         struct weft_pipeline **ret_pipeline,
                                         struct weft_error **error)
{
    cleanup_pipeline struct weft_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    pipeline->inputs = calloc(info->inputs_count + 1, sizeof(*pipeline->inputs));
    pipeline->outputs = calloc(info->outputs_count + 1, sizeof(*pipeline->outputs));
    pipeline->steps = calloc(1, sizeof(*pipeline->steps));
    if (pipeline->inputs == NULL || pipeline->outputs == NULL || pipeline->steps == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    struct weft_pipeline_step *step = pipeline->steps;
    pipeline->steps_count = 1;
    step->inputs = calloc(info->inputs_count + 1, sizeof(*step->inputs));
    step->outputs = calloc(info->outputs_count + 1, sizeof(*step->outputs));
    step->outputs_at = calloc(info->outputs_count + 1, sizeof(*step->outputs_at));
    if (step->inputs == NULL || step->outputs == NULL || step->outputs_at == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    pipeline->inputs_count = step->inputs_count = info->inputs_count;
    pipeline->outputs_count = step->outputs_count = info->outputs_count;
    if (!copy(info->name, &pipeline->name) || !copy(info->version, &pipeline->version) ||
        !copy("", &pipeline->description) || !copy(info->name, &step->name) ||
        !copy(info->name, &step->model) || !copy(info->version, &step->model_version) ||
        !fill_inputs(pipeline, info) || !fill_outputs(pipeline, info)) {
        return weft_error_set_out_of_memory(error);
    }
    *ret_pipeline = steal(&pipeline);
    return WEFT_OK;
}
