/* SPDX-License-Identifier: Apache-2.0 */
#include "model/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

static const char own_prefix[] = "weft.";

static bool is_own(const char *name)
{
    return strncmp(name, own_prefix, sizeof(own_prefix) - 1) == 0;
}

static bool read_double(const char *text, double *ret_number)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool read_option(const struct weft_model_option *option, const char *text,
                        struct weft_parameter *parameter)
{
    switch (option->kind) {
    case WEFT_OPTION_BOOL:
        parameter->kind = WEFT_PARAMETER_BOOL;
        return weft_config_read_bool(text, &parameter->boolean);
    case WEFT_OPTION_INT64:
        parameter->kind = WEFT_PARAMETER_INT64;
        return weft_config_read_int64(text, &parameter->int64);
    case WEFT_OPTION_DOUBLE:
        parameter->kind = WEFT_PARAMETER_DOUBLE;
        return read_double(text, &parameter->number);
    case WEFT_OPTION_STRING:
        parameter->kind = WEFT_PARAMETER_STRING;
        parameter->string = text;
        parameter->string_length = strlen(text);
        return true;
    default:
        return false;
    }
}

static bool in_range(const struct weft_model_option *option, const struct weft_parameter *parameter)
{
    bool any = option->minimum >= 0 && option->minimum <= 0 && option->maximum >= 0 &&
               option->maximum <= 0;
    double number = 0;
    if (parameter->kind == WEFT_PARAMETER_INT64) {
        number = (double)parameter->int64;
    } else if (parameter->kind == WEFT_PARAMETER_DOUBLE) {
        number = parameter->number;
    } else {
        return true;
    }
    return any || (number >= option->minimum && number <= option->maximum);
}

static const char *kind_words(enum weft_option_kind kind)
{
    switch (kind) {
    case WEFT_OPTION_BOOL:
        return "true or false";
    case WEFT_OPTION_INT64:
        return "a whole number";
    case WEFT_OPTION_DOUBLE:
        return "a number";
    default:
        return "a text";
    }
}

static enum weft_status take_option(const struct weft_config *config,
                                    const struct weft_model_option *option,
                                    struct weft_parameters *options, struct weft_error **error)
{
    const struct weft_config_setting *setting = weft_config_find(config, option->name);
    const char *text = setting != NULL ? setting->value : option->default_value;
    struct weft_parameter parameter = {.name = option->name};
    if (text == NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s: the parameter \"%s\" is missing: %s", config->file, option->name,
                              option->help != NULL ? option->help : kind_words(option->kind));
    }
    bool fine = read_option(option, text, &parameter);
    if (setting == NULL && !fine) {
        return weft_error_set(error, WEFT_INTERNAL,
                              "the plugin's default of \"%s\" is not %s: \"%s\"", option->name,
                              kind_words(option->kind), text);
    }
    if (!fine) {
        return weft_config_complain(config, setting->value_place, error,
                                    "the parameter \"%s\" must be %s, not \"%s\"", option->name,
                                    kind_words(option->kind), text);
    }
    if (setting != NULL && !in_range(option, &parameter)) {
        return weft_config_complain(config, setting->value_place, error,
                                    "the parameter \"%s\" must be from %g to %g, not %s",
                                    option->name, option->minimum, option->maximum, text);
    }
    return weft_parameters_set(options, &parameter, error);
}

static enum weft_status refuse(const struct weft_config *config,
                               const struct weft_config_setting *setting, const char *of,
                               const char *const *names, size_t count, struct weft_error **error)
{
    const char *nearest = weft_suggest(setting->name, names, count);
    return weft_config_complain(config, setting->place, error, "%s has no parameter \"%s\"%s%s%s",
                                of, setting->name, nearest != NULL ? "; did you mean \"" : "",
                                nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

enum weft_status weft_options_read(const struct weft_config *config,
                                   const struct weft_model_plugin *plugin,
                                   struct weft_parameters *ret_options, struct weft_error **error)
{
    const char *names[WEFT_PARAMETERS_MAX];
    size_t count = 0;
    WEFT_CLEANUP(weft_parameters_fini) struct weft_parameters options = {0};
    enum weft_status status = WEFT_OK;
    for (const struct weft_model_option *option = plugin->options;
         status == WEFT_OK && option != NULL && option->name != NULL; option++) {
        status = take_option(config, option, &options, error); /* refuses more than fit */
        if (count < WEFT_PARAMETERS_MAX) {
            names[count++] = option->name;
        }
    }
    for (size_t i = 0; status == WEFT_OK && i < config->settings_count; i++) {
        const struct weft_config_setting *setting = &config->settings[i];
        if (!is_own(setting->name) && !is_among(setting->name, names, count)) {
            status = refuse(config, setting, plugin->name, names, count, error);
        }
    }
    if (status == WEFT_OK) {
        *ret_options = options;
        options = (struct weft_parameters){0};
    }
    return status;
}

/* --- our own --- */

static enum weft_status take_slots(const struct weft_config *config,
                                   const struct weft_config_setting *setting,
                                   struct weft_model_settings *settings, struct weft_error **error)
{
    int64_t number = 0;
    if (!weft_config_read_int64(setting->value, &number) || number < 1 || number > UINT32_MAX) {
        return weft_config_complain(config, setting->value_place, error,
                                    "weft.slots must be a number from 1 on, not \"%s\"",
                                    setting->value);
    }
    settings->needs.slots = (uint32_t)number;
    return WEFT_OK;
}

static enum weft_status take_memory(const struct weft_config *config,
                                    const struct weft_config_setting *setting,
                                    struct weft_model_settings *settings, struct weft_error **error)
{
    return weft_config_read_size(setting->value, &settings->needs.memory_bytes)
               ? WEFT_OK
               : weft_config_complain(config, setting->value_place, error,
                                      "weft.memory must be a size like \"512MiB\", not \"%s\"",
                                      setting->value);
}

static int compare_tags(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* "gpu, avx512": sorted, as placement wants them. */
static enum weft_status take_tags(const struct weft_config *config,
                                  const struct weft_config_setting *setting,
                                  struct weft_model_settings *settings, struct weft_error **error)
{
    struct weft_needs *needs = &settings->needs;
    cleanup_free char *text = strdup(setting->value);
    needs->tags = calloc(WEFT_NODE_TAGS_MAX, sizeof(*needs->tags));
    if (text == NULL || needs->tags == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    char *rest = NULL;
    for (char *tag = strtok_r(text, ", ", &rest); tag != NULL; tag = strtok_r(NULL, ", ", &rest)) {
        if (needs->tags_count == WEFT_NODE_TAGS_MAX || strlen(tag) > WEFT_NAME_MAX) {
            return weft_config_complain(config, setting->value_place, error,
                                        "weft.tags has more than %d tags, or one too long",
                                        WEFT_NODE_TAGS_MAX);
        }
        if (is_among(tag, (const char *const *)needs->tags, needs->tags_count)) {
            continue;
        }
        char *copy = strdup(tag);
        if (copy == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        needs->tags[needs->tags_count++] = copy;
    }
    qsort(needs->tags, needs->tags_count, sizeof(*needs->tags), compare_tags);
    return WEFT_OK;
}

static enum weft_status take_flag(const struct weft_config *config,
                                  const struct weft_config_setting *setting, int *ret_flag,
                                  struct weft_error **error)
{
    bool set = false;
    if (!weft_config_read_bool(setting->value, &set)) {
        return weft_config_complain(config, setting->value_place, error,
                                    "%s must be true or false, not \"%s\"", setting->name,
                                    setting->value);
    }
    *ret_flag = set;
    return WEFT_OK;
}

static enum weft_status take_own(const struct weft_config *config,
                                 const struct weft_config_setting *setting,
                                 struct weft_model_settings *settings, struct weft_error **error)
{
    static const char *const names[] = {"weft.slots", "weft.memory", "weft.tags",
                                        "weft.deterministic", "weft.streaming"};
    if (strcmp(setting->name, "weft.slots") == 0) {
        return take_slots(config, setting, settings, error);
    }
    if (strcmp(setting->name, "weft.memory") == 0) {
        return take_memory(config, setting, settings, error);
    }
    if (strcmp(setting->name, "weft.tags") == 0) {
        return take_tags(config, setting, settings, error);
    }
    if (strcmp(setting->name, "weft.deterministic") == 0) {
        return take_flag(config, setting, &settings->deterministic, error);
    }
    if (strcmp(setting->name, "weft.streaming") == 0) {
        return take_flag(config, setting, &settings->streaming, error);
    }
    return refuse(config, setting, "Weft", names, sizeof(names) / sizeof(names[0]), error);
}

void weft_model_settings_fini(struct weft_model_settings *settings)
{
    for (size_t i = 0; i < settings->needs.tags_count; i++) {
        free(settings->needs.tags[i]);
    }
    free(settings->needs.tags);
    *settings = (struct weft_model_settings){0};
}

enum weft_status weft_model_settings_read(const struct weft_config *config,
                                          struct weft_model_settings *ret_settings,
                                          struct weft_error **error)
{
    struct weft_model_settings settings = {
        .needs = {.slots = 1}, .deterministic = -1, .streaming = config->decoupled ? 1 : -1};
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < config->settings_count; i++) {
        if (is_own(config->settings[i].name)) {
            status = take_own(config, &config->settings[i], &settings, error);
        }
    }
    if (status != WEFT_OK) {
        weft_model_settings_fini(&settings);
        return status;
    }
    *ret_settings = settings;
    return WEFT_OK;
}
