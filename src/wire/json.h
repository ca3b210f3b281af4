/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_JSON_H
#define WEFT_WIRE_JSON_H

/*
 * A strict JSON reader (RFC 8259) that walks a text without building a tree, so that large arrays
 * cost nothing but themselves. It remembers its first failure and does nothing afterwards. On its
 * caller's stack; one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

enum {
    /* Arrays and objects within each other: a tensor of 8 dimensions within a request needs 12. */
    WEFT_JSON_DEPTH_MAX = 32,
    /* Characters of one number: 17 digits, sign, point and exponent, and room for odd writers. */
    WEFT_JSON_NUMBER_MAX = 64,
};

struct weft_json {
    const char *start;
    const char *at;
    const char *end;
    const char *failure; /* a constant sentence; NULL = none */
    bool out_of_memory;
    unsigned depth;
};

void weft_json_init(struct weft_json *json, const void *text, size_t length);
void weft_json_fail(struct weft_json *json, const char *sentence);
/* The first character of the next token, not taken; 0 at the end or after a failure. */
char weft_json_peek(struct weft_json *json);
/* Takes the character if it is the next token. */
bool weft_json_take(struct weft_json *json, char character);
/* Loops over the members of an object resp. the elements of an array:
 *     bool first = true;
 *     while (weft_json_member(json, &first, key, sizeof(key))) { ... take the value ... }
 * A key that is too long for key becomes "" (and so is unknown). */
bool weft_json_member(struct weft_json *json, bool *first, char *key, size_t capacity);
bool weft_json_element(struct weft_json *json, bool *first);
/* Takes a value of any kind. */
void weft_json_skip(struct weft_json *json);
/* Takes a string: writes its bytes to `to`, which has room for as many as are left of the text. */
bool weft_json_bytes(struct weft_json *json, char *to, size_t *ret_length);
/* Takes a string without zero bytes, as a terminated copy; NULL on failure. */
char *weft_json_string(struct weft_json *json, size_t max_bytes);
bool weft_json_bool(struct weft_json *json);
/* Takes a number's text, terminated; *ret_whole: it has neither fraction nor exponent. */
bool weft_json_number(struct weft_json *json, char text[WEFT_JSON_NUMBER_MAX + 1], bool *ret_whole);
/* Takes a whole number that fits 64 bits with sign. */
int64_t weft_json_int64(struct weft_json *json);
/* Nothing but white space may follow. OK, or INVALID_ARGUMENT with line and column. */
enum weft_status weft_json_end(struct weft_json *json, const char *what,
                               struct weft_error **error) WEFT_MUST_CHECK;
/* The same without asking for the end of the text. */
enum weft_status weft_json_status(const struct weft_json *json, const char *what,
                                  struct weft_error **error) WEFT_MUST_CHECK;

#endif
