/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/suggest.h"

struct weft_yaml {
    struct weft_yaml_node *root;
};

struct reading {
    yaml_parser_t parser;
    struct weft_diagnostics *diagnostics;
    bool out_of_memory;
    bool broken; /* the text is at fault, and has been told so */
};

static void node_free(struct weft_yaml_node *node)
{
    if (node == NULL) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        node_free(node->entries[i].key);
        node_free(node->entries[i].value);
    }
    free(node->entries);
    free(node->text);
    free(node);
}

void weft_yaml_free(struct weft_yaml *yaml)
{
    if (yaml != NULL) {
        node_free(yaml->root);
        free(yaml);
    }
}

const struct weft_yaml_node *weft_yaml_root(const struct weft_yaml *yaml)
{
    return yaml->root;
}

static struct weft_location location(const yaml_mark_t *mark)
{
    return (struct weft_location){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static void complain(struct reading *reading, struct weft_location at, const char *what)
{
    if (!reading->broken) {
        weft_diagnostics_add(reading->diagnostics, WEFT_SEVERITY_ERROR, at, NULL, "%s", what);
    }
    reading->broken = true;
}

static bool next(struct reading *reading, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&reading->parser, ret_event)) {
        return true;
    }
    if (reading->parser.error == YAML_MEMORY_ERROR) {
        reading->out_of_memory = true;
    } else {
        const yaml_parser_t *parser = &reading->parser;
        struct weft_location at =
            location(parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark);
        complain(reading, at, parser->problem != NULL ? parser->problem : "this is not YAML");
    }
    return false;
}

static bool entry_add(struct weft_yaml_node *parent, struct weft_yaml_node *take_key,
                      struct weft_yaml_node *take_value)
{
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity == 0 ? 4 : parent->capacity * 2;
        struct weft_yaml_entry *entries = realloc(parent->entries, capacity * sizeof(*entries));
        if (entries == NULL) {
            return false;
        }
        parent->entries = entries;
        parent->capacity = capacity;
    }
    parent->entries[parent->count++] = (struct weft_yaml_entry){take_key, take_value};
    return true;
}

static struct weft_yaml_node *read_node(struct reading *reading, yaml_event_t *event,
                                        unsigned depth);

static struct weft_yaml_node *read_scalar(struct reading *reading, struct weft_yaml_node *node,
                                          const yaml_event_t *event)
{
    node->kind = WEFT_YAML_SCALAR;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->length = event->data.scalar.length;
    node->text = malloc(node->length + 1);
    if (node->text == NULL) {
        reading->out_of_memory = true;
        return node;
    }
    memcpy(node->text, event->data.scalar.value, node->length);
    node->text[node->length] = '\0';
    if (memchr(node->text, '\0', node->length) != NULL) {
        complain(reading, node->at, "a text here may not have a zero byte inside");
    }
    return node;
}

static void read_key(struct reading *reading, struct weft_yaml_node *mapping,
                     struct weft_yaml_node *key)
{
    if (key == NULL || reading->out_of_memory || reading->broken) {
        return;
    }
    if (key->kind != WEFT_YAML_SCALAR) {
        complain(reading, key->at, "a key must be a plain word");
        return;
    }
    if (mapping->count >= WEFT_YAML_KEYS_MAX) {
        complain(reading, key->at, "a mapping has too many keys here");
        return;
    }
    for (size_t i = 0; i < mapping->count; i++) {
        const struct weft_yaml_node *other = mapping->entries[i].key;
        if (other->length == key->length && memcmp(other->text, key->text, key->length) == 0) {
            weft_diagnostics_add(reading->diagnostics, WEFT_SEVERITY_ERROR, key->at, NULL,
                                 "\"%s\" stands here twice; the first is on line %u", key->text,
                                 mapping->entries[i].key->at.line);
            return;
        }
    }
}

static void read_entries(struct reading *reading, struct weft_yaml_node *node,
                         yaml_event_type_t end, unsigned depth)
{
    bool mapping = node->kind == WEFT_YAML_MAPPING;
    for (;;) {
        yaml_event_t event;
        if (!next(reading, &event)) {
            return;
        }
        if (event.type == end) {
            yaml_event_delete(&event);
            return;
        }
        struct weft_yaml_node *first = read_node(reading, &event, depth + 1);
        struct weft_yaml_node *second = NULL;
        yaml_event_delete(&event);
        if (mapping && !reading->out_of_memory && !reading->broken) {
            read_key(reading, node, first);
            if (!reading->broken && next(reading, &event)) {
                second = read_node(reading, &event, depth + 1);
                yaml_event_delete(&event);
            }
        }
        struct weft_yaml_node *key = mapping ? first : NULL;
        struct weft_yaml_node *value = mapping ? second : first;
        if (reading->broken || reading->out_of_memory || !entry_add(node, key, value)) {
            reading->out_of_memory = reading->out_of_memory || !reading->broken;
            node_free(key);
            node_free(value);
            return;
        }
    }
}

/* NULL where out_of_memory or broken is set. */
static struct weft_yaml_node *read_node(struct reading *reading, yaml_event_t *event,
                                        unsigned depth)
{
    struct weft_location at = location(&event->start_mark);
    if (event->type == YAML_ALIAS_EVENT) {
        complain(reading, at, "aliases (*name) are not used here: write the value out");
        return NULL;
    }
    const yaml_char_t *anchor = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                                : event->type == YAML_SEQUENCE_START_EVENT
                                    ? event->data.sequence_start.anchor
                                    : event->data.mapping_start.anchor;
    const yaml_char_t *tag = event->type == YAML_SCALAR_EVENT ? event->data.scalar.tag
                             : event->type == YAML_SEQUENCE_START_EVENT
                                 ? event->data.sequence_start.tag
                                 : event->data.mapping_start.tag;
    if (anchor != NULL || tag != NULL) {
        complain(reading, at,
                 anchor != NULL ? "anchors (&name) are not used here"
                                : "tags (!name) are not used here");
        return NULL;
    }
    if (depth > WEFT_YAML_DEPTH_MAX) {
        complain(reading, at, "this is nested too deep");
        return NULL;
    }
    struct weft_yaml_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        reading->out_of_memory = true;
        return NULL;
    }
    node->at = at;
    if (event->type == YAML_SCALAR_EVENT) {
        return read_scalar(reading, node, event);
    }
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    node->kind = mapping ? WEFT_YAML_MAPPING : WEFT_YAML_SEQUENCE;
    read_entries(reading, node, mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth);
    return node;
}

static struct weft_yaml_node *read_document(struct reading *reading)
{
    struct weft_yaml_node *root = NULL;
    bool more = true;
    while (more && !reading->broken && !reading->out_of_memory) {
        yaml_event_t event;
        if (!next(reading, &event)) {
            break;
        }
        switch (event.type) {
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
        case YAML_ALIAS_EVENT:
            root = read_node(reading, &event, 1);
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root != NULL) {
                complain(reading, location(&event.start_mark),
                         "a second document begins here; one file holds one");
            }
            break;
        case YAML_STREAM_END_EVENT:
            more = false;
            break;
        default:
            break;
        }
        yaml_event_delete(&event);
    }
    return root;
}

enum weft_status weft_yaml_parse(const char *text, size_t length,
                                 struct weft_diagnostics *diagnostics, struct weft_yaml **ret_yaml,
                                 struct weft_error **error)
{
    if (length > WEFT_YAML_SIZE_MAX_BYTES) {
        weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR, (struct weft_location){0}, NULL,
                             "the file is larger than %d bytes", WEFT_YAML_SIZE_MAX_BYTES);
        return weft_diagnostics_status(diagnostics, error);
    }
    struct reading reading = {.diagnostics = diagnostics};
    struct weft_yaml *yaml = calloc(1, sizeof(*yaml));
    if (yaml == NULL || !yaml_parser_initialize(&reading.parser)) {
        free(yaml);
        return weft_error_set_out_of_memory(error);
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, length);
    yaml->root = read_document(&reading);
    yaml_parser_delete(&reading.parser);
    enum weft_status status = reading.out_of_memory ? weft_error_set_out_of_memory(error)
                                                    : weft_diagnostics_status(diagnostics, error);
    if (status != WEFT_OK) {
        weft_yaml_free(yaml);
        return status;
    }
    *ret_yaml = yaml;
    return WEFT_OK;
}

const struct weft_yaml_node *weft_yaml_find(const struct weft_yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != WEFT_YAML_MAPPING) {
        return NULL;
    }
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->entries[i].key->text, key) == 0) {
            return mapping->entries[i].value;
        }
    }
    return NULL;
}

const char *weft_yaml_kind_name(const struct weft_yaml_node *node)
{
    if (node == NULL) {
        return "nothing";
    }
    return node->kind == WEFT_YAML_MAPPING    ? "a mapping"
           : node->kind == WEFT_YAML_SEQUENCE ? "a list"
                                              : "a text";
}

bool weft_yaml_check_mapping(const struct weft_yaml_node *node, const char *what,
                             const char *const *keys, size_t keys_count,
                             struct weft_diagnostics *diagnostics)
{
    if (node == NULL || node->kind != WEFT_YAML_MAPPING) {
        weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR,
                             node != NULL ? node->at : (struct weft_location){0}, NULL,
                             "%s must be a mapping, not %s", what, weft_yaml_kind_name(node));
        return false;
    }
    bool well = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct weft_yaml_node *key = node->entries[i].key;
        bool known = false;
        for (size_t k = 0; k < keys_count && !known; k++) {
            known = strcmp(key->text, keys[k]) == 0;
        }
        if (!known) {
            weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR, key->at,
                                 weft_suggest(key->text, keys, keys_count),
                                 "unknown key \"%s\" in %s", key->text, what);
            well = false;
        }
    }
    return well;
}

const char *weft_yaml_check_string(const struct weft_yaml_node *node, const char *what,
                                   struct weft_diagnostics *diagnostics)
{
    struct weft_location at = node != NULL ? node->at : (struct weft_location){0};
    if (node == NULL || node->kind != WEFT_YAML_SCALAR || node->length == 0) {
        weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR, at, NULL,
                             "%s must be a text that is not empty, not %s", what,
                             node != NULL && node->kind == WEFT_YAML_SCALAR
                                 ? "an empty one"
                                 : weft_yaml_kind_name(node));
        return NULL;
    }
    if (node->length > WEFT_NAME_MAX) {
        weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR, at, NULL,
                             "%s is longer than %d bytes", what, WEFT_NAME_MAX);
        return NULL;
    }
    return node->text;
}
