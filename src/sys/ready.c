/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/ready.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

enum weft_status weft_ready_set_init(struct weft_ready_set *set, struct weft_error **error)
{
    set->batch_count = set->batch_next = set->open_count = 0;
    weft_list_init(&set->closed);
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    set->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (set->epoll < 0 || set->wake < 0 ||
        epoll_ctl(set->epoll, EPOLL_CTL_ADD, set->wake, &event) != 0) {
        int number = errno;
        weft_ready_set_fini(set);
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "no event loop: %s",
                              strerror(number));
    }
    return WEFT_OK;
}

void weft_ready_set_fini(struct weft_ready_set *set)
{
    weft_ready_set_bury(set);
    weft_assert(set->open_count == 0);
    if (set->epoll >= 0) {
        close(set->epoll);
    }
    if (set->wake >= 0) {
        close(set->wake);
    }
}

/* The wake-up has no owner to call: that the wait is over is all. */
static void take_wake(struct weft_ready_set *set)
{
    uint64_t count = 0;
    ssize_t length = 0;
    do {
        length = read(set->wake, &count, sizeof(count));
    } while (length < 0 && errno == EINTR);
}

static void tell(struct weft_ready *ready, uint32_t events)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        events = ready->events; /* recv and send tell what is wrong */
    }
    events &= ready->events; /* of an owner that has changed its mind since */
    if (events != 0) {
        ready->ready(ready->context, events);
    }
}

void weft_ready_set_wait(struct weft_ready_set *set, int timeout_ms)
{
    int count = epoll_wait(set->epoll, set->batch, WEFT_READY_BATCH_MAX, timeout_ms);
    weft_assert(count >= 0 || errno == EINTR);
    set->batch_count = count > 0 ? (size_t)count : 0;
    for (set->batch_next = 0; set->batch_next < set->batch_count;) {
        const struct epoll_event *event = &set->batch[set->batch_next++];
        if (event->data.ptr != NULL) {
            tell(event->data.ptr, event->events);
        } else if (event->events != 0) {
            take_wake(set);
        }
    }
    set->batch_count = 0;
}

void weft_ready_set_wake(struct weft_ready_set *set)
{
    uint64_t one = 1;
    ssize_t length = 0;
    do {
        length = write(set->wake, &one, sizeof(one));
    } while (length < 0 && errno == EINTR);
    /* Full after 2^64 wake-ups that nobody took: then it is awake. */
    weft_assert(length == (ssize_t)sizeof(one) || errno == EAGAIN);
}

void weft_ready_set_bury(struct weft_ready_set *set)
{
    for (struct weft_list *link; (link = weft_list_first(&set->closed)) != NULL;) {
        struct weft_ready *ready = weft_list_entry(link, struct weft_ready, link);
        weft_list_remove(link);
        ready->closed(ready->context);
    }
}

void weft_ready_init(struct weft_ready *ready, struct weft_ready_set *set, int fd,
                     void (*called)(void *context, uint32_t events), void *context)
{
    *ready = (struct weft_ready){.set = set, .fd = fd, .ready = called, .context = context};
    weft_list_init(&ready->link);
    set->open_count++;
}

int weft_ready_wait(struct weft_ready *ready, uint32_t events)
{
    if (events == ready->events) {
        return 0;
    }
    int how = ready->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = ready};
    if (epoll_ctl(ready->set->epoll, how, ready->fd, &event) != 0) {
        return errno;
    }
    ready->events = events;
    return 0;
}

void weft_ready_close(struct weft_ready *ready, void (*closed)(void *context))
{
    struct weft_ready_set *set = ready->set;
    (void)weft_ready_wait(ready, 0);
    ready->events = 0;
    for (size_t i = set->batch_next; i < set->batch_count; i++) {
        if (set->batch[i].data.ptr == ready) {
            set->batch[i] = (struct epoll_event){0};
        }
    }
    set->open_count--;
    ready->closed = closed;
    weft_list_append(&set->closed, &ready->link);
}
