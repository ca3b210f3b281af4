/* SPDX-License-Identifier: Apache-2.0 */
#include "tensors.h"

#include "configured.h"

#include <stdlib.h>
#include <string.h>

enum weft_datatype weft_tensors_datatype(ONNXTensorElementDataType type)
{
    static const enum weft_datatype datatypes[] = {
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT] = WEFT_FP32,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8] = WEFT_UINT8,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8] = WEFT_INT8,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16] = WEFT_UINT16,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16] = WEFT_INT16,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32] = WEFT_INT32,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64] = WEFT_INT64,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING] = WEFT_BYTES,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL] = WEFT_BOOL,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16] = WEFT_FP16,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE] = WEFT_FP64,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32] = WEFT_UINT32,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64] = WEFT_UINT64,
        [ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16] = WEFT_BF16,
    };
    return (size_t)type < sizeof(datatypes) / sizeof(datatypes[0]) ? datatypes[type]
                                                                   : WEFT_DATATYPE_NONE;
}

const char *weft_tensors_datatype_name(enum weft_datatype datatype)
{
    switch (datatype) {
#define NAME_OF(name, number, size_bytes)                                                          \
    case WEFT_##name:                                                                              \
        return #name;
        WEFT_DATATYPE_TABLE(NAME_OF)
#undef NAME_OF
    case WEFT_DATATYPE_NONE:
        break;
    }
    return "NONE";
}

static size_t element_size_bytes(enum weft_datatype datatype)
{
    switch (datatype) {
#define SIZE_OF(name, number, size_bytes)                                                          \
    case WEFT_##name:                                                                              \
        return size_bytes;
        WEFT_DATATYPE_TABLE(SIZE_OF)
#undef SIZE_OF
    case WEFT_DATATYPE_NONE:
        break;
    }
    return 0;
}

bool weft_tensors_size(enum weft_datatype datatype, const struct weft_shape *shape,
                       uint64_t *ret_elements, size_t *ret_size_bytes)
{
    uint64_t elements = 1;
    uint64_t size_bytes = 0;
    for (uint32_t i = 0; i < shape->rank; i++) {
        uint64_t dimension = shape->dims[i] < 0 ? 1 : (uint64_t)shape->dims[i];
        if (__builtin_mul_overflow(elements, dimension, &elements)) {
            return false;
        }
    }
    /* An element of BYTES takes at least its length. */
    size_t least = datatype == WEFT_BYTES ? 4 : element_size_bytes(datatype);
    if (__builtin_mul_overflow(elements, least, &size_bytes) ||
        size_bytes > WEFT_TENSOR_BYTES_MAX) {
        return false;
    }
    *ret_elements = elements;
    *ret_size_bytes = datatype == WEFT_BYTES ? 0 : (size_t)size_bytes;
    return true;
}

bool weft_tensors_shape_known(const struct weft_shape *shape)
{
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0) {
            return false;
        }
    }
    return true;
}

static enum weft_status allocate(struct weft_tensors *tensors, size_t count,
                                 struct weft_ort_reason *reason)
{
    size_t room = count == 0 ? 1 : count;
    tensors->names = calloc(room, sizeof(tensors->names[0]));
    tensors->types = calloc(room, sizeof(tensors->types[0]));
    tensors->shapes = calloc(room, sizeof(tensors->shapes[0]));
    tensors->specs = calloc(room, sizeof(tensors->specs[0]));
    tensors->pictures = calloc(room, sizeof(tensors->pictures[0]));
    if (tensors->names == NULL || tensors->types == NULL || tensors->shapes == NULL ||
        tensors->specs == NULL || tensors->pictures == NULL) {
        return weft_ort_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    tensors->count = count;
    return WEFT_OK;
}

void weft_tensors_fini(struct weft_tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++) {
        free(tensors->names[i]);
    }
    free(tensors->names);
    free(tensors->types);
    free(tensors->shapes);
    free(tensors->specs);
    free(tensors->pictures);
    *tensors = (struct weft_tensors){0};
}

static enum weft_status read_name(const struct weft_ort *ort, const OrtSession *session,
                                  enum weft_tensors_side side, size_t index, char **ret_name,
                                  struct weft_ort_reason *reason)
{
    char *theirs = NULL;
    OrtStatus *failed =
        side == WEFT_TENSORS_INPUTS
            ? ort->api->SessionGetInputName(session, index, ort->allocator, &theirs)
            : ort->api->SessionGetOutputName(session, index, ort->allocator, &theirs);
    enum weft_status status = weft_ort_check(ort, failed, "the network's tensors", reason);
    if (status != WEFT_OK) {
        return status;
    }
    *ret_name = strdup(theirs);
    /* Freeing reports a status too, but has no way to fail with the default allocator. */
    status = weft_ort_check(ort, ort->api->AllocatorFree(ort->allocator, theirs),
                            "the network's tensors", reason);
    if (*ret_name == NULL) {
        return weft_ort_fail(reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    return status;
}

/* Leaves the type undefined where the thing is no tensor: only who wants to use it minds. */
static enum weft_status read_shape(const struct weft_ort *ort, const OrtTypeInfo *info,
                                   const char *name, ONNXTensorElementDataType *ret_type,
                                   struct weft_shape *ret_shape, struct weft_ort_reason *reason)
{
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    size_t rank = 0;
    enum weft_status status =
        weft_ort_check(ort, ort->api->CastTypeInfoToTensorInfo(info, &tensor), name, reason);
    if (status != WEFT_OK || tensor == NULL) {
        return status;
    }
    status = weft_ort_check(ort, ort->api->GetTensorElementType(tensor, ret_type), name, reason);
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, ort->api->GetDimensionsCount(tensor, &rank), name, reason);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (rank > WEFT_RANK_MAX) {
        return weft_ort_fail(reason, WEFT_UNIMPLEMENTED,
                             "\"%s\" has %zu dimensions, at most %d are known", name, rank,
                             WEFT_RANK_MAX);
    }
    ret_shape->rank = (uint32_t)rank;
    return weft_ort_check(ort, ort->api->GetDimensions(tensor, ret_shape->dims, rank), name,
                          reason);
}

static enum weft_status read_one(const struct weft_ort *ort, const OrtSession *session,
                                 enum weft_tensors_side side, size_t index,
                                 struct weft_tensors *tensors, struct weft_ort_reason *reason)
{
    enum weft_status status = read_name(ort, session, side, index, &tensors->names[index], reason);
    if (status != WEFT_OK) {
        return status;
    }
    const char *name = tensors->names[index];
    OrtTypeInfo *info = NULL;
    OrtStatus *failed = side == WEFT_TENSORS_INPUTS
                            ? ort->api->SessionGetInputTypeInfo(session, index, &info)
                            : ort->api->SessionGetOutputTypeInfo(session, index, &info);
    status = weft_ort_check(ort, failed, name, reason);
    if (status == WEFT_OK) {
        status =
            read_shape(ort, info, name, &tensors->types[index], &tensors->shapes[index], reason);
    }
    ort->api->ReleaseTypeInfo(info);
    for (uint32_t i = 0; i < tensors->shapes[index].rank; i++) {
        if (tensors->shapes[index].dims[i] < 0) {
            tensors->shapes[index].dims[i] = -1;
        }
    }
    return status;
}

enum weft_status weft_tensors_read(const struct weft_ort *ort, const OrtSession *session,
                                   enum weft_tensors_side side,
                                   const struct weft_tensors_configured *configured, bool decode,
                                   struct weft_tensors *ret_tensors, struct weft_ort_reason *reason)
{
    size_t count = 0;
    OrtStatus *failed = side == WEFT_TENSORS_INPUTS
                            ? ort->api->SessionGetInputCount(session, &count)
                            : ort->api->SessionGetOutputCount(session, &count);
    enum weft_status status = weft_ort_check(ort, failed, "the network's tensors", reason);
    if (status != WEFT_OK) {
        return status;
    }
    if (count > WEFT_TENSORS_MAX) {
        return weft_ort_fail(reason, WEFT_UNIMPLEMENTED,
                             "the network has %zu %s, at most %d are taken", count,
                             side == WEFT_TENSORS_INPUTS ? "inputs" : "outputs", WEFT_TENSORS_MAX);
    }
    status = allocate(ret_tensors, count, reason);
    for (size_t i = 0; i < count && status == WEFT_OK; i++) {
        status = read_one(ort, session, side, i, ret_tensors, reason);
    }
    return status != WEFT_OK ? status
                             : weft_configured_apply(ret_tensors, side, configured, decode, reason);
}
