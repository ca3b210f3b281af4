/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/verbs.h"

/* In the order of `weft help`: as one meets them. */
static const struct weft_verb *const verbs[] = {
    &weft_verb_up,       &weft_verb_down, &weft_verb_node,  &weft_verb_run,
    &weft_verb_validate, &weft_verb_get,  &weft_verb_bench, &weft_verb_version,
};

enum { VERBS_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static void print_help(FILE *to)
{
    fputs("usage: weft VERB [ARGUMENTS]\n\n"
          "Runs pipelines of AI sub-models over several nodes.\n\n",
          to);
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    }
    fputs(
        "  help       this, or `weft help VERB`\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a file or input is not valid,\n"
        "or a model refuses it, 4 not found, 5 nobody answers or a node is gone, 6 out of time.\n\n"
        "example:\n"
        "  weft up examples/portrait/cluster.yaml --wait\n"
        "  weft run portrait --server 127.0.0.15:8000 \\\n"
        "    --input photo=@examples/portrait/drawn.png --output image=portrait.png\n"
        "  weft down examples/portrait/cluster.yaml\n",
        to);
}

static const struct weft_verb *find(const char *name)
{
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[VERBS_COUNT + 1] = {"help"};
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        names[i + 1] = verbs[i]->name;
    }
    const char *meant = weft_suggest(name, names, VERBS_COUNT + 1);
    if (meant != NULL) {
        fprintf(stderr, "weft: there is no verb \"%s\"; did you mean \"%s\"?\n", name, meant);
    } else {
        fprintf(stderr, "weft: there is no verb \"%s\"\n", name);
    }
    fputs("  see `weft help`\n", stderr);
    return WEFT_EXIT_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `weft help`, `weft help VERB`; who asks for help in the middle of it gets it. */
static int help(int count, char **arguments)
{
    const char *name = NULL;
    for (int i = 1; i < count; i++) {
        if (name != NULL && !is_help(arguments[i])) {
            fprintf(stderr, "weft help: one verb at a time, not \"%s\" and \"%s\"\n", name,
                    arguments[i]);
            return WEFT_EXIT_USAGE;
        }
        name = is_help(arguments[i]) ? name : arguments[i];
    }
    if (name == NULL) {
        print_help(stdout);
        return WEFT_EXIT_OK;
    }
    const struct weft_verb *verb = find(name);
    if (verb == NULL) {
        return unknown(name);
    }
    fputs(verb->help, stdout);
    return WEFT_EXIT_OK;
}

/* Help is given wherever it is asked for, but for words after "--". */
static bool asks_for_help(int count, char **arguments)
{
    for (int i = 1; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Results that nobody could be given are a failure: a full disk, a closed pipe. */
static int flushed(int code)
{
    if (fflush(stdout) != 0 && code == WEFT_EXIT_OK) {
        perror("weft: standard output");
        return WEFT_EXIT_FAILED;
    }
    return code;
}

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN);
    if (count < 2) {
        print_help(stderr);
        return WEFT_EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (is_help(name)) {
        return flushed(help(count - 1, arguments + 1));
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct weft_verb *verb = find(name);
    if (verb == NULL) {
        return unknown(name);
    }
    if (asks_for_help(count - 1, arguments + 1)) {
        fputs(verb->help, stdout);
        return flushed(WEFT_EXIT_OK);
    }
    return flushed(verb->run(count - 1, arguments + 1));
}
