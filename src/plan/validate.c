/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

/* What is known of every step: its outputs' specifications, as far as they follow from the models.
 */
struct validating {
    const struct weft_pipeline *pipeline;
    const struct weft_catalog *catalog;
    struct weft_diagnostics *diagnostics; /* NULL: only the specifications are wanted */
    struct weft_tensor_spec **outputs;    /* by step and output; datatype NONE = unknown */
    bool *models_found;
    bool partly; /* the pipeline is not whole: what steps give each other may be anything */
};

static void complain(struct validating *validating, struct weft_location at, const char *suggestion,
                     const char *format, ...) WEFT_PRINTF(4, 5);

static void complain(struct validating *validating, struct weft_location at, const char *suggestion,
                     const char *format, ...)
{
    if (validating->diagnostics == NULL) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    weft_diagnostics_add(validating->diagnostics, WEFT_SEVERITY_ERROR, at, suggestion, "%s",
                         message);
}

static const struct weft_model_info *find_model(const struct weft_catalog *catalog,
                                                const char *name, const char *version)
{
    const struct weft_model_info *best = NULL;
    for (size_t i = 0; i < catalog->models_count; i++) {
        const struct weft_model_info *model = catalog->models[i];
        if (strcmp(model->name, name) == 0 &&
            (version == NULL || strcmp(model->version, version) == 0) &&
            (best == NULL ||
             strtoull(model->version, NULL, 10) > strtoull(best->version, NULL, 10))) {
            best = model;
        }
    }
    return best;
}

static const char *nearest_model(const struct weft_catalog *catalog, const char *name)
{
    size_t count = catalog->models_count + catalog->opaque_count;
    cleanup_free const char **names = calloc(count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = i < catalog->models_count ? catalog->models[i]->name
                                             : catalog->opaque[i - catalog->models_count];
    }
    return names != NULL ? weft_suggest(name, names, count) : NULL;
}

static bool is_opaque(const struct weft_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->opaque_count; i++) {
        if (strcmp(catalog->opaque[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct weft_model_tensor *find_tensor(const struct weft_model_tensor *tensors,
                                                   size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, name) == 0) {
            return &tensors[i];
        }
    }
    return NULL;
}

static const char *nearest_tensor(const struct weft_model_tensor *tensors, size_t count,
                                  const char *name)
{
    cleanup_free const char **names = calloc(count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = tensors[i].name;
    }
    return names != NULL ? weft_suggest(name, names, count) : NULL;
}

/* What comes out of a binding's producer. False where that is not known. */
static bool source_spec(const struct validating *validating,
                        const struct weft_pipeline_binding *binding,
                        struct weft_tensor_spec *ret_spec)
{
    const struct weft_pipeline *pipeline = validating->pipeline;
    if (binding->kind == WEFT_SOURCE_INPUT) {
        const struct weft_pipeline_input *input = &pipeline->inputs[binding->from_output];
        *ret_spec =
            (struct weft_tensor_spec){input->name, input->datatype, input->shape, input->optional};
        return true;
    }
    if (binding->kind == WEFT_SOURCE_CONSTANT) {
        *ret_spec = (struct weft_tensor_spec){binding->name, weft_value_datatype(binding->constant),
                                              *weft_value_shape(binding->constant), false};
        return true;
    }
    *ret_spec = validating->outputs[binding->from_step][binding->from_output];
    return ret_spec->datatype != WEFT_DATATYPE_NONE;
}

/* Whether a tensor of the one specification can be one of the other: any dimension may turn out to
 * fit. */
static bool shapes_can_fit(const struct weft_shape *a, const struct weft_shape *b)
{
    bool fit = a->rank == b->rank;
    for (uint32_t i = 0; fit && i < a->rank; i++) {
        fit = a->dims[i] == -1 || b->dims[i] == -1 || a->dims[i] == b->dims[i];
    }
    return fit;
}

static void check_fits(struct validating *validating, const struct weft_pipeline_step *step,
                       const struct weft_pipeline_binding *binding,
                       const struct weft_model_tensor *wanted)
{
    struct weft_tensor_spec given;
    if (!source_spec(validating, binding, &given)) {
        return;
    }
    if (given.optional && !wanted->optional &&
        validating->pipeline->inputs[binding->from_output].default_value == NULL) {
        complain(validating, binding->at, NULL,
                 "step \"%s\" needs its input \"%s\", but input \"%s\" of the pipeline may be left "
                 "out and has no default",
                 step->name, binding->name, given.name);
    }
    if (given.datatype != wanted->datatype) {
        complain(validating, binding->at, NULL,
                 "input \"%s\" of step \"%s\" is %s, but what comes is %s", binding->name,
                 step->name, weft_datatype_name(wanted->datatype),
                 weft_datatype_name(given.datatype));
    } else if (!shapes_can_fit(&given.shape, &wanted->shape)) {
        char wanted_text[256], given_text[256];
        weft_shape_format(&wanted->shape, wanted_text, sizeof(wanted_text));
        weft_shape_format(&given.shape, given_text, sizeof(given_text));
        complain(validating, binding->at, NULL,
                 "input \"%s\" of step \"%s\" has shape %s, but what comes has %s", binding->name,
                 step->name, wanted_text, given_text);
    }
}

static bool is_given(const struct weft_pipeline_step *step, const char *name)
{
    for (size_t i = 0; i < step->inputs_count; i++) {
        if (strcmp(step->inputs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_inputs(struct validating *validating, const struct weft_pipeline_step *step,
                         const struct weft_model_info *model)
{
    for (size_t i = 0; i < step->inputs_count; i++) {
        const struct weft_pipeline_binding *binding = &step->inputs[i];
        const struct weft_model_tensor *wanted =
            find_tensor(model->inputs, model->inputs_count, binding->name);
        if (wanted == NULL) {
            complain(validating, binding->at,
                     nearest_tensor(model->inputs, model->inputs_count, binding->name),
                     "model \"%s\" has no input \"%s\"", model->name, binding->name);
        } else if (!validating->partly) {
            check_fits(validating, step, binding, wanted);
        }
    }
    for (size_t i = 0; !validating->partly && i < model->inputs_count; i++) {
        if (!model->inputs[i].optional && !is_given(step, model->inputs[i].name)) {
            complain(validating, step->at, NULL,
                     "step \"%s\" does not give input \"%s\" of model \"%s\"", step->name,
                     model->inputs[i].name, model->name);
        }
    }
}

static void check_outputs(struct validating *validating, uint32_t index,
                          const struct weft_model_info *model)
{
    const struct weft_pipeline_step *step = &validating->pipeline->steps[index];
    for (size_t i = 0; i < step->outputs_count; i++) {
        const struct weft_model_tensor *output =
            find_tensor(model->outputs, model->outputs_count, step->outputs[i]);
        if (output == NULL) {
            complain(validating, step->outputs_at[i],
                     nearest_tensor(model->outputs, model->outputs_count, step->outputs[i]),
                     "model \"%s\" has no output \"%s\"", model->name, step->outputs[i]);
            continue;
        }
        validating->outputs[index][i] =
            (struct weft_tensor_spec){output->name, output->datatype, output->shape, false};
    }
}

static void check_join(struct validating *validating, uint32_t index)
{
    const struct weft_pipeline_step *step = &validating->pipeline->steps[index];
    cleanup_free struct weft_tensor_spec *inputs = calloc(step->inputs_count + 1, sizeof(*inputs));
    bool known = inputs != NULL && validating->catalog->join_infer != NULL && !validating->partly;
    for (size_t i = 0; known && i < step->inputs_count; i++) {
        known = source_spec(validating, &step->inputs[i], &inputs[i]);
    }
    validating->models_found[index] = true;
    for (size_t i = 0; i < step->outputs_count; i++) {
        if (strcmp(step->outputs[i], WEFT_JOIN_OUTPUT_NAME) != 0) {
            complain(validating, step->outputs_at[i], WEFT_JOIN_OUTPUT_NAME,
                     "a join has no output \"%s\"", step->outputs[i]);
        }
    }
    if (!known) {
        return;
    }
    cleanup_error struct weft_error *error = NULL;
    struct weft_tensor_spec output = {0};
    if (validating->catalog->join_infer(step->model, &step->parameters, inputs, step->inputs_count,
                                        &output, &error) != WEFT_OK) {
        const char *hint = weft_error_hint(error);
        complain(validating, step->model_at, NULL, "step \"%s\": %s%s%s", step->name,
                 weft_error_message(error), hint != NULL ? "; " : "", hint != NULL ? hint : "");
        return;
    }
    for (size_t i = 0; i < step->outputs_count; i++) {
        validating->outputs[index][i] = output;
    }
}

static void check_step(struct validating *validating, uint32_t index)
{
    const struct weft_pipeline_step *step = &validating->pipeline->steps[index];
    if (step->model == NULL) {
        return; /* read in part */
    }
    if (weft_pipeline_step_is_join(step)) {
        check_join(validating, index);
        return;
    }
    const struct weft_model_info *model =
        find_model(validating->catalog, step->model, step->model_version);
    if (model == NULL && is_opaque(validating->catalog, step->model)) {
        validating->models_found[index] = true;
        return;
    }
    if (model == NULL) {
        bool other_version = find_model(validating->catalog, step->model, NULL) != NULL;
        complain(validating, step->model_at,
                 other_version ? NULL : nearest_model(validating->catalog, step->model),
                 other_version ? "model \"%s\" is not there in version \"%s\""
                               : "there is no model \"%s\"%s",
                 step->model, other_version ? step->model_version : "");
        return;
    }
    validating->models_found[index] = true;
    check_inputs(validating, step, model);
    check_outputs(validating, index, model);
}

static void validating_fini(struct validating *validating)
{
    for (size_t i = 0; validating->outputs != NULL && i < validating->pipeline->steps_count; i++) {
        free(validating->outputs[i]);
    }
    free(validating->outputs);
    free(validating->models_found);
}

static bool walk(struct validating *validating)
{
    size_t count = validating->pipeline->steps_count;
    validating->outputs = calloc(count + 1, sizeof(struct weft_tensor_spec *));
    validating->models_found = calloc(count + 1, sizeof(bool));
    if (validating->outputs == NULL || validating->models_found == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        validating->outputs[i] = calloc(validating->pipeline->steps[i].outputs_count + 1,
                                        sizeof(struct weft_tensor_spec));
        if (validating->outputs[i] == NULL) {
            return false;
        }
        check_step(validating, i);
    }
    return true;
}

enum weft_status weft_pipeline_validate(const struct weft_pipeline *pipeline,
                                        const struct weft_catalog *catalog,
                                        struct weft_diagnostics *diagnostics,
                                        struct weft_error **error)
{
    struct validating validating = {.pipeline = pipeline,
                                    .catalog = catalog,
                                    .diagnostics = diagnostics,
                                    .partly = diagnostics->errors > 0};
    bool walked = walk(&validating);
    validating_fini(&validating);
    if (!walked) {
        return weft_error_set_out_of_memory(error);
    }
    weft_diagnostics_sort(diagnostics);
    return weft_diagnostics_status(diagnostics, error);
}

/* --- the pipeline seen as a model --- */

static bool keep(const char *from, char **ret_to)
{
    *ret_to = strdup(from);
    return *ret_to != NULL;
}

static bool describe_inputs(const struct weft_pipeline *pipeline, struct weft_model_info *info)
{
    info->inputs = calloc(pipeline->inputs_count + 1, sizeof(*info->inputs));
    if (info->inputs == NULL) {
        return false;
    }
    for (size_t i = 0; i < pipeline->inputs_count; i++) {
        const struct weft_pipeline_input *input = &pipeline->inputs[i];
        info->inputs[i] = (struct weft_model_tensor){
            .datatype = input->datatype, .shape = input->shape, .optional = input->optional};
        info->inputs_count++;
        if (!keep(input->name, &info->inputs[i].name)) {
            return false;
        }
    }
    return true;
}

static bool describe_outputs(const struct validating *validating, struct weft_model_info *info)
{
    const struct weft_pipeline *pipeline = validating->pipeline;
    info->outputs = calloc(pipeline->outputs_count + 1, sizeof(*info->outputs));
    if (info->outputs == NULL) {
        return false;
    }
    for (size_t i = 0; i < pipeline->outputs_count; i++) {
        struct weft_tensor_spec spec = {0};
        (void)source_spec(validating, &pipeline->outputs[i], &spec);
        info->outputs[i] =
            (struct weft_model_tensor){.datatype = spec.datatype, .shape = spec.shape};
        info->outputs_count++;
        if (!keep(pipeline->outputs[i].name, &info->outputs[i].name)) {
            return false;
        }
    }
    return true;
}

enum weft_status weft_pipeline_describe(const struct weft_pipeline *pipeline,
                                        const struct weft_catalog *catalog,
                                        struct weft_model_info *ret_info, struct weft_error **error)
{
    struct validating validating = {.pipeline = pipeline, .catalog = catalog};
    struct weft_model_info info = {.ready = true};
    bool walked = walk(&validating);
    for (size_t i = 0; walked && i < pipeline->steps_count; i++) {
        info.ready = info.ready && validating.models_found[i];
    }
    bool well = walked && keep(pipeline->name, &info.name) &&
                keep(pipeline->version[0] != '\0' ? pipeline->version : "1", &info.version) &&
                keep("weft_pipeline", &info.platform) && describe_inputs(pipeline, &info) &&
                describe_outputs(&validating, &info);
    validating_fini(&validating);
    if (!well) {
        weft_model_info_fini(&info);
        return weft_error_set_out_of_memory(error);
    }
    *ret_info = info;
    return WEFT_OK;
}
