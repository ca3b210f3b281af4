/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_CLEANUP_H
#define WEFT_BASE_CLEANUP_H

/*
 * Local ownership: a variable marked `cleanup_x` is released when its scope ends, and
 * `steal(&pointer)` hands it on. With them a function has one way out and no ladder of labels. Any
 * thread.
 */

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define WEFT_CLEANUP(function) __attribute__((cleanup(function)))

/* Defines `function_cleanup` for a `void function(type *)` that takes NULL. */
#define WEFT_DEFINE_CLEANUP(type, function)                                                        \
    static inline __attribute__((unused)) void function##_cleanup(type **pointer)                  \
    {                                                                                              \
        function(*pointer);                                                                        \
    }

static inline void weft_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void weft_cleanup_close(const int *descriptor)
{
    if (*descriptor >= 0) {
        close(*descriptor);
    }
}

#define cleanup_free WEFT_CLEANUP(weft_cleanup_free)
#define cleanup_close WEFT_CLEANUP(weft_cleanup_close)

/* The pointer's value, leaving NULL behind. */
#define steal(pointer)                                                                             \
    ({                                                                                             \
        __typeof__(*(pointer)) stolen_ = *(pointer);                                               \
        *(pointer) = NULL;                                                                         \
        stolen_;                                                                                   \
    })

#endif
