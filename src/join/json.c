/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "join/operators.h"

/* Documents nested deeper are refused: merging recurses. jansson's parser has a limit of its own of
 * 2048. */
enum { JSON_DEPTH_MAX = 64 };

static enum weft_status json_infer(const struct weft_parameters *options,
                                   const struct weft_tensor_spec *inputs, size_t inputs_count,
                                   struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    const char *conflict = weft_parameters_string(options, "conflict");
    if (strcmp(conflict, "last") != 0 && strcmp(conflict, "error") != 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "conflict of join \"json\" is \"last\" or \"error\"");
    }
    for (size_t i = 0; i < inputs_count; i++) {
        if (inputs[i].datatype != WEFT_BYTES) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "json joins BYTES, but input %zu is %s", i + 1,
                                  weft_datatype_name(inputs[i].datatype));
        }
    }
    *ret_output =
        (struct weft_tensor_spec){.datatype = WEFT_BYTES, .shape = {.rank = 1, .dims = {1}}};
    return WEFT_OK;
}

/* Objects merge member by member; of anything else that stands twice the later one wins, or it is
 * an error where both differ. */
static enum weft_status merge(json_t *into, json_t *from, bool strict, unsigned depth,
                              struct weft_error **error)
{
    const char *name;
    json_t *value;
    if (depth > JSON_DEPTH_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "json: nested deeper than %d",
                              JSON_DEPTH_MAX);
    }
    json_object_foreach(from, name, value)
    {
        json_t *present = json_object_get(into, name);
        if (json_is_object(present) && json_is_object(value)) {
            enum weft_status status = merge(present, value, strict, depth + 1, error);
            if (status != WEFT_OK) {
                return status;
            }
        } else if (strict && present != NULL && !json_equal(present, value)) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT, "json: two inputs differ in \"%s\"",
                                  name);
        } else if (json_object_set(into, name, value) != 0) {
            return weft_error_set_out_of_memory(error);
        }
    }
    return WEFT_OK;
}

static enum weft_status merge_element(json_t *into, const char *bytes, size_t size_bytes,
                                      size_t input, bool strict, struct weft_error **error)
{
    json_error_t problem;
    json_t *document = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &problem);
    if (document == NULL && json_error_code(&problem) == json_error_out_of_memory) {
        return weft_error_set_out_of_memory(error);
    }
    if (!json_is_object(document)) {
        enum weft_status status =
            document == NULL
                ? weft_error_set(error, WEFT_INVALID_ARGUMENT, "json: input %zu is no JSON: %s",
                                 input + 1, problem.text)
                : weft_error_set(error, WEFT_INVALID_ARGUMENT, "json: input %zu is no object",
                                 input + 1);
        json_decref(document);
        return status;
    }
    enum weft_status status = merge(into, document, strict, 0, error);
    json_decref(document);
    return status;
}

static enum weft_status json_apply(const struct weft_parameters *options,
                                   struct weft_value *const *inputs, size_t inputs_count,
                                   const struct weft_tensor_spec *output,
                                   struct weft_value **ret_output, struct weft_error **error)
{
    (void)output;
    bool strict = strcmp(weft_parameters_string(options, "conflict"), "error") == 0;
    json_t *merged = json_object();
    enum weft_status status = merged != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    for (size_t i = 0; status == WEFT_OK && i < inputs_count; i++) {
        const char *bytes = NULL;
        size_t size_bytes = 0;
        for (size_t offset = 0;
             status == WEFT_OK && join_next_element(inputs[i], &offset, &bytes, &size_bytes);) {
            status = merge_element(merged, bytes, size_bytes, i, strict, error);
        }
    }
    if (status == WEFT_OK) {
        cleanup_free char *text = json_dumps(merged, JSON_COMPACT);
        status = text != NULL ? weft_value_new_bytes(text, strlen(text), "application/json",
                                                     ret_output, error)
                              : weft_error_set_out_of_memory(error);
    }
    json_decref(merged);
    return status;
}

static const struct weft_model_option json_options[] = {
    {"conflict", WEFT_OPTION_STRING, "last", 0, 0,
     "who wins where two inputs differ: \"last\", or nobody: \"error\""},
    {0},
};

const struct weft_join join_json = {"json", "merges JSON objects, member by member", json_options,
                                    json_infer, json_apply};
