/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_REPOSITORY_PARTS_H
#define WEFT_MODEL_REPOSITORY_PARTS_H

/*
 * What the files of the repository share. All of it is the loop's, but what a loader's thread works
 * on while an operation runs (its `files`, `models` and `error`), and what `lock` guards.
 *
 * A model's directory is an entry with its versions; a loaded version has a model. Models that were
 * replaced or unloaded stay in the repository's list until the plugin's part is gone.
 */

#include <pthread.h>

#include "base/map.h"
#include "base/text.h"
#include "model/model_parts.h"
#include "model/repository.h"
#include "model/source.h"

struct version {
    uint64_t number;
    bool on_disk;
    uint32_t draining;        /* models of it that are going */
    struct weft_model *model; /* READY; NULL = none */
};

struct entry {
    UT_hash_handle hh;
    char *name;
    bool on_disk;
    bool loading;
    char *reason;             /* why versions are not loaded; NULL = nobody asked */
    struct version *versions; /* ascending */
    size_t versions_count;
    uint64_t loads; /* how often it was loaded: a generation for plugins that have none */
    uint32_t alive; /* models that are not gone */
    struct weft_list operations; /* the first one runs */
};

enum operation_kind { OPERATION_LOAD, OPERATION_UNLOAD, OPERATION_SCAN };

/* The loads of one load_all. */
struct batch {
    size_t remaining;
    struct weft_error *error; /* the first */
    weft_repository_done *done;
    void *context;
};

struct operation {
    struct weft_repository *repository;
    struct entry *entry; /* NULL for a scan */
    enum operation_kind kind;
    bool started;
    weft_repository_done *done;
    void *context;
    struct batch *batch;    /* NULL = it stands alone */
    struct weft_list link;  /* of the entry */
    struct weft_list whole; /* of the repository */
    struct weft_deferred start;
    struct weft_job job;
    struct weft_error *error;
    struct weft_model_files files;
    char *name;
    uint64_t generation;
    struct weft_model *models[WEFT_REPOSITORY_VERSIONS_MAX];
    size_t models_count;
    char **names; /* of a scan */
    size_t names_count;
    struct weft_model *current; /* whose load runs; guarded by the repository's lock */
};

struct weft_repository {
    struct weft_repository_options options;
    char *directory;
    char *plugin_directory;
    char *state_directory;
    struct weft_plugins *plugins;
    struct weft_executor *loaders;
    struct entry *entries;
    struct weft_list models; /* all that are not gone */
    struct weft_list operations;
    size_t operations_count;
    struct weft_deferred changed;

    pthread_mutex_t lock;
    bool left;     /* see model_parts.h */
    size_t passed; /* loads that are ending */

    bool closing;
    bool grace_is_over;
    uint64_t grace_ns;
    struct weft_deferred close_step;
    struct weft_timer grace;
    void (*closed)(void *context);
    void *closed_context;
};

/* --- repository.c --- */

struct entry *weft_repository_entry_find(const struct weft_repository *repository,
                                         const char *name);
/* NULL if out of memory. */
struct entry *weft_repository_entry_add(struct weft_repository *repository, const char *name);
/* Forgets an entry that is neither on the disk nor in use. */
void weft_repository_entry_tidy(struct weft_repository *repository, struct entry *entry);
/* The version's place, made where there is none; NULL if out of memory. */
struct version *weft_entry_version(struct entry *entry, uint64_t number);
/* Forgets versions that are neither on the disk nor loaded nor going. */
void weft_entry_forget_versions(struct entry *entry);
/* Says what is on the disk. False if out of memory. */
WEFT_MUST_CHECK bool weft_entry_set_versions(struct entry *entry, const uint64_t *numbers,
                                             size_t count);
enum weft_status weft_repository_say_unknown(const struct weft_repository *repository,
                                             const char *name, struct weft_error **error);
void weft_repository_changed(struct weft_repository *repository);
/* Its models must be gone. */
void weft_repository_free(struct weft_repository *repository);

/* --- operations.c --- */

/* What the models call. */
void weft_repository_model_changed(void *context, struct weft_model *model);
void weft_repository_model_gone(void *context, struct weft_model *model);
/* Ends those that have not begun. */
void weft_repository_cancel_operations(struct weft_repository *repository);
/* A version's model goes. */
void weft_repository_drop(struct weft_repository *repository, struct version *version);
/* With the node's end: tells the callers of what is stuck. */
void weft_repository_leave_operations(struct weft_repository *repository);

/* --- loading.c --- */

/* The job of a load. */
void weft_operation_load(struct weft_job *job);
/* As weft_model_pass and weft_model_passed, for jobs of operations. */
void weft_operation_pass(struct operation *operation);
void weft_operation_passed(struct operation *operation);

/* --- close.c --- */

/* Something has ended; closing may go on. */
void weft_repository_close_soon(struct weft_repository *repository);

#endif
