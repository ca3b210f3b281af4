/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/value.h"
#include "model/model_parts.h"

/*
 * A model's tensors: what the plugin says, narrowed by what config.pbtxt says. Where the two
 * contradict each other the load is refused. The order is the plugin's.
 */

/* A plugin's metadata, checked before anything relies on it. */
static enum weft_status check_specs(const struct weft_model *model, const char *kind,
                                    const struct weft_tensor_spec *specs, size_t count,
                                    struct weft_error **error)
{
    if (count > WEFT_VALUES_MAX || (count > 0 && specs == NULL)) {
        return weft_error_set(error, WEFT_INTERNAL, "plugin \"%s\" lists %zu %ss",
                              model->plugin->name, count, kind);
    }
    for (size_t i = 0; i < count; i++) {
        const struct weft_tensor_spec *spec = &specs[i];
        bool fine = spec->name != NULL && spec->name[0] != '\0' &&
                    strlen(spec->name) <= WEFT_NAME_MAX && spec->shape.rank <= WEFT_RANK_MAX &&
                    strcmp(weft_datatype_name(spec->datatype), "NONE") != 0;
        for (uint32_t j = 0; fine && j < spec->shape.rank; j++) {
            fine = spec->shape.dims[j] >= -1;
        }
        for (size_t j = 0; fine && j < i; j++) {
            fine = strcmp(specs[j].name, spec->name) != 0;
        }
        if (!fine) {
            return weft_error_set(
                error, WEFT_INTERNAL, "plugin \"%s\" describes its %s %zu (\"%s\") wrongly",
                model->plugin->name, kind, i, spec->name != NULL ? spec->name : "");
        }
    }
    return WEFT_OK;
}

static const struct weft_tensor_spec *find(const struct weft_tensor_spec *specs, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(specs[i].name, name) == 0) {
            return &specs[i];
        }
    }
    return NULL;
}

/* What configured names must be known to the plugin. */
static enum weft_status check_known(const struct weft_model *model, const char *kind,
                                    const struct weft_tensor_spec *specs, size_t count,
                                    const struct weft_tensor_spec *configured,
                                    size_t configured_count, struct weft_error **error)
{
    const char *names[WEFT_VALUES_MAX];
    for (size_t i = 0; i < count; i++) {
        names[i] = specs[i].name;
    }
    for (size_t i = 0; i < configured_count; i++) {
        if (find(specs, count, configured[i].name) == NULL) {
            const char *nearest = weft_suggest(configured[i].name, names, count);
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s lists the %s \"%s\", which the model does not have%s%s%s",
                                  model->config->file, kind, configured[i].name,
                                  nearest != NULL ? "; did you mean \"" : "",
                                  nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
        }
    }
    return WEFT_OK;
}

static bool narrow(struct weft_shape *shape, const struct weft_shape *by)
{
    if (shape->rank != by->rank) {
        return false;
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == -1) {
            shape->dims[i] = by->dims[i];
        } else if (by->dims[i] != -1 && by->dims[i] != shape->dims[i]) {
            return false;
        }
    }
    return true;
}

static enum weft_status contradict(const struct weft_model *model, const char *kind,
                                   const struct weft_tensor_spec *spec,
                                   const struct weft_tensor_spec *configured,
                                   struct weft_error **error)
{
    char is[128];
    char said[128];
    weft_shape_format(&spec->shape, is, sizeof(is));
    weft_shape_format(&configured->shape, said, sizeof(said));
    return weft_error_set(
        error, WEFT_INVALID_ARGUMENT,
        "%s says that the %s \"%s\" is %s%s %s, but the model has it as %s%s %s",
        model->config->file, kind, spec->name, configured->optional ? "optional " : "",
        weft_datatype_name(configured->datatype), said, spec->optional ? "optional " : "",
        weft_datatype_name(spec->datatype), is);
}

/* configured NULL = nothing is said about it. */
static enum weft_status merge_one(const struct weft_model *model, const char *kind,
                                  const struct weft_tensor_spec *spec,
                                  const struct weft_tensor_spec *configured,
                                  struct weft_model_tensor *ret_tensor, struct weft_error **error)
{
    struct weft_model_tensor tensor = {NULL, spec->datatype, spec->shape, spec->optional};
    if (configured != NULL) {
        if (configured->datatype != spec->datatype || !narrow(&tensor.shape, &configured->shape) ||
            (configured->optional && !spec->optional)) {
            return contradict(model, kind, spec, configured, error);
        }
        tensor.optional = configured->optional;
    }
    tensor.name = strdup(spec->name);
    if (tensor.name == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    *ret_tensor = tensor;
    return WEFT_OK;
}

/* A plugin that names none takes those of the configuration. */
static enum weft_status merge(const struct weft_model *model, const char *kind,
                              const struct weft_tensor_spec *specs, size_t count,
                              const struct weft_tensor_spec *configured, size_t configured_count,
                              struct weft_model_tensor **tensors, size_t *tensors_count,
                              struct weft_error **error)
{
    enum weft_status status = check_specs(model, kind, specs, count, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (count == 0) {
        specs = configured;
        count = configured_count;
    }
    status = check_known(model, kind, specs, count, configured, configured_count, error);
    *tensors = calloc(count + 1, sizeof(**tensors));
    if (status == WEFT_OK && *tensors == NULL) {
        status = weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; status == WEFT_OK && i < count; i++) {
        const struct weft_tensor_spec *said = find(configured, configured_count, specs[i].name);
        bool listed = said != NULL || configured_count == 0 || specs[i].optional ||
                      strcmp(kind, "output") == 0;
        if (!listed) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s does not list the input \"%s\", which the model needs",
                                  model->config->file, specs[i].name);
        }
        status = merge_one(model, kind, &specs[i], said, &(*tensors)[i], error);
        *tensors_count += status == WEFT_OK;
    }
    return status;
}

enum weft_status weft_model_merge(struct weft_model *model, struct weft_error **error)
{
    const struct weft_config *config = model->config;
    struct weft_model_info *info = &model->info;
    struct weft_model_metadata metadata = {0};
    model->plugin->metadata(model->data, &metadata);
    info->deterministic = metadata.deterministic;
    info->streaming = metadata.streaming;
    enum weft_status status =
        merge(model, "input", metadata.inputs, metadata.inputs_count, config->inputs,
              config->inputs_count, &info->inputs, &info->inputs_count, error);
    return status == WEFT_OK
               ? merge(model, "output", metadata.outputs, metadata.outputs_count, config->outputs,
                       config->outputs_count, &info->outputs, &info->outputs_count, error)
               : status;
}
