/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

size_t weft_screen_width(int descriptor)
{
    struct winsize size = {0};
    long width = 0;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    } else if (getenv("COLUMNS") != NULL) {
        width = strtol(getenv("COLUMNS"), NULL, 10);
    }
    if (width <= 0) {
        width = WEFT_SCREEN_WIDTH;
    }
    return width < WEFT_SCREEN_WIDTH_MAX ? (size_t)width : WEFT_SCREEN_WIDTH_MAX;
}

bool weft_screen_is_utf8(void)
{
    /* POSIX, "Environment Variables", 8.2: the first of these that is set and not empty counts. */
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0') {
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
        }
    }
    return false;
}
