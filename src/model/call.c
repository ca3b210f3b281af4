/* SPDX-License-Identifier: Apache-2.0 */
#include "model/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/zeroed.h"

/* --- making one --- */

/* Everything of known size lies behind the inference, in one block. */
struct layout {
    size_t tensors, values, answer, made, unwanted, request_id, total;
};

static size_t place(size_t *at, size_t size_bytes)
{
    size_t place = *at;
    *at += (size_bytes + 15) / 16 * 16;
    return place;
}

static struct layout lay_out(const struct weft_model_info *info,
                             const struct weft_model_request *request)
{
    struct layout layout = {0};
    size_t at = (sizeof(struct weft_inference) + 15) / 16 * 16;
    size_t inputs = request->inputs->count;
    size_t outputs = info->outputs_count;
    layout.tensors = place(&at, inputs * sizeof(struct weft_tensor));
    layout.values = place(&at, inputs * sizeof(struct weft_value *));
    layout.answer = place(&at, outputs * sizeof(struct weft_named_value));
    layout.made = place(&at, outputs * sizeof(struct weft_made));
    layout.unwanted = place(&at, outputs);
    layout.request_id =
        place(&at, request->request_id != NULL ? strlen(request->request_id) + 1 : 1);
    layout.total = at;
    return layout;
}

static void take_inputs(struct weft_inference *inference, const struct weft_values *inputs)
{
    const struct weft_model_info *info = &inference->model->info;
    for (size_t i = 0; i < info->inputs_count; i++) {
        struct weft_value *value = weft_values_find(inputs, info->inputs[i].name);
        if (value == NULL) {
            continue;
        }
        size_t at = inference->inputs_count++;
        inference->input_values[at] = weft_value_ref(value);
        inference->tensors[at] = (struct weft_tensor){
            .name = info->inputs[i].name,
            .datatype = weft_value_datatype(value),
            .shape = *weft_value_shape(value),
            .data = weft_value_data(value),
            .size_bytes = weft_value_size_bytes(value),
            .content_type = weft_value_content_type(value),
        };
    }
}

static void take_wanted(struct weft_inference *inference, const struct weft_model_request *request,
                        bool *unwanted)
{
    const struct weft_model_info *info = &inference->model->info;
    if (request->wanted_count == 0) {
        return;
    }
    inference->unwanted = unwanted;
    for (size_t i = 0; i < info->outputs_count; i++) {
        unwanted[i] = true;
        for (size_t j = 0; j < request->wanted_count; j++) {
            if (strcmp(request->wanted[j], info->outputs[i].name) == 0) {
                unwanted[i] = false;
            }
        }
    }
}

static void deadline_passed(void *context)
{
    struct weft_inference *inference = context;
    weft_inference_give_up(inference, WEFT_DEADLINE_EXCEEDED,
                           inference->running ? "did not answer before the deadline"
                                              : "had no free instance before the deadline");
}

static void later(void *context);
static void run_job(struct weft_job *job);
static void job_done(struct weft_job *job, bool cancelled);

static void set_up(struct weft_inference *inference, struct weft_model *model,
                   const struct weft_model_request *request, const struct layout *layout)
{
    char *block = (char *)inference;
    inference->model = weft_model_ref(model);
    inference->tensors = (struct weft_tensor *)(void *)(block + layout->tensors);
    inference->input_values = (struct weft_value **)(void *)(block + layout->values);
    inference->answer = (struct weft_named_value *)(void *)(block + layout->answer);
    inference->made = (struct weft_made *)(void *)(block + layout->made);
    inference->made_count = model->info.outputs_count;
    inference->request_id = block + layout->request_id;
    if (request->request_id != NULL) {
        memcpy(inference->request_id, request->request_id, strlen(request->request_id));
    }
    inference->trace = request->trace;
    inference->deadline_ns = request->deadline_ns;
    inference->parts_end = &inference->parts;
    weft_list_init(&inference->link);
    weft_timer_init(&inference->timer, model->home.loop, deadline_passed, inference);
    weft_deferred_init(&inference->later, later, inference);
    inference->job.run = run_job;
    inference->job.done = job_done;
    atomic_init(&inference->given_up, false);
    take_inputs(inference, request->inputs);
    take_wanted(inference, request, (bool *)(block + layout->unwanted));
    inference->base = (struct weft_model_call){
        .host = &weft_model_host_table,
        .handle = weft_model_handle_of(model),
        .inputs = inference->tensors,
        .inputs_count = inference->inputs_count,
        .request_id = inference->request_id,
    };
}

enum weft_status weft_inference_new(struct weft_model *model,
                                    const struct weft_model_request *request,
                                    const struct weft_model_events *events, void *context,
                                    struct weft_inference **ret_inference,
                                    struct weft_error **error)
{
    enum weft_status status = weft_model_check(model, request, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct layout layout = lay_out(&model->info, request);
    struct weft_inference *inference = weft_zeroed(layout.total);
    if (inference == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    set_up(inference, model, request, &layout);
    inference->events = *events;
    inference->context = context;
    inference->submitted_ns = weft_loop_looked_ns(model->home.loop);
    if (request->parameters != NULL) {
        status = weft_parameters_merge(&inference->parameters, request->parameters, error);
    }
    if (status != WEFT_OK) {
        weft_inference_free(inference);
        return status;
    }
    inference->base.parameters = inference->parameters.items;
    inference->base.parameters_count = inference->parameters.count;
    *ret_inference = inference;
    return WEFT_OK;
}

static void drop_parts(struct weft_inference *inference)
{
    while (inference->parts != NULL) {
        struct weft_part *part = inference->parts;
        inference->parts = part->next;
        weft_part_free(part);
    }
}

void weft_inference_free(struct weft_inference *inference)
{
    weft_timer_cancel(&inference->timer);
    weft_deferred_cancel(&inference->later);
    weft_inference_drop_made(inference);
    drop_parts(inference);
    for (size_t i = 0; i < inference->answer_count; i++) {
        weft_value_unref(inference->answer[i].value);
    }
    for (size_t i = 0; i < inference->inputs_count; i++) {
        weft_value_unref(inference->input_values[i]);
        if (inference->aligned != NULL) {
            weft_buffer_unref(inference->aligned[i]);
        }
    }
    free(inference->aligned);
    weft_model_let_go(inference->model, inference->aligned_bytes);
    weft_parameters_fini(&inference->parameters);
    weft_error_unref(inference->error);
    weft_model_unref(inference->model);
    free(inference);
}

enum weft_status weft_inference_arm(struct weft_inference *inference, struct weft_error **error)
{
    if (inference->deadline_ns == WEFT_DEADLINE_NEVER_NS ||
        weft_timer_set(&inference->timer, inference->deadline_ns) == WEFT_OK) {
        return WEFT_OK;
    }
    return weft_error_set_out_of_memory(error);
}

/* --- running --- */

static void run_job(struct weft_job *job)
{
    struct weft_inference *inference = weft_list_entry(job, struct weft_inference, job);
    inference->ended_at_return = weft_inference_run(inference);
    weft_model_pass(inference->model);
}

static void settle(struct weft_inference *inference);

static void job_done(struct weft_job *job, bool cancelled)
{
    struct weft_inference *inference = weft_list_entry(job, struct weft_inference, job);
    inference->job_ended = true;
    if (cancelled) {
        inference->ended_seen = true;
    } else {
        weft_model_passed(inference->model);
        inference->ended_seen = inference->ended_seen || inference->ended_at_return;
    }
    settle(inference);
}

void weft_inference_ended(struct weft_inference *inference)
{
    inference->ended_seen = true;
    settle(inference);
}

static void start_inline(struct weft_inference *inference)
{
    struct weft_error *error = NULL;
    inference->ended_seen = weft_inference_run(inference);
    inference->job_ended = true;
    if (inference->ended_seen) {
        weft_loop_defer(inference->model->home.loop, &inference->later);
    } else if (weft_inference_arm(inference, &error) != WEFT_OK) {
        weft_error_unref(error);
        weft_inference_cancel(inference); /* better than to wait for ever */
    }
}

void weft_inference_start(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    inference->running = true;
    model->running_count++;
    weft_list_append(&model->running, &inference->link);
    if (model->executor == NULL) {
        start_inline(inference);
    } else if (weft_executor_submit(model->executor, &inference->job, &inference->error) !=
               WEFT_OK) {
        inference->job_ended = true;
        inference->ended_seen = true;
        weft_loop_defer(model->home.loop, &inference->later);
    }
}

/* --- its end --- */

static void answer(struct weft_inference *inference, struct weft_error *error)
{
    struct weft_model *model = inference->model;
    struct weft_values values = {inference->answer, inference->answer_count,
                                 inference->answer_count};
    static const struct weft_values none = {0};
    pthread_mutex_lock(&model->lock);
    uint64_t started_ns = inference->entered ? inference->started_ns : 0;
    uint64_t ended_ns = inference->completed ? inference->completed_ns : weft_loop_now_ns();
    uint64_t generation = model->generation;
    pthread_mutex_unlock(&model->lock);
    struct weft_model_usage usage = {
        .queue_ns = (started_ns != 0 ? started_ns : ended_ns) - inference->submitted_ns,
        .compute_ns = started_ns != 0 ? ended_ns - started_ns : 0,
        .generation = generation,
    };
    weft_timer_cancel(&inference->timer);
    inference->answered = true;
    inference->events.on_done(inference->context, error, error == NULL ? &values : &none, &usage);
}

/* The plugin's answer, or what it did wrong. */
static void answer_result(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    pthread_mutex_lock(&model->lock);
    bool misused = inference->misuse[0] != '\0';
    pthread_mutex_unlock(&model->lock);
    if (misused && inference->error == NULL) {
        (void)weft_error_set(&inference->error, WEFT_INTERNAL,
                             "model \"%s\" does not keep to the plugin's rules: %s",
                             model->info.name, inference->misuse);
    }
    answer(inference, inference->error);
}

void weft_inference_take_parts(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    pthread_mutex_lock(&model->lock);
    struct weft_part *parts = inference->parts;
    inference->parts = NULL;
    inference->parts_end = &inference->parts;
    inference->parts_count = 0;
    inference->parts_posted = false;
    pthread_cond_broadcast(&model->changed);
    pthread_mutex_unlock(&model->lock);
    while (parts != NULL) {
        struct weft_part *part = parts;
        parts = part->next;
        struct weft_values values = {part->items, part->count, part->count};
        if (!inference->answered && !inference->cancel_asked) {
            inference->events.on_part(inference->context, &values);
        }
        weft_part_free(part);
    }
}

/* Where both ends have come: the instance is free again. */
static void settle(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    if (!inference->ended_seen || !inference->job_ended || model->left) {
        return;
    }
    weft_list_remove(&inference->link);
    model->running_count--;
    if (inference->answered) {
        model->stuck_count--;
    } else {
        answer_result(inference);
    }
    weft_model_call_ended(model);
    weft_inference_free(inference);
}

static void later(void *context)
{
    struct weft_inference *inference = context;
    if (inference->ended_seen && inference->job_ended) {
        settle(inference);
    } else if (inference->cancel_asked) {
        weft_inference_give_up(inference, WEFT_CANCELLED, "was cancelled");
    }
}

/* --- giving up --- */

static void ask_plugin(struct weft_inference *inference)
{
    struct weft_model *model = inference->model;
    pthread_mutex_lock(&model->lock);
    pthread_cond_broadcast(&model->changed); /* an emit that waits */
    bool ask = inference->entered && !inference->completed && model->plugin->cancel != NULL;
    if (ask) {
        inference->cancelling = true;
        inference->canceller = pthread_self();
    }
    pthread_mutex_unlock(&model->lock);
    if (ask) {
        model->plugin->cancel(model->data, &inference->base);
        pthread_mutex_lock(&model->lock);
        inference->cancelling = false;
        pthread_cond_broadcast(&model->changed);
        pthread_mutex_unlock(&model->lock);
    }
}

void weft_inference_give_up(struct weft_inference *inference, enum weft_status status,
                            const char *why)
{
    struct weft_model *model = inference->model;
    bool ending = inference->ended_seen && inference->job_ended;
    if (inference->answered || ending) {
        return;
    }
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, status, "model \"%s\" %s", model->info.name, why);
    atomic_store(&inference->given_up, true);
    if (inference->running) {
        ask_plugin(inference);
        model->stuck_count++;
        answer(inference, error);
        weft_model_call_ended(model);
        return;
    }
    weft_list_remove(&inference->link);
    model->waiting_count--;
    answer(inference, error);
    weft_model_call_ended(model);
    weft_inference_free(inference);
}

void weft_inference_cancel(struct weft_inference *inference)
{
    if (!inference->answered) {
        inference->cancel_asked = true;
        weft_loop_defer(inference->model->home.loop, &inference->later);
    }
}
