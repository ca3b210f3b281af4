/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sched/stage.h"

/*
 * What choreography is for: a value goes from its producer's node to its consumer's and nowhere
 * else, and the gateway sees what comes in and what goes out.
 */

enum { GATEWAY, A, B, C, D };

static void on_four_nodes(struct stage *stage, const char *yaml)
{
    stage_init(stage);
    stage_node(stage, "gateway", 1, 0);
    for (unsigned i = 0; i < 4; i++) {
        static const char *const names[] = {"a", "b", "c", "d"};
        static const char *const models[] = {"ma", "mb", "mc", "md"};
        stage_model(stage, stage_node(stage, names[i], 1, 0), models[i]);
    }
    stage_up(stage);
    stage_pipeline(stage, yaml);
}

static const char chain[] = "pipeline: chain\n"
                            "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                            "steps:\n"
                            "  one: {model: ma, inputs: {i: x}}\n"
                            "  two: {model: mb, inputs: {i: one.o}}\n"
                            "  three: {model: mc, inputs: {i: two.o}}\n"
                            "  four: {model: md, inputs: {i: three.o}}\n"
                            "outputs: {y: four.o}\n";

static void four_steps_on_four_nodes_cost_three_transfers_between_them(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_four_nodes(&stage, chain);
    assert_status(stage_submit(&stage, &call, 1000, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "one", 2000);
    stage_finish(&stage, "two", 3000);
    stage_finish(&stage, "three", 4000);
    stage_finish(&stage, "four", 5000);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_OK);

    uint64_t bytes = 0;
    assert_int_equal(stage_crossings(&stage, A, B, &bytes), 1);
    assert_int_equal(bytes, 2000);
    assert_int_equal(stage_crossings(&stage, B, C, &bytes), 1);
    assert_int_equal(bytes, 3000);
    assert_int_equal(stage_crossings(&stage, C, D, &bytes), 1);
    assert_int_equal(bytes, 4000);
    /* The gateway: the input out to the first, the output in from the last, and nothing else. */
    assert_int_equal(stage_crossings(&stage, GATEWAY, STAGE_ANY, &bytes), 1);
    assert_int_equal(bytes, 1000);
    assert_int_equal(stage_crossings(&stage, STAGE_ANY, GATEWAY, &bytes), 1);
    assert_int_equal(bytes, 5000);
    assert_int_equal(stage_crossings(&stage, STAGE_ANY, STAGE_ANY, NULL), 5);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void the_second_request_needs_no_message_but_its_data(void **state)
{
    (void)state;
    static struct stage stage;
    on_four_nodes(&stage, chain);
    for (int turn = 0; turn < 2; turn++) {
        struct stage_call call;
        size_t before = stage.sent_count;
        assert_status(stage_submit(&stage, &call, 1, UINT64_MAX, NULL), WEFT_OK);
        stage_carry(&stage);
        stage_finish(&stage, "one", 1);
        stage_finish(&stage, "two", 1);
        stage_finish(&stage, "three", 1);
        stage_finish(&stage, "four", 1);
        assert_int_equal(call.ended, 1);
        if (turn == 1) {
            assert_int_equal(stage.sent_count - before, 5); /* the five DELIVERs */
        }
        stage_wait(&stage, WEFT_GATEWAY_SETTLE_NS);
        assert_int_equal(call.settled, 1);
        assert_int_equal(call.finished, 4);
        stage_call_fini(&call);
    }
    assert_int_equal(stage_messages(&stage, STAGE_ANY, WEFT_MESSAGE_PREPARE), 4);
    stage_fini(&stage);
}

static void a_value_crosses_once_to_a_node_however_many_take_it(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_four_nodes(&stage, "pipeline: fan\n"
                          "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                          "steps:\n"
                          "  make: {model: ma, inputs: {i: x}}\n"
                          "  left: {model: mb, inputs: {i: make.o, again: make.o}}\n"
                          "  right: {model: mb, inputs: {i: make.o}}\n"
                          "  last: {model: mc, inputs: {l: left.o, r: right.o, x: x}}\n"
                          "outputs: {y: last.o, m: make.o}\n");
    assert_status(stage_submit(&stage, &call, 7, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    stage_finish(&stage, "make", 100);
    assert_int_equal(stage_crossings(&stage, A, B, NULL), 1);
    assert_int_equal(stage_crossings(&stage, A, GATEWAY, NULL), 1); /* it is an output too */
    stage_finish(&stage, "left", 1);
    stage_finish(&stage, "right", 1);
    stage_finish(&stage, "last", 1);
    assert_int_equal(call.ended, 1);
    assert_int_equal(call.status, WEFT_OK);
    assert_int_equal(stage_crossings(&stage, STAGE_ANY, D, NULL), 0);
    assert_int_equal(stage_crossings(&stage, GATEWAY, C, NULL), 1);
    stage_call_fini(&call);
    stage_fini(&stage);
}

static void what_nobody_asked_for_stays_where_it_is(void **state)
{
    (void)state;
    static struct stage stage;
    struct stage_call call;
    on_four_nodes(&stage, "pipeline: p\nsteps:\n"
                          "  one: {model: ma}\n"
                          "  two: {model: mb, inputs: {i: one.wanted}}\n"
                          "outputs: {y: two.o}\n");
    assert_status(stage_submit(&stage, &call, 0, UINT64_MAX, NULL), WEFT_OK);
    stage_carry(&stage);
    assert_int_equal(stage_find(&stage, "one")->task->step->outputs_count, 1);
    assert_string_equal(stage_find(&stage, "one")->task->step->outputs[0].name, "wanted");
    assert_int_equal(stage_crossings(&stage, GATEWAY, STAGE_ANY, NULL), 0);
    stage_call_fini(&call);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_steps_on_four_nodes_cost_three_transfers_between_them),
        cmocka_unit_test(the_second_request_needs_no_message_but_its_data),
        cmocka_unit_test(a_value_crosses_once_to_a_node_however_many_take_it),
        cmocka_unit_test(what_nobody_asked_for_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
