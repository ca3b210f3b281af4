/* SPDX-License-Identifier: Apache-2.0 */
#include "model/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "base/suggest.h"
#include "sys/file.h"

/* Files of a plugin directory that suggestions look at. */
enum { PLUGINS_LISTED_MAX = 256 };

struct library {
    struct library *next;
    char *path;
    struct stat about; /* as it was when it was opened */
    const struct weft_model_plugin *plugin;
};

struct weft_plugins {
    pthread_mutex_t lock; /* guards the list; held while a library is opened, so none opens twice */
    struct library *libraries;
};

struct weft_plugins *weft_plugins_new(void)
{
    struct weft_plugins *plugins = calloc(1, sizeof(*plugins));
    if (plugins != NULL) {
        pthread_mutex_init(&plugins->lock, NULL);
    }
    return plugins;
}

void weft_plugins_free(struct weft_plugins *plugins)
{
    if (plugins == NULL) {
        return;
    }
    while (plugins->libraries != NULL) {
        struct library *library = plugins->libraries;
        plugins->libraries = library->next;
        free(library->path);
        free(library);
    }
    pthread_mutex_destroy(&plugins->lock);
    free(plugins);
}

static enum weft_status check(const char *path, const struct weft_model_plugin *plugin,
                              struct weft_error **error)
{
    if (plugin->abi != WEFT_MODEL_ABI) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "\"%s\" was built for plugin ABI %u, but this node speaks %d", path,
                              plugin->abi, WEFT_MODEL_ABI);
    }
    if (plugin->name == NULL || plugin->load == NULL || plugin->metadata == NULL ||
        plugin->infer == NULL || plugin->unload == NULL) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "\"%s\" lacks a name or one of load, metadata, infer and unload",
                              path);
    }
    return WEFT_OK;
}

static enum weft_status open_library(const char *path, const struct weft_model_plugin **ret_plugin,
                                     struct weft_error **error)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        return weft_error_set(error, WEFT_FAILED_PRECONDITION, "\"%s\" can't be opened: %s", path,
                              reason != NULL ? reason : "the linker gives no reason");
    }
    const struct weft_model_plugin *plugin = dlsym(handle, WEFT_MODEL_PLUGIN_SYMBOL);
    if (plugin == NULL) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "\"%s\" is no model plugin: it has no symbol %s", path,
                              WEFT_MODEL_PLUGIN_SYMBOL);
    }
    enum weft_status status = check(path, plugin, error);
    if (status == WEFT_OK) {
        *ret_plugin = plugin;
    }
    return status;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* With the lock held. */
static enum weft_status open_locked(struct weft_plugins *plugins, const char *path,
                                    const struct stat *about,
                                    const struct weft_model_plugin **ret_plugin,
                                    struct weft_error **error)
{
    for (struct library *library = plugins->libraries; library != NULL; library = library->next) {
        if (strcmp(library->path, path) != 0) {
            continue;
        }
        if (!is_same(&library->about, about)) {
            return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                                  "\"%s\" has changed since this node opened it; a new build needs "
                                  "a version directory of its own, or a new start of the node",
                                  path);
        }
        *ret_plugin = library->plugin;
        return WEFT_OK;
    }
    struct library *library = calloc(1, sizeof(*library));
    cleanup_free char *copy = strdup(path);
    if (library == NULL || copy == NULL) {
        free(library);
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = open_library(path, &library->plugin, error);
    if (status != WEFT_OK) {
        free(library);
        return status;
    }
    library->path = steal(&copy);
    library->about = *about;
    library->next = plugins->libraries;
    plugins->libraries = library;
    *ret_plugin = library->plugin;
    return WEFT_OK;
}

enum weft_status weft_plugins_open_file(struct weft_plugins *plugins, const char *path,
                                        const struct weft_model_plugin **ret_plugin,
                                        struct weft_error **error)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return weft_error_set(error, errno == ENOENT ? WEFT_NOT_FOUND : WEFT_FAILED_PRECONDITION,
                              "\"%s\" can't be opened: %s", path, strerror(errno));
    }
    pthread_mutex_lock(&plugins->lock);
    enum weft_status status = open_locked(plugins, path, &about, ret_plugin, error);
    pthread_mutex_unlock(&plugins->lock);
    return status;
}

/* A backend's name is a file's: plain letters, so that it can't lead anywhere else. */
static bool is_backend_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= WEFT_NAME_MAX - 3 && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               length;
}

static enum weft_status say_unknown(const char *directory, const char *name,
                                    struct weft_error **error)
{
    char **names = NULL;
    size_t listed = 0;
    size_t count = 0;
    (void)!weft_directory_list(directory, PLUGINS_LISTED_MAX, &names, &listed, NULL);
    for (size_t i = 0; i < listed; i++) {
        size_t length = strlen(names[i]);
        if (length > 3 && strcmp(names[i] + length - 3, ".so") == 0) {
            names[i][length - 3] = '\0';
            char *swapped = names[count];
            names[count++] = names[i];
            names[i] = swapped;
        }
    }
    const char *nearest = weft_suggest(name, (const char *const *)names, count);
    enum weft_status status =
        weft_error_set(error, WEFT_NOT_FOUND, "there is no backend \"%s\" in \"%s\"%s%s%s", name,
                       directory, nearest != NULL ? "; did you mean \"" : "",
                       nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    for (size_t i = 0; i < listed; i++) {
        free(names[i]);
    }
    free(names);
    return status;
}

enum weft_status weft_plugins_open_backend(struct weft_plugins *plugins, const char *directory,
                                           const char *name,
                                           const struct weft_model_plugin **ret_plugin,
                                           struct weft_error **error)
{
    if (!is_backend_name(name)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "\"%s\" can't be a backend's name: letters, digits, _ and - only",
                              name);
    }
    if (directory == NULL) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION,
                              "the backend \"%s\" is a plugin, but this node has no directory of "
                              "plugins",
                              name);
    }
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%s.so", directory, name) < 0) {
        path = NULL;
        return weft_error_set_out_of_memory(error);
    }
    struct stat about;
    if (stat(path, &about) != 0 && errno == ENOENT) {
        return say_unknown(directory, name, error);
    }
    const struct weft_model_plugin *plugin = NULL;
    enum weft_status status = weft_plugins_open_file(plugins, path, &plugin, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (strcmp(plugin->name, name) != 0) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION, "\"%s\" calls itself \"%s\"", path,
                              plugin->name);
    }
    *ret_plugin = plugin;
    return WEFT_OK;
}
