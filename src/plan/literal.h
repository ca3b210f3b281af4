/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_LITERAL_H
#define WEFT_PLAN_LITERAL_H

/*
 * Tensors written out in a pipeline's file: a scalar or nested lists of them. Pure; any thread that
 * owns the diagnostics.
 */

#include "plan/yaml_tree.h"

/* Elements of one literal: what is longer belongs into a request. */
enum { WEFT_LITERAL_ELEMENTS_MAX = 65536 };

/* Makes a value of the datatype. shape NULL takes it from the lists (a single scalar is [1]); else
 * it must fit (-1 = any). NULL where a finding was added or memory ran out (diagnostics->failed).
 */
struct weft_value *weft_literal_value(const struct weft_yaml_node *node,
                                      enum weft_datatype datatype, const struct weft_shape *shape,
                                      struct weft_diagnostics *diagnostics);
/* Reads "FP32" and the like. WEFT_DATATYPE_NONE where a finding was added. */
enum weft_datatype weft_literal_datatype(const struct weft_yaml_node *node,
                                         struct weft_diagnostics *diagnostics);
/* Reads [1, -1, 3]. False where a finding was added. */
bool weft_literal_shape(const struct weft_yaml_node *node, struct weft_shape *ret_shape,
                        struct weft_diagnostics *diagnostics);

#endif
