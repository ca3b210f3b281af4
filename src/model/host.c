/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/call.h"
#include "sys/file.h"

/*
 * The host table: everything here may be called on any thread of the plugin's, and what is wrong
 * about the call is remembered (`misuse`) and turns the call's end into INTERNAL.
 */

enum { GUARD_BYTE = 0xa5 };

/* With the lock held. */
static void note_misuse(struct weft_inference *inference, const char *format, ...)
    WEFT_PRINTF(2, 3);

static void note_misuse(struct weft_inference *inference, const char *format, ...)
{
    if (inference->misuse[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(inference->misuse, sizeof(inference->misuse), format, arguments);
        va_end(arguments);
    }
}

#define misuse(inference, ...)                                                                     \
    do {                                                                                           \
        pthread_mutex_lock(&(inference)->model->lock);                                             \
        note_misuse((inference), __VA_ARGS__);                                                     \
        pthread_mutex_unlock(&(inference)->model->lock);                                           \
    } while (0)

/* --- the model --- */

static void host_log(struct weft_model_handle *handle, struct weft_model_call *call,
                     enum weft_log_level level, const char *text)
{
    struct weft_model *model = weft_model_of(handle);
    const struct weft_trace *trace = call != NULL ? &weft_inference_of(call)->trace : NULL;
    pthread_mutex_lock(&model->lock); /* so that the log can't go meanwhile */
    if (!model->left) {
        weft_log(model->home.log, level, trace, "model %s version %" PRIu64 ": %s",
                 model->info.name, model->version, text != NULL ? text : "");
    }
    pthread_mutex_unlock(&model->lock);
}

static const char *host_state_directory(struct weft_model_handle *handle)
{
    struct weft_model *model = weft_model_of(handle);
    pthread_mutex_lock(&model->lock);
    bool made = model->state_made;
    pthread_mutex_unlock(&model->lock);
    if (made || model->state_directory == NULL) {
        return model->state_directory;
    }
    cleanup_error struct weft_error *error = NULL;
    if (weft_directory_make(model->state_directory, &error) != WEFT_OK) {
        host_log(handle, NULL, WEFT_LOG_ERROR, weft_error_message(error));
        return NULL;
    }
    pthread_mutex_lock(&model->lock);
    model->state_made = true;
    pthread_mutex_unlock(&model->lock);
    return model->state_directory;
}

static const char *host_model_directory(struct weft_model_handle *handle)
{
    return weft_model_of(handle)->directory;
}

static const char *host_model_file(struct weft_model_handle *handle)
{
    return weft_model_of(handle)->file;
}

static void host_set_generation(struct weft_model_handle *handle, uint64_t generation)
{
    struct weft_model *model = weft_model_of(handle);
    pthread_mutex_lock(&model->lock);
    model->generation = generation;
    if (model->pins > 0) { /* before it is started nobody listens, and afterwards neither */
        weft_model_notify(model);
    }
    pthread_mutex_unlock(&model->lock);
}

static enum weft_status host_fail(struct weft_model_handle *handle, enum weft_status status,
                                  const char *text)
{
    struct weft_model *model = weft_model_of(handle);
    char *copy = text != NULL ? strdup(text) : NULL;
    pthread_mutex_lock(&model->lock);
    free(model->failure);
    model->failure = copy;
    model->failure_status = status;
    pthread_mutex_unlock(&model->lock);
    return status;
}

static const struct weft_tensor_spec *host_configured_inputs(struct weft_model_handle *handle,
                                                             size_t *ret_count)
{
    const struct weft_config *config = weft_model_of(handle)->config;
    *ret_count = config->inputs_count;
    return config->inputs;
}

static const struct weft_tensor_spec *host_configured_outputs(struct weft_model_handle *handle,
                                                              size_t *ret_count)
{
    const struct weft_config *config = weft_model_of(handle)->config;
    *ret_count = config->outputs_count;
    return config->outputs;
}

/* --- outputs --- */

static struct weft_made *find_made(struct weft_inference *inference, const char *name)
{
    const struct weft_model_info *info = &inference->model->info;
    for (size_t i = 0; name != NULL && i < inference->made_count; i++) {
        if (strcmp(info->outputs[i].name, name) == 0) {
            return &inference->made[i];
        }
    }
    return NULL;
}

static bool may_make(struct weft_inference *inference, const char *name)
{
    pthread_mutex_lock(&inference->model->lock);
    bool open = !inference->completed;
    if (!open) {
        note_misuse(inference, "the output \"%s\" was made after complete", name);
    }
    pthread_mutex_unlock(&inference->model->lock);
    return open;
}

/* The place for a new output; NULL, and why is noted, where it may not be. */
static struct weft_made *new_output(struct weft_inference *inference, const char *name,
                                    enum weft_datatype datatype, const struct weft_shape *shape)
{
    struct weft_made *made = find_made(inference, name);
    if (made == NULL) {
        misuse(inference, "\"%s\" is none of the model's outputs", name != NULL ? name : "");
        return NULL;
    }
    if (!may_make(inference, name)) {
        return NULL;
    }
    if (made->made) {
        misuse(inference, "the output \"%s\" was made twice", name);
        return NULL;
    }
    const struct weft_model_tensor *spec = &inference->model->info.outputs[made - inference->made];
    uint64_t elements = 0;
    char text[64];
    if (datatype != spec->datatype) {
        misuse(inference, "the output \"%s\" was made as %s, but is %s", name,
               weft_datatype_name(datatype), weft_datatype_name(spec->datatype));
        return NULL;
    }
    if (shape == NULL || shape->rank > WEFT_RANK_MAX || !weft_shape_elements(shape, &elements) ||
        !weft_shape_fits(shape, &spec->shape)) {
        if (shape != NULL && shape->rank <= WEFT_RANK_MAX) {
            weft_shape_format(shape, text, sizeof(text));
        } else {
            text[0] = '?', text[1] = '\0';
        }
        misuse(inference,
               "the output \"%s\" was made with the shape %s, which the model can't have", name,
               text);
        return NULL;
    }
    made->datatype = datatype;
    made->shape = *shape;
    return made;
}

/* Of fixed-size datatypes; BYTES is looked at when it is written. */
static bool size_fits(struct weft_inference *inference, const char *name,
                      const struct weft_made *made, size_t size_bytes)
{
    uint64_t needed_bytes = 0;
    if (made->datatype == WEFT_BYTES ||
        (weft_shape_size_bytes(&made->shape, made->datatype, &needed_bytes) &&
         needed_bytes == size_bytes)) {
        return true;
    }
    misuse(inference, "the output \"%s\" was made with %zu bytes, but its shape needs %" PRIu64,
           name, size_bytes, needed_bytes);
    return false;
}

static struct weft_buffer *allocate(struct weft_model *model, size_t size_bytes)
{
    struct weft_buffer *buffer = NULL;
    pthread_mutex_lock(&model->lock); /* so that the pool can't go meanwhile */
    if (!model->left) {
        buffer = weft_pool_buffer(model->home.pool, size_bytes);
    }
    pthread_mutex_unlock(&model->lock);
    return buffer;
}

static void *host_output(struct weft_model_call *call, const char *name,
                         enum weft_datatype datatype, const struct weft_shape *shape,
                         size_t size_bytes)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = new_output(inference, name, datatype, shape);
    if (made == NULL || !size_fits(inference, name, made, size_bytes)) {
        return NULL;
    }
    if (size_bytes > SIZE_MAX - WEFT_OUTPUT_GUARD_BYTES) {
        return NULL;
    }
    struct weft_buffer *buffer = allocate(inference->model, size_bytes + WEFT_OUTPUT_GUARD_BYTES);
    if (buffer == NULL) {
        return NULL;
    }
    memset(buffer->data + size_bytes, GUARD_BYTE, WEFT_OUTPUT_GUARD_BYTES);
    made->slice = (struct weft_slice){buffer, buffer->data, size_bytes};
    made->guarded = true;
    made->made = true;
    return buffer->data;
}

static bool host_forward(struct weft_model_call *call, const char *name, size_t input_index)
{
    struct weft_inference *inference = weft_inference_of(call);
    if (input_index >= inference->base.inputs_count) {
        misuse(inference, "there is no input %zu to forward", input_index);
        return false;
    }
    struct weft_value *value = inference->input_values[input_index];
    struct weft_made *made =
        new_output(inference, name, weft_value_datatype(value), weft_value_shape(value));
    if (made == NULL) {
        return false;
    }
    made->value = weft_value_ref(value);
    made->made = true;
    return true;
}

/* Memory of a plugin's that the host reads. */
struct taken {
    struct weft_model *model;
    void (*release)(void *memory, void *context);
    void *context;
};

static void release_taken(void *memory, void *context)
{
    struct taken *taken = context;
    taken->release(memory, taken->context);
    weft_model_unpin(taken->model);
    free(taken);
}

static bool host_output_take(struct weft_model_call *call, const char *name,
                             enum weft_datatype datatype, const struct weft_shape *shape,
                             void *memory, size_t size_bytes,
                             void (*release)(void *memory, void *context), void *context)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = new_output(inference, name, datatype, shape);
    if (made == NULL || !size_fits(inference, name, made, size_bytes)) {
        return false;
    }
    struct taken *taken = malloc(sizeof(*taken));
    if (taken == NULL) {
        return false;
    }
    *taken = (struct taken){inference->model, release, context};
    struct weft_buffer *buffer = weft_buffer_take(memory, size_bytes, release_taken, taken);
    if (buffer == NULL) {
        free(taken);
        return false;
    }
    pthread_mutex_lock(&inference->model->lock);
    inference->model->pins++;
    pthread_mutex_unlock(&inference->model->lock);
    made->slice = weft_slice_take(buffer);
    made->guarded = false;
    made->made = true;
    return true;
}

static bool host_set_content_type(struct weft_model_call *call, const char *name,
                                  const char *content_type)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = find_made(inference, name);
    if (made == NULL || !made->made || content_type == NULL || !may_make(inference, name)) {
        return false;
    }
    char *copy = strdup(content_type);
    if (copy == NULL) {
        return false;
    }
    free(made->content_type);
    made->content_type = copy;
    return true;
}

static bool is_wanted(const struct weft_inference *inference, size_t index)
{
    return inference->unwanted == NULL || !inference->unwanted[index];
}

static bool host_wanted(struct weft_model_call *call, const char *name)
{
    struct weft_inference *inference = weft_inference_of(call);
    const struct weft_made *made = find_made(inference, name);
    return made != NULL && is_wanted(inference, (size_t)(made - inference->made));
}

static bool host_cancelled(struct weft_model_call *call)
{
    struct weft_inference *inference = weft_inference_of(call);
    return atomic_load(&inference->given_up) || (inference->deadline_ns != WEFT_DEADLINE_NEVER_NS &&
                                                 weft_loop_now_ns() >= inference->deadline_ns);
}

/* --- what was made becomes values --- */

static void made_fini(struct weft_made *made)
{
    weft_slice_fini(&made->slice);
    weft_value_unref(made->value);
    free(made->content_type);
    *made = (struct weft_made){0};
}

void weft_inference_drop_made(struct weft_inference *inference)
{
    for (size_t i = 0; i < inference->made_count; i++) {
        if (inference->made[i].made) {
            made_fini(&inference->made[i]);
        }
    }
}

static bool guard_is_whole(const struct weft_made *made)
{
    const uint8_t *guard = made->slice.data + made->slice.size_bytes;
    for (size_t i = 0; made->guarded && i < WEFT_OUTPUT_GUARD_BYTES; i++) {
        if (guard[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

/* A forwarded value with another media type is a new value over the same memory. */
static enum weft_status with_content_type(struct weft_made *made, struct weft_value **value,
                                          struct weft_error **error)
{
    struct weft_parameter parameter = {.name = "content_type",
                                       .kind = WEFT_PARAMETER_STRING,
                                       .string = made->content_type,
                                       .string_length = strlen(made->content_type)};
    if (made->value == NULL) {
        return weft_value_set_parameter(*value, &parameter, error);
    }
    cleanup_slice struct weft_slice slice = weft_slice_ref(weft_value_slice(*value));
    cleanup_value struct weft_value *changed = NULL;
    enum weft_status status =
        weft_value_new_slice(made->datatype, &made->shape, &slice, &changed, error);
    const struct weft_parameters *parameters = weft_value_parameters(*value);
    for (size_t i = 0; status == WEFT_OK && i < parameters->count; i++) {
        status = weft_value_set_parameter(changed, &parameters->items[i], error);
    }
    if (status == WEFT_OK) {
        status = weft_value_set_parameter(changed, &parameter, error);
    }
    if (status == WEFT_OK) {
        weft_value_unref(*value);
        *value = steal(&changed);
    }
    return status;
}

static enum weft_status to_value(const struct weft_inference *inference, struct weft_made *made,
                                 struct weft_value **ret_value, struct weft_error **error)
{
    const char *name = inference->model->info.outputs[made - inference->made].name;
    cleanup_value struct weft_value *value = NULL;
    if (made->value != NULL) {
        value = weft_value_ref(made->value);
    } else if (!guard_is_whole(made)) {
        return weft_error_set(error, WEFT_INTERNAL,
                              "model \"%s\" wrote past the end of its output \"%s\"",
                              inference->model->info.name, name);
    } else {
        enum weft_status status =
            weft_value_new_slice(made->datatype, &made->shape, &made->slice, &value, error);
        if (status == WEFT_OUT_OF_MEMORY) {
            return status;
        }
        if (status != WEFT_OK) { /* what would be the caller's fault is the plugin's here */
            cleanup_error struct weft_error *cause = error != NULL ? steal(error) : NULL;
            return weft_error_set(error, WEFT_INTERNAL,
                                  "model \"%s\" made a wrong output \"%s\": %s",
                                  inference->model->info.name, name, weft_error_message(cause));
        }
    }
    enum weft_status status =
        made->content_type != NULL ? with_content_type(made, &value, error) : WEFT_OK;
    if (status == WEFT_OK) {
        *ret_value = steal(&value);
    }
    return status;
}

/* The wanted outputs that were made, into items with room for all. */
static enum weft_status collect(struct weft_inference *inference, struct weft_named_value *items,
                                size_t *count, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < inference->made_count; i++) {
        if (inference->made[i].made && is_wanted(inference, i)) {
            struct weft_value *value = NULL;
            status = to_value(inference, &inference->made[i], &value, error);
            if (status == WEFT_OK) {
                items[(*count)++] =
                    (struct weft_named_value){inference->model->info.outputs[i].name, value};
            }
        }
    }
    weft_inference_drop_made(inference);
    return status;
}

/* --- parts --- */

void weft_part_free(struct weft_part *part)
{
    for (size_t i = 0; i < part->count; i++) {
        weft_value_unref(part->items[i].value);
    }
    free(part);
}

static bool may_not_emit(const struct weft_inference *inference)
{
    return atomic_load(&inference->given_up) || inference->model->left;
}

/* With the lock held. Waits where too many parts lie there, but not on the loop, which takes them.
 */
static enum weft_status wait_for_room(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    while (inference->parts_count >= WEFT_MODEL_PARTS_MAX && !may_not_emit(inference)) {
        if (weft_loop_is_current(model->home.loop)) {
            return WEFT_RESOURCE_EXHAUSTED;
        }
        pthread_cond_wait(&model->changed, &model->lock);
    }
    return may_not_emit(inference) ? WEFT_CANCELLED : WEFT_OK;
}

static void parts_arrived(struct weft_mail *mail);

static enum weft_status send_part(struct weft_inference *inference, struct weft_part *part)
{
    struct weft_model *model = inference->model;
    pthread_mutex_lock(&model->lock);
    enum weft_status status = WEFT_FAILED_PRECONDITION;
    if (inference->completed) {
        note_misuse(inference, "emit was called after complete");
    } else {
        status = wait_for_room(inference);
    }
    if (status == WEFT_OK) {
        part->next = NULL;
        *inference->parts_end = part;
        inference->parts_end = &part->next;
        inference->parts_count++;
        inference->emitted = true;
        if (!inference->parts_posted) {
            inference->parts_posted = true;
            inference->parts_mail.take = parts_arrived;
            weft_loop_post(model->home.loop, &inference->parts_mail);
        }
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

static enum weft_status host_emit(struct weft_model_call *call)
{
    struct weft_inference *inference = weft_inference_of(call);
    if (!inference->model->info.streaming) {
        misuse(inference, "emit was called by a model that doesn't stream");
        return WEFT_FAILED_PRECONDITION;
    }
    struct weft_part *part =
        calloc(1, sizeof(*part) + inference->made_count * sizeof(part->items[0]));
    if (part == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = collect(inference, part->items, &part->count, &error);
    if (status == WEFT_INTERNAL) {
        misuse(inference, "%s", weft_error_message(error));
    }
    if (status == WEFT_OK) {
        status = send_part(inference, part);
    }
    if (status != WEFT_OK) {
        weft_part_free(part);
    }
    return status;
}

static void parts_arrived(struct weft_mail *mail)
{
    struct weft_inference *inference = weft_list_entry(mail, struct weft_inference, parts_mail);
    weft_inference_take_parts(inference);
}

/* --- the end --- */

static enum weft_status check_complete(const struct weft_inference *inference,
                                       struct weft_error **error)
{
    const struct weft_model *model = inference->model;
    for (size_t i = 0; i < inference->made_count && !model->info.streaming; i++) {
        if (!inference->made[i].made && is_wanted(inference, i)) {
            return weft_error_set(error, WEFT_INTERNAL,
                                  "model \"%s\" did not make its output \"%s\"", model->info.name,
                                  model->info.outputs[i].name);
        }
    }
    return WEFT_OK;
}

/* Nobody else touches the result now. */
static void make_result(struct weft_inference *inference, enum weft_status status, const char *text)
{
    struct weft_model *model = inference->model;
    pthread_mutex_lock(&model->lock);
    bool misused = inference->misuse[0] != '\0';
    pthread_mutex_unlock(&model->lock);
    if (status != WEFT_OK) {
        bool known = status > WEFT_OK && status <= WEFT_OUT_OF_MEMORY;
        (void)weft_error_set(&inference->error, known ? status : WEFT_INTERNAL, "%s%s%s",
                             text != NULL ? "" : "model \"", text != NULL ? text : model->info.name,
                             text != NULL ? "" : "\" failed without saying why");
    } else if (!atomic_load(&inference->given_up) && !misused &&
               check_complete(inference, &inference->error) == WEFT_OK) {
        (void)!collect(inference, inference->answer, &inference->answer_count, &inference->error);
    }
    weft_inference_drop_made(inference);
}

static void end_arrived(struct weft_mail *mail)
{
    struct weft_inference *inference = weft_list_entry(mail, struct weft_inference, end_mail);
    weft_inference_ended(inference);
}

/* A cancel that runs on the loop may still look at what the plugin gives up after complete. */
static void wait_for_cancel(struct weft_inference *inference)
{
    while (inference->cancelling && !pthread_equal(inference->canceller, pthread_self())) {
        pthread_cond_wait(&inference->model->changed, &inference->model->lock);
    }
}

static void host_complete(struct weft_model_call *call, enum weft_status status, const char *text)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_model *model = inference->model;
    uint64_t now_ns = weft_loop_now_ns();
    pthread_mutex_lock(&model->lock);
    if (inference->completed) {
        note_misuse(inference, "complete was called twice");
        pthread_mutex_unlock(&model->lock);
        return;
    }
    inference->completed = true;
    inference->completed_ns = now_ns;
    wait_for_cancel(inference);
    pthread_mutex_unlock(&model->lock);
    make_result(inference, status, text);
    pthread_mutex_lock(&model->lock);
    inference->sealed = true;
    if (inference->returned && !model->left) {
        inference->end_mail.take = end_arrived;
        weft_loop_post(model->home.loop, &inference->end_mail);
    }
    pthread_mutex_unlock(&model->lock);
}

/* --- infer --- */

/* The host received these bytes where they came; a plugin reads them as elements. */
static bool align_inputs(struct weft_inference *inference)
{
    for (size_t i = 0; i < inference->base.inputs_count; i++) {
        struct weft_tensor *tensor = &inference->tensors[i];
        size_t element_bytes = weft_datatype_size_bytes(tensor->datatype);
        if (element_bytes < 2 || (uintptr_t)tensor->data % element_bytes == 0) {
            continue;
        }
        if (inference->aligned == NULL) {
            inference->aligned = calloc(inference->inputs_count, sizeof(*inference->aligned));
        }
        struct weft_buffer *copy =
            inference->aligned != NULL ? allocate(inference->model, tensor->size_bytes) : NULL;
        if (copy == NULL) {
            return false;
        }
        weft_copy(copy->data, tensor->data, tensor->size_bytes);
        inference->aligned[i] = copy;
        tensor->data = copy->data;
    }
    return true;
}

static bool enter(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    uint64_t now_ns = weft_loop_now_ns();
    pthread_mutex_lock(&model->lock);
    bool open = !atomic_load(&inference->given_up) && !model->left;
    if (open) {
        inference->entered = true;
        inference->started_ns = now_ns;
    }
    pthread_mutex_unlock(&model->lock);
    uint64_t deadline_ns = inference->deadline_ns;
    inference->base.timeout_ns = deadline_ns == WEFT_DEADLINE_NEVER_NS ? UINT64_MAX
                                 : deadline_ns > now_ns                ? deadline_ns - now_ns
                                                                       : 0;
    return open;
}

bool weft_inference_run(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    if (!align_inputs(inference)) {
        host_complete(&inference->base, WEFT_OUT_OF_MEMORY, "no memory to align the inputs");
    } else if (!enter(inference)) {
        host_complete(&inference->base, WEFT_CANCELLED, "nobody waits for the answer");
    } else {
        model->plugin->infer(model->data, &inference->base);
    }
    pthread_mutex_lock(&model->lock);
    inference->returned = true;
    bool sealed = inference->sealed;
    pthread_mutex_unlock(&model->lock);
    return sealed;
}

const struct weft_model_host weft_model_host_table = {
    .size_bytes = sizeof(struct weft_model_host),
    .log = host_log,
    .state_directory = host_state_directory,
    .model_directory = host_model_directory,
    .set_generation = host_set_generation,
    .fail = host_fail,
    .output = host_output,
    .forward = host_forward,
    .set_content_type = host_set_content_type,
    .wanted = host_wanted,
    .cancelled = host_cancelled,
    .emit = host_emit,
    .complete = host_complete,
    .output_take = host_output_take,
    .configured_inputs = host_configured_inputs,
    .configured_outputs = host_configured_outputs,
    .model_file = host_model_file,
};
