/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_FAILMALLOC_H
#define TESTS_SUPPORT_FAILMALLOC_H

/*
 * Lets allocations fail on purpose. A test links `failmalloc_dep`, which wraps malloc, calloc,
 * realloc and aligned_alloc of everything that is linked statically (our own code; shared libraries
 * only where we hand them an allocator). Which allocation it is, where several threads make some,
 * is theirs to race for.
 *
 *     for (size_t i = 0;; i++) {
 *         failmalloc_arm(i);
 *         run_the_story();                   // must end in order, whatever fails
 *         if (!failmalloc_disarm()) break;   // it made fewer allocations than that: done
 *     }
 */

#include <stdbool.h>
#include <stddef.h>

/* The allocation after the next `count` ones fails, and only that. */
void failmalloc_arm(size_t count);
/* The same, and every later one fails too. */
void failmalloc_arm_all(size_t count);
/* No more failures. Whether one has happened. */
bool failmalloc_disarm(void);

#endif
