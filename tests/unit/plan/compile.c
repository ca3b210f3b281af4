/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/compile.h"

#include <stdlib.h>

#include "support/failmalloc.h"
#include "unit/plan/findings.h"

static struct weft_plan_node nodes[] = {{(char *)"g", 1, (char *)"g:1"},
                                        {(char *)"a", 2, (char *)"a:1"},
                                        {(char *)"b", 3, (char *)"b:1"}};
enum { GATEWAY, A, B };

static struct weft_compile_request request_for(const struct weft_pipeline *pipeline,
                                               const uint32_t *placement)
{
    return (struct weft_compile_request){.pipeline = pipeline,
                                         .placement = placement,
                                         .nodes = nodes,
                                         .nodes_count = 3,
                                         .gateway_generation = 1,
                                         .plan = 5};
}

static void each_node_learns_its_own_tasks_and_where_everybody_is(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(
        "pipeline: p\nversion: \"3\"\ninputs: {x: {datatype: FP32, shape: [1]}}\nsteps:\n"
        "  one: {model: m, version: \"2\", inputs: {i: x}, parameters: {k: 1}, needs: {slots: 2}}\n"
        "  two: {model: n, inputs: {i: one.o}}\noutputs: {y: two.o}\n");
    uint32_t placement[] = {A, B};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    assert_int_equal(compiled.plans[GATEWAY].tasks_count, 0);
    assert_int_equal(compiled.plans[A].tasks_count, 1);
    const struct weft_node_plan *plan = &compiled.plans[B];
    assert_int_equal(plan->plan, 5);
    assert_string_equal(plan->pipeline_version, "3");
    assert_string_equal(plan->nodes[A].address, "a:1");
    const struct weft_plan_task *one = &compiled.plans[A].tasks[0];
    assert_string_equal(one->model_version, "2");
    assert_int_equal(one->needs.slots, 2);
    assert_int_equal(one->parameters.count, 1);
    assert_int_equal(one->inputs[0].from_step, WEFT_STEP_GATEWAY);
    assert_int_equal(compiled.plans[B].tasks[0].needs.slots, 1); /* at least one */
    assert_int_equal(compiled.plans[B].tasks[0].outputs[0].destinations[0].node, GATEWAY);
    assert_int_equal(compiled.outputs[0].from_step, 1);
    weft_compiled_plan_fini(&compiled);
}

static void a_value_goes_once_to_each_node_that_takes_it(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(
        "pipeline: portrait\ninputs: {photo: {datatype: BYTES, shape: [1]}}\nsteps:\n"
        "  recognise: {model: face, inputs: {photo: photo}}\n"
        "  scene: {model: scene, inputs: {photo: photo}}\n"
        "  generate: {model: generate, inputs: {crop: recognise.crop, features: scene.features}}\n"
        "  enhance: {model: enhance, inputs: {image: generate.image}}\n"
        "outputs: {portrait: enhance.image, id: recognise.id}\n");
    uint32_t placement[] = {A, A, B, B};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    assert_int_equal(compiled.plans[0].tasks_count, 0);
    assert_int_equal(compiled.plans[1].tasks_count, 2);
    assert_int_equal(compiled.inputs[0].destinations_count,
                     1); /* two steps on a take the photo: it goes there once */
    assert_int_equal(compiled.inputs[0].destinations[0].node, 1);
    const struct weft_plan_task *recognise = &compiled.plans[1].tasks[0];
    assert_int_equal(recognise->outputs[0].destinations_count, 1);
    assert_int_equal(recognise->outputs[0].destinations[0].node, 2);
    const struct weft_plan_task *generate = &compiled.plans[2].tasks[0];
    assert_int_equal(generate->outputs[0].destinations[0].node, 2); /* stays on c */
    weft_compiled_plan_fini(&compiled);
}

static void a_pinned_lane_stays_with_its_edge(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(
        "pipeline: p\nsteps:\n  s: {model: m}\n"
        "  l: {model: m, inputs: {i: s.o}}\n"
        "  r: {model: m, inputs: {i: {from: s.o, lane: grpc}}}\noutputs: {y: l.o, z: r.o}\n");
    uint32_t placement[] = {A, B, B};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    const struct weft_plan_output *output = &compiled.plans[A].tasks[0].outputs[0];
    assert_int_equal(output->destinations_count, 1);
    assert_string_equal(output->destinations[0].lane, "grpc");
    weft_compiled_plan_fini(&compiled);
}

static void who_waits_for_nothing_is_told_the_start(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline =
        good_pipeline("pipeline: p\nconstants: {c: {datatype: FP32, value: 1}}\nsteps:\n"
                      "  one: {model: m, inputs: {i: c}}\n  two: {model: m, after: [one]}\n"
                      "outputs: {y: two.o, x: one.o}\n");
    uint32_t placement[] = {A, B};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    assert_int_equal(compiled.start_count, 1);
    assert_int_equal(compiled.start[0], A);
    const struct weft_plan_task *one = &compiled.plans[A].tasks[0];
    assert_int_equal(one->after[0], WEFT_STEP_GATEWAY);
    assert_int_equal(one->finished_count, 1);
    assert_int_equal(one->finished[0].node, B);
    assert_non_null(one->inputs[0].constant);
    weft_compiled_plan_fini(&compiled);
}

static void an_absent_input_is_no_edge(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(
        "pipeline: p\ninputs: {x: {datatype: FP32, shape: [1], optional: true}}\nsteps:\n"
        "  one: {model: m, inputs: {i: x}}\noutputs: {y: one.o}\n");
    uint32_t placement[] = {A};
    bool absent[] = {true};
    struct weft_compile_request request = request_for(pipeline, placement);
    request.absent = absent;
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    assert_int_equal(compiled.plans[A].tasks[0].inputs_count, 0);
    assert_int_equal(compiled.inputs[0].destinations_count, 0);
    assert_int_equal(compiled.start_count, 1);
    weft_compiled_plan_fini(&compiled);
}

static void a_step_on_no_node_is_refused(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline =
        good_pipeline("pipeline: p\nsteps: {one: {model: m}}\noutputs: {y: one.o}\n");
    uint32_t placement[] = {3};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_plan_compile(&request, &compiled, &error), WEFT_FAILED_PRECONDITION);
    assert_string_equal(weft_error_message(error), "step \"one\" is placed on no node");
}

static void more_edges_than_a_plan_may_have_are_refused(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, "pipeline: p\nsteps:\n  s: {model: m}\n");
    for (int step = 0; step < 100; step++) {
        weft_text_printf(&text, "  t%d: {model: m, inputs: {", step);
        for (int input = 0; input < 170; input++) {
            weft_text_printf(&text, "%si%d: s.o", input > 0 ? ", " : "", input);
        }
        weft_text_append_string(&text, "}}\n");
    }
    weft_text_append_string(&text, "outputs: {");
    for (int step = 0; step < 100; step++) {
        weft_text_printf(&text, "%sy%d: t%d.o", step > 0 ? ", " : "", step, step);
    }
    weft_text_append_string(&text, "}\n");
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(weft_text_string(&text));
    uint32_t placement[101] = {0};
    struct weft_compile_request request = request_for(pipeline, placement);
    struct weft_compiled_plan compiled;
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_plan_compile(&request, &compiled, &error), WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(weft_error_message(error),
                        "the pipeline has 17100 edges, a plan at most 16384");
}

static const char everything[] =
    "pipeline: p\ninputs: {x: {datatype: FP32, shape: [1], default: 2}}\n"
    "constants: {c: {datatype: BYTES, value: [a, b]}}\nsteps:\n"
    "  one: {model: m, inputs: {i: x, c: c}, parameters: {k: v}, needs: {tags: [t]}, outputs: "
    "[o]}\n"
    "  two: {model: m, inputs: {i: {from: one.o, lane: grpc}}, after: [one]}\n"
    "  three: {join: text, inputs: {a: one.o, b: {value: w, datatype: BYTES}}}\n"
    "outputs: {y: two.o, z: three.output}\n";

/* Reads, describes and compiles; whatever was missing is said. */
static bool run_everything(void)
{
    static const uint32_t placement[] = {A, B, A};
    struct weft_diagnostics diagnostics;
    struct weft_pipeline *pipeline = NULL;
    struct weft_error *error = NULL;
    struct weft_compiled_plan compiled;
    struct weft_pipeline_edge *edges = NULL;
    size_t edges_count = 0;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    enum weft_status status =
        weft_pipeline_parse(everything, sizeof(everything) - 1, &diagnostics, &pipeline, &error);
    if (status == WEFT_OK) {
        struct weft_catalog catalog = {0};
        struct weft_model_info info;
        status = weft_pipeline_describe(pipeline, &catalog, &info, &error);
        if (status == WEFT_OK) {
            weft_model_info_fini(&info);
        }
    }
    if (status == WEFT_OK) {
        status = weft_pipeline_edges(pipeline, &edges, &edges_count, &error);
        free(edges);
    }
    if (status == WEFT_OK) {
        struct weft_compile_request request = request_for(pipeline, placement);
        status = weft_plan_compile(&request, &compiled, &error);
        if (status == WEFT_OK) {
            weft_compiled_plan_fini(&compiled);
        }
    }
    assert_true(status == WEFT_OK || status == WEFT_OUT_OF_MEMORY);
    assert_int_equal(weft_error_status(error), status);
    weft_error_unref(error);
    weft_pipeline_free(pipeline);
    weft_diagnostics_fini(&diagnostics);
    return status == WEFT_OK;
}

static void without_memory_reading_and_compiling_say_so(void **state)
{
    (void)state;
    for (size_t i = 0;; i++) {
        assert_true(i < 10000);
        failmalloc_arm(i);
        bool well = run_everything();
        if (!failmalloc_disarm()) {
            assert_true(well);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_learns_its_own_tasks_and_where_everybody_is),
        cmocka_unit_test(a_value_goes_once_to_each_node_that_takes_it),
        cmocka_unit_test(a_pinned_lane_stays_with_its_edge),
        cmocka_unit_test(who_waits_for_nothing_is_told_the_start),
        cmocka_unit_test(an_absent_input_is_no_edge),
        cmocka_unit_test(a_step_on_no_node_is_refused),
        cmocka_unit_test(more_edges_than_a_plan_may_have_are_refused),
        cmocka_unit_test(without_memory_reading_and_compiling_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
