/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "model/growth.h"
#include "model/model_parts.h"
#include "model/options.h"

static bool format(char **ret_text, const char *format_text, ...) WEFT_PRINTF(2, 3);

static bool format(char **ret_text, const char *format_text, ...)
{
    va_list arguments;
    va_start(arguments, format_text);
    int length = vasprintf(ret_text, format_text, arguments);
    va_end(arguments);
    if (length < 0) {
        *ret_text = NULL;
    }
    return length >= 0;
}

static bool name_all(struct weft_model *model, const struct weft_model_source *source)
{
    const char *file = source->config->default_model_filename;
    bool onnx = strcmp(source->plugin->name, "onnxruntime") == 0;
    model->info.name = strdup(source->name);
    model->info.platform = strdup(onnx ? "onnxruntime_onnx" : "weft_plugin");
    model->directory = strdup(source->directory);
    return model->info.name != NULL && model->info.platform != NULL && model->directory != NULL &&
           format(&model->info.version, "%" PRIu64, source->version) &&
           (file == NULL || format(&model->file, "%s/%s", source->directory, file)) &&
           (source->state_directory == NULL ||
            format(&model->state_directory, "%s/%s", source->state_directory, source->name));
}

enum weft_status weft_model_make(const struct weft_model_source *source,
                                 struct weft_model **ret_model, struct weft_error **error)
{
    struct weft_model *model = calloc(1, sizeof(*model));
    if (model == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    pthread_mutex_init(&model->lock, NULL);
    pthread_cond_init(&model->changed, NULL);
    model->plugin = source->plugin;
    model->config = weft_config_ref(source->config);
    model->version = source->version;
    model->generation = source->generation;
    model->home = source->home;
    if (!name_all(model, source)) {
        weft_model_discard(model);
        return weft_error_set_out_of_memory(error);
    }
    *ret_model = model;
    return WEFT_OK;
}

void weft_model_unload(struct weft_model *model)
{
    if (model->loaded) {
        model->loaded = false;
        model->plugin->unload(model->data);
        weft_model_stop_if_left(model);
    }
}

void weft_model_discard(struct weft_model *model)
{
    if (model == NULL) {
        return;
    }
    weft_assert(!model->loaded);
    weft_config_unref(model->config);
    weft_model_info_fini(&model->info);
    free(model->directory);
    free(model->file);
    free(model->state_directory);
    free(model->failure);
    pthread_cond_destroy(&model->changed);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

static enum weft_status say_failure(struct weft_model *model, enum weft_status status,
                                    struct weft_error **error)
{
    pthread_mutex_lock(&model->lock);
    const char *text = model->failure;
    status = status > WEFT_OK && status <= WEFT_OUT_OF_MEMORY ? status : WEFT_INTERNAL;
    (void)weft_error_set(error, status, "%s",
                         text != NULL ? text : "the plugin's load failed without saying why");
    pthread_mutex_unlock(&model->lock);
    return status;
}

enum weft_status weft_model_load(struct weft_model *model, struct weft_error **error)
{
    struct weft_model_settings settings = {0};
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters options = {0};
    enum weft_status status = weft_options_read(model->config, model->plugin, &options, error);
    if (status == WEFT_OK) {
        status = weft_model_settings_read(model->config, &settings, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    model->info.needs = settings.needs; /* goes with the info from here on */
    struct weft_growth growth;
    weft_growth_begin(&growth);
    status = model->plugin->load(&weft_model_host_table, weft_model_handle_of(model), options.items,
                                 options.count, &model->data);
    model->loaded_bytes = weft_growth_end(&growth);
    weft_model_stop_if_left(model);
    if (status != WEFT_OK) {
        return say_failure(model, status, error);
    }
    model->loaded = true;
    status = weft_model_merge(model, error);
    if (status == WEFT_OK && settings.deterministic >= 0) {
        model->info.deterministic = settings.deterministic != 0;
    }
    if (status == WEFT_OK && settings.streaming == 0 && model->info.streaming) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s: weft.streaming is false, but the model answers in parts",
                              model->config->file);
    }
    return status;
}
