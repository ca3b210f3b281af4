/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/assert.h"
#include "sys/internal.h"

enum {
    /* More hot sockets than this and asking the kernel about all at once is cheaper than looking at
       each. */
    HOT_MAX = 8,
    /* A socket without traffic for so long is left to the kernel. */
    HOT_TIME_NS = 1000 * 1000,
    /* Spins that keep finding work look at hot sockets only; the others get their turn at least
       this often. */
    POLL_INTERVAL_NS = 200 * 1000,
    /* Deferred work that defers more is followed so far, then sockets get a turn. */
    DEFERRED_RUNS_MAX = 4096,
};

uint64_t weft_loop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WEFT_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t weft_loop_looked_ns(struct weft_loop *loop)
{
    if (loop->now_is_stale) {
        loop->now_ns = weft_loop_now_ns();
        loop->now_is_stale = false;
    }
    return loop->now_ns;
}

static uint64_t clock_now_ns(void *context)
{
    (void)context;
    return weft_loop_now_ns();
}

struct weft_clock weft_loop_clock(void)
{
    return (struct weft_clock){.now_ns = clock_now_ns};
}

enum weft_status weft_random_seed_from_system(struct weft_random *ret_random,
                                              struct weft_error **error)
{
    uint64_t seed = 0;
    ssize_t count = 0;
    do {
        count = getrandom(&seed, sizeof(seed), 0);
    } while (count < 0 && errno == EINTR);
    if (count != (ssize_t)sizeof(seed)) {
        return weft_error_set(error, WEFT_INTERNAL, "the system gives no random numbers: %s",
                              strerror(errno));
    }
    ret_random->state = seed;
    return WEFT_OK;
}

/* --- life --- */

static void on_wake(uv_async_t *wake)
{
    (void)wake; /* the mailbox is emptied in every turn */
}

static void on_alarm(uv_timer_t *alarm)
{
    struct weft_loop *loop = alarm->data;
    loop->alarm_ns = WEFT_DEADLINE_NEVER_NS;
    /* libuv rings before it asks the kernel, too: an alarm that was too early and whose moment
     * passed meanwhile. It must not sleep then, for nobody has set the next one. */
    uv_stop(&loop->uv);
}

enum weft_status weft_loop_new(const struct weft_loop_options *options, struct weft_loop **ret_loop,
                               struct weft_error **error)
{
    static const struct weft_loop_options defaults = {0};
    options = options != NULL ? options : &defaults;
    struct weft_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    int failure = uv_loop_init(&loop->uv);
    if (failure != 0) {
        free(loop);
        return weft_error_set(error, WEFT_INTERNAL, "no event loop: %s", uv_strerror(failure));
    }
    failure = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (failure != 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return weft_error_set(error, WEFT_INTERNAL, "no wake-up for the event loop: %s",
                              uv_strerror(failure));
    }
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->alarm.data = loop;
    loop->alarm_ns = WEFT_DEADLINE_NEVER_NS;
    weft_list_init(&loop->deferred);
    weft_list_init(&loop->deferred_last);
    weft_list_init(&loop->hot);
    uint64_t spin_max_ns = options->spin_max_ns > 0 ? options->spin_max_ns : WEFT_LOOP_SPIN_MAX_NS;
    weft_spin_init(&loop->spin, options->spin_off ? 0 : spin_max_ns);
    loop->now_ns = weft_loop_now_ns();
    *ret_loop = loop;
    return WEFT_OK;
}

void weft_loop_free(struct weft_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    weft_loop_take_mail(loop);
    weft_assert(loop->heap_count == 0);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    if (loop->watches_signals) {
        uv_close((uv_handle_t *)&loop->signals[0], NULL);
        uv_close((uv_handle_t *)&loop->signals[1], NULL);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int failure = uv_loop_close(&loop->uv);
    weft_assert(failure == 0);
    free(loop->heap);
    free(loop);
}

struct uv_loop_s *weft_loop_uv(struct weft_loop *loop)
{
    return &loop->uv;
}

void weft_loop_counters(const struct weft_loop *loop, struct weft_loop_counters *ret_counters)
{
    *ret_counters = loop->counters;
}

bool weft_loop_is_current(const struct weft_loop *loop)
{
    return atomic_load(&loop->has_thread) && pthread_equal(loop->thread, pthread_self()) != 0;
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct weft_loop *loop = signal->data;
    loop->asked(loop->asked_context, number);
}

enum weft_status weft_loop_watch_signals(struct weft_loop *loop,
                                         void (*asked)(void *context, int signal_number),
                                         void *context, struct weft_error **error)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    weft_assert(!loop->watches_signals);
    loop->asked = asked;
    loop->asked_context = context;
    loop->watches_signals = true;
    signal(SIGPIPE, SIG_IGN);
    int failure = 0;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
        int seen = uv_signal_start(&loop->signals[i], on_signal, numbers[i]);
        failure = seen != 0 ? seen : failure;
    }
    return failure == 0 ? WEFT_OK
                        : weft_error_set(error, WEFT_INTERNAL, "signals can't be watched: %s",
                                         uv_strerror(failure));
}

/* --- deferred work --- */

void weft_deferred_init(struct weft_deferred *deferred, void (*run)(void *context), void *context)
{
    weft_list_init(&deferred->link);
    deferred->run = run;
    deferred->context = context;
}

bool weft_deferred_is_waiting(const struct weft_deferred *deferred)
{
    return !weft_list_is_empty(&deferred->link);
}

void weft_loop_defer(struct weft_loop *loop, struct weft_deferred *deferred)
{
    if (!weft_deferred_is_waiting(deferred)) {
        weft_list_append(&loop->deferred, &deferred->link);
    }
}

void weft_loop_defer_last(struct weft_loop *loop, struct weft_deferred *deferred)
{
    if (!weft_deferred_is_waiting(deferred)) {
        weft_list_append(&loop->deferred_last, &deferred->link);
    }
}

void weft_deferred_cancel(struct weft_deferred *deferred)
{
    weft_list_remove(&deferred->link);
}

static bool run_first(struct weft_list *list)
{
    struct weft_list *link = weft_list_first(list);
    if (link == NULL) {
        return false;
    }
    struct weft_deferred *deferred = weft_list_entry(link, struct weft_deferred, link);
    weft_list_remove(link);
    deferred->run(deferred->context);
    return true;
}

static bool has_deferred(const struct weft_loop *loop)
{
    return !weft_list_is_empty(&loop->deferred) || !weft_list_is_empty(&loop->deferred_last);
}

/* True if there was some. */
static bool run_deferred(struct weft_loop *loop)
{
    for (int runs = 0; runs < DEFERRED_RUNS_MAX; runs++) {
        if (!run_first(&loop->deferred) && !run_first(&loop->deferred_last)) {
            return runs > 0;
        }
    }
    return true;
}

/* --- the mailbox --- */

static void put_mail(struct weft_loop *loop, struct weft_mail *mail)
{
    struct weft_mail *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak(&loop->mailbox, &head, mail));
    /* Whoever finds the loop asleep wakes it, and nobody after him: one wake-up a batch. The loop
     * marks itself asleep before it looks at the mailbox a last time, so one of the two sees the
     * other. */
    if (atomic_exchange(&loop->sleeping, false)) {
        int failure = uv_async_send(&loop->wake);
        weft_assert(failure == 0);
    }
}

void weft_loop_post(struct weft_loop *loop, struct weft_mail *mail)
{
    atomic_fetch_add_explicit(&loop->mails_waiting, 1, memory_order_relaxed);
    put_mail(loop, mail);
}

enum weft_status weft_loop_try_post(struct weft_loop *loop, struct weft_mail *mail,
                                    struct weft_error **error)
{
    if (atomic_fetch_add_explicit(&loop->mails_waiting, 1, memory_order_relaxed) >=
        WEFT_LOOP_MAILBOX_MAX) {
        atomic_fetch_sub_explicit(&loop->mails_waiting, 1, memory_order_relaxed);
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the loop's mailbox is full: %d messages wait",
                              WEFT_LOOP_MAILBOX_MAX);
    }
    put_mail(loop, mail);
    return WEFT_OK;
}

bool weft_loop_take_mail(struct weft_loop *loop)
{
    if (atomic_load_explicit(&loop->mailbox, memory_order_relaxed) == NULL) {
        return false;
    }
    struct weft_mail *newest = atomic_exchange(&loop->mailbox, NULL);
    struct weft_mail *oldest = NULL;
    while (newest != NULL) {
        struct weft_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    loop->counters.mail_batches++;
    while (oldest != NULL) {
        struct weft_mail *next = oldest->next;
        atomic_fetch_sub_explicit(&loop->mails_waiting, 1, memory_order_relaxed);
        loop->counters.mails++;
        oldest->take(oldest);
        oldest = next;
    }
    return true;
}

/* --- hot sockets and the spin --- */

void weft_hot_init(struct weft_hot *hot, void (*look)(void *context), void *context)
{
    weft_list_init(&hot->link);
    hot->look = look;
    hot->context = context;
    hot->traffic_ns = 0;
}

void weft_hot_cool(struct weft_loop *loop, struct weft_hot *hot)
{
    if (weft_list_is_empty(&hot->link)) {
        return;
    }
    if (loop->hot_next == &hot->link) {
        loop->hot_next = hot->link.next;
    }
    weft_list_remove(&hot->link);
    loop->hot_count--;
}

void weft_loop_arrived(struct weft_loop *loop, struct weft_hot *hot)
{
    loop->arrivals++;
    if (hot == NULL) {
        return;
    }
    hot->traffic_ns = weft_loop_looked_ns(loop);
    weft_spin_traffic(&loop->spin, loop->now_ns);
    if (weft_list_is_empty(&hot->link) && loop->hot_count < HOT_MAX) {
        weft_list_append(&loop->hot, &hot->link);
        loop->hot_count++;
    }
}

static void look_at_hot(struct weft_loop *loop)
{
    loop->hot_next = loop->hot.next;
    while (loop->hot_next != &loop->hot) {
        struct weft_hot *hot = weft_list_entry(loop->hot_next, struct weft_hot, link);
        loop->hot_next = loop->hot_next->next;
        if (loop->now_ns - hot->traffic_ns > HOT_TIME_NS) {
            weft_hot_cool(loop, hot);
        } else {
            hot->look(hot->context);
        }
    }
}

static bool has_mail(struct weft_loop *loop)
{
    return atomic_load_explicit(&loop->mailbox, memory_order_relaxed) != NULL;
}

/* True if it found something to do. */
static bool spin(struct weft_loop *loop)
{
    uint64_t budget_ns = loop->hot_count > 0 ? weft_spin_budget_ns(&loop->spin, loop->now_ns) : 0;
    if (budget_ns == 0) {
        return false; /* most often, and then the clock need not be read */
    }
    loop->now_ns = weft_loop_now_ns();
    uint64_t arrivals = loop->arrivals;
    uint64_t end_ns = loop->now_ns + budget_ns;
    uint64_t timer_ns = weft_loop_next_timer_ns(loop);
    end_ns = timer_ns < end_ns ? timer_ns : end_ns;
    bool paid = false;
    loop->counters.spins++;
    while (!paid && loop->now_ns < end_ns) {
        /* The other end may be on this very CPU: it runs first. */
        uint64_t before_ns = loop->now_ns;
        sched_yield();
        loop->now_ns = weft_loop_now_ns();
        bool quick = weft_spin_yielded(&loop->spin, loop->now_ns - before_ns, loop->now_ns);
        look_at_hot(loop);
        paid = loop->arrivals != arrivals || has_mail(loop);
        if (!quick) {
            break;
        }
    }
    weft_spin_ended(&loop->spin, paid, loop->now_ns);
    loop->counters.spins_paid += paid;
    return paid;
}

/* --- turns --- */

static void set_alarm(struct weft_loop *loop)
{
    uint64_t next_ns = weft_loop_next_timer_ns(loop);
    /* An alarm that is too early rings once for nothing; that is cheaper than moving it with every
     * timer that is set and cancelled. */
    if (next_ns >= loop->alarm_ns) {
        return;
    }
    loop->alarm_ns = next_ns;
    uint64_t now_ns = weft_loop_now_ns(); /* this turn may have been a long one */
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uv_update_time(&loop->uv);
    /* Rounded up, and one more because libuv's own time is rounded down. */
    uv_timer_start(&loop->alarm, on_alarm, (wait_ns + WEFT_NS_PER_MS - 1) / WEFT_NS_PER_MS + 1, 0);
}

static void ask_kernel(struct weft_loop *loop, bool wait)
{
    set_alarm(loop);
    if (wait) {
        atomic_store(&loop->sleeping, true);
        wait = !has_mail(loop) && !atomic_load(&loop->stopping) && !has_deferred(loop);
        loop->counters.sleeps += wait;
    }
    loop->now_is_stale = true;
    uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
    loop->polled_ns = weft_loop_looked_ns(loop); /* what arrived has looked, mostly */
}

void weft_loop_turn(struct weft_loop *loop, bool wait)
{
    if (!atomic_load(&loop->has_thread)) {
        loop->thread = pthread_self();
        atomic_store(&loop->has_thread, true);
    }
    if (run_deferred(loop)) {
        wait =
            false; /* what was called before the turn has had its effect: that is the turn's work */
    }
    bool found = wait && spin(loop);
    if (!found || loop->now_ns - loop->polled_ns > POLL_INTERVAL_NS) {
        ask_kernel(loop, wait && !found);
    } else {
        loop->now_ns = weft_loop_now_ns();
    }
    loop->counters.turns++;
    weft_loop_fire_timers(loop);
    weft_loop_take_mail(loop);
    run_deferred(loop);
}

void weft_loop_run(struct weft_loop *loop)
{
    loop->thread = pthread_self();
    atomic_store(&loop->has_thread, true);
    while (!atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
        weft_loop_turn(loop, true);
    }
    atomic_store(&loop->stopping, false);
    atomic_store(&loop->has_thread, false);
}

void weft_loop_stop(struct weft_loop *loop)
{
    atomic_store(&loop->stopping, true);
    if (atomic_exchange(&loop->sleeping, false)) {
        int failure = uv_async_send(&loop->wake);
        weft_assert(failure == 0);
    }
}
