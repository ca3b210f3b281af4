/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/executor.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/story.h"

struct hall {
    struct weft_loop *loop;
    struct weft_executor *executor;
    sem_t gate;    /* jobs wait for it */
    sem_t started; /* and say that they run */
    int done;
    int cancelled;
    int done_max;
    atomic_bool wrong_thread;
};

struct work {
    struct weft_job job;
    struct hall *hall;
    bool waits;
    bool ran;
};

static void run_work(struct weft_job *job)
{
    struct work *work = (struct work *)job;
    if (weft_loop_is_current(work->hall->loop)) {
        work->hall->wrong_thread = true;
    }
    if (work->waits) {
        sem_post(&work->hall->started);
        sem_wait(&work->hall->gate);
    }
    work->ran = true;
}

static void work_done(struct weft_job *job, bool cancelled)
{
    struct work *work = (struct work *)job;
    struct hall *hall = work->hall;
    if (work->ran == cancelled) {
        hall->wrong_thread = true;
    }
    hall->cancelled += cancelled;
    if (++hall->done == hall->done_max) {
        weft_loop_stop(hall->loop);
    }
}

static void open_hall(struct hall *hall, size_t threads, size_t queue_max)
{
    struct weft_error *error = NULL;
    *hall = (struct hall){0};
    sem_init(&hall->gate, 0, 0);
    sem_init(&hall->started, 0, 0);
    assert_ok(weft_loop_new(NULL, &hall->loop, &error), error);
    assert_ok(weft_executor_new(hall->loop, "test", threads, queue_max, &hall->executor, &error),
              error);
}

static void close_hall(struct hall *hall)
{
    weft_executor_free(hall->executor);
    weft_loop_free(hall->loop);
    sem_destroy(&hall->gate);
    sem_destroy(&hall->started);
}

static struct work work_of(struct hall *hall, bool waits)
{
    return (struct work){.job = {.run = run_work, .done = work_done}, .hall = hall, .waits = waits};
}

static void test_jobs_run_elsewhere_and_complete_on_the_loop(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct hall hall;
    open_hall(&hall, 3, 0);
    struct work *works = calloc(COUNT, sizeof(*works));
    hall.done_max = COUNT;
    for (int i = 0; i < COUNT; i++) {
        works[i] = work_of(&hall, false);
        assert_ok(weft_executor_submit(hall.executor, &works[i].job, NULL), NULL);
        assert_int_equal(hall.done, 0);
    }
    weft_loop_run(hall.loop);
    assert_int_equal(hall.done, COUNT);
    assert_int_equal(hall.cancelled, 0);
    assert_false(hall.wrong_thread);
    assert_int_equal(weft_executor_busy(hall.executor), 0);
    close_hall(&hall);
    free(works);
}

static void test_waiting_jobs_are_cancelled_and_running_ones_are_not(void **state)
{
    (void)state;
    struct hall hall;
    open_hall(&hall, 1, 0);
    struct work running = work_of(&hall, true);
    struct work waiting = work_of(&hall, false);
    hall.done_max = 2;
    assert_ok(weft_executor_submit(hall.executor, &running.job, NULL), NULL);
    sem_wait(&hall.started);
    assert_ok(weft_executor_submit(hall.executor, &waiting.job, NULL), NULL);
    assert_true(weft_executor_cancel(&waiting.job));
    assert_false(weft_executor_cancel(&waiting.job));
    assert_false(weft_executor_cancel(&running.job));
    assert_int_equal(hall.done, 0);
    sem_post(&hall.gate);
    weft_loop_run(hall.loop);
    assert_int_equal(hall.cancelled, 1);
    assert_true(running.ran);
    assert_false(waiting.ran);
    close_hall(&hall);
}

static void test_a_full_queue_says_so(void **state)
{
    (void)state;
    struct hall hall;
    open_hall(&hall, 1, 2);
    struct work running = work_of(&hall, true);
    struct work waiting[2] = {work_of(&hall, false), work_of(&hall, false)};
    struct work refused = work_of(&hall, false);
    hall.done_max = 3;
    assert_ok(weft_executor_submit(hall.executor, &running.job, NULL), NULL);
    sem_wait(&hall.started);
    assert_ok(weft_executor_submit(hall.executor, &waiting[0].job, NULL), NULL);
    assert_ok(weft_executor_submit(hall.executor, &waiting[1].job, NULL), NULL);
    assert_status(weft_executor_submit(hall.executor, &refused.job, NULL), WEFT_RESOURCE_EXHAUSTED);
    sem_post(&hall.gate);
    weft_loop_run(hall.loop);
    assert_int_equal(hall.done, 3);
    close_hall(&hall);
}

static void test_the_end_completes_what_is_left(void **state)
{
    (void)state;
    struct hall hall;
    open_hall(&hall, 1, 0);
    struct work running = work_of(&hall, true);
    struct work waiting = work_of(&hall, false);
    assert_ok(weft_executor_submit(hall.executor, &running.job, NULL), NULL);
    sem_wait(&hall.started);
    assert_ok(weft_executor_submit(hall.executor, &waiting.job, NULL), NULL);
    sem_post(&hall.gate);
    weft_executor_free(hall.executor);
    hall.executor = NULL;
    assert_int_equal(hall.done, 2);
    close_hall(&hall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_run_elsewhere_and_complete_on_the_loop),
        cmocka_unit_test(test_waiting_jobs_are_cancelled_and_running_ones_are_not),
        cmocka_unit_test(test_a_full_queue_says_so),
        cmocka_unit_test(test_the_end_completes_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
