/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "watch/process.h"

const char weft_metrics_content_type[] = "text/plain; version=0.0.4; charset=utf-8";

const double weft_metrics_seconds_buckets[] = {0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01,
                                               0.03,    0.1,     0.3,    1,      3,     10,    60};
const size_t weft_metrics_seconds_buckets_count =
    sizeof(weft_metrics_seconds_buckets) / sizeof(weft_metrics_seconds_buckets[0]);
const double weft_metrics_bytes_buckets[] = {64,      1024,     16384,    262144,    1048576,
                                             4194304, 16777216, 67108864, 268435456, 1073741824};
const size_t weft_metrics_bytes_buckets_count =
    sizeof(weft_metrics_bytes_buckets) / sizeof(weft_metrics_bytes_buckets[0]);

struct weft_metric {
    struct weft_metric_family *family;
    char *labels; /* as rendered, between the braces; "" if none */
    char *key;    /* the label values, see key_make */
    _Atomic double value;
    atomic_uint_fast64_t count;
    atomic_uint_fast64_t *buckets; /* histograms: of each bound, not cumulated */
    UT_hash_handle hh;
};

struct weft_metric_family {
    enum weft_metric_kind kind;
    char *name, *help;
    char *labels[WEFT_METRICS_LABELS_MAX];
    size_t labels_count;
    double *bounds;
    size_t bounds_count;
    size_t series_max, series_count;
    struct weft_metric *series; /* by labels */
    struct weft_metric *latest; /* the last one looked up: mostly the next one too; NULL = none */
    struct weft_metric *overflow;
    struct weft_metrics *metrics;
    struct weft_metric_family *next;
};

struct collector {
    void (*collect)(void *context);
    void *context;
};

struct weft_metrics {
    struct weft_metric_family *first, **last;
    size_t families_count;
    struct collector *collectors;
    size_t collectors_count;
    struct weft_metric *refused;
    void *owned;
};

static void metric_free(struct weft_metric *metric)
{
    if (metric != NULL) {
        free(metric->labels);
        free(metric->key);
        free(metric->buckets);
        free(metric);
    }
}

static void family_free(struct weft_metric_family *family)
{
    struct weft_metric *metric, *next;
    HASH_ITER (hh, family->series, metric, next) {
        HASH_DEL(family->series, metric);
        metric_free(metric);
    }
    metric_free(family->overflow);
    for (size_t i = 0; i < family->labels_count; i++) {
        free(family->labels[i]);
    }
    free(family->name);
    free(family->help);
    free(family->bounds);
    free(family);
}

void weft_metrics_free(struct weft_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (struct weft_metric_family *family = metrics->first, *next; family != NULL; family = next) {
        next = family->next;
        family_free(family);
    }
    free(metrics->collectors);
    free(metrics->owned);
    free(metrics);
}

/* --- families --- */

static bool name_valid(const char *name, bool colon)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name[0] != '\0';
}

static enum weft_status check(const struct weft_metrics *metrics,
                              const struct weft_metric_definition *definition,
                              struct weft_error **error)
{
    bool valid = name_valid(definition->name, true);
    for (size_t i = 0; i < WEFT_METRICS_LABELS_MAX && definition->labels[i] != NULL; i++) {
        valid = valid && name_valid(definition->labels[i], false);
    }
    for (size_t i = 1; i < definition->buckets_count; i++) {
        valid = valid && definition->buckets[i] > definition->buckets[i - 1];
    }
    if (!valid || definition->buckets_count > WEFT_METRICS_BUCKETS_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "\"%s\" cannot be a metric with these labels and buckets",
                              definition->name);
    }
    for (const struct weft_metric_family *family = metrics->first; family != NULL;
         family = family->next) {
        if (strcmp(family->name, definition->name) == 0) {
            return weft_error_set(error, WEFT_ALREADY_EXISTS, "there is a metric \"%s\" already",
                                  definition->name);
        }
    }
    return metrics->families_count < WEFT_METRICS_FAMILIES_MAX
               ? WEFT_OK
               : weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "there are %d metrics already",
                                WEFT_METRICS_FAMILIES_MAX);
}

static struct weft_metric *metric_new(struct weft_metric_family *family, const char *labels)
{
    struct weft_metric *metric = calloc(1, sizeof(*metric));
    if (metric == NULL) {
        return NULL;
    }
    metric->family = family;
    metric->labels = strdup(labels);
    metric->buckets = calloc(family->bounds_count + 1, sizeof(*metric->buckets));
    if (metric->labels == NULL || metric->buckets == NULL) {
        metric_free(metric);
        return NULL;
    }
    return metric;
}

static void append_label(struct weft_text *text, const char *name, const char *value)
{
    weft_text_printf(text, "%s%s=\"", text->length > 0 ? "," : "", name);
    size_t length = strnlen(value, WEFT_METRICS_LABEL_VALUE_MAX);
    for (size_t i = 0; i < length; i++) {
        switch (value[i]) {
        case '\\':
            weft_text_append_string(text, "\\\\");
            break;
        case '"':
            weft_text_append_string(text, "\\\"");
            break;
        case '\n':
            weft_text_append_string(text, "\\n");
            break;
        default:
            weft_text_append(text, &value[i], 1);
        }
    }
    weft_text_append_string(text, "\"");
}

static struct weft_metric *overflow_new(struct weft_metric_family *family)
{
    cleanup_text struct weft_text text = {0};
    for (size_t i = 0; i < family->labels_count; i++) {
        append_label(&text, family->labels[i], WEFT_METRICS_OVERFLOW_LABEL);
    }
    return text.failed ? NULL : metric_new(family, weft_text_string(&text));
}

static bool fill(struct weft_metric_family *family, const struct weft_metric_definition *definition)
{
    family->kind = definition->kind;
    family->name = strdup(definition->name);
    family->help = strdup(definition->help);
    family->series_max =
        definition->series_max != 0 ? definition->series_max : WEFT_METRICS_SERIES_MAX;
    bool filled = family->name != NULL && family->help != NULL;
    for (size_t i = 0; filled && i < WEFT_METRICS_LABELS_MAX && definition->labels[i] != NULL;
         i++) {
        family->labels[i] = strdup(definition->labels[i]);
        filled = family->labels[i] != NULL;
        family->labels_count = i + 1;
    }
    family->bounds = calloc(definition->buckets_count + 1, sizeof(double));
    if (!filled || family->bounds == NULL) {
        return false;
    }
    family->bounds_count = definition->buckets_count;
    if (definition->buckets_count > 0) {
        memcpy(family->bounds, definition->buckets, definition->buckets_count * sizeof(double));
    }
    family->overflow = overflow_new(family);
    return family->overflow != NULL;
}

enum weft_status weft_metrics_add(struct weft_metrics *metrics,
                                  const struct weft_metric_definition *definition,
                                  struct weft_metric_family **ret_family, struct weft_error **error)
{
    enum weft_status status = check(metrics, definition, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_metric_family *family = calloc(1, sizeof(*family));
    if (family == NULL || !fill(family, definition)) {
        if (family != NULL) {
            family_free(family);
        }
        return weft_error_set_out_of_memory(error);
    }
    family->metrics = metrics;
    *metrics->last = family;
    metrics->last = &family->next;
    metrics->families_count++;
    *ret_family = family;
    return WEFT_OK;
}

enum weft_status weft_metrics_new(struct weft_metrics **ret_metrics, struct weft_error **error)
{
    struct weft_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    metrics->last = &metrics->first;
    struct weft_metric_definition refused = {
        .kind = WEFT_METRIC_COUNTER,
        .name = "weft_metrics_overflow_total",
        .help = "Label sets refused because a metric has too many series."};
    struct weft_metric_family *family = NULL;
    enum weft_status status = weft_metrics_add(metrics, &refused, &family, error);
    if (status != WEFT_OK) {
        weft_metrics_free(metrics);
        return status;
    }
    metrics->refused = weft_metric_series(family, NULL);
    *ret_metrics = metrics;
    return WEFT_OK;
}

/* --- series --- */

/* A series' key: its label values as they are, each with its terminator. Looked up for every task
 * and transfer, so it is made without allocating; how the labels are rendered is only made with the
 * series. */
struct key {
    char bytes[WEFT_METRICS_LABELS_MAX * (WEFT_METRICS_LABEL_VALUE_MAX + 1)];
    size_t length;
};

static void key_make(struct key *key, const struct weft_metric_family *family,
                     const char *const *values)
{
    key->length = 0;
    for (size_t i = 0; i < family->labels_count; i++) {
        size_t length = strnlen(values[i], WEFT_METRICS_LABEL_VALUE_MAX);
        memcpy(key->bytes + key->length, values[i], length);
        key->length += length;
        key->bytes[key->length++] = '\0';
    }
}

static bool has_key(const struct weft_metric *metric, const struct key *key)
{
    return metric->hh.keylen == key->length && memcmp(metric->hh.key, key->bytes, key->length) == 0;
}

static struct weft_metric *find(struct weft_metric_family *family, const struct key *key)
{
    if (family->latest != NULL && has_key(family->latest, key)) {
        return family->latest;
    }
    struct weft_metric *metric = NULL;
    HASH_FIND(hh, family->series, key->bytes, key->length, metric);
    family->latest = metric;
    return metric;
}

static struct weft_metric *series_add(struct weft_metric_family *family, const struct key *key,
                                      const char *const *values)
{
    cleanup_text struct weft_text text = {0};
    for (size_t i = 0; i < family->labels_count; i++) {
        append_label(&text, family->labels[i], values[i]);
    }
    struct weft_metric *metric = text.failed ? NULL : metric_new(family, weft_text_string(&text));
    char *copy = malloc(key->length + 1);
    if (metric == NULL || copy == NULL) {
        metric_free(metric);
        free(copy);
        return NULL;
    }
    metric->key = memcpy(copy, key->bytes, key->length);
    HASH_ADD_KEYPTR(hh, family->series, metric->key, key->length, metric);
    if (!weft_map_added(metric)) {
        metric_free(metric);
        return NULL;
    }
    family->series_count++;
    return metric;
}

struct weft_metric *weft_metric_series(struct weft_metric_family *family, const char *const *values)
{
    struct key key;
    key_make(&key, family, values);
    struct weft_metric *metric = find(family, &key);
    if (metric != NULL) {
        return metric;
    }
    if (family->series_count >= family->series_max) {
        weft_metric_count(family->metrics->refused, 1);
        return family->overflow;
    }
    metric = series_add(family, &key, values);
    return metric != NULL ? metric : family->overflow;
}

void weft_metric_remove(struct weft_metric_family *family, const char *const *values)
{
    struct key key;
    key_make(&key, family, values);
    struct weft_metric *metric = find(family, &key);
    if (metric != NULL) {
        HASH_DEL(family->series, metric);
        family->series_count--;
        family->latest = NULL;
        metric_free(metric);
    }
}

static void add(_Atomic double *value, double amount)
{
    double before = atomic_load_explicit(value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(value, &before, before + amount,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void weft_metric_add(struct weft_metric *metric, double amount)
{
    if (amount >= 0 || metric->family->kind == WEFT_METRIC_GAUGE) {
        add(&metric->value, amount);
    }
}

void weft_metric_count(struct weft_metric *metric, uint64_t amount)
{
    atomic_fetch_add_explicit(&metric->count, amount, memory_order_relaxed);
}

void weft_metric_set(struct weft_metric *metric, double value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void weft_metric_observe(struct weft_metric *metric, double value)
{
    const struct weft_metric_family *family = metric->family;
    size_t bucket = 0;
    while (bucket < family->bounds_count && value > family->bounds[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->count, 1, memory_order_relaxed);
    add(&metric->value, value);
}

double weft_metric_value(const struct weft_metric *metric)
{
    double count = (double)atomic_load_explicit(&metric->count, memory_order_relaxed);
    return metric->family->kind == WEFT_METRIC_HISTOGRAM
               ? count
               : count + atomic_load_explicit(&metric->value, memory_order_relaxed);
}

double weft_metric_sum(const struct weft_metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

/* --- rendering --- */

enum weft_status weft_metrics_add_collector(struct weft_metrics *metrics,
                                            void (*collect)(void *context), void *context,
                                            struct weft_error **error)
{
    struct collector *collectors =
        realloc(metrics->collectors, (metrics->collectors_count + 1) * sizeof(*collectors));
    if (collectors == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    metrics->collectors = collectors;
    collectors[metrics->collectors_count++] = (struct collector){collect, context};
    return WEFT_OK;
}

void weft_metrics_own(struct weft_metrics *metrics, void *take_memory)
{
    weft_assert(metrics->owned == NULL);
    metrics->owned = take_memory;
}

static void render_line(struct weft_text *text, const struct weft_metric *metric,
                        const char *suffix, const char *more, double value)
{
    const char *labels = metric->labels;
    bool both = labels[0] != '\0' && more[0] != '\0';
    weft_text_printf(text, "%s%s", metric->family->name, suffix);
    if (labels[0] != '\0' || more[0] != '\0') {
        weft_text_printf(text, "{%s%s%s}", labels, both ? "," : "", more);
    }
    weft_text_printf(text, " %.17g\n", value);
}

static void render_histogram(struct weft_text *text, const struct weft_metric *metric)
{
    const struct weft_metric_family *family = metric->family;
    uint64_t below = 0;
    for (size_t i = 0; i <= family->bounds_count; i++) {
        char bound[64] = "le=\"+Inf\"";
        if (i < family->bounds_count) {
            snprintf(bound, sizeof(bound), "le=\"%g\"", family->bounds[i]);
        }
        below += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        render_line(text, metric, "_bucket", bound, (double)below);
    }
    render_line(text, metric, "_sum", "", weft_metric_sum(metric));
    render_line(text, metric, "_count", "", (double)below);
}

static void render_metric(struct weft_text *text, const struct weft_metric *metric)
{
    if (metric->family->kind == WEFT_METRIC_HISTOGRAM) {
        render_histogram(text, metric);
    } else {
        render_line(text, metric, "", "", weft_metric_value(metric));
    }
}

static int by_labels(const struct weft_metric *a, const struct weft_metric *b)
{
    return strcmp(a->labels, b->labels);
}

static void render_family(struct weft_text *text, struct weft_metric_family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    weft_text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                     kinds[family->kind]);
    HASH_SORT(family->series, by_labels);
    struct weft_metric *metric, *next;
    HASH_ITER (hh, family->series, metric, next) {
        render_metric(text, metric);
    }
    if (weft_metric_value(family->overflow) > 0) {
        render_metric(text, family->overflow);
    }
}

void weft_metrics_render(struct weft_metrics *metrics, struct weft_text *text)
{
    for (size_t i = 0; i < metrics->collectors_count; i++) {
        metrics->collectors[i].collect(metrics->collectors[i].context);
    }
    for (struct weft_metric_family *family = metrics->first; family != NULL;
         family = family->next) {
        render_family(text, family);
    }
}
