/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "plan/parse_parts.h"

char *keep(struct parsing *parsing, const char *text)
{
    char *copy = strdup(text);
    parsing->diagnostics->failed = parsing->diagnostics->failed || copy == NULL;
    return copy;
}

void *keep_array(struct parsing *parsing, size_t count, size_t element_bytes)
{
    void *array = calloc(count + 1, element_bytes);
    parsing->diagnostics->failed = parsing->diagnostics->failed || array == NULL;
    return array;
}

struct weft_location place_of(const struct parsing *parsing, const struct weft_yaml_node *node)
{
    return node != NULL ? node->at : parsing->root_at;
}

char *optional_string(struct parsing *parsing, const struct weft_yaml_node *mapping,
                      const char *key)
{
    const struct weft_yaml_node *node = weft_yaml_find(mapping, key);
    const char *text =
        node != NULL ? weft_yaml_check_string(node, key, parsing->diagnostics) : NULL;
    return text != NULL ? keep(parsing, text) : NULL;
}

/* Names go into logs, headers and onto terminals. */
static bool check_printable(struct parsing *parsing, const struct weft_yaml_node *key,
                            const char *what)
{
    for (size_t i = 0; i < key->length; i++) {
        if ((unsigned char)key->text[i] < 0x20 || key->text[i] == 0x7f) {
            COMPLAIN(parsing, key->at, NULL, "the name of %s has a control character in it", what);
            return false;
        }
    }
    return true;
}

/* A name has no dot, for references are "step.output". */
bool check_name(struct parsing *parsing, const struct weft_yaml_node *key, const char *what)
{
    const char *name = weft_yaml_check_string(key, what, parsing->diagnostics);
    if (name == NULL) {
        return false;
    }
    if (strchr(name, '.') != NULL || strchr(name, '/') != NULL ||
        !weft_utf8_valid(name, strlen(name))) {
        COMPLAIN(parsing, key->at, NULL, "the name of %s may have neither '.' nor '/' in it", what);
        return false;
    }
    return check_printable(parsing, key, what);
}

/* Names of a model's tensors and parameters are the model's business, if they are names at all. */
bool check_foreign_name(struct parsing *parsing, const struct weft_yaml_node *key, const char *what)
{
    return weft_yaml_check_string(key, what, parsing->diagnostics) != NULL &&
           check_printable(parsing, key, what);
}

/* --- inputs and constants --- */

static void parse_input(struct parsing *parsing, const struct weft_yaml_entry *entry,
                        struct weft_pipeline_input *input)
{
    static const char *const keys[] = {"datatype", "shape", "optional", "default"};
    const struct weft_yaml_node *node = entry->value;
    input->name = keep(parsing, entry->key->text);
    input->at = entry->key->at;
    if (!check_name(parsing, entry->key, "an input") ||
        !weft_yaml_check_mapping(node, "an input", keys, COUNT(keys), parsing->diagnostics)) {
        return;
    }
    const struct weft_yaml_node *datatype = weft_yaml_find(node, "datatype");
    const struct weft_yaml_node *shape = weft_yaml_find(node, "shape");
    const struct weft_yaml_node *optional = weft_yaml_find(node, "optional");
    const struct weft_yaml_node *given = weft_yaml_find(node, "default");
    if (datatype == NULL || shape == NULL) {
        COMPLAIN(parsing, input->at, NULL, "input \"%s\" needs a %s", entry->key->text,
                 datatype == NULL ? "datatype" : "shape");
        return;
    }
    input->datatype = weft_literal_datatype(datatype, parsing->diagnostics);
    if (!weft_literal_shape(shape, &input->shape, parsing->diagnostics)) {
        return;
    }
    if (optional != NULL && !weft_yaml_bool(optional, &input->optional)) {
        COMPLAIN(parsing, optional->at, NULL, "optional is true or false");
    }
    if (given != NULL && input->datatype != WEFT_DATATYPE_NONE) {
        input->optional = true;
        input->default_value =
            weft_literal_value(given, input->datatype, &input->shape, parsing->diagnostics);
    }
}

static void parse_inputs(struct parsing *parsing, const struct weft_yaml_node *node)
{
    if (node == NULL) {
        return;
    }
    if (node->kind != WEFT_YAML_MAPPING) {
        COMPLAIN(parsing, node->at, NULL, "inputs must be a mapping, not %s",
                 weft_yaml_kind_name(node));
        return;
    }
    struct weft_pipeline *pipeline = parsing->pipeline;
    pipeline->inputs = keep_array(parsing, node->count, sizeof(*pipeline->inputs));
    if (pipeline->inputs == NULL || node->count > WEFT_VALUES_MAX) {
        COMPLAIN(parsing, node->at, NULL, "a pipeline has at most %d inputs", WEFT_VALUES_MAX);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        parse_input(parsing, &node->entries[i], &pipeline->inputs[pipeline->inputs_count++]);
    }
}

static void parse_constant(struct parsing *parsing, const struct weft_yaml_entry *entry,
                           struct constant *constant)
{
    static const char *const keys[] = {"datatype", "shape", "value"};
    const struct weft_yaml_node *node = entry->value;
    constant->name = entry->key->text;
    if (!check_name(parsing, entry->key, "a constant") ||
        !weft_yaml_check_mapping(node, "a constant", keys, COUNT(keys), parsing->diagnostics)) {
        return;
    }
    const struct weft_yaml_node *datatype = weft_yaml_find(node, "datatype");
    const struct weft_yaml_node *shape_node = weft_yaml_find(node, "shape");
    const struct weft_yaml_node *value = weft_yaml_find(node, "value");
    if (datatype == NULL || value == NULL) {
        COMPLAIN(parsing, entry->key->at, NULL, "constant \"%s\" needs a %s", entry->key->text,
                 datatype == NULL ? "datatype" : "value");
        return;
    }
    struct weft_shape shape;
    enum weft_datatype type = weft_literal_datatype(datatype, parsing->diagnostics);
    bool shaped =
        shape_node != NULL && weft_literal_shape(shape_node, &shape, parsing->diagnostics);
    if (type != WEFT_DATATYPE_NONE) {
        constant->value =
            weft_literal_value(value, type, shaped ? &shape : NULL, parsing->diagnostics);
    }
    if (weft_pipeline_find_input(parsing->pipeline, constant->name) != UINT32_MAX) {
        COMPLAIN(parsing, entry->key->at, NULL, "\"%s\" is an input already", constant->name);
    }
}

static void parse_constants(struct parsing *parsing, const struct weft_yaml_node *node)
{
    if (node == NULL) {
        return;
    }
    if (node->kind != WEFT_YAML_MAPPING) {
        COMPLAIN(parsing, node->at, NULL, "constants must be a mapping, not %s",
                 weft_yaml_kind_name(node));
        return;
    }
    parsing->constants = keep_array(parsing, node->count, sizeof(*parsing->constants));
    for (size_t i = 0; parsing->constants != NULL && i < node->count; i++) {
        parse_constant(parsing, &node->entries[i], &parsing->constants[parsing->constants_count++]);
    }
}

static void parse_outputs(struct parsing *parsing, const struct weft_yaml_node *node)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    if (node == NULL || node->kind != WEFT_YAML_MAPPING || node->count == 0 ||
        node->count > WEFT_VALUES_MAX) {
        COMPLAIN(parsing, place_of(parsing, node), NULL,
                 "a pipeline needs outputs: a mapping of 1 to %d of them", WEFT_VALUES_MAX);
        return;
    }
    pipeline->outputs = keep_array(parsing, node->count, sizeof(*pipeline->outputs));
    for (size_t i = 0; pipeline->outputs != NULL && i < node->count; i++) {
        struct weft_pipeline_binding *binding = &pipeline->outputs[pipeline->outputs_count++];
        (void)check_foreign_name(parsing, node->entries[i].key, "an output");
        parse_source(parsing, node->entries[i].value, "outputs", false, binding);
        binding->name = keep(parsing, node->entries[i].key->text);
        binding->at = node->entries[i].key->at;
    }
}

static void parse_head(struct parsing *parsing, const struct weft_yaml_node *root)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    const struct weft_yaml_node *name = weft_yaml_find(root, "pipeline");
    const struct weft_yaml_node *timeout = weft_yaml_find(root, "timeout");
    if (name == NULL) {
        COMPLAIN(parsing, root->at, NULL, "the key \"pipeline\" must name the pipeline");
    } else if (check_name(parsing, name, "the pipeline")) {
        pipeline->name = keep(parsing, name->text);
    }
    pipeline->version = optional_string(parsing, root, "version");
    pipeline->description = optional_string(parsing, root, "description");
    pipeline->version = pipeline->version != NULL ? pipeline->version : keep(parsing, "");
    pipeline->description =
        pipeline->description != NULL ? pipeline->description : keep(parsing, "");
    if (timeout != NULL && !weft_yaml_duration_ns(timeout, &pipeline->timeout_ns)) {
        COMPLAIN(parsing, timeout->at, NULL, "a timeout is a number with ms, s, m or h: \"30s\"");
    }
}

static void parse_root(struct parsing *parsing, const struct weft_yaml_node *root)
{
    static const char *const keys[] = {"pipeline", "version",   "description", "timeout",
                                       "inputs",   "constants", "steps",       "outputs"};
    if (root == NULL || root->kind != WEFT_YAML_MAPPING) {
        struct weft_location at = {1, 1};
        COMPLAIN(
            parsing, root != NULL ? root->at : at, NULL,
            "a pipeline's file is a mapping with \"pipeline\", \"steps\" and \"outputs\", not %s",
            weft_yaml_kind_name(root));
        return;
    }
    parsing->root_at = root->at;
    (void)weft_yaml_check_mapping(root, "the pipeline", keys, COUNT(keys), parsing->diagnostics);
    struct weft_pipeline *pipeline = parsing->pipeline;
    parse_head(parsing, root);
    parse_inputs(parsing, weft_yaml_find(root, "inputs"));
    parse_constants(parsing, weft_yaml_find(root, "constants"));
    parsing->input_used = keep_array(parsing, pipeline->inputs_count, sizeof(bool));
    parse_steps(parsing, weft_yaml_find(root, "steps"));
    if (parsing->input_used != NULL) {
        parse_step_sources(parsing);
    }
    if (parsing->input_used != NULL && pipeline->steps_count > 0) {
        parse_outputs(parsing, weft_yaml_find(root, "outputs"));
    }
    if (parsing->diagnostics->errors == 0 && !parsing->diagnostics->failed) {
        find_untaken(parsing); /* before the steps change places */
        order_steps(parsing);
        find_unneeded(parsing);
    }
}

enum weft_status weft_pipeline_parse_partly(const char *text, size_t length,
                                            struct weft_diagnostics *diagnostics,
                                            struct weft_pipeline **ret_pipeline,
                                            struct weft_error **error)
{
    cleanup_yaml struct weft_yaml *yaml = NULL;
    enum weft_status status = weft_yaml_parse(text, length, diagnostics, &yaml, error);
    if (status != WEFT_OK) {
        return status;
    }
    cleanup_pipeline struct weft_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    struct parsing parsing = {.pipeline = pipeline, .diagnostics = diagnostics};
    parse_root(&parsing, weft_yaml_root(yaml));
    for (size_t i = 0; i < parsing.constants_count; i++) {
        weft_value_unref(parsing.constants[i].value);
    }
    free(parsing.constants);
    free(parsing.step_nodes);
    free(parsing.step_outputs);
    free(parsing.input_used);
    weft_diagnostics_sort(diagnostics);
    if (diagnostics->failed) {
        return weft_error_set_out_of_memory(error);
    }
    *ret_pipeline = steal(&pipeline);
    return WEFT_OK;
}

enum weft_status weft_pipeline_parse(const char *text, size_t length,
                                     struct weft_diagnostics *diagnostics,
                                     struct weft_pipeline **ret_pipeline, struct weft_error **error)
{
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    enum weft_status status =
        weft_pipeline_parse_partly(text, length, diagnostics, &pipeline, error);
    if (status == WEFT_OK) {
        status = weft_diagnostics_status(diagnostics, error);
    }
    if (status == WEFT_OK) {
        *ret_pipeline = steal(&pipeline);
    }
    return status;
}
