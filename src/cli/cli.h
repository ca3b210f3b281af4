/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_CLI_H
#define WEFT_CLI_CLI_H

/*
 * What the verbs of the program `weft` share: their table, exit codes, and how they say that
 * something went wrong. One file per verb; each defines one `struct weft_verb`. A verb writes
 * results to standard output and everything else (progress, errors) to standard error. One thread.
 */

#include <weft/error.h>

/* Exit codes, documented in `weft help` and the man page; scripts rely on them. */
enum weft_exit {
    WEFT_EXIT_OK = 0,
    WEFT_EXIT_FAILED = 1,      /* it was tried and did not work */
    WEFT_EXIT_USAGE = 2,       /* the command line is wrong; nothing was tried */
    WEFT_EXIT_INVALID = 3,     /* a file or an input is not valid, or a model refuses it */
    WEFT_EXIT_NOT_FOUND = 4,   /* no such pipeline, model, node or file */
    WEFT_EXIT_UNAVAILABLE = 5, /* nobody answers at the address, or a node is gone */
    WEFT_EXIT_DEADLINE = 6,    /* it took longer than it may */
};

struct weft_verb {
    const char *name;    /* "run" */
    const char *summary; /* one line of `weft help` */
    const char *help;    /* the whole of `weft help run`, with an example */
    /* arguments[0] is the verb. Returns the exit code. */
    int (*run)(int count, char **arguments);
};

/* The exit code that fits an error. */
int weft_exit_code(const struct weft_error *error);
/* Writes "weft VERB: sentence: cause" and the hint to standard error, with the pipeline, step and
 * node that the sentence leaves out in front; returns the exit code that fits. */
int weft_cli_fail(const struct weft_verb *verb, const struct weft_error *error);
/* The same for a wrong command line: names what is wrong and where help is. Returns
 * WEFT_EXIT_USAGE. */
int weft_cli_usage(const struct weft_verb *verb, const char *format, ...) WEFT_PRINTF(2, 3);

#endif
