/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/file.h"

static void keep_line(void *context, const char *line, size_t length)
{
    struct stage *stage = context;
    pthread_mutex_lock(&stage->lines_lock);
    weft_text_append(&stage->lines, line, length);
    pthread_mutex_unlock(&stage->lines_lock);
}

static void count_change(void *context)
{
    ((struct stage *)context)->changes++;
}

const char *stage_path(struct stage *stage, const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", stage->directory, name);
    return path;
}

void stage_open(struct stage *stage)
{
    struct weft_error *error = NULL;
    *stage = (struct stage){.directory = "/tmp/weft-stage-XXXXXX"};
    assert_non_null(mkdtemp(stage->directory));
    pthread_mutex_init(&stage->lines_lock, NULL);
    assert_ok(weft_directory_make(stage_path(stage, "models"), &error), error);
    assert_ok(weft_loop_new(NULL, &stage->loop, &error), error);
    stage->log =
        (struct weft_log){.level_min = WEFT_LOG_DEBUG, .write = keep_line, .context = stage};
    char models[128], state[128];
    snprintf(models, sizeof(models), "%s/models", stage->directory);
    snprintf(state, sizeof(state), "%s/state", stage->directory);
    struct weft_repository_options options = {.loop = stage->loop,
                                              .directory = models,
                                              .plugin_directory = getenv("ACTORS"),
                                              .state_directory = state,
                                              .log = &stage->log,
                                              .on_changed = count_change,
                                              .context = stage};
    assert_ok(weft_repository_open(&options, &stage->repository, &error), error);
}

static void note_closed(void *context)
{
    ((struct stage *)context)->closed = true;
}

void stage_close(struct stage *stage, uint64_t grace_ms)
{
    char command[128];
    weft_repository_close(stage->repository, grace_ms, note_closed, stage);
    stage_until(stage, &stage->closed);
    weft_loop_free(stage->loop);
    weft_text_fini(&stage->lines);
    pthread_mutex_destroy(&stage->lines_lock);
    snprintf(command, sizeof(command), "rm -rf '%s'", stage->directory);
    assert_int_equal(system(command), 0);
}

void stage_write(struct stage *stage, const char *name, const char *text)
{
    struct weft_error *error = NULL;
    assert_ok(weft_file_write(stage_path(stage, name), text, strlen(text), 0644, &error), error);
}

void stage_model(struct stage *stage, const char *name, const char *version, const char *config)
{
    char path[128];
    struct weft_error *error = NULL;
    snprintf(path, sizeof(path), "models/%s/%s", name, version != NULL ? version : "");
    assert_ok(weft_directory_make(stage_path(stage, path), &error), error);
    snprintf(path, sizeof(path), "models/%s/config.pbtxt", name);
    if (config != NULL) {
        stage_write(stage, path, config);
    }
}

bool stage_logged(struct stage *stage, const char *words)
{
    pthread_mutex_lock(&stage->lines_lock);
    bool found = strstr(weft_text_string(&stage->lines), words) != NULL;
    pthread_mutex_unlock(&stage->lines_lock);
    return found;
}

static void tick(void *context)
{
    (void)context;
}

void stage_until(struct stage *stage, const bool *flag)
{
    uint64_t end_ns = weft_loop_now_ns() + 10 * WEFT_NS_PER_S;
    struct weft_timer timer;
    weft_timer_init(&timer, stage->loop, tick, NULL);
    while (!*flag && weft_loop_now_ns() < end_ns) {
        assert_int_equal(weft_timer_set(&timer, weft_loop_now_ns() + 5 * WEFT_NS_PER_MS), WEFT_OK);
        weft_loop_turn(stage->loop, true);
    }
    weft_timer_cancel(&timer);
    assert_true(*flag);
}

void stage_for_ms(struct stage *stage, int ms)
{
    uint64_t end_ns = weft_loop_now_ns() + (uint64_t)ms * WEFT_NS_PER_MS;
    while (weft_loop_now_ns() < end_ns) {
        weft_loop_turn(stage->loop, false);
        usleep(200);
    }
}

void stage_done(void *context, struct weft_error *error)
{
    struct ended *ended = context;
    assert_false(ended->ended);
    ended->ended = true;
    ended->status = weft_error_status(error);
    if (error != NULL) {
        weft_error_format(error, ended->message, sizeof(ended->message));
    }
}

typedef enum weft_status operation(struct weft_repository *repository, const char *name,
                                   weft_repository_done *done, void *context,
                                   struct weft_error **error);

static enum weft_status operate(struct stage *stage, operation *what, const char *name,
                                struct ended *ret_ended)
{
    cleanup_error struct weft_error *error = NULL;
    *ret_ended = (struct ended){0};
    enum weft_status status = what(stage->repository, name, stage_done, ret_ended, &error);
    if (status != WEFT_OK) {
        stage_done(ret_ended, error);
        return status;
    }
    assert_false(ret_ended->ended);
    stage_until(stage, &ret_ended->ended);
    return ret_ended->status;
}

enum weft_status stage_load(struct stage *stage, const char *name, struct ended *ret_ended)
{
    return operate(stage, weft_repository_load, name, ret_ended);
}

enum weft_status stage_unload(struct stage *stage, const char *name, struct ended *ret_ended)
{
    return operate(stage, weft_repository_unload, name, ret_ended);
}

void stage_must_load(struct stage *stage, const char *name)
{
    struct ended ended;
    if (stage_load(stage, name, &ended) != WEFT_OK) {
        fail_msg("%s is not loaded: %s", name, ended.message);
    }
}

enum weft_model_state stage_state(struct stage *stage, const char *name, const char *version,
                                  char *ret_reason, size_t reason_size)
{
    struct weft_error *error = NULL;
    struct weft_repository_index index;
    enum weft_model_state state = (enum weft_model_state)99;
    assert_ok(weft_repository_index(stage->repository, false, &index, &error), error);
    for (size_t i = 0; i < index.count; i++) {
        if (strcmp(index.entries[i].name, name) == 0 &&
            strcmp(index.entries[i].version, version) == 0) {
            state = index.entries[i].state;
            if (ret_reason != NULL) {
                snprintf(ret_reason, reason_size, "%s", index.entries[i].reason);
            }
        }
    }
    weft_repository_index_fini(&index);
    return state;
}

/* --- calls --- */

struct weft_model *stage_find(struct stage *stage, const char *name)
{
    struct weft_error *error = NULL;
    struct weft_model *model = NULL;
    assert_ok(weft_repository_find(stage->repository, name, NULL, &model, &error), error);
    return model;
}

static void on_part(void *context, const struct weft_values *values)
{
    struct talk *talk = context;
    struct weft_value *value = weft_values_find(values, "number");
    talk->parts_wrong += value == NULL || *(const int32_t *)weft_value_data(value) != talk->parts;
    talk->parts++;
    if (talk->parts == talk->cancel_after) {
        weft_inference_cancel(talk->inference);
    }
}

static void on_done(void *context, struct weft_error *error, const struct weft_values *values,
                    const struct weft_model_usage *usage)
{
    struct talk *talk = context;
    stage_done(&talk->ended, error);
    talk->usage = *usage;
    struct weft_value *number = weft_values_find(values, "number");
    struct weft_value *text = weft_values_find(values, "text");
    if (number != NULL) {
        memcpy(&talk->number, weft_value_data(number), sizeof(talk->number));
        snprintf(talk->content_type, sizeof(talk->content_type), "%s",
                 weft_value_content_type(number));
        talk->kept = talk->keep ? weft_value_ref(number) : NULL;
    }
    if (text != NULL) {
        const void *bytes = NULL;
        size_t length = 0;
        assert_true(weft_value_bytes_at(text, 0, &bytes, &length));
        snprintf(talk->text, sizeof(talk->text), "%.*s", (int)length, (const char *)bytes);
    }
}

enum weft_status talk_start(struct stage *stage, struct weft_model *model, const char *act,
                            int deadline_ms, struct talk *talk, struct weft_error **error)
{
    static const struct weft_model_events events = {on_part, on_done};
    static const struct weft_shape shape = {1, {1}};
    /* Not where an INT32 may lie: as if it had come so from a socket. */
    static const _Alignas(4) uint8_t bytes[8] = {0, 1, 0, 0, 0};
    struct weft_slice slice = weft_slice_static(bytes + 1, 4);
    cleanup_values struct weft_values inputs = {0};
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters parameters = {0};
    cleanup_value struct weft_value *value = NULL;
    talk->number = -1;
    talk->inference = NULL;
    enum weft_status status = weft_value_new_slice(WEFT_INT32, &shape, &slice, &value, error);
    status = status == WEFT_OK ? weft_values_add(&inputs, "number", value, error) : status;
    status =
        status == WEFT_OK ? weft_parameters_set_string(&parameters, "act", act, error) : status;
    status = status == WEFT_OK
                 ? weft_parameters_set_string(&parameters, "until", stage_path(stage, "go"), error)
                 : status;
    const char *wanted[] = {"number"};
    struct weft_model_request request = {
        .inputs = &inputs,
        .parameters = &parameters,
        .wanted = wanted,
        .wanted_count = strcmp(act, "wanted") == 0,
        .request_id = "r-1",
        .deadline_ns = deadline_ms > 0 ? weft_loop_now_ns() + (uint64_t)deadline_ms * WEFT_NS_PER_MS
                                       : WEFT_DEADLINE_NEVER_NS};
    if (status == WEFT_OK) {
        status = weft_model_infer(model, &request, &events, talk, &talk->inference, error);
        assert_false(talk->ended.ended);
    }
    return status;
}

enum weft_status talk_over(struct stage *stage, const char *name, const char *act,
                           struct talk *talk)
{
    cleanup_error struct weft_error *error = NULL;
    struct weft_model *model = stage_find(stage, name);
    enum weft_status status = talk_start(stage, model, act, 0, talk, &error);
    weft_model_unref(model);
    if (status != WEFT_OK) {
        stage_done(&talk->ended, error);
        return status;
    }
    stage_until(stage, &talk->ended.ended);
    return talk->ended.status;
}
