/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_PIPELINES_H
#define WEFT_NODE_PIPELINES_H

/*
 * Pipeline files as a node, or a command, is given them: single files, and directories of which
 * every *.yaml and *.yml is one. Blocking; any thread.
 */

#include <stddef.h>
#include <weft/error.h>

#include "base/text.h"

struct weft_cluster;
struct weft_pipeline;

/* Calls `file` for the path, or, where it is a directory, for each pipeline file in it, in the
 * order of their names. NOT_FOUND. */
enum weft_status weft_pipeline_files(const char *path,
                                     void (*file)(void *context, const char *path), void *context,
                                     struct weft_error **error) WEFT_MUST_CHECK;

/* A set of pipelines; all zeroes is empty. */
struct weft_pipeline_set {
    struct weft_pipeline **items; /* NULL where somebody took it */
    size_t count;
};

/* Adds what the path holds. Findings (warnings too) are appended to findings, a line each;
 * INVALID_ARGUMENT where there is an error among them, or two files name the same pipeline;
 * NOT_FOUND where there is no such file. */
enum weft_status weft_pipeline_set_load(struct weft_pipeline_set *set, const char *path,
                                        struct weft_text *findings,
                                        struct weft_error **error) WEFT_MUST_CHECK;
/* Adds one that was read from the path. INVALID_ARGUMENT where there is one of its name. */
enum weft_status weft_pipeline_set_add(struct weft_pipeline_set *set,
                                       struct weft_pipeline *take_pipeline, const char *path,
                                       struct weft_error **error) WEFT_MUST_CHECK;
/* Appends a line for each step that may run on one node only, and that is none of the cluster's. */
void weft_pipeline_set_check_nodes(const struct weft_pipeline_set *set,
                                   const struct weft_cluster *cluster, struct weft_text *findings);
/* The name of the pipeline at an index. */
const char *weft_pipeline_set_name(const struct weft_pipeline_set *set, size_t index);
void weft_pipeline_set_fini(struct weft_pipeline_set *set);

#define cleanup_pipeline_set WEFT_CLEANUP(weft_pipeline_set_fini)

#endif
