/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_PARSE_PARTS_H
#define WEFT_PLAN_PARSE_PARTS_H

/*
 * The inside of reading a pipeline, shared by parse.c (the file's keys), parse_sources.c (what
 * refers to what) and parse_order.c (cycles, order, what nobody needs). Nobody else includes it.
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
    struct constant *constants;
    size_t constants_count;
    const struct weft_yaml_node **step_nodes; /* by step: its mapping */
    bool *input_used;                         /* by input of the pipeline */
};

#define COMPLAIN(parsing, at, suggestion, ...)                                                     \
    weft_diagnostics_add((parsing)->diagnostics, WEFT_SEVERITY_ERROR, (at), (suggestion),          \
                         __VA_ARGS__)

/* A copy, or NULL with the failure remembered. */
char *keep(struct parsing *parsing, const char *text);
void *keep_array(struct parsing *parsing, size_t count, size_t element_bytes);

/* parse_sources.c: fills binding (but its name) from a reference "input", "step.output",
 * "constant", or a mapping with from, value, lane. */
void parse_source(struct parsing *parsing, const struct weft_yaml_node *node, const char *what,
                  bool of_step, struct weft_pipeline_binding *ret_binding);

/* parse_order.c */
void order_steps(struct parsing *parsing);
void find_unneeded(struct parsing *parsing);

#endif
