/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/table.h"
#include "cli/units.h"

static const struct quantile {
    const char *name;
    double fraction;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};

enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

uint64_t weft_bench_failures(const struct weft_load_result *result)
{
    uint64_t failures = 0;
    for (size_t i = 1; i < WEFT_LOAD_STATUSES; i++) {
        failures += result->statuses[i];
    }
    return failures;
}

static double throughput(const struct weft_load_result *result)
{
    return result->elapsed_ns > 0
               ? (double)result->statuses[WEFT_OK] * 1e9 / (double)result->elapsed_ns
               : 0;
}

static void write_latencies(const struct weft_load_result *result, struct weft_text *text)
{
    static const struct weft_table_column columns[] = {{"latency", false}, {"", true}};
    cleanup_table struct weft_table *table = weft_table_new(columns, 2);
    char duration[32];
    bool well = table != NULL;
    for (size_t i = 0; well && i < QUANTILES; i++) {
        weft_duration_format(weft_latency_quantile_ns(&result->latency, quantiles[i].fraction),
                             duration, sizeof(duration));
        well = weft_table_add(table, (const char *const[]){quantiles[i].name, duration});
    }
    if (well) {
        weft_table_write(table, text);
    }
    text->failed |= !well;
}

void weft_bench_table(const struct weft_load_options *options,
                      const struct weft_load_result *result, struct weft_text *text)
{
    weft_text_printf(text, "%s at %s over %s: %" PRIu64 " calls in %.1f s, %.1f calls/s\n",
                     options->request->model, options->address, options->http ? "HTTP" : "gRPC",
                     result->statuses[WEFT_OK], (double)result->elapsed_ns / 1e9,
                     throughput(result));
    if (options->rate > 0) {
        weft_text_printf(text, "asked for %.1f calls/s; latency counts from the intended start\n",
                         options->rate);
    }
    if (result->latency.count > 0) {
        weft_text_append_string(text, "\n");
        write_latencies(result, text);
    }
    if (weft_bench_failures(result) > 0) {
        weft_text_append_string(text, "\n");
    }
    for (int i = 1; i < WEFT_LOAD_STATUSES; i++) {
        if (result->statuses[i] > 0) {
            weft_text_printf(text, "failed: %" PRIu64 " %s\n", result->statuses[i],
                             weft_status_words((enum weft_status)i));
        }
    }
    if (result->first_failure != NULL) {
        char sentence[1024];
        weft_error_format(result->first_failure, sentence, sizeof(sentence));
        weft_text_make_printable(sentence);
        weft_text_printf(text, "the first: %s\n", sentence);
    }
    if (result->late > 0) {
        weft_text_printf(text,
                         "late: %" PRIu64 " calls started more than 1 ms after they were meant to "
                         "(at most %u are open at once)\n",
                         result->late, options->concurrency);
    }
    if (result->gave_up) {
        weft_text_printf(text, "gave up after %d failures in a row\n", WEFT_LOAD_FAILURES_MAX);
    }
}

void weft_bench_json(const struct weft_load_options *options, const struct weft_load_result *result,
                     struct weft_text *text)
{
    weft_text_append_string(text, "{\"model\":");
    weft_text_append_json(text, options->request->model, strlen(options->request->model));
    weft_text_append_string(text, ",\"server\":");
    weft_text_append_json(text, options->address, strlen(options->address));
    weft_text_printf(text,
                     ",\"protocol\":\"%s\",\"concurrency\":%u,\"connections\":%u,\"rate\":%.17g"
                     ",\"calls\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
                     ",\"calls_per_second\":%.3f,\"late\":%" PRIu64 ",\"gave_up\":%s",
                     options->http ? "http" : "grpc", options->concurrency,
                     options->http ? options->concurrency : options->connections, options->rate,
                     result->statuses[WEFT_OK], weft_bench_failures(result), result->elapsed_ns,
                     throughput(result), result->late, result->gave_up ? "true" : "false");
    weft_text_printf(
        text, ",\"latency_ns\":{\"min\":%" PRIu64 ",\"mean\":%" PRIu64, result->latency.min_ns,
        result->latency.count > 0 ? result->latency.sum_ns / result->latency.count : 0);
    for (size_t i = 0; i < QUANTILES; i++) {
        weft_text_printf(text, ",\"%s\":%" PRIu64, quantiles[i].name,
                         weft_latency_quantile_ns(&result->latency, quantiles[i].fraction));
    }
    weft_text_append_string(text, "},\"errors\":{");
    const char *before = "";
    for (int i = 1; i < WEFT_LOAD_STATUSES; i++) {
        if (result->statuses[i] > 0) {
            weft_text_printf(text, "%s\"%s\":%" PRIu64, before,
                             weft_status_name((enum weft_status)i), result->statuses[i]);
            before = ",";
        }
    }
    weft_text_append_string(text, "}}");
}
