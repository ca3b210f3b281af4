/* SPDX-License-Identifier: Apache-2.0 */
#include "node/check.h"

#include <stdlib.h>
#include <string.h>

#include "join/join.h"
#include "plan/validate.h"
#include "plan/yaml_tree.h"
#include "sys/file.h"

/* --- the models that are known --- */

enum weft_status weft_known_models_add(struct weft_known_models *models,
                                       struct weft_model_info *take_info, struct weft_error **error)
{
    struct weft_model_info *items =
        realloc(models->items, (models->count + 1) * sizeof(*models->items));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    models->items = items;
    items[models->count++] = *take_info;
    *take_info = (struct weft_model_info){0};
    return WEFT_OK;
}

enum weft_status weft_known_models_add_opaque(struct weft_known_models *models, const char *name,
                                              struct weft_error **error)
{
    char **opaque = realloc(models->opaque, (models->opaque_count + 1) * sizeof(char *));
    char *copy = strdup(name);
    if (opaque != NULL) {
        models->opaque = opaque;
    }
    if (opaque == NULL || copy == NULL) {
        free(copy);
        return weft_error_set_out_of_memory(error);
    }
    opaque[models->opaque_count++] = copy;
    return WEFT_OK;
}

bool weft_known_models_has(const struct weft_known_models *models, const char *name)
{
    bool has = false;
    for (size_t i = 0; i < models->count && !has; i++) {
        has = strcmp(models->items[i].name, name) == 0;
    }
    for (size_t i = 0; i < models->opaque_count && !has; i++) {
        has = strcmp(models->opaque[i], name) == 0;
    }
    return has;
}

void weft_known_models_fini(struct weft_known_models *models)
{
    for (size_t i = 0; i < models->count; i++) {
        weft_model_info_fini(&models->items[i]);
    }
    for (size_t i = 0; i < models->opaque_count; i++) {
        free(models->opaque[i]);
    }
    free(models->items);
    free(models->opaque);
    *models = (struct weft_known_models){0};
}

/* --- pipelines --- */

static enum weft_status check_against(const struct weft_pipeline *pipeline,
                                      const struct weft_known_models *models,
                                      struct weft_diagnostics *diagnostics,
                                      struct weft_error **error)
{
    cleanup_free const struct weft_model_info **infos = calloc(models->count + 1, sizeof(*infos));
    if (infos == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < models->count; i++) {
        infos[i] = &models->items[i];
    }
    struct weft_catalog catalog = {.models = infos,
                                   .models_count = models->count,
                                   .join_infer = weft_join_infer,
                                   .opaque = (const char *const *)models->opaque,
                                   .opaque_count = models->opaque_count};
    return weft_pipeline_validate(pipeline, &catalog, diagnostics, error);
}

enum weft_status weft_check_pipeline(const char *text, const struct weft_known_models *models,
                                     struct weft_diagnostics *diagnostics,
                                     struct weft_pipeline **ret_pipeline, struct weft_error **error)
{
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    enum weft_status status =
        weft_pipeline_parse_partly(text, strlen(text), diagnostics, &pipeline, error);
    if (status != WEFT_OK) {
        return status;
    }
    bool whole = diagnostics->errors == 0;
    status = models != NULL ? check_against(pipeline, models, diagnostics, error)
                            : weft_diagnostics_status(diagnostics, error);
    if (whole) {
        *ret_pipeline = steal(&pipeline);
    }
    return status;
}

/* --- files --- */

/* Told by their keys; a file that can't be read as YAML is a pipeline, whose reader says why. */
static bool is_cluster(const char *path, const char *text)
{
    cleanup_yaml struct weft_yaml *yaml = NULL;
    cleanup_diagnostics struct weft_diagnostics ignored;
    weft_diagnostics_init(&ignored, path);
    if (weft_yaml_parse(text, strlen(text), &ignored, &yaml, NULL) != WEFT_OK) {
        return false;
    }
    const struct weft_yaml_node *root = weft_yaml_root(yaml);
    return weft_yaml_find(root, "pipeline") == NULL && weft_yaml_find(root, "steps") == NULL &&
           (weft_yaml_find(root, "cluster") != NULL || weft_yaml_find(root, "nodes") != NULL);
}

enum weft_status weft_check_file(const char *path, const struct weft_known_models *models,
                                 struct weft_diagnostics *diagnostics, bool *ret_whole,
                                 struct weft_error **error)
{
    cleanup_free char *text = NULL;
    enum weft_status status = weft_file_read_text(path, WEFT_YAML_SIZE_MAX_BYTES, &text, error);
    if (status != WEFT_OK) {
        return status;
    }
    bool cluster_file = is_cluster(path, text);
    *ret_whole = models != NULL || cluster_file;
    if (cluster_file) {
        cleanup_cluster struct weft_cluster *cluster = NULL;
        status = weft_cluster_parse_partly(path, text, diagnostics, &cluster, error);
        return status == WEFT_OK ? weft_check_cluster(cluster, diagnostics, error) : status;
    }
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    status = weft_check_pipeline(text, models, diagnostics, &pipeline, error);
    weft_diagnostics_sort(diagnostics);
    return status;
}
