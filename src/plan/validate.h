/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_VALIDATE_H
#define WEFT_PLAN_VALIDATE_H

/*
 * A pipeline against the models that are there: do they exist, do they have these inputs and
 * outputs, do datatypes and shapes fit. Pure; any thread that owns the diagnostics.
 */

#include "plan/pipeline.h"

/* The models known, borrowed. The same model on several nodes may be listed once or often.
 * join_infer is the output of an operator for these options and inputs (weft_join_infer of
 * join/join.h has this type); NULL = operators go unchecked. */
struct weft_catalog {
    const struct weft_model_info *const *models;
    size_t models_count;
    enum weft_status (*join_infer)(const char *name, const struct weft_parameters *options,
                                   const struct weft_tensor_spec *inputs, size_t inputs_count,
                                   struct weft_tensor_spec *ret_output, struct weft_error **error);
    /* Models that are there, but whose tensors nobody knows yet: a step that calls one is taken as
     * it stands. */
    const char *const *opaque;
    size_t opaque_count;
};

/* Adds what does not fit to diagnostics; INVALID_ARGUMENT where there is an error among them. Where
 * there are errors in them already, the pipeline was read in part: then only the names of models,
 * and of their tensors, are looked at. */
enum weft_status weft_pipeline_validate(const struct weft_pipeline *pipeline,
                                        const struct weft_catalog *catalog,
                                        struct weft_diagnostics *diagnostics,
                                        struct weft_error **error) WEFT_MUST_CHECK;

/* The pipeline seen as a model: its name, version, inputs and outputs, with the datatypes and
 * shapes that follow from the models' (platform "weft_pipeline"; ready where every step's model
 * is). NOT_FOUND where a model is unknown. The caller calls weft_model_info_fini. */
enum weft_status weft_pipeline_describe(const struct weft_pipeline *pipeline,
                                        const struct weft_catalog *catalog,
                                        struct weft_model_info *ret_info,
                                        struct weft_error **error) WEFT_MUST_CHECK;

#endif
