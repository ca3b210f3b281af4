/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <weft/datatype.h>

struct datatype_row {
    const char *name;
    size_t size_bytes;
};

static const struct datatype_row datatype_rows[] = {[WEFT_DATATYPE_NONE] = {"NONE", 0},
#define DATATYPE_ROW(name, number, size_bytes) [(number)] = {#name, (size_bytes)},
                                                    WEFT_DATATYPE_TABLE(DATATYPE_ROW)
#undef DATATYPE_ROW
};

enum { DATATYPES_COUNT = sizeof(datatype_rows) / sizeof(datatype_rows[0]) };

const char *weft_datatype_name(enum weft_datatype datatype)
{
    return datatype_rows[(size_t)datatype < DATATYPES_COUNT ? datatype : WEFT_DATATYPE_NONE].name;
}

size_t weft_datatype_size_bytes(enum weft_datatype datatype)
{
    return datatype_rows[(size_t)datatype < DATATYPES_COUNT ? datatype : WEFT_DATATYPE_NONE]
        .size_bytes;
}

enum weft_datatype weft_datatype_from_name(const char *name, size_t length)
{
    for (size_t i = WEFT_DATATYPE_NONE + 1; i < DATATYPES_COUNT; i++) {
        if (strlen(datatype_rows[i].name) == length &&
            memcmp(datatype_rows[i].name, name, length) == 0) {
            return (enum weft_datatype)i;
        }
    }
    return WEFT_DATATYPE_NONE;
}

bool weft_shape_elements(const struct weft_shape *shape, uint64_t *ret_elements)
{
    uint64_t elements = 1;
    if (shape->rank > WEFT_RANK_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0 ||
            __builtin_mul_overflow(elements, (uint64_t)shape->dims[i], &elements)) {
            return false;
        }
    }
    *ret_elements = elements;
    return true;
}

bool weft_shape_size_bytes(const struct weft_shape *shape, enum weft_datatype datatype,
                           uint64_t *ret_size_bytes)
{
    uint64_t element_size_bytes = weft_datatype_size_bytes(datatype);
    uint64_t elements = 0;
    uint64_t size_bytes = 0;
    if (element_size_bytes == 0 || !weft_shape_elements(shape, &elements) ||
        __builtin_mul_overflow(elements, element_size_bytes, &size_bytes)) {
        return false;
    }
    *ret_size_bytes = size_bytes;
    return true;
}

bool weft_shape_fits(const struct weft_shape *shape, const struct weft_shape *specification)
{
    if (shape->rank != specification->rank) {
        return false;
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (specification->dims[i] != -1 && specification->dims[i] != shape->dims[i]) {
            return false;
        }
    }
    return true;
}

bool weft_shape_equal(const struct weft_shape *a, const struct weft_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof(a->dims[0])) == 0;
}

size_t weft_shape_format(const struct weft_shape *shape, char *text, size_t capacity)
{
    char whole[WEFT_RANK_MAX * 21 + 3];
    size_t length = 0;
    whole[length++] = '[';
    for (uint32_t i = 0; i < shape->rank && i < WEFT_RANK_MAX; i++) {
        length += (size_t)snprintf(whole + length, sizeof(whole) - length, "%s%lld",
                                   i > 0 ? "," : "", (long long)shape->dims[i]);
    }
    whole[length++] = ']';
    whole[length] = '\0';
    if (capacity > 0) {
        snprintf(text, capacity, "%s", whole);
    }
    return length;
}
