/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "base/random.h"
#include "unit/join/build.h"

static void concat_puts_rows_behind_each_other(void **state)
{
    (void)state;
    struct ask join = ask("concat");
    give_octets(&join, SHAPE(1, 2), "\1\2", 2);
    give_octets(&join, SHAPE(2, 2), "\3\4\5\6", 4);
    gives_octets(&join, SHAPE(3, 2), "\1\2\3\4\5\6", 6);
}

static void concat_along_the_last_axis_interleaves(void **state)
{
    (void)state;
    struct ask join = ask("join/concat");
    with_number(&join, "axis", -1);
    give_octets(&join, SHAPE(2, 1), "\1\2", 2);
    give_octets(&join, SHAPE(2, 2), "\3\4\5\6", 4);
    gives_octets(&join, SHAPE(2, 3), "\1\3\4\2\5\6", 6);
}

static void concat_of_one_is_the_same_value_and_no_copy(void **state)
{
    (void)state;
    struct ask join = ask("concat");
    give_octets(&join, SHAPE(2), "\1\2", 2);
    cleanup_value struct weft_value *value = NULL;
    assert_status(answer(&join, &value, NULL), WEFT_OK);
    assert_ptr_equal(value, join.inputs[0]);
    ask_fini(&join);
}

static void concat_keeps_elements_whole(void **state)
{
    (void)state;
    float left[] = {1.5f, -2.0f}, right[] = {3.0f}, both[] = {1.5f, -2.0f, 3.0f};
    struct ask join = ask("concat");
    give(&join, WEFT_FP32, SHAPE(2), left, sizeof(left));
    give(&join, WEFT_FP32, SHAPE(1), right, sizeof(right));
    gives_octets(&join, SHAPE(3), (const char *)both, sizeof(both));
}

static void stack_makes_a_new_dimension_where_it_is_told(void **state)
{
    (void)state;
    struct ask first = ask("stack");
    give_octets(&first, SHAPE(2), "\1\2", 2);
    give_octets(&first, SHAPE(2), "\3\4", 2);
    gives_octets(&first, SHAPE(2, 2), "\1\2\3\4", 4);
    struct ask last = ask("stack");
    with_number(&last, "axis", -1);
    give_octets(&last, SHAPE(2), "\1\2", 2);
    give_octets(&last, SHAPE(2), "\3\4", 2);
    gives_octets(&last, SHAPE(2, 2), "\1\3\2\4", 4);
}

static void nothing_joins_to_nothing_at_once(void **state)
{
    (void)state;
    struct ask behind = ask("concat");
    give_octets(&behind, SHAPE(0, 3), "", 0);
    give_octets(&behind, SHAPE(1, 3), "\1\2\3", 3);
    gives_octets(&behind, SHAPE(1, 3), "\1\2\3", 3);
    /* As many rows as fit a number, and nothing in any of them: must not be walked. */
    struct ask endless = ask("concat");
    with_number(&endless, "axis", 1);
    give_octets(&endless, SHAPE(INT64_MAX, 0), "", 0);
    give_octets(&endless, SHAPE(INT64_MAX, 0), "", 0);
    gives_octets(&endless, SHAPE(INT64_MAX, 0), "", 0);
}

static void what_does_not_fit_is_told_by_its_number(void **state)
{
    (void)state;
    struct ask join = ask("concat");
    give_octets(&join, SHAPE(1, 2), "\1\2", 2);
    give_octets(&join, SHAPE(1, 3), "\1\2\3", 3);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "concat: input 2 of shape [1,3] differs outside the axis");
    join = ask("concat");
    give_octets(&join, SHAPE(1, 3), "\1\2\3", 3);
    give_octets(&join, SHAPE(1, 2), "\1\2", 2);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "concat: input 2 of shape [1,2] differs outside the axis");
    join = ask("concat");
    give_octets(&join, SHAPE(1), "\1", 1);
    give_octets(&join, SHAPE(1, 1), "\1", 1);
    refuses(&join, WEFT_INVALID_ARGUMENT, "concat: input 2 has 2 dimensions, input 1 has 1");
    join = ask("stack");
    give_octets(&join, SHAPE(1), "\1", 1);
    give_octets(&join, SHAPE(2), "\1\2", 2);
    refuses(&join, WEFT_INVALID_ARGUMENT, "stack: input 2 of shape [2] differs outside the axis");
    join = ask("stack");
    give_octets(&join, SHAPE(1), "\1", 1);
    give(&join, WEFT_INT8, SHAPE(1), "\1", 1);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "stack needs one datatype: input 1 is UINT8, input 2 is INT8");
    join = ask("concat");
    give_text(&join, "a");
    refuses(&join, WEFT_INVALID_ARGUMENT, "concat joins numbers; for BYTES use text or json");
    join = ask("concat");
    give_octets(&join, SHAPE(1), "\1", 1);
    with_number(&join, "axis", 1);
    refuses(&join, WEFT_INVALID_ARGUMENT, "concat: there is no axis 1 in 1 dimensions");
}

static void what_would_overflow_is_refused_before_it_is_made(void **state)
{
    (void)state;
    struct ask sum = ask("concat");
    give_octets(&sum, SHAPE(INT64_MAX, 0), "", 0);
    give_octets(&sum, SHAPE(INT64_MAX, 0), "", 0);
    refuses(&sum, WEFT_INVALID_ARGUMENT, "concat: the result is larger than any memory");
    struct weft_tensor_spec output;
    struct weft_tensor_spec deep = {.datatype = WEFT_UINT8, .shape = {.rank = WEFT_RANK_MAX}};
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_join_infer("stack", &(struct weft_parameters){0}, &deep, 1, &output, &error),
                  WEFT_INVALID_ARGUMENT);
}

static void unmap(void *memory, void *context)
{
    munmap(memory, *(size_t *)context);
}

static void more_than_the_limit_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static size_t size_bytes = (size_t)1 << 30;
    void *nothing =
        mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(nothing != MAP_FAILED);
    struct weft_buffer *buffer = weft_buffer_take(nothing, size_bytes, unmap, &size_bytes);
    cleanup_slice struct weft_slice slice = weft_slice_take(buffer);
    struct weft_shape shape = SHAPE(INT64_C(1) << 30);
    struct ask join = ask("stack");
    assert_status(weft_value_new_slice(WEFT_UINT8, &shape, &slice, &join.inputs[0], NULL), WEFT_OK);
    for (join.inputs_count = 1; join.inputs_count < 5; join.inputs_count++) {
        join.inputs[join.inputs_count] = weft_value_ref(join.inputs[0]);
    }
    refuses(&join, WEFT_RESOURCE_EXHAUSTED,
            "join \"stack\" would put out more than 4294967296 bytes");
}

static void unknown_dimensions_are_learned_from_each_other(void **state)
{
    (void)state;
    struct weft_tensor_spec inputs[] = {
        {.datatype = WEFT_FP32, .shape = SHAPE(-1, -1, 3)},
        {.datatype = WEFT_FP32, .shape = SHAPE(2, 5, -1)},
    };
    struct weft_tensor_spec output = {0};
    assert_status(weft_join_infer("concat", &(struct weft_parameters){0}, inputs, 2, &output, NULL),
                  WEFT_OK);
    assert_true(weft_shape_equal(&output.shape, &SHAPE(-1, 5, 3)));
    assert_status(weft_join_infer("stack", &(struct weft_parameters){0}, inputs, 2, &output, NULL),
                  WEFT_OK);
    assert_true(weft_shape_equal(&output.shape, &SHAPE(2, 2, 5, 3)));
}

static void options_are_held_and_mistyped_ones_corrected(void **state)
{
    (void)state;
    struct ask join = ask("concat");
    give_octets(&join, SHAPE(1), "\1", 1);
    with_number(&join, "axsi", 0);
    cleanup_error struct weft_error *error = NULL;
    struct weft_value *value = NULL;
    assert_status(answer(&join, &value, &error), WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error), "join \"concat\" has no parameter \"axsi\"");
    assert_string_equal(weft_error_hint(error), "did you mean \"axis\"?");
    ask_fini(&join);
    join = ask("concat");
    give_octets(&join, SHAPE(1), "\1", 1);
    with_word(&join, "axis", "0");
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "parameter \"axis\" of join \"concat\" is a whole number");
    join = ask("concat");
    give_octets(&join, SHAPE(1), "\1", 1);
    with_number(&join, "axis", 1000);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "parameter \"axis\" of join \"concat\" is between -8 and 8");
}

static void no_inputs_too_many_and_no_such_join(void **state)
{
    (void)state;
    struct ask join = ask("stack");
    refuses(&join, WEFT_INVALID_ARGUMENT, "join \"stack\" takes 1 to 256 inputs, not 0");
    static struct weft_tensor_spec many[WEFT_JOIN_INPUTS_MAX + 1];
    struct weft_tensor_spec output;
    assert_status(weft_join_infer("stack", &(struct weft_parameters){0}, many,
                                  WEFT_JOIN_INPUTS_MAX + 1, &output, NULL),
                  WEFT_INVALID_ARGUMENT);
    join = ask("join/concta");
    cleanup_error struct weft_error *error = NULL;
    struct weft_value *value = NULL;
    assert_status(answer(&join, &value, &error), WEFT_NOT_FOUND);
    assert_string_equal(weft_error_message(error), "there is no join \"concta\"");
    assert_string_equal(weft_error_hint(error), "did you mean \"concat\"?");
}

/* Shapes that fit or nearly fit, so that both answers are common. */
static struct weft_shape random_shape(struct weft_random *random)
{
    struct weft_shape shape = {.rank = (uint32_t)weft_random_below(random, 4)};
    for (uint32_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = (int64_t)weft_random_below(random, 10) == 0
                            ? (int64_t)weft_random_below(random, 5)
                            : (int64_t)i + 2;
    }
    if (shape.rank == 3 && weft_random_below(random, 2) == 0) {
        shape.dims[2] = 3 + (int64_t)weft_random_below(random, 2);
    }
    return shape;
}

static void what_infer_promises_apply_keeps(void **state)
{
    (void)state;
    static const uint8_t zeroes[4096];
    static const char *const names[] = {"concat", "stack", "layers", "tiles"};
    struct weft_random random = {7};
    size_t fitted = 0;
    for (int turn = 0; turn < 20000; turn++) {
        struct ask join = ask(names[weft_random_below(&random, 4)]);
        size_t count = 1 + weft_random_below(&random, 3);
        struct weft_shape shape = random_shape(&random);
        struct weft_tensor_spec specs[3] = {0};
        for (size_t i = 0; i < count; i++) {
            shape = weft_random_below(&random, 3) == 0 ? random_shape(&random) : shape;
            uint64_t size_bytes = 0;
            assert_true(weft_shape_size_bytes(&shape, WEFT_UINT8, &size_bytes));
            give(&join, WEFT_UINT8, shape, zeroes, size_bytes);
            specs[i] = (struct weft_tensor_spec){.datatype = WEFT_UINT8, .shape = shape};
        }
        if (strcmp(join.join, "concat") == 0 || strcmp(join.join, "stack") == 0) {
            with_number(&join, "axis", (int64_t)weft_random_below(&random, 7) - 3);
        }
        struct weft_tensor_spec promised = {0};
        cleanup_value struct weft_value *value = NULL;
        enum weft_status inferred =
            weft_join_infer(join.join, &join.options, specs, count, &promised, NULL);
        assert_status(answer(&join, &value, NULL), inferred);
        if (inferred == WEFT_OK) {
            fitted++;
            assert_true(weft_shape_equal(weft_value_shape(value), &promised.shape));
            assert_int_equal(weft_value_datatype(value), promised.datatype);
        }
        ask_fini(&join);
    }
    assert_true(fitted > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_puts_rows_behind_each_other),
        cmocka_unit_test(concat_along_the_last_axis_interleaves),
        cmocka_unit_test(concat_of_one_is_the_same_value_and_no_copy),
        cmocka_unit_test(concat_keeps_elements_whole),
        cmocka_unit_test(stack_makes_a_new_dimension_where_it_is_told),
        cmocka_unit_test(nothing_joins_to_nothing_at_once),
        cmocka_unit_test(what_does_not_fit_is_told_by_its_number),
        cmocka_unit_test(what_would_overflow_is_refused_before_it_is_made),
        cmocka_unit_test(more_than_the_limit_is_refused_before_memory_is_taken),
        cmocka_unit_test(unknown_dimensions_are_learned_from_each_other),
        cmocka_unit_test(options_are_held_and_mistyped_ones_corrected),
        cmocka_unit_test(no_inputs_too_many_and_no_such_join),
        cmocka_unit_test(what_infer_promises_apply_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
