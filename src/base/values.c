/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/value.h"

void weft_values_fini(struct weft_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        free(values->items[i].name);
        weft_value_unref(values->items[i].value);
    }
    free(values->items);
    *values = (struct weft_values){0};
}

static enum weft_status reserve_one(struct weft_values *values, struct weft_error **error)
{
    if (values->count >= WEFT_VALUES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d tensors",
                              WEFT_VALUES_MAX);
    }
    if (values->count < values->capacity) {
        return WEFT_OK;
    }
    size_t capacity = values->capacity == 0 ? 4 : values->capacity * 2;
    struct weft_named_value *items = realloc(values->items, capacity * sizeof(*items));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    values->items = items;
    values->capacity = capacity;
    return WEFT_OK;
}

enum weft_status weft_values_add(struct weft_values *values, const char *name,
                                 struct weft_value *value, struct weft_error **error)
{
    if (weft_values_find(values, name) != NULL) {
        return weft_error_set(error, WEFT_ALREADY_EXISTS, "tensor \"%s\" is given twice", name);
    }
    enum weft_status status = reserve_one(values, error);
    if (status != WEFT_OK) {
        return status;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    values->items[values->count++] = (struct weft_named_value){copy, weft_value_ref(value)};
    return WEFT_OK;
}

struct weft_value *weft_values_find(const struct weft_values *values, const char *name)
{
    for (size_t i = 0; i < values->count; i++) {
        if (strcmp(values->items[i].name, name) == 0) {
            return values->items[i].value;
        }
    }
    return NULL;
}

uint64_t weft_values_size_bytes(const struct weft_values *values)
{
    uint64_t size_bytes = 0;
    for (size_t i = 0; i < values->count; i++) {
        size_bytes += weft_value_size_bytes(values->items[i].value);
    }
    return size_bytes;
}
