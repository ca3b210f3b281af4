/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_GROWTH_H
#define WEFT_MODEL_GROWTH_H

/*
 * How much a backend's load allocates: the growth of the process's heap meanwhile. No allocator can
 * be put under the libraries that backends use and no library tells, so loads are measured one at a
 * time. One that takes long (or never returns) holds up the next no longer than
 * WEFT_GROWTH_PATIENCE_NS; who then begins beside it is not measured, and neither is the other.
 * Any thread that may block.
 */

#include <stdbool.h>
#include <stdint.h>

#define WEFT_GROWTH_PATIENCE_NS (UINT64_C(2) * 1000 * 1000 * 1000)

struct weft_growth {
    uint64_t number;
    bool alone;
    uint64_t heap_bytes; /* at the beginning */
};

/* Waits for its turn. */
void weft_growth_begin(struct weft_growth *growth);
/* Bytes that are allocated more than at the beginning, mapped files not included; 0 = not known. */
uint64_t weft_growth_end(struct weft_growth *growth);

#endif
