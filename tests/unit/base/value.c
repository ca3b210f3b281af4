/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/value.h"
#include "support/story.h"

static void a_value_made_from_a_slice_shares_its_bytes(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    struct weft_buffer *buffer = weft_buffer_new(12);
    memset(buffer->data, 7, 12);
    const uint8_t *bytes = buffer->data;
    cleanup_slice struct weft_slice slice = weft_slice_take(buffer);
    struct weft_shape shape = {.rank = 2, .dims = {1, 3}};
    uint64_t copied_before = weft_copied_bytes_total();

    cleanup_value struct weft_value *value = NULL;
    assert_ok(weft_value_new_slice(WEFT_FP32, &shape, &slice, &value, &error), error);

    assert_ptr_equal(weft_value_data(value), bytes);
    assert_null(slice.buffer);
    assert_int_equal(weft_copied_bytes_total(), copied_before);
}

static void a_wrong_size_is_refused_and_the_slice_stays_the_callers(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice slice = weft_slice_take(weft_buffer_new(11));
    struct weft_shape shape = {.rank = 1, .dims = {3}};
    struct weft_value *value = NULL;
    assert_status(weft_value_new_slice(WEFT_FP32, &shape, &slice, &value, &error),
                  WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error),
                        "FP32 of shape [3] needs 12 bytes, but 11 were given");
    assert_non_null(slice.buffer);
    assert_null(value);
}

static void shapes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct weft_shape huge = {.rank = 3, .dims = {INT64_MAX, INT64_MAX, 2}};
    struct weft_shape wide = {.rank = 1, .dims = {INT64_MAX}};
    struct weft_shape negative = {.rank = 1, .dims = {-1}};
    struct weft_value *value = NULL;
    assert_status(weft_value_new(WEFT_FP32, &huge, "", 0, &value, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_value_new(WEFT_FP32, &wide, "", 0, &value, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_value_new(WEFT_FP32, &negative, "", 0, &value, NULL), WEFT_INVALID_ARGUMENT);
}

static void bytes_elements_are_checked_and_found(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    const char raw[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0de";
    struct weft_shape three = {.rank = 1, .dims = {3}};
    struct weft_shape two = {.rank = 1, .dims = {2}};
    cleanup_value struct weft_value *value = NULL;
    assert_ok(weft_value_new(WEFT_BYTES, &three, raw, sizeof(raw) - 1, &value, &error), error);

    const void *data = NULL;
    size_t size_bytes = 0;
    assert_true(weft_value_bytes_at(value, 2, &data, &size_bytes));
    assert_int_equal(size_bytes, 2);
    assert_memory_equal(data, "de", 2);
    assert_false(weft_value_bytes_at(value, 3, &data, &size_bytes));

    struct weft_value *other = NULL;
    assert_status(weft_value_new(WEFT_BYTES, &two, raw, sizeof(raw) - 1, &other, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_status(weft_value_new(WEFT_BYTES, &three, raw, sizeof(raw) - 2, &other, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_status(weft_value_new(WEFT_BYTES, &three, raw, 2, &other, NULL), WEFT_INVALID_ARGUMENT);
}

static void media_know_what_they_are(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_value struct weft_value *value = NULL;
    assert_ok(weft_value_new_bytes("{}", 2, "application/json", &value, &error), error);
    assert_string_equal(weft_value_content_type(value), "application/json");
}

static void a_list_refuses_a_name_twice(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_value struct weft_value *value = NULL;
    assert_ok(weft_value_new_bytes("x", 1, NULL, &value, &error), error);
    cleanup_values struct weft_values values = {0};
    assert_ok(weft_values_add(&values, "a", value, &error), error);
    assert_status(weft_values_add(&values, "a", value, &error), WEFT_ALREADY_EXISTS);
    assert_ptr_equal(weft_values_find(&values, "a"), value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_made_from_a_slice_shares_its_bytes),
        cmocka_unit_test(a_wrong_size_is_refused_and_the_slice_stays_the_callers),
        cmocka_unit_test(shapes_that_overflow_are_refused),
        cmocka_unit_test(bytes_elements_are_checked_and_found),
        cmocka_unit_test(media_know_what_they_are),
        cmocka_unit_test(a_list_refuses_a_name_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
