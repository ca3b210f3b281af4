/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_CLUSTER_H
#define WEFT_NODE_CLUSTER_H

/*
 * A cluster file: the nodes of a cluster on one machine, for `weft up` (docs/cluster.md). Read and
 * checked as a whole, then not changed any more. Paths in the file are relative to it; here they
 * are relative to the working directory. Blocking; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "plan/diagnostics.h"

/* Each is a process; a run's plan may name no more (WEFT_PLAN_NODES_MAX). */
enum { WEFT_CLUSTER_NODES_MAX = 256 };

struct weft_strings {
    char **items;
    struct weft_location *at; /* where each stands in the file; not after a merge */
    size_t count;
};

struct weft_cluster_node {
    char *name;
    char *listen;
    char *models; /* its own or the cluster's; NULL = none */
    struct weft_location models_at;
    bool load_all;
    struct weft_strings load;
    uint32_t slots;        /* 0 = not said */
    uint64_t memory_bytes; /* 0 = not said */
    struct weft_strings tags;
    bool insecure;
};

struct weft_cluster {
    char *name;
    char *plugins; /* NULL = not said */
    struct weft_location plugins_at;
    char *state; /* NULL = not said */
    struct weft_strings pipelines;
    struct weft_cluster_node *nodes;
    size_t nodes_count;
    size_t gateway; /* index into nodes */
};

/* What is wrong with the file is appended to findings, a line each; then INVALID_ARGUMENT.
 * NOT_FOUND where there is no file. */
enum weft_status weft_cluster_read(const char *path, struct weft_text *findings,
                                   struct weft_cluster **ret_cluster,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* The same for a text that was read before; path says where it is from. */
enum weft_status weft_cluster_parse(const char *path, const char *text,
                                    struct weft_diagnostics *diagnostics,
                                    struct weft_cluster **ret_cluster,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* The same, but what could be read is returned also where there are errors among the findings, for
 * a checker: names may be "", other texts NULL, and there may be no node. INVALID_ARGUMENT where
 * the text is no YAML. */
enum weft_status weft_cluster_parse_partly(const char *path, const char *text,
                                           struct weft_diagnostics *diagnostics,
                                           struct weft_cluster **ret_cluster,
                                           struct weft_error **error) WEFT_MUST_CHECK;
/* One node instead of all: at the gateway's address, with the models, tags, slots and memory of all
 * together. FAILED_PRECONDITION where they have different model directories. */
enum weft_status weft_cluster_merge(struct weft_cluster *cluster,
                                    struct weft_error **error) WEFT_MUST_CHECK;
void weft_cluster_node_fini(struct weft_cluster_node *node);
/* NULL is fine. */
void weft_cluster_free(struct weft_cluster *cluster);

WEFT_DEFINE_CLEANUP(struct weft_cluster, weft_cluster_free)
#define cleanup_cluster WEFT_CLEANUP(weft_cluster_free_cleanup)

#endif
