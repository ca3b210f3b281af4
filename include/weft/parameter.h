/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PARAMETER_H
#define WEFT_PARAMETER_H

/*
 * A named setting of a request, a tensor or a model, with the kinds that the Open Inference
 * Protocol knows
 * ("InferParameter"). Plain data, borrowed by whoever is given it for the length of the call unless
 * said otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weft_parameter_kind {
    WEFT_PARAMETER_BOOL = 1,
    WEFT_PARAMETER_INT64 = 2,
    WEFT_PARAMETER_DOUBLE = 3,
    WEFT_PARAMETER_STRING = 4,
};

struct weft_parameter {
    const char *name;
    enum weft_parameter_kind kind;
    bool boolean;
    int64_t int64;
    double number;
    const char *string; /* UTF-8, terminated; the length excludes the terminator */
    size_t string_length;
};

#ifdef __cplusplus
}
#endif
#endif
