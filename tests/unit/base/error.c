/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/value.h"
#include "support/story.h"

static void a_wrapped_error_keeps_its_status_and_tells_the_whole_story(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status =
        weft_error_set(&error, WEFT_UNAVAILABLE, "connection to 127.0.0.12:8000 refused");
    weft_error_set_hint(&error, "is the node running?");
    status = weft_error_wrap(&error, status, "step \"%s\" failed", "generate");

    assert_status(status, WEFT_UNAVAILABLE);
    char text[256];
    weft_error_format(error, text, sizeof(text));
    assert_string_equal(text, "step \"generate\" failed: connection to 127.0.0.12:8000 refused");
    assert_string_equal(weft_error_hint(error), "is the node running?");
}

static void the_place_said_nearest_to_the_cause_wins(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_INTERNAL, "model failed");
    weft_error_set_place(&error, &(struct weft_error_place){.node = "c", .step = "generate"});
    (void)weft_error_wrap(&error, WEFT_INTERNAL, "request failed");
    weft_error_set_place(&error, &(struct weft_error_place){
                                     .node = "gateway", .pipeline = "portrait", .attempt = 1});

    struct weft_error_place place = weft_error_place(error);
    assert_string_equal(place.node, "c");
    assert_string_equal(place.step, "generate");
    assert_string_equal(place.pipeline, "portrait");
    assert_int_equal(place.attempt, 1);
}

static void out_of_memory_needs_no_memory_and_may_be_released_often(void **state)
{
    (void)state;
    struct weft_error *error = NULL;
    assert_status(weft_error_set_out_of_memory(&error), WEFT_OUT_OF_MEMORY);
    weft_error_unref(error);
    weft_error_unref(error);
    assert_string_equal(weft_error_message(error), "out of memory");
}

static void a_caller_without_an_error_object_still_gets_the_status(void **state)
{
    (void)state;
    assert_status(weft_error_set(NULL, WEFT_NOT_FOUND, "no %s", "thing"), WEFT_NOT_FOUND);
    assert_status(weft_error_wrap(NULL, WEFT_ABORTED, "no thing"), WEFT_ABORTED);
}

static void an_endless_chain_is_kept_short(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_INTERNAL, "root");
    for (int i = 0; i < 1000; i++) {
        (void)weft_error_wrap(&error, WEFT_INTERNAL, "wrap %d", i);
    }
    int count = 0;
    const struct weft_error *last = NULL;
    for (const struct weft_error *at = error; at != NULL; at = weft_error_cause(at)) {
        last = at;
        count++;
    }
    assert_true(count <= 20);
    assert_string_equal(weft_error_message(error), "wrap 999");
    assert_string_equal(weft_error_message(last), "root");
}

static void every_status_survives_the_grpc_wire(void **state)
{
    (void)state;
    for (int number = 0; number <= 16; number++) {
        assert_int_equal(weft_status_grpc(weft_status_from_grpc(number)), number);
    }
    assert_status(weft_status_from_grpc(99), WEFT_UNKNOWN);
    assert_int_equal(weft_status_grpc(WEFT_OUT_OF_MEMORY), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrapped_error_keeps_its_status_and_tells_the_whole_story),
        cmocka_unit_test(the_place_said_nearest_to_the_cause_wins),
        cmocka_unit_test(out_of_memory_needs_no_memory_and_may_be_released_often),
        cmocka_unit_test(a_caller_without_an_error_object_still_gets_the_status),
        cmocka_unit_test(an_endless_chain_is_kept_short),
        cmocka_unit_test(every_status_survives_the_grpc_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
