/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"
#include "sched/gateway_parts.h"

/*
 * Placing a pipeline's steps, for each of its requests. What of it only depends on what the nodes
 * say of themselves is kept with the pipeline and looked up anew when one of them says something
 * else: nodes have many models, and requests come more often than news.
 */

/* One block. */
struct pipeline_places {
    const struct weft_pipeline *pipeline; /* the key */
    UT_hash_handle hh;
    uint64_t cluster_version; /* that `fits` is of */
    struct weft_placement_step *steps;
    uint64_t *fits;
    uint32_t *placement; /* the last answer */
};

static struct pipeline_places *find(struct weft_gateway *gateway,
                                    const struct weft_pipeline *pipeline)
{
    struct pipeline_places *places = NULL;
    HASH_FIND_PTR(gateway->places, &pipeline, places);
    return places;
}

static void drop(struct weft_gateway *gateway, struct pipeline_places *places)
{
    HASH_DEL(gateway->places, places);
    free(places);
}

void places_forget(struct weft_gateway *gateway, const struct weft_pipeline *pipeline)
{
    struct pipeline_places *places = find(gateway, pipeline);
    if (places != NULL) {
        drop(gateway, places);
    }
}

void places_free(struct weft_gateway *gateway)
{
    struct pipeline_places *places, *next;
    HASH_ITER (hh, gateway->places, places, next) {
        drop(gateway, places);
    }
    free(gateway->candidates);
}

static struct pipeline_places *make(struct weft_gateway *gateway,
                                    const struct weft_pipeline *pipeline)
{
    size_t count = pipeline->steps_count;
    size_t steps_bytes = count * sizeof(struct weft_placement_step);
    size_t fits_bytes = count * weft_placement_fits_words(gateway->nodes_count) * sizeof(uint64_t);
    size_t placement_bytes = count * sizeof(uint32_t);
    struct pipeline_places *places =
        weft_zeroed(weft_padded(sizeof(*places)) + weft_padded(steps_bytes) +
                    weft_padded(fits_bytes) + weft_padded(placement_bytes));
    if (places == NULL) {
        return NULL;
    }
    char *rest = (char *)places + weft_padded(sizeof(*places));
    places->pipeline = pipeline;
    places->cluster_version = gateway->cluster_version;
    places->steps = weft_take_part(&rest, steps_bytes);
    places->fits = weft_take_part(&rest, fits_bytes);
    places->placement = weft_take_part(&rest, placement_bytes);
    for (size_t i = 0; i < count; i++) {
        const struct weft_pipeline_step *step = &pipeline->steps[i];
        places->steps[i] = (struct weft_placement_step){.name = step->name,
                                                        .model = step->model,
                                                        .model_version = step->model_version,
                                                        .node = step->node,
                                                        .needs = &step->needs,
                                                        .before = step->before,
                                                        .before_count = step->before_count};
    }
    HASH_ADD_PTR(gateway->places, pipeline, places);
    if (!weft_map_added(places)) {
        free(places);
        return NULL;
    }
    return places;
}

/* The nodes as placement sees them; their work is put in at each placement. */
static bool look_at_nodes(struct weft_gateway *gateway)
{
    if (gateway->candidates != NULL && gateway->candidates_version == gateway->cluster_version) {
        return true;
    }
    struct weft_placement_node *candidates =
        realloc(gateway->candidates, (gateway->nodes_count + 1) * sizeof(*candidates));
    if (candidates == NULL) {
        return false;
    }
    gateway->candidates = candidates;
    gateway->candidates_version = gateway->cluster_version;
    gateway->self = UINT32_MAX;
    for (uint32_t i = 0; i < gateway->nodes_count; i++) {
        const struct cluster_node *node = &gateway->nodes[i];
        candidates[i] = (struct weft_placement_node){
            .info = node->info.name != NULL ? &node->info : NULL,
            .gone = node->gone.name != NULL ? &node->gone : NULL,
        };
        if (node->info.name != NULL && strcmp(node->info.name, gateway->name) == 0) {
            gateway->self = i;
        }
    }
    return true;
}

enum weft_status plan_place(struct weft_gateway *gateway, const struct weft_pipeline *pipeline,
                            const uint32_t **ret_placement, struct weft_error **error)
{
    struct pipeline_places *places = find(gateway, pipeline);
    if (places != NULL && places->cluster_version != gateway->cluster_version) {
        drop(gateway, places); /* the cluster may have grown, and its words with it */
        places = NULL;
    }
    bool fresh = places == NULL;
    if (!look_at_nodes(gateway) || (fresh && (places = make(gateway, pipeline)) == NULL)) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < gateway->nodes_count; i++) {
        gateway->candidates[i].open_tasks = gateway->nodes[i].open_tasks;
    }
    struct weft_placement placement = {
        .steps = places->steps,
        .steps_count = pipeline->steps_count,
        .nodes = gateway->candidates,
        .nodes_count = gateway->nodes_count,
        .gateway_node = gateway->self,
        .fits = places->fits,
    };
    if (fresh) {
        weft_placement_fits(&placement, places->fits);
    }
    *ret_placement = places->placement;
    return weft_place(&placement, places->placement, error);
}
