/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/screen.h"
#include "cli/table.h"
#include "cli/units.h"
#include "client/record.h"

enum {
    /* weft_client_on_wait calls every 50 ms. */
    WAITS_A_LOOK = 2,
    /* Progress must not hold up the answer that it is about. */
    LOOK_TIMEOUT_MS = 250,
};

enum { TOLD_NOTHING, TOLD_STARTED, TOLD_ENDED };

void weft_progress_init(struct weft_progress *progress, struct weft_client *client, const char *id)
{
    *progress =
        (struct weft_progress){.client = client, .id = id, .terminal = isatty(STDERR_FILENO) == 1};
}

static void show_line(struct weft_progress *progress, const struct weft_record *record)
{
    cleanup_text struct weft_text line = {0};
    size_t finished = 0;
    for (size_t i = 0; i < record->steps_count; i++) {
        finished += strcmp(record->steps[i].state, "finished") == 0;
    }
    weft_text_printf(&line, "%s: %zu of %zu steps done", record->pipeline, finished,
                     record->steps_count);
    const char *before = "; running: ";
    for (size_t i = 0; i < record->steps_count; i++) {
        if (strcmp(record->steps[i].state, "started") == 0) {
            weft_text_printf(&line, "%s%s on %s", before, record->steps[i].name,
                             record->steps[i].node);
            before = ", ";
        }
    }
    /* A line that wraps could not be rewritten. */
    size_t width = weft_screen_width(STDERR_FILENO);
    while (!line.failed && line.length > 0 && weft_text_width(line.data) >= width) {
        line.data[--line.length] = '\0';
    }
    fprintf(stderr, "\r\033[K%s", weft_text_string(&line));
    progress->shown = true;
}

static void tell(const struct weft_record_step *step, uint32_t *told)
{
    char duration[32];
    if (*told == TOLD_NOTHING && strcmp(step->state, "waiting") != 0) {
        fprintf(stderr, "%s began on %s\n", step->name, step->node);
        *told = TOLD_STARTED;
    }
    bool ended = strcmp(step->state, "finished") == 0 || strcmp(step->state, "failed") == 0;
    if (*told == TOLD_STARTED && ended) {
        weft_duration_format(step->end_ns > step->start_ns ? step->end_ns - step->start_ns : 0,
                             duration, sizeof(duration));
        fprintf(stderr, "%s %s after %s\n", step->name, step->state, duration);
        *told = TOLD_ENDED;
    }
}

static void tell_steps(struct weft_progress *progress, const struct weft_record *record)
{
    if (progress->told == NULL) {
        progress->told = calloc(record->steps_count + 1, sizeof(*progress->told));
        progress->told_count = record->steps_count;
    }
    for (size_t i = 0; progress->told != NULL && i < record->steps_count; i++) {
        if (i < progress->told_count) {
            tell(&record->steps[i], &progress->told[i]);
        }
    }
}

void weft_progress_wait(void *context)
{
    struct weft_progress *progress = context;
    cleanup_record struct weft_record record = {0};
    cleanup_error struct weft_error *error = NULL;
    if (progress->off || ++progress->waits % WAITS_A_LOOK != 0) {
        return;
    }
    enum weft_status status =
        weft_record_get(progress->client, progress->id, LOOK_TIMEOUT_MS, &record, &error);
    if (status != WEFT_OK) {
        /* The request may not have arrived yet; a server that keeps no records never says one. */
        progress->off = progress->waits > 20 * WAITS_A_LOOK ||
                        (status != WEFT_NOT_FOUND && status != WEFT_DEADLINE_EXCEEDED);
    } else if (progress->terminal) {
        show_line(progress, &record);
    } else {
        tell_steps(progress, &record);
    }
}

void weft_progress_fini(struct weft_progress *progress)
{
    if (progress->shown) {
        fputs("\r\033[K", stderr);
    }
    free(progress->told);
    progress->told = NULL;
}
