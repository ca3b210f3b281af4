/* SPDX-License-Identifier: Apache-2.0 */
#include "face_host.h"

#include "support/story.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/model.h>

#define OUTPUTS_MAX 8

struct output {
    char name[32];
    void *data;
    size_t size_bytes;
};

struct weft_model_handle {
    const char *model_directory;
    const char *state_directory;
    uint64_t generation;
};

struct face_host {
    void *library;
    const struct weft_model_plugin *plugin;
    void *model;
    struct weft_model_handle handle;
};

struct call {
    struct weft_model_call base;
    struct output outputs[OUTPUTS_MAX];
    size_t outputs_count;
    int completions;
    struct face_answer *answer;
};

static void ignore_log(struct weft_model_handle *handle, struct weft_model_call *call,
                       enum weft_log_level level, const char *text)
{
    (void)handle;
    (void)call;
    (void)level;
    assert_non_null(text);
}

static const char *state_directory(struct weft_model_handle *handle)
{
    return handle->state_directory;
}

static const char *model_directory(struct weft_model_handle *handle)
{
    return handle->model_directory;
}

static void set_generation(struct weft_model_handle *handle, uint64_t generation)
{
    assert_true(generation > handle->generation);
    handle->generation = generation;
}

static enum weft_status say_failure(struct weft_model_handle *handle, enum weft_status status,
                                    const char *text)
{
    (void)handle;
    assert_non_null(text);
    return status;
}

static void *output(struct weft_model_call *base, const char *name, enum weft_datatype datatype,
                    const struct weft_shape *shape, size_t size_bytes)
{
    (void)datatype;
    (void)shape;
    struct call *call = (struct call *)base;
    assert_true(call->outputs_count < OUTPUTS_MAX);
    struct output *made = &call->outputs[call->outputs_count++];
    snprintf(made->name, sizeof(made->name), "%s", name);
    made->data = malloc(size_bytes);
    assert_non_null(made->data);
    made->size_bytes = size_bytes;
    return made->data;
}

static bool wanted(struct weft_model_call *call, const char *name)
{
    (void)call;
    (void)name;
    return true;
}

static bool cancelled(struct weft_model_call *call)
{
    (void)call;
    return false;
}

static const struct output *find(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->outputs_count; i++) {
        if (strcmp(call->outputs[i].name, name) == 0) {
            return &call->outputs[i];
        }
    }
    fail_msg("no output %s", name);
    return NULL;
}

static void copy(const struct call *call, const char *name, void *to, size_t size_bytes)
{
    const struct output *made = find(call, name);
    assert_int_equal(made->size_bytes, size_bytes);
    memcpy(to, made->data, size_bytes);
}

static void complete(struct weft_model_call *base, enum weft_status status, const char *text)
{
    struct call *call = (struct call *)base;
    struct face_answer *answer = call->answer;
    call->completions++;
    answer->status = status;
    if (status != WEFT_OK) {
        snprintf(answer->reason, sizeof(answer->reason), "%s", text);
        return;
    }
    const struct output *id = find(call, "id");
    assert_in_range(id->size_bytes, 5, 4 + 256);
    memcpy(answer->id, (const char *)id->data + 4, id->size_bytes - 4);
    copy(call, "score", &answer->score, sizeof(answer->score));
    copy(call, "box", answer->box, sizeof(answer->box));
    copy(call, "count", &answer->count, sizeof(answer->count));
    copy(call, "embedding", answer->embedding, sizeof(answer->embedding));
    copy(call, "matte", answer->matte, sizeof(answer->matte));
    copy(call, "crop", answer->crop, sizeof(answer->crop));
}

static const struct weft_model_host host_table = {
    .size_bytes = sizeof(struct weft_model_host),
    .log = ignore_log,
    .state_directory = state_directory,
    .model_directory = model_directory,
    .set_generation = set_generation,
    .fail = say_failure,
    .output = output,
    .wanted = wanted,
    .cancelled = cancelled,
    .complete = complete,
};

struct face_host *face_host_open(const char *plugin, const char *model, const char *state,
                                 enum weft_status *ret_status)
{
    struct face_host *host = calloc(1, sizeof(*host));
    assert_non_null(host);
    host->library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    if (host->library == NULL) {
        fail_msg("%s", dlerror());
    }
    host->plugin = dlsym(host->library, WEFT_MODEL_PLUGIN_SYMBOL);
    assert_non_null(host->plugin);
    assert_int_equal(host->plugin->abi, WEFT_MODEL_ABI);
    host->handle = (struct weft_model_handle){.model_directory = model, .state_directory = state};
    const struct weft_model_option *options = host->plugin->options;
    const struct weft_parameter given[] = {
        {.name = "cascades", .kind = WEFT_PARAMETER_STRING, .string = options[0].default_value},
        {.name = "threshold",
         .kind = WEFT_PARAMETER_DOUBLE,
         .number = strtod(options[1].default_value, NULL)},
    };
    *ret_status = host->plugin->load(&host_table, &host->handle, given, 2, &host->model);
    return host;
}

void face_host_close(struct face_host *host)
{
    if (host->model != NULL) {
        host->plugin->unload(host->model);
    }
    dlclose(host->library);
    free(host);
}

uint64_t face_host_generation(const struct face_host *host)
{
    return host->handle.generation;
}

void face_host_ask(struct face_host *host, const void *photo, size_t size_bytes, const char *enroll,
                   struct face_answer *ret_answer)
{
    uint8_t *raw = malloc(size_bytes + 4);
    assert_non_null(raw);
    for (int i = 0; i < 4; i++) {
        raw[i] = (uint8_t)(size_bytes >> (8 * i));
    }
    memcpy(raw + 4, photo, size_bytes);
    const struct weft_tensor input = {.name = "photo",
                                      .datatype = WEFT_BYTES,
                                      .shape = {1, {1}},
                                      .data = raw,
                                      .size_bytes = size_bytes + 4,
                                      .content_type = ""};
    const struct weft_parameter parameter = {.name = "enroll",
                                             .kind = WEFT_PARAMETER_STRING,
                                             .string = enroll,
                                             .string_length = enroll == NULL ? 0 : strlen(enroll)};
    memset(ret_answer, 0, sizeof(*ret_answer));
    struct call call = {.base = {.host = &host_table,
                                 .handle = &host->handle,
                                 .inputs = &input,
                                 .inputs_count = 1,
                                 .parameters = &parameter,
                                 .parameters_count = enroll == NULL ? 0 : 1,
                                 .request_id = "",
                                 .timeout_ns = UINT64_MAX},
                        .answer = ret_answer};
    host->plugin->infer(host->model, &call.base);
    assert_int_equal(call.completions, 1);
    for (size_t i = 0; i < call.outputs_count; i++) {
        free(call.outputs[i].data);
    }
    free(raw);
}
