/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/repository.h"
#include "node/check.h"
#include "sys/file.h"

/* --- a model as its config.pbtxt says --- */

static bool copy_tensors(const struct weft_tensor_spec *specs, size_t count,
                         struct weft_model_tensor **ret_tensors, size_t *ret_count)
{
    *ret_tensors = calloc(count + 1, sizeof(**ret_tensors));
    for (size_t i = 0; *ret_tensors != NULL && i < count; i++) {
        (*ret_tensors)[i] = (struct weft_model_tensor){.name = strdup(specs[i].name),
                                                       .datatype = specs[i].datatype,
                                                       .shape = specs[i].shape,
                                                       .optional = specs[i].optional};
        if ((*ret_tensors)[i].name == NULL) {
            return false;
        }
        (*ret_count)++;
    }
    return *ret_tensors != NULL;
}

/* The versions are not looked at: a file that names one gets to hear of it where it runs. */
static enum weft_status add_configured(struct weft_known_models *models, const char *name,
                                       const struct weft_config *config, struct weft_error **error)
{
    struct weft_model_info info = {
        .name = strdup(name), .version = strdup("1"), .platform = strdup(""), .ready = true};
    bool well =
        info.name != NULL && info.version != NULL && info.platform != NULL &&
        copy_tensors(config->inputs, config->inputs_count, &info.inputs, &info.inputs_count) &&
        copy_tensors(config->outputs, config->outputs_count, &info.outputs, &info.outputs_count);
    enum weft_status status =
        well ? weft_known_models_add(models, &info, error) : weft_error_set_out_of_memory(error);
    weft_model_info_fini(&info);
    return status;
}

static enum weft_status add_model(struct weft_known_models *models, const char *directory,
                                  const char *name, struct weft_error **error)
{
    cleanup_text struct weft_text path = {0};
    cleanup_free char *text = NULL;
    cleanup_config struct weft_config *config = NULL;
    weft_text_printf(&path, "%s/%s/config.pbtxt", directory, name);
    if (path.failed) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        weft_file_read_text(weft_text_string(&path), WEFT_CONFIG_SIZE_MAX_BYTES, &text, NULL);
    if (status == WEFT_OK) {
        status =
            weft_config_parse(weft_text_string(&path), text, strlen(text), NULL, &config, error);
        if (status != WEFT_OK) {
            /* It is there, whatever it takes. */
            (void)!weft_known_models_add_opaque(models, name, NULL);
            return status;
        }
    }
    /* Without a list of tensors the model's own file would have to be asked. */
    bool known = config != NULL && config->inputs_count > 0 && config->outputs_count > 0;
    return known ? add_configured(models, name, config, error)
                 : weft_known_models_add_opaque(models, name, error);
}

enum weft_status weft_known_models_read(struct weft_known_models *models, const char *directory,
                                        struct weft_error **error)
{
    char **names = NULL;
    size_t count = 0;
    enum weft_status status =
        weft_directory_list(directory, WEFT_REPOSITORY_MODELS_MAX, &names, &count, error);
    for (size_t i = 0; i < count; i++) {
        cleanup_error struct weft_error *problem = NULL;
        enum weft_status added = WEFT_OK;
        if (status != WEFT_OUT_OF_MEMORY && weft_model_name_valid(names[i])) {
            added = add_model(models, directory, names[i], &problem);
        }
        if (added != WEFT_OK && status == WEFT_OK) {
            status = added;
            if (error != NULL) {
                *error = steal(&problem);
            }
        }
        free(names[i]);
    }
    free(names);
    return status;
}
