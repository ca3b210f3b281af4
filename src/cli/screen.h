/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_SCREEN_H
#define WEFT_CLI_SCREEN_H

/* What the place that output goes to can show. One thread. */

#include <stdbool.h>
#include <stddef.h>

enum { WEFT_SCREEN_WIDTH = 80, WEFT_SCREEN_WIDTH_MAX = 400 };

/* The width of the terminal behind a descriptor; of $COLUMNS, or WEFT_SCREEN_WIDTH, where it is
 * none. */
size_t weft_screen_width(int descriptor);
/* Whether the locale's characters are UTF-8. */
bool weft_screen_is_utf8(void);

#endif
