/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that does what a request's parameter `act` tells it, good or bad. Hanging ones wait until
 * the file that `until` names exists (at most 20 s, so that no test hangs for ever).
 */
#include <weft/model.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct actor {
    const struct weft_model_host *host;
    struct weft_model_handle *handle;
    const char *until_at_unload;
    int64_t number;
    void *weight;
};

static const struct weft_tensor_spec inputs[] = {
    {.name = "number", .datatype = WEFT_INT32, .shape = {1, {-1}}},
    {.name = "text", .datatype = WEFT_BYTES, .shape = {1, {1}}, .optional = true}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "number", .datatype = WEFT_INT32, .shape = {1, {-1}}},
    {.name = "text", .datatype = WEFT_BYTES, .shape = {1, {1}}},
};

static const struct weft_model_option options_table[] = {
    {"number", WEFT_OPTION_INT64, "7", 0, 100, "which actor this is"},
    {"fail", WEFT_OPTION_STRING, "", 0, 0, "why load fails"},
    {"hang", WEFT_OPTION_STRING, "", 0, 0, "the file that load waits for"},
    {"hang-unload", WEFT_OPTION_STRING, "", 0, 0, "the file that unload waits for"},
    {"factor", WEFT_OPTION_DOUBLE, "1.5", 1, 2, "nothing"},
    {"flag", WEFT_OPTION_BOOL, "false", 0, 0, "nothing"},
    {"weight", WEFT_OPTION_INT64, "0", 0, 1 << 30, "bytes that it holds while it is loaded"},
    {NULL, WEFT_OPTION_STRING, NULL, 0, 0, NULL},
};

static const char *parameter(const struct weft_model_call *call, const char *name)
{
    for (size_t i = 0; i < call->parameters_count; i++) {
        if (strcmp(call->parameters[i].name, name) == 0) {
            return call->parameters[i].string;
        }
    }
    return "";
}

static void wait_for(const char *path)
{
    for (int i = 0; i < 20000 && access(path, F_OK) != 0; i++) {
        usleep(1000);
    }
}

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count,
                             void **ret_model)
{
    (void)options_count;
    if (options[1].string[0] != '\0') {
        return host->fail(handle, WEFT_UNAVAILABLE, options[1].string);
    }
    if (options[2].string[0] != '\0') {
        wait_for(options[2].string);
    }
    struct actor *actor = calloc(1, sizeof(*actor));
    if (actor == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    *actor = (struct actor){host, handle, strdup(options[3].string), options[0].int64,
                            malloc((size_t)options[6].int64)};
    host->log(handle, NULL, WEFT_LOG_INFO, host->model_directory(handle));
    const char *state = host->state_directory(handle);
    if (state != NULL && access(state, W_OK) != 0) {
        return host->fail(handle, WEFT_INTERNAL, "the state directory is not there");
    }
    *ret_model = actor;
    return WEFT_OK;
}

static void metadata(const void *model, struct weft_model_metadata *ret_metadata)
{
    (void)model;
    *ret_metadata = (struct weft_model_metadata){inputs, 2, outputs, 2, false,
#ifdef STREAMING
                                                 true
#else
                                                 false
#endif
    };
}

static void unload(void *model)
{
    struct actor *actor = model;
    if (actor->until_at_unload[0] != '\0') {
        wait_for(actor->until_at_unload);
    }
    free((char *)actor->until_at_unload);
    free(actor->weight);
    free(actor);
}

static const struct weft_shape one = {1, {1}};

static int32_t *make_number(struct weft_model_call *call)
{
    return call->host->output(call, "number", WEFT_INT32, &one, sizeof(int32_t));
}

static bool make_text(struct weft_model_call *call, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    unsigned char *bytes = call->host->output(call, "text", WEFT_BYTES, &one, 4 + length);
    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, &length, 4);
    memcpy(bytes + 4, text, length);
    return true;
}

/* The first number, plus the actor's own. */
static bool answer(struct actor *actor, struct weft_model_call *call)
{
    int32_t *number = make_number(call);
    if (number == NULL) {
        return false;
    }
    *number = *(const int32_t *)call->inputs[0].data + (int32_t)actor->number;
    return make_text(call, call->request_id);
}

static void end(struct weft_model_call *call, bool fine)
{
    call->host->complete(call, fine ? WEFT_OK : WEFT_OUT_OF_MEMORY, fine ? NULL : "no memory");
}

struct helper {
    struct actor *actor;
    struct weft_model_call *call;
};

static void *end_elsewhere(void *context)
{
    struct helper helper = *(struct helper *)context;
    free(context);
    usleep(2000);
    end(helper.call, answer(helper.actor, helper.call));
    return NULL;
}

static void end_in_thread(struct actor *actor, struct weft_model_call *call)
{
    pthread_t thread;
    struct helper *helper = malloc(sizeof(*helper));
    if (helper == NULL) {
        end(call, false);
        return;
    }
    *helper = (struct helper){actor, call};
    if (pthread_create(&thread, NULL, end_elsewhere, helper) != 0) {
        free(helper);
        end(call, false);
        return;
    }
    pthread_detach(thread);
}

static void hang(struct actor *actor, struct weft_model_call *call, bool heed_cancel)
{
    const char *until = parameter(call, "until");
    for (int i = 0; i < 20000 && access(until, F_OK) != 0; i++) {
        if (heed_cancel && atomic_load((atomic_int *)(void *)&call->plugin_data) != 0) {
            call->host->complete(call, WEFT_CANCELLED, "as asked");
            return;
        }
        usleep(1000);
    }
    end(call, answer(actor, call));
}

/* An output is made, and what comes then takes time. */
static void hold(struct weft_model_call *call)
{
    const char *until = parameter(call, "until");
    int32_t *number = make_number(call);
    for (int i = 0; i < 20000 && access(until, F_OK) != 0; i++) {
        usleep(1000);
    }
    if (number != NULL) {
        *number = 1;
    }
    end(call, number != NULL && make_text(call, "held"));
}

static void stream(struct actor *actor, struct weft_model_call *call, int parts)
{
    enum weft_status status = WEFT_OK;
    for (int i = 0; status == WEFT_OK && i < parts; i++) {
        int32_t *number = make_number(call);
        if (number == NULL) {
            status = WEFT_OUT_OF_MEMORY;
            break;
        }
        *number = i;
        status = call->host->emit(call);
    }
    if (status != WEFT_OK) {
        call->host->complete(call, status, "no part");
        return;
    }
    end(call, answer(actor, call));
}

static void release(void *memory, void *context)
{
    (void)context;
    free(memory);
}

static void take(struct actor *actor, struct weft_model_call *call)
{
    int32_t *memory = malloc(sizeof(*memory));
    bool fine = memory != NULL;
    if (fine) {
        *memory = (int32_t)actor->number;
        fine = call->host->output_take(call, "number", WEFT_INT32, &one, memory, sizeof(*memory),
                                       release, NULL);
        if (!fine) {
            free(memory);
        }
    }
    end(call, fine && make_text(call, "taken") &&
                  call->host->set_content_type(call, "text", "text/plain"));
}

static void misbehave(struct actor *actor, struct weft_model_call *call, const char *act)
{
    const struct weft_model_host *host = call->host;
    if (strcmp(act, "twice") == 0) {
        end(call, answer(actor, call));
    } else if (strcmp(act, "output-twice") == 0) {
        (void)answer(actor, call);
        (void)make_number(call);
    } else if (strcmp(act, "wrong-name") == 0) {
        (void)host->output(call, "nubmer", WEFT_INT32, &one, 4);
    } else if (strcmp(act, "wrong-size") == 0) {
        (void)host->output(call, "number", WEFT_INT32, &one, 5);
    } else if (strcmp(act, "wrong-type") == 0) {
        (void)host->output(call, "number", WEFT_FP32, &one, 4);
    } else if (strcmp(act, "wrong-shape") == 0) {
        struct weft_shape shape = {2, {1, 1}};
        (void)host->output(call, "number", WEFT_INT32, &shape, 4);
    } else if (strcmp(act, "overrun") == 0) {
        int32_t *number = make_number(call);
        (void)make_text(call, "x");
        if (number != NULL) {
            number[0] = number[1] = 1;
        }
    } else if (strcmp(act, "bad-bytes") == 0) {
        (void)make_number(call);
        unsigned char *bytes = host->output(call, "text", WEFT_BYTES, &one, 6);
        if (bytes != NULL) {
            memset(bytes, 0xff, 6);
        }
    } else if (strcmp(act, "missing") == 0) {
        (void)make_number(call);
    } else if (strcmp(act, "late") == 0) {
        end(call, answer(actor, call));
        (void)make_text(call, "late");
        return;
    } else if (strcmp(act, "emit") == 0) {
        (void)host->emit(call);
    } else if (strcmp(act, "emit-late") == 0) {
        end(call, answer(actor, call));
        (void)host->emit(call);
        return;
    } else if (strcmp(act, "forward-far") == 0) {
        (void)host->forward(call, "number", 9);
    } else if (strcmp(act, "status") == 0) {
        host->complete(call, (enum weft_status)4711, NULL);
        return;
    }
    end(call, true);
}

static void infer(void *model, struct weft_model_call *call)
{
    struct actor *actor = model;
    const char *act = parameter(call, "act");
    if (act[0] == '\0' || strcmp(act, "echo") == 0) {
        end(call, answer(actor, call));
    } else if (strcmp(act, "forward") == 0) {
        end(call, call->host->forward(call, "number", 0) &&
                      call->host->set_content_type(call, "number", "x/y") && make_text(call, ""));
    } else if (strcmp(act, "aligned") == 0) {
        bool aligned = (uintptr_t)call->inputs[0].data % sizeof(int32_t) == 0;
        call->host->complete(call, aligned ? WEFT_ABORTED : WEFT_INTERNAL, "looked");
    } else if (strcmp(act, "elsewhere") == 0) {
        end_in_thread(actor, call);
    } else if (strcmp(act, "hang") == 0) {
        hang(actor, call, false);
    } else if (strcmp(act, "hold") == 0) {
        hold(call);
    } else if (strcmp(act, "hang-cancel") == 0) {
        hang(actor, call, true);
    } else if (strcmp(act, "fail") == 0) {
        call->host->complete(call, WEFT_OUT_OF_RANGE, "as asked");
    } else if (strcmp(act, "wanted") == 0) {
        int32_t *number = call->host->wanted(call, "number") ? make_number(call) : NULL;
        if (number != NULL) {
            *number = 1;
        }
        end(call, !call->host->wanted(call, "text"));
    } else if (strcmp(act, "learn") == 0) {
        call->host->set_generation(call->handle, 42);
        end(call, answer(actor, call));
    } else if (strcmp(act, "stream") == 0) {
        stream(actor, call, 200);
    } else if (strcmp(act, "take") == 0) {
        take(actor, call);
    } else {
        misbehave(actor, call, act);
    }
}

static void cancel(void *model, struct weft_model_call *call)
{
    (void)model;
    atomic_store((atomic_int *)(void *)&call->plugin_data, 1);
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
#ifdef WRONG_ABI
    .abi = WEFT_MODEL_ABI + 1,
#else
    .abi = WEFT_MODEL_ABI,
#endif
#ifdef INLINE
    .flags = WEFT_MODEL_INLINE,
#endif
    .name = NAME,
    .version = "1",
    .description = "does what it is told",
    .options = options_table,
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .cancel = cancel,
    .unload = unload,
};
