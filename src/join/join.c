/* SPDX-License-Identifier: Apache-2.0 */
#include "join/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "join/operators.h"

static const struct weft_join *const joins[] = {&join_concat, &join_stack, &join_text, &join_json,
                                                &join_layers, &join_tiles, NULL};

enum { JOINS_COUNT = sizeof(joins) / sizeof(joins[0]) - 1 };

const struct weft_join *const *weft_join_all(void)
{
    return joins;
}

const struct weft_join *weft_join_find(const char *name)
{
    static const char prefix[] = "join/";
    name += strncmp(name, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
    for (size_t i = 0; i < JOINS_COUNT; i++) {
        if (strcmp(joins[i]->name, name) == 0) {
            return joins[i];
        }
    }
    return NULL;
}

static enum weft_status find(const char *name, const struct weft_join **ret_join,
                             struct weft_error **error)
{
    *ret_join = weft_join_find(name);
    if (*ret_join != NULL) {
        return WEFT_OK;
    }
    const char *names[JOINS_COUNT];
    for (size_t i = 0; i < JOINS_COUNT; i++) {
        names[i] = joins[i]->name;
    }
    const char *bare = strchr(name, '/') != NULL ? strchr(name, '/') + 1 : name;
    const char *near = weft_suggest(bare, names, JOINS_COUNT);
    enum weft_status status =
        weft_error_set(error, WEFT_NOT_FOUND, "there is no join \"%s\"", bare);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    }
    return status;
}

/* --- options --- */

static const struct weft_model_option *find_option(const struct weft_join *join, const char *name)
{
    for (const struct weft_model_option *option = join->options;
         option != NULL && option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0) {
            return option;
        }
    }
    return NULL;
}

enum { OPTIONS_MAX = 16 };

static enum weft_status refuse_option(const struct weft_join *join, const char *name,
                                      struct weft_error **error)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (const struct weft_model_option *option = join->options;
         option != NULL && option->name != NULL && count < OPTIONS_MAX; option++) {
        names[count++] = option->name;
    }
    const char *near = weft_suggest(name, names, count);
    enum weft_status status = weft_error_set(
        error, WEFT_INVALID_ARGUMENT, "join \"%s\" has no parameter \"%s\"", join->name, name);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    }
    return status;
}

static enum weft_status check_option(const struct weft_join *join,
                                     const struct weft_parameter *given, struct weft_error **error)
{
    static const char *const kinds[] = {
        [WEFT_OPTION_BOOL] = "true or false",
        [WEFT_OPTION_INT64] = "a whole number",
        [WEFT_OPTION_DOUBLE] = "a number",
        [WEFT_OPTION_STRING] = "a text",
    };
    const struct weft_model_option *option = find_option(join, given->name);
    if (option == NULL) {
        return refuse_option(join, given->name, error);
    }
    bool right = (option->kind == WEFT_OPTION_BOOL && given->kind == WEFT_PARAMETER_BOOL) ||
                 (option->kind == WEFT_OPTION_INT64 && given->kind == WEFT_PARAMETER_INT64) ||
                 (option->kind == WEFT_OPTION_STRING && given->kind == WEFT_PARAMETER_STRING);
    if (!right) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "parameter \"%s\" of join \"%s\" is %s",
                              option->name, join->name, kinds[option->kind]);
    }
    bool bounded = option->minimum != 0 || option->maximum != 0;
    if (bounded && option->kind == WEFT_OPTION_INT64 &&
        ((double)given->int64 < option->minimum || (double)given->int64 > option->maximum)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "parameter \"%s\" of join \"%s\" is between %g and %g", option->name,
                              join->name, option->minimum, option->maximum);
    }
    return WEFT_OK;
}

static enum weft_status add_default(const struct weft_model_option *option,
                                    struct weft_parameters *options, struct weft_error **error)
{
    switch (option->kind) {
    case WEFT_OPTION_BOOL:
        return weft_parameters_set_bool(options, option->name,
                                        strcmp(option->default_value, "true") == 0, error);
    case WEFT_OPTION_INT64:
        return weft_parameters_set_int64(options, option->name,
                                         strtoll(option->default_value, NULL, 10), error);
    default:
        return weft_parameters_set_string(options, option->name, option->default_value, error);
    }
}

/* The options that were given, checked, and the defaults of the others. */
static enum weft_status complete(const struct weft_join *join, const struct weft_parameters *given,
                                 struct weft_parameters *ret_options, struct weft_error **error)
{
    for (size_t i = 0; i < given->count; i++) {
        enum weft_status status = check_option(join, &given->items[i], error);
        if (status == WEFT_OK) {
            status = weft_parameters_set(ret_options, &given->items[i], error);
        }
        if (status != WEFT_OK) {
            return status;
        }
    }
    for (const struct weft_model_option *option = join->options;
         option != NULL && option->name != NULL; option++) {
        if (weft_parameters_find(ret_options, option->name) == NULL) {
            enum weft_status status = add_default(option, ret_options, error);
            if (status != WEFT_OK) {
                return status;
            }
        }
    }
    return WEFT_OK;
}

static enum weft_status infer(const struct weft_join *join, const struct weft_parameters *options,
                              const struct weft_tensor_spec *inputs, size_t inputs_count,
                              struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    if (inputs_count == 0 || inputs_count > WEFT_JOIN_INPUTS_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "join \"%s\" takes 1 to %d inputs, not %zu", join->name,
                              WEFT_JOIN_INPUTS_MAX, inputs_count);
    }
    return join->infer(options, inputs, inputs_count, ret_output, error);
}

enum weft_status weft_join_infer(const char *name, const struct weft_parameters *options,
                                 const struct weft_tensor_spec *inputs, size_t inputs_count,
                                 struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    const struct weft_join *join = NULL;
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters complete_options = {0};
    enum weft_status status = find(name, &join, error);
    if (status == WEFT_OK) {
        status = complete(join, options, &complete_options, error);
    }
    return status == WEFT_OK
               ? infer(join, &complete_options, inputs, inputs_count, ret_output, error)
               : status;
}

static enum weft_status check_size(const struct weft_join *join,
                                   const struct weft_tensor_spec *output, struct weft_error **error)
{
    uint64_t size_bytes = 0;
    if (output->datatype != WEFT_BYTES &&
        (!weft_shape_size_bytes(&output->shape, output->datatype, &size_bytes) ||
         size_bytes > WEFT_JOIN_OUTPUT_MAX_BYTES)) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "join \"%s\" would put out more than %llu bytes", join->name,
                              (unsigned long long)WEFT_JOIN_OUTPUT_MAX_BYTES);
    }
    return WEFT_OK;
}

enum weft_status weft_join_apply(const char *name, const struct weft_parameters *options,
                                 struct weft_value *const *inputs, size_t inputs_count,
                                 struct weft_value **ret_output, struct weft_error **error)
{
    const struct weft_join *join = NULL;
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters complete_options = {0};
    struct weft_tensor_spec output = {0};
    enum weft_status status = find(name, &join, error);
    if (status == WEFT_OK) {
        status = complete(join, options, &complete_options, error);
    }
    cleanup_free struct weft_tensor_spec *specs = calloc(inputs_count + 1, sizeof(*specs));
    if (status != WEFT_OK) {
        return status;
    }
    if (specs == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < inputs_count; i++) {
        specs[i].datatype = weft_value_datatype(inputs[i]);
        specs[i].shape = *weft_value_shape(inputs[i]);
    }
    status = infer(join, &complete_options, specs, inputs_count, &output, error);
    if (status == WEFT_OK) {
        status = check_size(join, &output, error);
    }
    return status == WEFT_OK
               ? join->apply(&complete_options, inputs, inputs_count, &output, ret_output, error)
               : status;
}
