/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One inference. Inputs are the host's memory as it is; outputs whose shape the network fixes are
 * written into the host's memory, others stay where ONNX Runtime made them and are lent to the
 * host.
 */
#include "finite.h"
#include "model.h"
#include "string_tensor.h"

#include <stdlib.h>
#include <string.h>

struct run {
    struct weft_ort_model *model;
    struct weft_model_call *call;
    OrtRunOptions *options;
    OrtValue **inputs;           /* as many as the network has */
    struct weft_image *pictures; /* pixels of encoded inputs; as many */
    const char **names;          /* of the outputs that the caller wants */
    size_t *indices;             /* of them, in the model's outputs */
    OrtValue **outputs;
    bool *placed; /* lies in the host's memory already */
    size_t outputs_count;
    struct weft_ort_reason reason;
};

/* plugin_data is written by infer and read by cancel, perhaps at once. */
static void publish(struct run *run)
{
    __atomic_store_n(&run->call->plugin_data, run, __ATOMIC_SEQ_CST);
}

void weft_ort_run_cancel(void *model, struct weft_model_call *call)
{
    struct weft_ort_model *loaded = model;
    struct run *run = __atomic_load_n(&call->plugin_data, __ATOMIC_SEQ_CST);
    /* Before the run is published there is nothing to end: it asks host->cancelled afterwards. */
    if (run != NULL) {
        OrtStatus *failed = loaded->ort->api->RunOptionsSetTerminate(run->options);
        loaded->ort->api->ReleaseStatus(failed);
    }
}

static struct run *make_run(struct weft_ort_model *model, struct weft_model_call *call)
{
    struct run *run = calloc(1, sizeof(*run));
    size_t inputs = model->inputs.count + 1;
    size_t outputs = model->outputs.count + 1;
    if (run == NULL) {
        return NULL;
    }
    run->model = model;
    run->call = call;
    run->inputs = calloc(inputs, sizeof(run->inputs[0]));
    run->pictures = calloc(inputs, sizeof(run->pictures[0]));
    run->names = calloc(outputs, sizeof(run->names[0]));
    run->indices = calloc(outputs, sizeof(run->indices[0]));
    run->outputs = calloc(outputs, sizeof(run->outputs[0]));
    run->placed = calloc(outputs, sizeof(run->placed[0]));
    if (run->inputs == NULL || run->pictures == NULL || run->names == NULL ||
        run->indices == NULL || run->outputs == NULL || run->placed == NULL) {
        weft_ort_fail(&run->reason, WEFT_OUT_OF_MEMORY, "out of memory");
    }
    return run;
}

/* Gives up all that is not handed on; what cancel needs stays until the call is complete. */
static void release_values(struct run *run)
{
    const struct weft_ort_model *model = run->model;
    for (size_t i = 0; run->inputs != NULL && i < model->inputs.count; i++) {
        model->ort->api->ReleaseValue(run->inputs[i]);
    }
    for (size_t i = 0; run->outputs != NULL && i < run->outputs_count; i++) {
        model->ort->api->ReleaseValue(run->outputs[i]);
    }
    for (size_t i = 0; run->pictures != NULL && i < model->inputs.count; i++) {
        if (run->pictures[i].pixels != NULL) {
            model->images->fini(&run->pictures[i]);
        }
    }
    free(run->inputs);
    free(run->pictures);
    free(run->names);
    free(run->indices);
    free(run->outputs);
    free(run->placed);
}

/* A tensor over memory that stays where it is; the API wants an address even where it has no bytes.
 */
static OrtStatus *wrap(const struct weft_ort *ort, const void *data, size_t size_bytes,
                       const struct weft_shape *shape, ONNXTensorElementDataType type,
                       OrtValue **ret_value)
{
    static uint64_t nothing;
    void *memory = size_bytes == 0 ? &nothing : (void *)data;
    return ort->api->CreateTensorWithDataAsOrtValue(ort->memory, memory, size_bytes, shape->dims,
                                                    shape->rank, type, ret_value);
}

static const struct weft_tensor *find_input(const struct weft_model_call *call, const char *name)
{
    for (size_t i = 0; i < call->inputs_count; i++) {
        if (strcmp(call->inputs[i].name, name) == 0) {
            return &call->inputs[i];
        }
    }
    return NULL;
}

/* A byte that is neither is undefined behaviour in whoever reads it as a bool. */
static bool are_bools(const uint8_t *data, size_t size_bytes)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        seen |= data[i];
    }
    return seen <= 1;
}

static enum weft_status take_picture(struct run *run, size_t at, const struct weft_tensor *tensor)
{
    const struct weft_ort_model *model = run->model;
    struct weft_image *image = &run->pictures[at];
    enum weft_status status =
        weft_picture_decode(model->images, tensor, &model->inputs.shapes[at], image, &run->reason);
    if (status != WEFT_OK) {
        return status;
    }
    const struct weft_shape shape = {3, {image->height, image->width, 3}};
    return weft_ort_check(model->ort,
                          wrap(model->ort, image->pixels, (size_t)image->width * image->height * 3,
                               &shape, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, &run->inputs[at]),
                          tensor->name, &run->reason);
}

static enum weft_status take_input(struct run *run, size_t at)
{
    const struct weft_ort_model *model = run->model;
    const char *name = model->inputs.names[at];
    const struct weft_tensor *tensor = find_input(run->call, name);
    if (tensor == NULL) {
        return weft_ort_fail(&run->reason, WEFT_INVALID_ARGUMENT, "input \"%s\" is missing", name);
    }
    if (model->inputs.pictures[at]) {
        return take_picture(run, at, tensor);
    }
    if (tensor->datatype == WEFT_BYTES) {
        return weft_string_tensor_read(model->ort, tensor, &run->inputs[at], &run->reason);
    }
    if (tensor->datatype == WEFT_BOOL && !are_bools(tensor->data, tensor->size_bytes)) {
        return weft_ort_fail(&run->reason, WEFT_INVALID_ARGUMENT,
                             "input \"%s\" has bytes that are neither 0 nor 1", name);
    }
    uint64_t index = 0;
    if (model->settings.finite && weft_finite_find_other(tensor, &index)) {
        return weft_ort_fail(&run->reason, WEFT_INVALID_ARGUMENT,
                             "input \"%s\" has NaN or an infinity in it (element %llu)", name,
                             (unsigned long long)index);
    }
    return weft_ort_check(model->ort,
                          wrap(model->ort, tensor->data, tensor->size_bytes, &tensor->shape,
                               model->inputs.types[at], &run->inputs[at]),
                          name, &run->reason);
}

/* Memory of the host's for an output whose shape is known before the run. */
static enum weft_status place_output(struct run *run, size_t at, size_t index)
{
    const struct weft_ort_model *model = run->model;
    struct weft_model_call *call = run->call;
    const struct weft_tensor_spec *spec = &model->outputs.specs[index];
    uint64_t elements = 0;
    size_t size_bytes = 0;
    if (spec->datatype == WEFT_BYTES || !weft_tensors_shape_known(&spec->shape) ||
        !weft_tensors_size(spec->datatype, &spec->shape, &elements, &size_bytes)) {
        return WEFT_OK;
    }
    void *memory = call->host->output(call, spec->name, spec->datatype, &spec->shape, size_bytes);
    if (memory == NULL) {
        return weft_ort_fail(&run->reason, WEFT_OUT_OF_MEMORY, "no memory for output \"%s\"",
                             spec->name);
    }
    run->placed[at] = true;
    return weft_ort_check(model->ort,
                          wrap(model->ort, memory, size_bytes, &spec->shape,
                               model->outputs.types[index], &run->outputs[at]),
                          spec->name, &run->reason);
}

static enum weft_status choose_outputs(struct run *run)
{
    const struct weft_tensors *outputs = &run->model->outputs;
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; i < outputs->count && status == WEFT_OK; i++) {
        if (!run->call->host->wanted(run->call, outputs->names[i])) {
            continue;
        }
        size_t at = run->outputs_count++;
        run->names[at] = outputs->names[i];
        run->indices[at] = i;
        status = place_output(run, at, i);
    }
    return status;
}

static enum weft_status read_shape(struct run *run, const OrtValue *value, const char *name,
                                   ONNXTensorElementDataType *ret_type,
                                   struct weft_shape *ret_shape)
{
    const struct weft_ort *ort = run->model->ort;
    OrtTensorTypeAndShapeInfo *info = NULL;
    size_t rank = 0;
    enum weft_status status =
        weft_ort_check(ort, ort->api->GetTensorTypeAndShape(value, &info), name, &run->reason);
    if (status == WEFT_OK) {
        status =
            weft_ort_check(ort, ort->api->GetTensorElementType(info, ret_type), name, &run->reason);
    }
    if (status == WEFT_OK) {
        status = weft_ort_check(ort, ort->api->GetDimensionsCount(info, &rank), name, &run->reason);
    }
    if (status == WEFT_OK && rank > WEFT_RANK_MAX) {
        status = weft_ort_fail(&run->reason, WEFT_UNIMPLEMENTED,
                               "output \"%s\" has %zu dimensions, at most %d are known", name, rank,
                               WEFT_RANK_MAX);
    }
    if (status == WEFT_OK) {
        ret_shape->rank = (uint32_t)rank;
        status = weft_ort_check(ort, ort->api->GetDimensions(info, ret_shape->dims, rank), name,
                                &run->reason);
    }
    ort->api->ReleaseTensorTypeAndShapeInfo(info);
    return status;
}

static void release_lent(void *memory, void *context)
{
    (void)memory;
    /* The table belongs to the library, which is never closed once a value exists. */
    const struct weft_ort *ort = NULL;
    struct weft_ort_reason reason;
    if (weft_ort_open(&ort, &reason) == WEFT_OK) {
        ort->api->ReleaseValue(context);
    }
}

/* Whether an output is an input's memory, which is gone after the call: a network may hand one on.
 */
static bool is_inputs_memory(const struct run *run, const void *memory)
{
    for (size_t i = 0; i < run->model->inputs.count; i++) {
        const struct weft_image *image = &run->pictures[i];
        const uint8_t *start = image->pixels;
        size_t size_bytes = (size_t)image->width * image->height * 3;
        if (start == NULL) {
            const struct weft_tensor *tensor = find_input(run->call, run->model->inputs.names[i]);
            start = tensor->data;
            size_bytes = tensor->size_bytes;
        }
        if ((uintptr_t)memory - (uintptr_t)start < size_bytes) {
            return true;
        }
    }
    return false;
}

/* Lends the host an output where it lies. */
static enum weft_status lend_output(struct run *run, size_t at, const struct weft_shape *shape,
                                    size_t size_bytes)
{
    const struct weft_ort *ort = run->model->ort;
    struct weft_model_call *call = run->call;
    const struct weft_tensor_spec *spec = &run->model->outputs.specs[run->indices[at]];
    void *memory = NULL;
    enum weft_status status = weft_ort_check(
        ort, ort->api->GetTensorMutableData(run->outputs[at], &memory), spec->name, &run->reason);
    if (status != WEFT_OK) {
        return status;
    }
    if (size_bytes > 0 && !is_inputs_memory(run, memory)) {
        if (!call->host->output_take(call, spec->name, spec->datatype, shape, memory, size_bytes,
                                     release_lent, run->outputs[at])) {
            return weft_ort_fail(&run->reason, WEFT_OUT_OF_MEMORY, "no memory for output \"%s\"",
                                 spec->name);
        }
        run->outputs[at] = NULL; /* the host's now */
        return WEFT_OK;
    }
    void *copy = call->host->output(call, spec->name, spec->datatype, shape, size_bytes);
    if (copy == NULL) {
        return weft_ort_fail(&run->reason, WEFT_OUT_OF_MEMORY, "no memory for output \"%s\"",
                             spec->name);
    }
    if (size_bytes > 0) {
        memcpy(copy, memory, size_bytes);
    }
    return WEFT_OK;
}

static enum weft_status give_output(struct run *run, size_t at)
{
    const struct weft_tensor_spec *spec = &run->model->outputs.specs[run->indices[at]];
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    struct weft_shape shape = {0};
    uint64_t elements = 0;
    size_t size_bytes = 0;
    if (run->placed[at]) {
        return WEFT_OK;
    }
    enum weft_status status = read_shape(run, run->outputs[at], spec->name, &type, &shape);
    if (status != WEFT_OK) {
        return status;
    }
    if (weft_tensors_datatype(type) != spec->datatype) {
        return weft_ort_fail(&run->reason, WEFT_INTERNAL, "output \"%s\" came as another type: %s",
                             spec->name, weft_tensors_datatype_name(weft_tensors_datatype(type)));
    }
    if (!weft_tensors_size(spec->datatype, &shape, &elements, &size_bytes)) {
        return weft_ort_fail(&run->reason, WEFT_RESOURCE_EXHAUSTED,
                             "output \"%s\" is larger than %llu bytes", spec->name,
                             (unsigned long long)WEFT_TENSOR_BYTES_MAX);
    }
    if (spec->datatype == WEFT_BYTES) {
        return weft_string_tensor_write(run->model->ort, run->outputs[at], &shape, run->call,
                                        spec->name, &run->reason);
    }
    return lend_output(run, at, &shape, size_bytes);
}

static enum weft_status perform(struct run *run)
{
    const struct weft_ort_model *model = run->model;
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; i < model->inputs.count && status == WEFT_OK; i++) {
        status = take_input(run, i);
    }
    if (status == WEFT_OK) {
        status = choose_outputs(run);
    }
    if (status != WEFT_OK || run->outputs_count == 0) {
        return status;
    }
    status = weft_ort_check(
        model->ort,
        model->ort->api->Run(model->session, run->options, (const char *const *)model->inputs.names,
                             (const OrtValue *const *)run->inputs, model->inputs.count, run->names,
                             run->outputs_count, run->outputs),
        "the network failed", &run->reason);
    for (size_t i = 0; i < run->outputs_count && status == WEFT_OK; i++) {
        status = give_output(run, i);
    }
    return status;
}

void weft_ort_run(void *model, struct weft_model_call *call)
{
    struct weft_ort_model *loaded = model;
    const struct weft_model_host *host = call->host;
    struct run *run = make_run(loaded, call);
    if (run == NULL) {
        host->complete(call, WEFT_OUT_OF_MEMORY, "out of memory");
        return;
    }
    enum weft_status status = run->reason.text[0] != '\0' ? WEFT_OUT_OF_MEMORY : WEFT_OK;
    if (status == WEFT_OK) {
        status = weft_ort_check(loaded->ort, loaded->ort->api->CreateRunOptions(&run->options),
                                "run options", &run->reason);
    }
    if (status == WEFT_OK) {
        publish(run);
        status = host->cancelled(call) ? WEFT_CANCELLED : perform(run);
    }
    /* ONNX Runtime says of a run that was ended only that it failed. */
    if (status != WEFT_OK && host->cancelled(call)) {
        status = weft_ort_fail(&run->reason, WEFT_CANCELLED, "cancelled");
    }
    release_values(run);
    host->complete(call, status, status == WEFT_OK ? NULL : run->reason.text);
    loaded->ort->api->ReleaseRunOptions(run->options);
    free(run);
}
