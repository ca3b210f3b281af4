/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_INTERNAL_H
#define WEFT_SYS_INTERNAL_H

/*
 * What the files of `sys` know of the loop's inside. Not for other rooms; the loop's thread unless
 * said otherwise.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/list.h"
#include "sys/loop.h"
#include "sys/ready.h"
#include "sys/spin.h"

/* Something the spin looks at without asking the kernel first which are ready: a socket that has
 * just had traffic. */
struct weft_hot {
    struct weft_list link; /* in the loop's list while hot */
    void (*look)(void *context);
    void *context;
    uint64_t traffic_ns;
};

struct weft_loop {
    struct weft_ready_set ready;
    uv_loop_t uv;               /* for what is no socket of ours: signals, names */
    struct weft_ready uv_ready; /* it has something to do */
    bool uv_started;            /* something that it doesn't wait for yet */
    uv_prepare_t uv_always;     /* keeps it alive */
    uv_signal_t signals[2];
    bool watches_signals;
    void (*asked)(void *context, int signal_number);
    void *asked_context;

    struct weft_timer **heap; /* from 1 */
    size_t heap_count;
    size_t heap_capacity;

    struct weft_list deferred;
    struct weft_list deferred_last;

    _Atomic(struct weft_mail *) mailbox; /* newest first */
    atomic_size_t mails_waiting;
    atomic_bool sleeping; /* a poster must wake the loop */
    atomic_bool stopping;
    atomic_bool has_thread;
    pthread_t thread;

    struct weft_spin spin;
    struct weft_list hot;
    size_t hot_count;
    struct weft_list *hot_next; /* of the walk under way */
    uint64_t arrivals;          /* events on sockets, ever: tells whether a look found something */
    uint64_t polled_ns;         /* when the kernel was last asked about all sockets */
    uint64_t now_ns;            /* of this turn */
    bool now_is_stale;          /* since then it may have slept */
    struct weft_loop_counters counters;
};

/* A socket brought something: the turn was not for nothing. Makes it hot if hot is not NULL. */
void weft_loop_arrived(struct weft_loop *loop, struct weft_hot *hot);
void weft_hot_init(struct weft_hot *hot, void (*look)(void *context), void *context);
void weft_hot_cool(struct weft_loop *loop, struct weft_hot *hot);
/* Takes all mail now. True if there was some. */
bool weft_loop_take_mail(struct weft_loop *loop);
/* libuv's loop, for who starts something on it: it gets a turn then. */
uv_loop_t *weft_loop_uv(struct weft_loop *loop);
/* Timers, in timer.c. */
void weft_loop_fire_timers(struct weft_loop *loop);
/* When the next timer is due; WEFT_DEADLINE_NEVER_NS if none is set. */
uint64_t weft_loop_next_timer_ns(const struct weft_loop *loop);

#endif
