/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_VALUE_H
#define WEFT_BASE_VALUE_H

/*
 * What the rooms add to <weft/value.h>: values made from slices without a copy, and lists of named
 * values. A value is immutable and may be shared between threads; a list belongs to one thread at a
 * time.
 */

#include <weft/value.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/parameters.h"

/* Tensors of one request or answer; more than any model we know has. */
enum { WEFT_VALUES_MAX = 256 };

/* Takes *data (emptied on success only). Checked as weft_value_new does. */
enum weft_status weft_value_new_slice(enum weft_datatype datatype, const struct weft_shape *shape,
                                      struct weft_slice *take_data, struct weft_value **ret_value,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Checks bytes against datatype and shape, BYTES elements included. */
enum weft_status weft_value_check(enum weft_datatype datatype, const struct weft_shape *shape,
                                  const void *data, size_t size_bytes,
                                  struct weft_error **error) WEFT_MUST_CHECK;

/* The value's bytes, borrowed. */
const struct weft_slice *weft_value_slice(const struct weft_value *value);
/* The value's parameters (content_type, sample_rate, ...), borrowed. */
const struct weft_parameters *weft_value_parameters(const struct weft_value *value);
/* Sets a parameter; only for whoever made the value and has not shared it yet. */
enum weft_status weft_value_set_parameter(struct weft_value *value,
                                          const struct weft_parameter *parameter,
                                          struct weft_error **error) WEFT_MUST_CHECK;

struct weft_named_value {
    char *name;
    struct weft_value *value;
};

/* An ordered list of named values; names are unique. All zeroes is empty. */
struct weft_values {
    struct weft_named_value *items;
    size_t count;
    size_t capacity;
};

void weft_values_fini(struct weft_values *values);
/* Adds a reference to value under a copy of name. ALREADY_EXISTS for a name twice,
 * RESOURCE_EXHAUSTED beyond the limit.
 */
enum weft_status weft_values_add(struct weft_values *values, const char *name,
                                 struct weft_value *value,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* Borrowed; NULL if there is none. */
struct weft_value *weft_values_find(const struct weft_values *values, const char *name);
uint64_t weft_values_size_bytes(const struct weft_values *values);

WEFT_DEFINE_CLEANUP(struct weft_value, weft_value_unref)
#define cleanup_value WEFT_CLEANUP(weft_value_unref_cleanup)
WEFT_DEFINE_CLEANUP(struct weft_error, weft_error_unref)
#define cleanup_error WEFT_CLEANUP(weft_error_unref_cleanup)
#define cleanup_values WEFT_CLEANUP(weft_values_fini)
#define cleanup_slice WEFT_CLEANUP(weft_slice_fini)

#endif
