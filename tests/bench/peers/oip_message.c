/* SPDX-License-Identifier: Apache-2.0 */
#include "oip_message.h"

#include <string.h>

/* Field numbers of open_inference_grpc.proto, all of wire type 2 (length-delimited). */
enum {
    REQUEST_MODEL_NAME = 1,
    REQUEST_INPUTS = 5,
    REQUEST_RAW_INPUT_CONTENTS = 7,
    TENSOR_NAME = 1,
    TENSOR_DATATYPE = 2,
    TENSOR_SHAPE = 3,
};

/* Ten bytes hold any varint. */
#define VARINT_MAX 10

static size_t write_varint(uint8_t *into, uint64_t value)
{
    size_t size = 0;
    for (; value > 127; value >>= 7)
        into[size++] = (uint8_t)(value | 128);
    into[size++] = (uint8_t)value;
    return size;
}

static size_t write_head_of_field(uint8_t *into, unsigned number, size_t length)
{
    into[0] = (uint8_t)(number << 3 | 2);
    return 1 + write_varint(into + 1, length);
}

static size_t write_field(uint8_t *into, unsigned number, const void *bytes, size_t length)
{
    size_t head = write_head_of_field(into, number, length);
    memcpy(into + head, bytes, length);
    return head + length;
}

size_t oip_request_write_head(const struct oip_request *request, uint8_t head[OIP_REQUEST_HEAD_MAX])
{
    size_t names = strlen(request->model) + strlen(request->input) + strlen(request->datatype);
    if (names + (request->dimensions_count + 7) * VARINT_MAX > OIP_REQUEST_HEAD_MAX / 2)
        return 0;
    uint8_t shape[OIP_REQUEST_HEAD_MAX], tensor[OIP_REQUEST_HEAD_MAX];
    size_t shape_bytes = 0, tensor_bytes = 0, size = 0;
    for (size_t i = 0; i < request->dimensions_count; i++)
        shape_bytes += write_varint(shape + shape_bytes, (uint64_t)request->dimensions[i]);
    tensor_bytes += write_field(tensor, TENSOR_NAME, request->input, strlen(request->input));
    tensor_bytes += write_field(tensor + tensor_bytes, TENSOR_DATATYPE, request->datatype,
                                strlen(request->datatype));
    tensor_bytes += write_field(tensor + tensor_bytes, TENSOR_SHAPE, shape, shape_bytes);
    size += write_field(head, REQUEST_MODEL_NAME, request->model, strlen(request->model));
    size += write_field(head + size, REQUEST_INPUTS, tensor, tensor_bytes);
    size += write_head_of_field(head + size, REQUEST_RAW_INPUT_CONTENTS, request->tensor_bytes);
    return size;
}
