/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/ready.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "support/story.h"
#include "sys/internal.h"
#include "sys/resolve.h"

static struct weft_ready_set set;

/* One end of a pipe that is watched. */
struct watched {
    struct weft_ready ready;
    int own, other; /* descriptors */
    uint32_t told;
    unsigned calls, closed;
    struct watched *closes, *stops; /* when it is called */
};

static void on_closed(void *context)
{
    ((struct watched *)context)->closed++;
}

static void on_ready(void *context, uint32_t events)
{
    struct watched *watched = context;
    watched->calls++;
    watched->told = events;
    if (watched->closes != NULL) {
        weft_ready_close(&watched->closes->ready, on_closed);
    }
    if (watched->stops != NULL) {
        assert_int_equal(weft_ready_wait(&watched->stops->ready, 0), 0);
    }
}

static void watch(struct watched *watched, bool writes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *watched = (struct watched){.own = ends[writes], .other = ends[!writes]};
    weft_ready_init(&watched->ready, &set, watched->own, on_ready, watched);
}

static void put_down(struct watched *watched)
{
    close(watched->own);
    if (watched->other >= 0) {
        close(watched->other);
    }
}

static void open_set(void)
{
    struct weft_error *error = NULL;
    assert_ok(weft_ready_set_init(&set, &error), error);
}

static void only_what_is_waited_for_is_told(void **state)
{
    (void)state;
    struct watched reader, writer;
    open_set();
    watch(&reader, false);
    watch(&writer, true);
    assert_int_equal(weft_ready_wait(&writer.ready, EPOLLOUT), 0);
    assert_int_equal(write(reader.other, "x", 1), 1);
    weft_ready_set_wait(&set, 0);
    assert_int_equal(writer.told, EPOLLOUT);
    assert_int_equal(reader.calls, 0); /* it has not asked */
    assert_int_equal(weft_ready_wait(&writer.ready, 0), 0);
    assert_int_equal(weft_ready_wait(&reader.ready, EPOLLIN), 0);
    weft_ready_set_wait(&set, 1000);
    weft_ready_set_wait(&set, 1000); /* it has not read: still ready */
    assert_int_equal(writer.calls, 1);
    assert_int_equal(reader.calls, 2);
    assert_int_equal(reader.told, EPOLLIN);
    weft_ready_close(&reader.ready, on_closed);
    weft_ready_close(&writer.ready, on_closed);
    weft_ready_set_fini(&set);
    put_down(&reader);
    put_down(&writer);
}

/* Of two that are ready together the first closes, or stops, the other. */
static void who_is_closed_or_stopped_meanwhile_is_not_called(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct watched pair[2];
        open_set();
        for (int i = 0; i < 2; i++) {
            watch(&pair[i], false);
            assert_int_equal(write(pair[i].other, "x", 1), 1);
            assert_int_equal(weft_ready_wait(&pair[i].ready, EPOLLIN), 0);
        }
        for (int i = 0; i < 2; i++) {
            pair[i].closes = closes ? &pair[1 - i] : NULL;
            pair[i].stops = closes ? NULL : &pair[1 - i];
        }
        weft_ready_set_wait(&set, 1000);
        assert_int_equal(pair[0].calls + pair[1].calls, 1);
        int first = pair[0].calls == 1 ? 0 : 1;
        assert_int_equal(pair[1 - first].closed, 0); /* its caller may be under way */
        weft_ready_set_bury(&set);
        assert_int_equal(pair[1 - first].closed, closes);
        weft_ready_close(&pair[first].ready, on_closed);
        if (!closes) {
            weft_ready_close(&pair[1 - first].ready, on_closed);
        }
        weft_ready_set_fini(&set);
        assert_int_equal(pair[0].closed, 1);
        assert_int_equal(pair[1].closed, 1);
        put_down(&pair[0]);
        put_down(&pair[1]);
    }
}

static void whose_other_end_is_gone_is_told_what_it_waits_for(void **state)
{
    (void)state;
    struct watched reader, writer;
    open_set();
    watch(&reader, false);
    watch(&writer, true);
    assert_int_equal(weft_ready_wait(&reader.ready, EPOLLIN), 0);
    assert_int_equal(weft_ready_wait(&writer.ready, EPOLLOUT), 0);
    close(reader.other); /* EPOLLHUP */
    close(writer.other); /* EPOLLERR */
    reader.other = writer.other = -1;
    weft_ready_set_wait(&set, 1000);
    assert_int_equal(reader.told, EPOLLIN);
    assert_int_equal(writer.told, EPOLLOUT);
    weft_ready_close(&reader.ready, on_closed);
    weft_ready_close(&writer.ready, on_closed);
    weft_ready_set_fini(&set);
    put_down(&reader);
    put_down(&writer);
}

static void what_the_system_cannot_watch_is_an_error(void **state)
{
    (void)state;
    struct watched reader;
    open_set();
    watch(&reader, false);
    put_down(&reader);
    assert_int_equal(weft_ready_wait(&reader.ready, EPOLLIN), EBADF);
    weft_ready_close(&reader.ready, on_closed);
    weft_ready_set_fini(&set);
    assert_int_equal(reader.closed, 1);
}

static void *wake(void *nothing)
{
    weft_ready_set_wake(&set);
    return nothing;
}

static void a_wait_without_end_is_ended_by_another_thread(void **state)
{
    (void)state;
    pthread_t thread;
    open_set();
    weft_ready_set_wake(&set);
    weft_ready_set_wake(&set);
    weft_ready_set_wait(&set, -1); /* one wait takes both */
    assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
    weft_ready_set_wait(&set, -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    weft_ready_set_fini(&set);
}

static void on_resolved(void *context, const struct weft_address *addresses, size_t count,
                        struct weft_error *error)
{
    (void)addresses, (void)count, (void)error;
    --*(unsigned *)context;
}

static void on_due(void *context)
{
    --*(unsigned *)context;
}

/* libuv's own wake-ups must not stay ready when nothing of it is left to do. */
static void a_loop_sleeps_again_after_names_were_looked_up(void **state)
{
    (void)state;
    struct weft_loop *loop = NULL;
    assert_ok(weft_loop_new(&(struct weft_loop_options){.spin_off = true}, &loop, NULL), NULL);
    unsigned waiting = 0;
    for (unsigned round = 0; round < 50; round++) {
        struct weft_resolve *resolve = NULL;
        for (unsigned i = 0; i < 3; i++, waiting++) {
            assert_ok(
                weft_resolve_start(loop, "localhost:1", on_resolved, &waiting, &resolve, NULL),
                NULL);
        }
        while (waiting > 0) {
            weft_loop_turn(loop, true);
        }
    }
    struct weft_loop_counters before, after;
    struct weft_timer timer;
    unsigned due = 1;
    weft_timer_init(&timer, loop, on_due, &due);
    assert_ok(weft_timer_set(&timer, weft_loop_now_ns() + 20 * WEFT_NS_PER_MS), NULL);
    weft_loop_counters(loop, &before);
    while (due > 0) {
        weft_loop_turn(loop, true);
    }
    weft_loop_counters(loop, &after);
    assert_in_range(after.sleeps - before.sleeps, 1, 4); /* one, and what the last look-up left */
    weft_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_waited_for_is_told),
        cmocka_unit_test(who_is_closed_or_stopped_meanwhile_is_not_called),
        cmocka_unit_test(whose_other_end_is_gone_is_told_what_it_waits_for),
        cmocka_unit_test(what_the_system_cannot_watch_is_an_error),
        cmocka_unit_test(a_wait_without_end_is_ended_by_another_thread),
        cmocka_unit_test(a_loop_sleeps_again_after_names_were_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
