/* SPDX-License-Identifier: Apache-2.0 */
#include "model/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "base/value.h"
#include "sys/file.h"

static char *join(const char *directory, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static bool is_kind(const char *directory, const char *name, mode_t kind)
{
    struct stat about;
    cleanup_free char *path = join(directory, name);
    return path != NULL && stat(path, &about) == 0 && (about.st_mode & S_IFMT) == kind;
}

bool weft_source_exists(const char *directory, const char *name)
{
    return directory != NULL && is_kind(directory, name, S_IFDIR);
}

bool weft_model_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > WEFT_NAME_MAX || name[0] == '.' || !weft_utf8_valid(name, length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        /* C1 control characters are c2 80 to c2 9f. */
        if (c < 0x20 || c == 0x7f || c == '/' || (c == 0xc2 && (unsigned char)name[i + 1] < 0xa0)) {
            return false;
        }
    }
    return true;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

enum weft_status weft_source_names(const char *directory, char ***ret_names, size_t *ret_count,
                                   struct weft_error **error)
{
    char **names = NULL;
    size_t listed = 0;
    size_t count = 0;
    if (directory == NULL) {
        *ret_names = NULL;
        *ret_count = 0;
        return WEFT_OK;
    }
    enum weft_status status =
        weft_directory_list(directory, WEFT_SOURCE_NAMES_MAX, &names, &listed, error);
    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < listed; i++) {
        if (weft_model_name_valid(names[i]) && weft_source_exists(directory, names[i])) {
            names[count++] = names[i];
        } else {
            free(names[i]);
        }
    }
    if (count > WEFT_REPOSITORY_MODELS_MAX) {
        free_names(names, count);
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "\"%s\" holds more than %d models",
                              directory, WEFT_REPOSITORY_MODELS_MAX);
    }
    *ret_names = names;
    *ret_count = count;
    return WEFT_OK;
}

/* A number from 1 on without leading zeros; 0 = it is none. */
static uint64_t version_number(const char *name)
{
    errno = 0;
    char *end = NULL;
    unsigned long long number = strtoull(name, &end, 10);
    return name[0] >= '1' && name[0] <= '9' && *end == '\0' && errno == 0 ? number : 0;
}

static int compare_versions(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

enum weft_status weft_source_versions(const char *directory, uint64_t *versions, size_t *ret_count,
                                      struct weft_error **error)
{
    char **names = NULL;
    size_t listed = 0;
    size_t count = 0;
    enum weft_status status =
        weft_directory_list(directory, WEFT_SOURCE_NAMES_MAX, &names, &listed, error);
    for (size_t i = 0; status == WEFT_OK && i < listed; i++) {
        uint64_t number = version_number(names[i]);
        if (number == 0 || !is_kind(directory, names[i], S_IFDIR)) {
            continue;
        }
        if (count == WEFT_REPOSITORY_VERSIONS_MAX) {
            status =
                weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "\"%s\" holds more than %d versions",
                               directory, WEFT_REPOSITORY_VERSIONS_MAX);
            break;
        }
        versions[count++] = number;
    }
    free_names(names, listed);
    if (status == WEFT_OK) {
        qsort(versions, count, sizeof(*versions), compare_versions);
        *ret_count = count;
    }
    return status;
}

static enum weft_status read_config(struct weft_model_files *files, const char *name,
                                    struct weft_error **error)
{
    cleanup_free char *path = join(files->directory, "config.pbtxt");
    cleanup_free char *label = join(name, "config.pbtxt");
    cleanup_free char *text = NULL;
    if (path == NULL || label == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    cleanup_error struct weft_error *why = NULL;
    enum weft_status status = weft_file_read_text(path, WEFT_CONFIG_SIZE_MAX_BYTES, &text, &why);
    if (status != WEFT_OK && status != WEFT_NOT_FOUND) {
        return weft_error_set(error, status, "%s: %s", label, weft_error_message(why));
    }
    const char *content = text != NULL ? text : ""; /* all is said by the plugin then */
    status =
        weft_config_parse(label, content, strlen(content), &files->warnings, &files->config, error);
    if (status == WEFT_OK && files->config->name != NULL &&
        strcmp(files->config->name, name) != 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s names the model \"%s\", but its directory is \"%s\"", label,
                              files->config->name, name);
    }
    return status;
}

static bool has_version(const struct weft_model_files *files, uint64_t version)
{
    for (size_t i = 0; i < files->versions_count; i++) {
        if (files->versions[i] == version) {
            return true;
        }
    }
    return false;
}

static enum weft_status choose(struct weft_model_files *files, const char *name,
                               struct weft_error **error)
{
    const struct weft_config *config = files->config;
    if (files->versions_count == 0) {
        return weft_error_set(error, WEFT_NOT_FOUND,
                              "model \"%s\" has no version directory like \"%s/1\"", name, name);
    }
    if (config->policy == WEFT_VERSIONS_SPECIFIC) {
        for (size_t i = 0; i < config->versions_count; i++) {
            if (!has_version(files, config->versions[i])) {
                return weft_error_set(error, WEFT_NOT_FOUND,
                                      "%s asks for version %" PRIu64 ", which is not there",
                                      config->file, config->versions[i]);
            }
            files->chosen[files->chosen_count++] = config->versions[i];
        }
        qsort(files->chosen, files->chosen_count, sizeof(files->chosen[0]), compare_versions);
        return WEFT_OK;
    }
    size_t count = files->versions_count;
    if (config->policy == WEFT_VERSIONS_LATEST && config->latest_count < count) {
        count = config->latest_count;
    }
    memcpy(files->chosen, &files->versions[files->versions_count - count],
           count * sizeof(files->chosen[0]));
    files->chosen_count = count;
    return WEFT_OK;
}

enum weft_status weft_model_files_read(struct weft_model_files *files, const char *directory,
                                       const char *name, struct weft_error **error)
{
    files->directory = join(directory, name);
    if (files->directory == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        weft_source_versions(files->directory, files->versions, &files->versions_count, error);
    if (status == WEFT_OK) {
        status = read_config(files, name, error);
    }
    return status == WEFT_OK ? choose(files, name, error) : status;
}

void weft_model_files_fini(struct weft_model_files *files)
{
    free(files->directory);
    weft_config_unref(files->config);
    weft_text_fini(&files->warnings);
    *files = (struct weft_model_files){0};
}

/* The backend that the configuration names, NULL where it names none. */
static enum weft_status named_backend(const struct weft_config *config, const char **ret_backend,
                                      struct weft_error **error)
{
    static const char *const platforms[] = {"onnxruntime_onnx"};
    if (config->backend != NULL && config->backend[0] != '\0') {
        *ret_backend = config->backend;
        return WEFT_OK;
    }
    if (config->platform == NULL || config->platform[0] == '\0' ||
        strcmp(config->platform, "weft_plugin") == 0) {
        *ret_backend = NULL;
        return WEFT_OK;
    }
    if (strcmp(config->platform, platforms[0]) == 0) {
        *ret_backend = "onnxruntime";
        return WEFT_OK;
    }
    const char *nearest = weft_suggest(config->platform, platforms, 1);
    return weft_config_complain(config, config->backend_place, error,
                                "the platform \"%s\" is not supported%s%s%s", config->platform,
                                nearest != NULL ? "; did you mean \"" : "",
                                nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static enum weft_status find_plugin(const struct weft_config *config, const char *directory,
                                    struct weft_plugins *plugins, const char *plugin_directory,
                                    const struct weft_model_plugin **ret_plugin,
                                    struct weft_error **error)
{
    const char *backend = NULL;
    enum weft_status status = named_backend(config, &backend, error);
    if (status != WEFT_OK) {
        return status;
    }
    /* A plugin that comes with the model goes before one of the same name that all share. */
    bool own = backend == NULL || strcmp(backend, "onnxruntime") != 0;
    if (own && is_kind(directory, "model.so", S_IFREG)) {
        cleanup_free char *path = join(directory, "model.so");
        return path != NULL ? weft_plugins_open_file(plugins, path, ret_plugin, error)
                            : weft_error_set_out_of_memory(error);
    }
    const char *file = config->default_model_filename;
    size_t length = file != NULL ? strlen(file) : 0;
    bool onnx = is_kind(directory, "model.onnx", S_IFREG) ||
                (length > 5 && strcmp(file + length - 5, ".onnx") == 0);
    if (backend == NULL && onnx) {
        backend = "onnxruntime";
    }
    if (backend == NULL) {
        return weft_error_set(
            error, WEFT_NOT_FOUND,
            "\"%s\" holds neither model.onnx nor model.so, and %s names no backend", directory,
            config->file);
    }
    return weft_plugins_open_backend(plugins, plugin_directory, backend, ret_plugin, error);
}

enum weft_status weft_source_plugin(const struct weft_model_files *files, uint64_t version,
                                    struct weft_plugins *plugins, const char *plugin_directory,
                                    char **ret_directory,
                                    const struct weft_model_plugin **ret_plugin,
                                    struct weft_error **error)
{
    cleanup_free char *directory = NULL;
    if (asprintf(&directory, "%s/%" PRIu64, files->directory, version) < 0) {
        directory = NULL;
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        find_plugin(files->config, directory, plugins, plugin_directory, ret_plugin, error);
    if (status == WEFT_OK) {
        *ret_directory = steal(&directory);
    }
    return status;
}
