/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/literal.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/suggest.h"

#define COMPLAIN(diagnostics, at, ...)                                                             \
    weft_diagnostics_add((diagnostics), WEFT_SEVERITY_ERROR, (at), NULL, __VA_ARGS__)

enum weft_datatype weft_literal_datatype(const struct weft_yaml_node *node,
                                         struct weft_diagnostics *diagnostics)
{
    static const char *const names[] = {
#define DATATYPE_NAME(name, number, size_bytes) #name,
        WEFT_DATATYPE_TABLE(DATATYPE_NAME)
#undef DATATYPE_NAME
    };
    const char *word = weft_yaml_check_string(node, "datatype", diagnostics);
    if (word == NULL) {
        return WEFT_DATATYPE_NONE;
    }
    enum weft_datatype datatype = weft_datatype_from_name(word, strlen(word));
    if (datatype == WEFT_DATATYPE_NONE) {
        weft_diagnostics_add(diagnostics, WEFT_SEVERITY_ERROR, node->at,
                             weft_suggest(word, names, sizeof(names) / sizeof(names[0])),
                             "there is no datatype \"%s\"", word);
    }
    return datatype;
}

bool weft_literal_shape(const struct weft_yaml_node *node, struct weft_shape *ret_shape,
                        struct weft_diagnostics *diagnostics)
{
    if (node->kind != WEFT_YAML_SEQUENCE || node->count > WEFT_RANK_MAX) {
        COMPLAIN(diagnostics, node->at,
                 "shape must be a list of at most %d whole numbers, -1 for any", WEFT_RANK_MAX);
        return false;
    }
    struct weft_shape shape = {.rank = (uint32_t)node->count};
    for (size_t i = 0; i < node->count; i++) {
        const struct weft_yaml_node *item = node->entries[i].value;
        if (!weft_yaml_int64(item, &shape.dims[i]) || shape.dims[i] < -1) {
            COMPLAIN(diagnostics, item->at, "a dimension is a whole number, or -1 for any");
            return false;
        }
    }
    *ret_shape = shape;
    return true;
}

struct building {
    enum weft_datatype datatype;
    struct weft_diagnostics *diagnostics;
    struct weft_text bytes;
    size_t elements;
};

static void put(struct building *building, const void *bytes, size_t size)
{
    weft_text_append(&building->bytes, bytes, size);
}

static bool put_integer(struct building *building, const struct weft_yaml_node *node)
{
    size_t size = weft_datatype_size_bytes(building->datatype);
    bool is_signed = building->datatype >= WEFT_INT8 && building->datatype <= WEFT_INT64;
    int64_t number = 0;
    uint64_t natural = 0;
    bool read = is_signed ? weft_yaml_int64(node, &number) : weft_yaml_uint64(node, &natural);
    if (read && is_signed && size < 8) {
        read = number >= -(INT64_C(1) << (8 * size - 1)) && number < INT64_C(1) << (8 * size - 1);
    } else if (read && !is_signed && size < 8) {
        read = natural < UINT64_C(1) << (8 * size);
    }
    if (read) {
        put(building, is_signed ? (const void *)&number : (const void *)&natural,
            size); /* little-endian */
    }
    return read;
}

static bool put_bytes(struct building *building, const struct weft_yaml_node *node)
{
    uint8_t prefix[4];
    for (unsigned i = 0; i < sizeof(prefix); i++) {
        prefix[i] = (uint8_t)(node->length >> (8 * i));
    }
    put(building, prefix, sizeof(prefix));
    put(building, node->text, node->length);
    return true;
}

static bool put_scalar(struct building *building, const struct weft_yaml_node *node)
{
    double number = 0;
    float single = 0;
    bool boolean = false;
    switch (building->datatype) {
    case WEFT_BYTES:
        return put_bytes(building, node);
    case WEFT_BOOL:
        if (!weft_yaml_bool(node, &boolean)) {
            return false;
        }
        put(building, boolean ? "\1" : "\0", 1);
        return true;
    case WEFT_FP32:
        if (!weft_yaml_double(node, &number) ||
            (isfinite(number) && fabs(number) > (double)FLT_MAX)) {
            return false;
        }
        single = (float)number;
        put(building, &single, sizeof(single));
        return true;
    case WEFT_FP64:
        if (!weft_yaml_double(node, &number)) {
            return false;
        }
        put(building, &number, sizeof(number));
        return true;
    case WEFT_FP16:
    case WEFT_BF16:
    case WEFT_DATATYPE_NONE:
        return false;
    default:
        return put_integer(building, node);
    }
}

/* Walks the lists; every list of one level must be as long as the first of that level. */
static bool walk(struct building *building, const struct weft_yaml_node *node,
                 struct weft_shape *shape, uint32_t depth)
{
    if (node->kind == WEFT_YAML_MAPPING ||
        (node->kind == WEFT_YAML_SEQUENCE && depth >= WEFT_RANK_MAX)) {
        COMPLAIN(building->diagnostics, node->at,
                 "a tensor is a text, a number, or lists of them, at most %d deep", WEFT_RANK_MAX);
        return false;
    }
    if (node->kind == WEFT_YAML_SCALAR) {
        if (depth < shape->rank || !put_scalar(building, node)) {
            COMPLAIN(building->diagnostics, node->at,
                     depth < shape->rank ? "a list is missing here" : "\"%s\" is no %s", node->text,
                     weft_datatype_name(building->datatype));
            return false;
        }
        if (++building->elements > WEFT_LITERAL_ELEMENTS_MAX) {
            COMPLAIN(building->diagnostics, node->at,
                     "a literal has at most %d elements; send more as an input",
                     WEFT_LITERAL_ELEMENTS_MAX);
            return false;
        }
        return true;
    }
    if (building->elements == 0 && depth == shape->rank) {
        shape->dims[shape->rank++] = (int64_t)node->count;
    }
    if (depth >= shape->rank || shape->dims[depth] != (int64_t)node->count) {
        COMPLAIN(building->diagnostics, node->at, "the lists of one level must be equally long");
        return false;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!walk(building, node->entries[i].value, shape, depth + 1)) {
            return false;
        }
    }
    return true;
}

struct weft_value *weft_literal_value(const struct weft_yaml_node *node,
                                      enum weft_datatype datatype, const struct weft_shape *shape,
                                      struct weft_diagnostics *diagnostics)
{
    if (datatype == WEFT_FP16 || datatype == WEFT_BF16) {
        COMPLAIN(diagnostics, node->at, "%s cannot be written out here; FP32 and FP64 can",
                 weft_datatype_name(datatype));
        return NULL;
    }
    struct building building = {.datatype = datatype, .diagnostics = diagnostics};
    struct weft_shape found = {0};
    struct weft_value *value = NULL;
    bool read = walk(&building, node, &found, 0);
    if (read && found.rank == 0) {
        found = (struct weft_shape){.rank = 1, .dims = {1}};
    }
    if (read && shape != NULL && !weft_shape_fits(&found, shape)) {
        char is[256], wanted[256];
        weft_shape_format(&found, is, sizeof(is));
        weft_shape_format(shape, wanted, sizeof(wanted));
        COMPLAIN(diagnostics, node->at, "this has shape %s, but %s is declared", is, wanted);
    } else if (read && weft_value_new(datatype, &found, weft_text_string(&building.bytes),
                                      building.bytes.length, &value, NULL) != WEFT_OK) {
        diagnostics->failed = true;
    }
    diagnostics->failed = diagnostics->failed || building.bytes.failed;
    weft_text_fini(&building.bytes);
    return value;
}
