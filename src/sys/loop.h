/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_LOOP_H
#define WEFT_SYS_LOOP_H

/*
 * The event loop: one per thread, on epoll, with libuv for signals and names. It owns sockets
 * (sys/stream.h), timers, work that is put off to the end of a turn, and a mailbox that other
 * threads post to. Whoever calls weft_loop_run is the loop's thread; every function here belongs to
 * that thread unless it says "any thread". Before the loop runs, the thread that made it may call.
 *
 * A turn: sockets that are ready, timers that are due, the mailbox, then deferred work until there
 * is none. Sends are deferred, so what one turn says on a connection leaves in one system call.
 * Between turns the loop may spin for a few microseconds before it sleeps (sys/spin.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"

struct weft_loop;

/* New work that other threads may have posted and the loop not yet taken; further is
 * RESOURCE_EXHAUSTED. A mail is its sender's memory, so the limit is against a loop that has
 * stopped taking, not against memory. */
enum { WEFT_LOOP_MAILBOX_MAX = 65536 };

/* The longest spin: what a message takes over the six hops of a chain of four nodes whose loops all
 * spin (docs/adr/0008), with some room. */
enum { WEFT_LOOP_SPIN_MAX_NS = 200 * 1000 };

struct weft_loop_options {
    /* Spin before sleeping, up to this; 0 = WEFT_LOOP_SPIN_MAX_NS. */
    uint64_t spin_max_ns;
    bool spin_off;
};

/* What the loop has done since it was made. */
struct weft_loop_counters {
    uint64_t turns;        /* with something to do */
    uint64_t sleeps;       /* blocking waits: an upper bound of wake-ups */
    uint64_t spins;        /* before sleeping */
    uint64_t spins_paid;   /* those that found work */
    uint64_t mails;        /* taken from the mailbox */
    uint64_t mail_batches; /* wake-ups that brought them */
    uint64_t timers_fired;
};

/* options NULL = defaults. */
enum weft_status weft_loop_new(const struct weft_loop_options *options, struct weft_loop **ret_loop,
                               struct weft_error **error) WEFT_MUST_CHECK;
/* Runs until weft_loop_stop. */
void weft_loop_run(struct weft_loop *loop);
/* One turn: waits for something to do if `wait`, for as long as the next timer allows. For tests
 * and for draining. */
void weft_loop_turn(struct weft_loop *loop, bool wait);
/* Makes weft_loop_run return after the current turn. Any thread. */
void weft_loop_stop(struct weft_loop *loop);
/* Everything opened on the loop must be closed, its timers cancelled. NULL is fine. */
void weft_loop_free(struct weft_loop *loop);

/* The monotonic clock, read anew at each call. Any thread. */
uint64_t weft_loop_now_ns(void);
/* When the loop last looked: at what arrived in this turn, or at the turn itself. Older than the
 * clock by what was done since, and nearly for nothing; for what is counted in milliseconds. The
 * loop's thread. */
uint64_t weft_loop_looked_ns(struct weft_loop *loop);
/* weft_loop_now_ns for those who are handed a clock. The context is not used. */
struct weft_clock weft_loop_clock(void);
/* Whether this thread is the one that runs the loop. Any thread. */
bool weft_loop_is_current(const struct weft_loop *loop);
void weft_loop_counters(const struct weft_loop *loop, struct weft_loop_counters *ret_counters);

/* --- timers: one-shot, the caller's storage, re-armable at any time; moving one later costs
 * nothing --- */

struct weft_timer {
    struct weft_loop *loop;
    void (*fired)(void *context);
    void *context;
    uint64_t deadline_ns;  /* WEFT_DEADLINE_NEVER_NS = not set */
    uint64_t scheduled_ns; /* where the heap has it: never later than deadline_ns */
    size_t position;       /* in the heap, from 1; 0 = not in it */
};

/* Does not allocate. */
void weft_timer_init(struct weft_timer *timer, struct weft_loop *loop, void (*fired)(void *context),
                     void *context);
/* Calls `fired` once, at or up to two milliseconds after deadline_ns, never from inside this call.
 * Set again, it moves; WEFT_DEADLINE_NEVER_NS cancels. Out of memory for the loop's table is an
 * error, and the timer is then not set. */
enum weft_status weft_timer_set(struct weft_timer *timer, uint64_t deadline_ns) WEFT_MUST_CHECK;
/* Harmless where it isn't set. Must have been called before its storage goes. */
void weft_timer_cancel(struct weft_timer *timer);
bool weft_timer_is_set(const struct weft_timer *timer);

/* --- work put off to the end of the turn: completions are never called from inside what started
 * them --- */

struct weft_deferred {
    struct weft_list link;
    void (*run)(void *context);
    void *context;
};

void weft_deferred_init(struct weft_deferred *deferred, void (*run)(void *context), void *context);
/* Runs it once at the end of this turn, in the order of deferring; again while it waits changes
 * nothing. */
void weft_loop_defer(struct weft_loop *loop, struct weft_deferred *deferred);
/* As defer, but after all that was deferred plainly and what that defers in turn: sends, so that
 * they go out together. */
void weft_loop_defer_last(struct weft_loop *loop, struct weft_deferred *deferred);
/* Harmless where it doesn't wait. Must have been called before its storage goes. */
void weft_deferred_cancel(struct weft_deferred *deferred);
bool weft_deferred_is_waiting(const struct weft_deferred *deferred);

/* --- the mailbox --- */

/* Somebody's storage, until `take` is called on the loop's thread; it may be freed there. */
struct weft_mail {
    struct weft_mail *next;
    void (*take)(struct weft_mail *mail);
};

/* Hands a mail to the loop. Never fails: for completions of work that was itself admitted under a
 * limit. Any thread; the loop must outlive the call. */
void weft_loop_post(struct weft_loop *loop, struct weft_mail *mail);
/* The same for new work: RESOURCE_EXHAUSTED where WEFT_LOOP_MAILBOX_MAX mails wait. Any thread. */
enum weft_status weft_loop_try_post(struct weft_loop *loop, struct weft_mail *mail,
                                    struct weft_error **error) WEFT_MUST_CHECK;

/* --- signals --- */

/* Calls `asked` on the loop's thread at SIGTERM or SIGINT, for a graceful end; SIGPIPE is ignored
 * from then on. One per process. */
enum weft_status weft_loop_watch_signals(struct weft_loop *loop,
                                         void (*asked)(void *context, int signal_number),
                                         void *context, struct weft_error **error) WEFT_MUST_CHECK;

/* --- randomness --- */

/* A generator seeded from the system (getrandom). */
enum weft_status weft_random_seed_from_system(struct weft_random *ret_random,
                                              struct weft_error **error) WEFT_MUST_CHECK;

#endif
