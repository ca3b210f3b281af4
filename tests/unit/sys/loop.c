/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/story.h"

static struct weft_loop *loop_new(void)
{
    struct weft_loop *loop = NULL;
    struct weft_error *error = NULL;
    assert_ok(weft_loop_new(NULL, &loop, &error), error);
    return loop;
}

struct diary {
    struct weft_loop *loop;
    char text[64];
    size_t length;
    size_t stop_at;
};

static void note(struct diary *diary, char what)
{
    diary->text[diary->length++] = what;
    diary->text[diary->length] = '\0';
    if (diary->length == diary->stop_at) {
        weft_loop_stop(diary->loop);
    }
}

struct entry {
    struct diary *diary;
    char what;
    struct weft_timer timer;
    struct weft_deferred deferred;
    struct entry *then; /* deferred when this one runs */
};

static void write_entry(void *context)
{
    struct entry *entry = context;
    note(entry->diary, entry->what);
    if (entry->then != NULL) {
        weft_loop_defer(entry->diary->loop, &entry->then->deferred);
    }
}

static void test_timers_fire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    struct diary diary = {.loop = loop_new(), .stop_at = 5};
    struct entry entries[5];
    static const int order[5] = {3, 1, 4, 0, 2};
    uint64_t now_ns = weft_loop_now_ns();
    for (int i = 0; i < 5; i++) {
        entries[i] = (struct entry){.diary = &diary, .what = (char)('a' + order[i])};
        weft_timer_init(&entries[i].timer, diary.loop, write_entry, &entries[i]);
        assert_ok(weft_timer_set(&entries[i].timer, now_ns + (uint64_t)order[i] * WEFT_NS_PER_MS),
                  NULL);
    }
    weft_loop_run(diary.loop);
    assert_string_equal(diary.text, "abcde");
    assert_true(weft_loop_now_ns() >= now_ns + 4 * WEFT_NS_PER_MS);
    weft_loop_free(diary.loop);
}

static void test_a_timer_moves_both_ways_and_is_cancelled(void **state)
{
    (void)state;
    struct diary diary = {.loop = loop_new(), .stop_at = 2};
    struct entry early = {.diary = &diary, .what = 'e'};
    struct entry late = {.diary = &diary, .what = 'l'};
    struct entry never = {.diary = &diary, .what = 'n'};
    weft_timer_init(&early.timer, diary.loop, write_entry, &early);
    weft_timer_init(&late.timer, diary.loop, write_entry, &late);
    weft_timer_init(&never.timer, diary.loop, write_entry, &never);
    uint64_t now_ns = weft_loop_now_ns();
    assert_ok(weft_timer_set(&late.timer, now_ns + WEFT_NS_PER_MS), NULL);
    assert_ok(weft_timer_set(&late.timer, now_ns + 20 * WEFT_NS_PER_MS), NULL);
    assert_ok(weft_timer_set(&early.timer, now_ns + 1000 * WEFT_NS_PER_S), NULL);
    assert_ok(weft_timer_set(&early.timer, now_ns + 5 * WEFT_NS_PER_MS), NULL);
    assert_ok(weft_timer_set(&never.timer, now_ns + 2 * WEFT_NS_PER_MS), NULL);
    weft_timer_cancel(&never.timer);
    assert_false(weft_timer_is_set(&never.timer));
    weft_loop_run(diary.loop);
    assert_string_equal(diary.text, "el");
    weft_loop_free(diary.loop);
}

/* Its table still has the timer where it was before, and that moment passes while the loop is busy.
 */
static void test_a_timer_moved_on_past_its_old_moment_fires(void **state)
{
    (void)state;
    struct diary diary = {.loop = loop_new(), .stop_at = 1};
    struct entry moved = {.diary = &diary, .what = 'm'};
    uint64_t now_ns = weft_loop_now_ns();
    weft_timer_init(&moved.timer, diary.loop, write_entry, &moved);
    assert_ok(weft_timer_set(&moved.timer, now_ns + 5 * WEFT_NS_PER_MS), NULL);
    weft_loop_turn(diary.loop, false);
    weft_timer_cancel(&moved.timer);
    assert_ok(weft_timer_set(&moved.timer, now_ns + 40 * WEFT_NS_PER_MS), NULL);
    usleep(15 * 1000);
    alarm(10); /* a loop that sleeps for ever ends the test */
    weft_loop_run(diary.loop);
    alarm(0);
    assert_string_equal(diary.text, "m");
    weft_loop_free(diary.loop);
}

static void test_many_timers_keep_their_order(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct weft_loop *loop = loop_new();
    struct diary diary = {.loop = loop};
    struct entry *entries = calloc(COUNT, sizeof(*entries));
    struct weft_random random = {.state = 7};
    for (size_t i = 0; i < COUNT; i++) {
        entries[i].diary = &diary;
        weft_timer_init(&entries[i].timer, loop, write_entry, &entries[i]);
    }
    for (int i = 0; i < 20000; i++) {
        struct entry *entry = &entries[weft_random_below(&random, COUNT)];
        if (weft_random_below(&random, 3) == 0) {
            weft_timer_cancel(&entry->timer);
        } else {
            uint64_t deadline_ns =
                weft_loop_now_ns() + (1 + weft_random_below(&random, 1000)) * WEFT_NS_PER_S;
            assert_ok(weft_timer_set(&entry->timer, deadline_ns), NULL);
            assert_true(entry->timer.scheduled_ns <= deadline_ns);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        weft_timer_cancel(&entries[i].timer);
    }
    weft_loop_turn(loop, false);
    assert_int_equal(diary.length, 0);
    free(entries);
    weft_loop_free(loop);
}

static void test_deferred_work_runs_later_in_order_and_sends_last(void **state)
{
    (void)state;
    struct diary diary = {.loop = loop_new()};
    struct entry send = {.diary = &diary, .what = 's'};
    struct entry two = {.diary = &diary, .what = '2'};
    struct entry one = {.diary = &diary, .what = '1', .then = &two};
    struct entry three = {.diary = &diary, .what = '3'};
    struct entry *const all[] = {&send, &one, &two, &three};
    for (size_t i = 0; i < 4; i++) {
        weft_deferred_init(&all[i]->deferred, write_entry, all[i]);
    }
    weft_loop_defer_last(diary.loop, &send.deferred);
    weft_loop_defer(diary.loop, &one.deferred);
    weft_loop_defer(diary.loop, &one.deferred);
    weft_loop_defer(diary.loop, &three.deferred);
    assert_int_equal(diary.length, 0);
    weft_loop_turn(diary.loop, false);
    assert_string_equal(diary.text, "132s");
    weft_loop_free(diary.loop);
}

/* --- the mailbox --- */

enum { THREADS = 4, MAILS = 20000 };

struct counted_mail {
    struct weft_mail mail;
    struct office *office;
    int thread;
    int number;
};

struct office {
    struct weft_loop *loop;
    int taken;
    int last[THREADS];
    bool out_of_order;
};

static void take_counted(struct weft_mail *mail)
{
    struct counted_mail *counted = (struct counted_mail *)mail;
    struct office *office = counted->office;
    office->out_of_order |= counted->number != office->last[counted->thread] + 1;
    office->last[counted->thread] = counted->number;
    if (++office->taken == THREADS * MAILS) {
        weft_loop_stop(office->loop);
    }
    free(counted);
}

struct sender {
    struct office *office;
    int thread;
};

static void *send_mails(void *context)
{
    struct sender *sender = context;
    for (int i = 1; i <= MAILS; i++) {
        struct counted_mail *counted = malloc(sizeof(*counted));
        *counted = (struct counted_mail){.mail.take = take_counted,
                                         .office = sender->office,
                                         .thread = sender->thread,
                                         .number = i};
        while (weft_loop_try_post(sender->office->loop, &counted->mail, NULL) != WEFT_OK) {
            usleep(100);
        }
    }
    return NULL;
}

static void test_mail_from_many_threads_arrives_once_and_in_order(void **state)
{
    (void)state;
    struct office office = {.loop = loop_new()};
    struct sender senders[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){&office, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_mails, &senders[i]), 0);
    }
    weft_loop_run(office.loop);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(office.taken, THREADS * MAILS);
    assert_false(office.out_of_order);
    weft_loop_free(office.loop);
}

static void take_nothing(struct weft_mail *mail)
{
    (void)mail;
}

static void test_a_full_mailbox_says_so_and_completions_still_fit(void **state)
{
    (void)state;
    struct weft_loop *loop = loop_new();
    struct weft_error *error = NULL;
    struct weft_mail *mails = calloc(WEFT_LOOP_MAILBOX_MAX + 2, sizeof(*mails));
    for (size_t i = 0; i < WEFT_LOOP_MAILBOX_MAX; i++) {
        mails[i].take = take_nothing;
        assert_ok(weft_loop_try_post(loop, &mails[i], &error), error);
    }
    mails[WEFT_LOOP_MAILBOX_MAX].take = take_nothing;
    assert_status(weft_loop_try_post(loop, &mails[WEFT_LOOP_MAILBOX_MAX], NULL),
                  WEFT_RESOURCE_EXHAUSTED);
    mails[WEFT_LOOP_MAILBOX_MAX + 1].take = take_nothing;
    weft_loop_post(loop, &mails[WEFT_LOOP_MAILBOX_MAX + 1]);
    weft_loop_turn(loop, false);
    struct weft_loop_counters counters;
    weft_loop_counters(loop, &counters);
    assert_int_equal(counters.mails, WEFT_LOOP_MAILBOX_MAX + 1);
    assert_int_equal(counters.mail_batches, 1);
    free(mails);
    weft_loop_free(loop);
}

static void asked(void *context, int number)
{
    struct diary *diary = context;
    note(diary, number == SIGTERM ? 'T' : '?');
}

static void test_sigterm_asks_for_an_end(void **state)
{
    (void)state;
    struct diary diary = {.loop = loop_new(), .stop_at = 1};
    struct weft_error *error = NULL;
    assert_ok(weft_loop_watch_signals(diary.loop, asked, &diary, &error), error);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    weft_loop_run(diary.loop);
    assert_string_equal(diary.text, "T");
    weft_loop_free(diary.loop);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    struct weft_random one;
    struct weft_random other;
    assert_ok(weft_random_seed_from_system(&one, NULL), NULL);
    assert_ok(weft_random_seed_from_system(&other, NULL), NULL);
    assert_true(one.state != other.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(test_a_timer_moves_both_ways_and_is_cancelled),
        cmocka_unit_test(test_a_timer_moved_on_past_its_old_moment_fires),
        cmocka_unit_test(test_many_timers_keep_their_order),
        cmocka_unit_test(test_deferred_work_runs_later_in_order_and_sends_last),
        cmocka_unit_test(test_mail_from_many_threads_arrives_once_and_in_order),
        cmocka_unit_test(test_a_full_mailbox_says_so_and_completions_still_fit),
        cmocka_unit_test(test_sigterm_asks_for_an_end),
        cmocka_unit_test(test_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
