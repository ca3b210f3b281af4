/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model room of the test's own behind the faces model.h and repository.h, so that every way a
 * model can behave happens when a story wants it: models that answer at once, in parts, late,
 * never, or not well. All on the loop.
 *
 *     echo     x FP32 [-1,2] -> y the same, count INT64 [1]
 *     raw      in UINT8 [-1] -> out the same
 *     half     in FP16 [-1] -> out the same, which JSON has no form for
 *     words    in BYTES [-1] -> out the same
 *     picture  in UINT8 [-1] -> out BYTES [1] of image/png, 5000 bytes
 *     zeroes   in UINT8 [-1] -> out UINT8 [20000] zeroes
 *     parts    count INT32 [1] -> number INT32 [1] from 0, `count` times
 *     slow     in UINT8 [-1] -> nothing, until it is cancelled or its deadline passes
 *     far      as slow, for a node that the others ask
 *     broken   in UINT8 [-1] -> an error
 *     spare    as raw; not loaded to begin with
 *     bad      cannot be loaded
 */
#include "door_models.h"

#include <stdlib.h>
#include <string.h>

#include "model/repository.h"
#include "sys/loop.h"

enum { MODELS_MAX = 16 };

struct weft_model {
    const struct fake_kind *kind;
    struct weft_model_info info;
    enum weft_model_state state;
    const char *reason;
    uint32_t running;
};

struct weft_repository {
    struct weft_repository_options options;
    struct weft_model models[MODELS_MAX];
    size_t models_count;
    struct weft_deferred changed;
};

struct weft_inference {
    struct weft_model *model;
    const struct weft_model_events *events;
    void *context;
    struct weft_values inputs;
    struct weft_values outputs;
    struct weft_error *error;
    struct weft_deferred end;
    struct weft_timer deadline;
    uint64_t started_ns;
    int32_t next, count;
};

struct fake_tensor {
    const char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
};

struct fake_kind {
    const char *name, *version;
    struct fake_tensor input;
    struct fake_tensor outputs[2];
    bool streaming, unloaded;
    /* NULL: never ends by itself. */
    enum weft_status (*infer)(struct weft_inference *inference, struct weft_value *input,
                              struct weft_error **error);
};

size_t door_models_running;

/* --- what they do --- */

static enum weft_status forward(struct weft_inference *inference, struct weft_value *input,
                                struct weft_error **error)
{
    return weft_values_add(&inference->outputs, inference->model->kind->outputs[0].name, input,
                           error);
}

static enum weft_status add_number(struct weft_values *values, const char *name,
                                   enum weft_datatype datatype, const void *number,
                                   struct weft_error **error)
{
    static const struct weft_shape one = {.rank = 1, .dims = {1}};
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status =
        weft_value_new(datatype, &one, number, weft_datatype_size_bytes(datatype), &value, error);
    return status == WEFT_OK ? weft_values_add(values, name, value, error) : status;
}

static enum weft_status echo(struct weft_inference *inference, struct weft_value *input,
                             struct weft_error **error)
{
    int64_t count = (int64_t)(weft_value_size_bytes(input) / sizeof(float));
    enum weft_status status = forward(inference, input, error);
    return status == WEFT_OK ? add_number(&inference->outputs, "count", WEFT_INT64, &count, error)
                             : status;
}

static enum weft_status picture(struct weft_inference *inference, struct weft_value *input,
                                struct weft_error **error)
{
    static const uint8_t bytes[5000];
    cleanup_value struct weft_value *value = NULL;
    (void)input;
    enum weft_status status =
        weft_value_new_bytes(bytes, sizeof(bytes), "image/png", &value, error);
    return status == WEFT_OK ? weft_values_add(&inference->outputs, "out", value, error) : status;
}

static enum weft_status zeroes(struct weft_inference *inference, struct weft_value *input,
                               struct weft_error **error)
{
    static const uint8_t bytes[20000];
    static const struct weft_shape shape = {.rank = 1, .dims = {20000}};
    cleanup_value struct weft_value *value = NULL;
    (void)input;
    enum weft_status status =
        weft_value_new(WEFT_UINT8, &shape, bytes, sizeof(bytes), &value, error);
    return status == WEFT_OK ? weft_values_add(&inference->outputs, "out", value, error) : status;
}

static enum weft_status fail(struct weft_inference *inference, struct weft_value *input,
                             struct weft_error **error)
{
    (void)inference, (void)input;
    return weft_error_set(error, WEFT_INTERNAL, "it broke in the middle");
}

static enum weft_status count_parts(struct weft_inference *inference, struct weft_value *input,
                                    struct weft_error **error)
{
    (void)error;
    memcpy(&inference->count, weft_value_data(input), sizeof(inference->count));
    return WEFT_OK;
}

#define ANY                                                                                        \
    {                                                                                              \
        .rank = 1, .dims = { -1 }                                                                  \
    }
#define ONE                                                                                        \
    {                                                                                              \
        .rank = 1, .dims = { 1 }                                                                   \
    }
#define PAIRS                                                                                      \
    {                                                                                              \
        .rank = 2, .dims = { -1, 2 }                                                               \
    }

static const struct fake_kind kinds[] = {
    {"echo",
     "1",
     {"x", WEFT_FP32, PAIRS},
     {{"y", WEFT_FP32, PAIRS}, {"count", WEFT_INT64, ONE}},
     .infer = echo},
    {"echo",
     "3",
     {"x", WEFT_FP32, PAIRS},
     {{"y", WEFT_FP32, PAIRS}, {"count", WEFT_INT64, ONE}},
     .infer = echo},
    {"raw", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}, .infer = forward},
    {"half", "1", {"in", WEFT_FP16, ANY}, {{"out", WEFT_FP16, ANY}}, .infer = forward},
    {"words", "1", {"in", WEFT_BYTES, ANY}, {{"out", WEFT_BYTES, ANY}}, .infer = forward},
    {"picture", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_BYTES, ONE}}, .infer = picture},
    {"zeroes", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}, .infer = zeroes},
    {"parts",
     "1",
     {"count", WEFT_INT32, ONE},
     {{"number", WEFT_INT32, ONE}},
     .streaming = true,
     .infer = count_parts},
    {"slow", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}},
    {"far", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}},
    {"broken", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}, .infer = fail},
    {"spare",
     "1",
     {"in", WEFT_UINT8, ANY},
     {{"out", WEFT_UINT8, ANY}},
     .unloaded = true,
     .infer = forward},
    {"bad", "1", {"in", WEFT_UINT8, ANY}, {{"out", WEFT_UINT8, ANY}}, .unloaded = true},
};

/* --- models --- */

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

uint32_t weft_model_instances(const struct weft_model *model)
{
    (void)model;
    return 1;
}

uint32_t weft_model_running(const struct weft_model *model)
{
    return model->running;
}

uint32_t weft_model_stuck(const struct weft_model *model)
{
    (void)model;
    return 0;
}

enum weft_status weft_model_check(const struct weft_model *model,
                                  const struct weft_model_request *request,
                                  struct weft_error **error)
{
    return weft_values_find(request->inputs, model->kind->input.name) != NULL
               ? WEFT_OK
               : weft_error_set(error, WEFT_INVALID_ARGUMENT, "input \"%s\" is missing",
                                model->kind->input.name);
}

static void end(void *context)
{
    struct weft_inference *inference = context;
    struct weft_model_usage usage = {
        .compute_ns = weft_loop_now_ns() - inference->started_ns,
        .generation = inference->model->info.generation,
    };
    if (inference->error == NULL && inference->next < inference->count) {
        cleanup_values struct weft_values part = {0};
        if (add_number(&part, "number", WEFT_INT32, &inference->next, &inference->error) ==
            WEFT_OK) {
            inference->next++;
            inference->events->on_part(inference->context, &part);
        }
        weft_loop_defer_last(inference->deadline.loop, &inference->end);
        return;
    }
    weft_timer_cancel(&inference->deadline);
    inference->model->running--;
    door_models_running--;
    inference->events->on_done(inference->context, inference->error,
                               inference->error == NULL ? &inference->outputs : NULL, &usage);
    weft_values_fini(&inference->inputs);
    weft_values_fini(&inference->outputs);
    weft_error_unref(inference->error);
    free(inference);
}

static void stop(struct weft_inference *inference, enum weft_status status)
{
    if (inference->error == NULL) {
        (void)weft_error_set(&inference->error, status, "model \"%s\" was given up",
                             inference->model->info.name);
        weft_loop_defer(inference->deadline.loop, &inference->end);
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
    enum weft_status status = weft_model_check(model, request, error);
    struct weft_inference *inference = calloc(1, sizeof(*inference));
    if (status != WEFT_OK || inference == NULL) {
        free(inference);
        return status != WEFT_OK ? status : weft_error_set_out_of_memory(error);
    }
    struct weft_value *input = weft_values_find(request->inputs, model->kind->input.name);
    inference->model = model;
    inference->events = events;
    inference->context = context;
    inference->started_ns = weft_loop_now_ns();
    weft_deferred_init(&inference->end, end, inference);
    weft_timer_init(&inference->deadline, door_models_loop, late, inference);
    model->running++;
    door_models_running++;
    if (model->kind->infer != NULL) {
        (void)!model->kind->infer(inference, input, &inference->error);
        weft_loop_defer(door_models_loop, &inference->end);
    } else {
        (void)!weft_timer_set(&inference->deadline, request->deadline_ns);
    }
    if (ret_inference != NULL) {
        *ret_inference = inference;
    }
    return WEFT_OK;
}

void weft_inference_cancel(struct weft_inference *inference)
{
    stop(inference, WEFT_CANCELLED);
}

/* --- the repository --- */

struct weft_loop *door_models_loop;

static struct weft_model_tensor tensor(const struct fake_tensor *from)
{
    return (struct weft_model_tensor){strdup(from->name), from->datatype, from->shape, false};
}

static void make(struct weft_model *model, const struct fake_kind *kind)
{
    size_t outputs = kind->outputs[1].name != NULL ? 2 : 1;
    model->kind = kind;
    model->state = kind->unloaded ? WEFT_MODEL_UNAVAILABLE : WEFT_MODEL_READY;
    model->reason = "";
    model->info = (struct weft_model_info){
        .name = strdup(kind->name),
        .version = strdup(kind->version),
        .platform = strdup("fake"),
        .generation = 7,
        .ready = true,
        .streaming = kind->streaming,
        .needs = {.slots = 1},
        .inputs = calloc(1, sizeof(struct weft_model_tensor)),
        .inputs_count = 1,
        .outputs = calloc(outputs, sizeof(struct weft_model_tensor)),
        .outputs_count = outputs,
    };
    model->info.inputs[0] = tensor(&kind->input);
    for (size_t i = 0; i < outputs; i++) {
        model->info.outputs[i] = tensor(&kind->outputs[i]);
    }
}

static void tell_changed(void *context)
{
    struct weft_repository *repository = context;
    repository->options.on_changed(repository->options.context);
}

/* directory is a list of names, "echo,raw", or "" for all. */
enum weft_status weft_repository_open(const struct weft_repository_options *options,
                                      struct weft_repository **ret_repository,
                                      struct weft_error **error)
{
    struct weft_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    repository->options = *options;
    weft_deferred_init(&repository->changed, tell_changed, repository);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (options->directory[0] == '\0' || strstr(options->directory, kinds[i].name) != NULL) {
            make(&repository->models[repository->models_count++], &kinds[i]);
        }
    }
    *ret_repository = repository;
    return WEFT_OK;
}

void weft_repository_close(struct weft_repository *repository, uint64_t grace_ms,
                           void (*closed)(void *context), void *context)
{
    (void)grace_ms;
    weft_deferred_cancel(&repository->changed);
    for (size_t i = 0; i < repository->models_count; i++) {
        weft_model_info_fini(&repository->models[i].info);
    }
    free(repository);
    closed(context);
}

/* A load or unload ends at the end of the turn. */
struct operation {
    struct weft_deferred later;
    struct weft_repository *repository;
    struct weft_model *model;
    weft_repository_done *done;
    void *context;
    bool load;
};

static void perform(void *context)
{
    struct operation *operation = context;
    struct weft_model *model = operation->model;
    cleanup_error struct weft_error *error = NULL;
    if (operation->load && strcmp(model->info.name, "bad") == 0) {
        model->reason = "it has no file";
        (void)weft_error_set(&error, WEFT_FAILED_PRECONDITION, "model \"bad\" has no file");
    } else if (!operation->load && model->state != WEFT_MODEL_READY) {
        (void)weft_error_set(&error, WEFT_FAILED_PRECONDITION, "model \"%s\" is not loaded",
                             model->info.name);
    } else {
        model->state = operation->load ? WEFT_MODEL_READY : WEFT_MODEL_UNAVAILABLE;
        model->reason = operation->load ? "" : "unloaded";
        weft_loop_defer(operation->repository->options.loop, &operation->repository->changed);
    }
    operation->done(operation->context, error);
    free(operation);
}

static enum weft_status operate(struct weft_repository *repository, const char *name, bool load,
                                weft_repository_done *done, void *context,
                                struct weft_error **error)
{
    for (size_t i = 0; i < repository->models_count; i++) {
        struct weft_model *model = &repository->models[i];
        if (strcmp(model->info.name, name) == 0) {
            struct operation *operation = calloc(1, sizeof(*operation));
            if (operation == NULL) {
                return weft_error_set_out_of_memory(error);
            }
            *operation = (struct operation){.repository = repository,
                                            .model = model,
                                            .done = done,
                                            .context = context,
                                            .load = load};
            weft_deferred_init(&operation->later, perform, operation);
            weft_loop_defer(repository->options.loop, &operation->later);
            return WEFT_OK;
        }
    }
    return weft_error_set(error, WEFT_NOT_FOUND, "there is no model \"%s\" in the directory", name);
}

enum weft_status weft_repository_load(struct weft_repository *repository, const char *name,
                                      weft_repository_done *done, void *context,
                                      struct weft_error **error)
{
    return operate(repository, name, true, done, context, error);
}

enum weft_status weft_repository_unload(struct weft_repository *repository, const char *name,
                                        weft_repository_done *done, void *context,
                                        struct weft_error **error)
{
    return operate(repository, name, false, done, context, error);
}

/* Those that are to be loaded are from the beginning. */
enum weft_status weft_repository_load_all(struct weft_repository *repository,
                                          weft_repository_done *done, void *context,
                                          struct weft_error **error)
{
    return operate(repository, repository->models[0].info.name, true, done, context, error);
}

enum weft_status weft_repository_find(struct weft_repository *repository, const char *name,
                                      const char *version, struct weft_model **ret_model,
                                      struct weft_error **error)
{
    struct weft_model *found = NULL;
    for (size_t i = 0; i < repository->models_count; i++) {
        struct weft_model *model = &repository->models[i];
        if (model->state == WEFT_MODEL_READY && strcmp(model->info.name, name) == 0 &&
            (version == NULL || version[0] == '\0' || strcmp(model->info.version, version) == 0)) {
            found = model;
        }
    }
    if (found == NULL) {
        return weft_error_set(error, WEFT_NOT_FOUND, "there is no model \"%s\" ready", name);
    }
    *ret_model = found;
    return WEFT_OK;
}

enum weft_status weft_repository_ready(struct weft_repository *repository,
                                       struct weft_model ***ret_models, size_t *ret_models_count,
                                       struct weft_error **error)
{
    struct weft_model **models = calloc(repository->models_count + 1, sizeof(*models));
    size_t count = 0;
    if (models == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < repository->models_count; i++) {
        if (repository->models[i].state == WEFT_MODEL_READY) {
            models[count++] = &repository->models[i];
        }
    }
    *ret_models = models;
    *ret_models_count = count;
    return WEFT_OK;
}

enum weft_status weft_repository_index(struct weft_repository *repository, bool ready_only,
                                       struct weft_repository_index *ret_index,
                                       struct weft_error **error)
{
    struct weft_repository_index index = {
        .entries = calloc(repository->models_count + 1, sizeof(*index.entries))};
    if (index.entries == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < repository->models_count; i++) {
        const struct weft_model *model = &repository->models[i];
        if (!ready_only || model->state == WEFT_MODEL_READY) {
            index.entries[index.count++] = (struct weft_repository_entry){
                strdup(model->info.name), strdup(model->info.version), model->state,
                strdup(model->reason)};
        }
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
}

const char *weft_model_state_name(enum weft_model_state state)
{
    static const char *const names[] = {"UNAVAILABLE", "LOADING", "READY", "UNLOADING"};
    return names[state];
}

bool weft_model_name_valid(const char *name)
{
    return name[0] != '\0';
}
