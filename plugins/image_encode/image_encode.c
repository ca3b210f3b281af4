/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model plugin "image_encode": pixels to a PNG or JPEG picture, as its options say.
 */
#include <weft/model.h>

#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct encoder {
    bool jpeg;
    int quality;
};

static const struct weft_tensor_spec inputs[] = {
    {.name = "pixels", .datatype = WEFT_UINT8, .shape = {3, {-1, -1, 3}}}};
static const struct weft_tensor_spec outputs[] = {
    {.name = "image", .datatype = WEFT_BYTES, .shape = {1, {1}}}};

static const struct weft_model_option options[] = {
    {.name = "format", .kind = WEFT_OPTION_STRING, .default_value = "png", .help = "png or jpeg"},
    {.name = "quality",
     .kind = WEFT_OPTION_INT64,
     .default_value = "90",
     .minimum = 1,
     .maximum = 100,
     .help = "of a JPEG"},
    {0},
};

static enum weft_status load(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *given, size_t given_count,
                             void **ret_model)
{
    (void)given_count;
    bool jpeg = strcmp(given[0].string, "jpeg") == 0;
    if (!jpeg && strcmp(given[0].string, "png") != 0) {
        return host->fail(handle, WEFT_INVALID_ARGUMENT, "the option 'format' must be png or jpeg");
    }
    struct encoder *encoder = malloc(sizeof(*encoder));
    if (encoder == NULL) {
        return host->fail(handle, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    *encoder = (struct encoder){.jpeg = jpeg, .quality = (int)given[1].int64};
    *ret_model = encoder;
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

static bool give(struct weft_model_call *call, const uint8_t *data, size_t size_bytes,
                 const char *content_type)
{
    const struct weft_shape shape = {1, {1}};
    uint8_t *raw = call->host->output(call, "image", WEFT_BYTES, &shape, size_bytes + 4);
    if (raw == NULL) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        raw[i] = (uint8_t)(size_bytes >> (8 * i));
    }
    memcpy(raw + 4, data, size_bytes);
    return call->host->set_content_type(call, "image", content_type);
}

static void infer(void *model, struct weft_model_call *call)
{
    const struct encoder *encoder = model;
    const struct weft_tensor *input = &call->inputs[0];
    struct weft_image_reason reason = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    if (input->shape.dims[0] > WEFT_IMAGE_SIDE_MAX || input->shape.dims[1] > WEFT_IMAGE_SIDE_MAX) {
        call->host->complete(call, WEFT_RESOURCE_EXHAUSTED,
                             "a side of the picture passes the limit of 65500 pixels");
        return;
    }
    uint32_t height = (uint32_t)input->shape.dims[0];
    uint32_t width = (uint32_t)input->shape.dims[1];
    enum weft_status status =
        encoder->jpeg ? weft_image_encode_jpeg(input->data, width, height, encoder->quality, &data,
                                               &size, &reason)
                      : weft_image_encode_png(input->data, width, height, &data, &size, &reason);
    if (status == WEFT_OK && !give(call, data, size, encoder->jpeg ? "image/jpeg" : "image/png")) {
        status = WEFT_OUT_OF_MEMORY;
        snprintf(reason.text, sizeof(reason.text), "out of memory");
    }
    free(data);
    call->host->complete(call, status, status == WEFT_OK ? NULL : reason.text);
}

static void unload(void *model)
{
    free(model);
}

__attribute__((visibility("default"))) const struct weft_model_plugin weft_model_plugin = {
    .abi = WEFT_MODEL_ABI,
    .name = "image_encode",
    .version = "1",
    .description = "encodes RGB pixels as a PNG or JPEG picture",
    .options = options,
    .load = load,
    .metadata = metadata,
    .infer = infer,
    .unload = unload,
};
