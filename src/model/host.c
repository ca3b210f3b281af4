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

static bool host_cancelled(struct weft_model_call *call)
{
    struct weft_inference *inference = weft_inference_of(call);
    return atomic_load(&inference->given_up) || (inference->deadline_ns != WEFT_DEADLINE_NEVER_NS &&
                                                 weft_loop_now_ns() >= inference->deadline_ns);
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
        weft_inference_note_misuse(inference, "emit was called after complete");
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
        weft_inference_misuse(inference, "emit was called by a model that doesn't stream");
        return WEFT_FAILED_PRECONDITION;
    }
    struct weft_part *part =
        calloc(1, sizeof(*part) + inference->made_count * sizeof(part->items[0]));
    if (part == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = weft_inference_collect(inference, part->items, &part->count, &error);
    if (status == WEFT_INTERNAL) {
        weft_inference_misuse(inference, "%s", weft_error_message(error));
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
        if (!inference->made[i].made && weft_inference_wants(inference, i)) {
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
        (void)!weft_inference_collect(inference, inference->answer, &inference->answer_count,
                                      &inference->error);
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
        weft_inference_note_misuse(inference, "complete was called twice");
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
        struct weft_buffer *copy = inference->aligned != NULL
                                       ? weft_model_allocate(inference->model, tensor->size_bytes)
                                       : NULL;
        if (copy == NULL) {
            return false;
        }
        weft_copy(copy->data, tensor->data, tensor->size_bytes);
        inference->aligned[i] = copy;
        inference->aligned_bytes += tensor->size_bytes;
        weft_model_hold(inference->model, tensor->size_bytes);
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
    .output = weft_host_output,
    .forward = weft_host_forward,
    .set_content_type = weft_host_set_content_type,
    .wanted = weft_host_wanted,
    .cancelled = host_cancelled,
    .emit = host_emit,
    .complete = host_complete,
    .output_take = weft_host_output_take,
    .configured_inputs = host_configured_inputs,
    .configured_outputs = host_configured_outputs,
    .model_file = host_model_file,
};
