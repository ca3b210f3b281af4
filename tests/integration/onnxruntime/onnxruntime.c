/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend "onnxruntime" on small networks that networks.py writes: what goes in and out, what
 * config.pbtxt may say, and what is refused with which words.
 */
#include "image.h"
#include "support/plugin_host.h"
#include "support/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifndef __has_feature
#define __has_feature(feature) 0 /* gcc's; the sanitized builds are clang's */
#endif

/* An absurd allocation is to fail as it does without a sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:hard_rss_limit_mb=3000";
}

static struct plugin_host_answer answer;

static struct plugin_host_setup network(const char *file)
{
    return (struct plugin_host_setup){.plugin = getenv("WEFT_TEST_ONNXRUNTIME"),
                                      .model_directory = getenv("WEFT_TEST_NETWORKS"),
                                      .model_file = file};
}

static struct plugin_host *open_setup(const struct plugin_host_setup *setup)
{
    enum weft_status status = WEFT_UNKNOWN;
    struct plugin_host *host = plugin_host_open(setup, &status);
    if (status != WEFT_OK) {
        fail_msg("%s: %s: %s", setup->model_file, weft_status_name(status),
                 plugin_host_reason(host));
    }
    return host;
}

static struct plugin_host *open_network(const char *file)
{
    struct plugin_host_setup setup = network(file);
    return open_setup(&setup);
}

/* The load fails so, with these words in the reason. */
static void refused(const struct plugin_host_setup *setup, enum weft_status expected,
                    const char *words)
{
    enum weft_status status = WEFT_UNKNOWN;
    struct plugin_host *host = plugin_host_open(setup, &status);
    if (status != expected || strstr(plugin_host_reason(host), words) == NULL) {
        fail_msg("%s: %s: %s", setup->model_file, weft_status_name(status),
                 plugin_host_reason(host));
    }
    plugin_host_close(host);
}

static struct weft_tensor tensor(const char *name, enum weft_datatype datatype,
                                 struct weft_shape shape, const void *data, size_t size_bytes)
{
    return (struct weft_tensor){.name = name,
                                .datatype = datatype,
                                .shape = shape,
                                .data = data,
                                .size_bytes = size_bytes,
                                .content_type = ""};
}

static void ask(struct plugin_host *host, const struct weft_tensor *inputs, size_t count)
{
    const struct plugin_host_request request = {.inputs = inputs, .inputs_count = count};
    plugin_host_ask(host, &request, &answer);
}

/* The answer failed so, with these words. */
static void assert_answer(enum weft_status expected, const char *words)
{
    if (answer.status != expected || strstr(answer.reason, words) == NULL) {
        fail_msg("%s: %s", weft_status_name(answer.status), answer.reason);
    }
    plugin_host_answer_fini(&answer);
}

static const float six[] = {1, -2, 3.5F, 0, 1e30F, 6};
static const struct weft_shape two_by_three = {2, {2, 3}};

static void every_datatype_goes_in_and_comes_out(void **state)
{
    (void)state;
    static const struct {
        enum weft_datatype datatype;
        const char *file;
    } types[] = {
#define TYPE(name, number, size_bytes) {WEFT_##name, "type-" #name ".onnx"},
        WEFT_DATATYPE_TABLE(TYPE)
#undef TYPE
    };
    static const uint8_t bytes[48] = {1, 0, 1, 1, 0, 1};
    static const uint8_t strings[] = "\1\0\0\0a\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0xyz";
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct plugin_host *host = open_network(types[i].file);
        struct weft_model_metadata metadata = plugin_host_metadata(host);
        assert_int_equal(metadata.inputs_count, 1);
        assert_int_equal(metadata.inputs[0].datatype, types[i].datatype);
        assert_true(weft_shape_equal(&metadata.inputs[0].shape, &two_by_three));
        bool is_bytes = types[i].datatype == WEFT_BYTES;
        const void *data = is_bytes ? strings : bytes;
        size_t size =
            is_bytes ? sizeof(strings) - 1 : 6 * weft_datatype_size_bytes(types[i].datatype);
        struct weft_tensor input = tensor("in", types[i].datatype, two_by_three, data, size);
        ask(host, &input, 1);
        assert_string_equal(answer.reason, "");
        const struct plugin_host_output *output = plugin_host_output(&answer, "out");
        assert_int_equal(output->size_bytes, size);
        assert_memory_equal(output->data, data, size);
        assert_null(output->release); /* of a known shape: written into the host's memory */
        plugin_host_answer_fini(&answer);
        plugin_host_close(host);
    }
}

static void strings_of_any_bytes_and_number_stay_as_they_are(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("strings.onnx");
    static const uint8_t raw[] = "\0\0\0\0\4\0\0\0a\0b\xff\1\0\0\0c";
    struct weft_tensor input =
        tensor("in", WEFT_BYTES, (struct weft_shape){1, {3}}, raw, sizeof(raw) - 1);
    ask(host, &input, 1);
    const struct plugin_host_output *output = plugin_host_output(&answer, "out");
    assert_int_equal(output->shape.dims[0], 3);
    assert_int_equal(output->size_bytes, sizeof(raw) - 1);
    assert_memory_equal(output->data, raw, sizeof(raw) - 1);
    plugin_host_answer_fini(&answer);

    input = tensor("in", WEFT_BYTES, (struct weft_shape){1, {0}}, NULL, 0);
    ask(host, &input, 1);
    assert_int_equal(plugin_host_output(&answer, "out")->size_bytes, 0);
    plugin_host_answer_fini(&answer);

    input = tensor("in", WEFT_BYTES, (struct weft_shape){1, {3}}, raw, sizeof(raw) - 2);
    ask(host, &input, 1);
    assert_answer(WEFT_INVALID_ARGUMENT, "ends inside element 2");
    input = tensor("in", WEFT_BYTES, (struct weft_shape){1, {2}}, raw, sizeof(raw) - 1);
    ask(host, &input, 1);
    assert_answer(WEFT_INVALID_ARGUMENT, "goes on after its last element");
    input =
        tensor("in", WEFT_BYTES, (struct weft_shape){1, {INT64_C(1) << 40}}, raw, sizeof(raw) - 1);
    ask(host, &input, 1);
    assert_answer(WEFT_INVALID_ARGUMENT, "fewer elements than its shape says");
    plugin_host_close(host);
}

static void an_output_of_unknown_shape_is_lent_where_it_lies(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("any.onnx");
    struct weft_tensor input =
        tensor("in", WEFT_FP32, (struct weft_shape){2, {3, 2}}, six, sizeof(six));
    ask(host, &input, 1);
    const struct plugin_host_output *output = plugin_host_output(&answer, "out");
    assert_int_equal(output->shape.dims[0], 3);
    assert_memory_equal(output->data, six, sizeof(six));
    assert_non_null(output->release);
    plugin_host_answer_fini(&answer);

    /* Of no elements at all. */
    input = tensor("in", WEFT_FP32, (struct weft_shape){2, {0, 2}}, NULL, 0);
    ask(host, &input, 1);
    assert_int_equal(plugin_host_output(&answer, "out")->size_bytes, 0);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void memory_of_an_input_is_never_lent(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("handed.onnx");
    float given[] = {1, 2, 3};
    struct weft_tensor input =
        tensor("x", WEFT_FP32, (struct weft_shape){1, {3}}, given, sizeof(given));
    ask(host, &input, 1);
    assert_string_equal(answer.reason, "");
    assert_int_equal(answer.outputs_count, 4);
    for (size_t i = 0; i < answer.outputs_count; i++) {
        assert_ptr_not_equal(answer.outputs[i].data, given);
    }
    static const char *const same[] = {"x", "y"};
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(plugin_host_output(&answer, same[i])->data, given, sizeof(given));
    }
    static const float constant[] = {1.5F, 2.5F, 3.5F};
    assert_memory_equal(plugin_host_output(&answer, "c")->data, constant, 2 * sizeof(float));
    assert_memory_equal(plugin_host_output(&answer, "d")->data, constant + 2, sizeof(float));
    plugin_host_answer_fini(&answer);

    /* Only what is wanted is made. */
    const struct plugin_host_request request = {.inputs = &input, .inputs_count = 1, .wanted = "y"};
    plugin_host_ask(host, &request, &answer);
    assert_int_equal(answer.outputs_count, 1);
    assert_string_equal(answer.outputs[0].name, "y");
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void the_configuration_narrows_what_the_network_leaves_open(void **state)
{
    (void)state;
    const struct weft_tensor_spec in = {.name = "in", .datatype = WEFT_FP32, .shape = {2, {3, -1}}};
    const struct weft_tensor_spec out = {
        .name = "out", .datatype = WEFT_FP32, .shape = {2, {3, 2}}};
    struct plugin_host_setup setup = network("any.onnx");
    setup.inputs = &in;
    setup.inputs_count = 1;
    setup.outputs = &out;
    setup.outputs_count = 1;
    struct plugin_host *host = open_setup(&setup);
    struct weft_model_metadata metadata = plugin_host_metadata(host);
    assert_true(weft_shape_equal(&metadata.inputs[0].shape, &out.shape));
    struct weft_tensor input = tensor("in", WEFT_FP32, out.shape, six, sizeof(six));
    ask(host, &input, 1);
    assert_null(plugin_host_output(&answer, "out")->release);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void a_configuration_that_contradicts_the_network_is_refused(void **state)
{
    (void)state;
    const struct weft_tensor_spec specs[] = {
        {.name = "inn", .datatype = WEFT_FP32, .shape = {2, {-1, 2}}},
        {.name = "in", .datatype = WEFT_INT32, .shape = {2, {-1, 2}}},
        {.name = "in", .datatype = WEFT_FP32, .shape = {1, {-1}}},
        {.name = "in", .datatype = WEFT_FP32, .shape = {2, {-1, 3}}},
        {.name = "in", .datatype = WEFT_FP32, .shape = {2, {-1, 2}}, .optional = true},
    };
    static const char *const words[] = {"which the network does not have; it has in",
                                        "is INT32 [-1,2], the network says FP32 [-1,2]",
                                        "FP32 [-1], the network says",
                                        "FP32 [-1,3], the network says", "makes optional"};
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        struct plugin_host_setup setup = network("any.onnx");
        setup.inputs = &specs[i];
        setup.inputs_count = 1;
        refused(&setup, WEFT_FAILED_PRECONDITION, words[i]);
    }
    const struct weft_tensor_spec x = {.name = "x", .datatype = WEFT_FP32, .shape = {1, {1}}};
    struct plugin_host_setup setup = network("expand.onnx");
    setup.inputs = &x;
    setup.inputs_count = 1;
    refused(&setup, WEFT_FAILED_PRECONDITION, "leaves out the input \"shape\"");
}

static void outputs_that_the_configuration_leaves_out_are_none(void **state)
{
    (void)state;
    struct plugin_host_setup setup = network("sequence.onnx");
    refused(&setup, WEFT_UNIMPLEMENTED, "output \"s\" is no tensor");
    const struct weft_tensor_spec y = {.name = "y", .datatype = WEFT_FP32, .shape = {1, {-1}}};
    setup.outputs = &y;
    setup.outputs_count = 1;
    struct plugin_host *host = open_setup(&setup);
    struct weft_tensor input = tensor("x", WEFT_FP32, (struct weft_shape){1, {2}}, six, 8);
    ask(host, &input, 1);
    assert_int_equal(answer.outputs_count, 1);
    assert_memory_equal(plugin_host_output(&answer, "y")->data, six, 8);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void a_file_that_is_no_network_fails_the_load_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum weft_status status;
        const char *words;
    } files[] = {
        {"cut.onnx", WEFT_FAILED_PRECONDITION, "cut.onnx cannot be loaded: "},
        {"text.onnx", WEFT_FAILED_PRECONDITION, "text.onnx cannot be loaded: "},
        {"empty.onnx", WEFT_FAILED_PRECONDITION, "empty.onnx cannot be loaded: "},
        {"unknown-operator.onnx", WEFT_FAILED_PRECONDITION, "Frobnicate"},
        {"missing.onnx", WEFT_NOT_FOUND, "there is no file \"missing.onnx\""},
        {NULL, WEFT_NOT_FOUND, "there is no file \"model.onnx\""},
        {"../onnxruntime/any.onnx", WEFT_FAILED_PRECONDITION,
         "must be a file of the version's directory"},
        {"type-COMPLEX64.onnx", WEFT_FAILED_PRECONDITION, "tensor(complex64) is not"},
        {"huge.onnx", WEFT_RESOURCE_EXHAUSTED,
         "shape [1099511627776,1099511627776] is larger than"},
        {"deep.onnx", WEFT_UNIMPLEMENTED, "has 9 dimensions"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct plugin_host_setup setup = network(files[i].file);
        refused(&setup, files[i].status, files[i].words);
    }
}

static void a_library_that_is_too_old_is_named(void **state)
{
    (void)state;
    struct plugin_host_setup setup = network("any.onnx");
    setup.plugin = getenv("WEFT_TEST_OLD_ONNXRUNTIME");
    refused(&setup, WEFT_FAILED_PRECONDITION,
            "ONNX Runtime's library is version 1.17.3, which does not offer API 18: this plugin "
            "needs 1.18 or later");
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2][2] = {
        {{"graph_optimization_level", "most"}, {"decode", "none"}},
        {{"decode", "sound"}, {"decode", "sound"}},
        {{"weft.deterministic", "true"}, {"intra_op_thread_count", "2"}},
        {{"weft.deterministic", "true"}, {"graph_optimization_level", "basic"}},
    };
    static const char *const words[] = {"is none of disable, basic", "neither none nor image",
                                        "weft.deterministic runs with one thread",
                                        "weft.deterministic runs with"};
    for (int i = 0; i < 4; i++) {
        struct plugin_host_setup setup = network("any.onnx");
        setup.options = wrong[i];
        setup.options_count = 2;
        refused(&setup, WEFT_INVALID_ARGUMENT, words[i]);
    }
    static const char *const decode[][2] = {{"decode", "image"}};
    struct plugin_host_setup setup = network("any.onnx");
    setup.options = decode;
    setup.options_count = 1;
    refused(&setup, WEFT_FAILED_PRECONDITION, "decode: no input is BYTES [1]");
}

static void every_setting_that_makes_sense_runs(void **state)
{
    (void)state;
    static const char *const settings[][3][2] = {
        {{"intra_op_thread_count", "2"},
         {"intra_op_spinning", "true"},
         {"graph_optimization_level", "disable"}},
        {{"intra_op_thread_count", "0"},
         {"intra_op_spinning", "false"},
         {"graph_optimization_level", "extended"}},
        {{"weft.deterministic", "true"},
         {"intra_op_thread_count", "1"},
         {"graph_optimization_level", "all"}},
    };
    for (int i = 0; i < 3; i++) {
        struct plugin_host_setup setup = network("any.onnx");
        setup.options = settings[i];
        setup.options_count = 3;
        struct plugin_host *host = open_setup(&setup);
        assert_int_equal(plugin_host_metadata(host).deterministic, i == 2);
        struct weft_tensor input =
            tensor("in", WEFT_FP32, (struct weft_shape){2, {3, 2}}, six, sizeof(six));
        ask(host, &input, 1);
        assert_memory_equal(plugin_host_output(&answer, "out")->data, six, sizeof(six));
        plugin_host_answer_fini(&answer);
        plugin_host_close(host);
    }
}

static void pictures_are_decoded_for_a_network_of_pixels(void **state)
{
    (void)state;
    static const uint8_t pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const char *const decode[][2] = {{"decode", "image"}};
    uint8_t *png = NULL;
    size_t size = 0;
    assert_status(weft_image_encode_png(pixels, 2, 3, &png, &size, NULL), WEFT_OK);
    struct weft_tensor input = plugin_host_bytes("in", png, size);
    free(png);
    struct plugin_host_setup setup = network("pixels.onnx");
    setup.options = decode;
    setup.options_count = 1;
    struct plugin_host *host = open_setup(&setup);
    assert_int_equal(plugin_host_metadata(host).inputs[0].datatype, WEFT_BYTES);
    ask(host, &input, 1);
    const struct plugin_host_output *output = plugin_host_output(&answer, "out");
    const struct weft_shape shape = {3, {3, 2, 3}};
    assert_true(weft_shape_equal(&output->shape, &shape));
    assert_memory_equal(output->data, pixels, sizeof(pixels));
    plugin_host_answer_fini(&answer);

    struct weft_tensor words = plugin_host_bytes("in", "these are words", 15);
    ask(host, &words, 1);
    assert_answer(WEFT_INVALID_ARGUMENT, "input \"in\": ");
    plugin_host_close(host);

    setup.model_file = "small-pixels.onnx";
    host = open_setup(&setup);
    ask(host, &input, 1);
    assert_answer(WEFT_INVALID_ARGUMENT,
                  "the picture is 2 pixels wide and 3 high, the network takes 2 by 2 only");
    plugin_host_close(host);
    free((void *)words.data);
    free((void *)input.data);
}

static void wrong_inputs_are_told_from_each_other(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("any.onnx");
    ask(host, NULL, 0);
    assert_answer(WEFT_INVALID_ARGUMENT, "input \"in\" is missing");
    plugin_host_close(host);

    host = open_network("type-BOOL.onnx");
    static const uint8_t bytes[] = {0, 1, 2, 0, 0, 0};
    struct weft_tensor input = tensor("in", WEFT_BOOL, two_by_three, bytes, sizeof(bytes));
    ask(host, &input, 1);
    assert_answer(WEFT_INVALID_ARGUMENT, "neither 0 nor 1");
    plugin_host_close(host);
}

static void numbers_that_are_not_finite_are_refused_where_that_is_asked_for(void **state)
{
    (void)state;
    static const float nan_at_1[] = {0.5F, NAN, 0, 0, 0, 0};
    static const double infinity_at_5[] = {1e308, -0.0, 5e-324, 0, 0, -INFINITY};
    static const uint16_t half_at_2[] = {0x7bff, 0xfbff, 0x7c00, 0, 0, 0};
    static const uint16_t brain_at_0[] = {0xff81, 0x7f7f, 0, 0, 0, 0};
    static const uint16_t halves[] = {0x7bff, 0xfbff, 0x7b80, 0x03ff, 0, 0};
    static const int64_t ones[] = {-1, -1, -1, -1, -1, -1};
    const struct {
        const char *file;
        enum weft_datatype datatype;
        const void *data;
        const char *words; /* NULL = it is taken */
    } cases[] = {
        {"type-FP32.onnx", WEFT_FP32, nan_at_1,
         "input \"in\" has NaN or an infinity in it (element 1)"},
        {"type-FP64.onnx", WEFT_FP64, infinity_at_5, "(element 5)"},
        {"type-FP16.onnx", WEFT_FP16, half_at_2, "(element 2)"},
        {"type-BF16.onnx", WEFT_BF16, brain_at_0, "(element 0)"},
        {"type-FP16.onnx", WEFT_FP16, halves, NULL},
        {"type-BF16.onnx", WEFT_BF16, halves, NULL},
        {"type-INT64.onnx", WEFT_INT64, ones, NULL},
    };
    static const char *const strict[][2] = {{"finite_inputs", "true"}};
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct plugin_host_setup setup = network(cases[i / 2].file);
        setup.options = strict;
        setup.options_count = i % 2;
        struct plugin_host *host = open_setup(&setup);
        struct weft_tensor input =
            tensor("in", cases[i / 2].datatype, two_by_three, cases[i / 2].data,
                   6 * weft_datatype_size_bytes(cases[i / 2].datatype));
        ask(host, &input, 1);
        if (i % 2 == 1 && cases[i / 2].words != NULL) {
            assert_answer(WEFT_INVALID_ARGUMENT, cases[i / 2].words);
        } else {
            assert_status(answer.status, WEFT_OK);
            plugin_host_answer_fini(&answer);
        }
        plugin_host_close(host);
    }
}

static void expand_to(struct plugin_host *host, int64_t a, int64_t b)
{
    const int64_t dims[] = {a, b};
    const struct weft_tensor inputs[] = {
        tensor("x", WEFT_FP32, (struct weft_shape){1, {1}}, six, 4),
        tensor("shape", WEFT_INT64, (struct weft_shape){1, {2}}, dims, sizeof(dims))};
    ask(host, inputs, 2);
}

static void a_network_that_asks_for_absurd_memory_fails_and_runs_again(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("expand.onnx");
    expand_to(host, INT64_C(1) << 40, 64);
    assert_answer(WEFT_OUT_OF_MEMORY, "the network failed");
    expand_to(host, INT64_C(1) << 40, INT64_C(1) << 40);
    assert_int_not_equal(answer.status, WEFT_OK);
    plugin_host_answer_fini(&answer);
    expand_to(host, -7, 2);
    assert_int_not_equal(answer.status, WEFT_OK);
    plugin_host_answer_fini(&answer);
    expand_to(host, 2, 2);
    assert_int_equal(plugin_host_output(&answer, "y")->size_bytes, 16);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void an_output_of_another_shape_than_promised_is_an_error(void **state)
{
    (void)state;
    const struct weft_tensor_spec y = {.name = "y", .datatype = WEFT_FP32, .shape = {2, {2, 2}}};
    struct plugin_host_setup setup = network("expand.onnx");
    setup.outputs = &y;
    setup.outputs_count = 1;
    struct plugin_host *host = open_setup(&setup);
    expand_to(host, 2, 2);
    assert_string_equal(answer.reason, "");
    plugin_host_answer_fini(&answer);
    expand_to(host, 3, 2);
    assert_int_not_equal(answer.status, WEFT_OK);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

static void a_long_run_ends_when_it_is_cancelled(void **state)
{
    (void)state;
    struct plugin_host *host = open_network("loop.onnx");
    int64_t count = INT64_MAX;
    const struct weft_tensor inputs[] = {
        tensor("count", WEFT_INT64, (struct weft_shape){0, {0}}, &count, 8),
        tensor("x", WEFT_FP32, (struct weft_shape){1, {1}}, six, 4)};
    struct plugin_host_request request = {
        .inputs = inputs, .inputs_count = 2, .cancel_after_ms = 50};
    plugin_host_ask(host, &request, &answer);
    assert_answer(WEFT_CANCELLED, "cancelled");

    request.cancel_after_ms = 0;
    request.cancelled = true;
    plugin_host_ask(host, &request, &answer);
    assert_answer(WEFT_CANCELLED, "cancelled");

    count = 1000;
    request.cancelled = false;
    plugin_host_ask(host, &request, &answer);
    assert_string_equal(answer.reason, "");
    assert_float_equal(*(float *)plugin_host_output(&answer, "y")->data, 1001.0F, 0.0F);
    plugin_host_answer_fini(&answer);
    plugin_host_close(host);
}

/* A network here asks for absurd memory: should that ever be granted, this program ends and not the
 * machine. (The address sanitizer's own shadow is larger than any limit of address space.) */
static void limit_memory(void)
{
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
    const struct rlimit limit = {UINT64_C(3) << 30, UINT64_C(3) << 30};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
#endif
}

int main(void)
{
    limit_memory();
    const struct CMUnitTest stories[] = {
        cmocka_unit_test(every_datatype_goes_in_and_comes_out),
        cmocka_unit_test(strings_of_any_bytes_and_number_stay_as_they_are),
        cmocka_unit_test(an_output_of_unknown_shape_is_lent_where_it_lies),
        cmocka_unit_test(memory_of_an_input_is_never_lent),
        cmocka_unit_test(the_configuration_narrows_what_the_network_leaves_open),
        cmocka_unit_test(a_configuration_that_contradicts_the_network_is_refused),
        cmocka_unit_test(outputs_that_the_configuration_leaves_out_are_none),
        cmocka_unit_test(a_file_that_is_no_network_fails_the_load_with_a_reason),
        cmocka_unit_test(a_library_that_is_too_old_is_named),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(every_setting_that_makes_sense_runs),
        cmocka_unit_test(pictures_are_decoded_for_a_network_of_pixels),
        cmocka_unit_test(wrong_inputs_are_told_from_each_other),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused_where_that_is_asked_for),
        cmocka_unit_test(a_network_that_asks_for_absurd_memory_fails_and_runs_again),
        cmocka_unit_test(an_output_of_another_shape_than_promised_is_an_error),
        cmocka_unit_test(a_long_run_ends_when_it_is_cancelled),
    };
    return cmocka_run_group_tests(stories, NULL, NULL);
}
