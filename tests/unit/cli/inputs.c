/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/samples.h"
#include "support/story.h"

/* The model of these stories. */
static struct weft_model_tensor tensors[] = {
    {.name = "place", .datatype = WEFT_FP32, .shape = {1, {2}}},
    {.name = "rows", .datatype = WEFT_INT16, .shape = {2, {-1, 2}}},
    {.name = "text", .datatype = WEFT_BYTES, .shape = {1, {1}}},
    {.name = "image", .datatype = WEFT_UINT8, .shape = {3, {-1, -1, 3}}},
    {.name = "pixels", .datatype = WEFT_UINT8, .shape = {3, {-1, 2, 3}}},
    {.name = "half", .datatype = WEFT_FP16, .shape = {1, {-1}}},
    {.name = "flags", .datatype = WEFT_BOOL, .shape = {1, {-1}}},
    {.name = "batch", .datatype = WEFT_BYTES, .shape = {2, {-1, 1}}},
};
static struct weft_model_info model = {
    .name = "portrait", .inputs = tensors, .inputs_count = sizeof(tensors) / sizeof(tensors[0])};

struct kitchen {
    struct weft_values inputs;
    struct weft_error *error;
    char file[64];
};

static int open_kitchen(void **state)
{
    static struct kitchen kitchen;
    kitchen = (struct kitchen){0};
    *state = &kitchen;
    return 0;
}

static int close_kitchen(void **state)
{
    struct kitchen *kitchen = *state;
    weft_values_fini(&kitchen->inputs);
    weft_error_unref(kitchen->error);
    if (kitchen->file[0] != '\0') {
        unlink(kitchen->file);
    }
    return 0;
}

static const struct weft_value *given(struct kitchen *kitchen, const char *argument,
                                      const char *name)
{
    assert_ok(weft_input_add(argument, &model, &kitchen->inputs, &kitchen->error), kitchen->error);
    return weft_values_find(&kitchen->inputs, name);
}

static void refused(struct kitchen *kitchen, const char *argument, enum weft_status status,
                    const char *words)
{
    char text[1024];
    assert_status(weft_input_add(argument, &model, &kitchen->inputs, &kitchen->error), status);
    weft_error_format(kitchen->error, text, sizeof(text));
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

/* A file with these bytes; its name follows `prefix` in an argument. */
static const char *file_argument(struct kitchen *kitchen, const char *prefix, const char *ending,
                                 const void *data, size_t size_bytes, char argument[128])
{
    snprintf(kitchen->file, sizeof(kitchen->file), "/tmp/weft-inputs-%d%s", (int)getpid(), ending);
    FILE *file = fopen(kitchen->file, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size_bytes, file), size_bytes);
    assert_int_equal(fclose(file), 0);
    snprintf(argument, 128, "%s@%s", prefix, kitchen->file);
    return argument;
}

static void numbers_become_a_tensor_of_the_declared_type(void **state)
{
    const struct weft_value *value = given(*state, "place=0.42,0.47", "place");
    const float expected[] = {0.42f, 0.47f};
    assert_int_equal(weft_value_datatype(value), WEFT_FP32);
    assert_memory_equal(weft_value_data(value), expected, sizeof(expected));
}

static void the_open_dimension_follows_from_the_numbers(void **state)
{
    const struct weft_value *value = given(*state, "rows= 1, -2  3 4,5 6", "rows");
    const int16_t expected[] = {1, -2, 3, 4, 5, 6};
    assert_int_equal(weft_value_shape(value)->dims[0], 3);
    assert_memory_equal(weft_value_data(value), expected, sizeof(expected));
}

static void halves_and_truths_are_numbers_too(void **state)
{
    const struct weft_value *half = given(*state, "half=1,-2,65504,6e-8", "half");
    const uint16_t expected[] = {0x3C00, 0xC000, 0x7BFF, 0x0001};
    assert_memory_equal(weft_value_data(half), expected, sizeof(expected));
    const struct weft_value *flags = given(*state, "flags=true,0,1,false", "flags");
    assert_memory_equal(weft_value_data(flags), "\1\0\1\0", 4);
}

static void text_is_one_element_and_a_doubled_at_sign_is_one(void **state)
{
    const void *data = NULL;
    size_t size_bytes = 0;
    const struct weft_value *value = given(*state, "text=@@all = fine", "text");
    assert_true(weft_value_bytes_at(value, 0, &data, &size_bytes));
    assert_int_equal(size_bytes, strlen("@all = fine"));
    assert_memory_equal(data, "@all = fine", size_bytes);
    assert_int_equal(weft_value_shape(given(*state, "batch=one", "batch"))->rank, 2);
}

static void a_file_is_an_element_that_knows_what_it_is(void **state)
{
    char argument[128];
    const void *data = NULL;
    size_t size_bytes = 0;
    file_argument(*state, "text=", ".png", "\x89PNG....", 8, argument);
    const struct weft_value *value = given(*state, argument, "text");
    assert_true(weft_value_bytes_at(value, 0, &data, &size_bytes));
    assert_memory_equal(data, "\x89PNG....", 8);
    assert_string_equal(weft_value_content_type(value), "image/png");
}

static void a_raw_file_fills_the_declared_shape(void **state)
{
    char argument[128];
    const uint8_t pixels[12] = {1, 2, 3};
    file_argument(*state, "pixels=", ".rgb", pixels, sizeof(pixels), argument);
    assert_int_equal(weft_value_shape(given(*state, argument, "pixels"))->dims[0], 2);
    file_argument(*state, "image[1,4,3]=", ".rgb", pixels, sizeof(pixels), argument);
    assert_int_equal(weft_value_shape(given(*state, argument, "image"))->dims[1], 4);
}

static void a_picture_is_not_decoded_silently(void **state)
{
    struct kitchen *kitchen = *state;
    char argument[128];
    file_argument(kitchen, "image=", ".jpg", "\xFF\xD8\xFF\xE0....", 8, argument);
    refused(kitchen, argument, WEFT_INVALID_ARGUMENT, "encoded picture");
    assert_non_null(strstr(weft_error_hint(kitchen->error), "image_decode"));
}

static void a_mistyped_name_is_answered_with_the_right_one(void **state)
{
    struct kitchen *kitchen = *state;
    refused(kitchen, "txet=a", WEFT_INVALID_ARGUMENT, "has no input \"txet\"");
    assert_string_equal(weft_error_hint(kitchen->error), "did you mean \"text\"?");
}

static void what_does_not_fit_is_refused(void **state)
{
    char argument[128];
    refused(*state, "place", WEFT_INVALID_ARGUMENT, "NAME=VALUE");
    refused(*state, "=1", WEFT_INVALID_ARGUMENT, "NAME=VALUE");
    refused(*state, "place=1", WEFT_INVALID_ARGUMENT, "has 1 elements");
    refused(*state, "place=1,two", WEFT_INVALID_ARGUMENT, "\"two\" is no such number");
    refused(*state, "rows=1,40000", WEFT_INVALID_ARGUMENT, "\"40000\" is no such number");
    refused(*state, "rows=1,2,3", WEFT_INVALID_ARGUMENT, "has 3 elements");
    refused(*state, "half=70000", WEFT_INVALID_ARGUMENT, "no such number");
    refused(*state, "image=1,2,3", WEFT_INVALID_ARGUMENT, "more of which is open");
    refused(*state, "rows[2,]=1,2,3,4", WEFT_INVALID_ARGUMENT, "the shape in");
    refused(*state, "rows[2,2=1,2,3,4", WEFT_INVALID_ARGUMENT, "the shape in");
    refused(*state, "text=@/nonexistent", WEFT_NOT_FOUND, "/nonexistent");
    file_argument(*state, "rows=", ".raw", "odd", 3, argument);
    refused(*state, argument, WEFT_INVALID_ARGUMENT, "3 bytes");
}

static void an_input_is_given_once(void **state)
{
    given(*state, "text=a", "text");
    refused(*state, "text=b", WEFT_INVALID_ARGUMENT, "text");
}

static void parameters_take_their_kind_from_how_they_look(void **state)
{
    struct weft_parameters parameters = {0};
    static const char *const arguments[] = {"a=true", "b=-7",    "c=0.5",
                                            "d=soft", "e=\"7\"", "f=inf"};
    static const enum weft_parameter_kind kinds[] = {WEFT_PARAMETER_BOOL,   WEFT_PARAMETER_INT64,
                                                     WEFT_PARAMETER_DOUBLE, WEFT_PARAMETER_STRING,
                                                     WEFT_PARAMETER_STRING, WEFT_PARAMETER_STRING};
    struct kitchen *kitchen = *state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_ok(weft_parameter_add(arguments[i], &parameters, &kitchen->error), kitchen->error);
        assert_int_equal(parameters.items[i].kind, kinds[i]);
    }
    assert_string_equal(weft_parameters_string(&parameters, "e"), "7");
    assert_status(weft_parameter_add("seed", &parameters, NULL), WEFT_INVALID_ARGUMENT);
    weft_parameters_fini(&parameters);
}

static void samples_are_valid_and_the_same_for_a_seed(void **state)
{
    (void)state;
    for (size_t i = 0; i < model.inputs_count; i++) {
        struct weft_random random = {.state = 1};
        struct weft_random same = {.state = 1};
        cleanup_value struct weft_value *value = NULL;
        cleanup_value struct weft_value *again = NULL;
        assert_ok(weft_sample_new(&tensors[i], &random, &value, NULL), NULL);
        assert_ok(weft_sample_new(&tensors[i], &same, &again, NULL), NULL);
        assert_true(weft_shape_fits(weft_value_shape(value), &tensors[i].shape));
        assert_memory_equal(weft_value_data(value), weft_value_data(again),
                            weft_value_size_bytes(value));
    }
}

static void a_sample_takes_the_shape_that_is_said_if_it_fits(void **state)
{
    struct kitchen *kitchen = *state;
    struct weft_model_tensor image = {
        .name = "image", .datatype = WEFT_UINT8, .shape = {3, {-1, -1, 3}}};
    struct weft_model_info one = {.name = "one", .inputs = &image, .inputs_count = 1};
    assert_status(weft_sample_set_shape("image=4x4", &one, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_sample_set_shape("imago=4x4x3", &one, NULL), WEFT_INVALID_ARGUMENT);
    assert_ok(weft_sample_set_shape("image=4x5x3", &one, &kitchen->error), kitchen->error);
    assert_int_equal(image.shape.dims[1], 5);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_kitchen, close_kitchen)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(numbers_become_a_tensor_of_the_declared_type),
        STORY(the_open_dimension_follows_from_the_numbers),
        STORY(halves_and_truths_are_numbers_too),
        STORY(text_is_one_element_and_a_doubled_at_sign_is_one),
        STORY(a_file_is_an_element_that_knows_what_it_is),
        STORY(a_raw_file_fills_the_declared_shape),
        STORY(a_picture_is_not_decoded_silently),
        STORY(a_mistyped_name_is_answered_with_the_right_one),
        STORY(what_does_not_fit_is_refused),
        STORY(an_input_is_given_once),
        STORY(parameters_take_their_kind_from_how_they_look),
        STORY(samples_are_valid_and_the_same_for_a_seed),
        STORY(a_sample_takes_the_shape_that_is_said_if_it_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
