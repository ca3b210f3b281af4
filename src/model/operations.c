/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "model/repository_parts.h"

/*
 * Loads and unloads. Those of one model stand in its entry's list and run one after the other; a
 * load reads and makes everything on a loader's thread and then takes its place in one step.
 */

static void end_operation(struct operation *operation);

/* --- models that come and go --- */

void weft_repository_model_changed(void *context, struct weft_model *model)
{
    (void)model;
    weft_repository_changed(context);
}

void weft_repository_drop(struct weft_repository *repository, struct version *version)
{
    if (version->model == NULL) {
        return;
    }
    struct weft_model *model = steal(&version->model);
    model->dropped = true;
    version->draining++;
    weft_model_drain(model, false);
    weft_repository_changed(repository);
}

void weft_repository_model_gone(void *context, struct weft_model *model)
{
    struct weft_repository *repository = context;
    struct entry *entry = weft_repository_entry_find(repository, model->info.name);
    weft_assert(entry != NULL && entry->alive > 0);
    entry->alive--;
    for (size_t i = 0; model->dropped && i < entry->versions_count; i++) {
        entry->versions[i].draining -= entry->versions[i].number == model->version;
    }
    weft_entry_forget_versions(entry);
    weft_list_remove(&model->home_link);
    weft_model_unref(model);
    struct weft_list *link = weft_list_first(&entry->operations);
    struct operation *operation =
        link != NULL ? weft_list_entry(link, struct operation, link) : NULL;
    if (operation != NULL && operation->started && operation->kind == OPERATION_UNLOAD &&
        entry->alive == 0) {
        end_operation(operation);
    } else {
        weft_repository_entry_tidy(repository, entry);
    }
    weft_repository_changed(repository);
    weft_repository_close_soon(repository);
}

/* --- an operation's life --- */

static void operation_free(struct operation *operation)
{
    weft_deferred_cancel(&operation->start);
    weft_model_files_fini(&operation->files);
    weft_error_unref(operation->error);
    for (size_t i = 0; i < operation->names_count; i++) {
        free(operation->names[i]);
    }
    free(operation->names);
    free(operation->name);
    free(operation);
}

static void start_operation(void *context);

static struct operation *operation_new(struct weft_repository *repository, struct entry *entry,
                                       enum operation_kind kind)
{
    struct operation *operation = calloc(1, sizeof(*operation));
    if (operation == NULL) {
        return NULL;
    }
    operation->repository = repository;
    operation->entry = entry;
    operation->kind = kind;
    weft_deferred_init(&operation->start, start_operation, operation);
    if (entry != NULL && (operation->name = strdup(entry->name)) == NULL) {
        free(operation);
        return NULL;
    }
    return operation;
}

static void enqueue(struct operation *operation)
{
    struct weft_repository *repository = operation->repository;
    repository->operations_count++;
    weft_list_append(&repository->operations, &operation->whole);
    weft_list_init(&operation->link);
    bool first = true;
    if (operation->entry != NULL) {
        first = weft_list_is_empty(&operation->entry->operations);
        weft_list_append(&operation->entry->operations, &operation->link);
    }
    if (first) {
        weft_loop_defer(repository->options.loop, &operation->start);
    }
}

static void batch_ended(struct batch *batch, struct weft_error *error)
{
    if (error != NULL && batch->error == NULL) {
        batch->error = weft_error_ref(error);
    }
    if (--batch->remaining > 0) {
        return;
    }
    if (batch->done != NULL) {
        batch->done(batch->context, batch->error);
    }
    weft_error_unref(batch->error);
    free(batch);
}

/* Tells the caller, and lets the entry's next begin. */
static void end_operation(struct operation *operation)
{
    struct weft_repository *repository = operation->repository;
    struct entry *entry = operation->entry;
    weft_list_remove(&operation->link);
    weft_list_remove(&operation->whole);
    repository->operations_count--;
    if (entry != NULL) {
        struct weft_list *link = weft_list_first(&entry->operations);
        if (link != NULL) {
            weft_loop_defer(repository->options.loop,
                            &weft_list_entry(link, struct operation, link)->start);
        }
        weft_repository_entry_tidy(repository, entry);
    }
    weft_repository_changed(repository);
    weft_repository_close_soon(repository);
    if (operation->batch != NULL) {
        batch_ended(operation->batch, operation->error);
    } else if (operation->done != NULL) {
        operation->done(operation->context, operation->error);
    }
    operation_free(operation);
}

void weft_repository_cancel_operations(struct weft_repository *repository)
{
    struct weft_list *link = repository->operations.next;
    while (link != &repository->operations) {
        struct operation *operation = weft_list_entry(link, struct operation, whole);
        link = link->next;
        if (!operation->started) {
            (void)weft_error_set(&operation->error, WEFT_CANCELLED, "the node is ending");
            operation->started = true; /* a deferred start finds nothing to do */
            weft_deferred_cancel(&operation->start);
            end_operation(operation);
            link = repository->operations.next; /* `done` may have done much */
        }
    }
}

void weft_repository_leave_operations(struct weft_repository *repository)
{
    struct weft_list *link = NULL;
    while ((link = weft_list_first(&repository->operations)) != NULL) {
        struct operation *operation = weft_list_entry(link, struct operation, whole);
        struct weft_error *error = NULL;
        (void)weft_error_set(&error, WEFT_UNAVAILABLE, "model \"%s\" is stuck, and left behind",
                             operation->name != NULL ? operation->name : "");
        weft_list_remove(&operation->link);
        weft_list_remove(&operation->whole);
        if (operation->batch != NULL) {
            batch_ended(operation->batch, error);
        } else if (operation->done != NULL) {
            operation->done(operation->context, error);
        }
        weft_error_unref(error);
        if (operation->kind == OPERATION_UNLOAD) { /* others are on a loader's stack */
            operation_free(operation);
        }
    }
}

/* --- load: back on the loop --- */

/* From here on the models are the repository's, and go by its way only. */
static enum weft_status adopt(struct operation *operation, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; i < operation->models_count; i++) {
        struct weft_model *model = operation->models[i];
        enum weft_status started = weft_model_start(model, status == WEFT_OK ? error : NULL);
        status = status == WEFT_OK ? started : status;
        weft_list_append(&operation->repository->models, &model->home_link);
        operation->entry->alive++;
    }
    return status;
}

static enum weft_status take_place(struct operation *operation, struct weft_error **error)
{
    struct weft_repository *repository = operation->repository;
    struct entry *entry = operation->entry;
    const struct weft_model_files *files = &operation->files;
    if (!weft_entry_set_versions(entry, files->versions, files->versions_count)) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < entry->versions_count; i++) {
        weft_repository_drop(repository, &entry->versions[i]);
    }
    for (size_t i = 0; i < operation->models_count; i++) {
        struct weft_model *model = operation->models[i];
        struct version *version = weft_entry_version(entry, model->version);
        weft_assert(version != NULL); /* it is one of those on the disk */
        version->model = model;
        weft_log(repository->options.log, WEFT_LOG_INFO, NULL,
                 "model %s version %s is ready (%s, %u instances)", entry->name,
                 model->info.version, model->plugin->name, model->config->instances);
    }
    return WEFT_OK;
}

static void set_reason(struct entry *entry, const struct weft_error *error, const char *words)
{
    char text[1024];
    if (error != NULL) {
        weft_error_format(error, text, sizeof(text));
        words = text;
    }
    free(entry->reason);
    entry->reason = words != NULL ? strdup(words) : NULL;
}

static void log_lines(const struct weft_repository *repository, char *lines)
{
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        weft_log(repository->options.log, WEFT_LOG_WARNING, NULL, "%s", line);
    }
}

static void load_ended(struct operation *operation)
{
    struct weft_repository *repository = operation->repository;
    struct entry *entry = operation->entry;
    entry->loading = false;
    if (operation->files.warnings.data != NULL) {
        log_lines(repository, operation->files.warnings.data);
    }
    enum weft_status status = weft_error_status(operation->error);
    if (status == WEFT_OK) {
        status = adopt(operation, &operation->error);
        if (status == WEFT_OK && repository->closing) {
            status = weft_error_set(&operation->error, WEFT_CANCELLED, "the node is ending");
        }
        if (status == WEFT_OK) {
            status = take_place(operation, &operation->error);
        }
        for (size_t i = 0; status != WEFT_OK && i < operation->models_count; i++) {
            weft_model_drain(operation->models[i], true);
        }
    }
    entry->on_disk = weft_source_exists(repository->directory, entry->name);
    set_reason(entry, operation->error, NULL);
    if (status != WEFT_OK) {
        char text[1024];
        weft_error_format(operation->error, text, sizeof(text));
        weft_log(repository->options.log, WEFT_LOG_ERROR, NULL, "model %s is not loaded: %s",
                 entry->name, text);
        (void)!weft_entry_set_versions(entry, operation->files.versions,
                                       operation->files.versions_count);
    }
    end_operation(operation);
}

static void load_done(struct weft_job *job, bool cancelled)
{
    struct operation *operation = weft_list_entry(job, struct operation, job);
    if (cancelled) {
        (void)weft_error_set(&operation->error, WEFT_CANCELLED, "the node is ending");
    } else {
        weft_operation_passed(operation);
    }
    load_ended(operation);
}

/* --- scan --- */

static void scan_run(struct weft_job *job)
{
    struct operation *operation = weft_list_entry(job, struct operation, job);
    (void)!weft_source_names(operation->repository->directory, &operation->names,
                             &operation->names_count, &operation->error);
    weft_operation_pass(operation);
}

static struct operation *scanned(struct operation *scan, const char *name)
{
    struct entry *entry = weft_repository_entry_find(scan->repository, name);
    if (entry == NULL) {
        entry = weft_repository_entry_add(scan->repository, name);
    }
    if (entry == NULL) {
        return NULL;
    }
    entry->on_disk = true;
    return operation_new(scan->repository, entry, OPERATION_LOAD);
}

static void forget_missing(struct weft_repository *repository)
{
    struct entry *entry = NULL;
    struct entry *next = NULL;
    HASH_ITER (hh, repository->entries, entry, next) {
        weft_repository_entry_tidy(repository, entry);
    }
}

/* The scan's own place in the batch is given up last, so that it ends once. */
static void load_scanned(struct operation *scan)
{
    struct weft_repository *repository = scan->repository;
    for (struct entry *entry = repository->entries; entry != NULL; entry = entry->hh.next) {
        entry->on_disk = false;
    }
    for (size_t i = 0; i < scan->names_count; i++) {
        struct operation *operation = scanned(scan, scan->names[i]);
        if (operation == NULL) {
            (void)weft_error_set_out_of_memory(&scan->error);
            continue;
        }
        operation->batch = scan->batch;
        scan->batch->remaining++;
        enqueue(operation);
    }
    forget_missing(repository);
}

static void scan_done(struct weft_job *job, bool cancelled)
{
    struct operation *operation = weft_list_entry(job, struct operation, job);
    if (!cancelled) {
        weft_operation_passed(operation);
    }
    if (operation->repository->closing) {
        (void)weft_error_set(&operation->error, WEFT_CANCELLED, "the node is ending");
    } else if (operation->error == NULL) {
        load_scanned(operation);
    }
    end_operation(operation);
}

/* --- starting --- */

static void start_unload(struct operation *operation)
{
    struct weft_repository *repository = operation->repository;
    struct entry *entry = operation->entry;
    bool any = false;
    for (size_t i = 0; i < entry->versions_count; i++) {
        any = any || entry->versions[i].model != NULL;
        weft_repository_drop(repository, &entry->versions[i]);
    }
    if (any) {
        set_reason(entry, NULL, "unloaded");
        return;
    }
    (void)weft_error_set(&operation->error, WEFT_FAILED_PRECONDITION, "model \"%s\" is not loaded",
                         entry->name);
    end_operation(operation);
}

static void start_operation(void *context)
{
    struct operation *operation = context;
    struct weft_repository *repository = operation->repository;
    operation->started = true;
    if (operation->kind == OPERATION_UNLOAD) {
        start_unload(operation);
        return;
    }
    bool scan = operation->kind == OPERATION_SCAN;
    operation->job.run = scan ? scan_run : weft_operation_load;
    operation->job.done = scan ? scan_done : load_done;
    if (!scan) {
        operation->entry->loading = true;
        operation->generation = ++operation->entry->loads;
    }
    weft_repository_changed(repository);
    if (weft_executor_submit(repository->loaders, &operation->job, &operation->error) != WEFT_OK) {
        if (!scan) {
            operation->entry->loading = false;
        }
        end_operation(operation);
    }
}

static enum weft_status admit(const struct weft_repository *repository, struct weft_error **error)
{
    if (repository->closing) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "the node is ending");
    }
    if (repository->operations_count >= WEFT_REPOSITORY_OPERATIONS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "%d loads and unloads wait already",
                              WEFT_REPOSITORY_OPERATIONS_MAX);
    }
    return WEFT_OK;
}

static enum weft_status find_entry(struct weft_repository *repository, const char *name, bool load,
                                   struct entry **ret_entry, struct weft_error **error)
{
    if (!weft_model_name_valid(name)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "this can't be a model's name: 1 to %d bytes of UTF-8 without '/', "
                              "control characters or a leading dot",
                              WEFT_NAME_MAX);
    }
    struct entry *entry = weft_repository_entry_find(repository, name);
    if (entry == NULL && load && weft_source_exists(repository->directory, name)) {
        if (HASH_COUNT(repository->entries) >= WEFT_REPOSITORY_MODELS_MAX) {
            return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d models",
                                  WEFT_REPOSITORY_MODELS_MAX);
        }
        entry = weft_repository_entry_add(repository, name);
        if (entry == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        entry->on_disk = true;
    }
    if (entry == NULL) {
        return weft_repository_say_unknown(repository, name, error);
    }
    *ret_entry = entry;
    return WEFT_OK;
}

static enum weft_status operate(struct weft_repository *repository, const char *name,
                                enum operation_kind kind, weft_repository_done *done, void *context,
                                struct weft_error **error)
{
    struct entry *entry = NULL;
    enum weft_status status = admit(repository, error);
    if (status == WEFT_OK) {
        status = find_entry(repository, name, kind == OPERATION_LOAD, &entry, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    struct operation *operation = operation_new(repository, entry, kind);
    if (operation == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    operation->done = done;
    operation->context = context;
    enqueue(operation);
    return WEFT_OK;
}

enum weft_status weft_repository_load(struct weft_repository *repository, const char *name,
                                      weft_repository_done *done, void *context,
                                      struct weft_error **error)
{
    return operate(repository, name, OPERATION_LOAD, done, context, error);
}

enum weft_status weft_repository_unload(struct weft_repository *repository, const char *name,
                                        weft_repository_done *done, void *context,
                                        struct weft_error **error)
{
    return operate(repository, name, OPERATION_UNLOAD, done, context, error);
}

enum weft_status weft_repository_load_all(struct weft_repository *repository,
                                          weft_repository_done *done, void *context,
                                          struct weft_error **error)
{
    enum weft_status status = admit(repository, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct operation *scan = operation_new(repository, NULL, OPERATION_SCAN);
    struct batch *batch = calloc(1, sizeof(*batch));
    if (scan == NULL || batch == NULL) {
        free(scan);
        free(batch);
        return weft_error_set_out_of_memory(error);
    }
    *batch = (struct batch){.remaining = 1, .done = done, .context = context};
    scan->batch = batch;
    enqueue(scan);
    return WEFT_OK;
}
