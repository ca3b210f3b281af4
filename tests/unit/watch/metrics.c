/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "support/story.h"

static struct weft_metric_family *add(struct weft_metrics *metrics,
                                      struct weft_metric_definition definition)
{
    struct weft_metric_family *family = NULL;
    assert_int_equal(weft_metrics_add(metrics, &definition, &family, NULL), WEFT_OK);
    return family;
}

static void counters_are_rendered_in_a_fixed_order_and_escaped(void **state)
{
    (void)state;
    struct weft_metrics *metrics = NULL;
    assert_int_equal(weft_metrics_new(&metrics, NULL), WEFT_OK);
    struct weft_metric_family *family =
        add(metrics,
            (struct weft_metric_definition){
                .kind = WEFT_METRIC_COUNTER, .name = "x_total", .help = "X.", .labels = {"model"}});
    const char *b[] = {"b"};
    const char *a[] = {"a\"\n\\"};
    weft_metric_count(weft_metric_series(family, b), 2);
    weft_metric_count(weft_metric_series(family, a), 1);
    weft_metric_count(weft_metric_series(family, b), 1);
    cleanup_text struct weft_text text = {0};
    weft_metrics_render(metrics, &text);
    assert_non_null(strstr(weft_text_string(&text), "# HELP x_total X.\n# TYPE x_total counter\n"
                                                    "x_total{model=\"a\\\"\\n\\\\\"} 1\n"
                                                    "x_total{model=\"b\"} 3\n"));
    weft_metrics_free(metrics);
}

static void a_histogram_counts_into_its_buckets(void **state)
{
    (void)state;
    struct weft_metrics *metrics = NULL;
    assert_int_equal(weft_metrics_new(&metrics, NULL), WEFT_OK);
    const double bounds[] = {0.5, 1};
    struct weft_metric_family *family =
        add(metrics, (struct weft_metric_definition){.kind = WEFT_METRIC_HISTOGRAM,
                                                     .name = "h",
                                                     .help = "H.",
                                                     .buckets = bounds,
                                                     .buckets_count = 2});
    struct weft_metric *metric = weft_metric_series(family, NULL);
    weft_metric_observe(metric, 0.5);
    weft_metric_observe(metric, 0.75);
    weft_metric_observe(metric, 4);
    cleanup_text struct weft_text text = {0};
    weft_metrics_render(metrics, &text);
    assert_non_null(strstr(weft_text_string(&text),
                           "h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1\"} 2\n"
                           "h_bucket{le=\"+Inf\"} 3\nh_sum 5.25\nh_count 3\n"));
    weft_metrics_free(metrics);
}

static void too_many_label_sets_meet_in_one_series(void **state)
{
    (void)state;
    struct weft_metrics *metrics = NULL;
    assert_int_equal(weft_metrics_new(&metrics, NULL), WEFT_OK);
    struct weft_metric_family *family =
        add(metrics, (struct weft_metric_definition){.kind = WEFT_METRIC_COUNTER,
                                                     .name = "x_total",
                                                     .help = "X.",
                                                     .labels = {"id"},
                                                     .series_max = 2});
    const char *const ids[] = {"1", "2", "3", "4"};
    for (size_t i = 0; i < 4; i++) {
        weft_metric_count(weft_metric_series(family, &ids[i]), 1);
    }
    cleanup_text struct weft_text text = {0};
    weft_metrics_render(metrics, &text);
    assert_non_null(strstr(weft_text_string(&text), "weft_metrics_overflow_total 2\n"));
    assert_non_null(strstr(weft_text_string(&text), "x_total{id=\"__overflow__\"} 2\n"));
    assert_null(strstr(weft_text_string(&text), "id=\"3\""));
    weft_metrics_free(metrics);
}

static void the_process_tells_what_it_uses(void **state)
{
    (void)state;
    struct weft_metrics *metrics = NULL;
    assert_int_equal(weft_metrics_new(&metrics, NULL), WEFT_OK);
    assert_int_equal(weft_metrics_add_process(metrics, NULL), WEFT_OK);
    cleanup_text struct weft_text text = {0};
    weft_metrics_render(metrics, &text);
    const char *resident = strstr(weft_text_string(&text), "\nprocess_resident_memory_bytes ");
    assert_non_null(resident);
    assert_true(strtod(resident + strlen("\nprocess_resident_memory_bytes "), NULL) > 100000);
    weft_metrics_free(metrics);
}

static void what_the_format_forbids_is_refused(void **state)
{
    (void)state;
    struct weft_metrics *metrics = NULL;
    struct weft_metric_family *family = NULL;
    assert_int_equal(weft_metrics_new(&metrics, NULL), WEFT_OK);
    struct weft_metric_definition bad = {.kind = WEFT_METRIC_COUNTER, .name = "a-b", .help = ""};
    assert_status(weft_metrics_add(metrics, &bad, &family, NULL), WEFT_INVALID_ARGUMENT);
    struct weft_metric_definition twice = {
        .kind = WEFT_METRIC_COUNTER, .name = "weft_metrics_overflow_total", .help = ""};
    assert_status(weft_metrics_add(metrics, &twice, &family, NULL), WEFT_ALREADY_EXISTS);
    weft_metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_rendered_in_a_fixed_order_and_escaped),
        cmocka_unit_test(a_histogram_counts_into_its_buckets),
        cmocka_unit_test(too_many_label_sets_meet_in_one_series),
        cmocka_unit_test(the_process_tells_what_it_uses),
        cmocka_unit_test(what_the_format_forbids_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
