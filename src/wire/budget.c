/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/budget.h"

#include <stdint.h>

#include "base/assert.h"

/* How much further than what it has received a lease may reach while memory is scarce. */
enum { SCARCE_FACTOR = 4 };

void weft_receive_budget_init(struct weft_receive_budget *budget, size_t limit_bytes)
{
    budget->limit_bytes = limit_bytes;
    budget->leased_bytes = 0;
    budget->overdrawing = NULL;
    weft_list_init(&budget->waiting);
}

void weft_receive_lease_init(struct weft_receive_lease *lease, struct weft_receive_budget *budget,
                             void (*on_grown)(struct weft_receive_lease *lease))
{
    *lease = (struct weft_receive_lease){.budget = budget, .on_grown = on_grown};
    weft_list_init(&lease->link);
}

/* How many more bytes the lease may get now. */
static size_t allowance(const struct weft_receive_lease *lease)
{
    const struct weft_receive_budget *budget = lease->budget;
    size_t missing = lease->wanted_bytes - lease->leased_bytes;
    if (budget->overdrawing == lease) {
        return missing;
    }
    size_t half = budget->limit_bytes / 2;
    size_t plenty = budget->leased_bytes < half ? half - budget->leased_bytes : 0;
    if (missing <= plenty) {
        return missing;
    }
    size_t earned = 0;
    if (__builtin_mul_overflow(lease->received_bytes, (size_t)SCARCE_FACTOR, &earned)) {
        earned = SIZE_MAX;
    }
    size_t more = earned > lease->leased_bytes ? earned - lease->leased_bytes : 0;
    more = more > plenty ? more : plenty;
    size_t free_bytes =
        budget->leased_bytes < budget->limit_bytes ? budget->limit_bytes - budget->leased_bytes : 0;
    more = more < free_bytes ? more : free_bytes;
    return more < missing ? more : missing;
}

static bool grant(struct weft_receive_lease *lease)
{
    size_t more = allowance(lease);
    lease->leased_bytes += more;
    lease->budget->leased_bytes += more;
    if (lease->leased_bytes >= lease->wanted_bytes) {
        weft_list_remove(&lease->link);
    } else if (weft_list_is_empty(&lease->link)) {
        weft_list_append(&lease->budget->waiting, &lease->link);
    }
    return more > 0;
}

/* When nothing is left, the oldest waiter that has really received something goes on alone. Returns
 * it. */
static struct weft_receive_lease *let_one_overdraw(struct weft_receive_budget *budget)
{
    if (budget->leased_bytes < budget->limit_bytes || budget->overdrawing != NULL) {
        return NULL;
    }
    for (struct weft_list *link = budget->waiting.next; link != &budget->waiting;
         link = link->next) {
        struct weft_receive_lease *lease = weft_list_entry(link, struct weft_receive_lease, link);
        if (lease->received_bytes > 0) {
            budget->overdrawing = lease;
            grant(lease);
            return lease;
        }
    }
    return NULL;
}

size_t weft_receive_lease_ask(struct weft_receive_lease *lease, size_t wanted_bytes,
                              size_t received_bytes)
{
    struct weft_receive_budget *budget = lease->budget;
    lease->received_bytes = received_bytes;
    if (wanted_bytes > lease->wanted_bytes) {
        lease->wanted_bytes = wanted_bytes;
    }
    if (budget == NULL) {
        lease->leased_bytes = lease->wanted_bytes;
        return lease->leased_bytes;
    }
    grant(lease);
    struct weft_receive_lease *lucky = let_one_overdraw(budget);
    if (lucky != NULL && lucky != lease) {
        lucky->on_grown(lucky);
    }
    return lease->leased_bytes;
}

/* Gives freed memory to those who wait, oldest first. */
static void serve_waiting(struct weft_receive_budget *budget)
{
    struct weft_list *link = budget->waiting.next;
    while (link != &budget->waiting && budget->leased_bytes < budget->limit_bytes) {
        struct weft_receive_lease *lease = weft_list_entry(link, struct weft_receive_lease, link);
        link = link->next;
        if (grant(lease)) {
            lease->on_grown(lease);
        }
    }
    struct weft_receive_lease *lucky = let_one_overdraw(budget);
    if (lucky != NULL) {
        lucky->on_grown(lucky);
    }
}

void weft_receive_lease_return(struct weft_receive_lease *lease)
{
    struct weft_receive_budget *budget = lease->budget;
    weft_list_remove(&lease->link);
    size_t returned_bytes = lease->leased_bytes;
    lease->leased_bytes = 0;
    lease->wanted_bytes = 0;
    lease->received_bytes = 0;
    if (budget == NULL) {
        return;
    }
    if (budget->overdrawing == lease) {
        budget->overdrawing = NULL;
    }
    if (returned_bytes > 0) {
        weft_assert(budget->leased_bytes >= returned_bytes);
        budget->leased_bytes -= returned_bytes;
        serve_waiting(budget);
    }
}
