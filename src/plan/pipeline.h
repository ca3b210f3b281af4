/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_PIPELINE_H
#define WEFT_PLAN_PIPELINE_H

/*
 * A pipeline: the user's graph of steps, checked and in indices. docs/pipeline.md describes the
 * file it is read from. A pipeline is built once and not changed any more; then any thread may read
 * it.
 */

#include "base/message.h"
#include "plan/diagnostics.h"

/* Names of steps in `after`; a node counts them in one word (sched/worker). */
enum { WEFT_STEP_AFTER_MAX = 64 };
/* A step's declared or consumed outputs and its inputs, as many as one answer has
 * (WEFT_VALUES_MAX). */
enum { WEFT_STEP_TENSORS_MAX = WEFT_VALUES_MAX };

/* A step whose model begins so is no model but an operator of src/join, which every node has. */
#define WEFT_JOIN_MODEL_PREFIX "join/"
/* The one output of such a step. */
#define WEFT_JOIN_OUTPUT_NAME "output"

struct weft_pipeline_input {
    char *name;
    enum weft_datatype datatype;
    struct weft_shape shape; /* -1 = any */
    bool optional;           /* a request need not give it; with default_value it is never absent */
    struct weft_value *default_value; /* NULL = none */
    struct weft_location at;
};

enum weft_source_kind {
    WEFT_SOURCE_INPUT = 1, /* an input of the pipeline */
    WEFT_SOURCE_STEP = 2,  /* an output of a step */
    WEFT_SOURCE_CONSTANT = 3,
};

/* Where an input of a step, or an output of the pipeline, comes from. */
struct weft_pipeline_binding {
    char *name; /* of the step's input, or of the pipeline's output */
    enum weft_source_kind kind;
    uint32_t from_step;   /* WEFT_STEP_GATEWAY with WEFT_SOURCE_INPUT */
    uint32_t from_output; /* index into that step's outputs, or into the pipeline's inputs */
    struct weft_value *constant;
    char *lane; /* as pinned; NULL = chosen */
    struct weft_location at;
};

struct weft_pipeline_step {
    char *name;
    char *model;             /* "face", or "join/concat" */
    char *model_version;     /* NULL = the newest ready one */
    char *node;              /* the only node it may run on; NULL = any */
    struct weft_needs needs; /* besides its model's */
    struct weft_parameters parameters;
    struct weft_pipeline_binding *inputs;
    size_t inputs_count;
    char **outputs; /* those that somebody consumes, by the model's names */
    size_t outputs_count;
    struct weft_location *outputs_at; /* where each is first asked for */
    uint32_t *after;                  /* steps to wait for without taking data from them */
    size_t after_count;
    uint32_t *before; /* all steps to wait for, each once, rising: producers and `after` */
    size_t before_count;
    struct weft_location at;       /* of its name */
    struct weft_location model_at; /* of its model or join */
};

struct weft_pipeline {
    char *name;
    char *version;       /* "" if none */
    char *description;   /* "" if none */
    uint64_t timeout_ns; /* of a request that brings none; 0 = none */
    struct weft_pipeline_input *inputs;
    size_t inputs_count;
    struct weft_pipeline_step *steps; /* in topological order; among equals as in the file */
    size_t steps_count;
    struct weft_pipeline_binding *outputs; /* each from a step */
    size_t outputs_count;
};

/* A value's way from a producer to one consumer. */
struct weft_pipeline_edge {
    uint32_t from_step; /* or WEFT_STEP_GATEWAY */
    uint32_t from_output;
    uint32_t to_step;  /* or WEFT_STEP_GATEWAY */
    uint32_t to_input; /* index into that step's inputs, or into the pipeline's outputs */
    const char *lane;  /* borrowed from the pipeline; NULL = chosen */
};

/* Reads and checks a file's text; everything that can be known without the models is checked.
 * Findings (warnings too) go to diagnostics; with an error among them the status is
 * INVALID_ARGUMENT. */
enum weft_status weft_pipeline_parse(const char *text, size_t length,
                                     struct weft_diagnostics *diagnostics,
                                     struct weft_pipeline **ret_pipeline,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* The same, but OK with errors among the findings: then the pipeline is what could be read, and of
 * use for weft_pipeline_validate alone. INVALID_ARGUMENT where the text is no YAML. */
enum weft_status weft_pipeline_parse_partly(const char *text, size_t length,
                                            struct weft_diagnostics *diagnostics,
                                            struct weft_pipeline **ret_pipeline,
                                            struct weft_error **error) WEFT_MUST_CHECK;
/* The pipeline of one step, named as the model, that takes and gives what the model does. */
enum weft_status weft_pipeline_for_model(const struct weft_model_info *info,
                                         struct weft_pipeline **ret_pipeline,
                                         struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_pipeline_free(struct weft_pipeline *pipeline);

/* The index of a step, UINT32_MAX if there is none. */
uint32_t weft_pipeline_find_step(const struct weft_pipeline *pipeline, const char *name);
uint32_t weft_pipeline_find_input(const struct weft_pipeline *pipeline, const char *name);
/* All edges but constants, in the order of consumers, the pipeline's outputs last. The caller
 * frees. */
enum weft_status weft_pipeline_edges(const struct weft_pipeline *pipeline,
                                     struct weft_pipeline_edge **ret_edges, size_t *ret_count,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* Whether a step runs an operator of src/join. */
bool weft_pipeline_step_is_join(const struct weft_pipeline_step *step);

WEFT_DEFINE_CLEANUP(struct weft_pipeline, weft_pipeline_free)
#define cleanup_pipeline WEFT_CLEANUP(weft_pipeline_free_cleanup)

#endif
