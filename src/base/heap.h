/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_HEAP_H
#define WEFT_BASE_HEAP_H

/*
 * A binary min-heap of things that wait for a moment: the earliest is found at once, any can be
 * moved or removed. An element embeds a weft_heap_item; the heap keeps pointers only. One thread at
 * a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

struct weft_heap_item {
    uint64_t at_ns;
    size_t position; /* counts from 1; 0 = in no heap */
};

/* All zeroes is empty. */
struct weft_heap {
    struct weft_heap_item **items;
    size_t count;
    size_t capacity;
};

void weft_heap_fini(struct weft_heap *heap);
/* False if out of memory. */
WEFT_MUST_CHECK bool weft_heap_add(struct weft_heap *heap, struct weft_heap_item *item,
                                   uint64_t at_ns);
/* Removing what is in no heap does nothing. */
void weft_heap_remove(struct weft_heap *heap, struct weft_heap_item *item);
/* The earliest, NULL if empty. */
struct weft_heap_item *weft_heap_first(const struct weft_heap *heap);

#endif
