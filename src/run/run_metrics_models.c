/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "run/run_parts.h"

/*
 * The memory of this node's models, read when it is asked for. A model that is not ready any more
 * takes its series with it.
 */

/* A model that has a series. */
struct shown_model {
    char *name, *version;
    bool here;
};

static void forget(struct shown_model *shown)
{
    free(shown->name);
    free(shown->version);
}

/* near is where it was, if nothing has changed. */
static struct shown_model *find(struct run_metrics *m, const struct weft_model_info *info,
                                size_t near)
{
    for (size_t i = 0; i < m->models_count; i++) {
        struct shown_model *shown = &m->models[(near + i) % m->models_count];
        if (strcmp(shown->name, info->name) == 0 && strcmp(shown->version, info->version) == 0) {
            return shown;
        }
    }
    return NULL;
}

/* NULL without memory: then the model is shown another time. */
static struct shown_model *add(struct run_metrics *m, const struct weft_model_info *info)
{
    struct shown_model *models = realloc(m->models, (m->models_count + 1) * sizeof(*models));
    if (models == NULL) {
        return NULL;
    }
    m->models = models;
    struct shown_model shown = {.name = strdup(info->name), .version = strdup(info->version)};
    if (shown.name == NULL || shown.version == NULL) {
        forget(&shown);
        return NULL;
    }
    models[m->models_count] = shown;
    return &models[m->models_count++];
}

static void drop_gone(struct run_metrics *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->models_count; i++) {
        struct shown_model *shown = &m->models[i];
        if (shown->here) {
            m->models[kept++] = *shown;
        } else {
            const char *labels[] = {shown->name, shown->version};
            weft_metric_remove(m->model_memory, labels);
            forget(shown);
        }
    }
    m->models_count = kept;
}

static void show(struct run_metrics *m, const struct weft_model *model, size_t near)
{
    const struct weft_model_info *info = weft_model_info(model);
    uint64_t memory_bytes = weft_model_memory_bytes(model);
    if (memory_bytes == 0) {
        return;
    }
    struct shown_model *shown = find(m, info, near);
    shown = shown != NULL ? shown : add(m, info);
    if (shown != NULL) {
        const char *labels[] = {info->name, info->version};
        shown->here = true;
        weft_metric_set(weft_metric_series(m->model_memory, labels), (double)memory_bytes);
    }
}

void metrics_models(struct weft_run *run)
{
    struct run_metrics *m = &run->metrics;
    struct weft_model **models = NULL;
    size_t count = 0;
    if (weft_repository_ready(run->options.repository, &models, &count, NULL) != WEFT_OK) {
        return;
    }
    for (size_t i = 0; i < m->models_count; i++) {
        m->models[i].here = false;
    }
    for (size_t i = 0; i < count; i++) {
        show(m, models[i], i);
        weft_model_unref(models[i]);
    }
    free(models);
    drop_gone(m);
}

void metrics_free(struct weft_run *run)
{
    for (size_t i = 0; i < run->metrics.models_count; i++) {
        forget(&run->metrics.models[i]);
    }
    free(run->metrics.models);
}
