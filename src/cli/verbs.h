/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_VERBS_H
#define WEFT_CLI_VERBS_H

/* Every verb of the program; each is defined in the file of its name. */

#include "cli/cli.h"

extern const struct weft_verb weft_verb_node;
extern const struct weft_verb weft_verb_up;
extern const struct weft_verb weft_verb_down;
extern const struct weft_verb weft_verb_run;
extern const struct weft_verb weft_verb_validate;
extern const struct weft_verb weft_verb_get;
extern const struct weft_verb weft_verb_bench;
extern const struct weft_verb weft_verb_version;

#endif
