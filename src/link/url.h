/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_URL_H
#define WEFT_LINK_URL_H

/*
 * Percent-decoding of paths and queries (RFC 3986, section 2.1). Pure; any thread.
 */

#include <stdbool.h>
#include <stddef.h>

/* Decodes length bytes into text (terminated, capacity at least length + 1 always suffices). False
 * where it is malformed, doesn't fit, or would not be UTF-8 without NUL. */
bool weft_url_decode(const char *encoded, size_t length, char *text, size_t capacity,
                     size_t *ret_length);
/* The first `name=value` of a query; `+` is a space there. */
bool weft_url_query(const char *query, const char *name, char *text, size_t capacity);

#endif
