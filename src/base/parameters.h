/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_PARAMETERS_H
#define WEFT_BASE_PARAMETERS_H

/*
 * A list of named settings that owns its names and strings. Not shared between threads while it
 * changes. Names are unique: setting one again replaces it.
 */

#include <weft/error.h>
#include <weft/parameter.h>

/* A request or tensor with more is refused: clients send a handful, and lookups are linear. */
enum { WEFT_PARAMETERS_MAX = 64 };

struct weft_parameters {
    struct weft_parameter *items;
    size_t count;
    size_t capacity;
};

/* An empty list is all zeroes. */
void weft_parameters_fini(struct weft_parameters *parameters);
/* Copies the parameter. RESOURCE_EXHAUSTED beyond WEFT_PARAMETERS_MAX. */
enum weft_status weft_parameters_set(struct weft_parameters *parameters,
                                     const struct weft_parameter *parameter,
                                     struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_parameters_set_string(struct weft_parameters *parameters, const char *name,
                                            const char *string,
                                            struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_parameters_set_int64(struct weft_parameters *parameters, const char *name,
                                           int64_t number,
                                           struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_parameters_set_bool(struct weft_parameters *parameters, const char *name,
                                          bool boolean, struct weft_error **error) WEFT_MUST_CHECK;
/* Copies every parameter of from that is not yet in parameters. */
enum weft_status weft_parameters_merge(struct weft_parameters *parameters,
                                       const struct weft_parameters *from,
                                       struct weft_error **error) WEFT_MUST_CHECK;
/* Borrowed; NULL if there is none of that name. */
const struct weft_parameter *weft_parameters_find(const struct weft_parameters *parameters,
                                                  const char *name);
/* The text of a string parameter, NULL if there is none or it is of another kind. */
const char *weft_parameters_string(const struct weft_parameters *parameters, const char *name);

#endif
