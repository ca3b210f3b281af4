/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parameters.h"

#include <stdlib.h>
#include <string.h>

static void item_fini(struct weft_parameter *item)
{
    free((char *)item->name);
    free((char *)item->string);
}

void weft_parameters_fini(struct weft_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        item_fini(&parameters->items[i]);
    }
    free(parameters->items);
    *parameters = (struct weft_parameters){0};
}

static bool item_copy(const struct weft_parameter *from, struct weft_parameter *ret_item)
{
    struct weft_parameter item = *from;
    item.name = strdup(from->name);
    item.string = NULL;
    if (from->kind == WEFT_PARAMETER_STRING) {
        char *string = malloc(from->string_length + 1);
        if (string != NULL) {
            memcpy(string, from->string, from->string_length);
            string[from->string_length] = '\0';
        }
        item.string = string;
    }
    if (item.name == NULL || (from->kind == WEFT_PARAMETER_STRING && item.string == NULL)) {
        item_fini(&item);
        return false;
    }
    *ret_item = item;
    return true;
}

static struct weft_parameter *find(const struct weft_parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            return &parameters->items[i];
        }
    }
    return NULL;
}

static enum weft_status reserve_one(struct weft_parameters *parameters, struct weft_error **error)
{
    if (parameters->count >= WEFT_PARAMETERS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d parameters",
                              WEFT_PARAMETERS_MAX);
    }
    if (parameters->count < parameters->capacity) {
        return WEFT_OK;
    }
    size_t capacity = parameters->capacity == 0 ? 4 : parameters->capacity * 2;
    struct weft_parameter *items = realloc(parameters->items, capacity * sizeof(*items));
    if (items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    parameters->items = items;
    parameters->capacity = capacity;
    return WEFT_OK;
}

enum weft_status weft_parameters_set(struct weft_parameters *parameters,
                                     const struct weft_parameter *parameter,
                                     struct weft_error **error)
{
    struct weft_parameter *place = find(parameters, parameter->name);
    enum weft_status status = place == NULL ? reserve_one(parameters, error) : WEFT_OK;
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_parameter item;
    if (!item_copy(parameter, &item)) {
        return weft_error_set_out_of_memory(error);
    }
    if (place != NULL) {
        item_fini(place);
        *place = item;
    } else {
        parameters->items[parameters->count++] = item;
    }
    return WEFT_OK;
}

enum weft_status weft_parameters_set_string(struct weft_parameters *parameters, const char *name,
                                            const char *string, struct weft_error **error)
{
    struct weft_parameter parameter = {.name = name,
                                       .kind = WEFT_PARAMETER_STRING,
                                       .string = string,
                                       .string_length = strlen(string)};
    return weft_parameters_set(parameters, &parameter, error);
}

enum weft_status weft_parameters_set_int64(struct weft_parameters *parameters, const char *name,
                                           int64_t number, struct weft_error **error)
{
    struct weft_parameter parameter = {.name = name, .kind = WEFT_PARAMETER_INT64, .int64 = number};
    return weft_parameters_set(parameters, &parameter, error);
}

enum weft_status weft_parameters_set_bool(struct weft_parameters *parameters, const char *name,
                                          bool boolean, struct weft_error **error)
{
    struct weft_parameter parameter = {
        .name = name, .kind = WEFT_PARAMETER_BOOL, .boolean = boolean};
    return weft_parameters_set(parameters, &parameter, error);
}

enum weft_status weft_parameters_merge(struct weft_parameters *parameters,
                                       const struct weft_parameters *from,
                                       struct weft_error **error)
{
    for (size_t i = 0; i < from->count; i++) {
        if (find(parameters, from->items[i].name) == NULL) {
            enum weft_status status = weft_parameters_set(parameters, &from->items[i], error);
            if (status != WEFT_OK) {
                return status;
            }
        }
    }
    return WEFT_OK;
}

const struct weft_parameter *weft_parameters_find(const struct weft_parameters *parameters,
                                                  const char *name)
{
    return find(parameters, name);
}

const char *weft_parameters_string(const struct weft_parameters *parameters, const char *name)
{
    const struct weft_parameter *item = find(parameters, name);
    return item != NULL && item->kind == WEFT_PARAMETER_STRING ? item->string : NULL;
}
