/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "join/join.h"
#include "plan/compile.h"
#include "plan/validate.h"

/*
 * A pipeline's file from anywhere: read, checked against a few models, described and compiled for
 * three nodes. What is accepted must be in order, whatever the text was.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct weft_model_tensor inputs[] = {
    {(char *)"image", WEFT_UINT8, {3, {-1, -1, 3}}, false},
    {(char *)"i", WEFT_FP32, {1, {-1}}, true},
};
static struct weft_model_tensor outputs[] = {
    {(char *)"o", WEFT_FP32, {1, {-1}}, false},
    {(char *)"image", WEFT_UINT8, {3, {64, 64, 3}}, false},
};
static const struct weft_model_info models[] = {
    {.name = (char *)"m",
     .version = (char *)"1",
     .inputs = &inputs[1],
     .inputs_count = 1,
     .outputs = outputs,
     .outputs_count = 2},
    {.name = (char *)"enhance",
     .version = (char *)"12",
     .inputs = inputs,
     .inputs_count = 2,
     .outputs = outputs,
     .outputs_count = 2},
};

static void check_order(const struct weft_pipeline *pipeline)
{
    weft_assert(pipeline->name != NULL && pipeline->steps_count > 0 && pipeline->outputs_count > 0);
    for (uint32_t i = 0; i < pipeline->steps_count; i++) {
        const struct weft_pipeline_step *step = &pipeline->steps[i];
        weft_assert(step->model != NULL && step->outputs_count <= WEFT_STEP_TENSORS_MAX);
        for (size_t before = 0; before < step->before_count; before++) {
            weft_assert(step->before[before] < i);
        }
    }
    for (size_t i = 0; i < pipeline->outputs_count; i++) {
        const struct weft_pipeline_binding *output = &pipeline->outputs[i];
        weft_assert(output->from_step < pipeline->steps_count &&
                    output->from_output < pipeline->steps[output->from_step].outputs_count);
    }
}

static void compile(const struct weft_pipeline *pipeline, const uint8_t *data, size_t size_bytes)
{
    static struct weft_plan_node nodes[] = {{(char *)"g", 1, (char *)"g:1"},
                                            {(char *)"a", 2, (char *)"a:1"},
                                            {(char *)"b", 3, (char *)"b:1"}};
    uint32_t *placement = calloc(pipeline->steps_count, sizeof(*placement));
    bool *absent = calloc(pipeline->inputs_count + 1, sizeof(*absent));
    weft_assert(placement != NULL && absent != NULL);
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        placement[i] = data[i % size_bytes] % 3;
    }
    for (size_t i = 0; i < pipeline->inputs_count; i++) {
        absent[i] = pipeline->inputs[i].optional && pipeline->inputs[i].default_value == NULL &&
                    data[i % size_bytes] % 2 == 0;
    }
    struct weft_compile_request request = {.pipeline = pipeline,
                                           .placement = placement,
                                           .nodes = nodes,
                                           .nodes_count = 3,
                                           .gateway_generation = 1,
                                           .plan = 1,
                                           .absent = absent};
    struct weft_compiled_plan compiled;
    if (weft_plan_compile(&request, &compiled, NULL) == WEFT_OK) {
        size_t tasks = 0;
        for (size_t i = 0; i < compiled.plans_count; i++) {
            tasks += compiled.plans[i].tasks_count;
        }
        weft_assert(tasks == pipeline->steps_count);
        weft_compiled_plan_fini(&compiled);
    }
    free(placement);
    free(absent);
}

static void use(const struct weft_pipeline *pipeline, struct weft_diagnostics *diagnostics)
{
    static const struct weft_model_info *const known[] = {&models[0], &models[1]};
    struct weft_catalog catalog = {known, 2, weft_join_infer};
    (void)!weft_pipeline_validate(pipeline, &catalog, diagnostics, NULL);
    struct weft_model_info info = {0};
    if (weft_pipeline_describe(pipeline, &catalog, &info, NULL) == WEFT_OK) {
        weft_assert(info.outputs_count == pipeline->outputs_count);
        weft_model_info_fini(&info);
    }
    struct weft_pipeline_edge *edges = NULL;
    size_t edges_count = 0;
    if (weft_pipeline_edges(pipeline, &edges, &edges_count, NULL) == WEFT_OK) {
        free(edges);
    }
}

/* What was read of a file that is wrong. */
static void use_partly(const uint8_t *data, size_t size_bytes)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "fuzz.yaml");
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    if (weft_pipeline_parse_partly((const char *)data, size_bytes, &diagnostics, &pipeline, NULL) ==
        WEFT_OK) {
        static const struct weft_model_info *const known[] = {&models[0], &models[1]};
        struct weft_catalog catalog = {known, 2, weft_join_infer};
        weft_assert(weft_pipeline_validate(pipeline, &catalog, &diagnostics, NULL) != WEFT_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "fuzz.yaml");
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status =
        weft_pipeline_parse((const char *)data, size_bytes, &diagnostics, &pipeline, &error);
    weft_assert(status == WEFT_OK || status == WEFT_INVALID_ARGUMENT);
    weft_assert((status == WEFT_OK) == (diagnostics.errors == 0));
    if (status == WEFT_OK) {
        check_order(pipeline);
        compile(pipeline, data, size_bytes);
        use(pipeline, &diagnostics);
    } else {
        use_partly(data, size_bytes);
    }
    cleanup_text struct weft_text findings = {0};
    weft_diagnostics_format(&diagnostics, &findings);
    weft_assert(weft_utf8_valid(weft_text_string(&findings), findings.length));
    return 0;
}
