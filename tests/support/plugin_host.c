/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_host.h"

#include "story.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPTIONS_MAX = 16 };

struct weft_model_handle {
    struct plugin_host_setup setup;
    uint64_t generation;
    char reason[1024];
};

struct plugin_host {
    void *library;
    const struct weft_model_plugin *plugin;
    void *model;
    struct weft_model_handle handle;
};

struct call {
    struct weft_model_call base;
    const struct plugin_host *owner;
    const struct plugin_host_request *request;
    struct plugin_host_answer *answer;
    int completions;
    bool cancelled;       /* atomically */
    pthread_mutex_t lock; /* cancel is never called after complete was entered */
    pthread_cond_t ended;
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
    return handle->setup.state_directory;
}

static const char *model_directory(struct weft_model_handle *handle)
{
    return handle->setup.model_directory;
}

static const char *model_file(struct weft_model_handle *handle)
{
    return handle->setup.model_file;
}

static const struct weft_tensor_spec *configured_inputs(struct weft_model_handle *handle,
                                                        size_t *ret_count)
{
    *ret_count = handle->setup.inputs_count;
    return handle->setup.inputs;
}

static const struct weft_tensor_spec *configured_outputs(struct weft_model_handle *handle,
                                                         size_t *ret_count)
{
    *ret_count = handle->setup.outputs_count;
    return handle->setup.outputs;
}

static void set_generation(struct weft_model_handle *handle, uint64_t generation)
{
    assert_true(generation > handle->generation);
    handle->generation = generation;
}

static enum weft_status say_failure(struct weft_model_handle *handle, enum weft_status status,
                                    const char *text)
{
    snprintf(handle->reason, sizeof(handle->reason), "%s", text);
    return status;
}

/* The output must be one that metadata names, with a fitting shape and size. */
static void check_output(const struct call *call, const char *name, enum weft_datatype datatype,
                         const struct weft_shape *shape, size_t size_bytes)
{
    struct weft_model_metadata metadata = plugin_host_metadata(call->owner);
    size_t at = 0;
    while (at < metadata.outputs_count && strcmp(metadata.outputs[at].name, name) != 0) {
        at++;
    }
    assert_true(at < metadata.outputs_count);
    assert_int_equal(metadata.outputs[at].datatype, datatype);
    assert_true(weft_shape_fits(shape, &metadata.outputs[at].shape));
    uint64_t needed = size_bytes;
    assert_true(datatype == WEFT_BYTES || weft_shape_size_bytes(shape, datatype, &needed));
    assert_int_equal(needed, size_bytes);
    for (size_t i = 0; i < call->answer->outputs_count; i++) {
        assert_string_not_equal(call->answer->outputs[i].name, name);
    }
}

static struct plugin_host_output *add_output(struct weft_model_call *base, const char *name,
                                             enum weft_datatype datatype,
                                             const struct weft_shape *shape, size_t size_bytes)
{
    struct call *call = (struct call *)base;
    check_output(call, name, datatype, shape, size_bytes);
    assert_true(call->answer->outputs_count < PLUGIN_HOST_OUTPUTS_MAX);
    struct plugin_host_output *made = &call->answer->outputs[call->answer->outputs_count++];
    *made = (struct plugin_host_output){
        .datatype = datatype, .shape = *shape, .size_bytes = size_bytes};
    snprintf(made->name, sizeof(made->name), "%s", name);
    return made;
}

static void *output(struct weft_model_call *base, const char *name, enum weft_datatype datatype,
                    const struct weft_shape *shape, size_t size_bytes)
{
    struct plugin_host_output *made = add_output(base, name, datatype, shape, size_bytes);
    made->data = malloc(size_bytes == 0 ? 1 : size_bytes);
    assert_non_null(made->data);
    return made->data;
}

static bool output_take(struct weft_model_call *base, const char *name, enum weft_datatype datatype,
                        const struct weft_shape *shape, void *memory, size_t size_bytes,
                        void (*release)(void *memory, void *context), void *context)
{
    struct plugin_host_output *made = add_output(base, name, datatype, shape, size_bytes);
    made->data = memory;
    made->release = release;
    made->context = context;
    return true;
}

static bool forward(struct weft_model_call *base, const char *name, size_t input_index)
{
    assert_true(input_index < base->inputs_count);
    const struct weft_tensor *input = &base->inputs[input_index];
    memcpy(output(base, name, input->datatype, &input->shape, input->size_bytes), input->data,
           input->size_bytes);
    return true;
}

static bool set_content_type(struct weft_model_call *base, const char *name,
                             const char *content_type)
{
    assert_non_null(content_type);
    plugin_host_output(((struct call *)base)->answer, name);
    return true;
}

static bool wanted(struct weft_model_call *base, const char *name)
{
    const struct call *call = (const struct call *)base;
    return call->request->wanted == NULL || strcmp(call->request->wanted, name) == 0;
}

static bool cancelled(struct weft_model_call *base)
{
    return __atomic_load_n(&((struct call *)base)->cancelled, __ATOMIC_SEQ_CST);
}

static enum weft_status emit(struct weft_model_call *call)
{
    (void)call;
    return WEFT_UNIMPLEMENTED; /* no plugin that is tested here streams */
}

static void complete(struct weft_model_call *base, enum weft_status status, const char *text)
{
    struct call *call = (struct call *)base;
    pthread_mutex_lock(&call->lock);
    call->completions++;
    call->answer->status = status;
    snprintf(call->answer->reason, sizeof(call->answer->reason), "%s", text == NULL ? "" : text);
    pthread_cond_signal(&call->ended);
    pthread_mutex_unlock(&call->lock);
}

static const struct weft_model_host host_table = {
    .size_bytes = sizeof(struct weft_model_host),
    .log = ignore_log,
    .state_directory = state_directory,
    .model_directory = model_directory,
    .set_generation = set_generation,
    .fail = say_failure,
    .output = output,
    .forward = forward,
    .set_content_type = set_content_type,
    .wanted = wanted,
    .cancelled = cancelled,
    .emit = emit,
    .complete = complete,
    .output_take = output_take,
    .configured_inputs = configured_inputs,
    .configured_outputs = configured_outputs,
    .model_file = model_file,
};

static struct weft_parameter read_option(const struct weft_model_option *option, const char *text)
{
    static const enum weft_parameter_kind kinds[] = {
        [WEFT_OPTION_BOOL] = WEFT_PARAMETER_BOOL,
        [WEFT_OPTION_INT64] = WEFT_PARAMETER_INT64,
        [WEFT_OPTION_DOUBLE] = WEFT_PARAMETER_DOUBLE,
        [WEFT_OPTION_STRING] = WEFT_PARAMETER_STRING,
    };
    assert_non_null(text);
    return (struct weft_parameter){.name = option->name,
                                   .kind = kinds[option->kind],
                                   .boolean = strcmp(text, "true") == 0,
                                   .int64 = strtoll(text, NULL, 10),
                                   .number = strtod(text, NULL),
                                   .string = text,
                                   .string_length = strlen(text)};
}

static size_t read_options(const struct plugin_host *host, struct weft_parameter *ret_options)
{
    const struct plugin_host_setup *setup = &host->handle.setup;
    const struct weft_model_option *table = host->plugin->options;
    size_t count = 0;
    for (; table != NULL && table[count].name != NULL; count++) {
        assert_true(count < OPTIONS_MAX);
        const char *text = table[count].default_value;
        for (size_t i = 0; i < setup->options_count; i++) {
            text =
                strcmp(setup->options[i][0], table[count].name) == 0 ? setup->options[i][1] : text;
        }
        ret_options[count] = read_option(&table[count], text);
    }
    return count;
}

struct plugin_host *plugin_host_open(const struct plugin_host_setup *setup,
                                     enum weft_status *ret_status)
{
    struct plugin_host *host = calloc(1, sizeof(*host));
    assert_non_null(host);
    host->library = dlopen(setup->plugin, RTLD_NOW | RTLD_LOCAL);
    if (host->library == NULL) {
        fail_msg("%s", dlerror());
    }
    host->plugin = dlsym(host->library, WEFT_MODEL_PLUGIN_SYMBOL);
    assert_non_null(host->plugin);
    assert_int_equal(host->plugin->abi, WEFT_MODEL_ABI);
    host->handle.setup = *setup;
    struct weft_parameter options[OPTIONS_MAX];
    size_t options_count = read_options(host, options);
    *ret_status =
        host->plugin->load(&host_table, &host->handle, options, options_count, &host->model);
    return host;
}

void plugin_host_close(struct plugin_host *host)
{
    if (host->model != NULL) {
        host->plugin->unload(host->model);
    }
    dlclose(host->library);
    free(host);
}

const char *plugin_host_reason(const struct plugin_host *host)
{
    return host->handle.reason;
}

uint64_t plugin_host_generation(const struct plugin_host *host)
{
    return host->handle.generation;
}

struct weft_model_metadata plugin_host_metadata(const struct plugin_host *host)
{
    struct weft_model_metadata metadata = {0};
    host->plugin->metadata(host->model, &metadata);
    return metadata;
}

/* Cancels when the time is up, unless the call has ended by then. */
static void *cancel_later(void *argument)
{
    struct call *call = argument;
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += (long)call->request->cancel_after_ms * 1000000;
    when.tv_sec += when.tv_nsec / 1000000000;
    when.tv_nsec %= 1000000000;
    pthread_mutex_lock(&call->lock);
    while (call->completions == 0 &&
           pthread_cond_timedwait(&call->ended, &call->lock, &when) == 0) {
    }
    if (call->completions == 0) {
        __atomic_store_n(&call->cancelled, true, __ATOMIC_SEQ_CST);
        call->owner->plugin->cancel(call->owner->model, &call->base);
    }
    pthread_mutex_unlock(&call->lock);
    return NULL;
}

void plugin_host_ask(struct plugin_host *host, const struct plugin_host_request *request,
                     struct plugin_host_answer *ret_answer)
{
    memset(ret_answer, 0, sizeof(*ret_answer));
    struct call call = {.base = {.host = &host_table,
                                 .handle = &host->handle,
                                 .inputs = request->inputs,
                                 .inputs_count = request->inputs_count,
                                 .parameters = request->parameters,
                                 .parameters_count = request->parameters_count,
                                 .request_id = "",
                                 .timeout_ns = UINT64_MAX},
                        .owner = host,
                        .request = request,
                        .answer = ret_answer,
                        .cancelled = request->cancelled,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .ended = PTHREAD_COND_INITIALIZER};
    pthread_t canceller;
    if (request->cancel_after_ms > 0) {
        assert_int_equal(pthread_create(&canceller, NULL, cancel_later, &call), 0);
    }
    host->plugin->infer(host->model, &call.base);
    if (request->cancel_after_ms > 0) {
        pthread_join(canceller, NULL);
    }
    assert_int_equal(call.completions, 1);
}

const struct plugin_host_output *plugin_host_output(const struct plugin_host_answer *answer,
                                                    const char *name)
{
    for (size_t i = 0; i < answer->outputs_count; i++) {
        if (strcmp(answer->outputs[i].name, name) == 0) {
            return &answer->outputs[i];
        }
    }
    fail_msg("no output %s (%s: %s)", name, weft_status_name(answer->status), answer->reason);
    return NULL;
}

void plugin_host_answer_fini(struct plugin_host_answer *answer)
{
    for (size_t i = 0; i < answer->outputs_count; i++) {
        struct plugin_host_output *made = &answer->outputs[i];
        if (made->release != NULL) {
            made->release(made->data, made->context);
        } else {
            free(made->data);
        }
    }
    answer->outputs_count = 0;
}

struct weft_tensor plugin_host_bytes(const char *name, const void *data, size_t size_bytes)
{
    uint8_t *raw = malloc(size_bytes + 4);
    assert_non_null(raw);
    for (int i = 0; i < 4; i++) {
        raw[i] = (uint8_t)(size_bytes >> (8 * i));
    }
    memcpy(raw + 4, data, size_bytes);
    return (struct weft_tensor){.name = name,
                                .datatype = WEFT_BYTES,
                                .shape = {1, {1}},
                                .data = raw,
                                .size_bytes = size_bytes + 4,
                                .content_type = ""};
}
