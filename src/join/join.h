/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_JOIN_JOIN_H
#define WEFT_JOIN_JOIN_H

/*
 * Operators that integrate results: several values become one, in the order in which the step lists
 * them. They know values and options and nothing else, so a node runs one as it runs a model.
 * Constant data and pure functions: any thread may call; apply reads all of its inputs and may take
 * milliseconds for large ones.
 */

#include <weft/model.h>

#include "base/parameters.h"
#include "base/value.h"

/* One answer's tensors; more inputs are refused. */
enum { WEFT_JOIN_INPUTS_MAX = WEFT_VALUES_MAX };
/* What one operator may put out: a slip in a shape should be an error and not the node's end. */
#define WEFT_JOIN_OUTPUT_MAX_BYTES (UINT64_C(4) << 30)

struct weft_join {
    const char *name;                        /* "concat" */
    const char *help;                        /* one sentence */
    const struct weft_model_option *options; /* ended by a NULL name; NULL = none */
    /* What comes out, as far as the specifications (-1 = any) tell; INVALID_ARGUMENT where the
     * inputs do not fit each other or the operator. options are checked and complete. ret_output's
     * name is not set. */
    enum weft_status (*infer)(const struct weft_parameters *options,
                              const struct weft_tensor_spec *inputs, size_t inputs_count,
                              struct weft_tensor_spec *ret_output, struct weft_error **error);
    /* inputs have passed infer with their own shapes, and output is what it said, where no
     * dimension is -1. */
    enum weft_status (*apply)(const struct weft_parameters *options,
                              struct weft_value *const *inputs, size_t inputs_count,
                              const struct weft_tensor_spec *output, struct weft_value **ret_output,
                              struct weft_error **error);
};

/* name with or without "join/". NULL if there is none. */
const struct weft_join *weft_join_find(const char *name);
/* All of them, ended by NULL. */
const struct weft_join *const *weft_join_all(void);

/* Checks options (unknown ones are refused with a suggestion, kinds and ranges held), then asks the
 * operator. NOT_FOUND for an unknown operator. */
enum weft_status weft_join_infer(const char *name, const struct weft_parameters *options,
                                 const struct weft_tensor_spec *inputs, size_t inputs_count,
                                 struct weft_tensor_spec *ret_output,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* The same, then does it. Nothing is copied where the output is one of the inputs. */
enum weft_status weft_join_apply(const char *name, const struct weft_parameters *options,
                                 struct weft_value *const *inputs, size_t inputs_count,
                                 struct weft_value **ret_output,
                                 struct weft_error **error) WEFT_MUST_CHECK;

#endif
