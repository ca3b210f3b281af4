/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/repository.h"
#include "sys/loop.h"
#include "unit/run/stand.h"

/* In place of src/model: what the engine asks of it, and no more. */

struct weft_model {
    struct weft_repository *repository;
    enum stand_model_kind kind;
    char name[64], version[16];
    struct weft_model_tensor input, output;
    struct weft_model_info info;
};

struct weft_repository {
    struct weft_loop *loop;
    struct weft_model **models;
    size_t count;
};

struct weft_inference {
    struct weft_model *model;
    const struct weft_model_events *events;
    void *context;
    struct weft_value *input;
    struct weft_error *error;
    struct weft_deferred end;
    struct weft_timer deadline;
    unsigned parts;
};

struct weft_repository *stand_repository_new(struct weft_loop *loop)
{
    struct weft_repository *repository = calloc(1, sizeof(*repository));
    assert_non_null(repository);
    repository->loop = loop;
    return repository;
}

void stand_repository_add(struct weft_repository *repository, const char *name, unsigned version,
                          enum stand_model_kind kind)
{
    static const struct weft_shape any = {.rank = 1, .dims = {-1}};
    struct weft_model *model = calloc(1, sizeof(*model));
    repository->models =
        realloc(repository->models, (repository->count + 1) * sizeof(struct weft_model *));
    assert_true(model != NULL && repository->models != NULL);
    repository->models[repository->count++] = model;
    model->repository = repository;
    model->kind = kind;
    snprintf(model->name, sizeof(model->name), "%s", name);
    snprintf(model->version, sizeof(model->version), "%u", version);
    model->input = (struct weft_model_tensor){(char *)"x", WEFT_UINT8, any, false};
    model->output = (struct weft_model_tensor){(char *)"y", WEFT_UINT8, any, false};
    model->info = (struct weft_model_info){.name = model->name,
                                           .version = model->version,
                                           .platform = (char *)"stand",
                                           .ready = true,
                                           .streaming = kind == STAND_STREAM,
                                           .needs = {.slots = 1},
                                           .inputs = &model->input,
                                           .inputs_count = 1,
                                           .outputs = &model->output,
                                           .outputs_count = 1};
}

void stand_repository_free(struct weft_repository *repository)
{
    for (size_t i = 0; i < repository->count; i++) {
        free(repository->models[i]);
    }
    free(repository->models);
    free(repository);
}

enum weft_status weft_repository_find(struct weft_repository *repository, const char *name,
                                      const char *version, struct weft_model **ret_model,
                                      struct weft_error **error)
{
    struct weft_model *found = NULL;
    for (size_t i = 0; i < repository->count; i++) {
        struct weft_model *model = repository->models[i];
        if (strcmp(model->name, name) == 0 &&
            (version == NULL || strcmp(model->version, version) == 0)) {
            found = model;
        }
    }
    if (found == NULL) {
        return weft_error_set(error, WEFT_NOT_FOUND, "there is no model \"%s\"", name);
    }
    *ret_model = found;
    return WEFT_OK;
}

enum weft_status weft_repository_ready(struct weft_repository *repository,
                                       struct weft_model ***ret_models, size_t *ret_models_count,
                                       struct weft_error **error)
{
    struct weft_model **models = calloc(repository->count + 1, sizeof(*models));
    if (models == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    if (repository->count > 0) {
        memcpy(models, repository->models, repository->count * sizeof(*models));
    }
    *ret_models = models;
    *ret_models_count = repository->count;
    return WEFT_OK;
}

struct weft_model *weft_model_ref(struct weft_model *model)
{
    return model;
}

void weft_model_unref(struct weft_model *model)
{
    (void)model;
}

const struct weft_model_info *weft_model_info(const struct weft_model *model)
{
    return &model->info;
}

uint64_t weft_model_memory_bytes(const struct weft_model *model)
{
    return strlen(model->info.name) * 1000;
}

static void end(void *context)
{
    struct weft_inference *inference = context;
    struct weft_named_value output = {(char *)"y", inference->input};
    struct weft_values values = {&output, 1, 1};
    if (inference->error == NULL && inference->parts > 0) {
        weft_loop_defer(inference->model->repository->loop, &inference->end);
        inference->parts--;
        inference->events->on_part(inference->context, &values);
        return;
    }
    struct weft_model_usage usage = {.generation = 1};
    weft_timer_cancel(&inference->deadline);
    if (inference->model->kind == STAND_STREAM) {
        values.count = 0;
    }
    inference->events->on_done(inference->context, inference->error,
                               inference->error == NULL ? &values : NULL, &usage);
    weft_value_unref(inference->input);
    weft_error_unref(inference->error);
    free(inference);
}

static void stop(struct weft_inference *inference, enum weft_status status)
{
    if (inference->error == NULL) {
        (void)weft_error_set(&inference->error, status, "given up");
        weft_loop_defer(inference->model->repository->loop, &inference->end);
    }
}

static void late(void *context)
{
    stop(context, WEFT_DEADLINE_EXCEEDED);
}

enum weft_status weft_model_infer(struct weft_model *model,
                                  const struct weft_model_request *request,
                                  const struct weft_model_events *events, void *context,
                                  struct weft_inference **ret_inference, struct weft_error **error)
{
    struct weft_loop *loop = model->repository->loop;
    struct weft_value *input = weft_values_find(request->inputs, "x");
    struct weft_inference *inference = calloc(1, sizeof(*inference));
    if (inference == NULL || input == NULL) {
        free(inference);
        return weft_error_set_out_of_memory(error);
    }
    inference->model = model;
    inference->events = events;
    inference->context = context;
    inference->input = weft_value_ref(input);
    inference->parts = model->kind == STAND_STREAM ? 3 : 0;
    weft_deferred_init(&inference->end, end, inference);
    weft_timer_init(&inference->deadline, loop, late, inference);
    if (model->kind == STAND_SLOW) {
        (void)!weft_timer_set(&inference->deadline, request->deadline_ns);
    } else if (model->kind == STAND_BROKEN) {
        stop(inference, WEFT_INTERNAL);
    } else {
        weft_loop_defer(loop, &inference->end);
    }
    *ret_inference = inference;
    return WEFT_OK;
}

void weft_inference_cancel(struct weft_inference *inference)
{
    stop(inference, WEFT_CANCELLED);
}
