/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/internal.h"

/* Mail from other threads: a list that grows at its head and is taken whole. */

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
        weft_ready_set_wake(&loop->ready);
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
