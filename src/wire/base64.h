/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_BASE64_H
#define WEFT_WIRE_BASE64_H

/*
 * Base64 with the standard alphabet (RFC 4648, section 4). Pure; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

/* Characters that size_bytes become, padding included, without a terminator. */
static inline size_t weft_base64_length(size_t size_bytes)
{
    return (size_bytes + 2) / 3 * 4;
}

/* Bytes that length characters become at most. */
static inline size_t weft_base64_size_bytes(size_t length)
{
    return length / 4 * 3 + 3;
}

/* Writes weft_base64_length(size_bytes) characters, no terminator. */
void weft_base64_encode(const void *data, size_t size_bytes, char *text);
/* Padding may be left away; anything else that is not the one canonical form is refused. bytes has
 * room for weft_base64_size_bytes(length), and may be where text is. */
WEFT_MUST_CHECK bool weft_base64_decode(const char *text, size_t length, void *bytes,
                                        size_t *ret_size_bytes);

#endif
