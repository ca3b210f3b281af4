/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "unit/sched/stage_sets.h"

static void a_request_ends_once_with_its_outputs_and_settles(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    assert_int_equal(call.ended, 0); /* never from inside submit */
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 5);
    assert_int_equal(call.ended, 1);
    assert_int_equal(weft_value_size_bytes(call.outputs[0]), 5);
    assert_int_equal(call.settled, 0); /* the reports are still to come */
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(call.settled, 1);
    assert_int_equal(weft_gateway_requests_count(gateway_of(&stage)), 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_failure_names_pipeline_step_node_attempt_and_cause(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    struct weft_error *why = NULL;
    (void)weft_error_set(&why, WEFT_INVALID_ARGUMENT, "this is no picture");
    stage_fail(&stage, "two", why);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_INVALID_ARGUMENT);
    struct weft_error_place place = weft_error_place(call.error);
    assert_string_equal(place.pipeline, "pair");
    assert_string_equal(place.step, "two");
    assert_string_equal(place.node, "b");
    assert_int_equal(place.attempt, 1);
    assert_string_equal(weft_error_message(call.error), "step \"two\" failed on node \"b\"");
    assert_string_equal(weft_error_message(weft_error_cause(call.error)), "this is no picture");
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void the_deadline_names_the_step_that_was_running(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, WEFT_NS_PER_S, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_wait(&stage, WEFT_NS_PER_S);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_DEADLINE_EXCEEDED);
    assert_string_equal(weft_error_message(call.error),
                        "the deadline passed while step \"two\" on node \"b\" was running");
    assert_true(stage_find(&stage, "two")->stopped);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_node_that_never_prepares_does_not_spoil_the_next_request(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    stage.nodes[B].deaf = true;
    assert_status(stage_submit(&stage, &call, 3, WEFT_NS_PER_S, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_NS_PER_S);
    assert_int_equal(call.status, WEFT_DEADLINE_EXCEEDED);
    assert_string_equal(weft_error_message(call.error),
                        "the deadline passed before node \"b\" had prepared its steps");
    assert_string_equal(weft_error_place(call.error).pipeline, "pair");
    assert_string_equal(weft_error_place(call.error).step, "two");
    assert_string_equal(weft_error_place(call.error).node, "b");
    assert_int_equal(weft_gateway_plans_count(gateway_of(&stage)), 0);
    stage_call_fini(&call);
    stage.nodes[B].deaf = false;
    assert_status(stage_submit(&stage, &call, 3, WEFT_NS_PER_S, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 4);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_OK);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_node_whose_answer_was_lost_is_asked_again(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[2];
    on_two_nodes(&stage, set_pair);
    stage.nodes[GATEWAY].behind_for = 1; /* the first of them cannot answer */
    assert_status(stage_submit(&stage, &calls[0], 3, UINT64_MAX, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_GATEWAY_ASK_AGAIN_NS / 2);
    assert_int_equal(stage.nodes[GATEWAY].turned_away, 1);
    assert_status(stage_submit(&stage, &calls[1], 3, UINT64_MAX, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_GATEWAY_ASK_AGAIN_NS / 2);
    assert_int_equal(stage_messages(&stage, A, WEFT_MESSAGE_PREPARE), 2);
    assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 1); /* it has answered */
    assert_int_equal(weft_worker_state(stage.nodes[A].worker).plans, 1);
    for (size_t i = 0; i < 2; i++) {
        stage_finish(&stage, "one", 4);
        stage_finish(&stage, "two", 4);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(calls[i].ended, 1);
        assert_int_equal(calls[i].status, WEFT_OK);
        stage_call_fini(&calls[i]);
    }
    stage_wait(&stage, 4 * WEFT_GATEWAY_ASK_AGAIN_NS);
    assert_int_equal(stage_messages(&stage, A, WEFT_MESSAGE_PREPARE), 2);
    assert_int_equal(weft_gateway_deadline_ns(gateway_of(&stage)), WEFT_DEADLINE_NEVER_NS);
    stage_fini(&stage);
}

static void a_node_that_says_nothing_is_asked_ever_more_seldom(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    stage.nodes[B].deaf = true;
    uint64_t timeout_ns = 16 * WEFT_GATEWAY_ASK_AGAIN_NS;
    assert_status(stage_submit(&stage, &call, 3, timeout_ns, NULL), WEFT_OK);
    stage_wait(&stage, timeout_ns);
    assert_int_equal(stage_messages(&stage, A, WEFT_MESSAGE_PREPARE), 1);
    /* At once, then after 1, 2, 4 and 8 times that long. */
    assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 5);
    assert_int_equal(call.status, WEFT_DEADLINE_EXCEEDED);
    stage_wait(&stage, timeout_ns);
    assert_int_equal(weft_gateway_deadline_ns(gateway_of(&stage)), WEFT_DEADLINE_NEVER_NS);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void all_nodes_that_never_prepare_are_named(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    stage.nodes[A].deaf = true;
    stage.nodes[B].deaf = true;
    assert_status(stage_submit(&stage, &call, 3, WEFT_NS_PER_S, NULL), WEFT_OK);
    stage_wait(&stage, WEFT_NS_PER_S);
    assert_int_equal(call.status, WEFT_DEADLINE_EXCEEDED);
    assert_string_equal(weft_error_message(call.error),
                        "the deadline passed before nodes \"a\", \"b\" had prepared their steps");
    assert_string_equal(weft_error_place(call.error).step, "one");
    assert_string_equal(weft_error_place(call.error).node, "a");
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_node_that_refuses_is_named_and_the_plan_goes(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[2];
    on_two_nodes(&stage, set_pair);
    stage.nodes[B].refuses = true;
    assert_status(stage_submit(&stage, &calls[0], 3, UINT64_MAX, NULL), WEFT_OK);
    assert_status(stage_submit(&stage, &calls[1], 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    for (size_t i = 0; i < 2; i++) { /* both waited for the same plan */
        assert_int_equal(calls[i].ended, 1);
        assert_int_equal(calls[i].status, WEFT_NOT_FOUND);
        assert_string_equal(weft_error_message(calls[i].error),
                            "node \"b\" refuses its part of the pipeline");
        stage_call_fini(&calls[i]);
    }
    assert_int_equal(weft_gateway_plans_count(gateway_of(&stage)), 0);
    assert_int_equal(stage_messages(&stage, A, WEFT_MESSAGE_RELEASE), 1);
    assert_int_equal(weft_worker_state(stage.nodes[A].worker).plans, 0);
    stage_fini(&stage);
}

static void a_lost_node_ends_the_requests_that_need_it(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_lose(&stage, B);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_message(call.error),
                        "node \"b\" went away while it held step \"two\" or its output");
    assert_true(stage_find(&stage, "one")->stopped);
    cleanup_error struct weft_error *error = NULL;
    struct stage_call next;
    assert_status(stage_submit(&stage, &next, 3, UINT64_MAX, &error), WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_place(error).step, "two");
    assert_string_equal(weft_error_place(error).node, "b");
    assert_non_null(strstr(weft_error_message(error), "node \"b\", which had it, is gone"));
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* What node a made has arrived: a consumer of it runs. */
static void a_node_whose_work_is_done_and_handed_on_may_go(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 4);
    stage_wait(&stage, WEFT_WORKER_STARTED_AFTER_NS); /* "one" finished, "two" started */
    stage_lose(&stage, A);
    assert_int_equal(call.ended, 0);
    stage_finish(&stage, "two", 4);
    assert_int_equal(call.status, WEFT_OK);
    assert_int_equal(call.ended, 1);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void what_never_reached_its_node_ends_the_request(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[2];
    on_two_nodes(&stage, set_pair);
    /* The PREPARE. */
    assert_status(stage_submit(&stage, &calls[0], 3, UINT64_MAX, NULL), WEFT_OK);
    for (size_t i = 0; i < stage.post_count; i++) {
        weft_gateway_undelivered(gateway_of(&stage), stage.post[i].message, "b", stage.now_ns);
        weft_message_free(stage.post[i].message);
    }
    stage.post_count = 0;
    assert_int_equal(calls[0].ended, 1);
    assert_int_equal(calls[0].status, WEFT_UNAVAILABLE);
    stage_carry(&stage);
    /* An output on its way from a to b: a tells the gateway. */
    assert_status(stage_submit(&stage, &calls[1], 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage.nodes[B].deaf = true;
    size_t before = stage.sent_count;
    stage_finish(&stage, "one", 4);
    assert_int_equal(stage.sent_count, before + 1);
    struct weft_message *lost = weft_message_new(WEFT_MESSAGE_DELIVER);
    lost->deliver.request = calls[1].request->request;
    lost->deliver.plan = 2;
    lost->deliver.from_step = 0;
    lost->deliver.attempt = 1;
    weft_worker_undelivered(stage.nodes[A].worker, lost, "b", stage.now_ns);
    weft_message_free(lost);
    stage_carry(&stage);
    assert_int_equal(calls[1].ended, 1);
    assert_int_equal(calls[1].status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_message(weft_error_cause(calls[1].error)),
                        "node \"b\" went away before it had the output of step \"one\"");
    assert_string_equal(weft_error_message(calls[1].error),
                        "step \"two\" on node \"b\" did not get the output of step \"one\" from "
                        "node \"a\"");
    assert_string_equal(weft_error_place(calls[1].error).step, "two");
    assert_string_equal(weft_error_place(calls[1].error).node, "b");
    stage_call_fini(&calls[0]);
    stage_call_fini(&calls[1]);
    stage_fini(&stage);
}

static void tell(struct stage *stage, const struct weft_message *message, const char *node)
{
    weft_gateway_message(gateway_of(stage), message, node, stage->now_ns);
}

/* That many times: its first step has finished. */
static struct weft_message *reports_of(const struct stage_call *call, size_t count)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    message->report.gateway = call->request->request.gateway;
    message->report.reports = calloc(count, sizeof(*message->report.reports));
    message->report.reports_count = count;
    for (size_t i = 0; i < count; i++) {
        message->report.reports[i].sequence = call->request->request.sequence;
        message->report.reports[i].report.kind = WEFT_REPORT_FINISHED;
    }
    return message;
}

/* The plan of "pair" has a part on each of two nodes. */
static void a_node_speaks_for_its_own_steps_alone_and_once(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    cleanup_message struct weft_message *prepared = weft_message_new(WEFT_MESSAGE_PREPARED);
    prepared->prepared.gateway = call.request->request.gateway;
    prepared->prepared.plan = 1;
    tell(&stage, prepared, "a");
    tell(&stage, prepared, "a");
    tell(&stage, prepared, "stranger");
    assert_int_equal(stage_messages(&stage, STAGE_ANY, WEFT_MESSAGE_DELIVER), 0);
    tell(&stage, prepared, "b");
    assert_int_equal(stage_messages(&stage, A, WEFT_MESSAGE_DELIVER), 1);
    stage_carry(&stage);
    cleanup_message struct weft_message *report = reports_of(&call, 1);
    report->report.reports[0].report.kind = WEFT_REPORT_FAILED;
    tell(&stage, report, "b"); /* of step "one", which is a's */
    assert_int_equal(call.ended, 0);
    cleanup_message struct weft_message *output = weft_message_new(WEFT_MESSAGE_DELIVER);
    output->deliver.request = call.request->request;
    output->deliver.from_step = 1;
    output->deliver.attempt = 1;
    output->deliver.last = true;
    output->deliver.value = weft_value_ref(stage_find(&stage, "one")->task->inputs[0]);
    tell(&stage, output, "a"); /* of step "two", which is b's */
    assert_int_equal(call.ended, 0);
    tell(&stage, output, "b");
    assert_int_equal(call.ended, 1);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void what_leads_to_no_request_is_ignored(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    cleanup_message struct weft_message *message = reports_of(&call, 2);
    message->report.reports[0].report.step = 99; /* beyond the pipeline */
    message->report.reports[1].sequence++;       /* there is none */
    tell(&stage, message, "a");
    message->report.reports[0].report.step = 0;
    message->report.gateway++; /* of another boot */
    tell(&stage, message, "a");
    assert_int_equal(call.ended, 0);
    assert_int_equal(call.finished, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* Of two requests, and with what is none of that node's business between them. */
static void reports_of_one_message_are_heard_one_by_one(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[2];
    on_two_nodes(&stage, set_pair);
    for (size_t i = 0; i < 2; i++) {
        assert_status(stage_submit(&stage, &calls[i], 3, UINT64_MAX, NULL), WEFT_OK);
    }
    stage_carry(&stage);
    cleanup_message struct weft_message *message = reports_of(&calls[0], 6);
    struct weft_run_report *reports = message->report.reports;
    reports[0].report.kind = WEFT_REPORT_STARTED;
    reports[1].report.step = 1; /* b's */
    reports[2].sequence = 99;
    reports[4].sequence = calls[1].request->request.sequence;
    reports[4].report.kind = WEFT_REPORT_FAILED;
    (void)weft_error_set(&reports[4].report.error, WEFT_INTERNAL, "it broke");
    reports[5].sequence = reports[4].sequence; /* it is over by now */
    tell(&stage, message, "a");
    assert_int_equal(calls[0].started, 1);
    assert_int_equal(calls[0].finished, 1);
    assert_int_equal(calls[0].ended, 0);
    assert_int_equal(calls[1].failed, 1);
    assert_int_equal(calls[1].finished, 0);
    assert_int_equal(calls[1].ended, 1);
    assert_status(calls[1].status, WEFT_INTERNAL);
    stage_call_fini(&calls[0]);
    stage_call_fini(&calls[1]);
    stage_fini(&stage);
}

/* What nodes said before is kept for placement: it must not outlive what they say now. */
static void a_request_goes_where_the_models_are_now(void **state)
{
    (void)state;
    static struct stage stage;
    on_two_nodes(&stage, set_pair);
    static const unsigned with_mb[] = {B, A, B};
    for (size_t i = 0; i < 3; i++) {
        struct stage_call call;
        for (unsigned node = A; node <= B && i > 0; node++) {
            struct weft_node_info info = stage.nodes[node].info;
            struct weft_model_info models[] = {stage.nodes[A].models[0], stage.nodes[B].models[0]};
            info.models = node == A ? models : models + 1;
            info.models_count = node == A ? 1 + (with_mb[i] == A) : with_mb[i] == B;
            assert_status(weft_gateway_node(gateway_of(&stage), &info, NULL), WEFT_OK);
        }
        assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
        assert_string_equal(call.request->step_nodes[1], stage.nodes[with_mb[i]].info.name);
        stage_carry(&stage);
        stage_finish(&stage, "one", 4);
        stage_finish(&stage, "two", 4);
        assert_int_equal(call.status, WEFT_OK);
        stage_call_fini(&call);
    }
    stage_fini(&stage);
}

static void an_input_that_is_missing_is_named(void **state)
{
    (void)state;
    static struct stage stage;
    on_two_nodes(&stage, set_pair);
    struct weft_value *inputs[1] = {NULL};
    struct weft_submission submission = {.pipeline = stage.pipeline, .inputs = inputs};
    struct weft_request *request = NULL;
    cleanup_error struct weft_error *error = NULL;
    assert_status(
        weft_gateway_submit(gateway_of(&stage), &submission, stage.now_ns, &request, &error),
        WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error), "input \"x\" is missing");
    assert_string_equal(weft_error_place(error).pipeline, "pair");
    stage_fini(&stage);
}

static void a_forgotten_pipeline_is_released_when_its_last_request_is_over(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(weft_gateway_forget(gateway_of(&stage), stage.pipeline, NULL), WEFT_OK);
    weft_gateway_tick(gateway_of(&stage), stage.now_ns);
    assert_int_equal(stage.released, 0);
    stage_finish(&stage, "one", 4);
    stage_finish(&stage, "two", 4);
    stage_wait(&stage, WEFT_GATEWAY_SETTLE_NS);
    weft_gateway_tick(gateway_of(&stage), stage.now_ns);
    assert_int_equal(call.status, WEFT_OK);
    assert_int_equal(stage.released, 1);
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(weft_worker_state(stage.nodes[A].worker).plans, 0);
    assert_int_equal(weft_worker_state(stage.nodes[B].worker).plans, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_node_that_stops_ends_every_request_under_its_own_name(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call calls[2];
    on_two_nodes(&stage, set_pair);
    struct weft_pipeline *first = stage.pipeline;
    assert_status(stage_submit(&stage, &calls[0], 3, UINT64_MAX, NULL), WEFT_OK);
    stage_pipeline(&stage, "pipeline: other\nsteps:\n  s: {model: ma}\noutputs: {y: s.o}\n");
    assert_status(stage_submit(&stage, &calls[1], 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    weft_gateway_stop(gateway_of(&stage));
    stage_wait(&stage, 0);
    static const char *const names[] = {"pair", "other"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(calls[i].ended, 1);
        assert_int_equal(calls[i].settled, 1);
        assert_int_equal(calls[i].status, WEFT_UNAVAILABLE);
        assert_string_equal(weft_error_place(calls[i].error).pipeline, names[i]);
        stage_call_fini(&calls[i]);
    }
    stage_fini(&stage);
    weft_pipeline_free(first);
}

/* A request of another pipeline, whose plan takes a place on node B; its step is "s". */
static void take_a_place(struct stage *stage, struct stage_call *call, size_t which)
{
    struct weft_pipeline *first = stage->pipeline;
    stage_pipeline(stage, "pipeline: other\nsteps:\n  s: {model: mb}\noutputs: {y: s.o}\n");
    assert_status(stage_submit(stage, call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(stage);
    stage->others[which] = stage->pipeline;
    stage->pipeline = first;
}

static void end_of(struct stage *stage, struct stage_call *call)
{
    stage_finish(stage, "s", 1);
    stage_wait(stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_status(call->status, WEFT_OK);
    assert_int_equal(call->ended, 1);
    stage_call_fini(call);
}

static void a_request_whose_plan_a_node_gave_up_ends_naming_both(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call, other;
    stage_init(&stage);
    stage.plans_max = 1;
    stage_node(&stage, "gateway", 1, 0);
    stage_model(&stage, stage_node(&stage, "a", 1, 0), "ma");
    stage_model(&stage, stage_node(&stage, "b", 1, 0), "mb");
    stage_up(&stage);
    stage_pipeline(&stage, set_pair);
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage); /* step "one" runs on a; b has nothing of the request yet */
    take_a_place(&stage, &other, 0);
    assert_int_equal(call.ended, 1);
    assert_status(call.status, WEFT_UNAVAILABLE);
    assert_string_equal(weft_error_message(call.error),
                        "node \"b\" gave plan 1 up while it held step \"two\" or its output");
    assert_string_equal(weft_error_place(call.error).pipeline, "pair");
    assert_string_equal(weft_error_place(call.error).step, "two");
    assert_string_equal(weft_error_place(call.error).node, "b");
    assert_true(stage_find(&stage, "one")->stopped);
    stage_finish(&stage, "one", 1);
    end_of(&stage, &other);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void a_plan_given_up_before_all_nodes_have_it_is_prepared_there_again(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call, other;
    stage_init(&stage);
    stage.plans_max = 2;
    stage_node(&stage, "gateway", 1, 0);
    stage_model(&stage, stage_node(&stage, "a", 1, 0), "ma");
    stage_model(&stage, stage_node(&stage, "b", 1, 0), "mb");
    stage_up(&stage);
    stage_pipeline(&stage, set_pair);
    stage.nodes[A].deaf = true; /* it takes its time to answer */
    assert_status(stage_submit(&stage, &call, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    take_a_place(&stage, &other, 0);
    end_of(&stage, &other);
    take_a_place(&stage, &other, 1);
    assert_int_equal(call.ended, 0);
    end_of(&stage, &other);
    assert_int_equal(stage_messages(&stage, B, WEFT_MESSAGE_PREPARE), 4);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void constants_that_no_plan_carries_are_refused_at_once(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_two_nodes(&stage, "pipeline: p\n"
                         "constants: {c: {datatype: UINT8, shape: [1], value: [1]}}\n"
                         "steps:\n  s: {model: ma, inputs: {i: c, j: c}}\noutputs: {y: s.o}\n");
    size_t half_bytes = WEFT_PLAN_CONSTANTS_MAX_BYTES / 2 + 1;
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)half_bytes}};
    struct weft_slice slice = weft_slice_take(weft_buffer_new(half_bytes));
    cleanup_value struct weft_value *large = NULL;
    assert_status(weft_value_new_slice(WEFT_UINT8, &shape, &slice, &large, NULL), WEFT_OK);
    for (size_t i = 0; i < 2; i++) {
        struct weft_value **constant = &stage.pipeline->steps[0].inputs[i].constant;
        weft_value_unref(*constant);
        *constant = weft_value_ref(large);
    }
    cleanup_error struct weft_error *error = NULL;
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, &error), WEFT_FAILED_PRECONDITION);
    assert_string_equal(weft_error_message(error),
                        "the constants of the steps on node \"a\" have 67108866 bytes together, "
                        "each time they are used, and a plan carries 67108864");
    assert_string_equal(weft_error_place(error).pipeline, "p");
    assert_int_equal(weft_gateway_plans_count(gateway_of(&stage)), 0);
    stage_fini(&stage);
}

static void the_least_used_plan_makes_room(void **state)
{
    (void)state;
    static struct stage stage;
    static struct weft_pipeline *pipelines[WEFT_GATEWAY_PLANS_MAX + 1];
    on_two_nodes(&stage, set_pair);
    weft_pipeline_free(stage.pipeline);
    for (size_t i = 0; i <= WEFT_GATEWAY_PLANS_MAX; i++) {
        struct stage_call call;
        stage.sent_count = 0;
        stage_pipeline(&stage, "pipeline: p\nsteps:\n  s: {model: ma}\noutputs: {y: s.o}\n");
        pipelines[i] = stage.pipeline;
        assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        stage_finish(&stage, "s", 1);
        stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
        assert_int_equal(call.settled, 1);
        stage_call_fini(&call);
    }
    assert_int_equal(weft_gateway_plans_count(gateway_of(&stage)), WEFT_GATEWAY_PLANS_MAX);
    assert_int_equal(weft_worker_state(stage.nodes[A].worker).plans, WEFT_GATEWAY_PLANS_MAX);
    stage.sent_count = 0;
    stage_fini(&stage);
    for (size_t i = 0; i < WEFT_GATEWAY_PLANS_MAX; i++) {
        weft_pipeline_free(pipelines[i]);
    }
}

static void an_optional_input_left_out_needs_a_plan_of_its_own(void **state)
{
    (void)state;
    static struct stage stage;
    on_two_nodes(&stage, "pipeline: p\n"
                         "inputs: {x: {datatype: UINT8, shape: [-1], optional: true}}\n"
                         "steps:\n  s: {model: ma, inputs: {i: x}}\noutputs: {y: s.o}\n");
    struct stage_call with;
    assert_status(stage_submit(&stage, &with, 3, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(stage_find(&stage, "s")->task->step->inputs_count, 1);
    stage_finish(&stage, "s", 1);
    struct weft_value *inputs[1] = {NULL};
    struct stage_call without = {0};
    struct weft_submission submission = {.pipeline = stage.pipeline,
                                         .inputs = inputs,
                                         .timeout_ns = UINT64_MAX,
                                         .host_data = &without};
    assert_status(
        weft_gateway_submit(gateway_of(&stage), &submission, stage.now_ns, &without.request, NULL),
        WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(stage_find(&stage, "s")->task->step->inputs_count, 0);
    assert_int_equal(weft_gateway_plans_count(gateway_of(&stage)), 2);
    stage_finish(&stage, "s", 1);
    assert_int_equal(without.ended, 1);
    stage_call_fini(&with);
    stage_call_fini(&without);
    stage_fini(&stage);
}

static void more_requests_than_the_limit_are_turned_away(void **state)
{
    (void)state;
    static struct stage stage;
    static struct stage_call calls[WEFT_GATEWAY_REQUESTS_MAX + 1];
    on_two_nodes(&stage, set_pair);
    stage.nodes[A].deaf = true;
    for (size_t i = 0; i < WEFT_GATEWAY_REQUESTS_MAX; i++) {
        assert_status(stage_submit(&stage, &calls[i], 1, UINT64_MAX, NULL), WEFT_OK);
    }
    cleanup_error struct weft_error *error = NULL;
    struct stage_call *last = &calls[WEFT_GATEWAY_REQUESTS_MAX];
    assert_status(stage_submit(&stage, last, 1, UINT64_MAX, &error), WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(weft_error_message(error),
                        "65536 requests are under way already, which is the limit");
    weft_gateway_cancel(gateway_of(&stage), calls[7].request);
    stage_wait(&stage, 0);
    assert_int_equal(calls[7].status, WEFT_CANCELLED);
    assert_status(stage_submit(&stage, last, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_call_fini(&calls[7]);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_ends_once_with_its_outputs_and_settles),
        cmocka_unit_test(a_failure_names_pipeline_step_node_attempt_and_cause),
        cmocka_unit_test(the_deadline_names_the_step_that_was_running),
        cmocka_unit_test(a_node_that_never_prepares_does_not_spoil_the_next_request),
        cmocka_unit_test(a_node_whose_answer_was_lost_is_asked_again),
        cmocka_unit_test(a_node_that_says_nothing_is_asked_ever_more_seldom),
        cmocka_unit_test(all_nodes_that_never_prepare_are_named),
        cmocka_unit_test(a_node_that_refuses_is_named_and_the_plan_goes),
        cmocka_unit_test(a_lost_node_ends_the_requests_that_need_it),
        cmocka_unit_test(a_node_whose_work_is_done_and_handed_on_may_go),
        cmocka_unit_test(what_never_reached_its_node_ends_the_request),
        cmocka_unit_test(a_node_speaks_for_its_own_steps_alone_and_once),
        cmocka_unit_test(what_leads_to_no_request_is_ignored),
        cmocka_unit_test(reports_of_one_message_are_heard_one_by_one),
        cmocka_unit_test(a_request_goes_where_the_models_are_now),
        cmocka_unit_test(an_input_that_is_missing_is_named),
        cmocka_unit_test(a_forgotten_pipeline_is_released_when_its_last_request_is_over),
        cmocka_unit_test(a_node_that_stops_ends_every_request_under_its_own_name),
        cmocka_unit_test(a_request_whose_plan_a_node_gave_up_ends_naming_both),
        cmocka_unit_test(a_plan_given_up_before_all_nodes_have_it_is_prepared_there_again),
        cmocka_unit_test(constants_that_no_plan_carries_are_refused_at_once),
        cmocka_unit_test(the_least_used_plan_makes_room),
        cmocka_unit_test(more_requests_than_the_limit_are_turned_away),
        cmocka_unit_test(an_optional_input_left_out_needs_a_plan_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
