/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_FINITE_H
#define WEFT_ONNXRUNTIME_FINITE_H

/*
 * Numbers that a network could make nothing of. Any thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <weft/model.h>

/* True where an element is NaN or an infinity, with the index of the first one. Tensors of other
 * datatypes than floating point ones have none. */
bool weft_finite_find_other(const struct weft_tensor *tensor, uint64_t *ret_index);

#endif
