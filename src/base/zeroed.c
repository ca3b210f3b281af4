/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zeroed.h"

#include <stdlib.h>
#include <string.h>

void *weft_zeroed(size_t size_bytes)
{
    void *memory = malloc(size_bytes);
    /* Hides where it comes from: compilers make a calloc of the two otherwise. */
    __asm__("" : "+r"(memory));
    return memory != NULL ? memset(memory, 0, size_bytes) : NULL;
}
