/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_READY_H
#define WEFT_SYS_READY_H

/*
 * Which descriptors are ready, as epoll(7) tells it, level-triggered. Sockets are watched here and
 * not by libuv, whose turn costs a message three readings of the clock and a thousand instructions
 * (docs/adr/0011); what libuv waits for (signals, names) is one descriptor among the others. Not
 * for other rooms; the loop's thread unless said otherwise.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <weft/error.h>

#include "base/list.h"

/* Events taken from the kernel at once; more stay ready and come next. */
enum { WEFT_READY_BATCH_MAX = 256 };

struct weft_ready_set {
    int epoll;
    int wake; /* an eventfd */
    struct epoll_event batch[WEFT_READY_BATCH_MAX];
    size_t batch_count, batch_next; /* of the events that are being handed out */
    size_t open_count;
    struct weft_list closed; /* of weft_ready: whoever called may still be using them */
};

/* One descriptor, in its owner's storage. */
struct weft_ready {
    struct weft_ready_set *set;
    int fd;
    uint32_t events; /* that are waited for: EPOLLIN, EPOLLOUT */
    /* Some of them, or all of them where the descriptor is broken. */
    void (*ready)(void *context, uint32_t events);
    void (*closed)(void *context);
    void *context;
    struct weft_list link; /* in set.closed */
};

enum weft_status weft_ready_set_init(struct weft_ready_set *set,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* All must be closed. */
void weft_ready_set_fini(struct weft_ready_set *set);
/* Waits for at most so long (-1 = for ever) and calls those that are ready. */
void weft_ready_set_wait(struct weft_ready_set *set, int timeout_ms);
/* Ends the wait that is under way, or the next one at once. Any thread. */
void weft_ready_set_wake(struct weft_ready_set *set);
/* Calls `closed` of those that were closed; from where none of their callers is. */
void weft_ready_set_bury(struct weft_ready_set *set);

/* Waits for nothing yet. The descriptor stays its owner's. */
void weft_ready_init(struct weft_ready *ready, struct weft_ready_set *set, int fd,
                     void (*called)(void *context, uint32_t events), void *context);
/* From now on these, instead of those before; 0 = none. 0, or the number of an error. */
int weft_ready_wait(struct weft_ready *ready, uint32_t events);
/* Before the descriptor is closed. `closed` is called later, when the storage may go. */
void weft_ready_close(struct weft_ready *ready, void (*closed)(void *context));

#endif
