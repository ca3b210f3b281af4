/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_PARSE_PARTS_H
#define WEFT_PLAN_PARSE_PARTS_H

/*
 * The inside of reading a pipeline, shared by parse.c (the file's keys), parse_steps.c (those
 * of steps), parse_sources.c (what refers to what) and parse_order.c (cycles, order, what nobody
 * needs). Nobody else includes it.
 */

#include "plan/literal.h"
#include "plan/pipeline.h"

struct constant {
    const char *name;
    struct weft_value *value;
};

struct parsing {
    struct weft_pipeline *pipeline;
    struct weft_diagnostics *diagnostics;
    struct weft_location root_at;
    struct constant *constants;
    size_t constants_count;
    const struct weft_yaml_node **step_nodes;   /* by step: its mapping */
    const struct weft_yaml_node **step_outputs; /* by step: the list of what it declares, or NULL */
    bool *input_used;                           /* by input of the pipeline */
};

#define COMPLAIN(parsing, at, suggestion, ...)                                                     \
    weft_diagnostics_add((parsing)->diagnostics, WEFT_SEVERITY_ERROR, (at), (suggestion),          \
                         __VA_ARGS__)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A copy, or NULL with the failure remembered. */
char *keep(struct parsing *parsing, const char *text);
void *keep_array(struct parsing *parsing, size_t count, size_t element_bytes);

/* parse.c: each adds a finding and returns false (or NULL) where the node is not what it should be.
 */
bool check_name(struct parsing *parsing, const struct weft_yaml_node *key, const char *what);
bool check_foreign_name(struct parsing *parsing, const struct weft_yaml_node *key,
                        const char *what);
/* NULL where the key is not there, too. */
char *optional_string(struct parsing *parsing, const struct weft_yaml_node *mapping,
                      const char *key);
/* For NULL, where the file's mapping begins: the key is missing there. */
struct weft_location place_of(const struct parsing *parsing, const struct weft_yaml_node *node);

/* parse_steps.c: first what the steps are, then what they take, at last what they list in vain. */
void parse_steps(struct parsing *parsing, const struct weft_yaml_node *node);
void parse_step_sources(struct parsing *parsing);
void find_untaken(struct parsing *parsing);

/* parse_sources.c: the nearest step, for suggestions; NULL if none is near or nobody reads it. */
const char *nearest_step(struct parsing *parsing, const char *word);
/* parse_sources.c: fills binding (but its name) from a reference "input", "step.output",
 * "constant", or a mapping with from, value, lane. */
void parse_source(struct parsing *parsing, const struct weft_yaml_node *node, const char *what,
                  bool of_step, struct weft_pipeline_binding *ret_binding);

/* parse_order.c */
void order_steps(struct parsing *parsing);
void find_unneeded(struct parsing *parsing);

#endif
