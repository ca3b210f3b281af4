/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_TIMELINE_H
#define WEFT_CLI_TIMELINE_H

/*
 * Bars of what ran when, one line each, scaled to a width. Plain data. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct weft_timeline_bar {
    const char *name;
    uint64_t start_ns;
    uint64_t end_ns; /* start_ns and end_ns 0 = never ran */
};

/* Names, bars, and below them a scale from 0 to the end; width in places of the screen (at least 40
 * are used). `blocks` draws block characters, else ASCII. */
void weft_timeline_write(const struct weft_timeline_bar *bars, size_t bars_count, size_t width,
                         bool blocks, struct weft_text *text);

#endif
