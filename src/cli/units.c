/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A plain decimal number, which strtod alone does not ask for ("inf", "0x10"). */
static bool read_decimal(const char *text, double *ret_number, const char **ret_rest)
{
    char *end = NULL;
    size_t length = strspn(text, "0123456789.");
    if (length == 0 || !isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    *ret_number = strtod(text, &end);
    *ret_rest = end;
    return errno == 0 && end == text + length && isfinite(*ret_number);
}

bool weft_rate_parse(const char *text, double *ret_per_second)
{
    double number = 0;
    const char *unit = NULL;
    if (!read_decimal(text, &number, &unit)) {
        return false;
    }
    if (strcmp(unit, "/m") == 0 || strcmp(unit, "/min") == 0) {
        number /= 60;
    } else if (*unit != '\0' && strcmp(unit, "/s") != 0) {
        return false;
    }
    *ret_per_second = number;
    return number > 0 && number <= 1e7;
}

bool weft_shape_parse(const char *text, size_t length, bool may_be_open,
                      struct weft_shape *ret_shape)
{
    struct weft_shape shape = {0};
    for (size_t at = 0; at < length;) {
        bool open = may_be_open && text[at] == '-';
        size_t digits = open;
        int64_t dimension = 0;
        for (; at + digits < length && isdigit((unsigned char)text[at + digits]); digits++) {
            if (dimension > INT64_MAX / 16) {
                return false;
            }
            dimension = dimension * 10 + (text[at + digits] - '0');
        }
        if (digits == (size_t)open || (open && dimension != 1) || shape.rank == WEFT_RANK_MAX) {
            return false;
        }
        shape.dims[shape.rank++] = open ? -1 : dimension;
        at += digits;
        if (at < length && ((text[at] != 'x' && text[at] != ',') || ++at == length)) {
            return false;
        }
    }
    *ret_shape = shape;
    return true;
}

void weft_duration_format(uint64_t duration_ns, char *text, size_t capacity)
{
    double ns = (double)duration_ns;
    if (duration_ns < WEFT_NS_PER_MS) {
        snprintf(text, capacity, "%.0f us", ns / 1e3);
    } else if (duration_ns < 100 * WEFT_NS_PER_MS) {
        snprintf(text, capacity, "%.1f ms", ns / 1e6);
    } else if (duration_ns < WEFT_NS_PER_S) {
        snprintf(text, capacity, "%.0f ms", ns / 1e6);
    } else {
        snprintf(text, capacity, "%.2f s", ns / 1e9);
    }
}
