/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "wire/oip_parts.h"

/*
 * Typed tensor contents (InferTensorContents): each datatype has one list, whose elements are made
 * into the raw form. A list may be packed, not packed, or both, and in several pieces.
 */

struct kind {
    uint32_t number; /* of the list; 0 = none */
    enum weft_protobuf_wire wire;
    int64_t minimum; /* of integers; unsigned ones by maximum alone */
    uint64_t maximum;
};

static struct kind kind_of(enum weft_datatype datatype)
{
    switch (datatype) {
    case WEFT_BOOL:
        return (struct kind){1, WEFT_PROTOBUF_VARINT, 0, UINT64_MAX};
    case WEFT_INT8:
        return (struct kind){2, WEFT_PROTOBUF_VARINT, INT8_MIN, INT8_MAX};
    case WEFT_INT16:
        return (struct kind){2, WEFT_PROTOBUF_VARINT, INT16_MIN, INT16_MAX};
    case WEFT_INT32:
        return (struct kind){2, WEFT_PROTOBUF_VARINT, INT32_MIN, INT32_MAX};
    case WEFT_INT64:
        return (struct kind){3, WEFT_PROTOBUF_VARINT, INT64_MIN, INT64_MAX};
    case WEFT_UINT8:
        return (struct kind){4, WEFT_PROTOBUF_VARINT, 0, UINT8_MAX};
    case WEFT_UINT16:
        return (struct kind){4, WEFT_PROTOBUF_VARINT, 0, UINT16_MAX};
    case WEFT_UINT32:
        return (struct kind){4, WEFT_PROTOBUF_VARINT, 0, UINT32_MAX};
    case WEFT_UINT64:
        return (struct kind){5, WEFT_PROTOBUF_VARINT, 0, UINT64_MAX};
    case WEFT_FP32:
        return (struct kind){6, WEFT_PROTOBUF_FIXED32, 0, UINT64_MAX};
    case WEFT_FP64:
        return (struct kind){7, WEFT_PROTOBUF_FIXED64, 0, UINT64_MAX};
    case WEFT_BYTES:
        return (struct kind){8, WEFT_PROTOBUF_LENGTH, 0, 0};
    case WEFT_FP16:
    case WEFT_BF16:
    case WEFT_DATATYPE_NONE:
        break;
    }
    return (struct kind){0};
}

struct output {
    struct kind kind;
    enum weft_datatype datatype;
    size_t element_bytes;
    uint8_t *data; /* NULL: only measure */
    size_t size_bytes;
    const char *failure;
};

static void put(struct output *output, const void *data, size_t size_bytes)
{
    if (output->data != NULL && size_bytes > 0) {
        weft_copy(output->data + output->size_bytes, data, size_bytes);
    }
    output->size_bytes += size_bytes;
}

static void put_number(struct output *output, uint64_t number)
{
    const struct kind *kind = &output->kind;
    if (output->datatype == WEFT_BOOL) {
        number = number != 0;
    } else if (kind->wire == WEFT_PROTOBUF_VARINT) {
        bool fits = kind->minimum < 0 ? (int64_t)number >= kind->minimum &&
                                            (int64_t)number <= (int64_t)kind->maximum
                                      : number <= kind->maximum;
        if (!fits) {
            output->failure = "hold a number out of the datatype's range";
            return;
        }
    }
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    /* Counted once as a whole by the caller; per element that would cost more than the copy. */
    if (output->data != NULL) {
        memcpy(output->data + output->size_bytes, bytes, output->element_bytes);
    }
    output->size_bytes += output->element_bytes;
}

static void put_packed(struct output *output, struct weft_protobuf_reader *reader,
                       const struct weft_protobuf_field *field)
{
    if (output->kind.wire != WEFT_PROTOBUF_VARINT) {
        if (field->size_bytes % output->element_bytes != 0) {
            weft_protobuf_fail(reader, "has part of an element");
            return;
        }
        put(output, field->data, field->size_bytes);
        return;
    }
    struct weft_protobuf_reader packed;
    if (weft_protobuf_enter(reader, field, &packed)) {
        uint64_t number = 0;
        while (output->failure == NULL && weft_protobuf_next_packed(&packed, &number)) {
            put_number(output, number);
        }
        weft_protobuf_leave(reader, &packed);
    }
}

static void put_field(struct output *output, struct weft_protobuf_reader *reader,
                      const struct weft_protobuf_field *field)
{
    if (output->datatype == WEFT_BYTES) {
        if (!weft_protobuf_is_bytes(reader, field) || field->size_bytes > UINT32_MAX) {
            weft_protobuf_fail(reader, "is no element of BYTES");
            return;
        }
        uint8_t length[4];
        for (size_t i = 0; i < sizeof(length); i++) {
            length[i] = (uint8_t)(field->size_bytes >> (8 * i));
        }
        put(output, length, sizeof(length));
        put(output, field->data, field->size_bytes);
    } else if (field->wire == output->kind.wire) {
        put_number(output, field->integer);
    } else if (weft_protobuf_is_bytes(reader, field)) {
        put_packed(output, reader, field);
    }
}

static enum weft_status walk(const struct weft_oip_tensor *tensor, struct output *output,
                             struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    weft_protobuf_reader_init(&reader, tensor->contents, tensor->contents_bytes);
    while (output->failure == NULL && weft_protobuf_next(&reader, &field)) {
        if (field.number == output->kind.number) {
            put_field(output, &reader, &field);
        } else if (field.number <= 8 && (field.wire != WEFT_PROTOBUF_LENGTH ||
                                         field.size_bytes > 0 || field.number == 8)) {
            output->failure = "are of another datatype";
        }
    }
    if (output->failure != NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the typed contents of tensor '%s' (%s) %s", tensor->name,
                              weft_datatype_name(tensor->datatype), output->failure);
    }
    return weft_protobuf_end(&reader, "InferTensorContents", error);
}

enum weft_status weft_oip_contents(const struct weft_oip_tensor *tensor,
                                   struct weft_slice *ret_data, struct weft_error **error)
{
    struct output output = {.kind = kind_of(tensor->datatype),
                            .datatype = tensor->datatype,
                            .element_bytes = weft_datatype_size_bytes(tensor->datatype)};
    if (output.kind.number == 0) {
        enum weft_status status = weft_error_set(
            error, WEFT_INVALID_ARGUMENT, "tensor '%s' is %s, which has no typed contents",
            tensor->name, weft_datatype_name(tensor->datatype));
        weft_error_set_hint(error, "send it in raw_input_contents");
        return status;
    }
    enum weft_status status = walk(tensor, &output, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_buffer *buffer = weft_buffer_new(output.size_bytes);
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    cleanup_slice struct weft_slice data = weft_slice_take(buffer);
    output.data = buffer->data;
    output.size_bytes = 0;
    status = walk(tensor, &output, error);
    if (status == WEFT_OK) {
        *ret_data = weft_slice_ref(&data);
    }
    return status;
}
