/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_PLUGIN_H
#define WEFT_MODEL_PLUGIN_H

/*
 * The shared objects that hold model plugins. Each is opened once and stays open until the process
 * ends: what it has started (threads, exit handlers) may not outlive its code. Any thread.
 */

#include <weft/error.h>
#include <weft/model.h>

struct weft_plugins;

/* NULL if out of memory. */
struct weft_plugins *weft_plugins_new(void);
/* Forgets the table; the libraries stay open. NULL is fine. */
void weft_plugins_free(struct weft_plugins *plugins);

/* Opens DIRECTORY/NAME.so, whose descriptor must have that name. NOT_FOUND with a suggestion;
 * INVALID_ARGUMENT where no backend may have that name. */
enum weft_status weft_plugins_open_backend(struct weft_plugins *plugins, const char *directory,
                                           const char *name,
                                           const struct weft_model_plugin **ret_plugin,
                                           struct weft_error **error) WEFT_MUST_CHECK;
/* Opens the file. FAILED_PRECONDITION where it was opened before and is another one now. */
enum weft_status weft_plugins_open_file(struct weft_plugins *plugins, const char *path,
                                        const struct weft_model_plugin **ret_plugin,
                                        struct weft_error **error) WEFT_MUST_CHECK;

#endif
