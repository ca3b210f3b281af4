/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/repository_parts.h"

/*
 * What a load does on a loader's thread.
 */

static void set_current(struct operation *operation, struct weft_model *model)
{
    struct weft_repository *repository = operation->repository;
    pthread_mutex_lock(&repository->lock);
    bool left = repository->left;
    operation->current = model;
    pthread_mutex_unlock(&repository->lock);
    while (left) {
        pause(); /* as weft_model_pass */
    }
}

void weft_operation_pass(struct operation *operation)
{
    struct weft_repository *repository = operation->repository;
    pthread_mutex_lock(&repository->lock);
    bool left = repository->left;
    repository->passed += !left;
    pthread_mutex_unlock(&repository->lock);
    while (left) {
        pause();
    }
}

void weft_operation_passed(struct operation *operation)
{
    pthread_mutex_lock(&operation->repository->lock);
    operation->repository->passed--;
    pthread_mutex_unlock(&operation->repository->lock);
}

static enum weft_status load_version(struct operation *operation, uint64_t version,
                                     struct weft_error **error)
{
    struct weft_repository *repository = operation->repository;
    cleanup_free char *directory = NULL;
    struct weft_model_source source = {
        .name = operation->name,
        .version = version,
        .state_directory = repository->state_directory,
        .config = operation->files.config,
        .generation = operation->generation,
        .home = {.loop = repository->options.loop,
                 .log = repository->options.log,
                 .pool = repository->options.pool,
                 .loaders = repository->loaders,
                 .changed = weft_repository_model_changed,
                 .gone = weft_repository_model_gone,
                 .context = repository},
    };
    enum weft_status status =
        weft_source_plugin(&operation->files, version, repository->plugins,
                           repository->plugin_directory, &directory, &source.plugin, error);
    source.directory = directory;
    struct weft_model *model = NULL;
    if (status == WEFT_OK) {
        status = weft_model_make(&source, &model, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    set_current(operation, model);
    status = weft_model_load(model, error);
    if (status != WEFT_OK) {
        weft_model_unload(model);
    }
    set_current(operation, NULL);
    if (status != WEFT_OK) {
        weft_model_discard(model);
        return status;
    }
    operation->models[operation->models_count++] = model;
    return WEFT_OK;
}

/* The plugin's part of what was loaded before another version failed. */
static void take_back(struct operation *operation)
{
    while (operation->models_count > 0) {
        struct weft_model *model = operation->models[--operation->models_count];
        set_current(operation, model);
        weft_model_unload(model);
        set_current(operation, NULL);
        weft_model_discard(model);
    }
}

void weft_operation_load(struct weft_job *job)
{
    struct operation *operation = weft_list_entry(job, struct operation, job);
    enum weft_status status = weft_model_files_read(
        &operation->files, operation->repository->directory, operation->name, &operation->error);
    for (size_t i = 0; status == WEFT_OK && i < operation->files.chosen_count; i++) {
        status = load_version(operation, operation->files.chosen[i], &operation->error);
        if (status != WEFT_OK) {
            (void)weft_error_wrap(&operation->error, status,
                                  "version %" PRIu64 " of model \"%s\" can't be loaded",
                                  operation->files.chosen[i], operation->name);
        }
    }
    if (status != WEFT_OK) {
        take_back(operation);
    }
    weft_operation_pass(operation);
}
