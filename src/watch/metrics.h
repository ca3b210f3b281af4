/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WATCH_METRICS_H
#define WEFT_WATCH_METRICS_H

/*
 * Metrics for Prometheus: families of counters, gauges and histograms with labels, rendered in the
 * text exposition format 0.0.4. The registry belongs to the loop's thread: families are made and
 * series looked up there. A series, once looked up, is kept by whoever counts on it, lives as long
 * as the registry, and is updated from any thread without a lock; so a hot path is one atomic add.
 *
 * Names are in base units (seconds, bytes), `_total` on counters only; docs/metrics.md lists them.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/text.h"

struct weft_metrics;
struct weft_metric_family;
struct weft_metric;

/* Series of one family: label values come from models and peers, whose number is bounded, but
 * nothing may make a node's memory or a scrape grow without end. Beyond it, updates go to one
 * series whose label values are all WEFT_METRICS_OVERFLOW_LABEL, and weft_metrics_overflow_total
 * counts the refused label sets. */
enum { WEFT_METRICS_SERIES_MAX = 4096 };
enum {
    WEFT_METRICS_FAMILIES_MAX = 256,
    WEFT_METRICS_LABELS_MAX = 8,
    WEFT_METRICS_BUCKETS_MAX = 32
};
/* Longer label values are cut. */
enum { WEFT_METRICS_LABEL_VALUE_MAX = 255 };
#define WEFT_METRICS_OVERFLOW_LABEL "__overflow__"

/* "text/plain; version=0.0.4; charset=utf-8" */
extern const char weft_metrics_content_type[];

/* Upper bounds in seconds from 10 us to 60 s, and in bytes from 64 to 1 GiB. */
extern const double weft_metrics_seconds_buckets[];
extern const size_t weft_metrics_seconds_buckets_count;
extern const double weft_metrics_bytes_buckets[];
extern const size_t weft_metrics_bytes_buckets_count;

enum weft_metric_kind { WEFT_METRIC_COUNTER, WEFT_METRIC_GAUGE, WEFT_METRIC_HISTOGRAM };

/* What a family is; borrowed for the call. */
struct weft_metric_definition {
    enum weft_metric_kind kind;
    const char *name; /* [a-zA-Z_:][a-zA-Z0-9_:]* */
    const char *help;
    const char *labels[WEFT_METRICS_LABELS_MAX]; /* names, NULL ends */
    const double *buckets;                       /* histograms: upper bounds, ascending */
    size_t buckets_count;
    size_t series_max; /* 0 = WEFT_METRICS_SERIES_MAX */
};

enum weft_status weft_metrics_new(struct weft_metrics **ret_metrics,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_metrics_free(struct weft_metrics *metrics);

/* Adds a family. ALREADY_EXISTS for a name twice, INVALID_ARGUMENT for one that the format forbids.
 */
enum weft_status weft_metrics_add(struct weft_metrics *metrics,
                                  const struct weft_metric_definition *definition,
                                  struct weft_metric_family **ret_family,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* The series with these label values (as many as the family has labels; NULL array for none); made
 * when first asked for. Never NULL: beyond the limit, or out of memory, it is the family's overflow
 * series. */
struct weft_metric *weft_metric_series(struct weft_metric_family *family,
                                       const char *const *values);
/* Takes a series away again (a model or node that is gone); the handle must not be used any more.
 */
void weft_metric_remove(struct weft_metric_family *family, const char *const *values);

/* Counters and gauges. Any thread. A counter never goes down: negative amounts are ignored. */
void weft_metric_add(struct weft_metric *metric, double amount);
/* Counters of whole things (bytes, calls): exact, and cheaper than weft_metric_add. */
void weft_metric_count(struct weft_metric *metric, uint64_t amount);
/* Gauges. Any thread. */
void weft_metric_set(struct weft_metric *metric, double value);
/* Histograms. Any thread. */
void weft_metric_observe(struct weft_metric *metric, double value);
/* The value of a counter or gauge, the number of observations of a histogram. Any thread. */
double weft_metric_value(const struct weft_metric *metric);
/* The sum of a histogram's observations. */
double weft_metric_sum(const struct weft_metric *metric);

/* Called before each render, to set gauges that are read rather than kept. */
enum weft_status weft_metrics_add_collector(struct weft_metrics *metrics,
                                            void (*collect)(void *context), void *context,
                                            struct weft_error **error) WEFT_MUST_CHECK;
/* Gives the registry memory that is freed with it; once. */
void weft_metrics_own(struct weft_metrics *metrics, void *take_memory);
/* Adds process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
 * process_open_fds, process_max_fds, process_start_time_seconds, process_threads (from /proc, read
 * at each render) and weft_copied_bytes_total. */
enum weft_status weft_metrics_add_process(struct weft_metrics *metrics,
                                          struct weft_error **error) WEFT_MUST_CHECK;

/* Appends everything, families and series in a fixed order. Out of memory is text->failed. */
void weft_metrics_render(struct weft_metrics *metrics, struct weft_text *text);

#endif
