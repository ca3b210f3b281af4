/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_JOIN_OPERATORS_H
#define WEFT_JOIN_OPERATORS_H

/* The operators, each in the file of its name, for join.c's table. Constant data; any thread. */

#include "join/join.h"

extern const struct weft_join join_concat;
extern const struct weft_join join_stack;
extern const struct weft_join join_text;
extern const struct weft_join join_json;
extern const struct weft_join join_layers;
extern const struct weft_join join_tiles;

/* A buffer of the output's size becomes its value; takes the buffer whatever happens. */
enum weft_status join_value_of(const struct weft_tensor_spec *output,
                               struct weft_buffer *take_buffer, struct weft_value **ret_value,
                               struct weft_error **error) WEFT_MUST_CHECK;
/* The element at *offset of a BYTES value (borrowed), and *offset moves behind it; begins at 0.
 * False at the end. weft_value_bytes_at finds one element, but would walk from the start for each.
 */
bool join_next_element(const struct weft_value *value, size_t *offset, const char **ret_bytes,
                       size_t *ret_size_bytes);
int64_t join_option(const struct weft_parameters *options, const char *name);

#endif
