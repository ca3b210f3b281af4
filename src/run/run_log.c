/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_parts.h"

/* Every line of a request has its trace, so that one search finds it in the logs of all nodes. */

enum { CAUSE_MAX_BYTES = 1024 };

static bool speaks(const struct weft_run *run, enum weft_log_level level)
{
    return run->options.log != NULL && level >= run->options.log->level_min;
}

/* A cancelled task has not failed by itself, and what a client did wrong is the client's. */
static enum weft_log_level level_of(enum weft_status status)
{
    switch (status) {
    case WEFT_OK:
    case WEFT_CANCELLED:
        return WEFT_LOG_DEBUG;
    case WEFT_INVALID_ARGUMENT:
    case WEFT_NOT_FOUND:
    case WEFT_FAILED_PRECONDITION:
        return WEFT_LOG_INFO;
    default:
        return WEFT_LOG_WARNING;
    }
}

void log_task_started(const struct weft_run *run, const struct weft_task *task)
{
    if (speaks(run, WEFT_LOG_DEBUG)) {
        weft_log(run->options.log, WEFT_LOG_DEBUG, &task->trace,
                 "pipeline \"%s\", step \"%s\", attempt %u: started with model \"%s\"",
                 task->plan->pipeline, task->step->step_name, task->attempt, task->step->model);
    }
}

void log_task_ended(const struct weft_run *run, const struct weft_task *task,
                    const struct weft_error *error, uint64_t duration_ns)
{
    enum weft_log_level level = level_of(weft_error_status(error));
    if (!speaks(run, level)) {
        return;
    }
    char cause[CAUSE_MAX_BYTES] = "";
    if (error != NULL) {
        (void)weft_error_format(error, cause, sizeof(cause));
    }
    weft_log(run->options.log, level, &task->trace,
             "pipeline \"%s\", step \"%s\", attempt %u: model \"%s\" %s after %.3f ms%s%s",
             task->plan->pipeline, task->step->step_name, task->attempt, task->step->model,
             error == NULL                                ? "finished"
             : weft_error_status(error) == WEFT_CANCELLED ? "was stopped"
                                                          : "failed",
             (double)duration_ns / (double)WEFT_NS_PER_MS, error != NULL ? ": " : "", cause);
}

void log_request_ended(const struct weft_run *run, const struct weft_request *request,
                       const struct weft_error *error, uint64_t duration_ns)
{
    /* The door says at its own level what the client was answered. */
    if (!speaks(run, WEFT_LOG_DEBUG)) {
        return;
    }
    char cause[CAUSE_MAX_BYTES] = "";
    if (error != NULL) {
        (void)weft_error_format_whole(error, cause, sizeof(cause));
    }
    weft_log(run->options.log, WEFT_LOG_DEBUG, &request->trace,
             "pipeline \"%s\", request \"%s\": %s after %.3f ms%s%s", request->pipeline->name,
             request->id, weft_status_name(weft_error_status(error)),
             (double)duration_ns / (double)WEFT_NS_PER_MS, error != NULL ? ": " : "", cause);
}
