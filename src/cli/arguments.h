/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_ARGUMENTS_H
#define WEFT_CLI_ARGUMENTS_H

/*
 * Walks a verb's command line: `--name VALUE`, `--name=VALUE`, `-o VALUE`, words, and `--` after
 * which all are words. What is wrong is written to standard error with what was probably meant.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

#include "cli/cli.h"

struct weft_option {
    const char *name; /* "--listen" */
    bool is_switch;   /* takes no value */
};

enum {
    WEFT_ARGUMENTS_END = -1,
    WEFT_ARGUMENTS_WORD = -2,  /* value is the word */
    WEFT_ARGUMENTS_WRONG = -3, /* it has been said; the verb returns WEFT_EXIT_USAGE */
};

struct weft_arguments {
    const struct weft_verb *verb;
    const struct weft_option *options; /* ended by a NULL name */
    int count;
    char **items; /* items[0] is the verb */
    int next;     /* begins at 0 */
    bool words_only;
    const char *value; /* of what was returned last */
};

/* The index of an option, or one of the above. */
int weft_arguments_next(struct weft_arguments *arguments);

/* What a value means. False has been said, with the option's name. */
WEFT_MUST_CHECK bool weft_argument_number(const struct weft_arguments *arguments,
                                          const char *option, uint64_t min, uint64_t max,
                                          uint64_t *ret_number);
/* "1048576", "512MiB", "4GiB". */
WEFT_MUST_CHECK bool weft_argument_size(const struct weft_arguments *arguments, const char *option,
                                        uint64_t *ret_bytes);
/* "500ms", "30s", "2m". */
WEFT_MUST_CHECK bool weft_argument_duration_ms(const struct weft_arguments *arguments,
                                               const char *option, uint64_t *ret_ms);
/* "HOST:PORT"; borrowed. */
WEFT_MUST_CHECK bool weft_argument_address(const struct weft_arguments *arguments,
                                           const char *option, const char **ret_address);
/* One of words (ended by NULL); its index. */
WEFT_MUST_CHECK bool weft_argument_word(const struct weft_arguments *arguments, const char *option,
                                        const char *const *words, size_t *ret_index);

#endif
