/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_NODE_CHECK_H
#define WEFT_NODE_CHECK_H

/*
 * Files that a person wrote, checked without running them: pipeline files, against the models that
 * are there where that is known, and cluster files (those with a key `nodes` or `cluster`).
 * Blocking; any thread.
 */

#include "base/message.h"
#include "plan/diagnostics.h"

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
/* Adds the models of a directory, as far as their config.pbtxt describes them. */
enum weft_status weft_known_models_read(struct weft_known_models *models, const char *directory,
                                        struct weft_error **error) WEFT_MUST_CHECK;
bool weft_known_models_has(const struct weft_known_models *models, const char *name);
void weft_known_models_fini(struct weft_known_models *models);

/* models NULL = they are not known, and pipelines are checked without them. Findings go to
 * diagnostics, which were initialised with the file's name, in order; INVALID_ARGUMENT where there
 * is an error among them, another status where the file can't be read. */
enum weft_status weft_check_file(const char *path, const struct weft_known_models *models,
                                 struct weft_diagnostics *diagnostics,
                                 struct weft_error **error) WEFT_MUST_CHECK;

#endif
