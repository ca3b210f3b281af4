/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend "onnxruntime": a network in an ONNX file, run on the CPU by ONNX Runtime's C API.
 */
#include "model.h"

#include <string.h>

enum {
    OPTION_THREADS,
    OPTION_SPINNING,
    OPTION_LEVEL,
    OPTION_DECODE,
    OPTION_DETERMINISTIC,
    OPTION_FINITE,
    OPTIONS
};

static const struct weft_model_option options_table[OPTIONS + 1] = {
    [OPTION_THREADS] = {.name = "intra_op_thread_count",
                        .kind = WEFT_OPTION_INT64,
                        .default_value = "1",
                        .minimum = 0,
                        .maximum = 1024,
                        .help = "threads inside one operator; 0 = one a core"},
    [OPTION_SPINNING] = {.name = "intra_op_spinning",
                         .kind = WEFT_OPTION_BOOL,
                         .default_value = "false",
                         .help = "those threads wait for work without sleeping"},
    [OPTION_LEVEL] = {.name = "graph_optimization_level",
                      .kind = WEFT_OPTION_STRING,
                      .default_value = "all",
                      .help = "disable, basic, extended or all"},
    [OPTION_DECODE] = {.name = "decode",
                       .kind = WEFT_OPTION_STRING,
                       .default_value = "none",
                       .help = "image: inputs of pixels take a JPEG or PNG as BYTES [1]"},
    [OPTION_DETERMINISTIC] = {.name = "weft.deterministic",
                              .kind = WEFT_OPTION_BOOL,
                              .default_value = "false",
                              .help = "equal inputs give equal outputs: one thread, no spinning, "
                                      "optimisation level all"},
    [OPTION_FINITE] = {.name = "finite_inputs",
                       .kind = WEFT_OPTION_BOOL,
                       .default_value = "false",
                       .help = "inputs with NaN or infinities in them are refused"},
};

static enum weft_status read_level(const char *text, GraphOptimizationLevel *ret_level,
                                   struct weft_ort_reason *reason)
{
    static const struct {
        const char *name;
        GraphOptimizationLevel level;
    } levels[] = {{"disable", ORT_DISABLE_ALL},
                  {"basic", ORT_ENABLE_BASIC},
                  {"extended", ORT_ENABLE_EXTENDED},
                  {"all", ORT_ENABLE_ALL}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i].name, text) == 0) {
            *ret_level = levels[i].level;
            return WEFT_OK;
        }
    }
    return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                         "graph_optimization_level \"%s\" is none of disable, basic, extended, all",
                         text);
}

static enum weft_status read_settings(const struct weft_parameter *options,
                                      struct weft_ort_settings *ret_settings,
                                      struct weft_ort_reason *reason)
{
    struct weft_ort_settings settings = {
        .threads = (int)options[OPTION_THREADS].int64,
        .spinning = options[OPTION_SPINNING].boolean,
        .decode = strcmp(options[OPTION_DECODE].string, "image") == 0,
        .deterministic = options[OPTION_DETERMINISTIC].boolean,
        .finite = options[OPTION_FINITE].boolean,
    };
    enum weft_status status = read_level(options[OPTION_LEVEL].string, &settings.level, reason);
    if (status != WEFT_OK) {
        return status;
    }
    if (!settings.decode && strcmp(options[OPTION_DECODE].string, "none") != 0) {
        return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                             "decode \"%s\" is neither none nor image",
                             options[OPTION_DECODE].string);
    }
    /* Said rather than overruled: who asks for threads should know that they are not had. */
    if (settings.deterministic &&
        (settings.threads != 1 || settings.spinning || settings.level != ORT_ENABLE_ALL)) {
        return weft_ort_fail(
            reason, WEFT_INVALID_ARGUMENT,
            "weft.deterministic runs with one thread, no spinning and optimisation "
            "level all: leave the other options out");
    }
    *ret_settings = settings;
    return WEFT_OK;
}

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count,
                             void **ret_model)
{
    struct weft_ort_reason reason = {""};
    struct weft_ort_settings settings = {0};
    struct weft_ort_model *model = NULL;
    enum weft_status status =
        options_count == OPTIONS
            ? read_settings(options, &settings, &reason)
            : weft_ort_fail(&reason, WEFT_INTERNAL, "the node gave %zu options of %d",
                            options_count, OPTIONS);
    if (status == WEFT_OK) {
        status = weft_ort_model_open(host, handle, &settings, &model, &reason);
    }
    if (status != WEFT_OK) {
        return host->fail(handle, status, reason.text);
    }
    *ret_model = model;
    return WEFT_OK;
}

static void metadata(const void *loaded, struct weft_model_metadata *ret_metadata)
{
    const struct weft_ort_model *model = loaded;
    *ret_metadata = (struct weft_model_metadata){.inputs = model->inputs.specs,
                                                 .inputs_count = model->inputs.count,
                                                 .outputs = model->outputs.specs,
                                                 .outputs_count = model->outputs.count,
                                                 .deterministic = model->settings.deterministic};
}

static void unload(void *model)
{
    weft_ort_model_close(model);
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "onnxruntime",
    .version = "1",
    .description = "runs ONNX files with ONNX Runtime on the CPU",
    .options = options_table,
    .load = load,
    .metadata = metadata,
    .infer = weft_ort_run,
    .cancel = weft_ort_run_cancel,
    .unload = unload,
};
