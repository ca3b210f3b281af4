/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "join/join.h"
#include "run/run_parts.h"

/* A task that runs: either a model's inference or a join on an executor thread. */
struct running {
    struct weft_run *run;
    struct weft_task *task;
    struct weft_value **outputs; /* by index of the step's outputs */
    uint64_t compute_ns;
    uint64_t generation;
    struct weft_error *error;

    struct weft_inference *inference; /* models */
    struct weft_job job;              /* joins */
    struct weft_deferred late_end;    /* what could not even start ends at the end of the turn */
};

const size_t task_bytes = sizeof(struct running);

static bool is_join(const struct weft_plan_task *step)
{
    return strncmp(step->model, WEFT_JOIN_MODEL_PREFIX, strlen(WEFT_JOIN_MODEL_PREFIX)) == 0;
}

enum weft_status task_check(void *context, const struct weft_plan_task *step,
                            struct weft_error **error)
{
    struct weft_run *run = context;
    if (is_join(step)) {
        return weft_join_find(step->model) != NULL
                   ? WEFT_OK
                   : weft_error_set(error, WEFT_NOT_FOUND, "there is no operator \"%s\"",
                                    step->model);
    }
    struct weft_model *model = NULL;
    enum weft_status status = weft_repository_find(run->options.repository, step->model,
                                                   step->model_version, &model, error);
    weft_model_unref(model);
    return status;
}

static void end(struct running *running)
{
    struct weft_run *run = running->run;
    struct weft_task *task = running->task;
    uint64_t end_ns = wall_ns(run);
    struct weft_task_result result = {
        .error = running->error,
        .outputs = running->outputs,
        .start_ns = end_ns - running->compute_ns,
        .end_ns = end_ns,
        .pid = run->pid,
        .model_generation = running->generation,
    };
    metrics_task(run, task, running->error == NULL, running->compute_ns);
    log_task_ended(run, task, running->error, running->compute_ns);
    /* The worker's call takes the task away, and `running` with it. */
    struct weft_value **outputs = running->outputs;
    struct weft_error *error = running->error;
    size_t outputs_count = task->step->outputs_count;
    run->tasks_open--;
    weft_worker_finished(run->worker, task, &result, come_in(run));
    pump_soon(run);
    for (size_t i = 0; outputs != NULL && i < outputs_count; i++) {
        weft_value_unref(outputs[i]);
    }
    free(outputs);
    weft_error_unref(error);
}

static void late_end(void *context)
{
    end(context);
}

static void fail(struct running *running, struct weft_error *take_error)
{
    running->error = take_error;
    weft_loop_defer(running->run->options.loop, &running->late_end);
}

/* --- models --- */

/* The step's outputs out of what the model gave; what is missing stays NULL, and the worker says
 * so. */
static void pick(const struct weft_plan_task *step, const struct weft_values *values,
                 struct weft_value **ret_outputs)
{
    for (size_t i = 0; i < step->outputs_count; i++) {
        struct weft_value *value = weft_values_find(values, step->outputs[i].name);
        if (value != NULL) {
            weft_value_unref(ret_outputs[i]);
            ret_outputs[i] = weft_value_ref(value);
        }
    }
}

static void model_part(void *context, const struct weft_values *values)
{
    struct running *running = context;
    const struct weft_plan_task *step = running->task->step;
    cleanup_free struct weft_value **outputs = calloc(step->outputs_count + 1, sizeof(*outputs));
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = WEFT_OUT_OF_MEMORY;
    if (outputs != NULL) {
        pick(step, values, outputs);
        status = weft_worker_part(running->run->worker, running->task, outputs,
                                  come_in(running->run), &error);
        pump_soon(running->run);
        for (size_t i = 0; i < step->outputs_count; i++) {
            weft_value_unref(outputs[i]);
        }
    }
    if (status != WEFT_OK && running->error == NULL) {
        running->error = steal(&error);
        if (running->error == NULL) {
            (void)weft_error_set_out_of_memory(&running->error);
        }
        weft_inference_cancel(running->inference);
    }
}

static void model_done(void *context, struct weft_error *error, const struct weft_values *values,
                       const struct weft_model_usage *usage)
{
    struct running *running = context;
    running->inference = NULL;
    running->compute_ns = usage->compute_ns;
    running->generation = usage->generation;
    if (error != NULL && running->error == NULL) {
        running->error = weft_error_ref(error);
    }
    if (error == NULL) {
        pick(running->task->step, values, running->outputs);
    }
    end(running);
}

/* The step's own parameters win over the request's. */
static enum weft_status collect(const struct weft_task *task, struct weft_parameters *parameters,
                                struct weft_error **error)
{
    enum weft_status status = weft_parameters_merge(parameters, &task->step->parameters, error);
    return status == WEFT_OK ? weft_parameters_merge(parameters, task->parameters, error) : status;
}

static enum weft_status infer(struct running *running, struct weft_model *model,
                              struct weft_error **error)
{
    static const struct weft_model_events events = {model_part, model_done};
    const struct weft_task *task = running->task;
    size_t inputs_count = task->step->inputs_count;
    size_t inputs_bytes = inputs_count * sizeof(struct weft_named_value);
    size_t wanted_bytes = task->step->outputs_count * sizeof(const char *);
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters parameters = {0};
    cleanup_free char *block = malloc(weft_padded(inputs_bytes) + weft_padded(wanted_bytes) + 1);
    if (block == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    /* Names and values stay the plan's and the task's. */
    char *rest = block;
    struct weft_named_value *inputs = weft_take_part(&rest, inputs_bytes);
    const char **wanted = weft_take_part(&rest, wanted_bytes);
    for (size_t i = 0; i < inputs_count; i++) {
        inputs[i] = (struct weft_named_value){task->step->inputs[i].name, task->inputs[i]};
    }
    for (size_t i = 0; i < task->step->outputs_count; i++) {
        wanted[i] = task->step->outputs[i].name;
    }
    enum weft_status status = collect(task, &parameters, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_model_request request = {
        .inputs = &(struct weft_values){inputs, inputs_count, inputs_count},
        .parameters = &parameters,
        .wanted = wanted,
        .wanted_count = task->step->outputs_count,
        .request_id = task->id,
        .deadline_ns = task->deadline_ns,
        .trace = task->trace,
    };
    return weft_model_infer(model, &request, &events, running, &running->inference, error);
}

static void start_model(struct running *running)
{
    struct weft_error *error = NULL;
    struct weft_model *model = NULL;
    const struct weft_plan_task *step = running->task->step;
    enum weft_status status = weft_repository_find(running->run->options.repository, step->model,
                                                   step->model_version, &model, &error);
    if (status == WEFT_OK) {
        status = infer(running, model, &error);
    }
    weft_model_unref(model);
    if (status != WEFT_OK) {
        fail(running, error);
    }
}

/* --- joins --- */

static void join_run(struct weft_job *job)
{
    struct running *running = weft_list_entry(job, struct running, job);
    const struct weft_task *task = running->task;
    uint64_t before_ns = weft_loop_now_ns();
    struct weft_value *output = NULL;
    (void)!weft_join_apply(task->step->model, &task->step->parameters, task->inputs,
                           task->step->inputs_count, &output, &running->error);
    for (size_t i = 0; i < task->step->outputs_count; i++) {
        running->outputs[i] = weft_value_ref(output);
    }
    weft_value_unref(output);
    running->compute_ns = weft_loop_now_ns() - before_ns;
}

static void join_done(struct weft_job *job, bool cancelled)
{
    struct running *running = weft_list_entry(job, struct running, job);
    if (cancelled) {
        (void)weft_error_set(&running->error, WEFT_CANCELLED, "the request is over");
    }
    end(running);
}

static void start_join(struct running *running)
{
    struct weft_error *error = NULL;
    running->job.run = join_run;
    running->job.done = join_done;
    if (weft_executor_submit(running->run->options.executor, &running->job, &error) != WEFT_OK) {
        fail(running, error);
    }
}

/* --- both --- */

void task_start(void *context, struct weft_task *task)
{
    struct weft_run *run = context;
    struct running *running = task->host_data;
    running->run = run;
    running->task = task;
    weft_deferred_init(&running->late_end, late_end, running);
    run->tasks_open++;
    log_task_started(run, task);
    running->outputs = weft_zeroed((task->step->outputs_count + 1) * sizeof(struct weft_value *));
    if (running->outputs == NULL) {
        struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        fail(running, error);
    } else if (is_join(task->step)) {
        start_join(running);
    } else {
        start_model(running);
    }
}

void task_stop(void *context, struct weft_task *task)
{
    (void)context;
    struct running *running = task->host_data;
    if (running->inference != NULL) {
        weft_inference_cancel(running->inference);
    } else if (running->job.run != NULL) {
        (void)weft_executor_cancel(&running->job);
    }
}
