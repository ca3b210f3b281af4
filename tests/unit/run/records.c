/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "unit/run/stand.h"

/* What is told of a request afterwards: its record, and the series of its edges. */

static struct stand stand;
static struct stand_node *a, *b;

/* Node b has the model; a is the gateway and has none. */
static void two_nodes(const char *pipeline)
{
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_model(b, "same", 1, STAND_SAME);
    stand_model(b, "slow", 1, STAND_SLOW);
    stand_start(&stand);
    stand_knows(a, b);
    stand_until_seen(a, b, 2);
    stand_pipeline(a, pipeline);
}

static bool record_says(const char *id, const char *words)
{
    cleanup_text struct weft_text text = {0};
    return weft_run_record_write(a->run, id, &text) && strstr(weft_text_string(&text), words);
}

static bool is_settled(void *context)
{
    return record_says(context, "\"settled\":true");
}

/* Until the last report of it has come. */
static void ask(const char *id, size_t size_bytes)
{
    struct stand_call call;
    assert_status(stand_call(a, &call, "p", size_bytes, id, 5 * WEFT_NS_PER_S), WEFT_OK);
    stand_until(&stand, is_settled, (char *)(uintptr_t)id);
    stand_call_fini(&call);
}

static bool metrics_say(struct stand_node *node, const char *line)
{
    cleanup_text struct weft_text text = {0};
    weft_metrics_render(node->metrics, &text);
    return strstr(weft_text_string(&text), line) != NULL;
}

static void an_edge_is_counted_by_the_way_it_went(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\noutputs: {y: s.y}\n");
    ask("far", 1000);
    ask("far again", 500);
    stand_model(a, "same", 1, STAND_SAME);
    stand_stop(b);
    stand_wait_ms(&stand, 2100); /* a gives it up */
    ask("near", 30);
    static const char *const lines[] = {
        "edge_values_total{pipeline=\"p\",producer=\"\",consumer=\"s\",lane=\"grpc\"} 2\n",
        "edge_values_total{pipeline=\"p\",producer=\"\",consumer=\"s\",lane=\"local\"} 1\n",
        "edge_values_total{pipeline=\"p\",producer=\"s\",consumer=\"\",lane=\"grpc\"} 2\n",
        "edge_values_total{pipeline=\"p\",producer=\"s\",consumer=\"\",lane=\"local\"} 1\n",
        "edge_bytes_total{pipeline=\"p\",producer=\"\",consumer=\"s\",lane=\"grpc\"} 1500\n",
        "edge_bytes_total{pipeline=\"p\",producer=\"\",consumer=\"s\",lane=\"local\"} 30\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_true(metrics_say(a, lines[i]));
    }
    stand_close(&stand);
}

static void a_value_that_two_steps_of_a_node_take_crosses_once(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  l: {model: same, inputs: {x: x}}\n  r: {model: same, inputs: {x: x}}\n"
              "outputs: {y: l.y, z: r.y}\n");
    ask("one", 1000);
    assert_true(record_says("one", "\"consumer\":\"l\",\"value\":\"x\",\"taken_as\":\"x\","
                                   "\"lane_asked\":\"auto\",\"lane_used\":\"grpc\","
                                   "\"codec\":\"identity\",\"shared\":false,\"raw_bytes\":1000,"));
    assert_true(record_says("one", "\"consumer\":\"r\",\"value\":\"x\",\"taken_as\":\"x\","
                                   "\"lane_asked\":\"auto\",\"lane_used\":\"grpc\","
                                   "\"codec\":\"identity\",\"shared\":true,\"raw_bytes\":1000,"
                                   "\"wire_bytes\":0,\"copied_bytes\":0}"));
    stand_close(&stand);
}

static void an_edge_of_several_values_is_timed_once(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\n"
              "  twice: {join: concat, inputs: {l: s.y, r: s.y}}\noutputs: {y: twice.out}\n");
    ask("one", 10);
    assert_true(metrics_say(
        a, "weft_edge_seconds_count{pipeline=\"p\",producer=\"s\",consumer=\"twice\"} 1\n"));
    assert_true(
        metrics_say(a, "edge_values_total{pipeline=\"p\",producer=\"s\",consumer=\"twice\""));
    stand_close(&stand);
}

static void of_two_requests_with_one_id_the_latest_is_told(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\noutputs: {y: s.y}\n");
    ask("one", 10);
    ask("one", 20);
    stand_wait_ms(&stand, 50);
    assert_true(record_says("one", "\"bytes_in\":20,"));
    assert_false(record_says("two", ""));
    stand_close(&stand);
}

static void a_record_that_is_written_to_does_not_make_room(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\noutputs: {y: s.y}\n");
    struct stand_call slow;
    assert_status(stand_ask(a, &slow, "slow", 1, "slow", WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    char id[32];
    for (unsigned i = 0; i < WEFT_RUN_RECORDS_MAX - 1; i++) {
        struct stand_call quick;
        snprintf(id, sizeof(id), "quick %u", i);
        assert_status(stand_call(a, &quick, "p", 1, id, 5 * WEFT_NS_PER_S), WEFT_OK);
        stand_call_fini(&quick);
    }
    stand_until(&stand, is_settled, id);
    ask("one more", 1);
    assert_true(record_says("slow", "\"state\":\"running\""));
    assert_false(record_says("quick 0", "")); /* the oldest of the others */
    assert_true(record_says("quick 1", "\"state\":\"finished\""));
    weft_run_cancel(slow.call);
    stand_await(a, &slow);
    assert_true(record_says("slow", "\"status\":\"CANCELLED\""));
    stand_call_fini(&slow);
    stand_close(&stand);
}

/* The reports follow its outputs by WEFT_WORKER_REPORT_AFTER_NS; where a turn takes longer than
 * that they are there with them, and another request is asked. */
static bool ends_unsettled(const char *id)
{
    struct stand_call call;
    assert_status(stand_call(a, &call, "p", 10, id, 5 * WEFT_NS_PER_S), WEFT_OK);
    stand_call_fini(&call);
    return record_says(id, "\"state\":\"finished\",\"settled\":false");
}

static void a_record_of_a_request_that_has_ended_waits_for_its_reports(void **state)
{
    (void)state;
    static struct stand_call stuck[WEFT_RUN_RECORDS_MAX];
    char id[32];
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\noutputs: {y: s.y}\n");
    stand_model(a, "stuck", 1, STAND_SLOW);
    for (unsigned i = 0; i < WEFT_RUN_RECORDS_MAX - 1; i++) {
        snprintf(id, sizeof(id), "stuck %u", i);
        assert_status(stand_ask(a, &stuck[i], "stuck", 1, id, WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    }
    unsigned tries = 0;
    do {
        assert_true(tries < 100);
        snprintf(id, sizeof(id), "ended %u", tries++);
    } while (!ends_unsettled(id));
    /* nothing can make room now, so that the next has no record */
    struct stand_call *last = &stuck[WEFT_RUN_RECORDS_MAX - 1];
    assert_status(stand_ask(a, last, "stuck", 1, "last", WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    assert_false(record_says("last", ""));
    assert_true(record_says(id, "\"settled\":false"));
    stand_until(&stand, is_settled, id);
    assert_true(record_says(id, "\"model\":\"same\",\"node\":\"b\",\"state\":\"finished\""));
    /* now it makes room */
    ask("one more", 1);
    assert_false(record_says(id, ""));
    for (unsigned i = 0; i < WEFT_RUN_RECORDS_MAX; i++) {
        weft_run_cancel(stuck[i].call);
        stand_await(a, &stuck[i]);
        stand_call_fini(&stuck[i]);
    }
    stand_close(&stand);
}

static void a_request_that_cannot_start_has_a_record_that_is_settled(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: nowhere, inputs: {x: x}}\noutputs: {y: s.y}\n");
    enum weft_status status = stand_ask(a, &call, "p", 1, "one", 5 * WEFT_NS_PER_S);
    assert_true(status != WEFT_OK);
    assert_true(record_says("one", "\"state\":\"failed\",\"settled\":true"));
    assert_true(record_says("one", weft_status_name(status)));
    stand_call_fini(&call);
    stand_close(&stand);
}

static bool has_finished_twice(void *context)
{
    cleanup_text struct weft_text text = {0};
    (void)weft_run_record_write(a->run, context, &text);
    static const char words[] = "\"model\":\"same\",\"node\":\"b\",\"state\":\"finished\"";
    const char *first = strstr(weft_text_string(&text), words);
    return first != NULL && strstr(first + 1, words) != NULL;
}

/* What an edge took is told of requests that got their outputs. */
static void a_request_that_failed_is_not_in_the_times_of_its_edges(void **state)
{
    (void)state;
    struct stand_call call;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\n"
              "  t: {model: same, inputs: {x: s.y}}\n"
              "  u: {model: slow, inputs: {x: t.y}}\noutputs: {y: u.y}\n");
    assert_status(stand_ask(a, &call, "p", 1, "one", WEFT_DEADLINE_NEVER_NS), WEFT_OK);
    stand_until(&stand, has_finished_twice, "one");
    weft_run_cancel(call.call);
    stand_await(a, &call);
    assert_true(record_says("one", "\"state\":\"failed\",\"settled\":true"));
    assert_false(metrics_say(a, "weft_edge_seconds_count{"));
    stand_call_fini(&call);
    stand_close(&stand);
}

static bool is_forgotten(void *context)
{
    (void)context;
    return !metrics_say(b, "\"a\"");
}

/* Node b was never told of a, which called it. */
static void a_stranger_that_went_takes_its_series_along(void **state)
{
    (void)state;
    two_nodes("pipeline: p\ninputs: {x: {datatype: UINT8, shape: [-1]}}\n"
              "steps:\n  s: {model: same, inputs: {x: x}}\noutputs: {y: s.y}\n");
    ask("one", 10);
    assert_true(metrics_say(b, "weft_edge_raw_bytes_total{to=\"a\"} 10\n"));
    assert_true(metrics_say(b, "weft_edge_wire_bytes_total{to=\"a\"}"));
    assert_true(metrics_say(b, "weft_peer_received_bytes_total{peer=\"a\"}"));
    stand_stop(a);
    stand_until(&stand, is_forgotten, NULL);
    stand_close(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_is_counted_by_the_way_it_went),
        cmocka_unit_test(a_value_that_two_steps_of_a_node_take_crosses_once),
        cmocka_unit_test(an_edge_of_several_values_is_timed_once),
        cmocka_unit_test(of_two_requests_with_one_id_the_latest_is_told),
        cmocka_unit_test(a_record_that_is_written_to_does_not_make_room),
        cmocka_unit_test(a_record_of_a_request_that_has_ended_waits_for_its_reports),
        cmocka_unit_test(a_request_that_cannot_start_has_a_record_that_is_settled),
        cmocka_unit_test(a_request_that_failed_is_not_in_the_times_of_its_edges),
        cmocka_unit_test(a_stranger_that_went_takes_its_series_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
