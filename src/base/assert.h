/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_ASSERT_H
#define WEFT_BASE_ASSERT_H

/*
 * weft_assert is for mistakes of the programmer, never for what comes from outside. It stays on in
 * release builds: a broken invariant that runs on would lose or mix up somebody's data. Any thread.
 */

__attribute__((noreturn, cold)) void weft_assert_failed(const char *expression, const char *file,
                                                        int line);

#define weft_assert(expression)                                                                    \
    (__builtin_expect(!!(expression), 1) ? (void)0                                                 \
                                         : weft_assert_failed(#expression, __FILE__, __LINE__))

/* What must not be reached. */
#define weft_bug(words) weft_assert_failed((words), __FILE__, __LINE__)

#endif
