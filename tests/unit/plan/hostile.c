/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "plan/yaml_tree.h"
#include "unit/plan/findings.h"

/* Files that are no pipelines, and files that were made to hurt. */

static void what_is_no_mapping_is_told_what_it_should_be(void **state)
{
    (void)state;
    static const char should[] =
        "error: a pipeline's file is a mapping with \"pipeline\", \"steps\" and \"outputs\", not ";
    char expected[256];
    static const char *const texts[][2] = {
        {"", "nothing"}, {"# nothing\n", "nothing"}, {"hello\n", "a text"}, {"[a]\n", "a list"}};
    for (size_t i = 0; i < 4; i++) {
        snprintf(expected, sizeof(expected), "p.yaml:1:1: %s%s\n", should, texts[i][1]);
        refused(texts[i][0], expected);
    }
    refused("# first\npipeline: p\n",
            "p.yaml:2:1: error: a pipeline needs steps: a mapping of 1 to 1024 of them\n");
    refused("pipeline: p\nsteps: {a: {model: m}}\n",
            "p.yaml:1:1: error: a pipeline needs outputs: a mapping of 1 to 256 of them\n");
}

static void yaml_that_grows_is_refused_at_its_first_sign(void **state)
{
    (void)state;
    refused("a: &a [x, x]\nb: [*a, *a]\n",
            "p.yaml:1:4: error: anchors (&name) are not used here\n");
    refused("b: [*a, *a]\n",
            "p.yaml:1:5: error: aliases (*name) are not used here: write the value out\n");
    refused("a: !!binary eA==\n", "p.yaml:1:4: error: tags (!name) are not used here\n");
    refused("a: 1\n---\nb: 2\n",
            "p.yaml:2:1: error: a second document begins here; one file holds one\n");
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    char text[2001];
    memset(text, '[', 2000);
    text[2000] = '\0';
    refused(text, "p.yaml:1:33: error: this is nested too deep\n");
}

static void a_file_a_text_and_a_mapping_have_limits(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, "pipeline: ");
    for (int i = 0; i < 300; i++) {
        weft_text_append_string(&text, "x");
    }
    weft_text_append_string(&text, "\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n");
    refused(weft_text_string(&text), "p.yaml:1:11: error: the pipeline is longer than 255 bytes\n");
    weft_text_clear(&text);
    for (int i = 0; i <= WEFT_YAML_KEYS_MAX; i++) {
        weft_text_printf(&text, "k%d: 1\n", i);
    }
    refused(weft_text_string(&text), "p.yaml:2049:1: error: a mapping has too many keys here\n");
    while (text.length <= WEFT_YAML_SIZE_MAX_BYTES) {
        weft_text_append_string(&text, "# nothing but a very long comment, again and again\n");
    }
    refused(weft_text_string(&text), "p.yaml: error: the file is larger than 1048576 bytes\n");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    refused_bytes("pipeline: \xff\n", 12, "p.yaml:1:1: error: invalid leading UTF-8 octet\n");
    refused("pipeline: \"a\\0b\"\n",
            "p.yaml:1:11: error: a text here may not have a zero byte inside\n");
    refused("pipeline: p\nsteps:\n\ta: {model: m}\n",
            "p.yaml:3:1: error: found character that cannot start any token\n");
}

/* A finding goes to a terminal: it may quote the file, but not steer the terminal. */
static void a_finding_steers_no_terminal(void **state)
{
    (void)state;
    refused("pipeline: p\n\"\\e[31mred\": 1\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n",
            "p.yaml:2:1: error: unknown key \"?[31mred\" in the pipeline\n");
    refused("pipeline: \"p\\nq\"\nsteps: {a: {model: m}}\noutputs: {y: a.o}\n",
            "p.yaml:1:11: error: the name of the pipeline has a control character in it\n");
}

static void keys_stand_once(void **state)
{
    (void)state;
    refused("pipeline: p\nsteps:\n  a: {model: m}\n  a: {model: m}\noutputs: {x: a.o}\n",
            "p.yaml:4:3: error: \"a\" stands here twice; the first is on line 3\n");
    refused("? [a, b]\n: 1\n", "p.yaml:1:3: error: a key must be a plain word\n");
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *datatype, *value, *words;
    } cases[] = {
        {"FP32", "1e999", "\"1e999\" is no FP32"},
        {"FP32", "1e39", "\"1e39\" is no FP32"},
        {"FP32", "nan", "\"nan\" is no FP32"},
        {"FP64", "0x10", "\"0x10\" is no FP64"},
        {"INT8", "128", "\"128\" is no INT8"},
        {"INT8", "1.5", "\"1.5\" is no INT8"},
        {"UINT8", "-1", "\"-1\" is no UINT8"},
        {"UINT64", "18446744073709551616", "\"18446744073709551616\" is no UINT64"},
        {"BOOL", "yes", "\"yes\" is no BOOL"},
        {"FP16", "1", "FP16 cannot be written out here; FP32 and FP64 can"},
        {"INT32", "{a: 1}", "a tensor is a text, a number, or lists of them, at most 8 deep"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256], expected[256];
        snprintf(text, sizeof(text),
                 "pipeline: p\nconstants:\n  c:\n    datatype: %s\n    value: %s\n"
                 "steps: {a: {model: m, inputs: {i: c}}}\noutputs: {x: a.o}\n",
                 cases[i].datatype, cases[i].value);
        snprintf(expected, sizeof(expected), "p.yaml:5:12: error: %s\n", cases[i].words);
        refused(text, expected);
    }
}

static void lists_of_one_level_are_equally_long(void **state)
{
    (void)state;
    static const char *const values[] = {"[[1, 2], [3]]", "[1, [2]]", "[[], [1]]", "[[1], []]"};
    for (size_t i = 0; i < 4; i++) {
        cleanup_text struct weft_text text = {0}, findings = {0};
        struct weft_pipeline *pipeline = NULL;
        weft_text_printf(&text, STEP("inputs: {i: {datatype: INT8, value: %s}}"), values[i]);
        assert_status(read_pipeline(weft_text_string(&text), text.length, &pipeline, &findings),
                      WEFT_INVALID_ARGUMENT);
        assert_non_null(strstr(weft_text_string(&findings),
                               "error: the lists of one level must be equally long"));
    }
    refused(STEP("inputs: {i: {datatype: INT8, value: [[1], 2]}}"),
            "p.yaml:3:59: error: a list is missing here\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_mapping_is_told_what_it_should_be),
        cmocka_unit_test(yaml_that_grows_is_refused_at_its_first_sign),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(a_file_a_text_and_a_mapping_have_limits),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_finding_steers_no_terminal),
        cmocka_unit_test(keys_stand_once),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(lists_of_one_level_are_equally_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
