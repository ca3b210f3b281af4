/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

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
    case WEFT_FAILED_PRECONDITION:
    case WEFT_RESOURCE_EXHAUSTED:
        /* Of a step: its model can do nothing with what it was given, as a picture without a face
         * or one that is too large. Elsewhere it is the node that is not in a state for it. */
        return weft_error_place(error).step != NULL ? WEFT_EXIT_INVALID : WEFT_EXIT_FAILED;
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

/* Where in the job it happened, as far as the sentence leaves that out. */
static void say_place(const struct weft_error *error, const char *sentence)
{
    struct weft_error_place place = weft_error_place(error);
    const char *const parts[][2] = {
        {"pipeline", place.pipeline}, {"step", place.step}, {"node", place.node}};
    const char *before = "";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char quoted[SENTENCE_MAX];
        snprintf(quoted, sizeof(quoted), "\"%s\"", parts[i][1] != NULL ? parts[i][1] : "");
        weft_text_make_printable(quoted);
        if (parts[i][1] != NULL && strstr(sentence, quoted) == NULL) {
            fprintf(stderr, "%s%s %s", before, parts[i][0], quoted);
            before = ", ";
        }
    }
    fputs(*before != '\0' ? ": " : "", stderr);
}

int weft_cli_fail(const struct weft_verb *verb, const struct weft_error *error)
{
    char sentence[SENTENCE_MAX];
    weft_error_format(error, sentence, sizeof(sentence));
    weft_text_make_printable(sentence); /* they may be a foreign server's */
    fflush(stdout);
    fprintf(stderr, "weft %s: ", verb->name);
    say_place(error, sentence);
    fprintf(stderr, "%s\n", sentence);
    if (weft_error_hint(error) != NULL) {
        char hint[SENTENCE_MAX];
        snprintf(hint, sizeof(hint), "%s", weft_error_hint(error));
        weft_text_make_printable(hint);
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
