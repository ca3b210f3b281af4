/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "run/run_parts.h"

static void record_free(struct weft_run *run, struct record *record)
{
    weft_list_remove(&record->link);
    run->records_count--;
    outline_nodes_unref(record->nodes);
    outline_unref(record->outline);
    weft_error_unref(record->error);
    free(record);
}

void records_free(struct weft_run *run)
{
    for (struct weft_list *link; (link = weft_list_first(&run->records)) != NULL;) {
        record_free(run, weft_list_entry(link, struct record, link));
    }
}

/* The oldest that nobody writes to any more. */
static bool make_room(struct weft_run *run)
{
    for (struct weft_list *link = run->records.next; link != &run->records; link = link->next) {
        struct record *record = weft_list_entry(link, struct record, link);
        if (record->settled) {
            record_free(run, record);
            return true;
        }
    }
    return false;
}

/* Only requests that have a name can be asked about afterwards. NULL without memory, too: a record
 * is a courtesy. */
struct record *record_new(struct weft_run *run, const struct weft_pipeline *pipeline,
                          const char *id, const struct weft_trace *trace)
{
    if (id == NULL || id[0] == '\0' ||
        (run->records_count >= WEFT_RUN_RECORDS_MAX && !make_room(run))) {
        return NULL;
    }
    struct outline *outline = outline_take(&run->outlines, pipeline);
    if (outline == NULL) {
        return NULL;
    }
    size_t steps_bytes = outline->steps_count * sizeof(struct record_step);
    size_t edges_bytes = outline->edges_count * sizeof(struct record_edge);
    size_t id_bytes = strlen(id) + 1;
    struct record *record = weft_zeroed(sizeof(*record) + steps_bytes + edges_bytes + id_bytes);
    if (record == NULL) {
        outline_unref(outline);
        return NULL;
    }
    record->outline = outline;
    record->steps = (struct record_step *)(record + 1);
    record->edges = (struct record_edge *)(record->steps + outline->steps_count);
    record->id = memcpy(record->edges + outline->edges_count, id, id_bytes);
    record->trace = *trace;
    record->start_ns = wall_ns(run);
    weft_list_append(&run->records, &record->link);
    run->records_count++;
    return record;
}

void record_placed(struct record *record, const struct weft_request *request)
{
    if (record->nodes == NULL) {
        record->nodes = outline_nodes_take(record->outline, request->step_nodes);
    }
}

static const char *node_of(const struct record *record, size_t step)
{
    return record->nodes != NULL ? record->nodes->of_step[step] : NULL;
}

static bool goes_to(const struct record *record, const struct outline_edge *edge, const char *node,
                    const char *gateway)
{
    if (edge->to_step == WEFT_STEP_GATEWAY) {
        return gateway != NULL && strcmp(gateway, node) == 0;
    }
    const char *to = node_of(record, edge->to_step);
    return to != NULL && strcmp(to, node) == 0;
}

/* One crossing serves every edge from that output to that node; only the first counts its bytes. */
static void note_crossing(struct weft_run *run, struct record *record, uint32_t from_step,
                          uint32_t from_output, const char *node, const char *gateway,
                          const struct weft_report_transfer *transfer)
{
    bool first = true;
    for (size_t i = 0; i < record->outline->edges_count; i++) {
        const struct outline_edge *way = &record->outline->edges[i];
        struct record_edge *edge = &record->edges[i];
        if (way->from_step != from_step || way->from_output != from_output ||
            !goes_to(record, way, node, gateway)) {
            continue;
        }
        edge->known = true;
        edge->shared = !first;
        edge->raw_bytes = transfer->raw_bytes;
        edge->wire_bytes = first ? transfer->wire_bytes : 0;
        edge->copied_bytes = first ? transfer->copied_bytes : 0;
        edge->lane = transfer->lane;
        edge->codec = transfer->codec;
        metrics_crossing(run, record, i);
        first = false;
    }
}

void record_sent(struct weft_run *run, struct record *record, const struct weft_request *request,
                 uint32_t input, const char *node, uint64_t raw_bytes,
                 const struct weft_send_outcome *outcome)
{
    record_placed(record, request);
    struct weft_report_transfer transfer = {
        .raw_bytes = raw_bytes,
        .wire_bytes = outcome->wire_bytes,
        .copied_bytes = outcome->copied_bytes,
        .lane = outcome->lane,
        .codec = outcome->codec,
    };
    record->gateway_out_bytes += raw_bytes;
    note_crossing(run, record, WEFT_STEP_GATEWAY, input, node, NULL, &transfer);
}

void record_report(struct weft_run *run, struct record *record, const struct weft_request *request,
                   const struct weft_report *report)
{
    record_placed(record, request);
    if (report->step >= record->outline->steps_count) {
        return;
    }
    struct record_step *step = &record->steps[report->step];
    step->attempt = report->attempt;
    if (report->kind == WEFT_REPORT_STARTED) {
        step->state = RECORD_STARTED;
        return;
    }
    step->state = report->kind == WEFT_REPORT_FINISHED ? RECORD_FINISHED : RECORD_FAILED;
    step->start_ns = report->start_ns;
    step->end_ns = report->end_ns;
    step->pid = report->pid;
    step->bytes_in = report->bytes_in;
    step->bytes_out = report->bytes_out;
    step->model_generation = report->model_generation;
    step->cache_hit = report->cache_hit;
    for (size_t i = 0; i < report->transfers_count; i++) {
        const struct weft_report_transfer *transfer = &report->transfers[i];
        const char *node =
            transfer->to_node < request->nodes_count ? request->nodes[transfer->to_node].name : "";
        note_crossing(run, record, report->step, transfer->output, node,
                      request->nodes[request->gateway_node].name, transfer);
    }
}

void record_ended(const struct weft_run *run, struct record *record, struct weft_error *error,
                  uint64_t outputs_bytes)
{
    record->ended = true;
    record->end_ns = wall_ns(run);
    record->gateway_in_bytes = outputs_bytes;
    record->error = weft_error_ref(error);
}

/* --- as JSON --- */

static void member(struct weft_text *text, const char *name, const char *value)
{
    weft_text_append_json(text, name, strlen(name));
    weft_text_append_string(text, ":");
    weft_text_append_json(text, value != NULL ? value : "", value != NULL ? strlen(value) : 0);
    weft_text_append_string(text, ",");
}

static void write_step(struct weft_text *text, const struct record *record, size_t index)
{
    static const char *const states[] = {"waiting", "started", "finished", "failed"};
    const struct outline_step *outline = &record->outline->steps[index];
    const struct record_step *step = &record->steps[index];
    weft_text_append_string(text, "{");
    member(text, "step", outline->name);
    member(text, "model", outline->model);
    member(text, "node", node_of(record, index));
    member(text, "state", states[step->state]);
    weft_text_printf(text,
                     "\"attempt\":%u,\"pid\":%u,\"start_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64
                     ",\"model_generation\":%" PRIu64 ",\"cache\":\"%s\",\"bytes_in\":%" PRIu64
                     ",\"bytes_out\":%" PRIu64 "}",
                     step->attempt, step->pid, step->start_ns, step->end_ns, step->model_generation,
                     step->cache_hit ? "hit" : "miss", step->bytes_in, step->bytes_out);
}

static const char *step_name(const struct record *record, uint32_t step)
{
    return step == WEFT_STEP_GATEWAY ? "" : record->outline->steps[step].name;
}

static void write_edge(struct weft_text *text, const struct record *record, size_t index)
{
    const struct outline_edge *way = &record->outline->edges[index];
    const struct record_edge *edge = &record->edges[index];
    weft_text_append_string(text, "{");
    member(text, "producer", step_name(record, way->from_step));
    member(text, "consumer", step_name(record, way->to_step));
    member(text, "value", way->value);
    member(text, "taken_as", way->taken);
    member(text, "lane_asked", way->lane_asked);
    member(text, "lane_used", weft_lane_name(edge->lane));
    member(text, "codec", weft_codec_name(edge->codec));
    weft_text_printf(text,
                     "\"shared\":%s,\"raw_bytes\":%" PRIu64 ",\"wire_bytes\":%" PRIu64
                     ",\"copied_bytes\":%" PRIu64 "}",
                     edge->shared ? "true" : "false", edge->raw_bytes, edge->wire_bytes,
                     edge->copied_bytes);
}

static void write_error(struct weft_text *text, const struct weft_error *error)
{
    char sentence[1024];
    weft_error_format(error, sentence, sizeof(sentence));
    struct weft_error_place place = weft_error_place(error);
    weft_text_append_string(text, ",\"error\":{");
    member(text, "status", weft_status_name(weft_error_status(error)));
    member(text, "step", place.step);
    member(text, "node", place.node);
    weft_text_append_string(text, "\"message\":");
    weft_text_append_json(text, sentence, strlen(sentence));
    weft_text_append_string(text, "}");
}

static void write_record(struct weft_text *text, const struct record *record)
{
    weft_text_append_string(text, "{");
    member(text, "id", record->id);
    member(text, "pipeline", record->outline->pipeline);
    member(text, "version", record->outline->version);
    if (weft_trace_is_set(&record->trace)) {
        char traceparent[WEFT_TRACEPARENT_LENGTH + 1];
        weft_trace_format(&record->trace, traceparent);
        member(text, "traceparent", traceparent);
    }
    member(text, "state",
           !record->ended          ? "running"
           : record->error != NULL ? "failed"
                                   : "finished");
    weft_text_printf(text,
                     "\"settled\":%s,\"start_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64
                     ",\"gateway\":{\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
                     "},\"steps\":[",
                     record->settled ? "true" : "false", record->start_ns, record->end_ns,
                     record->gateway_in_bytes, record->gateway_out_bytes);
    for (size_t i = 0; i < record->outline->steps_count; i++) {
        weft_text_append_string(text, i > 0 ? "," : "");
        write_step(text, record, i);
    }
    weft_text_append_string(text, "],\"edges\":[");
    for (size_t i = 0; i < record->outline->edges_count; i++) {
        weft_text_append_string(text, i > 0 ? "," : "");
        write_edge(text, record, i);
    }
    weft_text_append_string(text, "]");
    if (record->error != NULL) {
        write_error(text, record->error);
    }
    weft_text_append_string(text, "}");
}

bool weft_run_record_write(const struct weft_run *run, const char *id, struct weft_text *text)
{
    for (const struct weft_list *link = run->records.previous; link != &run->records;
         link = link->previous) {
        const struct record *record = weft_list_entry(link, struct record, link);
        if (strcmp(record->id, id) == 0) {
            write_record(text, record);
            return true;
        }
    }
    return false;
}
