/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "model/repository.h"
#include "node/check.h"
#include "node/pipelines.h"
#include "plan/pipeline.h"
#include "plan/yaml_tree.h"
#include "sys/file.h"

/* Names of a directory that one could have meant. */
enum { NAMES_MAX = 4096 };

struct checking {
    const struct weft_cluster *cluster;
    struct weft_diagnostics *diagnostics;
    struct weft_known_models models; /* of all directories together */
    bool models_known;               /* all directories could be read */
    bool nodes_known;                /* the cluster file's own keys are well */
    struct weft_pipeline_set pipelines;
    struct weft_location at; /* of the entry of `pipelines` that is looked at */
    enum weft_status status; /* OUT_OF_MEMORY; what is wrong with the files is in diagnostics */
};

#define COMPLAIN(checking, at, suggestion, ...)                                                    \
    weft_diagnostics_add((checking)->diagnostics, WEFT_SEVERITY_ERROR, at, suggestion, __VA_ARGS__)

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* --- paths --- */

/* A path as it is written in the file: relative to it. */
static const char *as_written(const struct checking *checking, const char *path)
{
    const char *file = checking->diagnostics->file;
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    size_t length = slash != NULL ? (size_t)(slash + 1 - file) : 0;
    return strncmp(path, file != NULL ? file : "", length) == 0 ? path + length : path;
}

/* Without its ending: two short names with the same ending are not alike. */
static char *stem_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strndup(name, dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

/* The name in a directory that is nearest to one that is not there; the caller frees. */
static char *nearest_name(const char *directory, const char *name)
{
    char **names = NULL;
    size_t count = 0;
    if (weft_directory_list(directory, NAMES_MAX, &names, &count, NULL) != WEFT_OK) {
        return NULL;
    }
    const char *near = weft_suggest(name, (const char *const *)names, count);
    cleanup_free char *stem = stem_of(name);
    cleanup_free char *near_stem = near != NULL ? stem_of(near) : NULL;
    bool alike = stem != NULL && near_stem != NULL &&
                 weft_suggest(stem, (const char *const[]){near_stem}, 1) != NULL;
    char *copy = alike ? strdup(near) : NULL;
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    return copy;
}

/* The same for the last part of a path, with what stands in front of it in the file. */
static char *nearest_path(const struct checking *checking, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory =
        slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + (slash == path));
    const char *name = slash != NULL ? slash + 1 : path;
    cleanup_free char *near = directory != NULL ? nearest_name(directory, name) : NULL;
    if (near == NULL) {
        return NULL;
    }
    const char *written = as_written(checking, path);
    cleanup_text struct weft_text text = {0};
    weft_text_append(&text, written, name > written ? (size_t)(name - written) : 0);
    weft_text_append_string(&text, near);
    return weft_text_steal(&text);
}

static bool check_directory(struct checking *checking, const char *path, struct weft_location at,
                            const char *what)
{
    if (is_directory(path)) {
        return true;
    }
    struct stat about;
    cleanup_free char *near = nearest_path(checking, path);
    COMPLAIN(checking, at, near, "the %s directory \"%s\" %s", what, as_written(checking, path),
             stat(path, &about) == 0 ? "is no directory" : "is not there");
    return false;
}

/* --- models --- */

static bool has_model(const struct weft_cluster_node *node, const char *model)
{
    cleanup_text struct weft_text path = {0};
    weft_text_printf(&path, "%s/%s", node->models != NULL ? node->models : "", model);
    return node->models != NULL && !path.failed && is_directory(weft_text_string(&path));
}

/* At its start. */
static bool loads(const struct weft_cluster_node *node, const char *model)
{
    bool named = node->load_all && has_model(node, model);
    for (size_t i = 0; i < node->load.count && !named; i++) {
        named = strcmp(node->load.items[i], model) == 0;
    }
    return named;
}

static void check_load(struct checking *checking, const struct weft_cluster_node *node)
{
    for (size_t i = 0; i < node->load.count; i++) {
        const char *model = node->load.items[i];
        if (!weft_model_name_valid(model)) {
            COMPLAIN(checking, node->load.at[i], NULL,
                     "\"%s\" can't be a model's name: no '/', no leading dot", model);
        } else if (!has_model(node, model)) {
            cleanup_free char *near = nearest_name(node->models, model);
            COMPLAIN(checking, node->load.at[i], near, "there is no model \"%s\" in \"%s\"", model,
                     as_written(checking, node->models));
        }
    }
}

static void check_models(struct checking *checking, const struct weft_cluster_node *node)
{
    cleanup_error struct weft_error *error = NULL;
    if (node->models == NULL) {
        checking->models_known = checking->models_known && checking->nodes_known;
        return;
    }
    for (const struct weft_cluster_node *other = checking->cluster->nodes; other < node; other++) {
        if (other->models != NULL && strcmp(other->models, node->models) == 0) {
            if (is_directory(node->models)) {
                check_load(checking, node); /* the directory itself has been looked at */
            }
            return;
        }
    }
    if (!check_directory(checking, node->models, node->models_at, "models")) {
        checking->models_known = false;
        return;
    }
    enum weft_status status = weft_known_models_read(&checking->models, node->models, &error);
    if (status == WEFT_OUT_OF_MEMORY) {
        checking->status = status;
    } else if (status != WEFT_OK) {
        char text[512];
        weft_error_format(error, text, sizeof(text));
        COMPLAIN(checking, node->models_at, NULL, "%s", text);
    }
    check_load(checking, node);
}

/* --- pipelines --- */

static bool fits(const struct weft_cluster_node *node, const struct weft_pipeline_step *step)
{
    const struct weft_needs *needs = &step->needs;
    if ((step->node != NULL && strcmp(step->node, node->name) != 0) ||
        (node->slots > 0 && needs->slots > node->slots) ||
        (node->memory_bytes > 0 && needs->memory_bytes > node->memory_bytes)) {
        return false;
    }
    for (size_t i = 0; i < needs->tags_count; i++) {
        bool has = false;
        for (size_t k = 0; k < node->tags.count && !has; k++) {
            has = strcmp(node->tags.items[k], needs->tags[i]) == 0;
        }
        if (!has) {
            return false;
        }
    }
    return true;
}

/* Where in the cluster a step could run, as its nodes are at their start. */
static void check_step(const struct checking *checking, const struct weft_pipeline_step *step,
                       struct weft_diagnostics *findings)
{
    const struct weft_cluster *cluster = checking->cluster;
    const char *names[WEFT_CLUSTER_NODES_MAX];
    bool join = weft_pipeline_step_is_join(step);
    bool pinned = step->node == NULL;
    bool loaded = join;
    bool fitting = false;
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        const struct weft_cluster_node *node = &cluster->nodes[i];
        bool has = join || loads(node, step->model);
        names[i] = node->name;
        pinned = pinned || strcmp(step->node, node->name) == 0;
        loaded = loaded || has;
        fitting = fitting || (has && fits(node, step));
    }
    if (!pinned) {
        weft_diagnostics_add(findings, WEFT_SEVERITY_ERROR, step->at,
                             weft_suggest(step->node, names, cluster->nodes_count),
                             "step \"%s\" is for node \"%s\", which the cluster does not have",
                             step->name, step->node);
    } else if (!loaded && weft_known_models_has(&checking->models, step->model)) {
        weft_diagnostics_add(findings, WEFT_SEVERITY_WARNING, step->model_at, NULL,
                             "no node of the cluster loads model \"%s\" at its start", step->model);
    } else if (loaded && !fitting) {
        weft_diagnostics_add(findings, WEFT_SEVERITY_ERROR, step->at, NULL,
                             "no node of the cluster has what step \"%s\" asks for: its model, "
                             "and its node, slots, memory and tags",
                             step->name);
    }
}

/* Findings of a pipeline's file, each told where the cluster file names it. */
static void take_over(struct checking *checking, const char *path,
                      struct weft_diagnostics *findings)
{
    weft_diagnostics_sort(findings);
    for (size_t i = 0; i < findings->count; i++) {
        const struct weft_diagnostic *item = &findings->items[i];
        char place[32] = "";
        if (item->at.line > 0) {
            snprintf(place, sizeof(place), ":%u:%u", item->at.line, item->at.column);
        }
        weft_diagnostics_add(checking->diagnostics, item->severity, checking->at, item->suggestion,
                             "%s%s: %s", as_written(checking, path), place, item->message);
    }
    checking->diagnostics->failed |= findings->failed;
}

static void check_pipeline_file(void *context, const char *path)
{
    struct checking *checking = context;
    cleanup_free char *text = NULL;
    cleanup_error struct weft_error *error = NULL;
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    cleanup_diagnostics struct weft_diagnostics findings;
    weft_diagnostics_init(&findings, path);
    enum weft_status status = weft_file_read_text(path, WEFT_YAML_SIZE_MAX_BYTES, &text, &error);
    if (status == WEFT_OK) {
        status = weft_check_pipeline(text, checking->models_known ? &checking->models : NULL,
                                     &findings, &pipeline, &error);
    }
    for (size_t i = 0; checking->nodes_known && pipeline != NULL && i < pipeline->steps_count;
         i++) {
        check_step(checking, &pipeline->steps[i], &findings);
    }
    take_over(checking, path, &findings);
    if (status == WEFT_OK) {
        status = weft_pipeline_set_add(&checking->pipelines, pipeline, as_written(checking, path),
                                       &error);
        pipeline = status == WEFT_OK ? NULL : pipeline;
    }
    if (status == WEFT_OUT_OF_MEMORY) {
        checking->status = status;
    } else if (status != WEFT_OK && findings.errors == 0) {
        char sentence[512];
        weft_error_format(error, sentence, sizeof(sentence));
        COMPLAIN(checking, checking->at, NULL, "%s", sentence);
    }
}

static void check_pipelines(struct checking *checking)
{
    const struct weft_strings *pipelines = &checking->cluster->pipelines;
    for (size_t i = 0; i < pipelines->count; i++) {
        cleanup_error struct weft_error *error = NULL;
        const char *path = pipelines->items[i];
        checking->at = pipelines->at[i];
        enum weft_status status = weft_pipeline_files(path, check_pipeline_file, checking, &error);
        if (status == WEFT_NOT_FOUND) {
            cleanup_free char *near = nearest_path(checking, path);
            COMPLAIN(checking, checking->at, near, "the pipeline file \"%s\" is not there",
                     as_written(checking, path));
        } else if (status != WEFT_OK) {
            char sentence[512];
            weft_error_format(error, sentence, sizeof(sentence));
            COMPLAIN(checking, checking->at, NULL, "%s", sentence);
        }
    }
}

enum weft_status weft_check_cluster(const struct weft_cluster *cluster,
                                    struct weft_diagnostics *diagnostics, struct weft_error **error)
{
    struct checking checking = {.cluster = cluster,
                                .diagnostics = diagnostics,
                                .models_known =
                                    diagnostics->errors == 0 || cluster->nodes_count > 0,
                                .nodes_known = diagnostics->errors == 0};
    if (cluster->plugins != NULL) {
        (void)check_directory(&checking, cluster->plugins, cluster->plugins_at, "plugins");
    }
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        check_models(&checking, &cluster->nodes[i]);
    }
    check_pipelines(&checking);
    weft_known_models_fini(&checking.models);
    weft_pipeline_set_fini(&checking.pipelines);
    weft_diagnostics_sort(diagnostics);
    return checking.status == WEFT_OK ? weft_diagnostics_status(diagnostics, error)
                                      : weft_error_set_out_of_memory(error);
}
