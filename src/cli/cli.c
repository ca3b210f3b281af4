/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

/* Longer chains of causes are cut. */
enum { SENTENCE_MAX = 4096 };

int weft_exit_code(const struct weft_error *error)
{
    switch (weft_error_status(error)) {
    case WEFT_OK:
        return WEFT_EXIT_OK;
    case WEFT_INVALID_ARGUMENT:
    case WEFT_OUT_OF_RANGE:
        return WEFT_EXIT_INVALID;
    case WEFT_NOT_FOUND:
        return WEFT_EXIT_NOT_FOUND;
    case WEFT_UNAVAILABLE:
        return WEFT_EXIT_UNAVAILABLE;
    case WEFT_DEADLINE_EXCEEDED:
        return WEFT_EXIT_DEADLINE;
    default:
        return WEFT_EXIT_FAILED;
    }
}

int weft_cli_fail(const struct weft_verb *verb, const struct weft_error *error)
{
    char sentence[SENTENCE_MAX];
    weft_error_format(error, sentence, sizeof(sentence));
    fflush(stdout);
    fprintf(stderr, "weft %s: %s\n", verb->name, sentence);
    const char *hint = weft_error_hint(error);
    if (hint != NULL) {
        fprintf(stderr, "  %s\n", hint);
    }
    return weft_exit_code(error);
}

int weft_cli_usage(const struct weft_verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "weft %s: ", verb->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n  see `weft help %s`\n", verb->name);
    va_end(arguments);
    return WEFT_EXIT_USAGE;
}
