/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_EXECUTOR_H
#define WEFT_SYS_EXECUTOR_H

/*
 * A pool of threads for whatever blocks: inference, files, image codecs. A job is submitted on the
 * loop's thread, runs on one of the pool's, and its completion comes back to the loop's thread
 * exactly once, never from inside submit. While jobs run or wait, the loop does not spin
 * (sys/spin.h): the core is theirs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/list.h"
#include "sys/loop.h"

struct weft_executor;

/* Jobs that wait for a thread; more is RESOURCE_EXHAUSTED. The scheduler's slots bound it long
 * before; this holds where nothing else does. */
enum { WEFT_EXECUTOR_QUEUE_MAX = 4096, WEFT_EXECUTOR_THREADS_MAX = 256 };

enum weft_job_state {
    WEFT_JOB_IDLE = 0,
    WEFT_JOB_QUEUED,
    WEFT_JOB_RUNNING,
    WEFT_JOB_ENDED, /* on its way back to the loop */
};

/* The caller's storage from submit to `done`; begins zeroed. run and done are the caller's to set.
 */
struct weft_job {
    void (*run)(struct weft_job *job); /* on a thread of the pool */
    void (*done)(struct weft_job *job,
                 bool cancelled); /* on the loop's; cancelled = it never ran */
    /* The rest is the executor's. */
    struct weft_list link;
    struct weft_mail mail;
    struct weft_executor *executor;
    enum weft_job_state state;
    bool cancelled;
};

/* queue_max 0 = WEFT_EXECUTOR_QUEUE_MAX. name is given to the threads (15 characters). */
enum weft_status weft_executor_new(struct weft_loop *loop, const char *name, size_t threads_count,
                                   size_t queue_max, struct weft_executor **ret_executor,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* On failure `done` is not called. */
enum weft_status weft_executor_submit(struct weft_executor *executor, struct weft_job *job,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* A job that still waits is taken out, and its `done` comes with cancelled = true: returns true.
 * One that runs goes on: false. */
bool weft_executor_cancel(struct weft_job *job);
/* Jobs queued and running. */
size_t weft_executor_busy(struct weft_executor *executor);
/* Cancels what waits, waits for what runs (this blocks: at the end of a process), and calls every
 * `done` that is still due. NULL is fine. */
void weft_executor_free(struct weft_executor *executor);

#endif
