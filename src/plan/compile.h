/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_COMPILE_H
#define WEFT_PLAN_COMPILE_H

/*
 * A pipeline with a placement becomes the nodes' plans: each node learns its own tasks and, for
 * each output, the nodes that have a consumer of it, so only what a consumer asked for crosses, and
 * once per node. The gateway keeps the rest: where the pipeline's inputs go, and what comes back as
 * its outputs. Pure; any thread.
 */

#include "plan/pipeline.h"

/* An input of the pipeline on its way: from_step WEFT_STEP_GATEWAY, from_output its index. */
struct weft_compiled_input {
    struct weft_plan_destination *destinations; /* none where no step of this plan takes it */
    size_t destinations_count;
};

/* An output of the pipeline arrives as this DELIVER; several outputs may come from the same. */
struct weft_compiled_output {
    uint32_t from_step;
    uint32_t from_output; /* index into the task's outputs */
};

struct weft_compiled_plan {
    struct weft_node_plan
        *plans; /* by node index; one without tasks takes no part and needs no PREPARE */
    size_t plans_count;
    struct weft_compiled_input *inputs; /* by index of the pipeline's inputs */
    size_t inputs_count;
    struct weft_compiled_output *outputs; /* by index of the pipeline's outputs */
    size_t outputs_count;
    uint32_t *start; /* nodes that are told the start of a request (WEFT_STEP_GATEWAY,
                        WEFT_OUTPUT_FINISHED): they have steps that wait for nothing else */
    size_t start_count;
};

struct weft_compile_request {
    const struct weft_pipeline *pipeline;
    const uint32_t *placement; /* by step: index into nodes */
    const struct weft_plan_node *nodes;
    size_t nodes_count;
    uint32_t gateway_node; /* index into nodes */
    uint64_t gateway_generation;
    uint64_t plan; /* its number */
    /* By input of the pipeline: true = optional, has no default, and the request left it out. Steps
     * then run without the inputs bound to it. NULL = none is absent. A request with other absences
     * needs another plan. */
    const bool *absent;
};

/* FAILED_PRECONDITION where a step is placed on no node, RESOURCE_EXHAUSTED beyond the limits of
 * base/message.h. */
enum weft_status weft_plan_compile(const struct weft_compile_request *request,
                                   struct weft_compiled_plan *ret_compiled,
                                   struct weft_error **error) WEFT_MUST_CHECK;
void weft_compiled_plan_fini(struct weft_compiled_plan *compiled);

#endif
