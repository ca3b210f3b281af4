/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_MACHINE_H
#define WEFT_SCHED_MACHINE_H

/*
 * A small state machine: a table says which state may follow which, and a move that the table does
 * not allow is a bug that stops the program, before it can end a request twice. Not shared between
 * threads.
 */

#include <stdint.h>

#include "base/assert.h"

/* One row of a table: the states that may follow, as bits. The table ends where its machine's
 * states end. */
struct weft_machine_state {
    const char *name;
    uint32_t next;
};

#define WEFT_MACHINE_NEXT(state) (UINT32_C(1) << (state))

struct weft_machine {
    const struct weft_machine_state *table;
    uint32_t state;
};

static inline void weft_machine_move(struct weft_machine *machine, uint32_t to)
{
    weft_assert((machine->table[machine->state].next & WEFT_MACHINE_NEXT(to)) != 0);
    machine->state = to;
}

#endif
