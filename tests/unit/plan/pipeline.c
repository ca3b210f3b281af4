/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/plan/findings.h"

static const char portrait[] =
    "pipeline: portrait\n"
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
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(portrait);
    const char *const order[] = {"recognise", "scene", "generate", "enhance"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(pipeline->steps[i].name, order[i]);
    }
    assert_int_equal(pipeline->steps[2].before_count, 2);
    assert_int_equal(pipeline->steps[2].inputs[1].from_step, 1);
    assert_int_equal(pipeline->outputs[0].from_step, 3);
    assert_non_null(pipeline->inputs[1].default_value);
}

static void what_is_mistyped_is_pointed_at(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {modle: face}\noutputs: {x: a.y}\n",
            "p.yaml:3:3: error: step \"a\" needs either a model or a join\n"
            "p.yaml:3:7: error: unknown key \"modle\" in step \"a\"; did you mean \"model\"?\n");
    refused("pipeline: p\ninputs: {photo: {datatype: BYTE, shape: [1]}}\nsteps:\n  a: {model: m, "
            "inputs: {i: phto}}\n"
            "outputs: {x: a.y}\n",
            "p.yaml:2:28: error: there is no datatype \"BYTE\"; did you mean \"BYTES\"?\n"
            "p.yaml:4:29: error: a refers to \"phto\", which is no input, step or constant; did "
            "you mean \"photo\"?\n");
}

static void a_circle_is_named(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {model: m, inputs: {i: b.o}}\n  b: {model: m, inputs: {i: "
            "a.o}}\n"
            "outputs: {x: a.o}\n",
            "p.yaml:3:3: error: the steps wait for each other in a circle: a -> b -> a\n");
}

static void a_step_that_nobody_needs_is_an_error(void **state)
{
    (void)state;
    refused(
        "pipeline: p\nsteps:\n  a: {model: m}\n  b: {model: m}\noutputs: {x: a.o}\n",
        "p.yaml:4:3: error: nothing needs step \"b\": no output of the pipeline comes from it\n");
}

static void what_a_step_can_say_is_kept(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline =
        good_pipeline("pipeline: p\nversion: \"3\"\ndescription: a test\ntimeout: 1500ms\n"
                      "steps:\n"
                      "  a:\n"
                      "    model: m\n    version: \"2\"\n    node: n1\n"
                      "    needs: {slots: 2, memory: 64KiB, tags: [gpu, ssd]}\n"
                      "    parameters: {word: w, whole: -7, half: 0.5, on: true, quoted: \"1\"}\n"
                      "    outputs: [o]\n"
                      "  b: {join: text, inputs: {x: {from: a.o, lane: inline}}, after: [a]}\n"
                      "outputs: {y: b.output}\n");
    const struct weft_pipeline_step *a = &pipeline->steps[0];
    assert_int_equal(pipeline->timeout_ns, 1500000000);
    assert_string_equal(pipeline->version, "3");
    assert_string_equal(a->model_version, "2");
    assert_string_equal(a->node, "n1");
    assert_int_equal(a->needs.slots, 2);
    assert_int_equal(a->needs.memory_bytes, 65536);
    assert_string_equal(a->needs.tags[1], "ssd");
    assert_string_equal(weft_parameters_string(&a->parameters, "word"), "w");
    assert_string_equal(weft_parameters_string(&a->parameters, "quoted"), "1");
    assert_int_equal(weft_parameters_find(&a->parameters, "whole")->int64, -7);
    assert_true(weft_parameters_find(&a->parameters, "on")->boolean);
    assert_int_equal(weft_parameters_find(&a->parameters, "half")->kind, WEFT_PARAMETER_DOUBLE);
    assert_string_equal(pipeline->steps[1].model, "join/text");
    assert_string_equal(pipeline->steps[1].inputs[0].lane, "inline");
    assert_int_equal(pipeline->steps[1].after[0], 0);
    assert_int_equal(pipeline->steps[1].before_count, 1);
}

static void constants_are_tensors(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(
        "pipeline: p\nconstants:\n"
        "  grid: {datatype: INT16, shape: [2, -1], value: [[1, 2, 3], [4, 5, -6]]}\n"
        "  one: {datatype: FP64, value: 2.5}\n"
        "  words: {datatype: BYTES, value: [one, 2]}\n"
        "steps: {a: {model: m, inputs: {g: grid, o: one, w: words}}}\noutputs: {y: a.o}\n");
    const struct weft_pipeline_step *a = &pipeline->steps[0];
    const int16_t *grid = weft_value_data(a->inputs[0].constant);
    assert_int_equal(weft_value_shape(a->inputs[0].constant)->dims[1], 3);
    assert_int_equal(grid[5], -6);
    assert_int_equal(weft_value_shape(a->inputs[1].constant)->rank, 1);
    const void *bytes = NULL;
    size_t size_bytes = 0;
    assert_true(weft_value_bytes_at(a->inputs[2].constant, 1, &bytes, &size_bytes));
    assert_memory_equal(bytes, "2", size_bytes);
}

static void references_must_lead_somewhere(void **state)
{
    (void)state;
    refused(STEP("inputs: {i: b.o}"),
            "p.yaml:3:29: error: there is no step \"b\"; did you mean \"a\"?\n");
    refused(STEP("inputs: {i: a}"),
            "p.yaml:3:29: error: \"a\" is a step: say which of its outputs, \"a.OUTPUT\"\n");
    refused(STEP("inputs: {i: a.}"),
            "p.yaml:3:29: error: an output must follow the dot of \"a.\"\n");
    refused(STEP("after: [aa]"),
            "p.yaml:3:25: error: there is no step \"aa\"; did you mean \"a\"?\n");
    refused(
        "pipeline: p\ninputs: {x: {datatype: FP32, shape: [1]}}\nsteps: {a: {model: m}}\n"
        "outputs: {y: x}\n",
        "p.yaml:4:14: error: an output of the pipeline comes from a step, as \"STEP.OUTPUT\"\n");
}

static void unknown_keys_are_named_wherever_they_stand(void **state)
{
    (void)state;
    refused("pipline: p\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n",
            "p.yaml:1:1: error: unknown key \"pipline\" in the pipeline; did you mean "
            "\"pipeline\"?\n"
            "p.yaml:1:1: error: the key \"pipeline\" must name the pipeline\n");
    refused(
        "pipeline: p\ninputs: {x: {datatyp: FP32, datatype: FP32, shape: [1]}}\n"
        "steps: {a: {model: m, inputs: {i: x}}}\noutputs: {y: a.o}\n",
        "p.yaml:2:14: error: unknown key \"datatyp\" in an input; did you mean \"datatype\"?\n");
    refused("pipeline: p\nconstants: {c: {datatype: FP32, vlaue: 1, value: 1}}\n"
            "steps: {a: {model: m, inputs: {i: c}}}\noutputs: {y: a.o}\n",
            "p.yaml:2:33: error: unknown key \"vlaue\" in a constant; did you mean \"value\"?\n");
    refused(STEP("needs: {slot: 1}"),
            "p.yaml:3:25: error: unknown key \"slot\" in needs; did you mean \"slots\"?\n");
    refused(STEP("inputs: {i: {form: a.o}}"),
            "p.yaml:3:30: error: unknown key \"form\" in a source; did you mean \"from\"?\n");
}

static void what_a_key_holds_is_checked(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"needs: {slots: 0}", "p.yaml:3:32: error: slots is a whole number, at least 1\n"},
        {"needs: {memory: 5kB}",
         "p.yaml:3:33: error: memory is a number of bytes, or one with KiB, MiB, GiB\n"},
        {"needs: {tags: gpu}", "p.yaml:3:31: error: tags is a list of at most 64 words\n"},
        {"parameters: {k: [1]}",
         "p.yaml:3:33: error: a parameter is a text, a number, true or false\n"},
        {"after: a", "p.yaml:3:24: error: after is a list of at most 63 steps\n"},
        {"inputs: {i: {from: a.o, lane: gprc}}", "p.yaml:3:47: error: there is no lane \"gprc\"; "
                                                 "this version has auto, grpc and inline; did "
                                                 "you mean \"grpc\"?\n"},
        {"inputs: {i: {from: a.o, datatype: FP32}}",
         "p.yaml:3:51: error: a datatype belongs to a \"value\", not to \"from\"\n"},
        {"inputs: {i: {value: 1}}", "p.yaml:3:29: error: a value needs its datatype beside it\n"},
        {"inputs: {i: {value: 1, datatype: INT8, lane: grpc}}",
         "p.yaml:3:62: error: a value that is written here takes no lane\n"},
        {"inputs: {i: {from: a.o, value: 1}}",
         "p.yaml:3:29: error: a source has either \"from\" or \"value\"\n"},
        {"inputs: {\"\": a.o}",
         "p.yaml:3:26: error: an input must be a text that is not empty, not an empty one\n"},
        {"join: text", "p.yaml:3:3: error: step \"a\" needs either a model or a join\n"},
        {"outputs: [p]",
         "p.yaml:4:14: error: step \"a\" does not list an output \"o\"; did you mean "
         "\"p\"?\n"},
        {"outputs: [o, o]", "p.yaml:3:30: error: output \"o\" is listed twice\n"},
        {"outputs: {o: o}",
         "p.yaml:3:26: error: the outputs of step \"a\" must be a list of 1 to 256 names\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup_text struct weft_text text = {0};
        weft_text_printf(&text, STEP("%s"), cases[i][0]);
        refused(weft_text_string(&text), cases[i][1]);
    }
    refused("pipeline: p\ntimeout: 3\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n",
            "p.yaml:2:10: error: a timeout is a number with ms, s, m or h: \"30s\"\n");
    refused("pipeline: a.b\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n",
            "p.yaml:1:11: error: the name of the pipeline may have neither '.' nor '/' in it\n");
    refused("pipeline: p\ninputs: {x: {datatype: FP32, shape: [2], default: [1]}}\n"
            "steps: {a: {model: m, inputs: {i: x}}}\noutputs: {y: a.o}\n",
            "p.yaml:2:51: error: this has shape [1], but [2] is declared\n");
}

static void what_is_in_vain_is_only_said(void **state)
{
    (void)state;
    cleanup_text struct weft_text findings = {0};
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    static const char text[] = "pipeline: p\ninputs: {x: {datatype: FP32, shape: [1]}}\n"
                               "steps: {a: {model: m, outputs: [o, q]}}\noutputs: {y: a.o}\n";
    assert_status(read_pipeline(text, sizeof(text) - 1, &pipeline, &findings), WEFT_OK);
    assert_string_equal(weft_text_string(&findings),
                        "p.yaml:2:10: warning: no step takes input \"x\"\n"
                        "p.yaml:3:36: warning: nothing takes output \"q\" of step \"a\"\n");
}

static void a_step_that_waits_for_itself_is_a_circle(void **state)
{
    (void)state;
    refused(STEP("inputs: {i: a.o}"),
            "p.yaml:3:3: error: the steps wait for each other in a circle: a -> a\n");
    refused("pipeline: p\nsteps:\n  a: {model: m, after: [c]}\n  b: {model: m, inputs: {i: a.o}}\n"
            "  c: {model: m, inputs: {i: b.o}}\noutputs: {x: c.o}\n",
            "p.yaml:3:3: error: the steps wait for each other in a circle: a -> b -> c -> a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_lines_make_a_graph_in_topological_order),
        cmocka_unit_test(what_is_mistyped_is_pointed_at),
        cmocka_unit_test(a_circle_is_named),
        cmocka_unit_test(a_step_that_nobody_needs_is_an_error),
        cmocka_unit_test(a_step_that_waits_for_itself_is_a_circle),
        cmocka_unit_test(what_a_step_can_say_is_kept),
        cmocka_unit_test(constants_are_tensors),
        cmocka_unit_test(references_must_lead_somewhere),
        cmocka_unit_test(unknown_keys_are_named_wherever_they_stand),
        cmocka_unit_test(what_a_key_holds_is_checked),
        cmocka_unit_test(what_is_in_vain_is_only_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
