/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <errno.h>
#include <limits.h>
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

static void run_uv(struct weft_loop *loop)
{
    loop->uv_started = false;
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void on_turn_of_uv(uv_prepare_t *always)
{
    (void)always;
}

static void on_uv_ready(void *context, uint32_t events)
{
    (void)events;
    run_uv(context);
}

static void nothing(void *context)
{
    (void)context;
}

static void stop_uv(struct weft_loop *loop)
{
    uv_close((uv_handle_t *)&loop->uv_always, NULL);
    if (loop->watches_signals) {
        uv_close((uv_handle_t *)&loop->signals[0], NULL);
        uv_close((uv_handle_t *)&loop->signals[1], NULL);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    weft_ready_close(&loop->uv_ready, nothing);
    int failure = uv_loop_close(&loop->uv);
    weft_assert(failure == 0);
}

/* libuv, watched like a socket. It looks at nothing while nobody uses it, not even at a wake-up
 * that came late, which would be there for ever: so there is always somebody. */
static enum weft_status start_uv(struct weft_loop *loop, struct weft_error **error)
{
    int failure = uv_loop_init(&loop->uv);
    if (failure != 0) {
        return weft_error_set(error, WEFT_INTERNAL, "no event loop: %s", uv_strerror(failure));
    }
    uv_prepare_init(&loop->uv, &loop->uv_always);
    uv_prepare_start(&loop->uv_always, on_turn_of_uv);
    loop->uv_started = true;
    weft_ready_init(&loop->uv_ready, &loop->ready, uv_backend_fd(&loop->uv), on_uv_ready, loop);
    int number = weft_ready_wait(&loop->uv_ready, EPOLLIN);
    if (number != 0) {
        stop_uv(loop);
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "no event loop: %s",
                              strerror(number));
    }
    return WEFT_OK;
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
    enum weft_status status = weft_ready_set_init(&loop->ready, error);
    if (status != WEFT_OK) {
        free(loop);
        return status;
    }
    status = start_uv(loop, error);
    if (status != WEFT_OK) {
        weft_ready_set_fini(&loop->ready);
        free(loop);
        return status;
    }
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
    stop_uv(loop);
    weft_ready_set_fini(&loop->ready);
    free(loop->heap);
    free(loop);
}

uv_loop_t *weft_loop_uv(struct weft_loop *loop)
{
    loop->uv_started = true; /* or will be, by who asks */
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
    loop->uv_started = true;
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

/* Until the next timer, rounded up; -1 if none is set. */
static int time_to_sleep_ms(const struct weft_loop *loop)
{
    uint64_t next_ns = weft_loop_next_timer_ns(loop);
    if (next_ns == WEFT_DEADLINE_NEVER_NS) {
        return -1;
    }
    uint64_t now_ns = weft_loop_now_ns(); /* this turn may have been a long one */
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uint64_t wait_ms = (wait_ns + WEFT_NS_PER_MS - 1) / WEFT_NS_PER_MS;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

static void ask_kernel(struct weft_loop *loop, bool wait)
{
    if (loop->uv_started) {
        run_uv(loop); /* it tells the kernel what it waits for only then */
        wait = false; /* and may have had something that is the turn's work */
    }
    if (wait) {
        atomic_store(&loop->sleeping, true);
        /* In one order with `sleeping` for all (put_mail), which a relaxed look has not. */
        wait = atomic_load(&loop->mailbox) == NULL && !atomic_load(&loop->stopping) &&
               !has_deferred(loop);
        loop->counters.sleeps += wait;
    }
    loop->now_is_stale = true;
    weft_ready_set_wait(&loop->ready, wait ? time_to_sleep_ms(loop) : 0);
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
    weft_ready_set_bury(&loop->ready);
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
        weft_ready_set_wake(&loop->ready);
    }
}
