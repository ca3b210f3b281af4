/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "plan/parse_parts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static struct weft_location place_of(const struct weft_yaml_node *node)
{
    return node != NULL ? node->at : (struct weft_location){0};
}

static char *optional_string(struct parsing *parsing, const struct weft_yaml_node *mapping,
                             const char *key)
{
    const struct weft_yaml_node *node = weft_yaml_find(mapping, key);
    const char *text =
        node != NULL ? weft_yaml_check_string(node, key, parsing->diagnostics) : NULL;
    return text != NULL ? keep(parsing, text) : NULL;
}

/* A name has no dot, for references are "step.output". */
static bool check_name(struct parsing *parsing, const struct weft_yaml_node *key, const char *what)
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
    return true;
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

/* --- steps --- */

static void parse_needs(struct parsing *parsing, const struct weft_yaml_node *node,
                        struct weft_needs *needs)
{
    static const char *const keys[] = {"slots", "memory", "tags"};
    if (node == NULL ||
        !weft_yaml_check_mapping(node, "needs", keys, COUNT(keys), parsing->diagnostics)) {
        return;
    }
    const struct weft_yaml_node *slots = weft_yaml_find(node, "slots");
    const struct weft_yaml_node *memory = weft_yaml_find(node, "memory");
    const struct weft_yaml_node *tags = weft_yaml_find(node, "tags");
    uint64_t number = 0;
    if (slots != NULL &&
        (!weft_yaml_uint64(slots, &number) || number == 0 || number > UINT32_MAX)) {
        COMPLAIN(parsing, slots->at, NULL, "slots is a whole number, at least 1");
    }
    needs->slots = (uint32_t)number;
    if (memory != NULL && !weft_yaml_size_bytes(memory, &needs->memory_bytes)) {
        COMPLAIN(parsing, memory->at, NULL,
                 "memory is a number of bytes, or one with KiB, MiB, GiB");
    }
    if (tags != NULL && (tags->kind != WEFT_YAML_SEQUENCE || tags->count > WEFT_NODE_TAGS_MAX)) {
        COMPLAIN(parsing, tags->at, NULL, "tags is a list of at most %d words", WEFT_NODE_TAGS_MAX);
        return;
    }
    needs->tags = tags != NULL ? keep_array(parsing, tags->count, sizeof(char *)) : NULL;
    for (size_t i = 0; needs->tags != NULL && i < tags->count; i++) {
        const char *tag =
            weft_yaml_check_string(tags->entries[i].value, "a tag", parsing->diagnostics);
        if (tag != NULL) {
            needs->tags[needs->tags_count++] = keep(parsing, tag);
        }
    }
}

static void parse_parameter(struct parsing *parsing, const struct weft_yaml_entry *entry,
                            struct weft_parameters *parameters)
{
    const struct weft_yaml_node *node = entry->value;
    struct weft_parameter parameter = {.name = entry->key->text};
    if (node->kind != WEFT_YAML_SCALAR) {
        COMPLAIN(parsing, node->at, NULL, "a parameter is a text, a number, true or false");
        return;
    }
    if (weft_yaml_bool(node, &parameter.boolean)) {
        parameter.kind = WEFT_PARAMETER_BOOL;
    } else if (weft_yaml_int64(node, &parameter.int64)) {
        parameter.kind = WEFT_PARAMETER_INT64;
    } else if (weft_yaml_double(node, &parameter.number)) {
        parameter.kind = WEFT_PARAMETER_DOUBLE;
    } else {
        parameter.kind = WEFT_PARAMETER_STRING;
        parameter.string = node->text;
        parameter.string_length = node->length;
    }
    enum weft_status status = weft_parameters_set(parameters, &parameter, NULL);
    if (status == WEFT_RESOURCE_EXHAUSTED) {
        COMPLAIN(parsing, entry->key->at, NULL, "a step has at most %d parameters",
                 WEFT_PARAMETERS_MAX);
    } else if (status != WEFT_OK) {
        parsing->diagnostics->failed = true;
    }
}

static void parse_parameters(struct parsing *parsing, const struct weft_yaml_node *node,
                             struct weft_parameters *parameters)
{
    if (node != NULL && node->kind != WEFT_YAML_MAPPING) {
        COMPLAIN(parsing, node->at, NULL, "parameters must be a mapping, not %s",
                 weft_yaml_kind_name(node));
        return;
    }
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        parse_parameter(parsing, &node->entries[i], parameters);
    }
}

static void parse_model(struct parsing *parsing, const struct weft_yaml_node *node,
                        struct weft_pipeline_step *step)
{
    const struct weft_yaml_node *model = weft_yaml_find(node, "model");
    const struct weft_yaml_node *join = weft_yaml_find(node, "join");
    if ((model == NULL) == (join == NULL)) {
        COMPLAIN(parsing, step->at, NULL, "step \"%s\" needs either a model or a join", step->name);
        return;
    }
    const char *name = weft_yaml_check_string(
        model != NULL ? model : join, model != NULL ? "model" : "join", parsing->diagnostics);
    step->model_at = (model != NULL ? model : join)->at;
    if (name == NULL) {
        return;
    }
    cleanup_text struct weft_text text = {0};
    weft_text_printf(&text, "%s%s", join != NULL ? WEFT_JOIN_MODEL_PREFIX : "", name);
    step->model = keep(parsing, weft_text_string(&text));
}

static void parse_step(struct parsing *parsing, const struct weft_yaml_entry *entry,
                       struct weft_pipeline_step *step)
{
    static const char *const keys[] = {"model",  "join",       "version", "node",   "needs",
                                       "inputs", "parameters", "after",   "outputs"};
    const struct weft_yaml_node *node = entry->value;
    step->name = keep(parsing, entry->key->text);
    step->at = entry->key->at;
    cleanup_text struct weft_text what = {0};
    weft_text_printf(&what, "step \"%s\"", entry->key->text);
    if (!check_name(parsing, entry->key, "a step") ||
        !weft_yaml_check_mapping(node, weft_text_string(&what), keys, COUNT(keys),
                                 parsing->diagnostics)) {
        if (node->kind != WEFT_YAML_MAPPING) {
            return;
        }
    }
    if (weft_pipeline_find_input(parsing->pipeline, step->name) != UINT32_MAX) {
        COMPLAIN(parsing, step->at, NULL, "\"%s\" is an input already", step->name);
    }
    parse_model(parsing, node, step);
    step->model_version = optional_string(parsing, node, "version");
    step->node = optional_string(parsing, node, "node");
    parse_needs(parsing, weft_yaml_find(node, "needs"), &step->needs);
    parse_parameters(parsing, weft_yaml_find(node, "parameters"), &step->parameters);
}

/* First only what the steps are, so that they may refer to each other in any order. */
static void parse_steps(struct parsing *parsing, const struct weft_yaml_node *node)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    if (node == NULL || node->kind != WEFT_YAML_MAPPING || node->count == 0 ||
        node->count > WEFT_PLAN_STEPS_MAX) {
        COMPLAIN(parsing, place_of(node), NULL,
                 "a pipeline needs steps: a mapping of 1 to %d of them", WEFT_PLAN_STEPS_MAX);
        return;
    }
    pipeline->steps = keep_array(parsing, node->count, sizeof(*pipeline->steps));
    parsing->step_nodes = keep_array(parsing, node->count, sizeof(*parsing->step_nodes));
    if (pipeline->steps == NULL || parsing->step_nodes == NULL) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        parsing->step_nodes[i] = node->entries[i].value;
        parse_step(parsing, &node->entries[i], &pipeline->steps[pipeline->steps_count++]);
    }
}

static void parse_step_inputs(struct parsing *parsing, const struct weft_yaml_node *node,
                              struct weft_pipeline_step *step)
{
    if (node == NULL) {
        return;
    }
    if (node->kind != WEFT_YAML_MAPPING || node->count > WEFT_STEP_TENSORS_MAX) {
        COMPLAIN(parsing, node->at, NULL,
                 "the inputs of step \"%s\" must be a mapping of at most %d", step->name,
                 WEFT_STEP_TENSORS_MAX);
        return;
    }
    step->inputs = keep_array(parsing, node->count, sizeof(*step->inputs));
    for (size_t i = 0; step->inputs != NULL && i < node->count; i++) {
        struct weft_pipeline_binding *binding = &step->inputs[step->inputs_count++];
        parse_source(parsing, node->entries[i].value, step->name, true, binding);
        binding->name = keep(parsing, node->entries[i].key->text);
        binding->at = node->entries[i].key->at;
    }
}

static void parse_after(struct parsing *parsing, const struct weft_yaml_node *node,
                        struct weft_pipeline_step *step)
{
    if (node == NULL) {
        return;
    }
    if (node->kind != WEFT_YAML_SEQUENCE || node->count > WEFT_STEP_AFTER_MAX - 1) {
        COMPLAIN(parsing, node->at, NULL, "after is a list of at most %d steps",
                 WEFT_STEP_AFTER_MAX - 1);
        return;
    }
    step->after = keep_array(parsing, node->count, sizeof(*step->after));
    for (size_t i = 0; step->after != NULL && i < node->count; i++) {
        const struct weft_yaml_node *item = node->entries[i].value;
        const char *name = weft_yaml_check_string(item, "a step in after", parsing->diagnostics);
        uint32_t index =
            name != NULL ? weft_pipeline_find_step(parsing->pipeline, name) : UINT32_MAX;
        if (name != NULL && index == UINT32_MAX) {
            COMPLAIN(parsing, item->at, NULL, "there is no step \"%s\"", name);
        } else if (name != NULL) {
            step->after[step->after_count++] = index;
        }
    }
}

static void parse_outputs(struct parsing *parsing, const struct weft_yaml_node *node)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    if (node == NULL || node->kind != WEFT_YAML_MAPPING || node->count == 0 ||
        node->count > WEFT_VALUES_MAX) {
        COMPLAIN(parsing, place_of(node), NULL,
                 "a pipeline needs outputs: a mapping of 1 to %d of them", WEFT_VALUES_MAX);
        return;
    }
    pipeline->outputs = keep_array(parsing, node->count, sizeof(*pipeline->outputs));
    for (size_t i = 0; pipeline->outputs != NULL && i < node->count; i++) {
        struct weft_pipeline_binding *binding = &pipeline->outputs[pipeline->outputs_count++];
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
    (void)weft_yaml_check_mapping(root, "the pipeline", keys, COUNT(keys), parsing->diagnostics);
    struct weft_pipeline *pipeline = parsing->pipeline;
    parse_head(parsing, root);
    parse_inputs(parsing, weft_yaml_find(root, "inputs"));
    parse_constants(parsing, weft_yaml_find(root, "constants"));
    parsing->input_used = keep_array(parsing, pipeline->inputs_count, sizeof(bool));
    parse_steps(parsing, weft_yaml_find(root, "steps"));
    for (size_t i = 0; parsing->input_used != NULL && i < pipeline->steps_count; i++) {
        const struct weft_yaml_node *node = parsing->step_nodes[i];
        if (node->kind == WEFT_YAML_MAPPING) {
            parse_step_inputs(parsing, weft_yaml_find(node, "inputs"), &pipeline->steps[i]);
            parse_after(parsing, weft_yaml_find(node, "after"), &pipeline->steps[i]);
        }
    }
    if (parsing->input_used != NULL && pipeline->steps_count > 0) {
        parse_outputs(parsing, weft_yaml_find(root, "outputs"));
    }
    if (parsing->diagnostics->errors == 0 && !parsing->diagnostics->failed) {
        order_steps(parsing);
        find_unneeded(parsing);
    }
}

enum weft_status weft_pipeline_parse(const char *text, size_t length,
                                     struct weft_diagnostics *diagnostics,
                                     struct weft_pipeline **ret_pipeline, struct weft_error **error)
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
    free(parsing.input_used);
    weft_diagnostics_sort(diagnostics);
    status = weft_diagnostics_status(diagnostics, error);
    if (status == WEFT_OK) {
        *ret_pipeline = steal(&pipeline);
    }
    return status;
}
