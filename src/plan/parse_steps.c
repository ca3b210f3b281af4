/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "plan/parse_parts.h"

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
    if (!check_foreign_name(parsing, entry->key, "a parameter")) {
        return;
    }
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

/* A list of names says which outputs a step has: a reference to another one is then a slip that
 * shows without the models. */
static void parse_step_outputs(struct parsing *parsing, const struct weft_yaml_node *node,
                               size_t index)
{
    if (node == NULL) {
        return;
    }
    struct weft_pipeline_step *step = &parsing->pipeline->steps[index];
    if (node->kind != WEFT_YAML_SEQUENCE || node->count == 0 ||
        node->count > WEFT_STEP_TENSORS_MAX) {
        COMPLAIN(parsing, node->at, NULL,
                 "the outputs of step \"%s\" must be a list of 1 to %d names", step->name,
                 WEFT_STEP_TENSORS_MAX);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct weft_yaml_node *item = node->entries[i].value;
        if (!check_foreign_name(parsing, item, "an output")) {
            return;
        }
        for (size_t before = 0; before < i; before++) {
            if (strcmp(node->entries[before].value->text, item->text) == 0) {
                COMPLAIN(parsing, item->at, NULL, "output \"%s\" is listed twice", item->text);
            }
        }
    }
    parsing->step_outputs[index] = node;
}

/* First only what the steps are, so that they may refer to each other in any order. */
void parse_steps(struct parsing *parsing, const struct weft_yaml_node *node)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    if (node == NULL || node->kind != WEFT_YAML_MAPPING || node->count == 0 ||
        node->count > WEFT_PLAN_STEPS_MAX) {
        COMPLAIN(parsing, place_of(parsing, node), NULL,
                 "a pipeline needs steps: a mapping of 1 to %d of them", WEFT_PLAN_STEPS_MAX);
        return;
    }
    pipeline->steps = keep_array(parsing, node->count, sizeof(*pipeline->steps));
    parsing->step_nodes = keep_array(parsing, node->count, sizeof(*parsing->step_nodes));
    parsing->step_outputs = keep_array(parsing, node->count, sizeof(*parsing->step_outputs));
    if (pipeline->steps == NULL || parsing->step_nodes == NULL || parsing->step_outputs == NULL) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        parsing->step_nodes[i] = node->entries[i].value;
        parse_step(parsing, &node->entries[i], &pipeline->steps[pipeline->steps_count++]);
        parse_step_outputs(parsing, weft_yaml_find(node->entries[i].value, "outputs"), i);
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
        (void)check_foreign_name(parsing, node->entries[i].key, "an input");
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
            COMPLAIN(parsing, item->at, nearest_step(parsing, name), "there is no step \"%s\"",
                     name);
        } else if (name != NULL) {
            step->after[step->after_count++] = index;
        }
    }
}

/* Then what they take, and wait for. */
void parse_step_sources(struct parsing *parsing)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        const struct weft_yaml_node *node = parsing->step_nodes[i];
        if (node->kind == WEFT_YAML_MAPPING) {
            parse_step_inputs(parsing, weft_yaml_find(node, "inputs"), &pipeline->steps[i]);
            parse_after(parsing, weft_yaml_find(node, "after"), &pipeline->steps[i]);
        }
    }
}

/* What is listed and not taken is let be, but said. */
void find_untaken(struct parsing *parsing)
{
    for (size_t i = 0; i < parsing->pipeline->steps_count; i++) {
        const struct weft_yaml_node *list = parsing->step_outputs[i];
        const struct weft_pipeline_step *step = &parsing->pipeline->steps[i];
        for (size_t item = 0; list != NULL && item < list->count; item++) {
            const struct weft_yaml_node *name = list->entries[item].value;
            bool taken = false;
            for (size_t output = 0; output < step->outputs_count && !taken; output++) {
                taken = strcmp(step->outputs[output], name->text) == 0;
            }
            if (!taken) {
                weft_diagnostics_add(parsing->diagnostics, WEFT_SEVERITY_WARNING, name->at, NULL,
                                     "nothing takes output \"%s\" of step \"%s\"", name->text,
                                     step->name);
            }
        }
    }
}
