/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "unit/run/stand.h"

static struct stand stand;
static struct stand_node *a, *b;

/* Node b has the models; a is the gateway and has none. */
static void two_nodes(void)
{
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_model(b, "same", 1, STAND_SAME);
    stand_model(b, "slow", 1, STAND_SLOW);
    stand_model(b, "broken", 1, STAND_BROKEN);
    stand_model(b, "stream", 1, STAND_STREAM);
    stand_start(&stand);
    stand_knows(a, b);
    stand_until_seen(a, b, 4);
}

static void a_model_of_another_node_answers_here(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_true(weft_run_is_whole(a->run));
    assert_status(stand_call(a, &call, "same", 1000, "me", 10 * WEFT_NS_PER_S), WEFT_OK);
    assert_int_equal(call.output_bytes, 1000);
    assert_int_equal(weft_run_busy(b->run), 0);
    stand_call_fini(&call);
    stand_close(&stand);
}

static void a_failure_names_step_node_and_cause(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_call(a, &call, "broken", 1, NULL, 10 * WEFT_NS_PER_S), WEFT_INTERNAL);
    assert_string_equal(weft_error_place(call.error).node, "b");
    assert_string_equal(weft_error_place(call.error).pipeline, "broken");
    assert_string_equal(weft_error_message(weft_error_cause(call.error)), "given up");
    stand_call_fini(&call);
    stand_close(&stand);
}

static void a_stream_comes_in_parts_from_another_node(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_call(a, &call, "stream", 10, NULL, 10 * WEFT_NS_PER_S), WEFT_OK);
    assert_int_equal(call.parts, 3);
    stand_call_fini(&call);
    stand_close(&stand);
}

static void a_deadline_ends_the_request_and_frees_the_model(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_call(a, &call, "slow", 1, NULL, 50 * WEFT_NS_PER_MS),
                  WEFT_DEADLINE_EXCEEDED);
    stand_call_fini(&call);
    stand_wait_ms(&stand, 20);
    assert_int_equal(weft_run_busy(b->run), 0);
    stand_close(&stand);
}

static void a_client_that_leaves_is_told_so_and_frees_the_model(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_ask(a, &call, "slow", 1, NULL, WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    stand_wait_ms(&stand, 20);
    assert_int_equal(weft_run_busy(b->run), 1);
    weft_run_cancel(call.call);
    assert_int_equal(call.done, 0); /* never from inside */
    stand_await(a, &call);
    assert_status(call.status, WEFT_CANCELLED);
    stand_call_fini(&call);
    stand_wait_ms(&stand, 20);
    assert_int_equal(weft_run_busy(b->run), 0);
    stand_close(&stand);
}

static void a_node_that_goes_ends_what_it_held(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_ask(a, &call, "slow", 1, NULL, WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    stand_wait_ms(&stand, 20);
    stand_stop(b);
    stand_await(a, &call); /* two seconds later */
    assert_status(call.status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_place(call.error).node, "b");
    assert_null(stand_seen(a, b));
    assert_false(weft_run_is_whole(a->run));
    stand_call_fini(&call);
    assert_status(stand_call(a, &call, "same", 1, NULL, WEFT_NS_PER_S), WEFT_NOT_FOUND);
    stand_call_fini(&call);
    stand_close(&stand);
}

static void what_is_under_way_ends_with_its_gateway(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(stand_ask(a, &call, "slow", 1, NULL, WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    stand_wait_ms(&stand, 20);
    stand_stop(a);
    assert_int_equal(call.done, 1);
    assert_status(call.status, WEFT_UNAVAILABLE);
    stand_call_fini(&call);
    stand_wait_ms(&stand, 2100); /* b gives a up, and with it what it asked for */
    assert_int_equal(weft_run_busy(b->run), 0);
    stand_close(&stand);
}

static void models_that_come_later_are_announced(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    stand_model(b, "late", 1, STAND_SAME);
    stand_until_seen(a, b, 5);
    assert_status(stand_call(a, &call, "late", 1, NULL, WEFT_NS_PER_S), WEFT_OK);
    stand_call_fini(&call);
    stand_close(&stand);
}

/* Node a knows b and c, which have not heard of each other. */
static void nodes_that_a_plan_brings_together_hand_on_what_they_make(void **state)
{
    (void)state;
    struct stand_call call;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    struct stand_node *c = stand_node(&stand, "c");
    stand_model(b, "first", 1, STAND_SAME);
    stand_model(c, "second", 1, STAND_SAME);
    stand_start(&stand);
    stand_knows(a, b);
    stand_knows(a, c);
    stand_until_seen(a, b, 1);
    stand_until_seen(a, c, 1);
    stand_pipeline(a, "pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                      "steps:\n  f: {model: first, inputs: {x: x}}\n"
                      "  s: {model: second, inputs: {x: f.y}}\noutputs: {y: s.y}\n");
    assert_status(stand_call(a, &call, "p", 1000, NULL, 10 * WEFT_NS_PER_S), WEFT_OK);
    assert_int_equal(call.output_bytes, 1000);
    assert_non_null(stand_seen(b, c));
    stand_call_fini(&call);
    stand_close(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_another_node_answers_here),
        cmocka_unit_test(a_failure_names_step_node_and_cause),
        cmocka_unit_test(a_stream_comes_in_parts_from_another_node),
        cmocka_unit_test(a_deadline_ends_the_request_and_frees_the_model),
        cmocka_unit_test(a_client_that_leaves_is_told_so_and_frees_the_model),
        cmocka_unit_test(a_node_that_goes_ends_what_it_held),
        cmocka_unit_test(what_is_under_way_ends_with_its_gateway),
        cmocka_unit_test(models_that_come_later_are_announced),
        cmocka_unit_test(nodes_that_a_plan_brings_together_hand_on_what_they_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
