/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/executor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sys/internal.h"

/*
 * Locking: `lock` guards the queue, `busy`, `closing`, and every job's state and link. run and done
 * are called without it. A job's storage belongs to the executor until its mail has been taken on
 * the loop's thread.
 */

struct weft_executor {
    struct weft_loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct weft_list queue;
    size_t queued;
    size_t queue_max;
    size_t busy; /* queued and running */
    bool closing;
    char name[16];
    pthread_t threads[WEFT_EXECUTOR_THREADS_MAX];
    size_t threads_count;
};

static void deliver(struct weft_mail *mail)
{
    struct weft_job *job =
        (struct weft_job *)(void *)((char *)mail - offsetof(struct weft_job, mail));
    bool cancelled = job->cancelled;
    job->state = WEFT_JOB_IDLE;
    job->done(job, cancelled);
}

/* With the lock held. */
static void end(struct weft_executor *executor, struct weft_job *job)
{
    job->state = WEFT_JOB_ENDED;
    executor->busy--;
    weft_spin_demand(&executor->loop->spin, -1);
}

static void *work(void *context)
{
    struct weft_executor *executor = context;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        while (weft_list_is_empty(&executor->queue) && !executor->closing) {
            pthread_cond_wait(&executor->work, &executor->lock);
        }
        struct weft_list *link = weft_list_first(&executor->queue);
        if (link == NULL) {
            break;
        }
        struct weft_job *job = weft_list_entry(link, struct weft_job, link);
        weft_list_remove(link);
        executor->queued--;
        job->state = WEFT_JOB_RUNNING;
        pthread_mutex_unlock(&executor->lock);
        job->run(job);
        pthread_mutex_lock(&executor->lock);
        end(executor, job);
        weft_loop_post(executor->loop, &job->mail);
    }
    pthread_mutex_unlock(&executor->lock);
    return NULL;
}

static enum weft_status start_threads(struct weft_executor *executor, size_t threads_count,
                                      struct weft_error **error)
{
    while (executor->threads_count < threads_count) {
        pthread_t *thread = &executor->threads[executor->threads_count];
        int failure = pthread_create(thread, NULL, work, executor);
        if (failure != 0) {
            return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "no thread for %s: %s",
                                  executor->name, strerror(failure));
        }
        pthread_setname_np(*thread, executor->name);
        executor->threads_count++;
    }
    return WEFT_OK;
}

enum weft_status weft_executor_new(struct weft_loop *loop, const char *name, size_t threads_count,
                                   size_t queue_max, struct weft_executor **ret_executor,
                                   struct weft_error **error)
{
    weft_assert(threads_count > 0 && threads_count <= WEFT_EXECUTOR_THREADS_MAX);
    struct weft_executor *executor = calloc(1, sizeof(*executor));
    if (executor == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    executor->loop = loop;
    executor->queue_max = queue_max > 0 ? queue_max : WEFT_EXECUTOR_QUEUE_MAX;
    strncpy(executor->name, name, sizeof(executor->name) - 1);
    weft_list_init(&executor->queue);
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->work, NULL);
    enum weft_status status = start_threads(executor, threads_count, error);
    if (status != WEFT_OK) {
        weft_executor_free(executor);
        return status;
    }
    *ret_executor = executor;
    return WEFT_OK;
}

enum weft_status weft_executor_submit(struct weft_executor *executor, struct weft_job *job,
                                      struct weft_error **error)
{
    pthread_mutex_lock(&executor->lock);
    weft_assert(job->state == WEFT_JOB_IDLE);
    bool closing = executor->closing;
    bool full = executor->queued >= executor->queue_max;
    if (!full && !closing) {
        job->executor = executor;
        job->mail.take = deliver;
        job->cancelled = false;
        job->state = WEFT_JOB_QUEUED;
        weft_list_append(&executor->queue, &job->link);
        executor->queued++;
        executor->busy++;
        weft_spin_demand(&executor->loop->spin, 1);
        pthread_cond_signal(&executor->work);
    }
    pthread_mutex_unlock(&executor->lock);
    if (closing) { /* a `done` that weft_executor_free calls may want to go on */
        return weft_error_set(error, WEFT_CANCELLED, "%s is ending", executor->name);
    }
    return full ? weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "%s: %zu jobs wait already",
                                 executor->name, executor->queue_max)
                : WEFT_OK;
}

/* With the lock held. */
static void drop_queued(struct weft_executor *executor, struct weft_job *job)
{
    weft_list_remove(&job->link);
    executor->queued--;
    job->cancelled = true;
    end(executor, job);
    weft_loop_post(executor->loop, &job->mail);
}

bool weft_executor_cancel(struct weft_job *job)
{
    struct weft_executor *executor = job->executor;
    if (executor == NULL) {
        return false;
    }
    pthread_mutex_lock(&executor->lock);
    bool queued = job->state == WEFT_JOB_QUEUED;
    if (queued) {
        drop_queued(executor, job);
    }
    pthread_mutex_unlock(&executor->lock);
    return queued;
}

size_t weft_executor_busy(struct weft_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    size_t busy = executor->busy;
    pthread_mutex_unlock(&executor->lock);
    return busy;
}

void weft_executor_free(struct weft_executor *executor)
{
    if (executor == NULL) {
        return;
    }
    pthread_mutex_lock(&executor->lock);
    executor->closing = true;
    while (!weft_list_is_empty(&executor->queue)) {
        drop_queued(executor,
                    weft_list_entry(weft_list_first(&executor->queue), struct weft_job, link));
    }
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    for (size_t i = 0; i < executor->threads_count; i++) {
        pthread_join(executor->threads[i], NULL);
    }
    weft_loop_take_mail(executor->loop);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}
