/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "client/files.h"

/* --- the record --- */

/* What is nice to know must not keep a result from its user. */
static void warn(const struct run *run, const char *what, struct weft_error *take_error)
{
    char sentence[1024];
    weft_error_format(take_error, sentence, sizeof(sentence));
    weft_text_make_printable(sentence);
    /* JSON has null for what is not known. */
    if (run->record_path != NULL || run->table) {
        fprintf(stderr, "weft run: %s: %s\n", what, sentence);
    }
    weft_error_unref(take_error);
}

static bool wants_record(const struct run *run)
{
    return run->record_path != NULL || run->table || run->json;
}

void run_measure(struct run *run)
{
    struct weft_error *error = NULL;
    if (wants_record(run) && weft_between_begin(run->client, &run->between, &error) != WEFT_OK) {
        warn(run, "the bytes between the nodes are not known", error);
    }
}

void run_fetch_record(struct run *run)
{
    struct weft_error *error = NULL;
    if (!wants_record(run)) {
        return;
    }
    run->has_record = weft_record_wait(run->client, run->id, &run->record, &error) == WEFT_OK;
    if (!run->has_record) {
        warn(run, "the record is not known", error);
        return;
    }
    if (run->between != NULL && weft_between_end(run->between, &error) != WEFT_OK) {
        warn(run, "the bytes between the nodes are not known", error);
        weft_between_free(run->between);
        run->between = NULL;
    }
}

enum weft_status run_write_record(struct run *run, struct weft_error **error)
{
    cleanup_text struct weft_text json = {0};
    cleanup_text struct weft_text text = {0};
    if (run->record_path == NULL || !run->has_record) {
        return WEFT_OK;
    }
    weft_record_write(&run->record, run->server, run->duration_ns, run->between, &json);
    weft_json_layout(weft_text_string(&json), json.length, &text);
    weft_text_append_string(&text, "\n");
    if (json.failed || text.failed) {
        return weft_error_set_out_of_memory(error);
    }
    return weft_file_write(run->record_path, text.data, text.length, 0666, error);
}

/* --- the outputs --- */

static const char *path_of(const struct run *run, const char *output)
{
    const char *path = NULL;
    for (size_t i = 0; i < run->files_count; i++) {
        path = strcmp(run->files[i].name, output) == 0 ? run->files[i].path : path;
    }
    return path;
}

enum weft_status run_write_outputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->files_count; i++) {
        const struct weft_value *value =
            weft_values_find(&run->response.outputs, run->files[i].name);
        status = value != NULL
                     ? weft_output_write(value, &run->files[i], error)
                     : weft_error_set(error, WEFT_INTERNAL, "the answer has no output \"%s\"",
                                      run->files[i].name);
    }
    return status;
}

/* --- to standard output --- */

static void print_json(const struct run *run, struct weft_text *text)
{
    cleanup_text struct weft_text json = {0};
    weft_text_append_string(&json, "{\"id\":");
    weft_text_append_json(&json, run->id, strlen(run->id));
    weft_text_append_string(&json, ",\"pipeline\":");
    weft_text_append_json(&json, run->pipeline, strlen(run->pipeline));
    weft_text_append_string(&json, ",\"outputs\":[");
    for (size_t i = 0; i < run->response.outputs.count; i++) {
        const struct weft_named_value *output = &run->response.outputs.items[i];
        weft_text_append_string(&json, i > 0 ? "," : "");
        weft_output_json(output->name, output->value, path_of(run, output->name), &json);
    }
    weft_text_append_string(&json, "],\"record\":");
    if (run->has_record) {
        weft_record_write(&run->record, run->server, run->duration_ns, run->between, &json);
    } else {
        weft_text_append_string(&json, "null");
    }
    weft_text_append_string(&json, "}");
    weft_json_layout(weft_text_string(&json), json.length, text);
    weft_text_append_string(text, "\n");
    text->failed |= json.failed;
}

enum weft_status run_print(const struct run *run, struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    if (run->json) {
        print_json(run, &text);
    } else {
        for (size_t i = 0; i < run->response.outputs.count; i++) {
            const struct weft_named_value *output = &run->response.outputs.items[i];
            weft_output_show(output->name, output->value, path_of(run, output->name), &text);
        }
    }
    if (run->table && run->has_record) {
        weft_text_append_string(&text, "\n");
        weft_report_write(&run->record, run->duration_ns, run->between,
                          weft_screen_width(STDOUT_FILENO), weft_screen_is_utf8(), &text);
    }
    fputs(weft_text_string(&text), stdout);
    return text.failed ? weft_error_set_out_of_memory(error) : WEFT_OK;
}
