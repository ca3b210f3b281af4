/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_CONFIGURED_H
#define WEFT_ONNXRUNTIME_CONFIGURED_H

/*
 * What config.pbtxt says of a network's tensors against what the network says. Internal to
 * tensors.c.
 */

#include "tensors.h"

/* Drops the outputs that the configuration leaves out, narrows shapes, marks pictures and fills
 * specs. Statuses as weft_tensors_read says. */
enum weft_status weft_configured_apply(struct weft_tensors *tensors, enum weft_tensors_side side,
                                       const struct weft_tensors_configured *configured,
                                       bool decode, struct weft_ort_reason *reason) WEFT_MUST_CHECK;

#endif
