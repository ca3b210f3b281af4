/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pipelines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/cluster.h"
#include "plan/pipeline.h"
#include "plan/yaml_tree.h"
#include "sys/file.h"

/* Files of one directory: more than a gateway may have pipelines, for there are other files. */
enum { FILES_MAX = 16384 };

static bool is_pipeline_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

enum weft_status weft_pipeline_set_add(struct weft_pipeline_set *set,
                                       struct weft_pipeline *take_pipeline, const char *path,
                                       struct weft_error **error)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i] != NULL && strcmp(set->items[i]->name, take_pipeline->name) == 0) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s names its pipeline \"%s\", as another file does", path,
                                  take_pipeline->name);
        }
    }
    struct weft_pipeline **items =
        realloc(set->items, (set->count + 1) * sizeof(struct weft_pipeline *));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    set->items = items;
    items[set->count++] = take_pipeline;
    return WEFT_OK;
}

static enum weft_status load_file(struct weft_pipeline_set *set, const char *path,
                                  struct weft_text *findings, struct weft_error **error)
{
    cleanup_free char *text = NULL;
    enum weft_status status = weft_file_read_text(path, WEFT_YAML_SIZE_MAX_BYTES, &text, error);
    if (status != WEFT_OK) {
        return status;
    }
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    weft_diagnostics_init(&diagnostics, path);
    status = weft_pipeline_parse(text, strlen(text), &diagnostics, &pipeline, error);
    weft_diagnostics_sort(&diagnostics);
    weft_diagnostics_format(&diagnostics, findings);
    if (status == WEFT_OK) {
        status = weft_pipeline_set_add(set, pipeline, path, error);
    }
    if (status == WEFT_OK) {
        pipeline = NULL;
    }
    return status;
}

enum weft_status weft_pipeline_files(const char *path,
                                     void (*file)(void *context, const char *path), void *context,
                                     struct weft_error **error)
{
    struct stat about;
    char **names = NULL;
    size_t count = 0;
    if (stat(path, &about) != 0) {
        return weft_error_set(error, errno == ENOENT ? WEFT_NOT_FOUND : WEFT_PERMISSION_DENIED,
                              "%s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(about.st_mode)) {
        file(context, path);
        return WEFT_OK;
    }
    enum weft_status status = weft_directory_list(path, FILES_MAX, &names, &count, error);
    for (size_t i = 0; i < count; i++) {
        cleanup_text struct weft_text name = {0};
        weft_text_printf(&name, "%s/%s", path, names[i]);
        if (name.failed && status == WEFT_OK) {
            status = weft_error_set_out_of_memory(error);
        } else if (status == WEFT_OK && is_pipeline_file(names[i])) {
            file(context, weft_text_string(&name));
        }
        free(names[i]);
    }
    free(names);
    return status;
}

struct loading {
    struct weft_pipeline_set *set;
    struct weft_text *findings;
    enum weft_status status;
    struct weft_error *error;
};

/* All files are looked at, so that one run tells all that is wrong; the first error counts. */
static void load_one(void *context, const char *path)
{
    struct loading *loading = context;
    cleanup_error struct weft_error *problem = NULL;
    enum weft_status status = load_file(loading->set, path, loading->findings, &problem);
    if (status != WEFT_OK && loading->status == WEFT_OK) {
        loading->status = status;
        loading->error = steal(&problem);
    }
}

enum weft_status weft_pipeline_set_load(struct weft_pipeline_set *set, const char *path,
                                        struct weft_text *findings, struct weft_error **error)
{
    struct loading loading = {.set = set, .findings = findings};
    enum weft_status status = weft_pipeline_files(path, load_one, &loading, error);
    if (status == WEFT_OK && loading.status != WEFT_OK && error != NULL) {
        *error = steal(&loading.error);
    }
    weft_error_unref(loading.error);
    return status == WEFT_OK ? loading.status : status;
}

static bool has_node(const struct weft_cluster *cluster, const char *name)
{
    bool has = false;
    for (size_t i = 0; i < cluster->nodes_count && !has; i++) {
        has = strcmp(cluster->nodes[i].name, name) == 0;
    }
    return has;
}

void weft_pipeline_set_check_nodes(const struct weft_pipeline_set *set,
                                   const struct weft_cluster *cluster, struct weft_text *findings)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct weft_pipeline *pipeline = set->items[i];
        for (size_t k = 0; k < pipeline->steps_count; k++) {
            const struct weft_pipeline_step *step = &pipeline->steps[k];
            if (step->node != NULL && !has_node(cluster, step->node)) {
                weft_text_printf(findings,
                                 "warning: pipeline \"%s\" can't run: its step \"%s\" is for node "
                                 "\"%s\", which is not started\n",
                                 pipeline->name, step->name, step->node);
            }
        }
    }
}

const char *weft_pipeline_set_name(const struct weft_pipeline_set *set, size_t index)
{
    return set->items[index]->name;
}

void weft_pipeline_set_fini(struct weft_pipeline_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        weft_pipeline_free(set->items[i]);
    }
    free(set->items);
    *set = (struct weft_pipeline_set){0};
}
