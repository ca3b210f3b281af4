/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "join/join.h"
#include "run/run_parts.h"
#include "sched/placement.h"

static void entry_free(struct pipeline_entry *entry)
{
    free(entry->version);
    weft_model_info_fini(&entry->info);
    free(entry);
}

void pipelines_free(struct weft_run *run)
{
    for (size_t i = 0; i < run->pipelines_count; i++) {
        weft_pipeline_free(run->pipelines[i]->pipeline);
        entry_free(run->pipelines[i]);
    }
    free(run->pipelines);
}

void pipeline_released(void *context, const struct weft_pipeline *pipeline)
{
    struct weft_run *run = context;
    outlines_forget(&run->outlines, pipeline);
    weft_pipeline_free((struct weft_pipeline *)pipeline);
}

/* --- the models of the cluster --- */

static const struct weft_model_info *find_model(const struct weft_run *run, const char *name,
                                                const char *version)
{
    const struct weft_model_info *best = NULL;
    for (size_t i = 0; i < weft_gateway_nodes_count(run->gateway); i++) {
        const struct weft_node_info *node = weft_gateway_node_at(run->gateway, i);
        const struct weft_model_info *model =
            node != NULL ? weft_node_find_model(node, name, version) : NULL;
        if (model != NULL && (best == NULL || strtoull(model->version, NULL, 10) >
                                                  strtoull(best->version, NULL, 10))) {
            best = model;
        }
    }
    return best;
}

static size_t models_count(const struct weft_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < weft_gateway_nodes_count(run->gateway); i++) {
        const struct weft_node_info *node = weft_gateway_node_at(run->gateway, i);
        count += node != NULL ? node->models_count : 0;
    }
    return count;
}

/* All models of all nodes; the caller frees the array. NULL if out of memory. */
static const struct weft_model_info **all_models(const struct weft_run *run, size_t *ret_count)
{
    const struct weft_model_info **models = calloc(models_count(run) + 1, sizeof(*models));
    size_t count = 0;
    for (size_t i = 0; models != NULL && i < weft_gateway_nodes_count(run->gateway); i++) {
        const struct weft_node_info *node = weft_gateway_node_at(run->gateway, i);
        for (size_t model = 0; node != NULL && model < node->models_count; model++) {
            models[count++] = &node->models[model];
        }
    }
    *ret_count = count;
    return models;
}

/* --- what can be called --- */

static struct pipeline_entry *find_entry(const struct weft_run *run, const char *name,
                                         bool implicit, const char *version)
{
    for (size_t i = 0; i < run->pipelines_count; i++) {
        struct pipeline_entry *entry = run->pipelines[i];
        if (entry->implicit == implicit && strcmp(entry->pipeline->name, name) == 0 &&
            (!implicit || strcmp(entry->version, version) == 0)) {
            return entry;
        }
    }
    return NULL;
}

/* Requests under way keep the pipeline; only its name is forgotten, and made anew when asked for.
 */
static enum weft_status evict(struct weft_run *run, size_t index, struct weft_error **error)
{
    struct pipeline_entry *entry = run->pipelines[index];
    enum weft_status status = weft_gateway_forget(run->gateway, entry->pipeline, error);
    if (status == WEFT_OK) {
        run->pipelines_count--;
        memmove(&run->pipelines[index], &run->pipelines[index + 1],
                (run->pipelines_count - index) * sizeof(struct pipeline_entry *));
        entry_free(entry);
        pump_soon(run);
    }
    return status;
}

static enum weft_status make_room(struct weft_run *run, struct weft_error **error)
{
    size_t oldest = run->pipelines_count;
    for (size_t i = 0; i < run->pipelines_count; i++) {
        const struct pipeline_entry *entry = run->pipelines[i];
        if (entry->implicit &&
            (oldest == run->pipelines_count || entry->used < run->pipelines[oldest]->used)) {
            oldest = i;
        }
    }
    if (oldest < run->pipelines_count) {
        return evict(run, oldest, error);
    }
    return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                          "the node has %zu pipelines already, which is the limit",
                          run->options.pipelines_max);
}

static enum weft_status add_entry(struct weft_run *run, struct pipeline_entry *take_entry,
                                  struct weft_error **error)
{
    enum weft_status status =
        run->pipelines_count >= run->options.pipelines_max ? make_room(run, error) : WEFT_OK;
    if (status != WEFT_OK) {
        return status;
    }
    struct pipeline_entry **entries =
        realloc(run->pipelines, (run->pipelines_count + 1) * sizeof(struct pipeline_entry *));
    if (entries == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    run->pipelines = entries;
    entries[run->pipelines_count++] = take_entry;
    return WEFT_OK;
}

static enum weft_status replace(struct weft_run *run, struct pipeline_entry *entry,
                                struct weft_pipeline *take_pipeline, struct weft_error **error)
{
    (void)come_in(run);
    enum weft_status status = weft_gateway_forget(run->gateway, entry->pipeline, error);
    if (status == WEFT_OK) {
        entry->pipeline = take_pipeline;
        pump_soon(run);
    }
    return status;
}

enum weft_status weft_run_add_pipeline(struct weft_run *run, struct weft_pipeline *take_pipeline,
                                       struct weft_error **error)
{
    if (strlen(take_pipeline->version) > WEFT_NAME_MAX) { /* no node could be told */
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the version of pipeline \"%s\" is longer than %d bytes",
                              take_pipeline->name, WEFT_NAME_MAX);
    }
    struct pipeline_entry *entry = find_entry(run, take_pipeline->name, false, NULL);
    if (entry != NULL) {
        return replace(run, entry, take_pipeline, error);
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = add_entry(run, entry, error);
    if (status != WEFT_OK) {
        free(entry);
        return status;
    }
    entry->pipeline = take_pipeline;
    return WEFT_OK;
}

static bool tensors_equal(const struct weft_model_tensor *a, size_t a_count,
                          const struct weft_model_tensor *b, size_t b_count)
{
    bool equal = a_count == b_count;
    for (size_t i = 0; equal && i < a_count; i++) {
        equal = strcmp(a[i].name, b[i].name) == 0 && a[i].datatype == b[i].datatype &&
                a[i].optional == b[i].optional && weft_shape_equal(&a[i].shape, &b[i].shape);
    }
    return equal;
}

static bool infos_equal(const struct weft_model_info *a, const struct weft_model_info *b)
{
    return strcmp(a->version, b->version) == 0 &&
           tensors_equal(a->inputs, a->inputs_count, b->inputs, b->inputs_count) &&
           tensors_equal(a->outputs, a->outputs_count, b->outputs, b->outputs_count);
}

/* The implicit pipeline of a model, made anew where the model's tensors are others than they were.
 */
static enum weft_status implicit_pipeline(struct weft_run *run, const struct weft_model_info *model,
                                          const char *version, struct weft_pipeline **ret_pipeline,
                                          struct weft_error **error)
{
    struct pipeline_entry *entry = find_entry(run, model->name, true, version);
    if (entry != NULL && infos_equal(&entry->info, model)) {
        entry->seen = run->cluster_version;
        entry->used = ++run->pipelines_used;
        *ret_pipeline = entry->pipeline;
        return WEFT_OK;
    }
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    struct weft_model_info copy;
    enum weft_status status = weft_pipeline_for_model(model, &pipeline, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (!weft_model_info_copy(model, &copy)) {
        return weft_error_set_out_of_memory(error);
    }
    if (entry != NULL) {
        status = replace(run, entry, pipeline, error);
        if (status == WEFT_OK) {
            weft_model_info_fini(&entry->info);
            entry->info = copy;
        }
    } else {
        entry = calloc(1, sizeof(*entry));
        char *version_copy = strdup(version);
        if (entry == NULL || version_copy == NULL) {
            free(entry);
            free(version_copy);
            weft_model_info_fini(&copy);
            return weft_error_set_out_of_memory(error);
        }
        *entry = (struct pipeline_entry){
            .pipeline = pipeline, .implicit = true, .version = version_copy, .info = copy};
        status = add_entry(run, entry, error);
        if (status != WEFT_OK) {
            entry_free(entry);
            return status;
        }
    }
    if (status != WEFT_OK) {
        weft_model_info_fini(&copy);
        return status;
    }
    entry->seen = run->cluster_version;
    entry->used = ++run->pipelines_used;
    *ret_pipeline = steal(&pipeline);
    return WEFT_OK;
}

static enum weft_status unknown_name(const struct weft_run *run, const char *name,
                                     const char *version, struct weft_error **error)
{
    size_t count = 0;
    cleanup_free const struct weft_model_info **models = all_models(run, &count);
    cleanup_free const char **names = calloc(count + run->pipelines_count + 1, sizeof(*names));
    size_t names_count = 0;
    const struct pipeline_entry *pipeline = find_entry(run, name, false, NULL);
    if (pipeline != NULL) {
        return weft_error_set(error, WEFT_NOT_FOUND, "pipeline \"%s\" has no version \"%s\"", name,
                              version != NULL ? version : "");
    }
    bool other_version = false;
    for (size_t i = 0; models != NULL && names != NULL && i < count; i++) {
        names[names_count++] = models[i]->name;
        other_version = other_version || strcmp(models[i]->name, name) == 0;
    }
    for (size_t i = 0; names != NULL && i < run->pipelines_count; i++) {
        if (!run->pipelines[i]->implicit) { /* those of models that are gone are no advice */
            names[names_count++] = run->pipelines[i]->pipeline->name;
        }
    }
    if (other_version) {
        return weft_error_set(error, WEFT_NOT_FOUND,
                              version != NULL && version[0] != '\0'
                                  ? "model \"%s\" has no ready version \"%s\""
                                  : "model \"%s\" is not ready%s",
                              name, version != NULL ? version : "");
    }
    enum weft_status status =
        weft_error_set(error, WEFT_NOT_FOUND, "there is no pipeline or model \"%s\"", name);
    const char *near = names != NULL ? weft_suggest(name, names, names_count) : NULL;
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    }
    return status;
}

/* Versions of pipelines are what their files say; one that says none is "1". */
static bool is_version(const struct weft_pipeline *pipeline, const char *version)
{
    const char *own = pipeline->version[0] != '\0' ? pipeline->version : "1";
    return version == NULL || version[0] == '\0' || strcmp(version, own) == 0;
}

/* A pipeline's own name hides a model's. */
enum weft_status pipeline_resolve(struct weft_run *run, const char *name, const char *version,
                                  struct weft_pipeline **ret_pipeline, struct weft_error **error)
{
    const char *asked = version != NULL ? version : "";
    struct pipeline_entry *entry = find_entry(run, name, false, NULL);
    if (entry != NULL && is_version(entry->pipeline, asked)) {
        *ret_pipeline = entry->pipeline;
        return WEFT_OK;
    }
    entry = find_entry(run, name, true, asked);
    if (entry != NULL && entry->seen == run->cluster_version) {
        entry->used = ++run->pipelines_used;
        *ret_pipeline = entry->pipeline;
        return WEFT_OK;
    }
    const struct weft_model_info *model = find_model(run, name, asked[0] != '\0' ? asked : NULL);
    if (model == NULL) {
        return unknown_name(run, name, version, error);
    }
    return implicit_pipeline(run, model, asked, ret_pipeline, error);
}

size_t weft_run_pipelines_count(const struct weft_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->pipelines_count; i++) {
        count += !run->pipelines[i]->implicit;
    }
    return count;
}

const struct weft_pipeline *weft_run_pipeline_at(const struct weft_run *run, size_t index)
{
    for (size_t i = 0; i < run->pipelines_count; i++) {
        if (!run->pipelines[i]->implicit && index-- == 0) {
            return run->pipelines[i]->pipeline;
        }
    }
    return NULL;
}

enum weft_status weft_run_describe(struct weft_run *run, const char *name, const char *version,
                                   struct weft_model_info *ret_info, struct weft_error **error)
{
    struct pipeline_entry *entry = find_entry(run, name, false, NULL);
    if (entry != NULL && is_version(entry->pipeline, version)) {
        size_t count = 0;
        cleanup_free const struct weft_model_info **models = all_models(run, &count);
        if (models == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        struct weft_catalog catalog = {models, count, weft_join_infer};
        return weft_pipeline_describe(entry->pipeline, &catalog, ret_info, error);
    }
    const struct weft_model_info *model =
        find_model(run, name, version != NULL && version[0] != '\0' ? version : NULL);
    if (model == NULL) {
        return unknown_name(run, name, version, error);
    }
    return weft_model_info_copy(model, ret_info) ? WEFT_OK : weft_error_set_out_of_memory(error);
}
