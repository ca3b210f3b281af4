/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model for tests: its tensors are what its config.pbtxt says, and each output is the input of
 * the same position. A request's parameter `behave` makes it do otherwise: "fail" fails with a
 * reason, "hang" answers when it is cancelled (or after a minute), "slow" answers after a fifth of
 * a second.
 */
#include <weft/model.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mirror {
    const struct weft_tensor_spec *inputs, *outputs;
    size_t inputs_count, outputs_count;
};

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count,
                             void **ret_model)
{
    (void)options;
    (void)options_count;
    struct mirror *mirror = calloc(1, sizeof(*mirror));
    if (mirror == NULL) {
        return WEFT_OUT_OF_MEMORY;
    }
    mirror->inputs = host->configured_inputs(handle, &mirror->inputs_count);
    mirror->outputs = host->configured_outputs(handle, &mirror->outputs_count);
    if (mirror->inputs_count == 0 || mirror->inputs_count != mirror->outputs_count) {
        free(mirror);
        return host->fail(handle, WEFT_INVALID_ARGUMENT, "a mirror has as many outputs as inputs");
    }
    *ret_model = mirror;
    return WEFT_OK;
}

static void metadata(const void *model, struct weft_model_metadata *ret_metadata)
{
    const struct mirror *mirror = model;
    *ret_metadata = (struct weft_model_metadata){.inputs = mirror->inputs,
                                                 .inputs_count = mirror->inputs_count,
                                                 .outputs = mirror->outputs,
                                                 .outputs_count = mirror->outputs_count,
                                                 .deterministic = true};
}

static const char *behaviour(const struct weft_model_call *call)
{
    for (size_t i = 0; i < call->parameters_count; i++) {
        if (strcmp(call->parameters[i].name, "behave") == 0 &&
            call->parameters[i].kind == WEFT_PARAMETER_STRING) {
            return call->parameters[i].string;
        }
    }
    return "";
}

static void wait_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void infer(void *model, struct weft_model_call *call)
{
    const struct mirror *mirror = model;
    const char *behave = behaviour(call);
    if (strcmp(behave, "fail") == 0) {
        call->host->complete(call, WEFT_FAILED_PRECONDITION, "the mirror was told to fail");
        return;
    }
    if (strcmp(behave, "hang") == 0) {
        for (int i = 0; i < 6000 && !call->host->cancelled(call); i++) {
            wait_ms(10);
        }
    } else if (strcmp(behave, "slow") == 0) {
        wait_ms(200);
    }
    for (size_t i = 0; i < mirror->outputs_count; i++) {
        if (!call->host->forward(call, mirror->outputs[i].name, i)) {
            call->host->complete(call, WEFT_INTERNAL, "the host refused an output");
            return;
        }
    }
    call->host->complete(call, WEFT_OK, NULL);
}

static void unload(void *model)
{
    free(model);
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "test-mirror",
    .version = "1",
    .description = "gives back what it takes, for tests",
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
