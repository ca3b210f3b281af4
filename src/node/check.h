/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_CHECK_H
#define WEFT_NODE_CHECK_H

/*
 * Files that a person wrote, checked without running them: pipeline files, against the models that
 * are there where that is known, and cluster files (those with a key `nodes` or `cluster`), with
 * the directories and pipelines that they name. Blocking; any thread.
 */

#include "base/message.h"
#include "node/cluster.h"
#include "plan/diagnostics.h"

struct weft_pipeline;

/* The models that pipelines may use; all zeroes is empty. */
struct weft_known_models {
    struct weft_model_info *items;
    size_t count;
    /* Names of models whose tensors are not known: a step may call them, and is not looked into. */
    char **opaque;
    size_t opaque_count;
};

/* Adds a model, taking the description's content on success. */
enum weft_status weft_known_models_add(struct weft_known_models *models,
                                       struct weft_model_info *take_info,
                                       struct weft_error **error) WEFT_MUST_CHECK;
/* Adds one of which only the name is known. */
enum weft_status weft_known_models_add_opaque(struct weft_known_models *models, const char *name,
                                              struct weft_error **error) WEFT_MUST_CHECK;
/* Adds the models of a directory, as far as their config.pbtxt describes them. The first error is
 * returned when all have been looked at. */
enum weft_status weft_known_models_read(struct weft_known_models *models, const char *directory,
                                        struct weft_error **error) WEFT_MUST_CHECK;
bool weft_known_models_has(const struct weft_known_models *models, const char *name);
void weft_known_models_fini(struct weft_known_models *models);

/* A pipeline's text. Where it could be read, it is returned, even where the models do not fit;
 * where it could be in part, its models are looked for all the same. */
enum weft_status weft_check_pipeline(const char *text, const struct weft_known_models *models,
                                     struct weft_diagnostics *diagnostics,
                                     struct weft_pipeline **ret_pipeline,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* What a cluster file names: model directories and the models to load, plugins, pipelines, and
 * whether a node is there for each of their steps. Where there are errors in the diagnostics
 * already, the cluster was read in part: what may be missing for that is not complained of. */
enum weft_status weft_check_cluster(const struct weft_cluster *cluster,
                                    struct weft_diagnostics *diagnostics,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* models NULL = they are not known, and a pipeline is checked without them: it was not looked at as
 * a whole. A cluster file names its own. Findings go to
 * diagnostics, which were initialised with the file's name, in order; INVALID_ARGUMENT where there
 * is an error among them, another status where the file can't be read. */
enum weft_status weft_check_file(const char *path, const struct weft_known_models *models,
                                 struct weft_diagnostics *diagnostics, bool *ret_whole,
                                 struct weft_error **error) WEFT_MUST_CHECK;

#endif
