/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_SOURCE_H
#define WEFT_MODEL_SOURCE_H

/*
 * A model's directory on the disk: its configuration, its versions, and which plugin is to run
 * them. Blocking: for loaders' threads and start-up. Private to the room.
 */

#include <weft/error.h>

#include "model/config.h"
#include "model/plugin.h"
#include "model/repository.h"

/* Entries of the repository's directory that are looked at: files lie beside the models. */
enum { WEFT_SOURCE_NAMES_MAX = 4 * WEFT_REPOSITORY_MODELS_MAX };

struct weft_model_files {
    char *directory; /* of the model */
    struct weft_config *config;
    struct weft_text warnings;
    uint64_t versions[WEFT_REPOSITORY_VERSIONS_MAX]; /* ascending */
    size_t versions_count;
    uint64_t chosen[WEFT_REPOSITORY_VERSIONS_MAX]; /* by the policy, ascending */
    size_t chosen_count;
};

/* Whether DIRECTORY/NAME is a directory; a directory of NULL, here and below, has none. */
bool weft_source_exists(const char *directory, const char *name);
/* The models' names in the directory, sorted. The caller frees each and the array. */
enum weft_status weft_source_names(const char *directory, char ***ret_names, size_t *ret_count,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* The numbers of the version directories of a model's directory. */
enum weft_status weft_source_versions(const char *directory, uint64_t *versions, size_t *ret_count,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Reads all of it. On failure files hold what is known; the caller calls fini in any case. */
enum weft_status weft_model_files_read(struct weft_model_files *files, const char *directory,
                                       const char *name, struct weft_error **error) WEFT_MUST_CHECK;
void weft_model_files_fini(struct weft_model_files *files);
/* The plugin for a version, and its directory, which the caller frees. */
enum weft_status weft_source_plugin(const struct weft_model_files *files, uint64_t version,
                                    struct weft_plugins *plugins, const char *plugin_directory,
                                    char **ret_directory,
                                    const struct weft_model_plugin **ret_plugin,
                                    struct weft_error **error) WEFT_MUST_CHECK;

#endif
