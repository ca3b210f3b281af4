/* SPDX-License-Identifier: Apache-2.0 */
#include "model/repository.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "model/repository_parts.h"

/* Unloads that wait for a loader have been loads before: nothing bounds them but what was loaded.
 */
enum {
    LOADERS_QUEUE_MAX =
        WEFT_REPOSITORY_OPERATIONS_MAX + WEFT_REPOSITORY_MODELS_MAX * WEFT_REPOSITORY_VERSIONS_MAX
};

/* --- entries --- */

struct entry *weft_repository_entry_find(const struct weft_repository *repository, const char *name)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(repository->entries, name, entry);
    return entry;
}

static void entry_free(struct entry *entry)
{
    free(entry->name);
    free(entry->reason);
    free(entry->versions);
    free(entry);
}

struct entry *weft_repository_entry_add(struct weft_repository *repository, const char *name)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL || (entry->name = strdup(name)) == NULL) {
        free(entry);
        return NULL;
    }
    weft_list_init(&entry->operations);
    HASH_ADD_KEYPTR(hh, repository->entries, entry->name, strlen(entry->name), entry);
    if (!weft_map_added(entry)) {
        entry_free(entry);
        return NULL;
    }
    return entry;
}

void weft_repository_entry_tidy(struct weft_repository *repository, struct entry *entry)
{
    if (!entry->on_disk && entry->alive == 0 && weft_list_is_empty(&entry->operations)) {
        HASH_DEL(repository->entries, entry);
        entry_free(entry);
    }
}

struct version *weft_entry_version(struct entry *entry, uint64_t number)
{
    size_t at = 0;
    while (at < entry->versions_count && entry->versions[at].number < number) {
        at++;
    }
    if (at < entry->versions_count && entry->versions[at].number == number) {
        return &entry->versions[at];
    }
    struct version *more =
        realloc(entry->versions, (entry->versions_count + 1) * sizeof(*entry->versions));
    if (more == NULL) {
        return NULL;
    }
    memmove(&more[at + 1], &more[at], (entry->versions_count - at) * sizeof(*more));
    more[at] = (struct version){.number = number};
    entry->versions = more;
    entry->versions_count++;
    return &more[at];
}

void weft_entry_forget_versions(struct entry *entry)
{
    size_t kept = 0;
    for (size_t i = 0; i < entry->versions_count; i++) {
        struct version *version = &entry->versions[i];
        if (version->on_disk || version->model != NULL || version->draining > 0) {
            entry->versions[kept++] = *version;
        }
    }
    entry->versions_count = kept;
}

bool weft_entry_set_versions(struct entry *entry, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < entry->versions_count; i++) {
        entry->versions[i].on_disk = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct version *version = weft_entry_version(entry, numbers[i]);
        if (version == NULL) {
            return false;
        }
        version->on_disk = true;
    }
    weft_entry_forget_versions(entry);
    return true;
}

enum weft_status weft_repository_say_unknown(const struct weft_repository *repository,
                                             const char *name, struct weft_error **error)
{
    size_t count = 0;
    cleanup_free const char **names =
        calloc(HASH_COUNT(repository->entries) + (size_t)1, sizeof(*names));
    for (const struct entry *entry = repository->entries; names != NULL && entry != NULL;
         entry = entry->hh.next) {
        names[count++] = entry->name;
    }
    const char *nearest = weft_suggest(name, names, count);
    return weft_error_set(error, WEFT_NOT_FOUND, "there is no model \"%s\"%s%s%s", name,
                          nearest != NULL ? "; did you mean \"" : "",
                          nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* --- opening --- */

static void tell_changed(void *context)
{
    struct weft_repository *repository = context;
    if (repository->options.on_changed != NULL) {
        repository->options.on_changed(repository->options.context);
    }
}

void weft_repository_changed(struct weft_repository *repository)
{
    weft_loop_defer(repository->options.loop, &repository->changed);
}

static bool copy_path(const char *from, char **ret_to)
{
    *ret_to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *ret_to != NULL;
}

void weft_repository_free(struct weft_repository *repository)
{
    struct entry *entry = NULL;
    struct entry *next = NULL;
    HASH_ITER (hh, repository->entries, entry, next) {
        HASH_DEL(repository->entries, entry);
        entry_free(entry);
    }
    weft_executor_free(repository->loaders);
    weft_plugins_free(repository->plugins);
    pthread_mutex_destroy(&repository->lock);
    free(repository->directory);
    free(repository->plugin_directory);
    free(repository->state_directory);
    free(repository);
}

static struct weft_repository *repository_new(const struct weft_repository_options *options,
                                              struct weft_error **error)
{
    struct weft_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL) {
        (void)weft_error_set_out_of_memory(error);
        return NULL;
    }
    repository->options = *options;
    weft_list_init(&repository->models);
    weft_list_init(&repository->operations);
    weft_deferred_init(&repository->changed, tell_changed, repository);
    pthread_mutex_init(&repository->lock, NULL);
    repository->plugins = weft_plugins_new();
    if (repository->plugins == NULL || !copy_path(options->directory, &repository->directory) ||
        !copy_path(options->plugin_directory, &repository->plugin_directory) ||
        !copy_path(options->state_directory, &repository->state_directory)) {
        (void)weft_error_set_out_of_memory(error);
        weft_repository_free(repository);
        return NULL;
    }
    return repository;
}

static enum weft_status add_found(struct weft_repository *repository, const char *name,
                                  struct weft_error **error)
{
    uint64_t versions[WEFT_REPOSITORY_VERSIONS_MAX];
    size_t count = 0;
    cleanup_free char *path = NULL;
    struct entry *entry = weft_repository_entry_add(repository, name);
    if (entry == NULL || asprintf(&path, "%s/%s", repository->directory, name) < 0) {
        path = NULL;
        return weft_error_set_out_of_memory(error);
    }
    entry->on_disk = true;
    /* What is wrong with it is said when it is loaded. */
    if (weft_source_versions(path, versions, &count, NULL) == WEFT_OK &&
        !weft_entry_set_versions(entry, versions, count)) {
        return weft_error_set_out_of_memory(error);
    }
    return WEFT_OK;
}

static enum weft_status find_all(struct weft_repository *repository, struct weft_error **error)
{
    char **names = NULL;
    size_t count = 0;
    enum weft_status status = weft_source_names(repository->directory, &names, &count, error);
    for (size_t i = 0; i < count; i++) {
        if (status == WEFT_OK) {
            status = add_found(repository, names[i], error);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

enum weft_status weft_repository_open(const struct weft_repository_options *options,
                                      struct weft_repository **ret_repository,
                                      struct weft_error **error)
{
    struct weft_repository *repository = repository_new(options, error);
    if (repository == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    enum weft_status status = find_all(repository, error);
    if (status == WEFT_OK) {
        status = weft_executor_new(options->loop, "model-loader", WEFT_REPOSITORY_LOADERS_MAX,
                                   LOADERS_QUEUE_MAX, &repository->loaders, error);
    }
    if (status != WEFT_OK) {
        weft_repository_free(repository);
        return weft_error_wrap(error, status, "models can't be read");
    }
    *ret_repository = repository;
    return WEFT_OK;
}

/* --- looking --- */

static enum weft_model_state state_of(const struct entry *entry, const struct version *version)
{
    if (version != NULL && version->model != NULL) {
        return WEFT_MODEL_READY;
    }
    if (entry->loading) {
        return WEFT_MODEL_LOADING;
    }
    return version != NULL && version->draining > 0 ? WEFT_MODEL_UNLOADING : WEFT_MODEL_UNAVAILABLE;
}

static enum weft_status say_not_ready(const struct entry *entry, const struct version *version,
                                      struct weft_error **error)
{
    enum weft_model_state state = state_of(entry, version);
    switch (state) {
    case WEFT_MODEL_LOADING:
        return weft_error_set(error, WEFT_UNAVAILABLE, "model \"%s\" is being loaded", entry->name);
    case WEFT_MODEL_UNLOADING:
        return weft_error_set(error, WEFT_UNAVAILABLE, "model \"%s\" is being unloaded",
                              entry->name);
    default:
        return weft_error_set(error, WEFT_UNAVAILABLE, "model \"%s\" is not loaded%s%s",
                              entry->name, entry->reason != NULL ? ": " : "",
                              entry->reason != NULL ? entry->reason : "");
    }
}

static const struct version *highest_ready(const struct entry *entry)
{
    for (size_t i = entry->versions_count; i-- > 0;) {
        if (entry->versions[i].model != NULL) {
            return &entry->versions[i];
        }
    }
    return NULL;
}

static const struct version *named_version(const struct entry *entry, const char *name)
{
    char text[24];
    for (size_t i = 0; i < entry->versions_count; i++) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, entry->versions[i].number);
        if (strcmp(text, name) == 0) {
            return &entry->versions[i];
        }
    }
    return NULL;
}

enum weft_status weft_repository_find(struct weft_repository *repository, const char *name,
                                      const char *version, struct weft_model **ret_model,
                                      struct weft_error **error)
{
    const struct entry *entry = weft_repository_entry_find(repository, name);
    if (entry == NULL) {
        return weft_repository_say_unknown(repository, name, error);
    }
    bool any = version == NULL || version[0] == '\0';
    const struct version *found = any ? highest_ready(entry) : named_version(entry, version);
    if (found == NULL && !any) {
        return weft_error_set(error, WEFT_NOT_FOUND, "model \"%s\" has no version \"%s\"", name,
                              version);
    }
    if (found == NULL || found->model == NULL) {
        const struct version *last =
            entry->versions_count > 0 ? &entry->versions[entry->versions_count - 1] : NULL;
        return say_not_ready(entry, found != NULL ? found : last, error);
    }
    *ret_model = weft_model_ref(found->model);
    return WEFT_OK;
}

static int compare_entries(const struct entry *one, const struct entry *other)
{
    return strcmp(one->name, other->name);
}

enum weft_status weft_repository_ready(struct weft_repository *repository,
                                       struct weft_model ***ret_models, size_t *ret_models_count,
                                       struct weft_error **error)
{
    size_t count = 0;
    size_t capacity = 1;
    HASH_SORT(repository->entries, compare_entries);
    for (const struct entry *entry = repository->entries; entry != NULL; entry = entry->hh.next) {
        capacity += entry->versions_count;
    }
    struct weft_model **models = calloc(capacity, sizeof(struct weft_model *));
    if (models == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (const struct entry *entry = repository->entries; entry != NULL; entry = entry->hh.next) {
        for (size_t i = 0; i < entry->versions_count; i++) {
            if (entry->versions[i].model != NULL) {
                models[count++] = weft_model_ref(entry->versions[i].model);
            }
        }
    }
    *ret_models = models;
    *ret_models_count = count;
    return WEFT_OK;
}

static bool add_line(struct weft_repository_index *index, const struct entry *entry,
                     const struct version *version)
{
    struct weft_repository_entry *line = &index->entries[index->count++];
    char number[24] = "";
    if (version != NULL) {
        (void)snprintf(number, sizeof(number), "%" PRIu64, version->number);
    }
    line->state = state_of(entry, version);
    line->name = strdup(entry->name);
    line->version = strdup(number);
    line->reason =
        strdup(line->state == WEFT_MODEL_UNAVAILABLE && entry->reason != NULL ? entry->reason : "");
    return line->name != NULL && line->version != NULL && line->reason != NULL;
}

static bool add_lines(struct weft_repository_index *index, const struct entry *entry,
                      bool ready_only)
{
    bool fine = true;
    for (size_t i = 0; fine && i < entry->versions_count; i++) {
        if (!ready_only || entry->versions[i].model != NULL) {
            fine = add_line(index, entry, &entry->versions[i]);
        }
    }
    return entry->versions_count > 0 || ready_only ? fine : add_line(index, entry, NULL);
}

enum weft_status weft_repository_index(struct weft_repository *repository, bool ready_only,
                                       struct weft_repository_index *ret_index,
                                       struct weft_error **error)
{
    size_t capacity = 1;
    HASH_SORT(repository->entries, compare_entries);
    for (const struct entry *entry = repository->entries; entry != NULL; entry = entry->hh.next) {
        capacity += entry->versions_count + 1;
    }
    struct weft_repository_index index = {calloc(capacity, sizeof(*index.entries)), 0};
    bool fine = index.entries != NULL;
    for (const struct entry *entry = repository->entries; fine && entry != NULL;
         entry = entry->hh.next) {
        fine = add_lines(&index, entry, ready_only);
    }
    if (!fine) {
        weft_repository_index_fini(&index);
        return weft_error_set_out_of_memory(error);
    }
    *ret_index = index;
    return WEFT_OK;
}

void weft_repository_index_fini(struct weft_repository_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        free(index->entries[i].name);
        free(index->entries[i].version);
        free(index->entries[i].reason);
    }
    free(index->entries);
    *index = (struct weft_repository_index){0};
}

const char *weft_model_state_name(enum weft_model_state state)
{
    static const char *const names[] = {"UNAVAILABLE", "LOADING", "READY", "UNLOADING"};
    return names[state];
}
