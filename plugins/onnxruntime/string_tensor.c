/* SPDX-License-Identifier: Apache-2.0 */
#include "string_tensor.h"

#include "tensors.h"

#include <string.h>

enum { LENGTH_BYTES = 4 };

static size_t read_length(const uint8_t *at)
{
    return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

static void write_length(uint8_t *at, size_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++) {
        at[i] = (uint8_t)(length >> (8 * i));
    }
}

static enum weft_status fill(const struct weft_ort *ort, const struct weft_tensor *tensor,
                             uint64_t elements, OrtValue *value, struct weft_ort_reason *reason)
{
    const uint8_t *at = tensor->data;
    size_t left = tensor->size_bytes;
    enum weft_status status = WEFT_OK;
    for (uint64_t i = 0; i < elements && status == WEFT_OK; i++) {
        size_t length = left < LENGTH_BYTES ? 0 : read_length(at);
        if (left < LENGTH_BYTES || length > left - LENGTH_BYTES) {
            return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                                 "input \"%s\" ends inside element %llu", tensor->name,
                                 (unsigned long long)i);
        }
        char *place = NULL;
        status = weft_ort_check(
            ort, ort->api->GetResizedStringTensorElementBuffer(value, (size_t)i, length, &place),
            tensor->name, reason);
        if (status == WEFT_OK && length > 0) {
            memcpy(place, at + LENGTH_BYTES, length);
        }
        at += LENGTH_BYTES + length;
        left -= LENGTH_BYTES + length;
    }
    if (status == WEFT_OK && left > 0) {
        return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                             "input \"%s\" goes on after its last element", tensor->name);
    }
    return status;
}

enum weft_status weft_string_tensor_read(const struct weft_ort *ort,
                                         const struct weft_tensor *tensor, OrtValue **ret_value,
                                         struct weft_ort_reason *reason)
{
    uint64_t elements = 0;
    size_t none = 0;
    OrtValue *value = NULL;
    /* Before memory is taken for it: each element has at least its length. */
    if (!weft_tensors_size(WEFT_BYTES, &tensor->shape, &elements, &none) ||
        elements > tensor->size_bytes / LENGTH_BYTES) {
        return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                             "input \"%s\" has fewer elements than its shape says", tensor->name);
    }
    enum weft_status status = weft_ort_check(
        ort,
        ort->api->CreateTensorAsOrtValue(ort->allocator, tensor->shape.dims, tensor->shape.rank,
                                         ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, &value),
        tensor->name, reason);
    if (status == WEFT_OK) {
        status = fill(ort, tensor, elements, value, reason);
    }
    if (status != WEFT_OK) {
        ort->api->ReleaseValue(value);
        return status;
    }
    *ret_value = value;
    return WEFT_OK;
}

static enum weft_status pour(const struct weft_ort *ort, const OrtValue *value, size_t elements,
                             uint8_t *memory, size_t size_bytes, const char *name,
                             struct weft_ort_reason *reason)
{
    size_t at = 0;
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; i < elements && status == WEFT_OK; i++) {
        size_t length = 0;
        status = weft_ort_check(ort, ort->api->GetStringTensorElementLength(value, i, &length),
                                name, reason);
        if (status == WEFT_OK && length > size_bytes - at - LENGTH_BYTES * (elements - i)) {
            return weft_ort_fail(reason, WEFT_INTERNAL, "output \"%s\" changed while it was read",
                                 name);
        }
        if (status == WEFT_OK) {
            write_length(memory + at, length);
            status = weft_ort_check(
                ort, ort->api->GetStringTensorElement(value, length, i, memory + at + LENGTH_BYTES),
                name, reason);
        }
        at += LENGTH_BYTES + length;
    }
    return status;
}

enum weft_status weft_string_tensor_write(const struct weft_ort *ort, const OrtValue *value,
                                          const struct weft_shape *shape,
                                          struct weft_model_call *call, const char *name,
                                          struct weft_ort_reason *reason)
{
    uint64_t elements = 0;
    size_t none = 0;
    size_t characters = 0;
    if (!weft_tensors_size(WEFT_BYTES, shape, &elements, &none)) {
        return weft_ort_fail(reason, WEFT_RESOURCE_EXHAUSTED, "output \"%s\" has too many elements",
                             name);
    }
    enum weft_status status =
        weft_ort_check(ort, ort->api->GetStringTensorDataLength(value, &characters), name, reason);
    if (status != WEFT_OK) {
        return status;
    }
    if (characters > WEFT_TENSOR_BYTES_MAX - LENGTH_BYTES * elements || characters > UINT32_MAX) {
        return weft_ort_fail(reason, WEFT_RESOURCE_EXHAUSTED,
                             "output \"%s\" is larger than %llu bytes", name,
                             (unsigned long long)WEFT_TENSOR_BYTES_MAX);
    }
    size_t size_bytes = characters + LENGTH_BYTES * (size_t)elements;
    uint8_t *memory = call->host->output(call, name, WEFT_BYTES, shape, size_bytes);
    if (memory == NULL) {
        return weft_ort_fail(reason, WEFT_OUT_OF_MEMORY, "no memory for output \"%s\"", name);
    }
    return pour(ort, value, (size_t)elements, memory, size_bytes, name, reason);
}
