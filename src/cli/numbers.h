/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_NUMBERS_H
#define WEFT_CLI_NUMBERS_H

/*
 * One element of a tensor as text, both ways, for every datatype of fixed size. Any thread.
 */

#include <stddef.h>
#include <weft/datatype.h>

#include "base/text.h"

/* The longest text that is a number. */
enum { WEFT_NUMBER_TEXT_MAX = 64 };

/* Writes the element that text says to `to`, which has its size. BOOL is true, false, 1 or 0. False
 * where it is no number, or none that the datatype can hold. */
bool weft_number_parse(enum weft_datatype datatype, const char *text, void *to);
/* A fraction in [0, 1) as an element: itself for FP types, a small whole number for the others. */
void weft_number_from_fraction(enum weft_datatype datatype, double fraction, void *to);
/* Appends the element so that it reads back the same. */
void weft_number_format(enum weft_datatype datatype, const void *element, struct weft_text *text);

#endif
