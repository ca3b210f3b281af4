/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "plan/parse_parts.h"

/* Lanes that this version knows; "auto" is what nothing pinned means. */
static const char *const lanes[] = {"auto", "grpc", "inline"};

static bool nobody_reads(const struct parsing *parsing)
{
    return parsing->diagnostics->count >= WEFT_DIAGNOSTICS_MAX;
}

const char *nearest_step(struct parsing *parsing, const char *word)
{
    const struct weft_pipeline *pipeline = parsing->pipeline;
    cleanup_free const char **names = calloc(pipeline->steps_count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < pipeline->steps_count; i++) {
        names[i] = pipeline->steps[i].name;
    }
    return names != NULL && !nobody_reads(parsing)
               ? weft_suggest(word, names, pipeline->steps_count)
               : NULL;
}

/* The names that a reference may begin with, for suggestions. */
static const char *nearest_name(struct parsing *parsing, const char *word)
{
    if (nobody_reads(parsing)) {
        return NULL;
    }
    const struct weft_pipeline *pipeline = parsing->pipeline;
    size_t capacity = pipeline->inputs_count + pipeline->steps_count + parsing->constants_count;
    cleanup_free const char **names = calloc(capacity + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < pipeline->inputs_count; i++) {
        names[count++] = pipeline->inputs[i].name;
    }
    for (size_t i = 0; names != NULL && i < pipeline->steps_count; i++) {
        names[count++] = pipeline->steps[i].name;
    }
    for (size_t i = 0; names != NULL && i < parsing->constants_count; i++) {
        names[count++] = parsing->constants[i].name;
    }
    return names != NULL ? weft_suggest(word, names, count) : NULL;
}

/* The index of an output of a step, made known when it is first asked for. */
static uint32_t output_index(struct parsing *parsing, struct weft_pipeline_step *step,
                             const char *name, struct weft_location at)
{
    for (uint32_t i = 0; i < step->outputs_count; i++) {
        if (strcmp(step->outputs[i], name) == 0) {
            return i;
        }
    }
    char **outputs = realloc(step->outputs, (step->outputs_count + 1) * sizeof(char *));
    if (outputs != NULL) {
        step->outputs = outputs;
    }
    struct weft_location *places =
        realloc(step->outputs_at, (step->outputs_count + 1) * sizeof(*places));
    if (places != NULL) {
        step->outputs_at = places;
    }
    char *copy = keep(parsing, name);
    if (outputs == NULL || places == NULL || copy == NULL) {
        free(copy);
        parsing->diagnostics->failed = true;
        return 0;
    }
    if (step->outputs_count >= WEFT_STEP_TENSORS_MAX) {
        COMPLAIN(parsing, at, NULL, "of step \"%s\" more than %d outputs are used", step->name,
                 WEFT_STEP_TENSORS_MAX);
        free(copy);
        return 0;
    }
    outputs[step->outputs_count] = copy;
    places[step->outputs_count] = at;
    return (uint32_t)step->outputs_count++;
}

/* Where a step lists its outputs, only those can be referred to. */
static bool check_declared(struct parsing *parsing, uint32_t step, const char *name,
                           struct weft_location at)
{
    const struct weft_yaml_node *list = parsing->step_outputs[step];
    if (list == NULL) {
        return true;
    }
    cleanup_free const char **names = calloc(list->count + 1, sizeof(*names));
    for (size_t i = 0; i < list->count; i++) {
        const char *declared = list->entries[i].value->text;
        if (strcmp(declared, name) == 0) {
            return true;
        }
        if (names != NULL) {
            names[i] = declared;
        }
    }
    COMPLAIN(parsing, at, names != NULL ? weft_suggest(name, names, list->count) : NULL,
             "step \"%s\" does not list an output \"%s\"", parsing->pipeline->steps[step].name,
             name);
    return false;
}

static void refer_to_step(struct parsing *parsing, const struct weft_yaml_node *node,
                          const char *dot, struct weft_pipeline_binding *binding)
{
    cleanup_free char *name = strndup(node->text, (size_t)(dot - node->text));
    if (name == NULL) {
        parsing->diagnostics->failed = true;
        return;
    }
    uint32_t step = weft_pipeline_find_step(parsing->pipeline, name);
    if (step == UINT32_MAX) {
        COMPLAIN(parsing, node->at, nearest_name(parsing, name), "there is no step \"%s\"", name);
        return;
    }
    if (dot[1] == '\0') {
        COMPLAIN(parsing, node->at, NULL, "an output must follow the dot of \"%s\"", node->text);
        return;
    }
    if (!check_declared(parsing, step, dot + 1, node->at)) {
        return;
    }
    binding->kind = WEFT_SOURCE_STEP;
    binding->from_step = step;
    binding->from_output =
        output_index(parsing, &parsing->pipeline->steps[step], dot + 1, node->at);
}

static void refer(struct parsing *parsing, const struct weft_yaml_node *node, const char *what,
                  struct weft_pipeline_binding *binding)
{
    const char *word = weft_yaml_check_string(node, "a reference", parsing->diagnostics);
    if (word == NULL) {
        return;
    }
    const char *dot = strchr(word, '.');
    if (dot != NULL) {
        refer_to_step(parsing, node, dot, binding);
        return;
    }
    uint32_t input = weft_pipeline_find_input(parsing->pipeline, word);
    if (input != UINT32_MAX) {
        *binding = (struct weft_pipeline_binding){
            .kind = WEFT_SOURCE_INPUT, .from_step = WEFT_STEP_GATEWAY, .from_output = input};
        parsing->input_used[input] = true;
        return;
    }
    for (size_t i = 0; i < parsing->constants_count; i++) {
        if (strcmp(parsing->constants[i].name, word) == 0) {
            binding->kind = WEFT_SOURCE_CONSTANT;
            binding->constant = weft_value_ref(parsing->constants[i].value);
            return;
        }
    }
    if (weft_pipeline_find_step(parsing->pipeline, word) != UINT32_MAX) {
        COMPLAIN(parsing, node->at, NULL,
                 "\"%s\" is a step: say which of its outputs, \"%s.OUTPUT\"", word, word);
        return;
    }
    COMPLAIN(parsing, node->at, nearest_name(parsing, word),
             "%s refers to \"%s\", which is no input, step or constant", what, word);
}

static void parse_literal(struct parsing *parsing, const struct weft_yaml_node *node,
                          const struct weft_yaml_node *value, struct weft_pipeline_binding *binding)
{
    const struct weft_yaml_node *datatype = weft_yaml_find(node, "datatype");
    if (datatype == NULL) {
        COMPLAIN(parsing, node->at, NULL, "a value needs its datatype beside it");
        return;
    }
    enum weft_datatype type = weft_literal_datatype(datatype, parsing->diagnostics);
    binding->kind = WEFT_SOURCE_CONSTANT;
    binding->constant = type != WEFT_DATATYPE_NONE
                            ? weft_literal_value(value, type, NULL, parsing->diagnostics)
                            : NULL;
}

static void parse_lane(struct parsing *parsing, const struct weft_yaml_node *node,
                       struct weft_pipeline_binding *binding)
{
    const char *lane = weft_yaml_check_string(node, "lane", parsing->diagnostics);
    if (lane == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
        if (strcmp(lane, lanes[i]) == 0) {
            binding->lane = i > 0 ? keep(parsing, lane) : NULL;
            return;
        }
    }
    COMPLAIN(parsing, node->at, weft_suggest(lane, lanes, sizeof(lanes) / sizeof(lanes[0])),
             "there is no lane \"%s\"; this version has auto, grpc and inline", lane);
}

void parse_source(struct parsing *parsing, const struct weft_yaml_node *node, const char *what,
                  bool of_step, struct weft_pipeline_binding *ret_binding)
{
    static const char *const keys[] = {"from", "lane", "value", "datatype"};
    *ret_binding = (struct weft_pipeline_binding){0};
    if (node->kind == WEFT_YAML_MAPPING) {
        if (!weft_yaml_check_mapping(node, "a source", keys, sizeof(keys) / sizeof(keys[0]),
                                     parsing->diagnostics)) {
            return;
        }
        const struct weft_yaml_node *from = weft_yaml_find(node, "from");
        const struct weft_yaml_node *value = weft_yaml_find(node, "value");
        const struct weft_yaml_node *lane = weft_yaml_find(node, "lane");
        if ((from == NULL) == (value == NULL)) {
            COMPLAIN(parsing, node->at, NULL, "a source has either \"from\" or \"value\"");
            return;
        }
        const struct weft_yaml_node *datatype = weft_yaml_find(node, "datatype");
        if (from != NULL && datatype != NULL) {
            COMPLAIN(parsing, datatype->at, NULL,
                     "a datatype belongs to a \"value\", not to \"from\"");
        }
        if (value != NULL && lane != NULL) {
            COMPLAIN(parsing, lane->at, NULL, "a value that is written here takes no lane");
        }
        if (from != NULL) {
            refer(parsing, from, what, ret_binding);
        } else {
            parse_literal(parsing, node, value, ret_binding);
        }
        if (lane != NULL) {
            parse_lane(parsing, lane, ret_binding);
        }
    } else {
        refer(parsing, node, what, ret_binding);
    }
    if (!of_step && ret_binding->kind != 0 && ret_binding->kind != WEFT_SOURCE_STEP) {
        COMPLAIN(parsing, node->at, NULL,
                 "an output of the pipeline comes from a step, as \"STEP.OUTPUT\"");
    }
}
