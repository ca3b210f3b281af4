/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/value.h"
#include "model/config.h"
#include "model/options.h"

/* Any bytes as config.pbtxt: it is refused with a place, or all that came of it can be used. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void use(const struct weft_config *config)
{
    static const struct weft_model_option options[] = {
        {"a", WEFT_OPTION_INT64, "1", 0, 9, NULL},    {"b", WEFT_OPTION_DOUBLE, "1", -1, 1, NULL},
        {"c", WEFT_OPTION_BOOL, "true", 0, 0, NULL},  {"d", WEFT_OPTION_STRING, "", 0, 0, NULL},
        {NULL, WEFT_OPTION_STRING, NULL, 0, 0, NULL},
    };
    static const struct weft_model_plugin plugin = {.name = "p", .options = options};
    struct weft_parameters parameters = {0};
    struct weft_model_settings settings = {0};
    if (weft_options_read(config, &plugin, &parameters, NULL) == WEFT_OK && parameters.count != 4) {
        abort();
    }
    if (weft_model_settings_read(config, &settings, NULL) == WEFT_OK && settings.needs.slots == 0) {
        abort();
    }
    if (config->instances == 0 || config->latest_count == 0) {
        abort();
    }
    weft_parameters_fini(&parameters);
    weft_model_settings_fini(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    cleanup_config struct weft_config *config = NULL;
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text warnings = {0};
    enum weft_status status =
        weft_config_parse("c", (const char *)data, size_bytes, &warnings, &config, &error);
    if ((status == WEFT_OK) != (config != NULL) || (status == WEFT_OK) != (error == NULL)) {
        abort();
    }
    if (config != NULL) {
        use(config);
    }
    return 0;
}
