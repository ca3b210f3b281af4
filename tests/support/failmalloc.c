/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failmalloc.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool armed;
static bool all;
static bool failed;
static size_t left;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool fails_now(void)
{
    if (!armed) {
        return false;
    }
    if (left > 0) {
        left--;
        return false;
    }
    if (failed && !all) {
        return false;
    }
    failed = true;
    return true;
}

static bool fails(void)
{
    pthread_mutex_lock(&lock);
    bool now = fails_now();
    pthread_mutex_unlock(&lock);
    return now;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void failmalloc_arm(size_t count)
{
    pthread_mutex_lock(&lock);
    armed = true;
    all = false;
    failed = false;
    left = count;
    pthread_mutex_unlock(&lock);
}

void failmalloc_arm_all(size_t count)
{
    failmalloc_arm(count);
    pthread_mutex_lock(&lock);
    all = true;
    pthread_mutex_unlock(&lock);
}

bool failmalloc_disarm(void)
{
    pthread_mutex_lock(&lock);
    bool now = failed;
    armed = false;
    pthread_mutex_unlock(&lock);
    return now;
}
