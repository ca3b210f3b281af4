/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "serve/serve_parts.h"

/* --- requests and calls --- */

static struct weft_metric *http_series(const struct serve_entry *entry, int status)
{
    char code[16];
    snprintf(code, sizeof(code), "%d", status);
    const char *labels[] = {entry->route->method, entry->route->pattern, code};
    return weft_metric_series(entry->serve->metrics.http_requests, labels);
}

void serve_count_http(struct serve_entry *entry, int status, uint64_t duration_ns)
{
    if (entry->seconds == NULL) {
        const char *labels[] = {entry->route->method, entry->route->pattern};
        entry->well = http_series(entry, 200);
        entry->seconds = weft_metric_series(entry->serve->metrics.http_seconds, labels);
    }
    weft_metric_count(status == 200 ? entry->well : http_series(entry, status), 1);
    weft_metric_observe(entry->seconds, (double)duration_ns / 1e9);
}

static struct weft_metric *grpc_series(const struct serve_entry *entry, enum weft_status status)
{
    /* Our own statuses beyond gRPC's count as what the client sees. */
    enum weft_status seen = weft_status_from_grpc(weft_status_grpc(status));
    const char *labels[] = {entry->method->path, weft_status_name(seen)};
    return weft_metric_series(entry->serve->metrics.grpc_calls, labels);
}

void serve_count_grpc(struct serve_entry *entry, enum weft_status status, uint64_t duration_ns)
{
    if (entry->seconds == NULL) {
        entry->well = grpc_series(entry, WEFT_OK);
        entry->seconds =
            weft_metric_series(entry->serve->metrics.grpc_seconds, &entry->method->path);
    }
    weft_metric_count(status == WEFT_OK ? entry->well : grpc_series(entry, status), 1);
    weft_metric_observe(entry->seconds, (double)duration_ns / 1e9);
}

/* --- what is read when somebody asks --- */

struct reading {
    struct weft_link_counters link;
    struct weft_loop_counters loop;
    double values[SERVE_KEPT_MAX];
};

struct kept {
    enum weft_metric_kind kind;
    const char *name, *help;
};

static const struct kept kept[] = {
    {WEFT_METRIC_COUNTER, "weft_link_received_bytes_total",
     "Socket bytes received on all connections, framing included."},
    {WEFT_METRIC_COUNTER, "weft_link_sent_bytes_total",
     "Socket bytes sent on all connections, framing included."},
    {WEFT_METRIC_COUNTER, "weft_link_receive_calls_total", "System calls that received."},
    {WEFT_METRIC_COUNTER, "weft_link_send_calls_total", "System calls that sent."},
    {WEFT_METRIC_COUNTER, "weft_link_accepted_total", "Connections accepted."},
    {WEFT_METRIC_COUNTER, "weft_link_refused_total",
     "Connections refused at the listener's limit."},
    {WEFT_METRIC_COUNTER, "weft_link_accept_failures_total",
     "Connections that could not be accepted, for want of descriptors and the like."},
    {WEFT_METRIC_COUNTER, "weft_link_connects_total", "Connections made to other nodes."},
    {WEFT_METRIC_COUNTER, "weft_link_connect_failures_total",
     "Connections to other nodes that could not be made."},
    {WEFT_METRIC_COUNTER, "weft_link_connections_lost_total",
     "Connections that ended by an error, a broken protocol or a time limit."},
    {WEFT_METRIC_COUNTER, "weft_link_requests_total",
     "HTTP requests that came in, gRPC calls and unknown paths included."},
    {WEFT_METRIC_COUNTER, "weft_link_calls_total", "gRPC calls made to other nodes."},
    {WEFT_METRIC_COUNTER, "weft_loop_turns_total", "Turns of the loop with something to do."},
    {WEFT_METRIC_COUNTER, "weft_loop_sleeps_total",
     "Blocking waits of the loop: an upper bound of its wake-ups."},
    {WEFT_METRIC_COUNTER, "weft_loop_spins_total", "Spins of the loop before sleeping."},
    {WEFT_METRIC_COUNTER, "weft_loop_spins_paid_total", "Spins of the loop that found work."},
    {WEFT_METRIC_GAUGE, "weft_link_connections_open", "Connections open now, either direction."},
    {WEFT_METRIC_GAUGE, "weft_receive_budget_limit_bytes",
     "Memory for messages and bodies that are being received."},
    {WEFT_METRIC_GAUGE, "weft_receive_budget_leased_bytes", "Of it, what is leased now."},
    {WEFT_METRIC_GAUGE, "weft_held_limit_bytes",
     "Memory for inputs of open requests and answers that are not read yet."},
    {WEFT_METRIC_GAUGE, "weft_held_bytes", "Of it, what is held now."},
    {WEFT_METRIC_GAUGE, "weft_pool_idle_bytes",
     "Memory kept for the next large message and not used now."},
    {WEFT_METRIC_GAUGE, "weft_node_ready", "Whether this node takes requests: 1 or 0."},
    {WEFT_METRIC_GAUGE, "weft_node_models_ready", "Models that are ready on this node."},
    {WEFT_METRIC_GAUGE, "weft_nodes", "Nodes of the cluster that are here, this one included."},
    {WEFT_METRIC_GAUGE, "weft_pipelines", "Pipelines that this node can run."},
};

enum { KEPT_COUNT = sizeof(kept) / sizeof(kept[0]) };
_Static_assert((int)KEPT_COUNT <= (int)SERVE_KEPT_MAX, "the series that are kept have no room");

static size_t nodes_up(struct weft_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < weft_run_nodes_count(run); i++) {
        count += weft_run_node_at(run, i) != NULL;
    }
    return count;
}

static size_t models_ready(struct weft_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < weft_run_self(run)->models_count; i++) {
        count += weft_run_self(run)->models[i].ready;
    }
    return count;
}

/* In the table's order. */
static void read_all(struct weft_serve *serve, struct reading *reading)
{
    struct weft_link *link = serve->options.link;
    struct weft_run *run = serve->options.run;
    const struct weft_receive_budget *budget = weft_link_budget(link);
    weft_link_counters(link, &reading->link);
    weft_loop_counters(serve->options.loop, &reading->loop);
    const double values[KEPT_COUNT] = {
        (double)reading->link.traffic.received_bytes,
        (double)reading->link.traffic.sent_bytes,
        (double)reading->link.traffic.recv_calls,
        (double)reading->link.traffic.send_calls,
        (double)reading->link.accepted,
        (double)reading->link.refused,
        (double)reading->link.accept_failures,
        (double)reading->link.connects,
        (double)reading->link.connect_failures,
        (double)reading->link.connections_lost,
        (double)reading->link.requests,
        (double)reading->link.calls,
        (double)reading->loop.turns,
        (double)reading->loop.sleeps,
        (double)reading->loop.spins,
        (double)reading->loop.spins_paid,
        (double)reading->link.connections_open,
        (double)budget->limit_bytes,
        (double)budget->leased_bytes,
        (double)serve->options.held_max_bytes,
        (double)serve->held_bytes,
        (double)weft_pool_idle_bytes(weft_link_pool(link)),
        serve->ready ? 1.0 : 0.0,
        (double)models_ready(run),
        (double)nodes_up(run),
        (double)weft_run_pipelines_count(run),
    };
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        reading->values[i] = values[i];
    }
}

static void collect(void *context)
{
    struct weft_serve *serve = context;
    struct reading reading;
    read_all(serve, &reading);
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        struct weft_metric *metric = serve->metrics.gauges[i];
        if (kept[i].kind == WEFT_METRIC_GAUGE) {
            weft_metric_set(metric, reading.values[i]);
        } else {
            weft_metric_add(metric, reading.values[i] - weft_metric_value(metric));
        }
    }
}

/* --- the beginning --- */

static enum weft_status add_kept(struct weft_serve *serve, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < KEPT_COUNT; i++) {
        struct weft_metric_definition definition = {
            .kind = kept[i].kind, .name = kept[i].name, .help = kept[i].help};
        struct weft_metric_family *family = NULL;
        status = weft_metrics_add(serve->options.metrics, &definition, &family, error);
        if (status == WEFT_OK) {
            serve->metrics.gauges[i] = weft_metric_series(family, NULL);
        }
    }
    return status;
}

static enum weft_status add_families(struct weft_serve *serve, struct weft_error **error)
{
    struct serve_metrics *m = &serve->metrics;
    const struct {
        struct weft_metric_definition definition;
        struct weft_metric_family **family;
    } families[] = {
        {{.kind = WEFT_METRIC_COUNTER,
          .name = "weft_http_requests_total",
          .help = "REST requests answered, by method, route and status code (499: the client "
                  "left).",
          .labels = {"method", "route", "code"}},
         &m->http_requests},
        {{.kind = WEFT_METRIC_HISTOGRAM,
          .name = "weft_http_request_duration_seconds",
          .help = "From the head of a REST request to its answer.",
          .labels = {"method", "route"},
          .buckets = weft_metrics_seconds_buckets,
          .buckets_count = weft_metrics_seconds_buckets_count},
         &m->http_seconds},
        {{.kind = WEFT_METRIC_COUNTER,
          .name = "weft_grpc_calls_total",
          .help = "gRPC calls ended, by method and status.",
          .labels = {"method", "code"}},
         &m->grpc_calls},
        {{.kind = WEFT_METRIC_HISTOGRAM,
          .name = "weft_grpc_call_duration_seconds",
          .help = "From the arrival of a gRPC call to its end.",
          .labels = {"method"},
          .buckets = weft_metrics_seconds_buckets,
          .buckets_count = weft_metrics_seconds_buckets_count},
         &m->grpc_seconds},
    };
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < sizeof(families) / sizeof(families[0]); i++) {
        status = weft_metrics_add(serve->options.metrics, &families[i].definition,
                                  families[i].family, error);
    }
    return status;
}

enum weft_status serve_metrics_start(struct weft_serve *serve, struct weft_error **error)
{
    enum weft_status status = add_families(serve, error);
    if (status == WEFT_OK) {
        status = add_kept(serve, error);
    }
    return status == WEFT_OK
               ? weft_metrics_add_collector(serve->options.metrics, collect, serve, error)
               : status;
}
