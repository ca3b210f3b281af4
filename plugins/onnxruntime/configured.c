/* SPDX-License-Identifier: Apache-2.0 */
#include "configured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shape as text: 20 characters and a comma for each dimension, and the brackets. */
#define SHAPE_TEXT_MAX (WEFT_RANK_MAX * 21 + 3)

static const char *shape_text(const struct weft_shape *shape, char text[SHAPE_TEXT_MAX])
{
    int at = snprintf(text, SHAPE_TEXT_MAX, "[");
    for (uint32_t i = 0; i < shape->rank; i++) {
        at += snprintf(text + at, (size_t)(SHAPE_TEXT_MAX - at), "%s%lld", i == 0 ? "" : ",",
                       (long long)shape->dims[i]);
    }
    snprintf(text + at, (size_t)(SHAPE_TEXT_MAX - at), "]");
    return text;
}

static const struct weft_tensor_spec *find(const struct weft_tensors_configured *configured,
                                           const char *name)
{
    for (size_t i = 0; i < configured->count; i++) {
        if (strcmp(configured->specs[i].name, name) == 0) {
            return &configured->specs[i];
        }
    }
    return NULL;
}

/* Every name that the configuration lists must be one of the network's. */
static enum weft_status check_names(const struct weft_tensors *tensors, const char *side,
                                    const struct weft_tensors_configured *configured,
                                    struct weft_ort_reason *reason)
{
    for (size_t i = 0; i < configured->count; i++) {
        size_t at = 0;
        while (at < tensors->count && strcmp(tensors->names[at], configured->specs[i].name) != 0) {
            at++;
        }
        if (at < tensors->count) {
            continue;
        }
        char known[WEFT_ORT_REASON_MAX / 2] = "";
        for (size_t j = 0, length = 0; j < tensors->count && length < sizeof(known); j++) {
            length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s",
                                       j == 0 ? "" : ", ", tensors->names[j]);
        }
        return weft_ort_fail(
            reason, WEFT_FAILED_PRECONDITION,
            "config.pbtxt lists the %s \"%s\", which the network does not have; it has %s", side,
            configured->specs[i].name, known[0] == '\0' ? "none" : known);
    }
    return WEFT_OK;
}

/* Whether the network takes pixels there: UINT8 [height, width, 3]. */
static bool is_pixels(const struct weft_tensors *tensors, size_t at)
{
    const struct weft_shape *shape = &tensors->shapes[at];
    return tensors->types[at] == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 && shape->rank == 3 &&
           (shape->dims[2] == 3 || shape->dims[2] == -1);
}

static bool is_one_bytes(const struct weft_tensor_spec *spec)
{
    return spec->datatype == WEFT_BYTES && spec->shape.rank == 1 && spec->shape.dims[0] == 1;
}

/* The narrower of the two shapes, if there is one that fits both. */
static bool narrow(struct weft_shape *shape, const struct weft_shape *by)
{
    if (shape->rank != by->rank) {
        return false;
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == -1) {
            shape->dims[i] = by->dims[i];
        } else if (by->dims[i] != -1 && by->dims[i] != shape->dims[i]) {
            return false;
        }
    }
    return true;
}

static enum weft_status apply_one(struct weft_tensors *tensors, size_t at, const char *side,
                                  const struct weft_tensor_spec *listed, bool decode,
                                  struct weft_ort_reason *reason)
{
    const char *name = tensors->names[at];
    enum weft_datatype datatype = weft_tensors_datatype(tensors->types[at]);
    struct weft_tensor_spec *spec = &tensors->specs[at];
    uint64_t elements = 0;
    size_t size_bytes = 0;
    if (datatype == WEFT_DATATYPE_NONE) {
        return weft_ort_fail(reason, WEFT_UNIMPLEMENTED,
                             "the network's %s \"%s\" is no tensor of a type that can be carried "
                             "(ONNX type %d)",
                             side, name, (int)tensors->types[at]);
    }
    *spec = (struct weft_tensor_spec){.name = name, .datatype = datatype};
    if (decode && is_pixels(tensors, at) && (listed == NULL || is_one_bytes(listed))) {
        tensors->pictures[at] = true;
        spec->datatype = WEFT_BYTES;
        spec->shape = (struct weft_shape){1, {1}};
    } else {
        char ours[SHAPE_TEXT_MAX];
        char theirs[SHAPE_TEXT_MAX];
        if (listed != NULL &&
            (listed->datatype != datatype || !narrow(&tensors->shapes[at], &listed->shape))) {
            return weft_ort_fail(
                reason, WEFT_FAILED_PRECONDITION,
                "config.pbtxt says that the %s \"%s\" is %s %s, the network says %s %s", side, name,
                weft_tensors_datatype_name(listed->datatype), shape_text(&listed->shape, theirs),
                weft_tensors_datatype_name(datatype), shape_text(&tensors->shapes[at], ours));
        }
        spec->shape = tensors->shapes[at];
    }
    if (!weft_tensors_size(datatype, &tensors->shapes[at], &elements, &size_bytes)) {
        char text[SHAPE_TEXT_MAX];
        return weft_ort_fail(reason, WEFT_RESOURCE_EXHAUSTED,
                             "the %s \"%s\" of shape %s is larger than %llu bytes", side, name,
                             shape_text(&tensors->shapes[at], text),
                             (unsigned long long)WEFT_TENSOR_BYTES_MAX);
    }
    return WEFT_OK;
}

static void drop(struct weft_tensors *tensors, size_t at)
{
    free(tensors->names[at]);
    tensors->count--;
    for (size_t i = at; i < tensors->count; i++) {
        tensors->names[i] = tensors->names[i + 1];
        tensors->types[i] = tensors->types[i + 1];
        tensors->shapes[i] = tensors->shapes[i + 1];
    }
}

enum weft_status weft_configured_apply(struct weft_tensors *tensors, enum weft_tensors_side side,
                                       const struct weft_tensors_configured *configured,
                                       bool decode, struct weft_ort_reason *reason)
{
    const char *word = side == WEFT_TENSORS_INPUTS ? "input" : "output";
    enum weft_status status = check_names(tensors, word, configured, reason);
    bool any_picture = false;
    for (size_t i = 0; i < tensors->count && status == WEFT_OK;) {
        const struct weft_tensor_spec *listed = find(configured, tensors->names[i]);
        if (listed == NULL && configured->count > 0 && side == WEFT_TENSORS_OUTPUTS) {
            drop(tensors, i);
            continue;
        }
        if (side == WEFT_TENSORS_INPUTS && configured->count > 0 &&
            (listed == NULL || listed->optional)) {
            return weft_ort_fail(
                reason, WEFT_FAILED_PRECONDITION,
                "config.pbtxt %s the input \"%s\", without which the network cannot run",
                listed == NULL ? "leaves out" : "makes optional", tensors->names[i]);
        }
        status = apply_one(tensors, i, word, listed, decode && side == WEFT_TENSORS_INPUTS, reason);
        any_picture = any_picture || tensors->pictures[i];
        i++;
    }
    if (status == WEFT_OK && decode && side == WEFT_TENSORS_INPUTS && !any_picture) {
        return weft_ort_fail(reason, WEFT_FAILED_PRECONDITION,
                             "decode: no input is BYTES [1] in config.pbtxt and UINT8 [height, "
                             "width, 3] in the network");
    }
    return status;
}
