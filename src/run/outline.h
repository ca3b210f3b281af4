/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_RUN_OUTLINE_H
#define WEFT_RUN_OUTLINE_H

/*
 * What the records of all requests of one pipeline have in common: the names of its steps, where
 * its edges lead, and mostly the nodes that the steps are placed on. Made at the pipeline's first
 * request and shared, so that a record holds numbers only; it outlives the pipeline where a record
 * does. Immutable but for the count, the metrics' series and the nodes; the loop's thread.
 */

#include <stdbool.h>

#include "base/map.h"
#include "base/message.h"
#include "plan/pipeline.h"

struct weft_metric;

struct outline_step {
    const char *name, *model;
};

struct outline_edge {
    uint32_t from_step, from_output, to_step, to_input;
    bool repeats; /* an edge before it has the same two ends */
    const char *lane_asked;
    const char *value; /* the producer's name of it: a step's output, or the pipeline's input */
    const char *taken; /* the consumer's name of it: a step's input, or the pipeline's output */
};

/* What an edge is counted on, looked up at its first use; NULL = not yet. */
struct outline_series {
    struct weft_metric *seconds;
    struct weft_metric *values, *bytes; /* of the lane that was used last */
    enum weft_lane lane;
};

/* Where the steps of a request ran; shared by those that were placed alike. One block. */
struct outline_nodes {
    size_t references;
    const char *of_step[];
};

struct outline {
    const struct weft_pipeline *of; /* the key; not looked into */
    UT_hash_handle hh;
    size_t references;
    const char *pipeline, *version;
    const struct outline_step *steps;
    size_t steps_count;
    const struct outline_edge *edges;
    size_t edges_count;
    struct outline_series *series; /* of each edge */
    struct outline_nodes *nodes;   /* of the last request that was placed; NULL = none yet */
};

struct outlines {
    struct outline *by_pipeline;
};

/* A reference to the pipeline's outline; NULL without memory. */
struct outline *outline_take(struct outlines *outlines, const struct weft_pipeline *pipeline);
void outline_unref(struct outline *outline);
/* A reference to the names of the nodes that these steps are placed on, copied where the last
 * request was placed otherwise; NULL without memory. */
struct outline_nodes *outline_nodes_take(struct outline *outline, const char *const *step_nodes);
void outline_nodes_unref(struct outline_nodes *nodes); /* NULL is fine */
/* The pipeline is no more: another may come to lie where it was. */
void outlines_forget(struct outlines *outlines, const struct weft_pipeline *pipeline);
void outlines_free(struct outlines *outlines);

#endif
