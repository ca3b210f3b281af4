/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/http2.h"

/*
 * Memory for nghttp2: it takes and gives back some ten small blocks a request. They are kept in
 * lists by size, deeper than malloc's own per-thread caches, so that a batch of requests touches
 * malloc's arena not at all.
 *
 * After an allocation has failed, nghttp2 1.52 may give a block back twice and look into it in
 * between (a DATA item that could not be queued stays attached to its stream). From then on a
 * session's blocks are only set aside, and really freed when the session is gone.
 */

enum {
    CLASS_STEP_BYTES = 64,
    /* 2 MiB with what glibc adds: some hundred requests under way. */
    KEPT_MAX_BYTES = 1024 * 1024,
};

/* In front of each block; as long as the strictest alignment. */
struct head {
    union {
        struct head *next;
        size_t size_class; /* 0: larger than every class */
    };
    size_t size_bytes; /* as asked for; ASIDE: set aside */
};

#define ASIDE SIZE_MAX

_Static_assert(sizeof(struct head) == 16, "blocks stay aligned for any type");

static struct head *take_block(struct weft_http_shared *shared, size_t size_bytes)
{
    size_t size_class = (size_bytes + CLASS_STEP_BYTES - 1) / CLASS_STEP_BYTES;
    struct head *head = NULL;
    if (size_class == 0 || size_class >= WEFT_HTTP_MEMORY_CLASSES) {
        if (size_bytes >= SIZE_MAX - sizeof(*head)) {
            return NULL;
        }
        head = malloc(sizeof(*head) + size_bytes);
        size_class = 0;
    } else if (shared->free_blocks[size_class] != NULL) {
        head = shared->free_blocks[size_class];
        shared->free_blocks[size_class] = head->next;
        shared->free_blocks_bytes -= size_class * CLASS_STEP_BYTES;
    } else {
        head = malloc(sizeof(*head) + size_class * CLASS_STEP_BYTES);
    }
    if (head != NULL) {
        head->size_class = size_class;
        head->size_bytes = size_bytes;
    }
    return head;
}

static void *allocate(size_t size_bytes, void *context)
{
    struct weft_http2_heap *heap = context;
    struct head *head = take_block(heap->shared, size_bytes);
    if (head == NULL) {
        heap->failed = true;
        return NULL;
    }
    return head + 1;
}

static void release(void *memory, void *context)
{
    struct weft_http2_heap *heap = context;
    struct weft_http_shared *shared = heap->shared;
    if (memory == NULL) {
        return;
    }
    struct head *head = (struct head *)memory - 1;
    if (heap->failed) {
        if (head->size_bytes != ASIDE) {
            head->size_bytes = ASIDE;
            head->next = heap->aside;
            heap->aside = head;
        }
        return;
    }
    size_t size_class = head->size_class;
    size_t size_bytes = size_class * CLASS_STEP_BYTES;
    if (size_class == 0 || shared->free_blocks_bytes + size_bytes > KEPT_MAX_BYTES) {
        free(head);
        return;
    }
    head->next = shared->free_blocks[size_class];
    shared->free_blocks[size_class] = head;
    shared->free_blocks_bytes += size_bytes;
}

static void *allocate_zeroed(size_t count, size_t size_bytes, void *context)
{
    size_t whole_bytes = 0;
    if (__builtin_mul_overflow(count, size_bytes, &whole_bytes)) {
        return NULL;
    }
    void *memory = allocate(whole_bytes, context);
    if (memory != NULL) {
        memset(memory, 0, whole_bytes);
    }
    return memory;
}

static void *reallocate(void *memory, size_t size_bytes, void *context)
{
    if (memory == NULL) {
        return allocate(size_bytes, context);
    }
    const struct head *head = (struct head *)memory - 1;
    void *grown = allocate(size_bytes, context);
    if (grown != NULL) {
        memcpy(grown, memory, head->size_bytes < size_bytes ? head->size_bytes : size_bytes);
        release(memory, context);
    }
    return grown;
}

nghttp2_mem weft_http2_heap_memory(struct weft_http2_heap *heap)
{
    return (nghttp2_mem){.mem_user_data = heap,
                         .malloc = allocate,
                         .free = release,
                         .calloc = allocate_zeroed,
                         .realloc = reallocate};
}

void weft_http2_heap_fini(struct weft_http2_heap *heap)
{
    while (heap->aside != NULL) {
        struct head *head = heap->aside;
        heap->aside = head->next;
        free(head);
    }
}

void weft_http2_memory_fini(struct weft_http_shared *shared)
{
    for (size_t i = 0; i < WEFT_HTTP_MEMORY_CLASSES; i++) {
        while (shared->free_blocks[i] != NULL) {
            struct head *head = shared->free_blocks[i];
            shared->free_blocks[i] = head->next;
            free(head);
        }
    }
    shared->free_blocks_bytes = 0;
}
