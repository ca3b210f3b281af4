/* SPDX-License-Identifier: Apache-2.0 */
#include "client/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

struct weft_document {
    char *text;
    struct weft_item *root;
    size_t items;
};

/* A parse under way. */
struct reader {
    struct weft_document *document;
    struct weft_json json;
    bool too_many;
};

/* Depth is bounded by the reader (WEFT_JSON_DEPTH_MAX), so is the recursion. */
static void item_free(struct weft_item *item)
{
    while (item != NULL) {
        struct weft_item *next = item->next;
        item_free(item->first);
        free(item->key);
        free(item->text);
        free(item);
        item = next;
    }
}

void weft_document_free(struct weft_document *document)
{
    if (document != NULL) {
        item_free(document->root);
        free(document->text);
        free(document);
    }
}

static struct weft_item *read_item(struct reader *reader);

static bool child(struct reader *reader, struct weft_item *parent, struct weft_item ***end,
                  const char *key)
{
    struct weft_item *item = read_item(reader);
    if (item == NULL) {
        return false;
    }
    **end = item;
    *end = &item->next;
    parent->count++;
    if (key != NULL && (item->key = strdup(key)) == NULL) {
        reader->json.out_of_memory = true;
        return false;
    }
    return true;
}

static void read_children(struct reader *reader, struct weft_item *item)
{
    char key[256];
    bool first = true;
    struct weft_item **end = &item->first;
    if (item->kind == WEFT_DOCUMENT_OBJECT) {
        while (weft_json_member(&reader->json, &first, key, sizeof(key)) &&
               child(reader, item, &end, key)) {
        }
    } else {
        while (weft_json_element(&reader->json, &first) && child(reader, item, &end, NULL)) {
        }
    }
}

static void read_scalar(struct reader *reader, struct weft_item *item, char begin)
{
    char number[WEFT_JSON_NUMBER_MAX + 1] = "";
    bool whole = false;
    if (begin == '"') {
        item->kind = WEFT_DOCUMENT_STRING;
        item->text = weft_json_string(&reader->json, WEFT_DOCUMENT_STRING_MAX_BYTES);
        return;
    }
    if (begin == 't' || begin == 'f') {
        item->kind = WEFT_DOCUMENT_BOOL;
        item->text = strdup(weft_json_bool(&reader->json) ? "true" : "false");
    } else if (begin == 'n') {
        item->kind = WEFT_DOCUMENT_NULL;
        weft_json_skip(&reader->json);
        return;
    } else {
        item->kind = WEFT_DOCUMENT_NUMBER;
        weft_json_number(&reader->json, number, &whole);
        item->text = strdup(number);
    }
    reader->json.out_of_memory |= item->text == NULL;
}

/* NULL after a failure; what was read so far is released by then. */
static struct weft_item *read_item(struct reader *reader)
{
    struct weft_item *item = NULL;
    if (reader->document->items >= WEFT_DOCUMENT_ITEMS_MAX) {
        reader->too_many = true;
        return NULL;
    }
    char begin = weft_json_peek(&reader->json);
    if ((item = calloc(1, sizeof(*item))) == NULL) {
        reader->json.out_of_memory = true;
        return NULL;
    }
    reader->document->items++;
    item->raw = reader->json.at;
    if (begin == '{' || begin == '[') {
        item->kind = begin == '{' ? WEFT_DOCUMENT_OBJECT : WEFT_DOCUMENT_ARRAY;
        read_children(reader, item);
    } else {
        read_scalar(reader, item, begin);
    }
    item->raw_bytes = (size_t)(reader->json.at - item->raw);
    if (reader->json.failure != NULL || reader->json.out_of_memory || reader->too_many) {
        item_free(item);
        return NULL;
    }
    return item;
}

enum weft_status weft_document_parse(const char *text, size_t length, const char *what,
                                     struct weft_document **ret_document, struct weft_error **error)
{
    cleanup_document struct weft_document *document = calloc(1, sizeof(*document));
    if (document == NULL || (document->text = malloc(length + 1)) == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    if (length > 0) {
        memcpy(document->text, text, length);
    }
    document->text[length] = '\0';
    struct reader reader = {.document = document};
    weft_json_init(&reader.json, document->text, length);
    document->root = read_item(&reader);
    if (reader.too_many) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "%s has more than %d items", what,
                              WEFT_DOCUMENT_ITEMS_MAX);
    }
    if (reader.json.out_of_memory) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_json_end(&reader.json, what, error);
    if (status == WEFT_OK) {
        *ret_document = steal(&document);
    }
    return status;
}

const struct weft_item *weft_document_root(const struct weft_document *document)
{
    return document->root;
}

const struct weft_item *weft_item_member(const struct weft_item *item, const char *key)
{
    if (item == NULL || item->kind != WEFT_DOCUMENT_OBJECT) {
        return NULL;
    }
    const struct weft_item *member = item->first;
    while (member != NULL && strcmp(member->key, key) != 0) {
        member = member->next;
    }
    return member;
}

const char *weft_item_text(const struct weft_item *item, const char *key)
{
    const struct weft_item *member = weft_item_member(item, key);
    return member != NULL && member->text != NULL ? member->text : "";
}

uint64_t weft_item_uint64(const struct weft_item *item, const char *key)
{
    const char *text = weft_item_text(item, key);
    char *end = NULL;
    errno = 0;
    unsigned long long number = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    return end != NULL && *end == '\0' && errno == 0 ? number : 0;
}

bool weft_item_is_true(const struct weft_item *item, const char *key)
{
    const struct weft_item *member = weft_item_member(item, key);
    return member != NULL && member->kind == WEFT_DOCUMENT_BOOL &&
           strcmp(member->text, "true") == 0;
}
