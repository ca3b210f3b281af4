/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_SUGGEST_H
#define WEFT_BASE_SUGGEST_H

/*
 * "did you mean": finds the known word that is nearest to a mistyped one, by edit distance with
 * swaps of neighbours (optimal string alignment). Any thread.
 */

#include <stddef.h>

/* The nearest of words within a third of the word's length (at least 1), NULL if none is that near.
 */
const char *weft_suggest(const char *word, const char *const *words, size_t words_count);

#endif
