/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_ZEROED_H
#define WEFT_BASE_ZEROED_H

/*
 * Small zeroed memory for what is made and freed with every message. glibc's calloc (before 2.41)
 * takes none of the blocks that the thread has just given back, which costs some 200 instructions
 * each time; malloc does. Elsewhere calloc is right. Any thread.
 */

#include <stddef.h>

/* For free(). NULL if out of memory. */
void *weft_zeroed(size_t size_bytes);

/* What lives and dies together can be one block: as large as its parts, each of them padded, which
 * are then taken from it one after another. */
static inline size_t weft_padded(size_t size_bytes)
{
    return (size_bytes + 15) / 16 * 16;
}

static inline void *weft_take_part(char **rest, size_t size_bytes)
{
    void *part = *rest;
    *rest += weft_padded(size_bytes);
    return part;
}

#endif
