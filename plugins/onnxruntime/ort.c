/* SPDX-License-Identifier: Apache-2.0 */
#include "ort.h"

#include "place.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct weft_ort shared; /* api is set when the rest is; guarded by lock until then */
static _Thread_local const struct weft_ort_listener *thread_listener;

enum weft_status weft_ort_fail(struct weft_ort_reason *reason, enum weft_status status,
                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    return status;
}

static enum weft_status meaning(OrtErrorCode code, const char *words)
{
    /* Allocations fail as exceptions of many kinds; only the words tell them apart. */
    if (strstr(words, "Failed to allocate memory") != NULL || strstr(words, "bad_alloc") != NULL ||
        strstr(words, "is smaller than requested bytes") != NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    switch (code) {
    case ORT_INVALID_ARGUMENT:
        return WEFT_INVALID_ARGUMENT;
    case ORT_NO_SUCHFILE:
        return WEFT_NOT_FOUND;
    case ORT_NO_MODEL:
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH:
        return WEFT_FAILED_PRECONDITION;
    case ORT_NOT_IMPLEMENTED:
        return WEFT_UNIMPLEMENTED;
    default: /* later versions have further codes */
        return WEFT_INTERNAL;
    }
}

enum weft_status weft_ort_check(const struct weft_ort *ort, OrtStatus *status, const char *what,
                                struct weft_ort_reason *reason)
{
    if (status == NULL) {
        return WEFT_OK;
    }
    const char *words = ort->api->GetErrorMessage(status);
    enum weft_status ours = meaning(ort->api->GetErrorCode(status), words);
    size_t length = strlen(words);
    while (length > 0 && words[length - 1] == '\n') {
        length--;
    }
    weft_ort_fail(reason, ours, "%s: %.*s", what, (int)length, words);
    ort->api->ReleaseStatus(status);
    return ours;
}

void weft_ort_listen(const struct weft_ort_listener *listener)
{
    thread_listener = listener;
}

void weft_ort_log(void *parameter, OrtLoggingLevel severity, const char *category, const char *id,
                  const char *location, const char *message)
{
    static const enum weft_log_level levels[] = {[ORT_LOGGING_LEVEL_VERBOSE] = WEFT_LOG_DEBUG,
                                                 [ORT_LOGGING_LEVEL_INFO] = WEFT_LOG_INFO,
                                                 [ORT_LOGGING_LEVEL_WARNING] = WEFT_LOG_WARNING,
                                                 [ORT_LOGGING_LEVEL_ERROR] = WEFT_LOG_ERROR,
                                                 [ORT_LOGGING_LEVEL_FATAL] = WEFT_LOG_ERROR};
    (void)category;
    (void)id;
    (void)location; /* a place in ONNX Runtime's sources */
    const struct weft_ort_listener *listener = parameter != NULL ? parameter : thread_listener;
    if (listener != NULL && (size_t)severity < sizeof(levels) / sizeof(levels[0])) {
        listener->host->log(listener->handle, NULL, levels[severity], message);
    }
}

/* A library beside the plugin is the one that was installed with it; in a build tree it is the one
 * that was built against; else the system's. By path and not by DT_RUNPATH, which dlopen does not
 * heed when a sanitizer stands between. */
static void *open_library(struct weft_ort_reason *reason)
{
    static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    char path[WEFT_PLACE_MAX];
    void *library = NULL;
    for (size_t i = 0; i < 2 && library == NULL; i++) {
        if (weft_place_beside(names[i], path)) {
            library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        }
    }
    if (library == NULL) {
        library = dlopen(WEFT_ORT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
    for (size_t i = 0; i < 2 && library == NULL; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) {
        weft_ort_fail(reason, WEFT_FAILED_PRECONDITION, "ONNX Runtime's library is not there: %s",
                      dlerror());
    }
    return library;
}

static enum weft_status open_api(struct weft_ort *ort, struct weft_ort_reason *reason)
{
    void *library = open_library(reason);
    if (library == NULL) {
        return WEFT_FAILED_PRECONDITION;
    }
    /* POSIX has a symbol's address fit a function pointer; ISO C has no cast that says so. */
    const OrtApiBase *(*get_base)(void) = NULL;
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof(get_base));
    const OrtApiBase *base = get_base == NULL ? NULL : get_base();
    if (base == NULL) {
        dlclose(library);
        return weft_ort_fail(reason, WEFT_FAILED_PRECONDITION,
                             "libonnxruntime.so is not ONNX Runtime: it has no OrtGetApiBase");
    }
    ort->version = base->GetVersionString();
    ort->api = base->GetApi(WEFT_ORT_API_VERSION);
    if (ort->api == NULL) {
        weft_ort_fail(reason, WEFT_FAILED_PRECONDITION,
                      "ONNX Runtime's library is version %s, which does not offer API %d: this "
                      "plugin needs 1.%d or later",
                      ort->version, WEFT_ORT_API_VERSION, WEFT_ORT_API_VERSION);
        dlclose(library);
        return WEFT_FAILED_PRECONDITION;
    }
    return WEFT_OK;
}

/* The memory of all tensors in this process: half of the machine's, so that an input that makes a
 * network ask for more is an error of that call. It grows by what is asked for and not by doubling:
 * after one absurd request, a doubling arena takes all that it can get for the next small one. */
static OrtStatus *limit_memory(struct weft_ort *ort)
{
    static const char *const keys[] = {"max_mem", "arena_extend_strategy"};
    enum { EXTEND_AS_REQUESTED = 1 };
    const size_t values[] = {(size_t)sysconf(_SC_PHYS_PAGES) / 2 * (size_t)sysconf(_SC_PAGESIZE),
                             EXTEND_AS_REQUESTED};
    OrtArenaCfg *arena = NULL;
    OrtMemoryInfo *memory = NULL;
    OrtStatus *failed = ort->api->CreateArenaCfgV2(keys, values, 2, &arena);
    if (failed == NULL) {
        failed = ort->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory);
    }
    if (failed == NULL) {
        failed = ort->api->CreateAndRegisterAllocator(ort->env, memory, arena);
    }
    ort->api->ReleaseMemoryInfo(memory);
    ort->api->ReleaseArenaCfg(arena);
    return failed;
}

static enum weft_status open_environment(struct weft_ort *ort, struct weft_ort_reason *reason)
{
    const OrtApi *api = ort->api;
    enum weft_status status =
        weft_ort_check(ort,
                       api->CreateEnvWithCustomLogger(weft_ort_log, NULL, ORT_LOGGING_LEVEL_WARNING,
                                                      "weft", &ort->env),
                       "ONNX Runtime cannot start", reason);
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, api->DisableTelemetryEvents(ort->env),
                                "ONNX Runtime cannot start", reason);
    }
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, limit_memory(ort), "ONNX Runtime's memory", reason);
    }
    if (status == WEFT_OK) {
        status = weft_ort_check(
            ort, api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &ort->memory),
            "ONNX Runtime cannot start", reason);
    }
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, api->GetAllocatorWithDefaultOptions(&ort->allocator),
                                "ONNX Runtime has no allocator", reason);
    }
    if (status != WEFT_OK) {
        api->ReleaseMemoryInfo(ort->memory);
        api->ReleaseEnv(ort->env);
    }
    return status;
}

enum weft_status weft_ort_open(const struct weft_ort **ret_ort, struct weft_ort_reason *reason)
{
    enum weft_status status = WEFT_OK;
    pthread_mutex_lock(&lock);
    if (shared.api == NULL) {
        struct weft_ort opened = {0};
        status = open_api(&opened, reason);
        if (status == WEFT_OK) {
            status = open_environment(&opened, reason);
        }
        if (status == WEFT_OK) {
            shared = opened;
        }
    }
    pthread_mutex_unlock(&lock);
    if (status == WEFT_OK) {
        *ret_ort = &shared;
    }
    return status;
}
