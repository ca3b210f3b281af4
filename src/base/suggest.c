/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <string.h>

/* Longer names are not compared: nobody mistypes them by a letter and the table stays on the stack.
 */
enum { WORD_LENGTH_MAX = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t cost[WORD_LENGTH_MAX + 1][WORD_LENGTH_MAX + 1];
    for (size_t i = 0; i <= a_length; i++) {
        cost[i][0] = i;
    }
    for (size_t j = 0; j <= b_length; j++) {
        cost[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = smaller(changed, smaller(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = smaller(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a_length][b_length];
}

const char *weft_suggest(const char *word, const char *const *words, size_t words_count)
{
    size_t length = strlen(word);
    if (length == 0 || length > WORD_LENGTH_MAX) {
        return NULL;
    }
    size_t best_distance = smaller(length, (length + 2) / 3) + 1;
    const char *best = NULL;
    for (size_t i = 0; i < words_count; i++) {
        size_t words_length = strlen(words[i]);
        if (words_length > WORD_LENGTH_MAX) {
            continue;
        }
        size_t words_distance = distance(word, length, words[i], words_length);
        if (words_distance < best_distance) {
            best_distance = words_distance;
            best = words[i];
        }
    }
    return best;
}
