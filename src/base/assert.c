/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void weft_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "weft: bug: %s:%d: \"%s\" does not hold; please report this line\n", file, line,
            expression);
    abort();
}
