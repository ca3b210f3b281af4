/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Four classes per power of two from 64 KiB: 128 of them reach past any size that fits in memory.
 */
enum { CLASSES_COUNT = 128 };

struct pooled_buffer {
    struct weft_buffer buffer;
    struct pooled_buffer *next; /* in the idle list */
    uint32_t size_class;
};

enum { HEADER_BYTES = 64 };

struct weft_pool {
    pthread_mutex_t lock;
    struct pooled_buffer *idle[CLASSES_COUNT];
    size_t idle_bytes;
    size_t idle_max_bytes;
    size_t references; /* the creator's and one for each buffer in use; guarded by lock */
};

static size_t class_size_bytes(uint32_t size_class)
{
    size_t octave = (size_t)WEFT_POOL_SIZE_MIN_BYTES << (size_class / 4);
    return octave + octave / 4 * (size_class % 4);
}

static bool find_class(size_t size_bytes, uint32_t *ret_class)
{
    for (uint32_t i = 0; i < CLASSES_COUNT && i / 4 < 40; i++) {
        if (class_size_bytes(i) >= size_bytes) {
            *ret_class = i;
            return true;
        }
    }
    return false;
}

struct weft_pool *weft_pool_new(size_t idle_max_bytes)
{
    struct weft_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    pool->idle_max_bytes = idle_max_bytes;
    pool->references = 1;
    return pool;
}

static void free_list(struct pooled_buffer *list)
{
    while (list != NULL) {
        struct pooled_buffer *next = list->next;
        free(list);
        list = next;
    }
}

void weft_pool_trim(struct weft_pool *pool)
{
    struct pooled_buffer *idle[CLASSES_COUNT];
    pthread_mutex_lock(&pool->lock);
    memcpy(idle, pool->idle, sizeof(idle));
    memset(pool->idle, 0, sizeof(pool->idle));
    pool->idle_bytes = 0;
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < CLASSES_COUNT; i++) {
        free_list(idle[i]);
    }
}

static void drop_reference(struct weft_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool last = --pool->references == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last) {
        weft_pool_trim(pool);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

void weft_pool_unref(struct weft_pool *pool)
{
    if (pool != NULL) {
        drop_reference(pool);
    }
}

static void release_pooled(struct weft_buffer *buffer)
{
    struct pooled_buffer *pooled = (struct pooled_buffer *)buffer;
    struct weft_pool *pool = buffer->owner;
    size_t size_bytes = class_size_bytes(pooled->size_class);
    pthread_mutex_lock(&pool->lock);
    bool keep = size_bytes <= pool->idle_max_bytes - pool->idle_bytes;
    if (keep) {
        pooled->next = pool->idle[pooled->size_class];
        pool->idle[pooled->size_class] = pooled;
        pool->idle_bytes += size_bytes;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        free(pooled);
    }
    drop_reference(pool);
}

static struct pooled_buffer *take_idle(struct weft_pool *pool, uint32_t size_class)
{
    pthread_mutex_lock(&pool->lock);
    pool->references++;
    struct pooled_buffer *pooled = pool->idle[size_class];
    if (pooled != NULL) {
        pool->idle[size_class] = pooled->next;
        pool->idle_bytes -= class_size_bytes(size_class);
    }
    pthread_mutex_unlock(&pool->lock);
    return pooled;
}

struct weft_buffer *weft_pool_buffer(struct weft_pool *pool, size_t size_bytes)
{
    _Static_assert(sizeof(struct pooled_buffer) <= HEADER_BYTES,
                   "the header takes one aligned unit");
    uint32_t size_class = 0;
    if (pool == NULL || size_bytes < WEFT_POOL_SIZE_MIN_BYTES ||
        !find_class(size_bytes, &size_class)) {
        return weft_buffer_new(size_bytes);
    }
    struct pooled_buffer *pooled = take_idle(pool, size_class);
    if (pooled == NULL) {
        pooled = aligned_alloc(HEADER_BYTES, HEADER_BYTES + class_size_bytes(size_class));
        if (pooled == NULL) {
            drop_reference(pool);
            return NULL;
        }
        pooled->size_class = size_class;
    }
    atomic_init(&pooled->buffer.references, 1);
    pooled->buffer.data = (uint8_t *)pooled + HEADER_BYTES;
    pooled->buffer.size_bytes = size_bytes;
    pooled->buffer.release = release_pooled;
    pooled->buffer.owner = pool;
    pooled->next = NULL;
    return &pooled->buffer;
}

size_t weft_pool_idle_bytes(struct weft_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t idle_bytes = pool->idle_bytes;
    pthread_mutex_unlock(&pool->lock);
    return idle_bytes;
}
