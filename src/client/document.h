/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_DOCUMENT_H
#define WEFT_CLIENT_DOCUMENT_H

/*
 * A JSON text as a tree, for the answers of a node that people look at: run records, lists of
 * nodes, models and pipelines. Every item remembers its own piece of the text, so a part can be
 * handed on as it came. The tree owns a copy of the text. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/text.h"

enum {
    /* Items of one tree: a run of 1,000 steps with 10 edges each has a tenth of it. A larger text
       is no answer that anybody reads. [RESOURCE_EXHAUSTED] */
    WEFT_DOCUMENT_ITEMS_MAX = 1024 * 1024,
    /* One string of it. */
    WEFT_DOCUMENT_STRING_MAX_BYTES = 1024 * 1024,
};

enum weft_document_kind {
    WEFT_DOCUMENT_NULL = 1,
    WEFT_DOCUMENT_BOOL,
    WEFT_DOCUMENT_NUMBER,
    WEFT_DOCUMENT_STRING,
    WEFT_DOCUMENT_ARRAY,
    WEFT_DOCUMENT_OBJECT,
};

struct weft_document;

/* One value in the tree; lives as long as its document. */
struct weft_item {
    enum weft_document_kind kind;
    char *key;  /* the member's name; NULL in an array and at the root */
    char *text; /* a string's characters, a number's digits, "true", "false"; else NULL */
    const char *raw;
    size_t raw_bytes;
    struct weft_item *first; /* of an array or object; NULL = empty */
    struct weft_item *next;
    size_t count; /* of an array or object */
};

/* INVALID_ARGUMENT with line and column where it is not JSON; `what` names it there ("the record").
 */
enum weft_status weft_document_parse(const char *text, size_t length, const char *what,
                                     struct weft_document **ret_document,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_document_free(struct weft_document *document);

const struct weft_item *weft_document_root(const struct weft_document *document);
/* The member of that name; NULL where there is none, or item is NULL or no object. */
const struct weft_item *weft_item_member(const struct weft_item *item, const char *key);
/* The member's text; "" where there is none. */
const char *weft_item_text(const struct weft_item *item, const char *key);
/* The member as a whole number; 0 where there is none or it is not one. */
uint64_t weft_item_uint64(const struct weft_item *item, const char *key);
bool weft_item_is_true(const struct weft_item *item, const char *key);

/* Appends valid JSON again, a member a line, for people: what fits 100 columns stays on its line.
 */
void weft_json_layout(const char *json, size_t length, struct weft_text *text);

WEFT_DEFINE_CLEANUP(struct weft_document, weft_document_free)
#define cleanup_document WEFT_CLEANUP(weft_document_free_cleanup)

#endif
