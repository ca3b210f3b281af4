/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_TABLE_H
#define WEFT_CLI_TABLE_H

/*
 * Columns of text for people: each as wide as its widest cell on the screen, where a Chinese
 * character takes two places and an accent none. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { WEFT_TABLE_COLUMNS_MAX = 16 };

struct weft_table_column {
    const char *title;
    bool right; /* numbers stand right */
};

struct weft_table;

/* NULL if out of memory. columns outlive the table. */
struct weft_table *weft_table_new(const struct weft_table_column *columns, size_t columns_count);
/* NULL is fine. */
void weft_table_free(struct weft_table *table);
/* Copies one cell for each column; control characters become spaces. False if out of memory. */
WEFT_MUST_CHECK bool weft_table_add(struct weft_table *table, const char *const *cells);
/* Appends title and rows, a line each, without blanks at the ends. */
void weft_table_write(const struct weft_table *table, struct weft_text *text);

/* The places that a text takes on a screen: 2 for wide characters (Unicode's East Asian Width, UAX
 * 11), 0 for those that combine, 1 for the rest, bytes that are not UTF-8 among them. */
size_t weft_text_width(const char *string);
/* Appends the string and blanks up to a width, in front of it if `right`. */
void weft_text_append_padded(struct weft_text *text, const char *string, size_t width, bool right);

WEFT_DEFINE_CLEANUP(struct weft_table, weft_table_free)
#define cleanup_table WEFT_CLEANUP(weft_table_free_cleanup)

#endif
