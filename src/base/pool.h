/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_POOL_H
#define WEFT_BASE_POOL_H

/*
 * A pool of large buffers that are kept and used again, because fresh pages from the kernel cost
 * more than the copy into them. Sizes are rounded up to powers of two with three steps between;
 * what is idle is bounded. Buffers may be released on any thread and after weft_pool_unref: the
 * pool lives until its last buffer is back.
 */

#include "base/buffer.h"

struct weft_pool;

/* Smaller buffers go to malloc, which is good at them. */
enum { WEFT_POOL_SIZE_MIN_BYTES = 64 * 1024 };

/* Keeps at most idle_max_bytes of unused memory. NULL if out of memory. */
struct weft_pool *weft_pool_new(size_t idle_max_bytes);
void weft_pool_unref(struct weft_pool *pool);

/* A buffer of exactly size_bytes (its memory may be larger); contents are what they were. NULL if
 * out of memory. pool NULL works as weft_buffer_new. */
struct weft_buffer *weft_pool_buffer(struct weft_pool *pool, size_t size_bytes);
/* Gives all idle memory back to the system; the pool goes on. */
void weft_pool_trim(struct weft_pool *pool);
/* Bytes that are kept but not used now. */
size_t weft_pool_idle_bytes(struct weft_pool *pool);

#endif
