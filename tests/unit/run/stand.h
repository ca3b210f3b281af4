/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_RUN_STAND_H
#define TESTS_UNIT_RUN_STAND_H

/*
 * A stand for stories of the engine: nodes of one process, each with an engine and a door of its
 * own on loopback, on one loop, and models (models.c, in place of src/model) that do at once what
 * the story wants. stand_open, stand_node and stand_model for each, stand_start, then the story,
 * then stand_close.
 */

#include "link/listener.h"
#include "link/router.h"
#include "run/run.h"
#include "support/story.h"

enum { STAND_NODES_MAX = 3, STAND_LOG_MAX = 1 << 18 };

/* All take x UINT8 [-1] and give y of the same kind. */
enum stand_model_kind {
    STAND_SAME,   /* y is x */
    STAND_SLOW,   /* never ends by itself */
    STAND_BROKEN, /* fails */
    STAND_STREAM, /* y is x, in three parts */
};

struct stand;

struct stand_node {
    struct stand *stand;
    const char *name;
    uint64_t ahead_ns;            /* of its wall clock: set before stand_start */
    uint64_t generation_ahead_ns; /* of its generation alone */
    size_t pipelines_max;         /* 0 = as usual */
    struct weft_link *link;
    struct weft_repository *repository;
    struct weft_executor *executor;
    struct weft_metrics *metrics;
    struct weft_grpc_server *grpc;
    struct weft_router *router;
    struct weft_listener *listener;
    struct weft_run *run;
    struct weft_log log;
    char *said; /* all lines of its log */
    size_t said_length;
    bool listener_closed, run_closed;
};

struct stand {
    struct weft_loop *loop;
    struct stand_node nodes[STAND_NODES_MAX];
    size_t nodes_count;
};

void stand_open(struct stand *stand);
struct stand_node *stand_node(struct stand *stand, const char *name);
/* So many versions of it, from 1. */
void stand_model(struct stand_node *node, const char *name, unsigned versions,
                 enum stand_model_kind kind);
/* The parts, without the engine. */
void stand_prepare(struct stand *stand);
struct weft_run_options stand_options(struct stand_node *node);
/* All nodes are up; each that was told of another with stand_knows calls it. */
void stand_start(struct stand *stand);
void stand_knows(struct stand_node *node, const struct stand_node *other);
/* One of the node's own. */
void stand_pipeline(struct stand_node *node, const char *yaml);
/* Engine and door are closed; the others see it go. */
void stand_stop(struct stand_node *node);
void stand_close(struct stand *stand);

/* Turns the loop until that holds, or fails the story after ten seconds. */
void stand_until(struct stand *stand, bool (*holds)(void *context), void *context);
void stand_wait_ms(struct stand *stand, uint64_t ms);
/* Until that node sees the other with so many models. */
void stand_until_seen(struct stand_node *node, const struct stand_node *other, size_t models);
const struct weft_node_info *stand_seen(const struct stand_node *node,
                                        const struct stand_node *other);
bool stand_said(const struct stand_node *node, const char *words);

/* A call and what came of it. */
struct stand_call {
    struct weft_run_call *call;
    size_t parts, done;
    enum weft_status status;
    struct weft_error *error;
    size_t output_bytes;
};

/* Of size_bytes zeroes, which lie in untouched memory. The request's id may be NULL. */
enum weft_status stand_ask(struct stand_node *node, struct stand_call *call, const char *name,
                           size_t size_bytes, const char *id, uint64_t timeout_ns);
/* Asks and awaits the end. */
enum weft_status stand_call(struct stand_node *node, struct stand_call *call, const char *name,
                            size_t size_bytes, const char *id, uint64_t timeout_ns);
void stand_await(struct stand_node *node, struct stand_call *call);
void stand_call_fini(struct stand_call *call);

/* models.c */
struct weft_repository *stand_repository_new(struct weft_loop *loop);
void stand_repository_add(struct weft_repository *repository, const char *name, unsigned version,
                          enum stand_model_kind kind);
void stand_repository_free(struct weft_repository *repository);

#endif
