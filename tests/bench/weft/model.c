/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two models of the benches, as plugins that cost next to nothing. `identity` hands on its
 * input; `sink` takes a tensor of any size and tells its size, so that a big one crosses one way
 * only. SINK chooses which one this is.
 */
#include <weft/model.h>

#include <stdint.h>
#include <string.h>

#ifdef SINK
#define MODEL_NAME "bench-sink"
static const struct weft_tensor_spec inputs[] = {
    {.name = "tensor", .datatype = WEFT_FP32, .shape = {.rank = 1, .dims = {-1}}}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "size", .datatype = WEFT_INT64, .shape = {.rank = 1, .dims = {1}}}};

static void infer(void *model, struct weft_model_call *call)
{
    (void)model;
    const struct weft_shape shape = {.rank = 1, .dims = {1}};
    int64_t size = (int64_t)call->inputs[0].size_bytes;
    void *output = call->host->output(call, "size", WEFT_INT64, &shape, sizeof(size));
    if (output == NULL) {
        call->host->complete(call, WEFT_OUT_OF_MEMORY, "no memory for the output");
        return;
    }
    memcpy(output, &size, sizeof(size));
    call->host->complete(call, WEFT_OK, NULL);
}
#else
#define MODEL_NAME "bench-identity"
static const struct weft_tensor_spec inputs[] = {
    {.name = "payload", .datatype = WEFT_UINT8, .shape = {.rank = 1, .dims = {-1}}}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "payload", .datatype = WEFT_UINT8, .shape = {.rank = 1, .dims = {-1}}}};

static void infer(void *model, struct weft_model_call *call)
{
    (void)model;
    bool forwarded = call->host->forward(call, "payload", 0);
    call->host->complete(call, forwarded ? WEFT_OK : WEFT_INTERNAL,
                         forwarded ? NULL : "the host refused the input");
}
#endif

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count,
                             void **ret_model)
{
    (void)host;
    (void)handle;
    (void)options;
    (void)options_count;
    *ret_model = NULL;
    return WEFT_OK;
}

static void metadata(const void *model, struct weft_model_metadata *ret_metadata)
{
    (void)model;
    *ret_metadata = (struct weft_model_metadata){.inputs = inputs,
                                                 .inputs_count = 1,
                                                 .outputs = outputs,
                                                 .outputs_count = 1,
                                                 .deterministic = true};
}

static void unload(void *model)
{
    (void)model;
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .flags = WEFT_MODEL_INLINE,
    .name = MODEL_NAME,
    .version = "1",
    .description = "costs next to nothing, for the benches",
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
