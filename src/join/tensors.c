/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "join/operators.h"

enum weft_status join_value_of(const struct weft_tensor_spec *output,
                               struct weft_buffer *take_buffer, struct weft_value **ret_value,
                               struct weft_error **error)
{
    cleanup_slice struct weft_slice slice = weft_slice_take(take_buffer);
    return weft_value_new_slice(output->datatype, &output->shape, &slice, ret_value, error);
}

int64_t join_option(const struct weft_parameters *options, const char *name)
{
    const struct weft_parameter *parameter = weft_parameters_find(options, name);
    return parameter != NULL ? parameter->int64 : 0;
}

static enum weft_status check_datatypes(const char *name, const struct weft_tensor_spec *inputs,
                                        size_t inputs_count, struct weft_error **error)
{
    for (size_t i = 0; i < inputs_count; i++) {
        if (inputs[i].datatype == WEFT_BYTES || inputs[i].datatype == WEFT_DATATYPE_NONE) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s joins numbers; for %s use text or json", name,
                                  weft_datatype_name(inputs[i].datatype));
        }
        if (inputs[i].datatype != inputs[0].datatype) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s needs one datatype: input 1 is %s, input %zu is %s", name,
                                  weft_datatype_name(inputs[0].datatype), i + 1,
                                  weft_datatype_name(inputs[i].datatype));
        }
    }
    return WEFT_OK;
}

/* Whether all dimensions but `axis` agree, where both are known; *into learns the known ones. */
static enum weft_status agree(const char *name, struct weft_shape *into,
                              const struct weft_shape *shape, uint32_t axis, size_t input,
                              struct weft_error **error)
{
    for (uint32_t i = 0; i < into->rank; i++) {
        if (i == axis) {
            continue;
        }
        if (into->dims[i] == -1) {
            into->dims[i] = shape->dims[i];
        } else if (shape->dims[i] != -1 && shape->dims[i] != into->dims[i]) {
            char text[256];
            weft_shape_format(shape, text, sizeof(text));
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "%s: input %zu of shape %s differs outside the axis", name,
                                  input + 1, text);
        }
    }
    return WEFT_OK;
}

static enum weft_status find_axis(const char *name, const struct weft_parameters *options,
                                  uint32_t rank, uint32_t *ret_axis, struct weft_error **error)
{
    int64_t axis = join_option(options, "axis");
    axis += axis < 0 ? (int64_t)rank : 0;
    if (axis < 0 || axis >= (int64_t)rank) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s: there is no axis %lld in %u dimensions", name,
                              (long long)join_option(options, "axis"), rank);
    }
    *ret_axis = (uint32_t)axis;
    return WEFT_OK;
}

/* Copies each input's rows behind each other: `outer` rows, of which each input gives one piece. */
static enum weft_status interleave(struct weft_value *const *inputs, size_t inputs_count,
                                   uint64_t outer, const struct weft_tensor_spec *output,
                                   struct weft_value **ret_output, struct weft_error **error)
{
    uint64_t size_bytes = 0;
    if (!weft_shape_size_bytes(&output->shape, output->datatype, &size_bytes)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "the result is larger than any memory");
    }
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    uint8_t *to = buffer->data;
    /* A shape may have endless rows of nothing: [2^62, 0] is a tensor too. */
    for (uint64_t row = 0; size_bytes > 0 && row < outer; row++) {
        for (size_t i = 0; i < inputs_count; i++) {
            size_t piece_bytes = weft_value_size_bytes(inputs[i]) / outer;
            weft_copy(to, (const uint8_t *)weft_value_data(inputs[i]) + row * piece_bytes,
                      piece_bytes);
            to += piece_bytes;
        }
    }
    return join_value_of(output, buffer, ret_output, error);
}

/* The rows before the axis; 0 dimensions there mean that nothing is to be copied. */
static uint64_t rows_before(const struct weft_shape *shape, uint32_t axis)
{
    uint64_t rows = 1;
    for (uint32_t i = 0; i < axis; i++) {
        rows *= (uint64_t)shape->dims[i];
    }
    return rows;
}

/* --- concat --- */

static enum weft_status concat_infer(const struct weft_parameters *options,
                                     const struct weft_tensor_spec *inputs, size_t inputs_count,
                                     struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    struct weft_tensor_spec output = {.datatype = inputs[0].datatype, .shape = inputs[0].shape};
    uint32_t axis = 0;
    enum weft_status status = check_datatypes("concat", inputs, inputs_count, error);
    if (status == WEFT_OK) {
        status = find_axis("concat", options, inputs[0].shape.rank, &axis, error);
    }
    for (size_t i = 1; status == WEFT_OK && i < inputs_count; i++) {
        int64_t *sum = &output.shape.dims[axis];
        if (inputs[i].shape.rank != output.shape.rank) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "concat: input %zu has %u dimensions, input 1 has %u", i + 1,
                                  inputs[i].shape.rank, output.shape.rank);
        }
        status = agree("concat", &output.shape, &inputs[i].shape, axis, i, error);
        if (*sum == -1 || inputs[i].shape.dims[axis] == -1) {
            *sum = -1;
        } else if (__builtin_add_overflow(*sum, inputs[i].shape.dims[axis], sum)) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "concat: the result is larger than any memory");
        }
    }
    if (status == WEFT_OK) {
        *ret_output = output;
    }
    return status;
}

static enum weft_status concat_apply(const struct weft_parameters *options,
                                     struct weft_value *const *inputs, size_t inputs_count,
                                     const struct weft_tensor_spec *output,
                                     struct weft_value **ret_output, struct weft_error **error)
{
    if (inputs_count == 1) {
        *ret_output = weft_value_ref(inputs[0]);
        return WEFT_OK;
    }
    uint32_t axis = 0;
    enum weft_status status = find_axis("concat", options, output->shape.rank, &axis, error);
    return status == WEFT_OK ? interleave(inputs, inputs_count, rows_before(&output->shape, axis),
                                          output, ret_output, error)
                             : status;
}

static const struct weft_model_option axis_options[] = {
    {"axis", WEFT_OPTION_INT64, "0", -WEFT_RANK_MAX, WEFT_RANK_MAX,
     "the dimension along which to join; -1 = the last"},
    {0},
};

const struct weft_join join_concat = {"concat", "puts tensors behind each other along an axis",
                                      axis_options, concat_infer, concat_apply};

/* --- stack --- */

static enum weft_status stack_infer(const struct weft_parameters *options,
                                    const struct weft_tensor_spec *inputs, size_t inputs_count,
                                    struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    struct weft_shape common = inputs[0].shape;
    uint32_t axis = 0;
    enum weft_status status = check_datatypes("stack", inputs, inputs_count, error);
    if (status == WEFT_OK && common.rank >= WEFT_RANK_MAX) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT, "stack: more than %d dimensions",
                                WEFT_RANK_MAX);
    }
    if (status == WEFT_OK) {
        status = find_axis("stack", options, common.rank + 1, &axis, error);
    }
    for (size_t i = 1; status == WEFT_OK && i < inputs_count; i++) {
        if (inputs[i].shape.rank != common.rank) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "stack: input %zu has %u dimensions, input 1 has %u", i + 1,
                                  inputs[i].shape.rank, common.rank);
        }
        status = agree("stack", &common, &inputs[i].shape, UINT32_MAX, i, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_tensor_spec output = {.datatype = inputs[0].datatype,
                                      .shape = {.rank = common.rank + 1}};
    for (uint32_t i = 0; i < output.shape.rank; i++) {
        output.shape.dims[i] =
            i == axis ? (int64_t)inputs_count : common.dims[i < axis ? i : i - 1];
    }
    *ret_output = output;
    return WEFT_OK;
}

static enum weft_status stack_apply(const struct weft_parameters *options,
                                    struct weft_value *const *inputs, size_t inputs_count,
                                    const struct weft_tensor_spec *output,
                                    struct weft_value **ret_output, struct weft_error **error)
{
    uint32_t axis = 0;
    enum weft_status status = find_axis("stack", options, output->shape.rank, &axis, error);
    return status == WEFT_OK ? interleave(inputs, inputs_count, rows_before(&output->shape, axis),
                                          output, ret_output, error)
                             : status;
}

const struct weft_join join_stack = {
    "stack", "puts tensors of one shape beside each other in a new dimension", axis_options,
    stack_infer, stack_apply};
