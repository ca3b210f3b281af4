/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of one's own, as small as can be: text in, the same text in capitals out. It needs nothing but Weft's public
 * headers, and is built and served so:
 *
 *     mkdir -p my-models/shout/1
 *     cc -shared -fPIC -I include -o my-models/shout/1/model.so examples/plugin/shout.c
 *     weft node --models my-models &
 *     weft run shout --input text=hello
 */
#include <weft/model.h>

#include <string.h>

static const struct weft_tensor_spec text_in = {"text", WEFT_BYTES, {1, {1}}, false};
static const struct weft_tensor_spec text_out = {"loud", WEFT_BYTES, {1, {1}}, false};

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count, void **ret_model)
{
    (void)host;
    (void)handle;
    (void)options;
    (void)options_count;
    *ret_model = NULL; /* nothing to keep between calls */
    return WEFT_OK;
}

static void metadata(const void *model, struct weft_model_metadata *ret_metadata)
{
    (void)model;
    *ret_metadata = (struct weft_model_metadata){
        .inputs = &text_in, .inputs_count = 1, .outputs = &text_out, .outputs_count = 1, .deterministic = true};
}

/* A text is a BYTES tensor: each element is its length in four bytes, and then itself. */
static void infer(void *model, struct weft_model_call *call)
{
    enum { LENGTH_BYTES = 4 };
    (void)model;
    const struct weft_tensor *text = &call->inputs[0];
    char *loud = call->host->output(call, "loud", WEFT_BYTES, &text->shape, text->size_bytes);
    if (loud == NULL) {
        call->host->complete(call, WEFT_OUT_OF_MEMORY, "no memory for the text");
        return;
    }
    memcpy(loud, text->data, text->size_bytes);
    for (size_t i = LENGTH_BYTES; i < text->size_bytes; i++) {
        loud[i] = loud[i] >= 'a' && loud[i] <= 'z' ? (char)(loud[i] - 'a' + 'A') : loud[i];
    }
    call->host->complete(call, WEFT_OK, NULL);
}

static void unload(void *model)
{
    (void)model;
}

WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "shout",
    .version = "1",
    .description = "the same text in capitals",
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
