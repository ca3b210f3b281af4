/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "model/config_parts.h"
#include "model/model.h"

struct weft_config *weft_config_ref(struct weft_config *config)
{
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
    return config;
}

static void free_specs(struct weft_tensor_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)specs[i].name);
    }
    free(specs);
}

void weft_config_unref(struct weft_config *config)
{
    if (config == NULL ||
        atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < config->settings_count; i++) {
        free(config->settings[i].name);
        free(config->settings[i].value);
    }
    free(config->settings);
    free_specs(config->inputs, config->inputs_count);
    free_specs(config->outputs, config->outputs_count);
    free(config->file);
    free(config->name);
    free(config->platform);
    free(config->backend);
    free(config->default_model_filename);
    free(config);
}

const struct weft_config_setting *weft_config_find(const struct weft_config *config,
                                                   const char *name)
{
    for (size_t i = 0; i < config->settings_count; i++) {
        if (strcmp(config->settings[i].name, name) == 0) {
            return &config->settings[i];
        }
    }
    return NULL;
}

/* --- the model's own fields --- */

static enum weft_status take_name(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target)
{
    (void)target;
    return config_take_string(reader, field, &reader->config->name);
}

static enum weft_status take_platform(struct config_reader *reader, const struct weft_pbtxt *field,
                                      void *target)
{
    (void)target;
    reader->config->backend_place = field->value_place;
    return config_take_string(reader, field, &reader->config->platform);
}

static enum weft_status take_backend(struct config_reader *reader, const struct weft_pbtxt *field,
                                     void *target)
{
    (void)target;
    reader->config->backend_place = field->value_place;
    return config_take_string(reader, field, &reader->config->backend);
}

static enum weft_status take_filename(struct config_reader *reader, const struct weft_pbtxt *field,
                                      void *target)
{
    (void)target;
    enum weft_status status =
        config_take_string(reader, field, &reader->config->default_model_filename);
    const char *name = reader->config->default_model_filename;
    if (status == WEFT_OK && (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL ||
                              strlen(name) > WEFT_NAME_MAX)) {
        return weft_config_complain(
            reader->config, field->value_place, reader->error,
            "\"%s\" must name a file of the version's directory, not \"%s\"", field->name, name);
    }
    return status;
}

static enum weft_status take_batch(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target)
{
    (void)target;
    int64_t number = 0;
    enum weft_status status = config_take_int64(reader, field, 0, INT32_MAX, &number);
    reader->config->batch_max = (uint32_t)number;
    return status;
}

/* --- instance_group --- */

static enum weft_status take_count(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target)
{
    return config_take_int64(reader, field, 1, WEFT_MODEL_INSTANCES_MAX, target);
}

static enum weft_status take_kind(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target)
{
    (void)target;
    if (field->kind != WEFT_PBTXT_WORD ||
        (strcmp(field->text, "KIND_CPU") != 0 && strcmp(field->text, "KIND_AUTO") != 0 &&
         strcmp(field->text, "KIND_MODEL") != 0)) {
        return config_wrong_kind(reader, field, "KIND_CPU, KIND_AUTO or KIND_MODEL");
    }
    return WEFT_OK;
}

static enum weft_status take_instances(struct config_reader *reader, const struct weft_pbtxt *field,
                                       void *target)
{
    static const struct config_field table[] = {
        {"count", CONFIG_TAKEN, take_count, false},
        {"kind", CONFIG_TAKEN, take_kind, false},
        {"name", CONFIG_IGNORED, NULL, false},
        {"gpus", CONFIG_REFUSED, NULL, true},
        {"secondary_devices", CONFIG_REFUSED, NULL, true},
        {"rate_limiter", CONFIG_IGNORED, NULL, false},
        {"passive", CONFIG_REFUSED, NULL, false},
        {"profile", CONFIG_IGNORED, NULL, true},
        {"host_policy", CONFIG_IGNORED, NULL, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    int64_t count = 1;
    enum weft_status status = config_read_message(reader, field, "instance_group", table, &count);
    if (status != WEFT_OK) {
        return status;
    }
    if (count + reader->config->instances > WEFT_MODEL_INSTANCES_MAX) {
        return weft_config_complain(reader->config, field->place, reader->error,
                                    "more than %d instances", WEFT_MODEL_INSTANCES_MAX);
    }
    reader->config->instances += (uint32_t)count;
    return WEFT_OK;
}

/* --- version_policy --- */

static enum weft_status take_num_versions(struct config_reader *reader,
                                          const struct weft_pbtxt *field, void *target)
{
    return config_take_int64(reader, field, 1, UINT32_MAX, target);
}

static enum weft_status take_latest(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target)
{
    static const struct config_field table[] = {
        {"num_versions", CONFIG_TAKEN, take_num_versions, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    int64_t count = 1;
    enum weft_status status = config_read_message(reader, field, "latest", table, &count);
    reader->config->policy = WEFT_VERSIONS_LATEST;
    reader->config->latest_count = (uint32_t)count;
    return status;
}

static enum weft_status take_all(struct config_reader *reader, const struct weft_pbtxt *field,
                                 void *target)
{
    static const struct config_field table[] = {{NULL, CONFIG_TAKEN, NULL, false}};
    (void)target;
    reader->config->policy = WEFT_VERSIONS_ALL;
    return config_read_message(reader, field, "all", table, NULL);
}

static enum weft_status take_version(struct config_reader *reader, const struct weft_pbtxt *field,
                                     void *target)
{
    (void)target;
    struct weft_config *config = reader->config;
    int64_t number = 0;
    enum weft_status status = config_take_int64(reader, field, 1, INT64_MAX, &number);
    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < config->versions_count; i++) {
        if (config->versions[i] == (uint64_t)number) {
            return weft_config_complain(config, field->value_place, reader->error,
                                        "version %s is listed twice", field->text);
        }
    }
    if (config->versions_count == WEFT_CONFIG_VERSIONS_MAX) {
        return weft_config_complain(config, field->value_place, reader->error,
                                    "more than %d versions", WEFT_CONFIG_VERSIONS_MAX);
    }
    config->versions[config->versions_count++] = (uint64_t)number;
    return WEFT_OK;
}

static enum weft_status take_specific(struct config_reader *reader, const struct weft_pbtxt *field,
                                      void *target)
{
    static const struct config_field table[] = {
        {"versions", CONFIG_TAKEN, take_version, true},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    reader->config->policy = WEFT_VERSIONS_SPECIFIC;
    enum weft_status status = config_read_message(reader, field, "specific", table, NULL);
    return status == WEFT_OK && reader->config->versions_count == 0
               ? weft_config_complain(reader->config, field->place, reader->error,
                                      "\"specific\" lists no versions")
               : status;
}

static enum weft_status take_policy(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target)
{
    static const struct config_field table[] = {
        {"latest", CONFIG_TAKEN, take_latest, false},
        {"all", CONFIG_TAKEN, take_all, false},
        {"specific", CONFIG_TAKEN, take_specific, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    if (field->fields_count > 1) {
        return weft_config_complain(reader->config, field->fields[1].place, reader->error,
                                    "a version policy is one of latest, all and specific");
    }
    return config_read_message(reader, field, "version_policy", table, NULL);
}

static enum weft_status take_decoupled(struct config_reader *reader, const struct weft_pbtxt *field,
                                       void *target)
{
    (void)target;
    return config_take_bool(reader, field, &reader->config->decoupled);
}

static enum weft_status take_transactions(struct config_reader *reader,
                                          const struct weft_pbtxt *field, void *target)
{
    static const struct config_field table[] = {
        {"decoupled", CONFIG_TAKEN, take_decoupled, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    return config_read_message(reader, field, "model_transaction_policy", table, NULL);
}

/* --- parameters --- */

static enum weft_status take_key(struct config_reader *reader, const struct weft_pbtxt *field,
                                 void *target)
{
    struct weft_config_setting *setting = target;
    setting->place = field->value_place;
    return config_take_string(reader, field, &setting->name);
}

static enum weft_status take_string_value(struct config_reader *reader,
                                          const struct weft_pbtxt *field, void *target)
{
    struct weft_config_setting *setting = target;
    setting->value_place = field->value_place;
    return config_take_string(reader, field, &setting->value);
}

static enum weft_status take_value(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target)
{
    static const struct config_field table[] = {
        {"string_value", CONFIG_TAKEN, take_string_value, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    return config_read_message(reader, field, "value", table, target);
}

static enum weft_status add_setting(struct config_reader *reader, const struct weft_pbtxt *field,
                                    struct weft_config_setting *setting)
{
    struct weft_config *config = reader->config;
    if (setting->name == NULL || setting->value == NULL || setting->name[0] == '\0') {
        return weft_config_complain(config, field->value_place, reader->error,
                                    "a parameter needs a key and a value with a string_value");
    }
    if (weft_config_find(config, setting->name) != NULL) {
        return weft_config_complain(config, setting->place, reader->error,
                                    "the parameter \"%s\" is given twice", setting->name);
    }
    if (config->settings_count == WEFT_CONFIG_SETTINGS_MAX) {
        return weft_config_complain(config, setting->place, reader->error,
                                    "more than %d parameters", WEFT_CONFIG_SETTINGS_MAX);
    }
    struct weft_config_setting *more =
        realloc(config->settings, (config->settings_count + 1) * sizeof(*more));
    if (more == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    config->settings = more;
    more[config->settings_count++] = *setting;
    *setting = (struct weft_config_setting){0};
    return WEFT_OK;
}

static enum weft_status take_parameter(struct config_reader *reader, const struct weft_pbtxt *field,
                                       void *target)
{
    static const struct config_field table[] = {
        {"key", CONFIG_TAKEN, take_key, false},
        {"value", CONFIG_TAKEN, take_value, false},
        {NULL, CONFIG_TAKEN, NULL, false},
    };
    (void)target;
    struct weft_config_setting setting = {0};
    enum weft_status status = config_read_message(reader, field, "parameters", table, &setting);
    if (status == WEFT_OK) {
        status = add_setting(reader, field, &setting);
    }
    free(setting.name);
    free(setting.value);
    return status;
}

/* --- the whole: the fields of Triton's ModelConfig --- */

static const struct config_field model_fields[] = {
    {"name", CONFIG_TAKEN, take_name, false},
    {"platform", CONFIG_TAKEN, take_platform, false},
    {"backend", CONFIG_TAKEN, take_backend, false},
    {"max_batch_size", CONFIG_TAKEN, take_batch, false},
    {"input", CONFIG_TAKEN, config_take_input, true},
    {"output", CONFIG_TAKEN, config_take_output, true},
    {"instance_group", CONFIG_TAKEN, take_instances, true},
    {"version_policy", CONFIG_TAKEN, take_policy, false},
    {"default_model_filename", CONFIG_TAKEN, take_filename, false},
    {"model_transaction_policy", CONFIG_TAKEN, take_transactions, false},
    {"parameters", CONFIG_TAKEN, take_parameter, true},
    {"runtime", CONFIG_IGNORED, NULL, false},
    {"optimization", CONFIG_IGNORED, NULL, false},
    {"dynamic_batching", CONFIG_IGNORED, NULL, false},
    {"metric_tags", CONFIG_IGNORED, NULL, true},
    {"model_warmup", CONFIG_IGNORED, NULL, true},
    {"response_cache", CONFIG_IGNORED, NULL, false},
    {"model_metrics", CONFIG_IGNORED, NULL, false},
    {"batch_input", CONFIG_REFUSED, NULL, true},
    {"batch_output", CONFIG_REFUSED, NULL, true},
    {"sequence_batching", CONFIG_REFUSED, NULL, false},
    {"ensemble_scheduling", CONFIG_REFUSED, NULL, false},
    {"cc_model_filenames", CONFIG_REFUSED, NULL, true},
    {"model_operations", CONFIG_REFUSED, NULL, false},
    {"model_repository_agents", CONFIG_REFUSED, NULL, false},
    {NULL, CONFIG_TAKEN, NULL, false},
};

enum weft_status weft_config_parse(const char *file, const char *text, size_t length,
                                   struct weft_text *warnings, struct weft_config **ret_config,
                                   struct weft_error **error)
{
    cleanup_pbtxt struct weft_pbtxt tree = {0};
    cleanup_config struct weft_config *config = calloc(1, sizeof(*config));
    if (config == NULL || (config->file = strdup(file)) == NULL) {
        if (config != NULL) {
            atomic_init(&config->references, 1);
        }
        return weft_error_set_out_of_memory(error);
    }
    atomic_init(&config->references, 1);
    config->latest_count = 1;
    struct config_reader reader = {config, warnings, error};
    enum weft_status status = weft_pbtxt_parse(file, text, length, &tree, error);
    if (status == WEFT_OK) {
        status = config_read_message(&reader, &tree, "a model's configuration", model_fields, NULL);
    }
    if (status == WEFT_OK) {
        status = config_add_batch(&reader);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (config->instances == 0) {
        config->instances = 1;
    }
    *ret_config = steal(&config);
    return WEFT_OK;
}
