/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_MODEL_PARTS_H
#define WEFT_MODEL_MODEL_PARTS_H

/*
 * What the files of a loaded model share. Private to model*.c, call*.c, load.c and the repository.
 *
 *          load (a loader's thread)      start          drain
 *     made ───────────────────────────▶ READY ───▶ DRAINING ───▶ RELEASING ───▶ UNLOADING ───▶ GONE
 *                                              calls end    memory comes     unload (a loader's
 *                                                           back             thread)
 *
 * Locking: `lock` of a model guards what the comments say. It is never held while a plugin's
 * function runs. Threads that a plugin holds may be stuck for ever: when the node ends, `left` is
 * set under the lock, and from then on nothing of a plugin's threads reaches the loop, the log or
 * the pool any more; a job's thread that comes back then stops for good instead of ending
 * (weft_model_pass). The memory of such a model is never freed.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <weft/model.h>

#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "model/config.h"
#include "model/model.h"
#include "sys/executor.h"

enum weft_model_phase {
    WEFT_MODEL_PHASE_MADE = 0,
    WEFT_MODEL_PHASE_READY,
    WEFT_MODEL_PHASE_DRAINING,
    WEFT_MODEL_PHASE_RELEASING,
    WEFT_MODEL_PHASE_UNLOADING,
    WEFT_MODEL_PHASE_GONE,
};

/* What a model needs of the node. */
struct weft_model_home {
    struct weft_loop *loop;
    const struct weft_log *log;
    struct weft_pool *pool;
    struct weft_executor *loaders;                            /* for unload */
    void (*changed)(void *context, struct weft_model *model); /* its generation */
    void (*gone)(void *context, struct weft_model *model);    /* GONE; the last call */
    void *context;                                            /* NULL = nobody listens any more */
};

/* `struct weft_model_handle`, as plugins know it, is this. */
struct weft_model {
    /* Constant once loaded. */
    const struct weft_model_plugin *plugin;
    void *data; /* the plugin's model */
    bool loaded;
    struct weft_config *config;
    char *directory;       /* of the version */
    char *file;            /* NULL = none named */
    char *state_directory; /* NULL = none */
    uint64_t version;
    uint64_t loaded_bytes; /* what its load allocated; 0 = not known */

    /* Of calls under way, and of outputs that are the plugin's memory. */
    _Atomic uint64_t held_bytes;

    /* Guarded by lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a part was taken, a cancel returned, a call was given up */
    bool left;
    size_t passed; /* jobs that are ending and have not come to the loop */
    uint64_t pins; /* memory of the plugin's that is still read, and one for READY */
    bool mailed;   /* `mail` is on its way */
    bool state_made;
    enum weft_status failure_status; /* of a load */
    char *failure;
    uint64_t generation;

    /* The loop's. */
    struct weft_model_home
        home; /* the pointers are read by other threads under lock, if not left */
    struct weft_model_info info;
    struct weft_list home_link; /* in the repository's list */
    bool dropped;               /* it had a version's place once */
    unsigned references;
    enum weft_model_phase phase;
    struct weft_executor *executor; /* NULL for INLINE */
    struct weft_mail mail;          /* generation, pins */
    struct weft_deferred step;      /* the next phase, the next call */
    struct weft_job unload;
    bool unloaded;
    struct weft_list waiting; /* calls */
    size_t waiting_count;
    struct weft_list running;
    uint32_t running_count;
    uint32_t stuck_count;
    bool hung; /* every instance has been stuck for WEFT_MODEL_STUCK_NS */
    struct weft_timer hung_timer;
};

static inline struct weft_model *weft_model_of(struct weft_model_handle *handle)
{
    return (struct weft_model *)(void *)handle;
}

static inline struct weft_model_handle *weft_model_handle_of(struct weft_model *model)
{
    return (struct weft_model_handle *)(void *)model;
}

/* The table that plugins are given. */
extern const struct weft_model_host weft_model_host_table;

/* --- load.c: on a loader's thread --- */

/* What to load. All borrowed. */
struct weft_model_source {
    const char *name;
    uint64_t version;
    const char *directory; /* of the version */
    const char *state_directory;
    struct weft_config *config;
    const struct weft_model_plugin *plugin;
    uint64_t generation; /* until the plugin says another */
    struct weft_model_home home;
};

/* A model with nothing of the plugin's called yet; weft_model_discard takes it back. */
enum weft_status weft_model_make(const struct weft_model_source *source,
                                 struct weft_model **ret_model,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* Calls the plugin's load and merges metadata. On failure the plugin's part is gone again. */
enum weft_status weft_model_load(struct weft_model *model,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* Calls the plugin's unload, if its load has worked; for a model that was never started. */
void weft_model_unload(struct weft_model *model);
/* Frees a model without a plugin's part. NULL is fine. */
void weft_model_discard(struct weft_model *model);
/* info's tensors out of the plugin's metadata and the configuration. */
enum weft_status weft_model_merge(struct weft_model *model,
                                  struct weft_error **error) WEFT_MUST_CHECK;

/* --- model.c: on the loop --- */

/* READY: calls may come. The caller's reference is the first. A failure leaves it DRAINING. */
enum weft_status weft_model_start(struct weft_model *model,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* No new calls; with cancel, open ones are given up. home.gone comes when the plugin's is gone. */
void weft_model_drain(struct weft_model *model, bool cancel);
/* Nothing comes from the plugin's threads any more. True where none is on its way to the loop:
 * otherwise ask again a little later. */
bool weft_model_leave(struct weft_model *model);
/* Marks the end of a job's run on its thread, which doesn't return where the model was left. */
void weft_model_pass(struct weft_model *model);
/* The same in the midst of one. */
void weft_model_stop_if_left(struct weft_model *model);
/* The job has come to the loop. */
void weft_model_passed(struct weft_model *model);
/* Tells the loop that something changed. With the lock held. */
void weft_model_notify(struct weft_model *model);
/* One reader of the plugin's memory less. Any thread. */
void weft_model_unpin(struct weft_model *model);
/* A call has ended or was taken out. */
void weft_model_call_ended(struct weft_model *model);

#endif
