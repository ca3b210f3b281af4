/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { ALIGNMENT_BYTES = 64 };

static atomic_uint_fast64_t copied_bytes;

struct taken_buffer {
    struct weft_buffer buffer;
    void (*release)(void *memory, void *context);
};

static void release_own(struct weft_buffer *buffer)
{
    free(buffer);
}

static void release_taken(struct weft_buffer *buffer)
{
    struct taken_buffer *taken = (struct taken_buffer *)buffer;
    taken->release(buffer->data, buffer->owner);
    free(taken);
}

/* Aligned by hand: aligned_alloc takes none of the blocks that a thread has just given back. */
struct weft_buffer *weft_buffer_new(size_t size_bytes)
{
    size_t whole_bytes = 0;
    if (__builtin_add_overflow(size_bytes, sizeof(struct weft_buffer) + ALIGNMENT_BYTES - 1,
                               &whole_bytes)) {
        return NULL;
    }
    struct weft_buffer *buffer = malloc(whole_bytes);
    if (buffer == NULL) {
        return NULL;
    }
    size_t past_aligned = (uintptr_t)(buffer + 1) % ALIGNMENT_BYTES;
    atomic_init(&buffer->references, 1);
    buffer->data =
        (uint8_t *)(buffer + 1) + (past_aligned == 0 ? 0 : ALIGNMENT_BYTES - past_aligned);
    buffer->size_bytes = size_bytes;
    buffer->release = release_own;
    buffer->owner = NULL;
    return buffer;
}

struct weft_buffer *weft_buffer_take(void *data, size_t size_bytes,
                                     void (*release)(void *memory, void *context), void *context)
{
    struct taken_buffer *taken = malloc(sizeof(*taken));
    if (taken == NULL) {
        return NULL;
    }
    atomic_init(&taken->buffer.references, 1);
    taken->buffer.data = data;
    taken->buffer.size_bytes = size_bytes;
    taken->buffer.release = release_taken;
    taken->buffer.owner = context;
    taken->release = release;
    return &taken->buffer;
}

struct weft_buffer *weft_buffer_ref(struct weft_buffer *buffer)
{
    if (buffer != NULL) {
        atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    }
    return buffer;
}

void weft_buffer_unref(struct weft_buffer *buffer)
{
    if (buffer != NULL &&
        atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) == 1) {
        buffer->release(buffer);
    }
}

struct weft_slice weft_slice_of(struct weft_buffer *buffer, size_t offset, size_t size_bytes)
{
    weft_assert(offset <= buffer->size_bytes && size_bytes <= buffer->size_bytes - offset);
    return (struct weft_slice){weft_buffer_ref(buffer), buffer->data + offset, size_bytes};
}

struct weft_slice weft_slice_take(struct weft_buffer *buffer)
{
    return (struct weft_slice){buffer, buffer->data, buffer->size_bytes};
}

struct weft_slice weft_slice_sub(const struct weft_slice *slice, size_t offset, size_t size_bytes)
{
    weft_assert(offset <= slice->size_bytes && size_bytes <= slice->size_bytes - offset);
    return (struct weft_slice){weft_buffer_ref(slice->buffer), slice->data + offset, size_bytes};
}

struct weft_slice weft_slice_static(const void *data, size_t size_bytes)
{
    return (struct weft_slice){NULL, data, size_bytes};
}

bool weft_slice_copy(const void *data, size_t size_bytes, struct weft_slice *ret_slice)
{
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    if (buffer == NULL) {
        return false;
    }
    weft_copy(buffer->data, data, size_bytes);
    *ret_slice = weft_slice_take(buffer);
    return true;
}

struct weft_slice weft_slice_ref(const struct weft_slice *slice)
{
    return (struct weft_slice){weft_buffer_ref(slice->buffer), slice->data, slice->size_bytes};
}

void weft_slice_fini(struct weft_slice *slice)
{
    weft_buffer_unref(slice->buffer);
    *slice = (struct weft_slice){0};
}

void weft_copy(void *to, const void *from, size_t size_bytes)
{
    if (size_bytes > 0) {
        memcpy(to, from, size_bytes);
        atomic_fetch_add_explicit(&copied_bytes, size_bytes, memory_order_relaxed);
    }
}

uint64_t weft_copied_bytes_total(void)
{
    return atomic_load_explicit(&copied_bytes, memory_order_relaxed);
}
