/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/verbs.h"

static int run(int count, char **arguments)
{
    enum { OUTPUT };
    static const struct weft_option options[] = {{"-o", false}, {NULL, false}};
    static const char *const formats[] = {"table", "json", NULL};
    struct weft_arguments walk = {&weft_verb_version, options, count, arguments, 0, false, NULL};
    size_t format = 0;
    for (int option; (option = weft_arguments_next(&walk)) != WEFT_ARGUMENTS_END;) {
        if (option == WEFT_ARGUMENTS_WORD) {
            return weft_cli_usage(&weft_verb_version, "takes no words, but got \"%s\"", walk.value);
        }
        if (option != OUTPUT || !weft_argument_word(&walk, "-o", formats, &format)) {
            return WEFT_EXIT_USAGE;
        }
    }
    printf(format == 1 ? "{\"version\":\"%s\"}\n" : "weft %s\n", WEFT_VERSION);
    return WEFT_EXIT_OK;
}

const struct weft_verb weft_verb_version = {
    .name = "version",
    .summary = "says which version of weft this is",
    .help = "usage: weft version [-o table|json]\n\n"
            "Says which version of weft this is.\n\n"
            "example:\n"
            "  weft version -o json\n",
    .run = run,
};
