/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "node/cluster.h"

/* Moves what `into` does not have yet. */
static enum weft_status merge_strings(struct weft_strings *into, struct weft_strings *from,
                                      struct weft_error **error)
{
    char **items = realloc(into->items, (into->count + from->count + 1) * sizeof(char *));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    into->items = items;
    for (size_t i = 0; i < from->count; i++) {
        bool known = false;
        for (size_t k = 0; k < into->count && !known; k++) {
            known = strcmp(items[k], from->items[i]) == 0;
        }
        if (!known) {
            items[into->count++] = steal(&from->items[i]);
        }
    }
    return WEFT_OK;
}

static enum weft_status merge_node(struct weft_cluster_node *into, struct weft_cluster_node *from,
                                   struct weft_error **error)
{
    bool needs_models = from->load_all || from->load.count > 0;
    bool has_models = into->load_all || into->load.count > 0;
    if (needs_models && !has_models) {
        free(into->models);
        into->models = steal(&from->models);
    } else if (needs_models && strcmp(into->models, from->models) != 0) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "nodes \"%s\" and \"%s\" have different model directories, and one "
                              "node has one",
                              into->name, from->name);
    }
    into->load_all = into->load_all || from->load_all;
    /* A sum is only one where both say something. */
    into->slots = into->slots > 0 && from->slots > 0 ? into->slots + from->slots : 0;
    into->memory_bytes = into->memory_bytes > 0 && from->memory_bytes > 0
                             ? into->memory_bytes + from->memory_bytes
                             : 0;
    enum weft_status status = merge_strings(&into->load, &from->load, error);
    return status == WEFT_OK ? merge_strings(&into->tags, &from->tags, error) : status;
}

enum weft_status weft_cluster_merge(struct weft_cluster *cluster, struct weft_error **error)
{
    struct weft_cluster_node *gateway = &cluster->nodes[cluster->gateway];
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        if (i != cluster->gateway) {
            enum weft_status status = merge_node(gateway, &cluster->nodes[i], error);
            if (status != WEFT_OK) {
                return status;
            }
        }
    }
    struct weft_cluster_node kept = *gateway;
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        if (i != cluster->gateway) {
            weft_cluster_node_fini(&cluster->nodes[i]);
        }
    }
    cluster->nodes[0] = kept;
    cluster->nodes_count = 1;
    cluster->gateway = 0;
    return WEFT_OK;
}
