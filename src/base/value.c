/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"

struct weft_value {
    atomic_uint references;
    enum weft_datatype datatype;
    struct weft_shape shape;
    struct weft_slice data;
    struct weft_parameters parameters;
};

enum { ELEMENT_PREFIX_BYTES = 4 };

static uint32_t load_le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The end of the element that starts at offset, or SIZE_MAX if it runs over. */
static size_t element_end(const uint8_t *data, size_t size_bytes, size_t offset)
{
    if (size_bytes - offset < ELEMENT_PREFIX_BYTES) {
        return SIZE_MAX;
    }
    size_t length = load_le32(data + offset);
    offset += ELEMENT_PREFIX_BYTES;
    return length <= size_bytes - offset ? offset + length : SIZE_MAX;
}

static enum weft_status check_elements(const uint8_t *data, size_t size_bytes, uint64_t elements,
                                       struct weft_error **error)
{
    uint64_t seen = 0;
    size_t offset = 0;
    while (offset < size_bytes && seen < elements) {
        offset = element_end(data, size_bytes, offset);
        if (offset == SIZE_MAX) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "BYTES data is malformed: element %" PRIu64
                                  " runs past its %zu bytes",
                                  seen, size_bytes);
        }
        seen++;
    }
    if (seen != elements || offset != size_bytes) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "BYTES data holds %s than the %" PRIu64
                              " elements that its shape announces",
                              seen != elements ? "fewer" : "more", elements);
    }
    return WEFT_OK;
}

enum weft_status weft_value_check(enum weft_datatype datatype, const struct weft_shape *shape,
                                  const void *data, size_t size_bytes, struct weft_error **error)
{
    char shape_text[256]; /* written where it is needed only: every value of every message comes by
                             here */
    uint64_t elements = 0;
    if (!weft_shape_elements(shape, &elements)) {
        weft_shape_format(shape, shape_text, sizeof(shape_text));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "shape %s is not one a tensor can have",
                              shape_text);
    }
    if (datatype == WEFT_BYTES) {
        return check_elements(data, size_bytes, elements, error);
    }
    uint64_t needed_bytes = 0;
    if (!weft_shape_size_bytes(shape, datatype, &needed_bytes)) {
        weft_shape_format(shape, shape_text, sizeof(shape_text));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "shape %s of %s is larger than any memory", shape_text,
                              weft_datatype_name(datatype));
    }
    if (needed_bytes != size_bytes) {
        weft_shape_format(shape, shape_text, sizeof(shape_text));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s of shape %s needs %" PRIu64 " bytes, but %zu were given",
                              weft_datatype_name(datatype), shape_text, needed_bytes, size_bytes);
    }
    return WEFT_OK;
}

enum weft_status weft_value_new_slice(enum weft_datatype datatype, const struct weft_shape *shape,
                                      struct weft_slice *take_data, struct weft_value **ret_value,
                                      struct weft_error **error)
{
    enum weft_status status =
        weft_value_check(datatype, shape, take_data->data, take_data->size_bytes, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_value *value = weft_zeroed(sizeof(*value));
    if (value == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    atomic_init(&value->references, 1);
    value->datatype = datatype;
    value->shape = *shape;
    value->data = *take_data;
    *take_data = (struct weft_slice){0};
    *ret_value = value;
    return WEFT_OK;
}

enum weft_status weft_value_new(enum weft_datatype datatype, const struct weft_shape *shape,
                                const void *data, size_t size_bytes, struct weft_value **ret_value,
                                struct weft_error **error)
{
    enum weft_status status = weft_value_check(datatype, shape, data, size_bytes, error);
    if (status != WEFT_OK) {
        return status;
    }
    cleanup_slice struct weft_slice slice = {0};
    if (!weft_slice_copy(data, size_bytes, &slice)) {
        return weft_error_set_out_of_memory(error);
    }
    return weft_value_new_slice(datatype, shape, &slice, ret_value, error);
}

enum weft_status weft_value_new_bytes(const void *data, size_t size_bytes, const char *content_type,
                                      struct weft_value **ret_value, struct weft_error **error)
{
    if (size_bytes > UINT32_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "a BYTES element holds at most 4 GiB, not %zu bytes", size_bytes);
    }
    struct weft_buffer *buffer = weft_buffer_new(ELEMENT_PREFIX_BYTES + size_bytes);
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (unsigned i = 0; i < ELEMENT_PREFIX_BYTES; i++) {
        buffer->data[i] = (uint8_t)(size_bytes >> (8 * i));
    }
    weft_copy(buffer->data + ELEMENT_PREFIX_BYTES, data, size_bytes);
    cleanup_slice struct weft_slice slice = weft_slice_take(buffer);
    cleanup_value struct weft_value *value = NULL;
    struct weft_shape shape = {.rank = 1, .dims = {1}};
    enum weft_status status = weft_value_new_slice(WEFT_BYTES, &shape, &slice, &value, error);
    if (status == WEFT_OK && content_type != NULL) {
        status =
            weft_parameters_set_string(&value->parameters, "content_type", content_type, error);
    }
    if (status == WEFT_OK) {
        *ret_value = steal(&value);
    }
    return status;
}

struct weft_value *weft_value_ref(struct weft_value *value)
{
    if (value != NULL) {
        atomic_fetch_add_explicit(&value->references, 1, memory_order_relaxed);
    }
    return value;
}

void weft_value_unref(struct weft_value *value)
{
    if (value != NULL &&
        atomic_fetch_sub_explicit(&value->references, 1, memory_order_acq_rel) == 1) {
        weft_slice_fini(&value->data);
        weft_parameters_fini(&value->parameters);
        free(value);
    }
}

enum weft_datatype weft_value_datatype(const struct weft_value *value)
{
    return value->datatype;
}

const struct weft_shape *weft_value_shape(const struct weft_value *value)
{
    return &value->shape;
}

const void *weft_value_data(const struct weft_value *value)
{
    return value->data.data;
}

size_t weft_value_size_bytes(const struct weft_value *value)
{
    return value->data.size_bytes;
}

const struct weft_slice *weft_value_slice(const struct weft_value *value)
{
    return &value->data;
}

const struct weft_parameters *weft_value_parameters(const struct weft_value *value)
{
    return &value->parameters;
}

enum weft_status weft_value_set_parameter(struct weft_value *value,
                                          const struct weft_parameter *parameter,
                                          struct weft_error **error)
{
    return weft_parameters_set(&value->parameters, parameter, error);
}

const char *weft_value_content_type(const struct weft_value *value)
{
    const char *content_type = weft_parameters_string(&value->parameters, "content_type");
    return content_type != NULL ? content_type : "";
}

bool weft_value_bytes_at(const struct weft_value *value, uint64_t index, const void **ret_data,
                         size_t *ret_size_bytes)
{
    if (value->datatype != WEFT_BYTES) {
        return false;
    }
    const uint8_t *data = value->data.data;
    size_t offset = 0;
    while (offset < value->data.size_bytes) {
        size_t end = element_end(data, value->data.size_bytes, offset);
        if (index-- == 0) {
            *ret_data = data + offset + ELEMENT_PREFIX_BYTES;
            *ret_size_bytes = end - offset - ELEMENT_PREFIX_BYTES;
            return true;
        }
        offset = end;
    }
    return false;
}
