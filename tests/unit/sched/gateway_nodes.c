/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sched/stage_sets.h"

/* What nodes say and do, or leave undone, and what the gateway makes of it. */

static void a_request_goes_where_less_is_under_way(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[3];
    stage_init(&stage);
    stage_node(&stage, "gateway", 1, 0);
    stage_model(&stage, stage_node(&stage, "a", 4, 0), "m");
    stage_model(&stage, stage_node(&stage, "b", 4, 0), "m");
    stage_up(&stage);
    stage_pipeline(&stage, "pipeline: p\nsteps:\n  s: {model: m}\noutputs: {y: s.o}\n");
    const char *nodes[3];
    for (size_t i = 0; i < 3; i++) {
        assert_status(stage_submit(&stage, &calls[i], 0, UINT64_MAX, NULL), WEFT_OK);
        nodes[i] = calls[i].request->step_nodes[0];
        stage_carry(&stage);
        if (i == 1) { /* the first of both, wherever it went, is over */
            stage_finish(&stage, "s", 1);
            stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
            assert_int_equal(calls[0].settled, 1);
        }
    }
    assert_string_not_equal(nodes[0], nodes[1]);
    assert_string_equal(nodes[0], nodes[2]);
    stage_finish(&stage, "s", 1);
    stage_finish(&stage, "s", 1);
    for (size_t i = 0; i < 3; i++) {
        assert_status(calls[i].status, WEFT_OK);
        stage_call_fini(&calls[i]);
    }
    stage_fini(&stage);
}

static void a_new_boot_of_a_node_is_prepared_anew(void **state)
{
    (void)state;
    static struct stage stage;
    on_two_nodes(&stage, set_pair);
    for (size_t boot = 1; boot <= 2; boot++) {
        struct stage_call call;
        assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), boot);
        stage_finish(&stage, "one", 4);
        stage_finish(&stage, "two", 4);
        assert_status(call.status, WEFT_OK);
        stage_call_fini(&call);
        stage.nodes[B].info.generation++; /* it says so itself, before anybody misses the old one */
        assert_status(weft_gateway_node(gateway_of(&stage), &stage.nodes[B].info, NULL), WEFT_OK);
    }
    stage_fini(&stage);
}

static void what_an_older_boot_of_a_node_said_is_no_news(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    struct weft_node_info older = stage.nodes[B].info;
    older.generation--;
    older.models_count = 0;
    assert_status(weft_gateway_node(gateway_of(&stage), &older, NULL), WEFT_OK);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 4);
    assert_status(call.status, WEFT_OK);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_node_is_asked_again_only_while_somebody_waits(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    stage.nodes[B].deaf = true;
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    weft_gateway_cancel(gateway_of(&stage), call.request);
    stage_wait(&stage, 16 * WEFT_GATEWAY_ASK_AGAIN_NS);
    assert_status(call.status, WEFT_CANCELLED);
    stage_call_fini(&call);
    assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 1);
    assert_true(weft_gateway_deadline_ns(gateway_of(&stage)) == WEFT_DEADLINE_NEVER_NS);

    stage.nodes[B].deaf = false;
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_GATEWAY_ASK_AGAIN_NS);
    assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 2);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 4);
    assert_status(call.status, WEFT_OK);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* Each time it makes room for others before the request could go on. */
static void a_node_that_always_gives_the_plan_up_is_not_asked_for_ever(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    stage.nodes[A].deaf = true; /* so that the plan stays in the making */
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    cleanup_message struct weft_message *prepared = weft_message_new(WEFT_MESSAGE_PREPARED);
    prepared->prepared.gateway = call.request->request.gateway;
    prepared->prepared.plan = 1;
    (void)weft_error_set(&prepared->prepared.error, WEFT_UNAVAILABLE, "others needed the place");
    for (int i = 0; i < WEFT_GATEWAY_EVICTIONS_MAX; i++) {
        weft_gateway_message(gateway_of(&stage), prepared, "b", stage.now_ns);
        assert_int_equal(call.ended, 0);
        stage_carry(&stage);
        assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 2 + (size_t)i);
    }
    weft_gateway_message(gateway_of(&stage), prepared, "b", stage.now_ns);
    assert_int_equal(call.ended, 1);
    assert_status(call.status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_place(call.error).node, "b");
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_step_that_was_reported_as_started_is_cancelled_too(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_WORKER_STARTED_AFTER_NS);
    assert_int_equal(call.started, 1);
    weft_gateway_cancel(gateway_of(&stage), call.request);
    stage_wait(&stage, 0);
    assert_status(call.status, WEFT_CANCELLED);
    assert_true(stage_find(&stage, "one")->stopped);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* The node has reported the end of its step before the session gave up what the step had made. */
static void an_output_that_is_lost_behind_the_report_ends_the_request(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage.nodes[B].deaf = true;
    stage_finish(&stage, "one", 4);
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(call.finished, 1);
    struct weft_message *lost = weft_message_new(WEFT_MESSAGE_DELIVER);
    lost->deliver.request = call.request->request;
    lost->deliver.plan = 1;
    lost->deliver.from_step = 0;
    lost->deliver.attempt = 1;
    weft_worker_undelivered(stage.nodes[A].worker, lost, "b", stage.now_ns);
    weft_message_free(lost);
    stage_carry(&stage);
    assert_int_equal(call.ended, 1);
    assert_status(call.status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_place(call.error).step, "two");
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* A report that never comes, of a node that lives. */
static void a_request_settles_without_the_last_reports(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 4);
    assert_int_equal(call.ended, 1);
    stage.nodes[GATEWAY].deaf = true;
    stage_wait(&stage, WEFT_GATEWAY_SETTLE_NS - 1);
    assert_int_equal(call.settled, 0);
    stage_wait(&stage, 1);
    weft_gateway_tick(gateway_of(&stage), stage.now_ns);
    assert_int_equal(call.settled, 1);
    assert_int_equal(weft_gateway_requests_count(gateway_of(&stage)), 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_where_less_is_under_way),
        cmocka_unit_test(a_new_boot_of_a_node_is_prepared_anew),
        cmocka_unit_test(what_an_older_boot_of_a_node_said_is_no_news),
        cmocka_unit_test(a_node_is_asked_again_only_while_somebody_waits),
        cmocka_unit_test(a_node_that_always_gives_the_plan_up_is_not_asked_for_ever),
        cmocka_unit_test(a_step_that_was_reported_as_started_is_cancelled_too),
        cmocka_unit_test(an_output_that_is_lost_behind_the_report_ends_the_request),
        cmocka_unit_test(a_request_settles_without_the_last_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
