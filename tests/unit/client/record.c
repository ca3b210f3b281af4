/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record.h"

#include <string.h>

#include "client/latency.h"
#include "client/load.h"
#include "support/failmalloc.h"
#include "support/story.h"

static const char json[] =
    "{\"id\":\"r\",\"pipeline\":\"p\",\"settled\":true,\"start_ns\":18446744073709551615,"
    "\"steps\":[{\"step\":\"a\",\"node\":\"A\",\"state\":\"finished\",\"bytes_in\":7},"
    "{\"step\":\"b\",\"node\":\"B\",\"state\":\"waiting\"},{\"step\":\"c\",\"node\":\"A\"}],"
    "\"edges\":[{\"producer\":\"\",\"consumer\":\"a\",\"lane_used\":\"grpc\"},"
    "{\"producer\":\"a\",\"consumer\":\"b\",\"lane_used\":\"grpc\"},"
    "{\"producer\":\"c\",\"consumer\":\"b\",\"lane_used\":\"local\"}]}";

static void a_record_is_read_with_the_lanes_of_its_steps(void **state)
{
    (void)state;
    cleanup_record struct weft_record record = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_ok(weft_record_parse(json, strlen(json), &record, &error), error);
    assert_int_equal(record.steps_count, 3);
    assert_true(record.settled);
    assert_true(record.start_ns == UINT64_MAX);
    assert_string_equal(record.steps[0].lane, "grpc");
    assert_string_equal(record.steps[1].lane, "mixed");
    assert_string_equal(record.steps[2].lane, "");
    assert_int_equal(record.steps[0].bytes_in, 7);
    assert_int_equal(weft_record_nodes(&record), 2);
}

static void what_the_client_knows_is_added_to_it(void **state)
{
    (void)state;
    cleanup_record struct weft_record record = {0};
    cleanup_text struct weft_text text = {0};
    assert_ok(weft_record_parse("{\"steps\":[]} ", 13, &record, NULL), NULL);
    weft_record_write(&record, "h:1", 5, NULL, &text);
    assert_string_equal(weft_text_string(&text),
                        "{\"steps\":[],\"client\":{\"server\":\"h:1\",\"duration_ns\":5},"
                        "\"between_nodes_bytes\":null,\"between_nodes\":[]}");
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    struct weft_record record = {0};
    static const char *const texts[] = {"", "[]", "{}", "{\"steps\":1}", "{\"steps\":[]", "nul"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_status(weft_record_parse(texts[i], strlen(texts[i]), &record, NULL),
                      WEFT_INVALID_ARGUMENT);
    }
}

static void without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    for (size_t i = 0;; i++) {
        cleanup_record struct weft_record record = {0};
        failmalloc_arm(i);
        enum weft_status status = weft_record_parse(json, strlen(json), &record, NULL);
        if (!failmalloc_disarm()) {
            assert_status(status, WEFT_OK);
            break;
        }
        assert_status(status, WEFT_OUT_OF_MEMORY);
    }
}

static void json_is_laid_out_without_being_changed(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    static const char input[] = "{\"a\":[1,2,{\"b\":\"x, [y] \\\" z\"}],\"long\":"
                                "[\"0123456789012345678901234567890123456789\","
                                "\"0123456789012345678901234567890123456789\"],\"e\":{}}";
    weft_json_layout(input, strlen(input), &text);
    assert_string_equal(weft_text_string(&text),
                        "{\n"
                        "  \"a\": [1, 2, {\"b\": \"x, [y] \\\" z\"}],\n"
                        "  \"long\": [\"0123456789012345678901234567890123456789\", "
                        "\"0123456789012345678901234567890123456789\"],\n"
                        "  \"e\": {}\n"
                        "}");
}

static void a_counter_is_found_among_labels(void **state)
{
    (void)state;
    char peer[32];
    uint64_t bytes = 0;
    static const char name[] = "weft_peer_sent_bytes_total";
    assert_true(weft_metric_line_read("weft_peer_sent_bytes_total{peer=\"B\"} 9007199254740993\n",
                                      name, "peer", peer, sizeof(peer), &bytes));
    assert_string_equal(peer, "B");
    assert_true(bytes == 9007199254740993);
    assert_true(
        weft_metric_line_read("weft_peer_sent_bytes_total{node=\"a}\",peer=\"q\\\"\\\\\"} 1.5e3",
                              name, "peer", peer, sizeof(peer), &bytes));
    assert_string_equal(peer, "q\"\\");
    assert_int_equal(bytes, 1500);
    static const char *const others[] = {"weft_peer_sent_bytes_total 5",
                                         "weft_peer_sent_bytes_total_x{peer=\"B\"} 5",
                                         "weft_peer_sent_bytes_total{peer=\"B",
                                         "weft_peer_sent_bytes_total{peer=\"B\"} NaN",
                                         "weft_peer_sent_bytes_total{pear=\"B\"} 5",
                                         "# HELP weft_peer_sent_bytes_total x",
                                         "weft_peer_sent_bytes_total{peer",
                                         "weft_peer_sent_bytes_total{peer=\"B\"} -1"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(weft_metric_line_read(others[i], name, "peer", peer, sizeof(peer), &bytes));
    }
}

static void quantiles_are_within_a_hundredth(void **state)
{
    (void)state;
    static struct weft_latency latency;
    assert_int_equal(weft_latency_quantile_ns(&latency, 0.5), 0);
    for (uint64_t i = 1; i <= 100000; i++) {
        weft_latency_add(&latency, i * 1000);
    }
    static const double fractions[] = {0.0, 0.5, 0.9, 0.99, 1.0};
    static const uint64_t expected[] = {1000, 50000000, 90000000, 99000000, 100000000};
    for (size_t i = 0; i < 5; i++) {
        uint64_t found = weft_latency_quantile_ns(&latency, fractions[i]);
        assert_in_range(found, expected[i], expected[i] + expected[i] / 100);
    }
    weft_latency_add(&latency, UINT64_MAX);
    assert_true(weft_latency_quantile_ns(&latency, 1) == UINT64_MAX);
    assert_int_equal(latency.min_ns, 1000);
}

static void a_load_that_could_not_end_or_begin_is_refused(void **state)
{
    (void)state;
    static struct weft_load_result result;
    struct weft_oip_request request = {.model = (char *)(uintptr_t) "m"};
    struct weft_load_options options = {.address = "127.0.0.1:1",
                                        .request = &request,
                                        .concurrency = 1,
                                        .connections = 1,
                                        .timeout_ms = 1000};
    assert_status(weft_load_run(&options, &result, NULL), WEFT_INVALID_ARGUMENT);
    options.requests = 3;
    options.concurrency = 0;
    assert_status(weft_load_run(&options, &result, NULL), WEFT_INVALID_ARGUMENT);
    options.concurrency = 600;
    options.http = true;
    assert_status(weft_load_run(&options, &result, NULL), WEFT_INVALID_ARGUMENT);
}

static void calls_to_nobody_are_failures_and_no_end_without_end(void **state)
{
    (void)state;
    static struct weft_load_result result;
    struct weft_oip_request request = {.model = (char *)(uintptr_t) "m"};
    struct weft_load_options options = {.address = "127.0.0.1:1",
                                        .request = &request,
                                        .concurrency = 8,
                                        .connections = 2,
                                        .requests = 5000,
                                        .timeout_ms = 1000};
    cleanup_error struct weft_error *error = NULL;
    for (int http = 0; http < 2; http++) {
        options.http = http;
        assert_ok(weft_load_run(&options, &result, &error), error);
        assert_int_equal(result.statuses[WEFT_OK], 0);
        assert_true(result.gave_up);
        assert_in_range(result.statuses[WEFT_UNAVAILABLE], WEFT_LOAD_FAILURES_MAX,
                        WEFT_LOAD_FAILURES_MAX + 8);
        weft_load_result_fini(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_with_the_lanes_of_its_steps),
        cmocka_unit_test(what_the_client_knows_is_added_to_it),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(without_memory_nothing_is_left_behind),
        cmocka_unit_test(json_is_laid_out_without_being_changed),
        cmocka_unit_test(a_counter_is_found_among_labels),
        cmocka_unit_test(quantiles_are_within_a_hundredth),
        cmocka_unit_test(a_load_that_could_not_end_or_begin_is_refused),
        cmocka_unit_test(calls_to_nobody_are_failures_and_no_end_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
