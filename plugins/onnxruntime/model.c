/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The host's path of a version's directory and a file's name; longer ones no file has. */
#define PATH_TEXT_MAX 4096

static enum weft_status find_file(const struct weft_ort_model *model, char path[PATH_TEXT_MAX],
                                  const char **ret_name, struct weft_ort_reason *reason)
{
    const struct weft_ort_listener *listener = &model->listener;
    const char *directory = listener->host->model_directory(listener->handle);
    const char *named = listener->host->model_file(listener->handle);
    const char *name = named == NULL ? "model.onnx" : named;
    struct stat found;
    if (strchr(name, '/') != NULL) {
        return weft_ort_fail(
            reason, WEFT_FAILED_PRECONDITION,
            "default_model_filename \"%s\" must be a file of the version's directory", name);
    }
    int length = snprintf(path, PATH_TEXT_MAX, "%s/%s", directory, name);
    if (length < 0 || length >= PATH_TEXT_MAX || stat(path, &found) != 0 ||
        !S_ISREG(found.st_mode)) {
        return weft_ort_fail(reason, WEFT_NOT_FOUND, "there is no file \"%s\" in %s", name,
                             directory);
    }
    *ret_name = name;
    return WEFT_OK;
}

/* Deterministic is what DESIGN says it is: one thread, no spinning, one optimisation level, one
 * operator after the other. Operators never run beside each other in any model: parallel work is
 * the scheduler's. */
static OrtStatus *fill_options(const struct weft_ort_model *model, OrtSessionOptions *options)
{
    const OrtApi *api = model->ort->api;
    const struct weft_ort_settings *settings = &model->settings;
    OrtStatus *failed = api->SetSessionExecutionMode(options, ORT_SEQUENTIAL);
    if (failed == NULL) {
        failed = api->SetIntraOpNumThreads(options, settings->threads);
    }
    if (failed == NULL) {
        failed = api->SetInterOpNumThreads(options, 1);
    }
    if (failed == NULL) {
        failed = api->SetSessionGraphOptimizationLevel(options, settings->level);
    }
    if (failed == NULL) {
        failed = api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning",
                                            settings->spinning ? "1" : "0");
    }
    if (failed == NULL) {
        failed = api->AddSessionConfigEntry(options, "session.use_env_allocators", "1");
    }
    if (failed == NULL) {
        failed = api->SetDeterministicCompute(options, settings->deterministic);
    }
    if (failed == NULL) {
        failed = api->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_WARNING);
    }
    if (failed == NULL) {
        failed = api->SetUserLoggingFunction(options, weft_ort_log, (void *)&model->listener);
    }
    return failed;
}

static enum weft_status open_session(struct weft_ort_model *model, struct weft_ort_reason *reason)
{
    const struct weft_ort *ort = model->ort;
    char path[PATH_TEXT_MAX];
    const char *name = NULL;
    OrtSessionOptions *options = NULL;
    enum weft_status status = find_file(model, path, &name, reason);
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, ort->api->CreateSessionOptions(&options), "session options",
                                reason);
    }
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, fill_options(model, options), "session options", reason);
    }
    if (status == WEFT_OK) {
        char what[PATH_TEXT_MAX];
        snprintf(what, sizeof(what), "%s cannot be loaded", name);
        status = weft_ort_check(
            ort, ort->api->CreateSession(ort->env, path, options, &model->session), what, reason);
        /* It is the file's fault, neither the caller's nor ours. */
        if (status == WEFT_INVALID_ARGUMENT || status == WEFT_INTERNAL) {
            status = WEFT_FAILED_PRECONDITION;
        }
    }
    ort->api->ReleaseSessionOptions(options);
    return status;
}

static enum weft_status read_tensors(struct weft_ort_model *model, struct weft_ort_reason *reason)
{
    const struct weft_model_host *host = model->listener.host;
    struct weft_model_handle *handle = model->listener.handle;
    struct weft_tensors_configured inputs = {0};
    struct weft_tensors_configured outputs = {0};
    inputs.specs = host->configured_inputs(handle, &inputs.count);
    outputs.specs = host->configured_outputs(handle, &outputs.count);
    enum weft_status status =
        weft_tensors_read(model->ort, model->session, WEFT_TENSORS_INPUTS, &inputs,
                          model->settings.decode, &model->inputs, reason);
    if (status == WEFT_OK) {
        status = weft_tensors_read(model->ort, model->session, WEFT_TENSORS_OUTPUTS, &outputs,
                                   false, &model->outputs, reason);
    }
    return status;
}

static enum weft_status fill(struct weft_ort_model *model, struct weft_ort_reason *reason)
{
    enum weft_status status = weft_ort_open(&model->ort, reason);
    if (status == WEFT_OK && model->settings.decode) {
        status = weft_picture_open(&model->images, reason);
    }
    if (status == WEFT_OK) {
        status = open_session(model, reason);
    }
    if (status == WEFT_OK) {
        status = read_tensors(model, reason);
    }
    return status;
}

enum weft_status weft_ort_model_open(const struct weft_model_host *host,
                                     struct weft_model_handle *handle,
                                     const struct weft_ort_settings *settings,
                                     struct weft_ort_model **ret_model,
                                     struct weft_ort_reason *reason)
{
    if (host->size_bytes <
        offsetof(struct weft_model_host, model_file) + sizeof(host->model_file)) {
        return weft_ort_fail(reason, WEFT_UNIMPLEMENTED,
                             "this node is too old for the plugin: it tells no configured tensors");
    }
    struct weft_ort_model *model = calloc(1, sizeof(*model));
    if (model == NULL) {
        return weft_ort_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    model->listener = (struct weft_ort_listener){host, handle};
    model->settings = *settings;
    weft_ort_listen(&model->listener);
    enum weft_status status = fill(model, reason);
    weft_ort_listen(NULL);
    if (status != WEFT_OK) {
        weft_ort_model_close(model);
        return status;
    }
    *ret_model = model;
    return WEFT_OK;
}

void weft_ort_model_close(struct weft_ort_model *model)
{
    if (model == NULL) {
        return;
    }
    if (model->session != NULL) {
        model->ort->api->ReleaseSession(model->session);
    }
    weft_tensors_fini(&model->inputs);
    weft_tensors_fini(&model->outputs);
    free(model);
}
