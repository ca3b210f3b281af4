/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plan/compile.h"
#include "plan/validate.h"
#include "support/story.h"

static enum weft_status parse(const char *text, struct weft_pipeline **ret_pipeline, struct weft_text *findings)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    enum weft_status status = weft_pipeline_parse(text, strlen(text), &diagnostics, ret_pipeline, NULL);
    weft_diagnostics_format(&diagnostics, findings);
    return status;
}

/* Refused with exactly these findings. */
static void refused(const char *text, const char *expected)
{
    cleanup_text struct weft_text findings = {0};
    struct weft_pipeline *pipeline = NULL;
    assert_status(parse(text, &pipeline, &findings), WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_text_string(&findings), expected);
}

static const char portrait[] = "pipeline: portrait\n"
                               "inputs:\n"
                               "  photo: {datatype: BYTES, shape: [1]}\n"
                               "  seed: {datatype: INT64, shape: [1], default: 7}\n"
                               "steps:\n"
                               "  enhance: {model: enhance, inputs: {image: generate.image}}\n"
                               "  generate:\n"
                               "    model: generate\n"
                               "    inputs: {crop: recognise.crop, features: scene.features, seed: seed}\n"
                               "  recognise: {model: face, inputs: {photo: photo}}\n"
                               "  scene: {model: scene, inputs: {photo: photo}}\n"
                               "outputs: {portrait: enhance.image, id: recognise.id}\n";

static void ten_lines_make_a_graph_in_topological_order(void **state)
{
    (void)state;
    cleanup_text struct weft_text findings = {0};
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    assert_status(parse(portrait, &pipeline, &findings), WEFT_OK);
    const char *const order[] = {"recognise", "scene", "generate", "enhance"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(pipeline->steps[i].name, order[i]);
    }
    assert_int_equal(pipeline->steps[2].before_count, 2);
    assert_int_equal(pipeline->steps[2].inputs[1].from_step, 1);
    assert_int_equal(pipeline->outputs[0].from_step, 3);
    assert_non_null(pipeline->inputs[1].default_value);
}

static void a_value_goes_once_to_each_node_that_takes_it(void **state)
{
    (void)state;
    cleanup_text struct weft_text findings = {0};
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    assert_status(parse(portrait, &pipeline, &findings), WEFT_OK);
    struct weft_plan_node nodes[] = {{"g", 1, "g:1"}, {"a", 2, "a:1"}, {"c", 3, "c:1"}};
    uint32_t placement[] = {1, 1, 2, 2};
    struct weft_compile_request request = {.pipeline = pipeline,
                                           .placement = placement,
                                           .nodes = nodes,
                                           .nodes_count = 3,
                                           .gateway_node = 0,
                                           .gateway_generation = 1,
                                           .plan = 5};
    struct weft_compiled_plan compiled;
    assert_status(weft_plan_compile(&request, &compiled, NULL), WEFT_OK);
    assert_int_equal(compiled.plans[0].tasks_count, 0);
    assert_int_equal(compiled.plans[1].tasks_count, 2);
    assert_int_equal(compiled.inputs[0].destinations_count, 1); /* two steps on a take the photo: it goes there once */
    assert_int_equal(compiled.inputs[0].destinations[0].node, 1);
    const struct weft_plan_task *recognise = &compiled.plans[1].tasks[0];
    assert_int_equal(recognise->outputs[0].destinations_count, 1);
    assert_int_equal(recognise->outputs[0].destinations[0].node, 2);
    const struct weft_plan_task *generate = &compiled.plans[2].tasks[0];
    assert_int_equal(generate->outputs[0].destinations[0].node, 2); /* stays on c */
    weft_compiled_plan_fini(&compiled);
}

static void what_is_mistyped_is_pointed_at(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {modle: face}\noutputs: {x: a.y}\n",
            "p.yaml:3:3: error: step \"a\" needs either a model or a join\n"
            "p.yaml:3:7: error: unknown key \"modle\" in step \"a\"; did you mean \"model\"?\n");
    refused("pipeline: p\ninputs: {photo: {datatype: BYTE, shape: [1]}}\nsteps:\n  a: {model: m, inputs: {i: phto}}\n"
            "outputs: {x: a.y}\n",
            "p.yaml:2:28: error: there is no datatype \"BYTE\"; did you mean \"BYTES\"?\n"
            "p.yaml:4:29: error: a refers to \"phto\", which is no input, step or constant; did you mean \"photo\"?\n");
}

static void a_circle_is_named(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {model: m, inputs: {i: b.o}}\n  b: {model: m, inputs: {i: a.o}}\n"
            "outputs: {x: a.o}\n",
            "p.yaml:3:3: error: the steps wait for each other in a circle: a -> b -> a\n");
}

static void a_step_that_nobody_needs_is_an_error(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {model: m}\n  b: {model: m}\noutputs: {x: a.o}\n",
            "p.yaml:4:3: error: nothing needs step \"b\": no output of the pipeline comes from it\n");
}

static void yaml_that_grows_or_repeats_is_refused(void **state)
{
    (void)state;
    refused("a: &x [1]\nb: *x\n", "p.yaml:1:4: error: anchors (&name) are not used here\n");
    refused("pipeline: p\npipeline: q\n", "p.yaml:2:1: error: \"pipeline\" stands here twice; the first is on line 1\n");
}

static void models_are_checked_against_their_metadata(void **state)
{
    (void)state;
    cleanup_text struct weft_text findings = {0};
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    assert_status(parse("pipeline: p\ninputs: {x: {datatype: FP32, shape: [2]}}\nsteps:\n  a: {model: m, inputs: {i: x}}\n"
                        "  b: {model: n, inputs: {i: a.oo}}\noutputs: {x: b.o}\n",
                        &pipeline, &findings),
                  WEFT_OK);
    struct weft_model_tensor input = {"i", WEFT_INT64, {1, {3}}, false};
    struct weft_model_tensor output = {"o", WEFT_FP32, {1, {-1}}, false};
    struct weft_model_info m = {.name = "m", .version = "1", .inputs = &input, .inputs_count = 1,
                                .outputs = &output, .outputs_count = 1};
    const struct weft_model_info *models[] = {&m};
    struct weft_catalog catalog = {models, 1, NULL};
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    assert_status(weft_pipeline_validate(pipeline, &catalog, &diagnostics, NULL), WEFT_INVALID_ARGUMENT);
    weft_text_clear(&findings);
    weft_diagnostics_format(&diagnostics, &findings);
    assert_string_equal(weft_text_string(&findings),
                        "p.yaml:4:26: error: input \"i\" of step \"a\" is INT64, but what comes is FP32\n"
                        "p.yaml:5:14: error: there is no model \"n\"; did you mean \"m\"?\n"
                        "p.yaml:5:29: error: model \"m\" has no output \"oo\"; did you mean \"o\"?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_lines_make_a_graph_in_topological_order),
        cmocka_unit_test(a_value_goes_once_to_each_node_that_takes_it),
        cmocka_unit_test(what_is_mistyped_is_pointed_at),
        cmocka_unit_test(a_circle_is_named),
        cmocka_unit_test(a_step_that_nobody_needs_is_an_error),
        cmocka_unit_test(yaml_that_grows_or_repeats_is_refused),
        cmocka_unit_test(models_are_checked_against_their_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
