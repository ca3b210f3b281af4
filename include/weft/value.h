/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_VALUE_H
#define WEFT_VALUE_H

/*
 * A value: one immutable tensor. It knows its datatype, shape, bytes and, for media, what they are;
 * its name is kept by whoever lists it, so the same value may be called differently by a producer
 * and its consumers without a copy. Reference-counted with atomic counts: any thread may hold, read
 * and release one.
 *
 * BYTES tensors are kept in the raw form of the Open Inference Protocol: each element a 4-byte
 * little-endian length, then that many bytes.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/datatype.h>
#include <weft/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_value;

/* Makes a value from a copy of data. INVALID_ARGUMENT where size_bytes does not fit datatype and
 * shape, or BYTES data is malformed. */
enum weft_status weft_value_new(enum weft_datatype datatype, const struct weft_shape *shape,
                                const void *data, size_t size_bytes, struct weft_value **ret_value,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* Makes a BYTES [1] value of one element from a copy of its bytes. content_type may be NULL. */
enum weft_status weft_value_new_bytes(const void *data, size_t size_bytes, const char *content_type,
                                      struct weft_value **ret_value,
                                      struct weft_error **error) WEFT_MUST_CHECK;

struct weft_value *weft_value_ref(struct weft_value *value);
/* NULL is fine. */
void weft_value_unref(struct weft_value *value);

enum weft_datatype weft_value_datatype(const struct weft_value *value);
const struct weft_shape *weft_value_shape(const struct weft_value *value);
const void *weft_value_data(const struct weft_value *value);
size_t weft_value_size_bytes(const struct weft_value *value);
/* "" if none was said. */
const char *weft_value_content_type(const struct weft_value *value);
/* The element at index of a BYTES value, borrowed. False where there is none. */
bool weft_value_bytes_at(const struct weft_value *value, uint64_t index, const void **ret_data,
                         size_t *ret_size_bytes);

#ifdef __cplusplus
}
#endif
#endif
