/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "model/repository_parts.h"

/*
 * The end of a repository: what can end does, and what is stuck in a plugin is left behind in a way
 * that it can do no harm.
 */

static uint64_t now_plus(uint64_t wait_ns)
{
    uint64_t now_ns = weft_loop_now_ns();
    return wait_ns < WEFT_DEADLINE_NEVER_NS - 1 - now_ns ? now_ns + wait_ns
                                                         : WEFT_DEADLINE_NEVER_NS - 1;
}

static void finish(struct weft_repository *repository)
{
    void (*closed)(void *context) = repository->closed;
    void *context = repository->closed_context;
    weft_timer_cancel(&repository->grace);
    weft_deferred_cancel(&repository->changed);
    weft_deferred_cancel(&repository->close_step);
    weft_repository_leave_operations(repository);
    /* A loader's thread that is stuck may come back to all of this. */
    if (weft_executor_busy(repository->loaders) == 0) {
        weft_repository_free(repository);
    }
    closed(context);
}

static void say_left(const struct weft_repository *repository, const struct weft_model *model)
{
    static const char *const doing[] = {
        [WEFT_MODEL_PHASE_MADE] = "its load does not return",
        [WEFT_MODEL_PHASE_READY] = "it was never drained",
        [WEFT_MODEL_PHASE_DRAINING] = "calls do not return",
        [WEFT_MODEL_PHASE_RELEASING] = "its memory is still read",
        [WEFT_MODEL_PHASE_UNLOADING] = "its unload does not return",
        [WEFT_MODEL_PHASE_GONE] = "",
    };
    weft_log(repository->options.log, WEFT_LOG_ERROR, NULL,
             "model %s version %" PRIu64 " is left behind: %s (%u calls)", model->info.name,
             model->version, doing[model->phase], model->running_count);
}

/* True once nothing of a stuck thread's is on its way to the loop. */
static bool leave_all(struct weft_repository *repository, bool first)
{
    bool quiet = true;
    pthread_mutex_lock(&repository->lock);
    repository->left = true;
    quiet = repository->passed == 0;
    for (struct weft_list *link = repository->operations.next; link != &repository->operations;
         link = link->next) {
        struct operation *operation = weft_list_entry(link, struct operation, whole);
        if (operation->current != NULL) {
            if (first) {
                say_left(repository, operation->current);
            }
            quiet = weft_model_leave(operation->current) && quiet;
        }
    }
    pthread_mutex_unlock(&repository->lock);
    for (struct weft_list *link = repository->models.next; link != &repository->models;
         link = link->next) {
        struct weft_model *model = weft_list_entry(link, struct weft_model, home_link);
        if (first) {
            say_left(repository, model);
        }
        quiet = weft_model_leave(model) && quiet;
    }
    return quiet;
}

static void close_step(void *context)
{
    struct weft_repository *repository = context;
    if (weft_list_is_empty(&repository->models) && repository->operations_count == 0) {
        finish(repository);
    } else if (repository->grace_is_over) {
        if (leave_all(repository, !repository->left)) {
            finish(repository);
        } else if (weft_timer_set(&repository->grace, now_plus(WEFT_NS_PER_MS)) != WEFT_OK) {
            weft_repository_close_soon(repository);
        }
    }
}

void weft_repository_close_soon(struct weft_repository *repository)
{
    if (repository->closing) {
        weft_loop_defer_last(repository->options.loop, &repository->close_step);
    }
}

static void grace_over(void *context)
{
    struct weft_repository *repository = context;
    repository->grace_is_over = true;
    weft_repository_close_soon(repository);
}

/* Not inside the caller's call: open calls' ends are told. */
static void close_begin(void *context)
{
    struct weft_repository *repository = context;
    struct entry *entry = NULL;
    struct entry *next = NULL;
    weft_deferred_init(&repository->close_step, close_step, repository);
    weft_repository_cancel_operations(repository);
    HASH_ITER (hh, repository->entries, entry, next) {
        for (size_t i = 0; i < entry->versions_count; i++) {
            weft_repository_drop(repository, &entry->versions[i]);
        }
    }
    for (struct weft_list *link = repository->models.next; link != &repository->models;
         link = link->next) {
        weft_model_drain(weft_list_entry(link, struct weft_model, home_link), true);
    }
    if (weft_timer_set(&repository->grace, now_plus(repository->grace_ns)) != WEFT_OK) {
        grace_over(repository);
    }
    weft_repository_close_soon(repository);
}

void weft_repository_close(struct weft_repository *repository, uint64_t grace_ms,
                           void (*closed)(void *context), void *context)
{
    repository->closing = true;
    repository->closed = closed;
    repository->closed_context = context;
    repository->grace_ns =
        grace_ms < UINT64_MAX / WEFT_NS_PER_MS ? grace_ms * WEFT_NS_PER_MS : WEFT_DEADLINE_NEVER_NS;
    weft_timer_init(&repository->grace, repository->options.loop, grace_over, repository);
    weft_deferred_init(&repository->close_step, close_begin, repository);
    weft_loop_defer(repository->options.loop, &repository->close_step);
}
