/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failmalloc.h"
#include "unit/sched/stage_sets.h"

/* What a worker tells the gateways: many reports in one message, also those that cannot go at once.
 */

enum { SEQUENCES_MAX = 4 * WEFT_REPORTS_MAX };

/* Of a request's two branches the left one fails, and its gateway takes no report. */
static void fail_while_the_gateway_is_behind(struct stage *stage, struct stage_call *call)
{
    on_one_worker(stage, 2, 0, set_branches);
    assert_status(stage_submit(stage, call, 1, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(stage);
    struct weft_error *why = NULL;
    (void)weft_error_set(&why, WEFT_INTERNAL, "it broke");
    stage->nodes[GATEWAY].behind = true;
    stage_fail(stage, "left", why);
}

static void a_failure_that_cannot_be_told_now_is_told_later(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    fail_while_the_gateway_is_behind(&stage, &call);
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
    fail_while_the_gateway_is_behind(&stage, &call);
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
        on_one_worker(&stage, 2, 0, set_branches);
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

static void prepare_from(struct stage *stage, unsigned gateway, uint64_t generation,
                         uint64_t number)
{
    struct weft_plan_node node = {stage->nodes[gateway].info.name,
                                  stage->nodes[gateway].info.generation, (char *)"nowhere:1"};
    struct weft_plan_task task = {.step_name = (char *)"s", .model = (char *)"m"};
    struct weft_node_plan plan = {.gateway = generation,
                                  .plan = number,
                                  .pipeline = (char *)"p",
                                  .pipeline_version = (char *)"",
                                  .nodes = &node,
                                  .nodes_count = 1,
                                  .tasks = &task,
                                  .tasks_count = 1};
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARE);
    assert_true(weft_node_plan_copy(&plan, &message->prepare));
    weft_worker_message(stage->nodes[2].worker, message, node.name, stage->now_ns);
    weft_message_free(message);
    stage_carry(stage);
}

/* The worker gets a plan of that gateway, number 7. */
static void plan_from(struct stage *stage, unsigned gateway)
{
    prepare_from(stage, gateway, stage->nodes[gateway].info.generation, 7);
}

/* What the step made for that request was lost: a failure to report. */
static void lose_output_of(struct stage *stage, uint64_t generation, uint64_t plan,
                           uint64_t request)
{
    struct weft_message *lost = weft_message_new(WEFT_MESSAGE_DELIVER);
    lost->deliver.request = (struct weft_request_id){generation, request};
    lost->deliver.plan = plan;
    weft_worker_undelivered(stage->nodes[2].worker, lost, "elsewhere", stage->now_ns);
    weft_message_free(lost);
}

static void lose_output(struct stage *stage, unsigned gateway, uint64_t request)
{
    lose_output_of(stage, stage->nodes[gateway].info.generation, 7, request);
}

static void with_two_gateways(struct stage *stage)
{
    stage_init(stage);
    stage_node(stage, "a", 1, 0);
    stage_node(stage, "b", 1, 0);
    stage_model(stage, stage_node(stage, "worker", 1, 0), "m");
    stage_up(stage);
}

/* Those that are under way to that gateway, in order; how many. */
static size_t told(const struct stage *stage, unsigned gateway, uint64_t *ret_sequences)
{
    size_t count = 0;
    for (size_t i = 0; i < stage->post_count; i++) {
        const struct weft_run_reports *said = &stage->post[i].message->report;
        if (stage->post[i].to != gateway) {
            continue;
        }
        assert_int_equal(stage->post[i].message->kind, WEFT_MESSAGE_REPORT);
        assert_int_equal(said->gateway, stage->nodes[gateway].info.generation);
        assert_in_range(said->reports_count, 1, WEFT_REPORTS_MAX);
        for (size_t report = 0; report < said->reports_count; report++) {
            assert_int_equal(said->reports[report].plan, 7);
            assert_true(count < SEQUENCES_MAX);
            ret_sequences[count++] = said->reports[report].sequence;
        }
    }
    return count;
}

static void tick(struct stage *stage)
{
    stage->now_ns += WEFT_WORKER_REPORT_AFTER_NS;
    weft_worker_tick(stage->nodes[2].worker, stage->now_ns);
}

static void reports_to_a_gateway_keep_their_order_whoever_else_is_behind(void **state)
{
    (void)state;
    static struct stage stage;
    enum { FIRST_GATEWAY, SECOND_GATEWAY };
    with_two_gateways(&stage);
    plan_from(&stage, FIRST_GATEWAY);
    plan_from(&stage, SECOND_GATEWAY);
    stage.nodes[FIRST_GATEWAY].behind_for = 3; /* each at once, and the first once more */
    stage.nodes[SECOND_GATEWAY].behind_for = 2;
    lose_output(&stage, FIRST_GATEWAY, 1);
    lose_output(&stage, SECOND_GATEWAY, 2);
    lose_output(&stage, FIRST_GATEWAY, 3);
    tick(&stage);
    assert_int_equal(stage.nodes[FIRST_GATEWAY].turned_away, 3);
    assert_int_equal(stage.nodes[SECOND_GATEWAY].turned_away, 2);
    assert_int_equal(stage.post_count, 0);
    tick(&stage);
    assert_int_equal(stage.post_count, 2);
    uint64_t sequences[SEQUENCES_MAX];
    assert_int_equal(told(&stage, FIRST_GATEWAY, sequences), 2);
    assert_int_equal(sequences[0], 1);
    assert_int_equal(sequences[1], 3);
    assert_int_equal(told(&stage, SECOND_GATEWAY, sequences), 1);
    assert_int_equal(sequences[0], 2);
    stage_carry(&stage);
    stage_fini(&stage);
}

/* Time stands still: what goes, goes because enough has come together. */
static void many_reports_are_tried_together_also_while_their_gateway_is_behind(void **state)
{
    (void)state;
    static struct stage stage;
    enum { TOGETHER = WEFT_REPORTS_MAX };
    static struct stage_call calls[2 * TOGETHER];
    stage_init(&stage);
    stage_node(&stage, "gateway", 1, 0);
    stage_model(&stage, stage_node(&stage, "worker", 1, 0), "m");
    stage_model(&stage, stage_node(&stage, "other", 1, 0), "n");
    stage_up(&stage);
    stage_pipeline(&stage, "pipeline: p\nsteps:\n"
                           "  near: {model: m}\n"
                           "  far: {model: n, inputs: {i: near.o}}\n"
                           "outputs: {y: far.o}\n");
    for (size_t i = 0; i < 2 * TOGETHER; i++) {
        assert_status(stage_submit(&stage, &calls[i], 0, UINT64_MAX, NULL), WEFT_OK);
    }
    stage_carry(&stage);
    stage.nodes[GATEWAY].behind = true;
    for (size_t i = 1; i <= 2 * TOGETHER; i++) {
        stage_finish(&stage, "near", 1);
        assert_int_equal(stage.nodes[GATEWAY].turned_away, i / TOGETHER);
    }
    stage.nodes[GATEWAY].behind = false;
    assert_int_equal(stage_messages(&stage, GATEWAY, WEFT_MESSAGE_REPORT), 0);
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(stage_messages(&stage, GATEWAY, WEFT_MESSAGE_REPORT), 2);
    for (size_t i = 0; i < 2 * TOGETHER; i++) {
        assert_true(calls[i].finished >= 1);
        stage_finish(&stage, "far", 1);
        assert_int_equal(calls[i].ended, 1);
        stage_call_fini(&calls[i]);
    }
    stage_wait(&stage, WEFT_NS_PER_S);
    stage_fini(&stage);
}

/* All are failures that could not go at once. */
static void lose_outputs(struct stage *stage, unsigned gateway, size_t count)
{
    stage->nodes[gateway].behind = true;
    for (uint64_t i = 1; i <= count; i++) {
        lose_output(stage, gateway, i);
    }
    stage->nodes[gateway].behind = false;
    assert_int_equal(stage->post_count, 0);
}

static void reports_that_wait_go_in_one_message(void **state)
{
    (void)state;
    static struct stage stage;
    enum { REQUESTS = 5 };
    struct stage_call calls[REQUESTS];
    on_one_worker(&stage, 2, 0, set_branches);
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_status(stage_submit(&stage, &calls[i], 1, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        stage_finish(&stage, "left", 1);
        stage_finish(&stage, "right", 1);
        stage_finish(&stage, "join", 1);
    }
    assert_int_equal(stage_messages(&stage, GATEWAY, WEFT_MESSAGE_REPORT), 0);
    stage_wait(&stage, WEFT_WORKER_REPORT_AFTER_NS);
    assert_int_equal(stage_messages(&stage, GATEWAY, WEFT_MESSAGE_REPORT), 1);
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(calls[i].finished, 3);
        assert_int_equal(calls[i].settled, 1);
        stage_call_fini(&calls[i]);
    }
    stage_fini(&stage);
}

static void more_than_one_message_takes_go_in_several(void **state)
{
    (void)state;
    static struct stage stage;
    uint64_t sequences[SEQUENCES_MAX];
    with_two_gateways(&stage);
    plan_from(&stage, 0);
    lose_outputs(&stage, 0, 2 * WEFT_REPORTS_MAX + 1);
    tick(&stage);
    assert_int_equal(stage.post_count, 3);
    assert_int_equal(stage.post[2].message->report.reports_count, 1);
    assert_int_equal(told(&stage, 0, sequences), 2 * WEFT_REPORTS_MAX + 1);
    for (size_t i = 0; i < 2 * WEFT_REPORTS_MAX + 1; i++) {
        assert_int_equal(sequences[i], i + 1);
    }
    stage_carry(&stage);
    tick(&stage);
    assert_int_equal(stage.post_count, 0); /* once */
    stage_fini(&stage);
}

/* The first message goes, and the second does not. */
static void what_a_gateway_took_is_not_told_again(void **state)
{
    (void)state;
    static struct stage stage;
    uint64_t sequences[SEQUENCES_MAX];
    with_two_gateways(&stage);
    plan_from(&stage, 0);
    lose_outputs(&stage, 0, WEFT_REPORTS_MAX + 1);
    stage.nodes[0].takes_only = 1;
    tick(&stage);
    assert_int_equal(told(&stage, 0, sequences), WEFT_REPORTS_MAX);
    stage_carry(&stage);
    stage.nodes[0].behind = false;
    tick(&stage);
    assert_int_equal(told(&stage, 0, sequences), 1);
    assert_int_equal(sequences[0], WEFT_REPORTS_MAX + 1);
    stage_fini(&stage);
}

/* Whichever allocation of a flush fails, or all from there on: everything is told once, in order.
 */
static void nothing_is_lost_or_doubled_without_memory_for_a_message(void **state)
{
    (void)state;
    static void (*const arms[])(size_t) = {failmalloc_arm, failmalloc_arm_all};
    enum { REPORTS = WEFT_REPORTS_MAX + 10 };
    for (size_t arm = 0; arm < 2; arm++) {
        bool failed = true;
        for (size_t i = 0; failed; i++) {
            static struct stage stage;
            uint64_t sequences[SEQUENCES_MAX];
            with_two_gateways(&stage);
            plan_from(&stage, 0);
            lose_outputs(&stage, 0, REPORTS);
            arms[arm](i);
            tick(&stage);
            failed = failmalloc_disarm();
            if (failed && arm == 0) {
                assert_true(told(&stage, 0, sequences) > 0); /* some at least */
            }
            tick(&stage);
            assert_int_equal(told(&stage, 0, sequences), REPORTS);
            for (size_t report = 0; report < REPORTS; report++) {
                assert_int_equal(sequences[report], report + 1);
            }
            stage_fini(&stage);
        }
    }
}

/* Nor does a lie about a boot's number lead a report elsewhere. */
static void gateways_of_the_same_number_are_told_apart(void **state)
{
    (void)state;
    static struct stage stage;
    uint64_t sequences[SEQUENCES_MAX];
    with_two_gateways(&stage);
    plan_from(&stage, 0);
    prepare_from(&stage, 1, stage.nodes[0].info.generation, 8);
    stage.nodes[0].behind = stage.nodes[1].behind = true;
    lose_output(&stage, 0, 1);
    lose_output_of(&stage, stage.nodes[0].info.generation, 8, 2);
    stage.nodes[0].behind = stage.nodes[1].behind = false;
    tick(&stage);
    assert_int_equal(stage.post_count, 2);
    assert_int_equal(told(&stage, 0, sequences), 1);
    assert_int_equal(sequences[0], 1);
    assert_int_equal(stage.post[1].to, 1);
    assert_int_equal(stage.post[1].message->report.reports[0].sequence, 2);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_that_wait_go_in_one_message),
        cmocka_unit_test(more_than_one_message_takes_go_in_several),
        cmocka_unit_test(what_a_gateway_took_is_not_told_again),
        cmocka_unit_test(nothing_is_lost_or_doubled_without_memory_for_a_message),
        cmocka_unit_test(gateways_of_the_same_number_are_told_apart),
        cmocka_unit_test(a_failure_that_cannot_be_told_now_is_told_later),
        cmocka_unit_test(of_a_gateway_that_is_gone_nothing_is_kept),
        cmocka_unit_test(a_failure_is_told_without_memory_too),
        cmocka_unit_test(reports_to_a_gateway_keep_their_order_whoever_else_is_behind),
        cmocka_unit_test(many_reports_are_tried_together_also_while_their_gateway_is_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
