/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_PBTXT_H
#define WEFT_MODEL_PBTXT_H

/*
 * Protobuf's text format as a tree of fields with their places, whatever the messages mean: see
 * "Text Format Language Specification" of protobuf. A list is kept as its elements, each a field of
 * the list's name, so `dims: [ 1, 2 ]` and `dims: 1 dims: 2` are the same. Extensions and Any
 * expansions ("[a.b]") are refused. Any thread; one at a time for a tree.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

/* Nobody nests a configuration so deep; bounds the parser's recursion. */
enum { WEFT_PBTXT_DEPTH_MAX = 16 };
/* Fields of one text. Triton's largest have some hundreds. */
enum { WEFT_PBTXT_FIELDS_MAX = 65536 };

enum weft_pbtxt_kind {
    WEFT_PBTXT_MESSAGE,
    WEFT_PBTXT_STRING,
    WEFT_PBTXT_WORD, /* numbers, booleans, enum values, as they are written */
};

/* Lines and columns count from 1; columns in bytes. */
struct weft_pbtxt_place {
    uint32_t line;
    uint32_t column;
};

struct weft_pbtxt {
    char *name; /* NULL for the whole */
    enum weft_pbtxt_kind kind;
    struct weft_pbtxt_place place;       /* of the name */
    struct weft_pbtxt_place value_place; /* of the value */
    char *text;                          /* of a string or word; terminated, holds no NUL */
    struct weft_pbtxt *fields;           /* of a message */
    size_t fields_count;
    size_t fields_capacity;
};

/* file names the text in errors, as "file:line:column: what is wrong". */
enum weft_status weft_pbtxt_parse(const char *file, const char *text, size_t length,
                                  struct weft_pbtxt *ret_tree,
                                  struct weft_error **error) WEFT_MUST_CHECK;
void weft_pbtxt_fini(struct weft_pbtxt *tree);

#define cleanup_pbtxt WEFT_CLEANUP(weft_pbtxt_fini)

#endif
