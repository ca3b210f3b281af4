/* SPDX-License-Identifier: Apache-2.0 */
#include "run/outline.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/zeroed.h"

/* An outline is one block: laid out once with block NULL, for the size, and once in earnest. */
struct layout {
    char *block;
    size_t used;
};

static void *part(struct layout *layout, size_t size_bytes)
{
    void *at = layout->block != NULL ? layout->block + layout->used : NULL;
    layout->used += weft_padded(size_bytes);
    return at;
}

static const char *text(struct layout *layout, const char *from)
{
    size_t size_bytes = strlen(from) + 1;
    char *at = part(layout, size_bytes);
    return at != NULL ? memcpy(at, from, size_bytes) : NULL;
}

static const struct outline_step *lay_out_steps(struct layout *layout,
                                                const struct weft_pipeline *pipeline)
{
    struct outline_step *steps = part(layout, pipeline->steps_count * sizeof(*steps));
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        struct outline_step step = {
            .name = text(layout, pipeline->steps[i].name),
            .model = text(layout, pipeline->steps[i].model),
        };
        if (steps != NULL) {
            steps[i] = step;
        }
    }
    return steps;
}

static const char *producers_name(const struct weft_pipeline *pipeline,
                                  const struct weft_pipeline_edge *edge)
{
    return edge->from_step == WEFT_STEP_GATEWAY
               ? pipeline->inputs[edge->from_output].name
               : pipeline->steps[edge->from_step].outputs[edge->from_output];
}

static const char *consumers_name(const struct weft_pipeline *pipeline,
                                  const struct weft_pipeline_edge *edge)
{
    return edge->to_step == WEFT_STEP_GATEWAY
               ? pipeline->outputs[edge->to_input].name
               : pipeline->steps[edge->to_step].inputs[edge->to_input].name;
}

static bool repeats(const struct weft_pipeline_edge *edges, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (edges[i].from_step == edges[index].from_step &&
            edges[i].to_step == edges[index].to_step) {
            return true;
        }
    }
    return false;
}

static const struct outline_edge *lay_out_edges(struct layout *layout,
                                                const struct weft_pipeline *pipeline,
                                                const struct weft_pipeline_edge *from, size_t count)
{
    struct outline_edge *edges = part(layout, count * sizeof(*edges));
    for (size_t i = 0; i < count; i++) {
        struct outline_edge edge = {
            .from_step = from[i].from_step,
            .from_output = from[i].from_output,
            .to_step = from[i].to_step,
            .to_input = from[i].to_input,
            .repeats = edges != NULL && repeats(from, i),
            .lane_asked = text(layout, from[i].lane != NULL ? from[i].lane : "auto"),
            .value = text(layout, producers_name(pipeline, &from[i])),
            .taken = text(layout, consumers_name(pipeline, &from[i])),
        };
        if (edges != NULL) {
            edges[i] = edge;
        }
    }
    return edges;
}

static struct outline_series *lay_out_series(struct layout *layout, size_t count)
{
    struct outline_series *series = part(layout, count * sizeof(*series));
    return series != NULL ? memset(series, 0, count * sizeof(*series)) : NULL;
}

static struct outline *lay_out(struct layout *layout, const struct weft_pipeline *pipeline,
                               const struct weft_pipeline_edge *edges, size_t edges_count)
{
    struct outline *outline = part(layout, sizeof(*outline));
    struct outline content = {
        .of = pipeline,
        .pipeline = text(layout, pipeline->name),
        .version = text(layout, pipeline->version),
        .steps = lay_out_steps(layout, pipeline),
        .steps_count = pipeline->steps_count,
        .edges = lay_out_edges(layout, pipeline, edges, edges_count),
        .edges_count = edges_count,
        .series = lay_out_series(layout, edges_count),
    };
    if (outline != NULL) {
        *outline = content;
    }
    return outline;
}

static struct outline *outline_new(const struct weft_pipeline *pipeline)
{
    cleanup_free struct weft_pipeline_edge *edges = NULL;
    size_t edges_count = 0;
    if (weft_pipeline_edges(pipeline, &edges, &edges_count, NULL) != WEFT_OK) {
        return NULL;
    }
    struct layout layout = {0};
    (void)lay_out(&layout, pipeline, edges, edges_count);
    layout = (struct layout){.block = malloc(layout.used)};
    return layout.block != NULL ? lay_out(&layout, pipeline, edges, edges_count) : NULL;
}

struct outline *outline_take(struct outlines *outlines, const struct weft_pipeline *pipeline)
{
    struct outline *outline = NULL;
    HASH_FIND_PTR(outlines->by_pipeline, &pipeline, outline);
    if (outline == NULL) {
        outline = outline_new(pipeline);
        if (outline == NULL) {
            return NULL;
        }
        HASH_ADD_PTR(outlines->by_pipeline, of, outline);
        if (!weft_map_added(outline)) {
            free(outline);
            return NULL;
        }
        outline->references = 1; /* the map's */
    }
    outline->references++;
    return outline;
}

void outline_unref(struct outline *outline)
{
    if (--outline->references == 0) {
        outline_nodes_unref(outline->nodes);
        free(outline);
    }
}

/* --- where steps are placed --- */

static bool is_placed_on(const struct outline *outline, const char *const *step_nodes)
{
    bool same = outline->nodes != NULL;
    for (size_t i = 0; same && i < outline->steps_count; i++) {
        same = strcmp(outline->nodes->of_step[i], step_nodes[i]) == 0;
    }
    return same;
}

static struct outline_nodes *nodes_new(size_t count, const char *const *step_nodes)
{
    size_t texts_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        texts_bytes += strlen(step_nodes[i]) + 1;
    }
    struct outline_nodes *nodes =
        malloc(sizeof(*nodes) + count * sizeof(*nodes->of_step) + texts_bytes);
    if (nodes == NULL) {
        return NULL;
    }
    char *rest = (char *)(nodes->of_step + count);
    for (size_t i = 0; i < count; i++) {
        size_t size_bytes = strlen(step_nodes[i]) + 1;
        nodes->of_step[i] = memcpy(rest, step_nodes[i], size_bytes);
        rest += size_bytes;
    }
    nodes->references = 1;
    return nodes;
}

struct outline_nodes *outline_nodes_take(struct outline *outline, const char *const *step_nodes)
{
    if (!is_placed_on(outline, step_nodes)) {
        struct outline_nodes *nodes = nodes_new(outline->steps_count, step_nodes);
        if (nodes == NULL) {
            return NULL;
        }
        outline_nodes_unref(outline->nodes);
        outline->nodes = nodes;
    }
    outline->nodes->references++;
    return outline->nodes;
}

void outline_nodes_unref(struct outline_nodes *nodes)
{
    if (nodes != NULL && --nodes->references == 0) {
        free(nodes);
    }
}

void outlines_forget(struct outlines *outlines, const struct weft_pipeline *pipeline)
{
    struct outline *outline = NULL;
    HASH_FIND_PTR(outlines->by_pipeline, &pipeline, outline);
    if (outline != NULL) {
        HASH_DEL(outlines->by_pipeline, outline);
        outline_unref(outline);
    }
}

void outlines_free(struct outlines *outlines)
{
    struct outline *outline = NULL, *next = NULL;
    HASH_ITER (hh, outlines->by_pipeline, outline, next) {
        HASH_DEL(outlines->by_pipeline, outline);
        outline_unref(outline);
    }
}
