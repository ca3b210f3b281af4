/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/validate.h"

#include "join/join.h"
#include "unit/plan/findings.h"

/* The models of these stories. */
static struct weft_model_tensor face_inputs[] = {{(char *)"photo", WEFT_BYTES, {1, {1}}, false}};
static struct weft_model_tensor face_outputs[] = {
    {(char *)"id", WEFT_BYTES, {1, {1}}, false},
    {(char *)"crop", WEFT_UINT8, {3, {64, 64, 3}}, false},
};
static struct weft_model_tensor paint_inputs[] = {
    {(char *)"crop", WEFT_UINT8, {3, {-1, -1, 3}}, false},
    {(char *)"seed", WEFT_INT64, {1, {1}}, true},
};
static struct weft_model_tensor paint_outputs[] = {
    {(char *)"image", WEFT_UINT8, {3, {512, 512, 3}}, false}};
static const struct weft_model_info models[] = {
    {.name = (char *)"face",
     .version = (char *)"1",
     .inputs = face_inputs,
     .inputs_count = 1,
     .outputs = face_outputs,
     .outputs_count = 2},
    {.name = (char *)"paint",
     .version = (char *)"2",
     .inputs = paint_inputs,
     .inputs_count = 2,
     .outputs = paint_outputs,
     .outputs_count = 1},
};
static const struct weft_model_info *const known[] = {&models[0], &models[1]};
static const struct weft_catalog catalog = {known, 2, weft_join_infer};

static void finds(const char *text, const char *expected)
{
    cleanup_pipeline struct weft_pipeline *pipeline = good_pipeline(text);
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    assert_status(weft_pipeline_validate(pipeline, &catalog, &diagnostics, NULL),
                  expected[0] != '\0' ? WEFT_INVALID_ARGUMENT : WEFT_OK);
    cleanup_text struct weft_text findings = {0};
    weft_diagnostics_format(&diagnostics, &findings);
    assert_string_equal(weft_text_string(&findings), expected);
}

#define HEAD                                                                                       \
    "pipeline: p\n"                                                                                \
    "inputs: {photo: {datatype: BYTES, shape: [1]}}\n"                                             \
    "steps:\n"

static void what_fits_is_left_alone(void **state)
{
    (void)state;
    finds(HEAD "  f: {model: face, inputs: {photo: photo}}\n"
               "  p: {model: paint, inputs: {crop: f.crop}}\n"
               "outputs: {image: p.image, id: f.id}\n",
          "");
    /* What is not known may fit. */
    finds("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1, 64, -1]}}\n"
          "steps:\n  p: {model: paint, inputs: {crop: x}}\noutputs: {image: p.image}\n",
          "");
}

static void an_unknown_model_is_pointed_at_and_the_nearest_named(void **state)
{
    (void)state;
    finds(HEAD "  f: {model: fcae, inputs: {photo: photo}}\noutputs: {id: f.id}\n",
          "p.yaml:4:14: error: there is no model \"fcae\"; did you mean \"face\"?\n");
    finds(HEAD "  f:\n    model: face\n    version: \"7\"\n    inputs: {photo: photo}\n"
               "outputs: {id: f.id}\n",
          "p.yaml:5:12: error: model \"face\" is not there in version \"7\"\n");
}

static void unknown_tensors_are_pointed_at(void **state)
{
    (void)state;
    finds(HEAD "  f: {model: face, inputs: {phto: photo, photo: photo}}\noutputs: {id: f.idd}\n",
          "p.yaml:4:29: error: model \"face\" has no input \"phto\"; did you mean \"photo\"?\n"
          "p.yaml:5:15: error: model \"face\" has no output \"idd\"; did you mean \"id\"?\n");
}

/* What steps give each other is not known then, and not complained of. */
static void of_a_file_that_is_wrong_the_names_are_checked(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {HEAD "  f: {model: fcae, inptus: {photo: photo}}\noutputs: {id: f.id}\n",
         "p.yaml:4:14: error: there is no model \"fcae\"; did you mean \"face\"?\n"
         "p.yaml:4:20: error: unknown key \"inptus\" in step \"f\"; did you mean \"inputs\"?\n"},
        {HEAD "  f: {model: face, inputs: {phto: photo}}\n"
              "  p: {model: paint, inputs: {crop: nowhere, seed: [1]}}\n"
              "  j: {join: concat, inputs: {l: f.idd, r: p.image}}\n"
              "  n: {model: 5 5, version: [], inputs: none}\n"
              "  m: one\n"
              "outputs: {image: j.outt, id: f.id}\n",
         "p.yaml:4:29: error: model \"face\" has no input \"phto\"; did you mean \"photo\"?\n"
         "p.yaml:5:36: error: p refers to \"nowhere\", which is no input, step or constant\n"
         "p.yaml:5:51: error: a reference must be a text that is not empty, not a list\n"
         "p.yaml:6:33: error: model \"face\" has no output \"idd\"; did you mean \"id\"?\n"
         "p.yaml:7:14: error: there is no model \"5 5\"\n"
         "p.yaml:7:28: error: version must be a text that is not empty, not a list\n"
         "p.yaml:7:40: error: the inputs of step \"n\" must be a mapping of at most 256\n"
         "p.yaml:8:6: error: step \"m\" must be a mapping, not a text\n"
         "p.yaml:9:18: error: a join has no output \"outt\"; did you mean \"output\"?\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup_pipeline struct weft_pipeline *pipeline = NULL;
        cleanup_text struct weft_text findings = {0};
        cleanup_diagnostics struct weft_diagnostics diagnostics;
        weft_diagnostics_init(&diagnostics, "p.yaml");
        assert_status(weft_pipeline_parse_partly(cases[i][0], strlen(cases[i][0]), &diagnostics,
                                                 &pipeline, NULL),
                      WEFT_OK);
        assert_status(weft_pipeline_validate(pipeline, &catalog, &diagnostics, NULL),
                      WEFT_INVALID_ARGUMENT);
        weft_diagnostics_format(&diagnostics, &findings);
        assert_string_equal(weft_text_string(&findings), cases[i][1]);
    }
}

static void a_missing_input_is_named(void **state)
{
    (void)state;
    finds("pipeline: p\nsteps:\n  f: {model: face}\noutputs: {id: f.id}\n",
          "p.yaml:3:3: error: step \"f\" does not give input \"photo\" of model \"face\"\n");
    finds(
        "pipeline: p\ninputs: {x: {datatype: BYTES, shape: [1], optional: true}}\n"
        "steps:\n  f: {model: face, inputs: {photo: x}}\noutputs: {id: f.id}\n",
        "p.yaml:4:29: error: step \"f\" needs its input \"photo\", but input \"x\" of the pipeline "
        "may be left out and has no default\n");
}

static void datatypes_and_shapes_must_fit(void **state)
{
    (void)state;
    finds(HEAD "  f: {model: face, inputs: {photo: photo}}\n"
               "  p: {model: paint, inputs: {crop: f.id}}\noutputs: {image: p.image}\n",
          "p.yaml:5:30: error: input \"crop\" of step \"p\" is UINT8, but what comes is BYTES\n");
    finds(
        "pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1, -1, 4]}}\n"
        "steps:\n  p: {model: paint, inputs: {crop: x}}\noutputs: {image: p.image}\n",
        "p.yaml:4:30: error: input \"crop\" of step \"p\" has shape [-1,-1,3], but what comes has "
        "[-1,-1,4]\n");
    finds(
        "pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1, -1, 3]}}\n"
        "steps:\n  p: {model: paint, inputs: {crop: x, seed: {value: [1, 2], datatype: INT64}}}\n"
        "outputs: {image: p.image}\n",
        "p.yaml:4:39: error: input \"seed\" of step \"p\" has shape [1], but what comes has [2]\n");
}

static void joins_are_checked_like_models(void **state)
{
    (void)state;
    static const char tail[] = "outputs: {y: j.output}\n";
    cleanup_text struct weft_text text = {0};
    weft_text_printf(&text,
                     "%s  f: {model: face, inputs: {photo: photo}}\n  j: {join: cnocat, inputs: "
                     "{a: f.crop, b: f.crop}}\n%s",
                     HEAD, tail);
    finds(weft_text_string(&text), "p.yaml:5:13: error: step \"j\": there is no join \"cnocat\"; "
                                   "did you mean \"concat\"?\n");
    weft_text_clear(&text);
    weft_text_printf(&text,
                     "%s  f: {model: face, inputs: {photo: photo}}\n  j: {join: concat, inputs: "
                     "{a: f.crop, b: f.id}}\n%s",
                     HEAD, tail);
    finds(weft_text_string(&text),
          "p.yaml:5:13: error: step \"j\": concat joins numbers; for BYTES use text or json\n");
    finds(HEAD "  j: {join: text, inputs: {a: photo}}\noutputs: {y: j.text}\n",
          "p.yaml:5:14: error: a join has no output \"text\"; did you mean \"output\"?\n");
    finds(HEAD "  j: {join: text, inputs: {a: photo}, parameters: {seperator: x}}\n"
               "outputs: {y: j.output}\n",
          "p.yaml:4:13: error: step \"j\": join \"text\" has no parameter \"seperator\"; did you "
          "mean "
          "\"separator\"?\n");
}

static void one_slip_does_not_hide_the_next(void **state)
{
    (void)state;
    finds(HEAD "  f: {model: nothing, inputs: {photo: photo}}\n"
               "  p: {model: paint, inputs: {crop: f.crop, sed: f.x}}\noutputs: {image: p.img}\n",
          "p.yaml:4:14: error: there is no model \"nothing\"\n"
          "p.yaml:5:44: error: model \"paint\" has no input \"sed\"; did you mean \"seed\"?\n"
          "p.yaml:6:18: error: model \"paint\" has no output \"img\"\n");
}

/* The findings that are kept may all be warnings; the error among the others still counts. */
static void a_hundred_warnings_do_not_hide_an_error(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, "pipeline: p\ninputs:\n");
    for (int i = 0; i < WEFT_DIAGNOSTICS_MAX; i++) {
        weft_text_printf(&text, "  x%d: {datatype: FP32, shape: [1]}\n", i);
    }
    weft_text_append_string(&text, "steps: {a: {model: nothing}}\noutputs: {y: a.o}\n");
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    assert_status(
        weft_pipeline_parse(weft_text_string(&text), text.length, &diagnostics, &pipeline, NULL),
        WEFT_OK);
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_pipeline_validate(pipeline, &catalog, &diagnostics, &error),
                  WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error), "p.yaml: 1 errors");
}

static void a_pipeline_is_described_as_a_model(void **state)
{
    (void)state;
    cleanup_pipeline struct weft_pipeline *pipeline =
        good_pipeline(HEAD "  f: {model: face, inputs: {photo: photo}}\n"
                           "  j: {join: stack, inputs: {a: f.crop, b: f.crop}}\n"
                           "  z: {model: gone, inputs: {a: f.crop}}\n"
                           "outputs: {both: j.output, z: z.o}\n");
    struct weft_model_info info;
    assert_status(weft_pipeline_describe(pipeline, &catalog, &info, NULL), WEFT_OK);
    assert_string_equal(info.name, "p");
    assert_string_equal(info.platform, "weft_pipeline");
    assert_false(info.ready); /* "gone" is not there */
    assert_int_equal(info.inputs[0].datatype, WEFT_BYTES);
    assert_int_equal(info.outputs[0].datatype, WEFT_UINT8);
    assert_int_equal(info.outputs[0].shape.rank, 4);
    assert_int_equal(info.outputs[0].shape.dims[0], 2);
    assert_int_equal(info.outputs[1].datatype, WEFT_DATATYPE_NONE);
    weft_model_info_fini(&info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_left_alone),
        cmocka_unit_test(an_unknown_model_is_pointed_at_and_the_nearest_named),
        cmocka_unit_test(unknown_tensors_are_pointed_at),
        cmocka_unit_test(of_a_file_that_is_wrong_the_names_are_checked),
        cmocka_unit_test(a_missing_input_is_named),
        cmocka_unit_test(datatypes_and_shapes_must_fit),
        cmocka_unit_test(joins_are_checked_like_models),
        cmocka_unit_test(one_slip_does_not_hide_the_next),
        cmocka_unit_test(a_hundred_warnings_do_not_hide_an_error),
        cmocka_unit_test(a_pipeline_is_described_as_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
