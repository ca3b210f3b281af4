/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_OPTIONS_H
#define WEFT_MODEL_OPTIONS_H

/*
 * The settings of config.pbtxt against what takes them: the table of the plugin's options, and our
 * own names that begin with "weft.". Any thread.
 */

#include <weft/model.h>

#include "base/message.h"
#include "base/parameters.h"
#include "model/config.h"

/* Checked, with defaults, in the table's order. table NULL = the plugin takes none. */
enum weft_status weft_options_read(const struct weft_config *config,
                                   const struct weft_model_plugin *plugin,
                                   struct weft_parameters *ret_options,
                                   struct weft_error **error) WEFT_MUST_CHECK;

/* Our own settings; what is not said is as in the comments. */
struct weft_model_settings {
    struct weft_needs needs; /* slots 1, no memory, no tags */
    int deterministic;       /* 0, 1; -1 = the plugin says it */
    int streaming;
};

/* Unknown "weft." names are refused. The caller calls weft_model_settings_fini. */
enum weft_status weft_model_settings_read(const struct weft_config *config,
                                          struct weft_model_settings *ret_settings,
                                          struct weft_error **error) WEFT_MUST_CHECK;
void weft_model_settings_fini(struct weft_model_settings *settings);

#endif
