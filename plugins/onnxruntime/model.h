/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_MODEL_H
#define WEFT_ONNXRUNTIME_MODEL_H

/*
 * A loaded network: its session, its tensors and how it is to run. Made by load and constant until
 * unload; a session may be run from several threads at once.
 */

#include "ort.h"
#include "picture.h"
#include "tensors.h"

struct weft_ort_settings {
    int threads; /* inside one operator; 0 = as ONNX Runtime thinks best */
    bool spinning;
    GraphOptimizationLevel level;
    bool decode;
    bool deterministic;
    bool finite; /* inputs with other numbers are refused */
};

struct weft_ort_model {
    const struct weft_ort *ort;
    struct weft_ort_listener listener;
    struct weft_ort_settings settings;
    const struct weft_image_library *images; /* NULL unless settings.decode */
    OrtSession *session;
    struct weft_tensors inputs;
    struct weft_tensors outputs;
};

/* Reads the model's file. NOT_FOUND where there is none, FAILED_PRECONDITION where it is no network
 * or config.pbtxt contradicts it, UNIMPLEMENTED, OUT_OF_MEMORY. */
enum weft_status weft_ort_model_open(const struct weft_model_host *host,
                                     struct weft_model_handle *handle,
                                     const struct weft_ort_settings *settings,
                                     struct weft_ort_model **ret_model,
                                     struct weft_ort_reason *reason) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_ort_model_close(struct weft_ort_model *model);

/* infer and cancel of the plugin's descriptor (run.c). */
void weft_ort_run(void *model, struct weft_model_call *call);
void weft_ort_run_cancel(void *model, struct weft_model_call *call);

#endif
