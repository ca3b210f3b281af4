/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "model/call.h"

/* --- references and looks --- */

struct weft_model *weft_model_ref(struct weft_model *model)
{
    model->references++;
    return model;
}

void weft_model_unref(struct weft_model *model)
{
    if (model == NULL || --model->references > 0) {
        return;
    }
    weft_assert(model->phase == WEFT_MODEL_PHASE_GONE);
    weft_model_discard(model);
}

const struct weft_model_info *weft_model_info(const struct weft_model *model)
{
    return &model->info;
}

uint32_t weft_model_instances(const struct weft_model *model)
{
    return model->config->instances;
}

uint32_t weft_model_running(const struct weft_model *model)
{
    return model->running_count;
}

uint32_t weft_model_stuck(const struct weft_model *model)
{
    return model->stuck_count;
}

uint64_t weft_model_memory_bytes(const struct weft_model *model)
{
    uint64_t held_bytes = atomic_load_explicit(&model->held_bytes, memory_order_relaxed);
    return model->loaded_bytes > 0 ? model->loaded_bytes + held_bytes : 0;
}

/* --- between threads --- */

static void mail_arrived(struct weft_mail *mail)
{
    struct weft_model *model = weft_list_entry(mail, struct weft_model, mail);
    pthread_mutex_lock(&model->lock);
    model->mailed = false;
    uint64_t generation = model->generation;
    pthread_mutex_unlock(&model->lock);
    if (model->left) {
        return;
    }
    if (generation != model->info.generation) {
        model->info.generation = generation;
        model->home.changed(model->home.context, model);
    }
    weft_loop_defer(model->home.loop, &model->step);
}

void weft_model_notify(struct weft_model *model)
{
    if (!model->mailed && !model->left) {
        model->mailed = true;
        model->mail.take = mail_arrived;
        weft_loop_post(model->home.loop, &model->mail);
    }
}

void weft_model_unpin(struct weft_model *model)
{
    pthread_mutex_lock(&model->lock);
    if (--model->pins == 0) {
        weft_model_notify(model);
    }
    pthread_mutex_unlock(&model->lock);
}

void weft_model_pass(struct weft_model *model)
{
    pthread_mutex_lock(&model->lock);
    bool left = model->left;
    model->passed += !left;
    pthread_mutex_unlock(&model->lock);
    while (left) {
        pause(); /* what this thread would report to is gone */
    }
}

void weft_model_stop_if_left(struct weft_model *model)
{
    pthread_mutex_lock(&model->lock);
    bool left = model->left;
    pthread_mutex_unlock(&model->lock);
    while (left) {
        pause();
    }
}

void weft_model_passed(struct weft_model *model)
{
    pthread_mutex_lock(&model->lock);
    model->passed--;
    pthread_mutex_unlock(&model->lock);
}

/* --- the queue --- */

static void hung_fired(void *context)
{
    struct weft_model *model = context;
    model->hung = true;
    struct weft_list *link = NULL;
    while ((link = weft_list_first(&model->waiting)) != NULL) {
        weft_inference_give_up(weft_list_entry(link, struct weft_inference, link), WEFT_UNAVAILABLE,
                               "is stuck in calls that nobody waits for");
    }
}

/* Instances that only end their cancelled calls are free again soon; those that don't, never. */
static void look_for_hung(struct weft_model *model)
{
    bool all_stuck = model->stuck_count >= model->config->instances;
    if (!all_stuck) {
        model->hung = false;
        weft_timer_cancel(&model->hung_timer);
    } else if (!model->hung && !weft_timer_is_set(&model->hung_timer) &&
               weft_timer_set(&model->hung_timer, weft_loop_now_ns() + WEFT_MODEL_STUCK_NS) !=
                   WEFT_OK) {
        model->hung = true;
    }
}

static void start_waiting(struct weft_model *model)
{
    while (model->running_count < model->config->instances && model->waiting_count > 0) {
        struct weft_inference *inference =
            weft_list_entry(weft_list_first(&model->waiting), struct weft_inference, link);
        weft_list_remove(&inference->link);
        model->waiting_count--;
        weft_inference_start(inference);
    }
}

void weft_model_call_ended(struct weft_model *model)
{
    look_for_hung(model);
    weft_loop_defer(model->home.loop, &model->step);
}

static enum weft_status admit(const struct weft_model *model,
                              const struct weft_model_request *request,
                              const struct weft_model_events *events, struct weft_error **error)
{
    if (model->phase != WEFT_MODEL_PHASE_READY) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "model \"%s\" is being unloaded",
                              model->info.name);
    }
    if (model->hung) {
        return weft_error_set(error, WEFT_UNAVAILABLE,
                              "model \"%s\" is stuck in calls that nobody waits for",
                              model->info.name);
    }
    if (model->waiting_count >= WEFT_MODEL_QUEUE_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%d calls wait for model \"%s\" already", WEFT_MODEL_QUEUE_MAX,
                              model->info.name);
    }
    if (model->info.streaming && events->on_part == NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "model \"%s\" answers in parts, which this call can't take",
                              model->info.name);
    }
    if (request->deadline_ns != WEFT_DEADLINE_NEVER_NS &&
        request->deadline_ns <= weft_loop_looked_ns(model->home.loop)) {
        return weft_error_set(error, WEFT_DEADLINE_EXCEEDED,
                              "the deadline passed before model \"%s\" was called",
                              model->info.name);
    }
    return WEFT_OK;
}

enum weft_status weft_model_infer(struct weft_model *model,
                                  const struct weft_model_request *request,
                                  const struct weft_model_events *events, void *context,
                                  struct weft_inference **ret_inference, struct weft_error **error)
{
    enum weft_status status = admit(model, request, events, error);
    struct weft_inference *inference = NULL;
    if (status == WEFT_OK) {
        status = weft_inference_new(model, request, events, context, &inference, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    bool now = model->waiting_count == 0 && model->running_count < model->config->instances;
    bool at_once = now && model->executor == NULL; /* mostly over before a timer would be set */
    status = at_once ? WEFT_OK : weft_inference_arm(inference, error);
    if (status != WEFT_OK) {
        weft_inference_free(inference);
        return status;
    }
    if (ret_inference != NULL) {
        *ret_inference = inference;
    }
    if (now) {
        weft_inference_start(inference);
    } else {
        weft_list_append(&model->waiting, &inference->link);
        model->waiting_count++;
    }
    return WEFT_OK;
}

/* --- life --- */

static void unload_run(struct weft_job *job)
{
    struct weft_model *model = weft_list_entry(job, struct weft_model, unload);
    model->plugin->unload(model->data);
    weft_model_pass(model);
}

static void unload_done(struct weft_job *job, bool cancelled)
{
    struct weft_model *model = weft_list_entry(job, struct weft_model, unload);
    weft_assert(!cancelled); /* the loaders end after all models */
    weft_model_passed(model);
    model->loaded = false;
    model->unloaded = true;
    if (!model->left) {
        weft_loop_defer(model->home.loop, &model->step);
    }
}

static void step(void *context)
{
    struct weft_model *model = context;
    start_waiting(model);
    if (model->phase == WEFT_MODEL_PHASE_DRAINING && model->running_count == 0) {
        weft_timer_cancel(&model->hung_timer);
        weft_executor_free(steal(&model->executor)); /* its threads are idle */
        model->phase = WEFT_MODEL_PHASE_RELEASING;
        weft_model_unpin(model);
    }
    if (model->phase == WEFT_MODEL_PHASE_RELEASING) {
        pthread_mutex_lock(&model->lock);
        bool released = model->pins == 0 && !model->mailed;
        pthread_mutex_unlock(&model->lock);
        if (released) {
            model->phase = WEFT_MODEL_PHASE_UNLOADING;
            model->unload.run = unload_run;
            model->unload.done = unload_done;
            /* Its queue has room for all models there can be. */
            enum weft_status status =
                weft_executor_submit(model->home.loaders, &model->unload, NULL);
            weft_assert(status == WEFT_OK);
        }
    }
    if (model->phase == WEFT_MODEL_PHASE_UNLOADING && model->unloaded) {
        model->phase = WEFT_MODEL_PHASE_GONE;
        model->home.gone(model->home.context, model);
    }
}

enum weft_status weft_model_start(struct weft_model *model, struct weft_error **error)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "m:%.12s", model->info.name);
    enum weft_status status = WEFT_OK;
    if ((model->plugin->flags & WEFT_MODEL_INLINE) == 0) {
        status = weft_executor_new(model->home.loop, name, model->config->instances, 0,
                                   &model->executor, error);
    }
    weft_list_init(&model->waiting);
    weft_list_init(&model->running);
    weft_deferred_init(&model->step, step, model);
    weft_timer_init(&model->hung_timer, model->home.loop, hung_fired, model);
    pthread_mutex_lock(&model->lock);
    model->pins = 1;
    model->info.generation = model->generation;
    pthread_mutex_unlock(&model->lock);
    model->info.ready = true;
    model->references = 1;
    model->phase = WEFT_MODEL_PHASE_READY;
    if (status != WEFT_OK) {
        weft_model_drain(model, false);
    }
    return status;
}

void weft_model_drain(struct weft_model *model, bool cancel)
{
    if (model->phase == WEFT_MODEL_PHASE_READY) {
        model->phase = WEFT_MODEL_PHASE_DRAINING;
        model->info.ready = false;
        weft_loop_defer(model->home.loop, &model->step);
    }
    if (!cancel || model->phase != WEFT_MODEL_PHASE_DRAINING) {
        return;
    }
    struct weft_list *link = NULL;
    while ((link = weft_list_first(&model->waiting)) != NULL) {
        weft_inference_give_up(weft_list_entry(link, struct weft_inference, link), WEFT_CANCELLED,
                               "is being unloaded");
    }
    for (link = model->running.next; link != &model->running; link = link->next) {
        weft_inference_give_up(weft_list_entry(link, struct weft_inference, link), WEFT_CANCELLED,
                               "is being unloaded");
    }
}

bool weft_model_leave(struct weft_model *model)
{
    pthread_mutex_lock(&model->lock);
    model->left = true;
    bool quiet = model->passed == 0;
    pthread_cond_broadcast(&model->changed);
    pthread_mutex_unlock(&model->lock);
    if (model->phase == WEFT_MODEL_PHASE_MADE) { /* its load is stuck: nothing else exists yet */
        return quiet;
    }
    weft_timer_cancel(&model->hung_timer);
    weft_deferred_cancel(&model->step);
    if (quiet && model->executor != NULL) {
        (void)weft_executor_busy(model->executor); /* takes its lock: its posts are over */
    }
    return quiet;
}
