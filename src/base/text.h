/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_TEXT_H
#define WEFT_BASE_TEXT_H

/*
 * A growing, always terminated text. Out of memory is remembered (`failed`) and later appends do
 * nothing, so a writer of many parts checks once at the end. One thread at a time.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <weft/status.h>

#include "base/cleanup.h"

struct weft_text {
    char *data; /* NULL while empty */
    size_t length;
    size_t capacity;
    bool failed;
};

void weft_text_fini(struct weft_text *text);
void weft_text_append(struct weft_text *text, const char *bytes, size_t length);
void weft_text_append_string(struct weft_text *text, const char *string);
void weft_text_printf(struct weft_text *text, const char *format, ...) WEFT_PRINTF(2, 3);
/* As a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void weft_text_append_json(struct weft_text *text, const char *bytes, size_t length);
/* Empties it, keeping the memory. */
void weft_text_clear(struct weft_text *text);
/* The text, never NULL, borrowed. */
const char *weft_text_string(const struct weft_text *text);
/* The text as a string that the caller frees, leaving the text empty. NULL where an append failed.
 */
char *weft_text_steal(struct weft_text *text);

/* Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms). */
bool weft_utf8_valid(const char *bytes, size_t length);

/* For a terminal: each control character (C0, DEL, and C1 in UTF-8) becomes "?", so that words of
 * others can't move the cursor or colour what follows. */
void weft_text_make_printable(char *string);

#define cleanup_text WEFT_CLEANUP(weft_text_fini)

#endif
