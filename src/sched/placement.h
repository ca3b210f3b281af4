/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_PLACEMENT_H
#define WEFT_SCHED_PLACEMENT_H

/*
 * Placement: which node runs which step. A step may only go where its model is ready and where
 * slots, memory and tags suffice; among those nodes it goes where it would finish first, counting
 * the inputs that have to travel and the work that is there already. That is the
 * earliest-finish-time rule of HEFT (Topcuoglu, Hariri, Wu: "Performance-effective and
 * low-complexity task scheduling for heterogeneous computing", 2002), in the pipeline's topological
 * order, with every model taking the same time as long as nothing better is known.
 *
 * Pure, deterministic: equal arguments give equal placements. Any thread.
 */

#include "base/message.h"

/* A step, and which ones it waits for. */
struct weft_placement_step {
    const char *name;               /* for messages */
    const char *model;              /* "join/…" runs on every node */
    const char *model_version;      /* NULL = any */
    const char *node;               /* the only node allowed; NULL = any */
    const struct weft_needs *needs; /* of the step itself, besides its model's; NULL = none */
    const uint32_t *before;         /* indices of the steps whose output or end it waits for */
    size_t before_count;
};

struct weft_placement_node {
    const struct weft_node_info *info; /* NULL = gone */
    uint32_t open_tasks;               /* placed there and not yet finished */
    const struct weft_node_info *gone; /* where info is NULL: what was there before, for the words
                                          of an error; NULL = not known */
};

/* What is to be placed, and where it may go. */
struct weft_placement {
    const struct weft_placement_step *steps; /* in topological order */
    size_t steps_count;
    const struct weft_placement_node *nodes;
    size_t nodes_count;
    uint32_t gateway_node;
    const uint64_t *fits; /* from weft_placement_fits, for these steps and nodes; NULL: it is
                             looked up here */
};

/* Fills ret_nodes with the index of each step's node, steps_count of them. UNAVAILABLE, naming step
 * and model and what stands against it; OUT_OF_MEMORY. */
enum weft_status weft_place(const struct weft_placement *placement, uint32_t *ret_nodes,
                            struct weft_error **error) WEFT_MUST_CHECK;

/* Which nodes could run which step, whatever work they have: for each step so many words, in them a
 * bit for each node. Only what nodes say of themselves changes it. Filling it compares the names of
 * all models with those of all steps, and a placement that has it compares none. */
static inline size_t weft_placement_fits_words(size_t nodes_count)
{
    return (nodes_count + 63) / 64;
}
void weft_placement_fits(const struct weft_placement *placement, uint64_t *ret_fits);

/* The model of that name (and version, unless NULL) that is ready on a node; NULL if none. The
 * highest version wins. */
const struct weft_model_info *weft_node_find_model(const struct weft_node_info *info,
                                                   const char *name, const char *version);

#endif
