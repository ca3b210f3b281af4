/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/suggest.h"
#include "model/model_parts.h"

/*
 * A request against a model's metadata.
 */

static const struct weft_model_tensor *find(const struct weft_model_tensor *tensors, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, name) == 0) {
            return &tensors[i];
        }
    }
    return NULL;
}

static enum weft_status refuse_name(const struct weft_model *model, const char *kind,
                                    const struct weft_model_tensor *tensors, size_t count,
                                    const char *name, struct weft_error **error)
{
    const char *names[WEFT_VALUES_MAX];
    for (size_t i = 0; i < count; i++) {
        names[i] = tensors[i].name;
    }
    const char *nearest = weft_suggest(name, names, count);
    return weft_error_set(error, WEFT_INVALID_ARGUMENT, "model \"%s\" has no %s \"%s\"%s%s%s",
                          model->info.name, kind, name, nearest != NULL ? "; did you mean \"" : "",
                          nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static enum weft_status check_input(const struct weft_model *model,
                                    const struct weft_named_value *input,
                                    const struct weft_model_tensor *spec, struct weft_error **error)
{
    enum weft_datatype datatype = weft_value_datatype(input->value);
    const struct weft_shape *shape = weft_value_shape(input->value);
    char given[128];
    char wanted[128];
    if (datatype != spec->datatype) {
        return weft_error_set(
            error, WEFT_INVALID_ARGUMENT, "input \"%s\" of model \"%s\" is %s, not %s", spec->name,
            model->info.name, weft_datatype_name(spec->datatype), weft_datatype_name(datatype));
    }
    if (!weft_shape_fits(shape, &spec->shape)) {
        weft_shape_format(shape, given, sizeof(given));
        weft_shape_format(&spec->shape, wanted, sizeof(wanted));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "input \"%s\" of model \"%s\" has the shape %s, not %s", spec->name,
                              model->info.name, wanted, given);
    }
    if (model->config->batch_max > 0 && shape->rank > 0 &&
        shape->dims[0] > (int64_t)model->config->batch_max) {
        weft_shape_format(shape, given, sizeof(given));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "input \"%s\" of model \"%s\" has the shape %s, but its batch is at "
                              "most %u",
                              spec->name, model->info.name, given, model->config->batch_max);
    }
    return WEFT_OK;
}

static enum weft_status check_inputs(const struct weft_model *model,
                                     const struct weft_values *inputs, struct weft_error **error)
{
    const struct weft_model_info *info = &model->info;
    for (size_t i = 0; i < inputs->count; i++) {
        const struct weft_model_tensor *spec =
            find(info->inputs, info->inputs_count, inputs->items[i].name);
        if (spec == NULL) {
            return refuse_name(model, "input", info->inputs, info->inputs_count,
                               inputs->items[i].name, error);
        }
        enum weft_status status = check_input(model, &inputs->items[i], spec, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < info->inputs_count; i++) {
        const struct weft_model_tensor *spec = &info->inputs[i];
        if (!spec->optional && weft_values_find(inputs, spec->name) == NULL) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "input \"%s\" of model \"%s\" is missing", spec->name,
                                  info->name);
        }
    }
    return WEFT_OK;
}

enum weft_status weft_model_check(const struct weft_model *model,
                                  const struct weft_model_request *request,
                                  struct weft_error **error)
{
    const struct weft_model_info *info = &model->info;
    enum weft_status status = check_inputs(model, request->inputs, error);
    for (size_t i = 0; status == WEFT_OK && i < request->wanted_count; i++) {
        if (find(info->outputs, info->outputs_count, request->wanted[i]) == NULL) {
            status = refuse_name(model, "output", info->outputs, info->outputs_count,
                                 request->wanted[i], error);
        }
    }
    return status;
}
