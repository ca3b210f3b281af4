/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run_parts.h" /* for a message that no client can make */
#include "sched/placement.h"
#include "unit/run/stand.h"

static struct stand stand;
static struct stand_node *a, *b;

static enum weft_status ask_once(struct stand_node *node, const char *name)
{
    struct stand_call call;
    enum weft_status status = stand_call(node, &call, name, 1, NULL, 5 * WEFT_NS_PER_S);
    stand_call_fini(&call);
    return status;
}

/* --- pipelines --- */

static void the_pipeline_of_a_model_nobody_asks_for_makes_room(void **state)
{
    (void)state;
    struct stand_call held;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    a->pipelines_max = 3;
    stand_model(a, "slow", 1, STAND_SLOW);
    for (char name[] = "m0"; name[1] < '8'; name[1]++) {
        stand_model(a, name, 1, STAND_SAME);
    }
    stand_start(&stand);
    stand_pipeline(a, "pipeline: mine\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                      "steps:\n  s: {model: m0, inputs: {x: x}}\noutputs: {y: s.y}\n");
    assert_status(stand_ask(a, &held, "slow", 1, NULL, WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (char name[] = "m0"; name[1] < '8'; name[1]++) {
            assert_status(ask_once(a, name), WEFT_OK);
        }
        assert_status(ask_once(a, "mine"), WEFT_OK); /* the user's own one stays */
    }
    weft_run_cancel(held.call); /* its pipeline lost its name, not its life */
    stand_await(a, &held);
    assert_status(held.status, WEFT_CANCELLED);
    stand_call_fini(&held);
    stand_close(&stand);
}

static void where_all_pipelines_are_the_users_there_is_no_room(void **state)
{
    (void)state;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    a->pipelines_max = 1;
    stand_model(a, "m", 1, STAND_SAME);
    stand_start(&stand);
    stand_pipeline(a, "pipeline: mine\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                      "steps:\n  s: {model: m, inputs: {x: x}}\noutputs: {y: s.y}\n");
    assert_status(ask_once(a, "mine"), WEFT_OK);
    assert_status(ask_once(a, "m"), WEFT_RESOURCE_EXHAUSTED);
    stand_close(&stand);
}

/* --- what a node announces --- */

static void of_too_many_versions_the_newest_are_announced(void **state)
{
    (void)state;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_model(b, "few", 2, STAND_SAME);
    stand_model(b, "many", WEFT_NODE_MODELS_MAX, STAND_SAME);
    stand_start(&stand);
    stand_knows(a, b);
    stand_until_seen(a, b, WEFT_NODE_MODELS_MAX);
    assert_true(stand_said(b, "1026 versions of models are ready, and the newest 1024 of them"));
    assert_status(ask_once(a, "few"), WEFT_OK);
    assert_status(ask_once(a, "many"), WEFT_OK);
    const struct weft_node_info *seen = stand_seen(a, b);
    assert_non_null(weft_node_find_model(seen, "few", "1"));
    assert_non_null(weft_node_find_model(seen, "many", "3"));
    assert_null(weft_node_find_model(seen, "many", "2"));
    assert_non_null(weft_node_find_model(weft_run_self(b->run), "many", "1")); /* at home */
    stand_close(&stand);
}

static void a_node_with_more_tags_than_can_be_told_is_not_made(void **state)
{
    (void)state;
    char *tags[WEFT_NODE_TAGS_MAX + 1];
    stand_open(&stand);
    a = stand_node(&stand, "a");
    stand_prepare(&stand);
    struct weft_run_options options = stand_options(a);
    for (size_t i = 0; i <= WEFT_NODE_TAGS_MAX; i++) {
        tags[i] = (char *)"gpu";
    }
    options.resources.tags = tags;
    options.resources.tags_count = WEFT_NODE_TAGS_MAX + 1;
    assert_status(weft_run_new(&options, &a->run, NULL), WEFT_INVALID_ARGUMENT);
    stand_close(&stand);
}

/* --- what goes between nodes --- */

static void two_nodes(void)
{
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_model(b, "same", 1, STAND_SAME);
    stand_start(&stand);
    stand_knows(a, b);
    stand_until_seen(a, b, 1);
}

static void a_value_that_no_message_carries_fails_its_request_alone(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes();
    assert_status(
        stand_call(a, &call, "same", WEFT_PEER_VALUE_MAX_BYTES + 1, NULL, 5 * WEFT_NS_PER_S),
        WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(weft_error_place(call.error).node, "b");
    assert_string_equal(weft_error_message(weft_error_cause(call.error)),
                        "a value of 268435457 bytes is larger than the 268435456 that one message "
                        "between nodes carries");
    stand_call_fini(&call);
    assert_status(ask_once(a, "same"), WEFT_OK);
    /* At home there is no message that must carry it. */
    assert_status(
        stand_call(b, &call, "same", WEFT_PEER_VALUE_MAX_BYTES + 1, NULL, 5 * WEFT_NS_PER_S),
        WEFT_OK);
    stand_call_fini(&call);
    stand_close(&stand);
}

static void a_message_that_breaks_a_limit_holds_up_none_behind_it(void **state)
{
    (void)state;
    char id[WEFT_REQUEST_ID_MAX + 2];
    two_nodes();
    memset(id, 'i', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    struct stand_call call;
    assert_status(stand_ask(a, &call, "same", 1, id, WEFT_NS_PER_S), WEFT_INVALID_ARGUMENT);
    stand_call_fini(&call);
    /* So no client can make one; by hand, then. */
    const struct weft_node_info *seen = stand_seen(a, b);
    struct weft_plan_node to = {seen->name, seen->generation, seen->address};
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    message->deliver.from_output = WEFT_OUTPUT_FINISHED;
    message->deliver.id = strdup(id);
    struct weft_send_outcome outcome;
    assert_status(send_to_node(a->run, &to, message, &outcome, NULL), WEFT_OK);
    assert_true(stand_said(a, "misses a message: a deliver message can't be sent"));
    assert_status(ask_once(a, "same"), WEFT_OK); /* and at once: its number went alone */
    stand_close(&stand);
}

/* --- clocks --- */

static void a_node_from_the_day_after_tomorrow_is_not_listened_to(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        stand_open(&stand);
        a = stand_node(&stand, "a");
        b = stand_node(&stand, "b");
        stand_model(b, "same", 1, STAND_SAME);
        uint64_t ahead_ns = 2 * WEFT_SESSION_AHEAD_MAX_NS;
        b->ahead_ns = which == 0 ? ahead_ns : 0;
        b->generation_ahead_ns = which == 0 ? 0 : ahead_ns;
        stand_start(&stand);
        stand_knows(a, b);
        stand_wait_ms(&stand, 100);
        assert_null(stand_seen(a, b));
        assert_true(stand_said(a, which == 0 ? "is not listened to: its session is 4"
                                             : "is not listened to: its generation is 4"));
        assert_status(ask_once(a, "same"), WEFT_NOT_FOUND);
        stand_close(&stand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pipeline_of_a_model_nobody_asks_for_makes_room),
        cmocka_unit_test(where_all_pipelines_are_the_users_there_is_no_room),
        cmocka_unit_test(of_too_many_versions_the_newest_are_announced),
        cmocka_unit_test(a_node_with_more_tags_than_can_be_told_is_not_made),
        cmocka_unit_test(a_value_that_no_message_carries_fails_its_request_alone),
        cmocka_unit_test(a_message_that_breaks_a_limit_holds_up_none_behind_it),
        cmocka_unit_test(a_node_from_the_day_after_tomorrow_is_not_listened_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
