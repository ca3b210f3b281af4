/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "unit/sched/stage_sets.h"

/* What a worker is told to do, by whom, and how much of it it keeps. The gateway is node 0 and runs
 * nothing; the worker that the stories are about is node 1. */

static struct weft_message *plan_among(uint64_t number, struct weft_plan_node *nodes,
                                       size_t nodes_count, struct weft_plan_task *tasks,
                                       size_t tasks_count)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARE);
    struct weft_node_plan plan = {.gateway = 100,
                                  .plan = number,
                                  .pipeline = (char *)"p",
                                  .pipeline_version = (char *)"",
                                  .nodes = nodes,
                                  .nodes_count = nodes_count,
                                  .tasks = tasks,
                                  .tasks_count = tasks_count};
    assert_true(weft_node_plan_copy(&plan, &message->prepare));
    return message;
}

static struct weft_message *plan_for(uint64_t number, struct weft_plan_node *gateway,
                                     struct weft_plan_task *tasks, size_t tasks_count)
{
    return plan_among(number, gateway, 1, tasks, tasks_count);
}

/* Tells the worker, and says why it refuses; NULL if it does not. */
static struct weft_error *prepare(struct stage *stage, struct weft_message *take_message)
{
    struct weft_error *why = NULL;
    weft_worker_message(stage->nodes[WORKER].worker, take_message, "gateway", stage->now_ns);
    weft_message_free(take_message);
    assert_int_equal(stage->post_count, 1);
    struct weft_message *answer = stage->post[--stage->post_count].message;
    assert_int_equal(answer->kind, WEFT_MESSAGE_PREPARED);
    why = weft_error_ref(answer->prepared.error);
    weft_message_free(answer);
    stage->sent_count = 0;
    return why;
}

static void say(struct stage *stage, struct weft_message *take_message, const char *node)
{
    weft_worker_message(stage->nodes[WORKER].worker, take_message, node, stage->now_ns);
    weft_message_free(take_message);
}

static struct weft_plan_node gateway_node = {(char *)"gateway", 100, (char *)"nowhere:1"};

static void a_plan_that_leads_nowhere_is_refused(void **state)
{
    (void)state;
    static struct stage stage;
    on_one_worker(&stage, 1, 0, set_stream);
    struct weft_plan_destination away = {.node = 7};
    struct weft_plan_output output = {
        .name = (char *)"o", .destinations = &away, .destinations_count = 1};
    struct weft_plan_task tasks[2] = {
        {.step_name = (char *)"a", .model = (char *)"m", .outputs = &output, .outputs_count = 1},
        {.step_name = (char *)"a", .model = (char *)"m", .finished = &away, .finished_count = 1},
    };
    for (size_t i = 0; i < 2; i++) {
        cleanup_error struct weft_error *error =
            prepare(&stage, plan_for(1, &gateway_node, &tasks[i], 1));
        assert_status(weft_error_status(error), WEFT_INVALID_ARGUMENT);
        assert_string_equal(weft_error_message(error),
                            "the plan sends something to a node that it does not name");
    }
    assert_int_equal(state_of(&stage).plans, 0);
    stage_fini(&stage);
}

static void what_the_node_lacks_is_told(void **state)
{
    (void)state;
    static struct stage stage;
    char *tags[] = {(char *)"gpu"};
    on_one_worker(&stage, 1, 100, set_stream);
    struct {
        struct weft_needs needs;
        const char *words;
    } cases[] = {
        {{.slots = 2}, "model \"m\" needs 2 slots, the node has 1"},
        {{.slots = 1, .memory_bytes = 101},
         "model \"m\" needs 101 bytes of memory, the node has 100"},
        {{.slots = 1, .tags = tags, .tags_count = 1},
         "model \"m\" needs a node tagged \"gpu\", and this one is not"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct weft_plan_task task = {
            .step_name = (char *)"a", .model = (char *)"m", .needs = cases[i].needs};
        cleanup_error struct weft_error *error =
            prepare(&stage, plan_for(1, &gateway_node, &task, 1));
        assert_status(weft_error_status(error), WEFT_FAILED_PRECONDITION);
        assert_string_equal(weft_error_message(error), cases[i].words);
        assert_string_equal(weft_error_place(error).step, "a");
    }
    stage_fini(&stage);
}

static void the_least_recently_used_plan_makes_room_and_its_gateway_is_told(void **state)
{
    (void)state;
    static struct stage stage;
    on_one_worker(&stage, 1, 0, set_stream);
    struct weft_plan_task task = {.step_name = (char *)"a", .model = (char *)"m"};
    for (uint64_t number = 1; number <= WEFT_WORKER_PLANS_MAX; number++) {
        assert_null(prepare(&stage, plan_for(number, &gateway_node, &task, 1)));
    }
    assert_null(prepare(&stage, plan_for(1, &gateway_node, &task, 1))); /* again is a use */
    struct weft_message *next = plan_for(WEFT_WORKER_PLANS_MAX + 1, &gateway_node, &task, 1);
    say(&stage, next, "gateway");
    assert_int_equal(stage.post_count, 2);
    assert_int_equal(stage.post[0].message->prepared.plan, 2);
    assert_status(weft_error_status(stage.post[0].message->prepared.error), WEFT_UNAVAILABLE);
    assert_int_equal(stage.post[1].message->prepared.plan, WEFT_WORKER_PLANS_MAX + 1);
    assert_null(stage.post[1].message->prepared.error);
    assert_int_equal(state_of(&stage).plans, WEFT_WORKER_PLANS_MAX);
    struct weft_message *release = weft_message_new(WEFT_MESSAGE_RELEASE);
    release->release = (struct weft_prepared){.gateway = 100, .plan = 5};
    say(&stage, release, "gateway");
    assert_int_equal(state_of(&stage).plans, WEFT_WORKER_PLANS_MAX - 1);
    stage_fini(&stage);
}

/* Many uses of one value, so that the story needs memory for one. */
static struct weft_value *constant_of(size_t size_bytes)
{
    struct weft_value *value = NULL;
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)size_bytes}};
    struct weft_slice slice = weft_slice_take(weft_buffer_new(size_bytes));
    assert_status(weft_value_new_slice(WEFT_UINT8, &shape, &slice, &value, NULL), WEFT_OK);
    return value;
}

static void constants_are_limited_in_sum(void **state)
{
    (void)state;
    static struct stage stage;
    on_one_worker(&stage, 1, 0, set_stream);
    enum { USES = 8 };
    cleanup_value struct weft_value *constant =
        constant_of(WEFT_PLAN_CONSTANTS_MAX_BYTES / USES + 1);
    struct weft_plan_input inputs[USES];
    for (size_t i = 0; i < USES; i++) {
        inputs[i] = (struct weft_plan_input){.name = (char *)"x", .constant = constant};
    }
    struct weft_plan_task task = {
        .step_name = (char *)"a", .model = (char *)"m", .inputs = inputs, .inputs_count = USES};
    cleanup_error struct weft_error *error = prepare(&stage, plan_for(1, &gateway_node, &task, 1));
    assert_status(weft_error_status(error), WEFT_FAILED_PRECONDITION);
    assert_string_equal(weft_error_message(error),
                        "the plan's constants have 67108872 bytes, and it may carry 67108864");
    /* And of all plans: the first makes room. */
    task.inputs_count = USES - 1;
    uint64_t fit = WEFT_WORKER_CONSTANTS_MAX_BYTES / ((USES - 1) * weft_value_size_bytes(constant));
    for (uint64_t number = 1; number <= fit; number++) {
        assert_null(prepare(&stage, plan_for(number, &gateway_node, &task, 1)));
    }
    assert_int_equal(state_of(&stage).plans, fit);
    say(&stage, plan_for(fit + 1, &gateway_node, &task, 1), "gateway");
    assert_int_equal(stage.post_count, 2);
    assert_int_equal(stage.post[0].message->prepared.plan, 1);
    assert_int_equal(state_of(&stage).plans, fit);
    stage_fini(&stage);
}

static void a_plan_that_runs_is_a_used_one(void **state)
{
    (void)state;
    static struct stage stage;
    stage_init(&stage);
    stage.plans_max = 2;
    stage_node(&stage, "gateway", 1, 0);
    stage_node(&stage, "worker", 1, 0);
    stage_model(&stage, WORKER, "m");
    stage_up(&stage);
    struct weft_plan_input input = {.name = (char *)"x", .from_step = WEFT_STEP_GATEWAY};
    struct weft_plan_task task = {
        .step_name = (char *)"a", .model = (char *)"m", .inputs = &input, .inputs_count = 1};
    assert_null(prepare(&stage, plan_for(1, &gateway_node, &task, 1)));
    assert_null(prepare(&stage, plan_for(2, &gateway_node, &task, 1)));
    struct weft_message *deliver = weft_message_new(WEFT_MESSAGE_DELIVER);
    deliver->deliver.request = (struct weft_request_id){100, 1};
    deliver->deliver.plan = 1;
    deliver->deliver.from_step = WEFT_STEP_GATEWAY;
    deliver->deliver.timeout_ns = UINT64_MAX;
    deliver->deliver.last = true;
    deliver->deliver.value = constant_of(1);
    say(&stage, deliver, "gateway");
    stage_finish(&stage, "a", 0);
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(stage.post_count, 0);
    say(&stage, plan_for(3, &gateway_node, &task, 1), "gateway");
    assert_int_equal(stage.post_count, 2);
    assert_int_equal(stage.post[0].message->prepared.plan, 2);
    assert_status(weft_error_status(stage.post[0].message->prepared.error), WEFT_UNAVAILABLE);
    stage_fini(&stage);
}

static void a_plan_stays_whose_gateway_cannot_be_told(void **state)
{
    (void)state;
    static struct stage stage;
    stage_init(&stage);
    stage.plans_max = 1;
    stage_node(&stage, "gateway", 1, 0);
    stage_node(&stage, "worker", 1, 0);
    stage_node(&stage, "other", 1, 0);
    stage_model(&stage, WORKER, "m");
    stage_up(&stage);
    struct weft_plan_task task = {.step_name = (char *)"a", .model = (char *)"m"};
    assert_null(prepare(&stage, plan_for(1, &gateway_node, &task, 1)));
    stage.nodes[GATEWAY].behind = true;
    struct weft_plan_node other_node = {(char *)"other", 102, (char *)"nowhere:1"};
    say(&stage, plan_for(2, &other_node, &task, 1), "other");
    assert_int_equal(stage.post_count, 1);
    assert_status(weft_error_status(stage.post[0].message->prepared.error),
                  WEFT_RESOURCE_EXHAUSTED);
    stage_fini(&stage);
}

static void on_a_worker_with_one_place(struct stage *stage, const char *yaml)
{
    stage_init(stage);
    stage->plans_max = 1;
    stage_node(stage, "gateway", 1, 0);
    stage_node(stage, "worker", 1, 0);
    stage_model(stage, WORKER, "m");
    stage_up(stage);
    stage_pipeline(stage, yaml);
}

static void a_plan_in_use_does_not_make_room(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call first, second;
    on_a_worker_with_one_place(&stage, set_stream);
    assert_status(stage_submit(&stage, &first, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_pipeline *one = stage.pipeline;
    stage_pipeline(&stage, "pipeline: q\nsteps:\n  s: {model: m}\noutputs: {y: s.o}\n");
    assert_status(stage_submit(&stage, &second, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(second.status, WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(weft_error_message(weft_error_cause(second.error)),
                        "1 plans with 0 bytes of constants are in use on the node already, and 1 "
                        "with 1073741824 are the limit");
    stage_finish(&stage, "speak", 1);
    assert_status(first.status, WEFT_OK);
    assert_int_equal(first.ended, 1);
    stage_call_fini(&first);
    stage_call_fini(&second);
    stage_fini(&stage);
    weft_pipeline_free(one);
}

static void a_plan_that_made_room_is_prepared_anew_for_the_next_request(void **state)
{
    (void)state;
    static struct stage stage;
    struct weft_pipeline *pipelines[2];
    on_a_worker_with_one_place(&stage, "pipeline: q\nsteps:\n  s: {model: m}\noutputs: {y: s.o}\n");
    pipelines[0] = stage.pipeline;
    stage_pipeline(&stage, "pipeline: p\nsteps:\n  s: {model: m}\noutputs: {y: s.o}\n");
    pipelines[1] = stage.pipeline;
    for (size_t i = 0; i < 6; i++) {
        struct stage_call call;
        stage.pipeline = pipelines[i % 2];
        assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        stage_finish(&stage, "s", 1);
        stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
        assert_int_equal(call.ended, 1);
        assert_status(call.status, WEFT_OK);
        assert_int_equal(state_of(&stage).plans, 1);
        stage_call_fini(&call);
    }
    assert_int_equal(stage_messages(&stage, WORKER, WEFT_MESSAGE_PREPARE), 6);
    stage.pipeline = pipelines[0];
    stage_fini(&stage);
    weft_pipeline_free(pipelines[1]);
}

static void only_a_plans_own_gateway_commands(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, set_branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    /* A plan in the name of a gateway that is another, or that does not exist. */
    struct weft_plan_task task = {.step_name = (char *)"a", .model = (char *)"m"};
    say(&stage, plan_for(7, &gateway_node, &task, 1), "stranger");
    assert_int_equal(state_of(&stage).plans, 1);
    assert_int_equal(stage.post_count, 0);
    struct weft_message *cancel = weft_message_new(WEFT_MESSAGE_CANCEL);
    cancel->cancel = (struct weft_cancel){call.request->request, 1, WEFT_CANCELLED};
    say(&stage, cancel, "stranger");
    assert_false(stage_find(&stage, "left")->stopped);
    /* Nor is a request kept from beginning that has not come yet. */
    cancel = weft_message_new(WEFT_MESSAGE_CANCEL);
    cancel->cancel = (struct weft_cancel){call.request->request, 1, WEFT_CANCELLED};
    cancel->cancel.request.sequence++;
    say(&stage, cancel, "stranger");
    struct stage_call next;
    assert_status(stage_submit(&stage, &next, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(state_of(&stage).runs, 2);
    struct weft_message *release = weft_message_new(WEFT_MESSAGE_RELEASE);
    release->release = (struct weft_prepared){.gateway = 100, .plan = 1};
    say(&stage, release, "stranger");
    struct weft_message *forged = weft_message_new(WEFT_MESSAGE_DELIVER);
    forged->deliver.request = call.request->request;
    forged->deliver.plan = 1;
    forged->deliver.attempt = 1;
    forged->deliver.last = true; /* of step "left", whose output it is not */
    forged->deliver.value = weft_value_ref(stage_find(&stage, "left")->task->inputs[0]);
    say(&stage, forged, "stranger");
    for (size_t i = 0; i < 2; i++) {
        stage_finish(&stage, "left", 1);
        stage_finish(&stage, "right", 1);
    }
    stage_finish(&stage, "join", 1);
    stage_finish(&stage, "join", 1);
    assert_status(call.status, WEFT_OK);
    assert_int_equal(call.ended, 1);
    assert_status(next.status, WEFT_OK);
    assert_int_equal(next.ended, 1);
    assert_int_equal(state_of(&stage).plans, 1);
    stage_call_fini(&call);
    stage_call_fini(&next);
    stage_fini(&stage);
}

static void beside_another_node(struct stage *stage)
{
    stage_init(stage);
    stage_node(stage, "gateway", 1, 0);
    stage_node(stage, "worker", 1, 0);
    stage_node(stage, "other", 1, 0);
    stage_model(stage, WORKER, "m");
    stage_up(stage);
}

static void a_plan_of_one_gateway_is_not_anothers(void **state)
{
    (void)state;
    static struct stage stage;
    beside_another_node(&stage);
    struct weft_plan_task task = {.step_name = (char *)"a", .model = (char *)"m"};
    struct weft_plan_node other_node = {(char *)"other", 102, (char *)"nowhere:1"};
    assert_null(prepare(&stage, plan_for(1, &gateway_node, &task, 1)));
    say(&stage, plan_for(1, &other_node, &task, 1), "other");
    assert_int_equal(stage.post_count, 1);
    assert_status(weft_error_status(stage.post[0].message->prepared.error), WEFT_ALREADY_EXISTS);
    stage_fini(&stage);
}

static void inputs_come_from_the_gateway_alone(void **state)
{
    (void)state;
    static struct stage stage;
    beside_another_node(&stage);
    struct weft_plan_input input = {.name = (char *)"x", .from_step = WEFT_STEP_GATEWAY};
    struct weft_plan_task task = {
        .step_name = (char *)"a", .model = (char *)"m", .inputs = &input, .inputs_count = 1};
    struct weft_plan_node nodes[] = {gateway_node, {(char *)"other", 102, (char *)"nowhere:1"}};
    assert_null(prepare(&stage, plan_among(1, nodes, 2, &task, 1)));
    static const char *const from[] = {"other", "gateway"};
    for (size_t i = 0; i < 2; i++) {
        struct weft_message *deliver = weft_message_new(WEFT_MESSAGE_DELIVER);
        deliver->deliver.request = (struct weft_request_id){100, 1};
        deliver->deliver.plan = 1;
        deliver->deliver.from_step = WEFT_STEP_GATEWAY;
        deliver->deliver.timeout_ns = UINT64_MAX;
        deliver->deliver.last = true;
        deliver->deliver.value = constant_of(1);
        say(&stage, deliver, from[i]);
        assert_int_equal(state_of(&stage).runs, i);
    }
    stage_finish(&stage, "a", 0);
    stage_fini(&stage);
}

static void more_requests_than_a_node_can_hold_fail_by_name(void **state)
{
    (void)state;
    static struct stage stage;
    on_one_worker(&stage, 1, 0, set_stream);
    struct weft_plan_input inputs[] = {
        {.name = (char *)"x", .from_step = WEFT_STEP_GATEWAY},
        {.name = (char *)"y", .from_step = WEFT_STEP_GATEWAY, .from_output = 1}};
    struct weft_plan_task task = {
        .step_name = (char *)"a", .model = (char *)"m", .inputs = inputs, .inputs_count = 2};
    assert_null(prepare(&stage, plan_for(1, &gateway_node, &task, 1)));
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    struct weft_shape shape = {.rank = 1, .dims = {1}};
    message->deliver.plan = 1;
    message->deliver.from_step = WEFT_STEP_GATEWAY; /* the other input never comes */
    message->deliver.timeout_ns = UINT64_MAX;
    message->deliver.last = true;
    assert_status(weft_value_new(WEFT_UINT8, &shape, "a", 1, &message->deliver.value, NULL),
                  WEFT_OK);
    for (uint64_t i = 1; i <= WEFT_WORKER_RUNS_MAX + 1; i++) {
        message->deliver.request = (struct weft_request_id){100, i};
        weft_worker_message(stage.nodes[WORKER].worker, message, "gateway", stage.now_ns);
    }
    weft_message_free(message);
    assert_int_equal(state_of(&stage).runs, WEFT_WORKER_RUNS_MAX);
    assert_int_equal(stage.post_count, 1);
    const struct weft_run_report *said = stage.post[0].message->report.reports;
    assert_int_equal(said->sequence, WEFT_WORKER_RUNS_MAX + 1);
    assert_status(weft_error_status(said->report.error), WEFT_RESOURCE_EXHAUSTED);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_that_leads_nowhere_is_refused),
        cmocka_unit_test(what_the_node_lacks_is_told),
        cmocka_unit_test(the_least_recently_used_plan_makes_room_and_its_gateway_is_told),
        cmocka_unit_test(constants_are_limited_in_sum),
        cmocka_unit_test(a_plan_that_runs_is_a_used_one),
        cmocka_unit_test(a_plan_stays_whose_gateway_cannot_be_told),
        cmocka_unit_test(a_plan_in_use_does_not_make_room),
        cmocka_unit_test(a_plan_that_made_room_is_prepared_anew_for_the_next_request),
        cmocka_unit_test(only_a_plans_own_gateway_commands),
        cmocka_unit_test(a_plan_of_one_gateway_is_not_anothers),
        cmocka_unit_test(inputs_come_from_the_gateway_alone),
        cmocka_unit_test(more_requests_than_a_node_can_hold_fail_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
