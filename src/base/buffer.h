/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_BUFFER_H
#define WEFT_BASE_BUFFER_H

/*
 * Buffers and slices. A buffer is a block of memory with an atomic reference count and a way to
 * give it back; a slice is a window on one and holds a reference, so bytes are handed from socket
 * to model to socket without being copied. Who fills a buffer does so before sharing it; afterwards
 * it is read-only. Any thread.
 *
 * weft_copy is memcpy that is counted (weft_copied_bytes_total): the payload's copies are shown,
 * not claimed absent.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

struct weft_buffer {
    atomic_uint references;
    uint8_t *data;
    size_t size_bytes;
    void (*release)(struct weft_buffer *buffer); /* gives back data and the buffer itself */
    void *owner;                                 /* for release */
};

/* Bytes [data, data + size_bytes) of buffer; buffer NULL means memory that outlives the slice
 * (constants). */
struct weft_slice {
    struct weft_buffer *buffer;
    const uint8_t *data;
    size_t size_bytes;
};

/* Memory with one reference, aligned to 64 bytes (what vector units and ONNX Runtime like). NULL if
 * out of memory. */
struct weft_buffer *weft_buffer_new(size_t size_bytes);
/* Takes memory that release(memory, context) gives back. NULL if out of memory, and then the memory
 * is still the caller's. */
struct weft_buffer *weft_buffer_take(void *data, size_t size_bytes,
                                     void (*release)(void *memory, void *context), void *context);
struct weft_buffer *weft_buffer_ref(struct weft_buffer *buffer);
/* NULL is fine. */
void weft_buffer_unref(struct weft_buffer *buffer);

/* A slice of part of a buffer, with a reference of its own. The range must lie inside. */
struct weft_slice weft_slice_of(struct weft_buffer *buffer, size_t offset, size_t size_bytes);
/* The whole of a buffer, taking the caller's reference. */
struct weft_slice weft_slice_take(struct weft_buffer *buffer);
/* A part of a slice, with a reference of its own. */
struct weft_slice weft_slice_sub(const struct weft_slice *slice, size_t offset, size_t size_bytes);
/* Constant memory that outlives every use. */
struct weft_slice weft_slice_static(const void *data, size_t size_bytes);
/* A counted copy. False if out of memory. */
WEFT_MUST_CHECK bool weft_slice_copy(const void *data, size_t size_bytes,
                                     struct weft_slice *ret_slice);
struct weft_slice weft_slice_ref(const struct weft_slice *slice);
/* Releases and empties it. */
void weft_slice_fini(struct weft_slice *slice);

/* memcpy of payload, counted. */
void weft_copy(void *to, const void *from, size_t size_bytes);
/* Payload bytes that this process has copied in user space since it started. */
uint64_t weft_copied_bytes_total(void);

#endif
