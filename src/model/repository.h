/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_REPOSITORY_H
#define WEFT_MODEL_REPOSITORY_H

/*
 * The models of a node: a directory in Triton's layout (`NAME/VERSION/model.onnx` or `model.so`,
 * optional `NAME/config.pbtxt`), and what of it is loaded. Models are named from this directory
 * only; nothing that comes over a wire is ever a path. Owned by the composition root; everything
 * here belongs to the loop's thread. Directories are read and backends loaded on threads of the
 * repository's own.
 *
 * Loading a model that is loaded replaces it: the new one is made beside the old, takes its place
 * in one step, and the old one drains. A load that fails leaves the old one in place.
 */

#include <stdbool.h>
#include <stddef.h>
#include <weft/error.h>

#include "base/log.h"
#include "base/pool.h"
#include "model/model.h"

struct weft_loop;
struct weft_repository;

/* Model directories of one repository: what a node can announce. */
enum { WEFT_REPOSITORY_MODELS_MAX = WEFT_NODE_MODELS_MAX };
/* Versions of one model that are looked at; each loaded one is a session in memory. */
enum { WEFT_REPOSITORY_VERSIONS_MAX = 64 };
/* Loads and unloads that wait or run; further ones are RESOURCE_EXHAUSTED. */
enum { WEFT_REPOSITORY_OPERATIONS_MAX = 2048 };
/* Of those, the ones that run: each is a thread for as long as it takes. */
enum { WEFT_REPOSITORY_LOADERS_MAX = 4 };

struct weft_repository_options {
    struct weft_loop *loop;
    const char *directory;        /* must exist; NULL = no models */
    const char *plugin_directory; /* where backends NAME.so lie; NULL = none */
    const char *state_directory;  /* each model gets NAME/ in it; made when needed; NULL = none */
    const struct weft_log *log;   /* NULL = silent; must live as long as the repository */
    struct weft_pool *pool;       /* for outputs; NULL = malloc */
    /* The set of models, a state, or a generation changed. Never from inside a call of the caller;
     * several changes of one turn come as one. May be NULL. */
    void (*on_changed)(void *context);
    void *context;
};

enum weft_model_state {
    WEFT_MODEL_UNAVAILABLE = 0, /* not loaded; reason says why, "" = nobody asked, "unloaded" */
    WEFT_MODEL_LOADING,
    WEFT_MODEL_READY,
    WEFT_MODEL_UNLOADING, /* calls that began before are still running */
};

/* One version of one model; version "" where the model has none loaded and none is known. */
struct weft_repository_entry {
    char *name;
    char *version;
    enum weft_model_state state;
    char *reason;
};

struct weft_repository_index {
    struct weft_repository_entry *entries; /* by name, then by version number */
    size_t count;
};

/* The end of a load or unload, exactly once; error NULL = it worked, borrowed. */
typedef void weft_repository_done(void *context, struct weft_error *error);

/* Reads the names in the directory (blocking: at start-up). Loads nothing yet. */
enum weft_status weft_repository_open(const struct weft_repository_options *options,
                                      struct weft_repository **ret_repository,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Cancels open calls, unloads everything, then calls closed, after which the memory is gone and the
 * loop may go. A model that is stuck in a call is left behind after grace_ms. */
void weft_repository_close(struct weft_repository *repository, uint64_t grace_ms,
                           void (*closed)(void *context), void *context);

/* Loads the versions that the model's version_policy names. NOT_FOUND with a suggestion for a name
 * that is no directory here, INVALID_ARGUMENT for one that no directory may have. done NULL = the
 * caller doesn't want to know. Operations on one model run one after the other, in order. */
enum weft_status weft_repository_load(struct weft_repository *repository, const char *name,
                                      weft_repository_done *done, void *context,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* New calls are refused at once; done comes when the last open one has ended and the backend is
 * gone. FAILED_PRECONDITION in done where it isn't loaded. */
enum weft_status weft_repository_unload(struct weft_repository *repository, const char *name,
                                        weft_repository_done *done, void *context,
                                        struct weft_error **error) WEFT_MUST_CHECK;
/* Loads every model of the directory; done comes when all have ended. Its error is the first one
 * (others stand in the index); models that loaded stay. */
enum weft_status weft_repository_load_all(struct weft_repository *repository,
                                          weft_repository_done *done, void *context,
                                          struct weft_error **error) WEFT_MUST_CHECK;

/* The ready model; version NULL or "" = the highest ready. *ret_model is a reference. NOT_FOUND
 * (with a suggestion) for a name or version that doesn't exist, UNAVAILABLE where it isn't ready.
 */
enum weft_status weft_repository_find(struct weft_repository *repository, const char *name,
                                      const char *version, struct weft_model **ret_model,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* The ready models' references, by name and version, for announcing and metadata. The caller unrefs
 * each and frees the array. */
enum weft_status weft_repository_ready(struct weft_repository *repository,
                                       struct weft_model ***ret_models, size_t *ret_models_count,
                                       struct weft_error **error) WEFT_MUST_CHECK;
/* Every model of the directory (read anew by load and load_all). ready_only leaves the rest out. */
enum weft_status weft_repository_index(struct weft_repository *repository, bool ready_only,
                                       struct weft_repository_index *ret_index,
                                       struct weft_error **error) WEFT_MUST_CHECK;
void weft_repository_index_fini(struct weft_repository_index *index);
/* "UNAVAILABLE", "LOADING", "READY", "UNLOADING": as the model repository extension of OIP. */
const char *weft_model_state_name(enum weft_model_state state);

/* Whether a name may be a model's: 1 to WEFT_NAME_MAX bytes of UTF-8 without '/', control
 * characters or a leading dot. Any thread. */
bool weft_model_name_valid(const char *name);

#endif
