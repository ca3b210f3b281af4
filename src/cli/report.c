/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"
#include "cli/timeline.h"

static const struct weft_table_column columns[] = {
    {"step", false},    {"node", false},     {"start (ms)", true}, {"duration (ms)", true},
    {"bytes in", true}, {"bytes out", true}, {"lane", false},
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), NUMBER_MAX = 32 };

static bool has_run(const struct weft_record_step *step)
{
    return step->start_ns != 0 && step->end_ns >= step->start_ns;
}

static bool add_step(struct weft_table *table, const struct weft_record_step *step,
                     uint64_t start_ns)
{
    char start[NUMBER_MAX] = "-";
    char duration[NUMBER_MAX] = "-";
    char bytes_in[NUMBER_MAX];
    char bytes_out[NUMBER_MAX];
    if (has_run(step)) {
        /* Another host's clock may be behind, so this may be negative. */
        snprintf(start, sizeof(start), "%.1f", (double)(int64_t)(step->start_ns - start_ns) / 1e6);
        snprintf(duration, sizeof(duration), "%.1f", (double)(step->end_ns - step->start_ns) / 1e6);
    }
    snprintf(bytes_in, sizeof(bytes_in), "%" PRIu64, step->bytes_in);
    snprintf(bytes_out, sizeof(bytes_out), "%" PRIu64, step->bytes_out);
    const char *cells[COLUMNS] = {step->name,
                                  step->node,
                                  start,
                                  duration,
                                  bytes_in,
                                  bytes_out,
                                  step->lane[0] != '\0' ? step->lane : "-"};
    return weft_table_add(table, cells);
}

static void write_table(const struct weft_record *record, struct weft_text *text)
{
    cleanup_table struct weft_table *table = weft_table_new(columns, COLUMNS);
    bool well = table != NULL;
    for (size_t i = 0; well && i < record->steps_count; i++) {
        well = add_step(table, &record->steps[i], record->start_ns);
    }
    if (well) {
        weft_table_write(table, text);
    }
    text->failed |= !well;
}

static void write_timeline(const struct weft_record *record, size_t width, bool blocks,
                           struct weft_text *text)
{
    cleanup_free struct weft_timeline_bar *bars = calloc(record->steps_count + 1, sizeof(*bars));
    if (bars == NULL) {
        text->failed = true;
        return;
    }
    for (size_t i = 0; i < record->steps_count; i++) {
        const struct weft_record_step *step = &record->steps[i];
        bars[i].name = step->name;
        if (has_run(step)) {
            bars[i].start_ns = step->start_ns;
            bars[i].end_ns = step->end_ns;
        }
    }
    weft_timeline_write(bars, record->steps_count, width, blocks, text);
}

void weft_report_write(const struct weft_record *record, uint64_t duration_ns,
                       const struct weft_between *between, size_t width, bool blocks,
                       struct weft_text *text)
{
    write_table(record, text);
    weft_text_append_string(text, "\n");
    write_timeline(record, width, blocks, text);
    weft_text_append_string(text, "\n");
    size_t nodes = weft_record_nodes(record);
    weft_text_printf(text, "%s: %zu step%s on %zu node%s, %.0f ms, ", record->pipeline,
                     record->steps_count, record->steps_count == 1 ? "" : "s", nodes,
                     nodes == 1 ? "" : "s", (double)duration_ns / 1e6);
    if (between != NULL) {
        weft_text_printf(text, "%" PRIu64 " bytes between nodes\n", weft_between_bytes(between));
    } else {
        weft_text_append_string(text, "unknown bytes between nodes\n");
    }
}
