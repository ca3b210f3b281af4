/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "support/failmalloc.h"
#include "unit/sched/stage.h"

/* The gateway is node 0 and runs nothing; the worker that the stories are about is node 1. */
enum { GATEWAY, WORKER };

static void on_one_worker(struct stage *stage, uint32_t slots, uint64_t memory_bytes,
                          const char *yaml)
{
    stage_init(stage);
    stage_node(stage, "gateway", 1, 0);
    stage_node(stage, "worker", slots, memory_bytes);
    stage_model(stage, WORKER, "m");
    struct weft_needs *large = stage_model(stage, WORKER, "large");
    large->slots = 2;
    large->memory_bytes = 60;
    stage_up(stage);
    stage_pipeline(stage, yaml);
}

static struct weft_worker_state state_of(struct stage *stage)
{
    return weft_worker_state(stage->nodes[WORKER].worker);
}

static const char branches[] = "pipeline: p\n"
                               "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                               "steps:\n"
                               "  left: {model: m, inputs: {i: x}}\n"
                               "  right: {model: m, inputs: {i: x}}\n"
                               "  join: {model: m, inputs: {l: left.o, r: right.o}}\n"
                               "outputs: {y: join.o}\n";

static void branches_run_at_the_same_time_and_meet(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, branches);
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
    on_one_worker(&stage, 1, 0, branches);
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
    on_one_worker(&stage, 1, 0, branches);
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
    on_one_worker(&stage, 1, 0, branches);
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
    on_one_worker(&stage, 2, 0, branches);
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
    on_one_worker(&stage, 2, 0, branches);
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

/* --- reports that cannot be sent --- */

static void a_failure_that_cannot_be_told_now_is_told_later(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_error *why = NULL;
    (void)weft_error_set(&why, WEFT_INTERNAL, "it broke");
    stage.nodes[GATEWAY].behind = true;
    stage_fail(&stage, "left", why);
    stage_wait(&stage, WEFT_NS_PER_S);
    assert_int_equal(call.ended, 0);
    stage.nodes[GATEWAY].behind = false;
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(call.ended, 1);
    assert_status(call.status, WEFT_INTERNAL);
    assert_string_equal(weft_error_message(weft_error_cause(call.error)), "it broke");
    stage_finish(&stage, "right", 1);
    assert_int_equal(state_of(&stage).runs, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void of_a_gateway_that_is_gone_nothing_is_kept(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 2, 0, branches);
    assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_error *why = NULL;
    (void)weft_error_set(&why, WEFT_INTERNAL, "it broke");
    stage.nodes[GATEWAY].behind = true;
    stage_fail(&stage, "left", why);
    stage_lose(&stage, GATEWAY);
    stage_finish(&stage, "right", 1);
    assert_int_equal(state_of(&stage).plans, 0);
    assert_int_equal(state_of(&stage).runs, 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

/* Whichever allocation fails while a task fails: the gateway hears of it. */
static void a_failure_is_told_without_memory_too(void **state)
{
    (void)state;
    bool failed = true;
    for (size_t i = 0; failed; i++) {
        static struct stage stage;
        struct stage_call call;
        on_one_worker(&stage, 2, 0, branches);
        assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        struct stage_running left = *stage_find(&stage, "left");
        *stage_find(&stage, "left") = stage.running[--stage.running_count];
        cleanup_error struct weft_error *why = NULL;
        (void)weft_error_set(&why, WEFT_INTERNAL, "it broke");
        failmalloc_arm_all(i);
        weft_worker_finished(stage.nodes[WORKER].worker, left.task,
                             &(struct weft_task_result){.error = why}, stage.now_ns);
        failed = failmalloc_disarm();
        stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
        assert_int_equal(call.ended, 1);
        assert_status(call.status, WEFT_INTERNAL);
        stage_call_fini(&call);
        stage_fini(&stage);
    }
}

/* --- streamed outputs --- */

static const char stream[] = "pipeline: p\nsteps:\n"
                             "  speak: {model: m}\n"
                             "outputs: {word: speak.word, log: speak.log}\n";

static void parts_come_before_the_end_and_the_last_ends_it(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, stream);
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
    on_one_worker(&stage, 1, 0, stream);
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
    on_one_worker(&stage, 1, 0, stream);
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

/* --- plans --- */

static struct weft_message *plan_for(uint64_t number, struct weft_plan_node *nodes,
                                     struct weft_plan_task *tasks, size_t tasks_count)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARE);
    struct weft_node_plan plan = {.gateway = 100,
                                  .plan = number,
                                  .pipeline = (char *)"p",
                                  .pipeline_version = (char *)"",
                                  .nodes = nodes,
                                  .nodes_count = 1,
                                  .tasks = tasks,
                                  .tasks_count = tasks_count};
    assert_true(weft_node_plan_copy(&plan, &message->prepare));
    return message;
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
    on_one_worker(&stage, 1, 0, stream);
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
    on_one_worker(&stage, 1, 100, stream);
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
    on_one_worker(&stage, 1, 0, stream);
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
    on_a_worker_with_one_place(&stage, stream);
    assert_status(stage_submit(&stage, &first, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    struct weft_pipeline *one = stage.pipeline;
    stage_pipeline(&stage, "pipeline: q\nsteps:\n  s: {model: m}\noutputs: {y: s.o}\n");
    assert_status(stage_submit(&stage, &second, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_status(second.status, WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(weft_error_message(weft_error_cause(second.error)),
                        "1 plans are in use on the node already, which is the limit");
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

static void with_its_gateway_everything_goes(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, branches);
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
    on_one_worker(&stage, 1, 0, branches);
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
    on_one_worker(&stage, 1, 0, branches);
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

static void only_a_plans_own_gateway_commands(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_one_worker(&stage, 1, 0, branches);
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

static void more_requests_than_a_node_can_hold_fail_by_name(void **state)
{
    (void)state;
    static struct stage stage;
    on_one_worker(&stage, 1, 0, stream);
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
    assert_int_equal(stage.post[0].message->report.request.sequence, WEFT_WORKER_RUNS_MAX + 1);
    assert_status(weft_error_status(stage.post[0].message->report.report.error),
                  WEFT_RESOURCE_EXHAUSTED);
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
        cmocka_unit_test(a_failure_that_cannot_be_told_now_is_told_later),
        cmocka_unit_test(of_a_gateway_that_is_gone_nothing_is_kept),
        cmocka_unit_test(a_failure_is_told_without_memory_too),
        cmocka_unit_test(a_stream_ends_although_its_end_cannot_be_told_now),
        cmocka_unit_test(parts_come_before_the_end_and_the_last_ends_it),
        cmocka_unit_test(a_stream_that_forgets_an_output_fails_instead_of_hanging),
        cmocka_unit_test(a_step_cannot_take_a_stream),
        cmocka_unit_test(nor_can_one_that_sits_on_the_gateways_node),
        cmocka_unit_test(a_plan_that_leads_nowhere_is_refused),
        cmocka_unit_test(what_the_node_lacks_is_told),
        cmocka_unit_test(the_least_recently_used_plan_makes_room_and_its_gateway_is_told),
        cmocka_unit_test(a_plan_stays_whose_gateway_cannot_be_told),
        cmocka_unit_test(a_plan_in_use_does_not_make_room),
        cmocka_unit_test(a_plan_that_made_room_is_prepared_anew_for_the_next_request),
        cmocka_unit_test(with_its_gateway_everything_goes),
        cmocka_unit_test(a_gateway_may_die_between_its_release_and_a_late_report),
        cmocka_unit_test(only_a_plans_own_gateway_commands),
        cmocka_unit_test(more_requests_than_a_node_can_hold_fail_by_name),
        cmocka_unit_test(a_value_that_comes_after_the_end_finds_no_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
