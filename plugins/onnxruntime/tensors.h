/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_TENSORS_H
#define WEFT_ONNXRUNTIME_TENSORS_H

/*
 * The inputs or the outputs of a network: as its file declares them, and as the model shows them
 * once config.pbtxt has been heard (narrower shapes, fewer outputs, encoded pictures for pixels).
 * Owned by the model, made during load and constant afterwards.
 */

#include "ort.h"

/* Inputs or outputs of one network; a file that declares more is refused. */
#define WEFT_TENSORS_MAX 1024
/* Bytes of one tensor. More than a message may carry, less than would take a machine down with one
 * wrong dimension; RESOURCE_EXHAUSTED beyond. */
#define WEFT_TENSOR_BYTES_MAX (UINT64_C(4) << 30)

struct weft_tensors {
    size_t count;
    char **names; /* owned */
    ONNXTensorElementDataType *types;
    struct weft_shape *shapes; /* the network's own, narrowed by the configuration */
    struct weft_tensor_spec
        *specs;     /* what metadata shows: differs from types and shapes for pictures */
    bool *pictures; /* an encoded picture is decoded for it */
};

enum weft_tensors_side { WEFT_TENSORS_INPUTS, WEFT_TENSORS_OUTPUTS };

/* What config.pbtxt lists of one side; count 0 = nothing. */
struct weft_tensors_configured {
    const struct weft_tensor_spec *specs;
    size_t count;
};

/* Reads one side of a session, and brings it together with the configuration. With decode, inputs
 * of pixels that are listed as BYTES [1] (or all, where none is listed) take encoded pictures.
 * FAILED_PRECONDITION where the two contradict each other, UNIMPLEMENTED for what OIP has no tensor
 * for. *ret_tensors must be zeroed; it is the caller's to fini in any case. */
enum weft_status weft_tensors_read(const struct weft_ort *ort, const OrtSession *session,
                                   enum weft_tensors_side side,
                                   const struct weft_tensors_configured *configured, bool decode,
                                   struct weft_tensors *ret_tensors,
                                   struct weft_ort_reason *reason) WEFT_MUST_CHECK;
void weft_tensors_fini(struct weft_tensors *tensors);

/* WEFT_DATATYPE_NONE where OIP has no such type. */
enum weft_datatype weft_tensors_datatype(ONNXTensorElementDataType type);
const char *weft_tensors_datatype_name(enum weft_datatype datatype);
/* Elements and bytes of a tensor (bytes 0 for BYTES), any dimensions counting as 1. False beyond
 * WEFT_TENSOR_BYTES_MAX. */
bool weft_tensors_size(enum weft_datatype datatype, const struct weft_shape *shape,
                       uint64_t *ret_elements, size_t *ret_size_bytes);
bool weft_tensors_shape_known(const struct weft_shape *shape);

#endif
