/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_json_data.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/base64.h"
#include "wire/oip_json.h"

/* --- Reading ------------------------------------------------------------------------------------
 */

struct sink {
    struct weft_json *json;
    enum weft_datatype datatype;
    const struct weft_shape *shape;
    bool base64;
    uint64_t elements; /* that the shape announces */
    uint64_t seen;
    uint8_t *data;
    size_t size_bytes;
};

static void put_little_endian(struct sink *sink, uint64_t bits, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        sink->data[sink->size_bytes++] = (uint8_t)(bits >> (8 * i));
    }
}

static void put_signed(struct sink *sink, const char *text, size_t size_bytes)
{
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    int64_t maximum = (int64_t)(UINT64_MAX >> (65 - 8 * size_bytes));
    if (errno == ERANGE || number > maximum || number < -maximum - 1) {
        weft_json_fail(sink->json, "a number is out of the datatype's range");
        return;
    }
    put_little_endian(sink, (uint64_t)number, size_bytes);
}

static void put_unsigned(struct sink *sink, const char *text, size_t size_bytes)
{
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (errno == ERANGE || (text[0] == '-' && number != 0) ||
        number > UINT64_MAX >> (64 - 8 * size_bytes)) {
        weft_json_fail(sink->json, "a number is out of the datatype's range");
        return;
    }
    put_little_endian(sink, number, size_bytes);
}

static void put_floating(struct sink *sink, const char *text)
{
    uint64_t bits = 0;
    if (sink->datatype == WEFT_FP32) {
        float number = strtof(text, NULL);
        uint32_t narrow = 0;
        memcpy(&narrow, &number, sizeof(narrow));
        bits = narrow;
        if (isinf(number)) {
            weft_json_fail(sink->json, "a number is out of the datatype's range");
        }
    } else {
        double number = strtod(text, NULL);
        memcpy(&bits, &number, sizeof(bits));
        if (isinf(number)) {
            weft_json_fail(sink->json, "a number is out of the datatype's range");
        }
    }
    put_little_endian(sink, bits, weft_datatype_size_bytes(sink->datatype));
}

static void put_number(struct sink *sink)
{
    char text[WEFT_JSON_NUMBER_MAX + 1];
    bool whole = false;
    if (!weft_json_number(sink->json, text, &whole)) {
        return;
    }
    size_t size_bytes = weft_datatype_size_bytes(sink->datatype);
    switch (sink->datatype) {
    case WEFT_FP32:
    case WEFT_FP64:
        put_floating(sink, text);
        return;
    case WEFT_INT8:
    case WEFT_INT16:
    case WEFT_INT32:
    case WEFT_INT64:
    case WEFT_UINT8:
    case WEFT_UINT16:
    case WEFT_UINT32:
    case WEFT_UINT64:
        break;
    default:
        weft_json_fail(sink->json, "a number stands where the datatype has none");
        return;
    }
    if (!whole) {
        weft_json_fail(sink->json, "a whole number is expected");
    } else if (sink->datatype >= WEFT_INT8) {
        put_signed(sink, text, size_bytes);
    } else {
        put_unsigned(sink, text, size_bytes);
    }
}

static void put_string(struct sink *sink)
{
    uint8_t *prefix = sink->data + sink->size_bytes;
    char *bytes = (char *)prefix + 4;
    size_t length = 0;
    if (!weft_json_bytes(sink->json, bytes, &length)) {
        return;
    }
    if (sink->base64 && !weft_base64_decode(bytes, length, bytes, &length)) {
        weft_json_fail(sink->json, "a string is not base64");
        return;
    }
    if (length > UINT32_MAX) {
        weft_json_fail(sink->json, "a string is too long");
        return;
    }
    put_little_endian(sink, length, 4);
    sink->size_bytes += length;
}

static void put_scalar(struct sink *sink)
{
    if (sink->seen == sink->elements) {
        weft_json_fail(sink->json, "there are more elements than the shape has");
        return;
    }
    sink->seen++;
    if (sink->datatype == WEFT_BYTES) {
        put_string(sink);
    } else if (sink->datatype == WEFT_BOOL) {
        sink->data[sink->size_bytes++] = weft_json_bool(sink->json);
    } else {
        put_number(sink);
    }
}

/* Arrays within each other, each of the length that the shape says for its level. The recursion is
 * bounded by the rank. */
static void put_nested(struct sink *sink, uint32_t level)
{
    bool first = true;
    int64_t count = 0;
    while (weft_json_element(sink->json, &first)) {
        count++;
        if (level + 1 < sink->shape->rank) {
            put_nested(sink, level + 1);
        } else {
            put_scalar(sink);
        }
    }
    if (sink->json->failure == NULL && count != sink->shape->dims[level]) {
        weft_json_fail(sink->json, "an array has another length than the shape says");
    }
}

static void put_flat(struct sink *sink)
{
    bool first = true;
    while (weft_json_element(sink->json, &first)) {
        put_scalar(sink);
    }
}

/* Whether the array that comes next begins with an array. */
static bool is_nested(const struct weft_json *json)
{
    struct weft_json ahead = *json;
    return weft_json_take(&ahead, '[') && weft_json_peek(&ahead) == '[';
}

static enum weft_status prepare(struct sink *sink, const char *name,
                                struct weft_buffer **ret_buffer, struct weft_error **error)
{
    size_t element_bytes = weft_datatype_size_bytes(sink->datatype);
    size_t left = (size_t)(sink->json->end - sink->json->at);
    if (sink->datatype == WEFT_FP16 || sink->datatype == WEFT_BF16) {
        enum weft_status status =
            weft_error_set(error, WEFT_INVALID_ARGUMENT, "tensor '%s' is %s, which JSON can't say",
                           name, weft_datatype_name(sink->datatype));
        weft_error_set_hint(error, "send it as binary data (binary_data_size)");
        return status;
    }
    if (!weft_shape_elements(sink->shape, &sink->elements)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the shape of tensor '%s' is not one a tensor can have", name);
    }
    if (sink->elements > WEFT_OIP_JSON_ELEMENTS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "tensor '%s' has %" PRIu64 " elements in JSON, more than %d", name,
                              sink->elements, WEFT_OIP_JSON_ELEMENTS_MAX);
    }
    /* An element takes a character and a comma at least, so memory is never had by announcement. */
    if (sink->elements > left / 2 + 1) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "tensor '%s' has fewer elements than the %" PRIu64
                              " that its shape announces",
                              name, sink->elements);
    }
    size_t size_bytes = sink->datatype == WEFT_BYTES ? (size_t)sink->elements * 4 + left
                                                     : (size_t)sink->elements * element_bytes;
    *ret_buffer = weft_buffer_new(size_bytes);
    return *ret_buffer != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
}

enum weft_status weft_oip_json_data(struct weft_json *json, const char *name,
                                    enum weft_datatype datatype, const struct weft_shape *shape,
                                    bool base64, struct weft_slice *ret_data,
                                    struct weft_error **error)
{
    struct sink sink = {.json = json, .datatype = datatype, .shape = shape, .base64 = base64};
    struct weft_buffer *buffer = NULL;
    enum weft_status status = prepare(&sink, name, &buffer, error);
    if (status != WEFT_OK) {
        return status;
    }
    sink.data = buffer->data;
    if (shape->rank > 1 && is_nested(json)) {
        put_nested(&sink, 0);
    } else {
        put_flat(&sink);
    }
    status = weft_json_status(json, "the data", error);
    if (status == WEFT_OK && sink.seen != sink.elements) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                "it has %" PRIu64 " elements, but its shape announces %" PRIu64,
                                sink.seen, sink.elements);
    }
    if (status == WEFT_OK) {
        *ret_data = weft_slice_of(buffer, 0, sink.size_bytes);
    } else {
        status = weft_error_wrap(error, status, "tensor '%s' is not valid", name);
    }
    weft_buffer_unref(buffer);
    return status;
}

/* --- Writing ------------------------------------------------------------------------------------
 */

static uint64_t load(const uint8_t *at, size_t size_bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        bits |= (uint64_t)at[i] << (8 * i);
    }
    return bits;
}

/* The fewest digits that read back as the same number. False for NaN and infinities. */
static bool write_float(struct weft_text *text, uint64_t bits)
{
    uint32_t narrow = (uint32_t)bits;
    float number = 0;
    char digits[32];
    memcpy(&number, &narrow, sizeof(number));
    if (!isfinite(number)) {
        return false;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, (double)number);
        if (strtof(digits, NULL) == number) {
            break;
        }
    }
    weft_text_append_string(text, digits);
    return true;
}

static bool write_double(struct weft_text *text, uint64_t bits)
{
    double number = 0;
    char digits[32];
    memcpy(&number, &bits, sizeof(number));
    if (!isfinite(number)) {
        return false;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, number);
        if (strtod(digits, NULL) == number) {
            break;
        }
    }
    weft_text_append_string(text, digits);
    return true;
}

static bool write_element(struct weft_text *text, enum weft_datatype datatype, const uint8_t *at,
                          size_t size_bytes)
{
    uint64_t bits = load(at, size_bytes);
    char digits[24];
    switch (datatype) {
    case WEFT_BOOL:
        weft_text_append_string(text, bits != 0 ? "true" : "false");
        return true;
    case WEFT_FP32:
        return write_float(text, bits);
    case WEFT_FP64:
        return write_double(text, bits);
    case WEFT_UINT8:
    case WEFT_UINT16:
    case WEFT_UINT32:
    case WEFT_UINT64:
        snprintf(digits, sizeof(digits), "%" PRIu64, bits);
        break;
    case WEFT_INT8:
    case WEFT_INT16:
    case WEFT_INT32:
    case WEFT_INT64: {
        unsigned unused = 64 - 8 * (unsigned)size_bytes;
        snprintf(digits, sizeof(digits), "%" PRId64, (int64_t)(bits << unused) >> unused);
        break;
    }
    default:
        return false;
    }
    weft_text_append_string(text, digits);
    return true;
}

static bool write_base64(struct weft_text *text, const uint8_t *data, size_t size_bytes)
{
    size_t length = weft_base64_length(size_bytes);
    cleanup_free char *encoded = malloc(length + 1);
    if (encoded == NULL) {
        text->failed = true;
        return true;
    }
    weft_base64_encode(data, size_bytes, encoded);
    weft_text_append_string(text, "\"");
    weft_text_append(text, encoded, length);
    weft_text_append_string(text, "\"");
    return true;
}

static bool write_strings(const struct weft_value *value, bool base64, struct weft_text *text)
{
    const uint8_t *data = weft_value_data(value);
    size_t size_bytes = weft_value_size_bytes(value);
    /* The value was checked when it was made: elements never run over. */
    for (size_t offset = 0; offset < size_bytes;) {
        size_t length = (size_t)load(data + offset, 4);
        const uint8_t *element = data + offset + 4;
        if (offset > 0) {
            weft_text_append_string(text, ",");
        }
        if (base64) {
            write_base64(text, element, length);
        } else if (weft_utf8_valid((const char *)element, length)) {
            weft_text_append_json(text, (const char *)element, length);
        } else {
            return false;
        }
        offset += 4 + length;
    }
    return true;
}

static bool write_numbers(const struct weft_value *value, struct weft_text *text)
{
    enum weft_datatype datatype = weft_value_datatype(value);
    size_t element_bytes = weft_datatype_size_bytes(datatype);
    const uint8_t *data = weft_value_data(value);
    for (size_t offset = 0; offset < weft_value_size_bytes(value); offset += element_bytes) {
        if (offset > 0) {
            weft_text_append_string(text, ",");
        }
        if (!write_element(text, datatype, data + offset, element_bytes)) {
            return false;
        }
    }
    return true;
}

enum weft_status weft_oip_json_write_data(const char *name, const struct weft_value *value,
                                          bool base64, struct weft_text *text,
                                          struct weft_error **error)
{
    weft_text_append_string(text, "[");
    bool said = weft_value_datatype(value) == WEFT_BYTES ? write_strings(value, base64, text)
                                                         : write_numbers(value, text);
    weft_text_append_string(text, "]");
    if (said) {
        return WEFT_OK;
    }
    enum weft_status status = weft_error_set(error, WEFT_FAILED_PRECONDITION,
                                             "output '%s' (%s) holds what JSON can't say", name,
                                             weft_datatype_name(weft_value_datatype(value)));
    weft_error_set_hint(
        error, "ask for it as binary data, with the output's parameter binary_data%s",
        weft_value_datatype(value) == WEFT_BYTES ? " (or content_type \"base64\")" : "");
    return status;
}
