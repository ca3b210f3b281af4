/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model for the stories of the command line: hands on its input after the time that the setting
 * `delay_ms` says, fails to load where `broken` says so, each time it is called where `failing`
 * does, and can do nothing with what it is given where `refusing` does.
 */
#include <weft/model.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPTION_DELAY, OPTION_BROKEN, OPTION_FAILING, OPTION_REFUSING };

struct patient {
    int64_t delay_ms;
    bool failing;
    bool refusing;
};

static const struct weft_model_option options[] = {
    [OPTION_DELAY] = {.name = "delay_ms", .kind = WEFT_OPTION_INT64, .default_value = "0"},
    [OPTION_BROKEN] = {.name = "broken", .kind = WEFT_OPTION_BOOL, .default_value = "false"},
    [OPTION_FAILING] = {.name = "failing", .kind = WEFT_OPTION_BOOL, .default_value = "false"},
    [OPTION_REFUSING] = {.name = "refusing", .kind = WEFT_OPTION_BOOL, .default_value = "false"},
    {.name = NULL},
};

static const struct weft_tensor_spec inputs[] = {
    {.name = "payload", .datatype = WEFT_UINT8, .shape = {.rank = 1, .dims = {-1}}}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "payload", .datatype = WEFT_UINT8, .shape = {.rank = 1, .dims = {-1}}}};

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *settings, size_t settings_count,
                             void **ret_model)
{
    (void)settings_count;
    if (settings[OPTION_BROKEN].boolean) {
        return host->fail(handle, WEFT_FAILED_PRECONDITION, "it was asked to be broken");
    }
    struct patient *patient = malloc(sizeof(*patient));
    if (patient == NULL) {
        return host->fail(handle, WEFT_OUT_OF_MEMORY, "no memory");
    }
    *patient = (struct patient){settings[OPTION_DELAY].int64, settings[OPTION_FAILING].boolean,
                                settings[OPTION_REFUSING].boolean};
    *ret_model = patient;
    return WEFT_OK;
}

static void metadata(const void *model, struct weft_model_metadata *ret_metadata)
{
    (void)model;
    *ret_metadata = (struct weft_model_metadata){
        .inputs = inputs, .inputs_count = 1, .outputs = outputs, .outputs_count = 1};
}

static void infer(void *model, struct weft_model_call *call)
{
    const struct patient *patient = model;
    struct timespec pause = {patient->delay_ms / 1000, patient->delay_ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    if (patient->failing) {
        call->host->complete(call, WEFT_INTERNAL, "it was asked to fail");
        return;
    }
    if (patient->refusing) {
        call->host->complete(call, WEFT_FAILED_PRECONDITION, "nobody is in this picture");
        return;
    }
    bool forwarded = call->host->forward(call, "payload", 0);
    call->host->complete(call, forwarded ? WEFT_OK : WEFT_INTERNAL,
                         forwarded ? NULL : "the host refused the input");
}

static void unload(void *model)
{
    free(model);
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "patient",
    .version = "1",
    .description = "hands on its input, in its time",
    .options = options,
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
