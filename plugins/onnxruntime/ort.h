/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_ORT_H
#define WEFT_ONNXRUNTIME_ORT_H

/*
 * ONNX Runtime itself: the one place that opens its library, holds its table of functions and its
 * one environment of the process, and turns its statuses and log lines into Weft's. Opened at the
 * first load of a model and kept until the process ends (its threads and our log function must
 * outlive every model). Any thread.
 */

#include "ort_api.h"

#include <weft/model.h>

/* What ONNX Runtime has to say of a broken graph is a sentence or two; more is cut. */
#define WEFT_ORT_REASON_MAX 800

/* Why something failed; always terminated. */
struct weft_ort_reason {
    char text[WEFT_ORT_REASON_MAX];
};

/* Whom log lines are for. */
struct weft_ort_listener {
    const struct weft_model_host *host;
    struct weft_model_handle *handle;
};

struct weft_ort {
    const OrtApi *api;
    OrtEnv *env;
    OrtMemoryInfo
        *memory; /* plain memory of this process, as tensors over foreign memory need it */
    OrtAllocator *allocator; /* the default one, for what the API itself makes */
    const char *version;     /* of the library */
};

/* FAILED_PRECONDITION where the library is not there, or older than WEFT_ORT_API_VERSION. A failure
 * may be tried again. */
enum weft_status weft_ort_open(const struct weft_ort **ret_ort,
                               struct weft_ort_reason *reason) WEFT_MUST_CHECK;

/* Sets who hears the environment's own lines while this thread loads a model; NULL = nobody. */
void weft_ort_listen(const struct weft_ort_listener *listener);
/* An OrtLoggingFunction; parameter is a weft_ort_listener, NULL = the thread's. */
void weft_ort_log(void *parameter, OrtLoggingLevel severity, const char *category, const char *id,
                  const char *location, const char *message);

/* Writes the reason and returns status, for `return weft_ort_fail(…)`. */
enum weft_status weft_ort_fail(struct weft_ort_reason *reason, enum weft_status status,
                               const char *format, ...) WEFT_PRINTF(3, 4);
/* Takes a status of the API (NULL = it worked) and says what it means; what goes before ONNX
 * Runtime's own words. */
enum weft_status weft_ort_check(const struct weft_ort *ort, OrtStatus *status, const char *what,
                                struct weft_ort_reason *reason) WEFT_MUST_CHECK;

#endif
