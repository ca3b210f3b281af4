/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_SLICES_H
#define WEFT_WIRE_SLICES_H

/*
 * An ordered list of slices that together are one message: what encoders make and what sending
 * takes. It owns a reference to each. One thread at a time; an empty list is all zeroes.
 */

#include "base/buffer.h"
#include "base/cleanup.h"

/* Most messages have a head, one tensor and a tail: they need no allocation for the list. */
enum { WEFT_SLICES_INLINE = 4 };

struct weft_slices {
    struct weft_slice *items; /* NULL while the inline ones do; use weft_slices_items */
    size_t count;
    size_t capacity;
    struct weft_slice few[WEFT_SLICES_INLINE];
};

void weft_slices_fini(struct weft_slices *slices);
/* Takes *take_slice on success (emptied). False if out of memory. An empty slice adds nothing. */
WEFT_MUST_CHECK bool weft_slices_add(struct weft_slices *slices, struct weft_slice *take_slice);
/* The array, to be read, or to be given to a function that takes its references; after such a
 * function has succeeded, weft_slices_forget. */
struct weft_slice *weft_slices_items(struct weft_slices *slices);
/* Empties the list without releasing the references: somebody else has taken them. */
void weft_slices_forget(struct weft_slices *slices);
size_t weft_slices_size_bytes(const struct weft_slices *slices);
/* All bytes in one piece: the only slice where there is one, else a counted copy. False if out of
 * memory. */
WEFT_MUST_CHECK bool weft_slices_join(struct weft_slices *slices, struct weft_slice *ret_slice);

#define cleanup_slices WEFT_CLEANUP(weft_slices_fini)

#endif
