/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sched/stage_sets.h"

/* The gateway is node 0 and runs nothing; the worker that the stories are about is node 1. */
static void branches_run_at_the_same_time_and_meet(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_non_null(stage_find(&stage, "left"));
    assert_non_null(stage_find(&stage, "right"));
    stage_finish(&stage, "right", 1);
    assert_null(stage_find(&stage, "join")); /* not before its last input */
    stage_finish(&stage, "left", 1);
    assert_non_null(stage_find(&stage, "join"));
    stage_finish(&stage, "join", 1);
    assert_int_equal(call.status, WEFT_OK);
    assert_int_equal(state_of(&stage).runs, 0);
    assert_int_equal(state_of(&stage).slots_used, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void without_a_free_slot_ready_work_waits_its_turn(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(state_of(&stage).running, 1);
    assert_int_equal(state_of(&stage).ready, 1);
    stage_finish(&stage, "left", 1);
    assert_non_null(stage_find(&stage, "right"));
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void what_does_not_fit_lets_the_others_pass(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 3, 100,
                  "pipeline: p\nsteps:\n"
                  "  big: {model: large}\n"
                  "  bigger: {model: large}\n" /* 60 + 60 bytes are more than 100 */
                  "  small: {model: m}\n"
                  "outputs: {a: big.o, b: bigger.o, c: small.o}\n");
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_non_null(stage_find(&stage, "big"));
    assert_non_null(stage_find(&stage, "small"));
    assert_null(stage_find(&stage, "bigger"));
    assert_int_equal(state_of(&stage).slots_used, 3);
    assert_int_equal(state_of(&stage).memory_used_bytes, 60);
    stage_finish(&stage, "big", 1);
    assert_non_null(stage_find(&stage, "bigger"));
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_step_may_wait_for_another_without_its_data(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 4, 0,
                  "pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\nsteps:\n"
                  "  first: {model: m}\n"
                  "  then: {model: m, inputs: {i: x}, after: [first]}\n"
                  "outputs: {y: then.o}\n");
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_non_null(stage_find(&stage, "first"));
    assert_null(stage_find(&stage, "then"));
    stage_finish(&stage, "first", 0);
    assert_non_null(stage_find(&stage, "then"));
    assert_int_equal(stage_find(&stage, "then")->task->step->inputs_count, 1);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void cancel_stops_what_runs_and_frees_the_slot_at_its_end(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    weft_gateway_cancel(stage.nodes[GATEWAY].gateway, call.request);
    stage_wait(&stage, 0);
    assert_int_equal(call.status, WEFT_CANCELLED);
    assert_true(stage_find(&stage, "left")->stopped);
    assert_int_equal(state_of(&stage).ready, 0);
    assert_int_equal(state_of(&stage).slots_used, 1); /* it may still use the model */
    stage_finish(&stage, "left", 1);
    assert_int_equal(state_of(&stage).slots_used, 0);
    assert_int_equal(state_of(&stage).runs, 0);
    assert_int_equal(stage_crossings(&stage, WORKER, STAGE_ANY, NULL), 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_deadline_is_kept_without_the_gateway(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, WEFT_NS_PER_S, NULL), WEFT_OK);
    stage_carry(&stage);
    stage.nodes[WORKER].deaf = true; /* the CANCEL is lost */
    stage_wait(&stage, 2 * WEFT_NS_PER_S);
    assert_int_equal(call.status, WEFT_DEADLINE_EXCEEDED);
    assert_true(stage_find(&stage, "left")->stopped);
    assert_int_equal(state_of(&stage).ready, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_long_task_is_reported_as_started_and_a_short_one_is_not(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "left", 1);
    stage_wait(&stage, WEFT_WORKER_STARTED_AFTER_NS);
    assert_int_equal(call.started, 1); /* right */
    assert_int_equal(call.finished, 1);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void an_output_that_the_model_did_not_give_is_told_by_name(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "left", 0);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_INTERNAL);
    assert_string_equal(weft_error_message(weft_error_cause(call.error)),
                        "model \"m\" did not give its output \"o\"");
    assert_string_equal(weft_error_place(call.error).step, "left");
    assert_string_equal(weft_error_place(call.error).node, "worker");
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* --- streamed outputs --- */

static void parts_come_before_the_end_and_the_last_ends_it(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_stream);
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(stage_part(&stage, "speak", NULL), WEFT_OK);
    assert_status(stage_part(&stage, "speak", NULL), WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(call.parts, 4); /* two of each output */
    assert_int_equal(call.ended, 0);
    stage_finish(&stage, "speak", 0); /* nothing more: its parts were all */
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_OK);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_stream_ends_although_its_end_cannot_be_told_now(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_stream);
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(stage_part(&stage, "speak", NULL), WEFT_OK);
    stage.nodes[GATEWAY].behind = true;
    stage_finish(&stage, "speak", 0);
    stage_wait(&stage, WEFT_NS_PER_S);
    assert_int_equal(call.ended, 0);
    stage.nodes[GATEWAY].behind = false;
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(call.ended, 1);
    assert_status(call.status, WEFT_OK);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_stream_that_forgets_an_output_fails_instead_of_hanging(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_stream);
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct stage_running *running = stage_find(&stage, "speak");
    struct weft_value *word = NULL;
    struct weft_shape shape = {.rank = 1, .dims = {1}};
    assert_status(weft_value_new(WEFT_UINT8, &shape, "a", 1, &word, NULL), WEFT_OK);
    struct weft_value *outputs[2] = {word, NULL};
    assert_status(weft_worker_part(stage.nodes[WORKER].worker, running->task, outputs, 1, NULL),
                  WEFT_OK);
    weft_value_unref(word);
    stage_finish(&stage, "speak", 0);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_INTERNAL);
    assert_string_equal(weft_error_message(weft_error_cause(call.error)),
                        "model \"m\" did not give its output \"log\"");
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_step_cannot_take_a_stream(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0,
                  "pipeline: p\nsteps:\n  a: {model: m}\n  b: {model: m, inputs: {i: a.o}}\n"
                  "outputs: {y: b.o}\n");
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    cleanup_error struct weft_error *error = NULL;
    assert_status(stage_part(&stage, "a", &error), WEFT_FAILED_PRECONDITION);
    assert_string_equal(weft_error_message(error),
                        "step \"a\" streams, but another step takes its output \"o\" as one value");
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void nor_can_one_that_sits_on_the_gateways_node(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    stage_init(&stage);
    stage_model(&stage, stage_node(&stage, "gateway", 1, 0), "here");
    stage_model(&stage, stage_node(&stage, "worker", 1, 0), "there");
    stage_up(&stage);
    stage_pipeline(&stage, "pipeline: p\nsteps:\n  a: {model: there}\n"
                           "  b: {model: here, inputs: {i: a.o}}\noutputs: {y: b.o}\n");
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(stage_part(&stage, "a", NULL), WEFT_OK); /* for all that node knows */
    stage_carry(&stage);
    assert_int_equal(call.status, WEFT_FAILED_PRECONDITION);
    assert_null(stage_find(&stage, "b"));
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* --- the end --- */

static void with_its_gateway_everything_goes(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "left", 1); /* its report waits for others */
    stage_lose(&stage, GATEWAY);
    assert_true(stage_find(&stage, "right")->stopped);
    stage_finish(&stage, "right", 1);
    assert_int_equal(state_of(&stage).plans, 0);
    assert_int_equal(state_of(&stage).runs, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* The report is then the last that holds the plan, and goes with it. */
static void a_gateway_may_die_between_its_release_and_a_late_report(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "left", 1);
    assert_status(weft_gateway_forget(stage.nodes[GATEWAY].gateway, stage.pipeline, NULL), WEFT_OK);
    weft_gateway_cancel(stage.nodes[GATEWAY].gateway, call.request);
    weft_gateway_tick(stage.nodes[GATEWAY].gateway, stage.now_ns);
    stage_carry(&stage); /* CANCEL and RELEASE */
    assert_int_equal(stage_messages(&stage, WORKER, WEFT_MESSAGE_RELEASE), 1);
    stage_finish(&stage, "right", 1);
    assert_int_equal(state_of(&stage).plans, 1);
    stage_lose(&stage, GATEWAY);
    assert_int_equal(state_of(&stage).plans, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_value_that_comes_after_the_end_finds_no_home(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_message *late = weft_message_new(WEFT_MESSAGE_DELIVER);
    late->deliver.request = call.request->request;
    late->deliver.plan = 1;
    late->deliver.from_step = WEFT_STEP_GATEWAY;
    late->deliver.attempt = 1;
    late->deliver.last = true;
    late->deliver.timeout_ns = UINT64_MAX;
    late->deliver.value = weft_value_ref(stage_find(&stage, "left")->task->inputs[0]);
    weft_gateway_cancel(stage.nodes[GATEWAY].gateway, call.request);
    stage_wait(&stage, 0);
    stage_finish(&stage, "left", 1);
    assert_int_equal(state_of(&stage).runs, 0);
    weft_worker_message(stage.nodes[WORKER].worker, late, "gateway", stage.now_ns);
    weft_message_free(late);
    assert_int_equal(state_of(&stage).runs, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* From another node it may be later than the gateway's word that the request is over. */
static void a_value_that_comes_behind_the_cancel_finds_no_home(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_message *late = weft_message_new(WEFT_MESSAGE_DELIVER);
    late->deliver.request = call.request->request;
    late->deliver.request.sequence++;
    late->deliver.plan = 1;
    late->deliver.from_step = WEFT_STEP_GATEWAY;
    late->deliver.attempt = 1;
    late->deliver.last = true;
    late->deliver.timeout_ns = UINT64_MAX;
    late->deliver.value = weft_value_ref(stage_find(&stage, "left")->task->inputs[0]);
    struct weft_message *cancel = weft_message_new(WEFT_MESSAGE_CANCEL);
    cancel->cancel = (struct weft_cancel){late->deliver.request, 1, WEFT_CANCELLED};
    weft_worker_message(stage.nodes[WORKER].worker, cancel, "gateway", stage.now_ns);
    weft_worker_message(stage.nodes[WORKER].worker, late, "gateway", stage.now_ns);
    assert_int_equal(state_of(&stage).runs, 1);
    weft_message_free(cancel);
    weft_message_free(late);
    stage_call_fini(&call);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_run_at_the_same_time_and_meet),
        cmocka_unit_test(without_a_free_slot_ready_work_waits_its_turn),
        cmocka_unit_test(what_does_not_fit_lets_the_others_pass),
        cmocka_unit_test(a_step_may_wait_for_another_without_its_data),
        cmocka_unit_test(cancel_stops_what_runs_and_frees_the_slot_at_its_end),
        cmocka_unit_test(a_deadline_is_kept_without_the_gateway),
        cmocka_unit_test(a_long_task_is_reported_as_started_and_a_short_one_is_not),
        cmocka_unit_test(an_output_that_the_model_did_not_give_is_told_by_name),
        cmocka_unit_test(a_stream_ends_although_its_end_cannot_be_told_now),
        cmocka_unit_test(parts_come_before_the_end_and_the_last_ends_it),
        cmocka_unit_test(a_stream_that_forgets_an_output_fails_instead_of_hanging),
        cmocka_unit_test(a_step_cannot_take_a_stream),
        cmocka_unit_test(nor_can_one_that_sits_on_the_gateways_node),
        cmocka_unit_test(with_its_gateway_everything_goes),
        cmocka_unit_test(a_gateway_may_die_between_its_release_and_a_late_report),
        cmocka_unit_test(a_value_that_comes_after_the_end_finds_no_home),
        cmocka_unit_test(a_value_that_comes_behind_the_cancel_finds_no_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
