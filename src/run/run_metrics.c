/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "run/run_parts.h"

static enum weft_status family(struct weft_run *run, enum weft_metric_kind kind, const char *name,
                               const char *help, const char *first_label, const char *second_label,
                               struct weft_metric_family **ret_family, struct weft_error **error)
{
    struct weft_metric_definition definition = {.kind = kind, .name = name, .help = help};
    definition.labels[0] = first_label;
    definition.labels[1] = second_label;
    if (kind == WEFT_METRIC_HISTOGRAM) {
        definition.buckets = weft_metrics_seconds_buckets;
        definition.buckets_count = weft_metrics_seconds_buckets_count;
    }
    return weft_metrics_add(run->options.metrics, &definition, ret_family, error);
}

/* Many nodes may share one series, when there are more than the family takes: each adds what is new
 * of its own. */
static void count_more(struct weft_metric_family *family, const char *node, uint64_t total,
                       uint64_t *counted)
{
    struct weft_metric *metric = weft_metric_series(family, &node);
    weft_metric_count(metric, total > *counted ? total - *counted : 0);
    *counted = total;
}

static void collect(void *context)
{
    struct weft_run *run = context;
    struct weft_worker_state state = weft_worker_state(run->worker);
    weft_metric_set(run->metrics.slots_used, state.slots_used);
    weft_metric_set(run->metrics.tasks_ready, (double)state.ready);
    weft_metric_set(run->metrics.requests_open, (double)weft_gateway_requests_count(run->gateway));
    weft_metric_set(run->metrics.plans, (double)state.plans);
    metrics_models(run);
    for (size_t i = 0; i < weft_peers_count(run->peers); i++) {
        const struct weft_peer *peer = weft_peers_at(run->peers, i);
        const char *name = weft_peer_name(peer);
        struct weft_traffic traffic;
        weft_peer_traffic(peer, &traffic);
        struct node_session *node = weft_peer_data(peer);
        if (node == NULL) {
            continue;
        }
        count_more(run->metrics.peer_sent, name, traffic.sent_bytes, &node->counted_sent_bytes);
        count_more(run->metrics.peer_received, name, traffic.received_bytes,
                   &node->counted_received_bytes);
        weft_metric_set(weft_metric_series(run->metrics.peer_round_trip, &name),
                        (double)weft_peer_round_trip_ns(peer) / 1e9);
    }
}

/* What the edges of pipelines carry, by the names of both ends, as the gateway hears of it. */
static enum weft_status edges_start(struct weft_run *run, struct weft_error **error)
{
    struct weft_metric_definition values = {
        .kind = WEFT_METRIC_COUNTER,
        .name = "weft_pipeline_edge_values_total",
        .help = "Values that an edge of a pipeline carried, by how they went.",
        .labels = {"pipeline", "producer", "consumer", "lane"},
    };
    struct weft_metric_definition bytes = values;
    bytes.name = "weft_pipeline_edge_bytes_total";
    bytes.help = "Bytes of the values that an edge of a pipeline carried, before encoding.";
    struct weft_metric_definition seconds = {
        .kind = WEFT_METRIC_HISTOGRAM,
        .name = "weft_edge_seconds",
        .help = "From the end of an edge's producing step to the start of its consuming step.",
        .labels = {"pipeline", "producer", "consumer"},
        .buckets = weft_metrics_seconds_buckets,
        .buckets_count = weft_metrics_seconds_buckets_count,
    };
    enum weft_status status =
        weft_metrics_add(run->options.metrics, &values, &run->metrics.edge_values, error);
    if (status == WEFT_OK) {
        status = weft_metrics_add(run->options.metrics, &bytes, &run->metrics.edge_bytes, error);
    }
    return status == WEFT_OK
               ? weft_metrics_add(run->options.metrics, &seconds, &run->metrics.edge_seconds, error)
               : status;
}

enum weft_status metrics_start(struct weft_run *run, struct weft_error **error)
{
    struct run_metrics *m = &run->metrics;
    struct weft_metric_family *gauge = NULL;
    const struct {
        enum weft_metric_kind kind;
        const char *name, *help, *first, *second;
        struct weft_metric_family **family;
        struct weft_metric **gauge;
    } families[] = {
        {WEFT_METRIC_COUNTER, "weft_requests_total", "Requests that ended, by pipeline and status.",
         "pipeline", "status", &m->requests, NULL},
        {WEFT_METRIC_HISTOGRAM, "weft_request_duration_seconds",
         "From a request's start to its end.", "pipeline", NULL, &m->request_seconds, NULL},
        {WEFT_METRIC_COUNTER, "weft_tasks_total",
         "Tasks that this node ended, by model and result.", "model", "result", &m->tasks, NULL},
        {WEFT_METRIC_HISTOGRAM, "weft_task_compute_seconds", "What the model took for a task.",
         "model", NULL, &m->task_seconds, NULL},
        {WEFT_METRIC_COUNTER, "weft_edge_raw_bytes_total", "Bytes of values sent, before encoding.",
         "to", NULL, &m->edge_raw, NULL},
        {WEFT_METRIC_COUNTER, "weft_edge_wire_bytes_total", "Bytes of values sent, as encoded.",
         "to", NULL, &m->edge_wire, NULL},
        {WEFT_METRIC_COUNTER, "weft_peer_sent_bytes_total",
         "Socket bytes sent to another node, framing included.", "peer", NULL, &m->peer_sent, NULL},
        {WEFT_METRIC_COUNTER, "weft_peer_received_bytes_total",
         "Socket bytes received from another node, framing included.", "peer", NULL,
         &m->peer_received, NULL},
        {WEFT_METRIC_GAUGE, "weft_peer_round_trip_seconds",
         "The network's round trip to another node, as TCP estimates it or a ping has measured it; "
         "0: unknown.",
         "peer", NULL, &m->peer_round_trip, NULL},
        {WEFT_METRIC_GAUGE, "weft_model_memory_bytes", "Memory that a model's backend holds.",
         "model", "version", &m->model_memory, NULL},
        {WEFT_METRIC_GAUGE, "weft_slots_used", "Slots that tasks hold now.", NULL, NULL, &gauge,
         &m->slots_used},
        {WEFT_METRIC_GAUGE, "weft_tasks_ready", "Tasks that wait for a slot.", NULL, NULL, &gauge,
         &m->tasks_ready},
        {WEFT_METRIC_GAUGE, "weft_requests_open", "Requests under way at this gateway.", NULL, NULL,
         &gauge, &m->requests_open},
        {WEFT_METRIC_GAUGE, "weft_plans", "Plans that this node keeps prepared.", NULL, NULL,
         &gauge, &m->plans},
    };
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < sizeof(families) / sizeof(families[0]); i++) {
        status = family(run, families[i].kind, families[i].name, families[i].help,
                        families[i].first, families[i].second, families[i].family, error);
        if (status == WEFT_OK && families[i].gauge != NULL) {
            *families[i].gauge = weft_metric_series(gauge, NULL);
        }
    }
    if (status == WEFT_OK) {
        status = edges_start(run, error);
    }
    return status == WEFT_OK ? weft_metrics_add_collector(run->options.metrics, collect, run, error)
                             : status;
}

void metrics_task(struct weft_run *run, const struct weft_task *task, bool well,
                  uint64_t compute_ns)
{
    const char *labels[] = {task->step->model, well ? "ok" : "error"};
    weft_metric_count(weft_metric_series(run->metrics.tasks, labels), 1);
    weft_metric_observe(weft_metric_series(run->metrics.task_seconds, labels),
                        (double)compute_ns / 1e9);
}

void metrics_request(struct weft_run *run, const char *pipeline, enum weft_status status,
                     uint64_t duration_ns)
{
    const char *labels[] = {pipeline, weft_status_name(status)};
    weft_metric_count(weft_metric_series(run->metrics.requests, labels), 1);
    if (status == WEFT_OK) {
        weft_metric_observe(weft_metric_series(run->metrics.request_seconds, labels),
                            (double)duration_ns / 1e9);
    }
}

void metrics_forget(struct weft_run *run, const char *node)
{
    struct run_metrics *m = &run->metrics;
    struct weft_metric_family *families[] = {m->peer_sent, m->peer_received, m->peer_round_trip,
                                             m->edge_raw, m->edge_wire};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        weft_metric_remove(families[i], &node);
    }
}

void metrics_edge(struct node_session *to, uint64_t raw_bytes, uint64_t wire_bytes)
{
    if (raw_bytes == 0) {
        return;
    }
    if (to->edge_raw == NULL || to->edge_wire == NULL) {
        const char *name = weft_peer_name(to->peer);
        to->edge_raw = weft_metric_series(to->run->metrics.edge_raw, &name);
        to->edge_wire = weft_metric_series(to->run->metrics.edge_wire, &name);
    }
    weft_metric_count(to->edge_raw, raw_bytes);
    weft_metric_count(to->edge_wire, wire_bytes);
}

static const char *end_name(const struct record *record, uint32_t step)
{
    return step == WEFT_STEP_GATEWAY ? "" : record->outline->steps[step].name;
}

void metrics_crossing(struct weft_run *run, const struct record *record, size_t edge)
{
    struct outline_series *series = &record->outline->series[edge];
    enum weft_lane lane = record->edges[edge].lane;
    if (series->values == NULL || series->bytes == NULL || series->lane != lane) {
        const struct outline_edge *way = &record->outline->edges[edge];
        const char *labels[] = {record->outline->pipeline, end_name(record, way->from_step),
                                end_name(record, way->to_step), weft_lane_name(lane)};
        series->values = weft_metric_series(run->metrics.edge_values, labels);
        series->bytes = weft_metric_series(run->metrics.edge_bytes, labels);
        series->lane = lane;
    }
    weft_metric_count(series->values, 1);
    weft_metric_count(series->bytes, record->edges[edge].raw_bytes);
}

static uint64_t end_of(const struct record *record, uint32_t step)
{
    return step == WEFT_STEP_GATEWAY ? record->start_ns : record->steps[step].end_ns;
}

static uint64_t start_of(const struct record *record, uint32_t step)
{
    return step == WEFT_STEP_GATEWAY ? record->end_ns : record->steps[step].start_ns;
}

/* The client has its answer by now, and what an edge costs here is two comparisons and a bucket. */
void metrics_edges_seconds(struct weft_run *run, const struct record *record)
{
    const struct outline *outline = record->outline;
    for (size_t i = 0; i < outline->edges_count; i++) {
        const struct outline_edge *edge = &outline->edges[i];
        uint64_t from_ns = end_of(record, edge->from_step);
        uint64_t to_ns = start_of(record, edge->to_step);
        if (edge->repeats || from_ns == 0 || to_ns == 0) { /* 0: that step has not run */
            continue;
        }
        struct outline_series *series = &outline->series[i];
        if (series->seconds == NULL) {
            const char *labels[] = {outline->pipeline, end_name(record, edge->from_step),
                                    end_name(record, edge->to_step)};
            series->seconds = weft_metric_series(run->metrics.edge_seconds, labels);
        }
        weft_metric_observe(series->seconds, to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0);
    }
}
