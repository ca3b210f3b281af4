/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model plugin "image_decode": an encoded picture (JPEG or PNG) to its upright pixels.
 */
#include <weft/model.h>

#include "image.h"

#include <string.h>

static const struct weft_tensor_spec inputs[] = {
    {.name = "image", .datatype = WEFT_BYTES, .shape = {1, {1}}}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "pixels", .datatype = WEFT_UINT8, .shape = {3, {-1, -1, 3}}}};

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

static void infer(void *model, struct weft_model_call *call)
{
    (void)model;
    const struct weft_tensor *input = &call->inputs[0];
    struct weft_image image = {0};
    struct weft_image_reason reason = {0};
    /* Raw form: the host has checked that one element follows its four bytes of length. */
    enum weft_status status =
        weft_image_decode((const uint8_t *)input->data + 4, input->size_bytes - 4, &image, &reason);
    if (status != WEFT_OK) {
        call->host->complete(call, status, reason.text);
        return;
    }
    const struct weft_shape shape = {3, {image.height, image.width, 3}};
    size_t size = (size_t)image.width * image.height * 3;
    void *pixels = call->host->output(call, "pixels", WEFT_UINT8, &shape, size);
    if (pixels != NULL) {
        memcpy(pixels, image.pixels, size);
    }
    weft_image_fini(&image);
    call->host->complete(call, pixels == NULL ? WEFT_OUT_OF_MEMORY : WEFT_OK,
                         pixels == NULL ? "out of memory" : NULL);
}

static void unload(void *model)
{
    (void)model;
}

__attribute__((visibility("default"))) const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "image_decode",
    .version = "1",
    .description = "decodes a JPEG or PNG picture to upright RGB pixels",
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
