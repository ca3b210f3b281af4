/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/value.h"
#include "model/config.h"
#include "support/failmalloc.h"

/* config.pbtxt: what is taken, what is warned about, what is refused and where. */

static struct weft_config *parsed(const char *text, struct weft_text *warnings)
{
    struct weft_config *config = NULL;
    struct weft_error *error = NULL;
    assert_ok(weft_config_parse("m/config.pbtxt", text, strlen(text), warnings, &config, &error),
              error);
    return config;
}

static void assert_refused(const char *text, const char *message)
{
    struct weft_config *config = NULL;
    struct weft_error *error = NULL;
    assert_status(weft_config_parse("c", text, strlen(text), NULL, &config, &error),
                  WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error), message);
    weft_error_unref(error);
}

static const char whole[] =
    "# a model\n"
    "name: 'm' platform: \"onnxruntime_onnx\"; backend: \"onnx\" \"runtime\",\n"
    "max_batch_size: 0x10\n"
    "input [ { name: \"a\" data_type: TYPE_FP32 dims: [ 3, - 1 ] },\n"
    "        < name: \"b\" data_type: TYPE_STRING dims: 1 optional: true > ]\n"
    "output: { name: \"c\\303\\251\\x21\" data_type: TYPE_BF16 dims: [] }\n"
    "instance_group [ { count: 2 kind: KIND_CPU }, { } ]\n"
    "version_policy { specific { versions: [ 3, 1 ] } }\n"
    "default_model_filename: \"n.onnx\"\n"
    "model_transaction_policy { decoupled: true }\n"
    "parameters { key: \"weft.slots\" value { string_value: \"2\" } }\n"
    "parameters [ { key: \"x\", value: { string_value: \"\" } } ]\n"
    "dynamic_batching { preferred_batch_size: [ 4, 8 ] }\n";

static void a_whole_configuration_is_taken(void **state)
{
    (void)state;
    struct weft_text warnings = {0};
    struct weft_config *config = parsed(whole, &warnings);
    assert_string_equal(config->name, "m");
    assert_string_equal(config->backend, "onnxruntime");
    assert_int_equal(config->batch_max, 16);
    assert_int_equal(config->inputs_count, 2);
    assert_int_equal(config->inputs[0].shape.rank, 3);
    assert_int_equal(config->inputs[0].shape.dims[0], -1);
    assert_int_equal(config->inputs[0].shape.dims[1], 3);
    assert_int_equal(config->inputs[0].shape.dims[2], -1);
    assert_int_equal(config->inputs[1].datatype, WEFT_BYTES);
    assert_true(config->inputs[1].optional);
    assert_string_equal(config->outputs[0].name, "c\xc3\xa9!");
    assert_int_equal(config->outputs[0].shape.rank, 1);
    assert_int_equal(config->instances, 3);
    assert_int_equal(config->versions_count, 2);
    assert_true(config->decoupled);
    assert_string_equal(weft_config_find(config, "weft.slots")->value, "2");
    assert_string_equal(weft_config_find(config, "x")->value, "");
    assert_null(weft_config_find(config, "y"));
    assert_string_equal(
        weft_text_string(&warnings),
        "m/config.pbtxt:13:1: \"dynamic_batching\" of a model's configuration changes nothing "
        "here\n");
    weft_text_fini(&warnings);
    weft_config_unref(config);
}

static void nothing_said_is_fine(void **state)
{
    (void)state;
    struct weft_config *config = parsed(" # nothing", NULL);
    assert_int_equal(config->instances, 1);
    assert_int_equal(config->policy, WEFT_VERSIONS_LATEST);
    assert_int_equal(config->latest_count, 1);
    weft_config_unref(config);
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"inptu { }",
         "c:1:1: a model's configuration has no field \"inptu\"; did you mean \"input\"?"},
        {"\n  input { nam: \"x\" }", "c:2:11: input has no field \"nam\"; did you mean \"name\"?"},
        {"input { name: \"x\" data_type: TYPE_FP23 }",
         "c:1:30: there is no type \"TYPE_FP23\"; did you mean \"TYPE_FP32\"?"},
        {"input { name: \"x\" }", "c:1:7: this input has no data_type"},
        {"input { name: \"x\" data_type: TYPE_INT8 dims: [ -2 ] }",
         "c:1:48: \"dims\" must be from -1 to 9223372036854775807, not -2"},
        {"input { name: \"x\" data_type: TYPE_INT8 dims: [1,1,1,1,1,1,1,1,1] }",
         "c:1:63: a tensor has at most 8 dimensions"},
        {"input { reshape { shape: [ 1 ] } }", "c:1:9: \"reshape\" of input is not supported"},
        {"input: 3", "c:1:8: \"input\" must be a message in braces"},
        {"name: x", "c:1:7: \"name\" must be a string in quotes"},
        {"name: \"x\" name: \"y\"", "c:1:11: \"name\" is given twice"},
        {"name \"x\"", "c:1:6: \":\" or \"{\" is wanted after \"name\""},
        {"name: \"x", "c:1:7: this string does not end on its line"},
        {"name: \"\\q\"", "c:1:9: this escape is none that a string may have"},
        {"name: \"a\\000b\"", "c:1:13: this escape is none that a string may have"},
        {"name: \"\\xff\"", "c:1:7: this string is not UTF-8"},
        {"input {", "c:1:8: \"}\" is missing for what begins here"},
        {"}", "c:1:1: a field's name is wanted here, not \"}\""},
        {"max_batch_size: 99999999999999999999",
         "c:1:17: \"max_batch_size\" must be a whole number"},
        {"max_batch_size: ]", "c:1:17: a value is wanted here, not \"]\""},
        {"input [ { } { } ]", "c:1:13: \",\" or \"]\" is wanted in the list \"input\", not \"{\""},
        {"input [ { }, { } ]", "c:1:9: this input has no name"},
        {"instance_group { kind: KIND_GPU }",
         "c:1:24: \"kind\" must be KIND_CPU, KIND_AUTO or KIND_MODEL"},
        {"instance_group { count: 65 }", "c:1:25: \"count\" must be from 1 to 64, not 65"},
        {"version_policy { latest { } all { } }",
         "c:1:29: a version policy is one of latest, all and specific"},
        {"default_model_filename: \"../x\"",
         "c:1:25: \"default_model_filename\" must name a file of "
         "the version's directory, not \"../x\""},
        {"ensemble_scheduling { }",
         "c:1:1: \"ensemble_scheduling\" of a model's configuration is not supported"},
        {"parameters { key: \"a\" }",
         "c:1:12: a parameter needs a key and a value with a string_value"},
        {"parameters { key: \"a\" value { string_value: \"\" } } parameters { key: \"a\" value { "
         "string_value: \"\" } }",
         "c:1:70: the parameter \"a\" is given twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(cases[i][0], cases[i][1]);
    }
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    char deep[256];
    struct weft_config *config = NULL;
    memset(deep, 0, sizeof(deep));
    for (int i = 0; i < 100; i++) {
        memcpy(deep + (size_t)i * 2, "a{", 2);
    }
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_config_parse("c", deep, 200, NULL, &config, &error), WEFT_INVALID_ARGUMENT);
    assert_non_null(strstr(weft_error_message(error), "nested more than 16 deep"));
    cleanup_text struct weft_text many = {0};
    for (int i = 0; i <= WEFT_PBTXT_FIELDS_MAX; i++) {
        weft_text_append(&many, "a:1 ", 4);
    }
    cleanup_error struct weft_error *second = NULL;
    assert_status(weft_config_parse("c", many.data, many.length, NULL, &config, &second),
                  WEFT_INVALID_ARGUMENT);
    assert_non_null(strstr(weft_error_message(second), "more than 65536 fields"));
}

static void sizes_and_flags_are_read(void **state)
{
    (void)state;
    uint64_t size = 0;
    bool flag = false;
    assert_true(weft_config_read_size("512MiB", &size) && size == 512ULL << 20);
    assert_true(weft_config_read_size("7", &size) && size == 7);
    assert_false(weft_config_read_size("-1", &size));
    assert_false(weft_config_read_size("1 GB", &size));
    assert_false(weft_config_read_size("99999999TiB", &size));
    assert_true(weft_config_read_bool("true", &flag) && flag);
    assert_false(weft_config_read_bool("yes", &flag));
}

static void no_memory_is_an_error_like_any_other(void **state)
{
    (void)state;
    for (size_t i = 0;; i++) {
        struct weft_text warnings = {0};
        struct weft_config *config = NULL;
        struct weft_error *error = NULL;
        failmalloc_arm(i);
        enum weft_status status =
            weft_config_parse("c", whole, strlen(whole), &warnings, &config, &error);
        bool failed = failmalloc_disarm();
        assert_true(status == WEFT_OK || status == WEFT_OUT_OF_MEMORY);
        assert_true((status == WEFT_OK) == (config != NULL));
        weft_text_fini(&warnings);
        weft_config_unref(config);
        weft_error_unref(error);
        if (!failed) {
            assert_status(status, WEFT_OK);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_taken),
        cmocka_unit_test(nothing_said_is_fine),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(sizes_and_flags_are_read),
        cmocka_unit_test(no_memory_is_an_error_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
