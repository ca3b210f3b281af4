/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_UNITS_H
#define WEFT_CLI_UNITS_H

/*
 * Rates and shapes as people write them on a command line, and durations as they read them. Any
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/datatype.h>

/* "200", "200/s", "12000/m": how many a second, above 0. */
bool weft_rate_parse(const char *text, double *ret_per_second);
/* "1x3x224x224" or "1,3,224,224"; -1 where may_be_open. length characters of text. */
bool weft_shape_parse(const char *text, size_t length, bool may_be_open,
                      struct weft_shape *ret_shape);
/* "812 us", "12.3 ms", "4.56 s" for people. */
void weft_duration_format(uint64_t duration_ns, char *text, size_t capacity);

#endif
