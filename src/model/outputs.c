/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/call.h"

/*
 * The part of the host table that makes outputs, and how they become values. What is wrong is
 * remembered and turns the call's end into INTERNAL.
 */

enum { GUARD_BYTE = 0xa5 };

/* With the lock held. */
void weft_inference_note_misuse(struct weft_inference *inference, const char *format, ...)
{
    if (inference->misuse[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(inference->misuse, sizeof(inference->misuse), format, arguments);
        va_end(arguments);
    }
}

static struct weft_made *find_made(struct weft_inference *inference, const char *name)
{
    const struct weft_model_info *info = &inference->model->info;
    for (size_t i = 0; name != NULL && i < inference->made_count; i++) {
        if (strcmp(info->outputs[i].name, name) == 0) {
            return &inference->made[i];
        }
    }
    return NULL;
}

static bool may_make(struct weft_inference *inference, const char *name)
{
    pthread_mutex_lock(&inference->model->lock);
    bool open = !inference->completed;
    if (!open) {
        weft_inference_note_misuse(inference, "the output \"%s\" was made after complete", name);
    }
    pthread_mutex_unlock(&inference->model->lock);
    return open;
}

/* The place for a new output; NULL, and why is noted, where it may not be. */
static struct weft_made *new_output(struct weft_inference *inference, const char *name,
                                    enum weft_datatype datatype, const struct weft_shape *shape)
{
    struct weft_made *made = find_made(inference, name);
    if (made == NULL) {
        weft_inference_misuse(inference, "\"%s\" is none of the model's outputs",
                              name != NULL ? name : "");
        return NULL;
    }
    if (!may_make(inference, name)) {
        return NULL;
    }
    if (made->made) {
        weft_inference_misuse(inference, "the output \"%s\" was made twice", name);
        return NULL;
    }
    const struct weft_model_tensor *spec = &inference->model->info.outputs[made - inference->made];
    uint64_t elements = 0;
    char text[64];
    if (datatype != spec->datatype) {
        weft_inference_misuse(inference, "the output \"%s\" was made as %s, but is %s", name,
                              weft_datatype_name(datatype), weft_datatype_name(spec->datatype));
        return NULL;
    }
    if (shape == NULL || shape->rank > WEFT_RANK_MAX || !weft_shape_elements(shape, &elements) ||
        !weft_shape_fits(shape, &spec->shape)) {
        if (shape != NULL && shape->rank <= WEFT_RANK_MAX) {
            weft_shape_format(shape, text, sizeof(text));
        } else {
            text[0] = '?', text[1] = '\0';
        }
        weft_inference_misuse(
            inference, "the output \"%s\" was made with the shape %s, which the model can't have",
            name, text);
        return NULL;
    }
    made->datatype = datatype;
    made->shape = *shape;
    return made;
}

/* Of fixed-size datatypes; BYTES is looked at when it is written. */
static bool size_fits(struct weft_inference *inference, const char *name,
                      const struct weft_made *made, size_t size_bytes)
{
    uint64_t needed_bytes = 0;
    if (made->datatype == WEFT_BYTES ||
        (weft_shape_size_bytes(&made->shape, made->datatype, &needed_bytes) &&
         needed_bytes == size_bytes)) {
        return true;
    }
    weft_inference_misuse(inference,
                          "the output \"%s\" was made with %zu bytes, but its shape needs %" PRIu64,
                          name, size_bytes, needed_bytes);
    return false;
}

struct weft_buffer *weft_model_allocate(struct weft_model *model, size_t size_bytes)
{
    struct weft_buffer *buffer = NULL;
    pthread_mutex_lock(&model->lock); /* so that the pool can't go meanwhile */
    if (!model->left) {
        buffer = weft_pool_buffer(model->home.pool, size_bytes);
    }
    pthread_mutex_unlock(&model->lock);
    return buffer;
}

void weft_model_hold(struct weft_model *model, size_t size_bytes)
{
    atomic_fetch_add_explicit(&model->held_bytes, size_bytes, memory_order_relaxed);
}

void weft_model_let_go(struct weft_model *model, size_t size_bytes)
{
    if (size_bytes > 0) {
        atomic_fetch_sub_explicit(&model->held_bytes, size_bytes, memory_order_relaxed);
    }
}

void *weft_host_output(struct weft_model_call *call, const char *name, enum weft_datatype datatype,
                       const struct weft_shape *shape, size_t size_bytes)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = new_output(inference, name, datatype, shape);
    if (made == NULL || !size_fits(inference, name, made, size_bytes)) {
        return NULL;
    }
    if (size_bytes > SIZE_MAX - WEFT_OUTPUT_GUARD_BYTES) {
        return NULL;
    }
    struct weft_buffer *buffer =
        weft_model_allocate(inference->model, size_bytes + WEFT_OUTPUT_GUARD_BYTES);
    if (buffer == NULL) {
        return NULL;
    }
    memset(buffer->data + size_bytes, GUARD_BYTE, WEFT_OUTPUT_GUARD_BYTES);
    made->slice = (struct weft_slice){buffer, buffer->data, size_bytes};
    made->guarded = true;
    made->held_bytes = size_bytes;
    weft_model_hold(inference->model, size_bytes);
    made->made = true;
    return buffer->data;
}

bool weft_host_forward(struct weft_model_call *call, const char *name, size_t input_index)
{
    struct weft_inference *inference = weft_inference_of(call);
    if (input_index >= inference->base.inputs_count) {
        weft_inference_misuse(inference, "there is no input %zu to forward", input_index);
        return false;
    }
    struct weft_value *value = inference->input_values[input_index];
    struct weft_made *made =
        new_output(inference, name, weft_value_datatype(value), weft_value_shape(value));
    if (made == NULL) {
        return false;
    }
    made->value = weft_value_ref(value);
    made->made = true;
    return true;
}

/* Memory of a plugin's that the host reads. */
struct taken {
    struct weft_model *model;
    size_t size_bytes;
    void (*release)(void *memory, void *context);
    void *context;
};

static void release_taken(void *memory, void *context)
{
    struct taken *taken = context;
    taken->release(memory, taken->context);
    weft_model_let_go(taken->model, taken->size_bytes);
    weft_model_unpin(taken->model);
    free(taken);
}

bool weft_host_output_take(struct weft_model_call *call, const char *name,
                           enum weft_datatype datatype, const struct weft_shape *shape,
                           void *memory, size_t size_bytes,
                           void (*release)(void *memory, void *context), void *context)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = new_output(inference, name, datatype, shape);
    if (made == NULL || !size_fits(inference, name, made, size_bytes)) {
        return false;
    }
    struct taken *taken = malloc(sizeof(*taken));
    if (taken == NULL) {
        return false;
    }
    *taken = (struct taken){inference->model, size_bytes, release, context};
    struct weft_buffer *buffer = weft_buffer_take(memory, size_bytes, release_taken, taken);
    if (buffer == NULL) {
        free(taken);
        return false;
    }
    pthread_mutex_lock(&inference->model->lock);
    inference->model->pins++;
    pthread_mutex_unlock(&inference->model->lock);
    weft_model_hold(inference->model, size_bytes);
    made->slice = weft_slice_take(buffer);
    made->guarded = false;
    made->made = true;
    return true;
}

bool weft_host_set_content_type(struct weft_model_call *call, const char *name,
                                const char *content_type)
{
    struct weft_inference *inference = weft_inference_of(call);
    struct weft_made *made = find_made(inference, name);
    if (made == NULL || !made->made || content_type == NULL || !may_make(inference, name)) {
        return false;
    }
    char *copy = strdup(content_type);
    if (copy == NULL) {
        return false;
    }
    free(made->content_type);
    made->content_type = copy;
    return true;
}

bool weft_inference_wants(const struct weft_inference *inference, size_t index)
{
    return inference->unwanted == NULL || !inference->unwanted[index];
}

bool weft_host_wanted(struct weft_model_call *call, const char *name)
{
    struct weft_inference *inference = weft_inference_of(call);
    const struct weft_made *made = find_made(inference, name);
    return made != NULL && weft_inference_wants(inference, (size_t)(made - inference->made));
}

/* --- what was made becomes values --- */

static void made_fini(struct weft_made *made)
{
    weft_slice_fini(&made->slice);
    weft_value_unref(made->value);
    free(made->content_type);
    *made = (struct weft_made){0};
}

void weft_inference_drop_made(struct weft_inference *inference)
{
    for (size_t i = 0; i < inference->made_count; i++) {
        if (inference->made[i].made) {
            weft_model_let_go(inference->model, inference->made[i].held_bytes);
            made_fini(&inference->made[i]);
        }
    }
}

static bool guard_is_whole(const struct weft_made *made)
{
    const uint8_t *guard = made->slice.data + made->slice.size_bytes;
    for (size_t i = 0; made->guarded && i < WEFT_OUTPUT_GUARD_BYTES; i++) {
        if (guard[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

/* A forwarded value with another media type is a new value over the same memory. */
static enum weft_status with_content_type(struct weft_made *made, struct weft_value **value,
                                          struct weft_error **error)
{
    struct weft_parameter parameter = {.name = "content_type",
                                       .kind = WEFT_PARAMETER_STRING,
                                       .string = made->content_type,
                                       .string_length = strlen(made->content_type)};
    if (made->value == NULL) {
        return weft_value_set_parameter(*value, &parameter, error);
    }
    cleanup_slice struct weft_slice slice = weft_slice_ref(weft_value_slice(*value));
    cleanup_value struct weft_value *changed = NULL;
    enum weft_status status =
        weft_value_new_slice(made->datatype, &made->shape, &slice, &changed, error);
    const struct weft_parameters *parameters = weft_value_parameters(*value);
    for (size_t i = 0; status == WEFT_OK && i < parameters->count; i++) {
        status = weft_value_set_parameter(changed, &parameters->items[i], error);
    }
    if (status == WEFT_OK) {
        status = weft_value_set_parameter(changed, &parameter, error);
    }
    if (status == WEFT_OK) {
        weft_value_unref(*value);
        *value = steal(&changed);
    }
    return status;
}

static enum weft_status to_value(const struct weft_inference *inference, struct weft_made *made,
                                 struct weft_value **ret_value, struct weft_error **error)
{
    const char *name = inference->model->info.outputs[made - inference->made].name;
    cleanup_value struct weft_value *value = NULL;
    if (made->value != NULL) {
        value = weft_value_ref(made->value);
    } else if (!guard_is_whole(made)) {
        return weft_error_set(error, WEFT_INTERNAL,
                              "model \"%s\" wrote past the end of its output \"%s\"",
                              inference->model->info.name, name);
    } else {
        enum weft_status status =
            weft_value_new_slice(made->datatype, &made->shape, &made->slice, &value, error);
        if (status == WEFT_OUT_OF_MEMORY) {
            return status;
        }
        if (status != WEFT_OK) { /* what would be the caller's fault is the plugin's here */
            cleanup_error struct weft_error *cause = error != NULL ? steal(error) : NULL;
            return weft_error_set(error, WEFT_INTERNAL,
                                  "model \"%s\" made a wrong output \"%s\": %s",
                                  inference->model->info.name, name, weft_error_message(cause));
        }
    }
    enum weft_status status =
        made->content_type != NULL ? with_content_type(made, &value, error) : WEFT_OK;
    if (status == WEFT_OK) {
        *ret_value = steal(&value);
    }
    return status;
}

/* The wanted outputs that were made, into items with room for all. */
enum weft_status weft_inference_collect(struct weft_inference *inference,
                                        struct weft_named_value *items, size_t *count,
                                        struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < inference->made_count; i++) {
        if (inference->made[i].made && weft_inference_wants(inference, i)) {
            struct weft_value *value = NULL;
            status = to_value(inference, &inference->made[i], &value, error);
            if (status == WEFT_OK) {
                items[(*count)++] =
                    (struct weft_named_value){inference->model->info.outputs[i].name, value};
            }
        }
    }
    weft_inference_drop_made(inference);
    return status;
}
