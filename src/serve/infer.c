/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"

bool serve_take_parameter(struct weft_parameters *parameters, const char *name,
                          struct weft_parameter *ret_parameter)
{
    for (size_t i = 0; i < parameters->count; i++) {
        struct weft_parameter *found = &parameters->items[i];
        if (strcmp(found->name, name) == 0) {
            *ret_parameter = *found;
            free((char *)(uintptr_t)found->name);
            free((char *)(uintptr_t)found->string);
            ret_parameter->name = name;
            ret_parameter->string = NULL;
            *found = parameters->items[--parameters->count];
            return true;
        }
    }
    return false;
}

/* The parameter `timeout` is Triton's: microseconds, 0 = none. The nearer end counts. */
static enum weft_status limit(struct weft_parameters *parameters, uint64_t started_ns,
                              uint64_t *deadline_ns, struct weft_error **error)
{
    struct weft_parameter timeout;
    if (!serve_take_parameter(parameters, "timeout", &timeout)) {
        return WEFT_OK;
    }
    if (timeout.kind != WEFT_PARAMETER_INT64 || timeout.int64 < 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the parameter timeout is a number of microseconds");
    }
    uint64_t timeout_us = (uint64_t)timeout.int64;
    if (timeout_us > 0 && timeout_us < (UINT64_MAX - started_ns) / WEFT_NS_PER_US) {
        uint64_t until_ns = started_ns + timeout_us * WEFT_NS_PER_US;
        *deadline_ns = until_ns < *deadline_ns ? until_ns : *deadline_ns;
    }
    return WEFT_OK;
}

/* A request without a name is known by its trace. */
static const char *id_of(const struct weft_oip_request *request, const struct weft_trace *trace,
                         char text[2 * sizeof(trace->trace_id) + 1])
{
    static const char digits[] = "0123456789abcdef";
    if (request->id != NULL) {
        return request->id;
    }
    for (size_t i = 0; i < sizeof(trace->trace_id); i++) {
        text[2 * i] = digits[trace->trace_id[i] >> 4];
        text[2 * i + 1] = digits[trace->trace_id[i] & 15];
    }
    text[2 * sizeof(trace->trace_id)] = '\0';
    return text;
}

enum weft_status serve_infer_start(struct weft_serve *serve, struct serve_infer *infer,
                                   const char *version, const struct weft_trace *trace,
                                   uint64_t started_ns, uint64_t deadline_ns,
                                   const struct weft_run_events *events, void *context,
                                   struct weft_error **error)
{
    struct weft_oip_request *request = &infer->request;
    const char *wanted[WEFT_VALUES_MAX];
    char id[2 * sizeof(trace->trace_id) + 1];
    if (!serve->ready && !infer->admitted) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "this node takes no requests now");
    }
    enum weft_status status = limit(&request->parameters, started_ns, &deadline_ns, error);
    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < request->outputs_count; i++) {
        wanted[i] = request->outputs[i].name;
    }
    struct weft_run_request start = {
        .name = request->model,
        .version = version,
        .inputs = &request->inputs,
        .outputs = wanted,
        .outputs_count = request->outputs_count,
        .parameters = request->parameters.count > 0 ? &request->parameters : NULL,
        .id = id_of(request, trace, id),
        .trace = *trace,
        .deadline_ns = deadline_ns,
    };
    status = weft_run_start(serve->options.run, &start, events, context, &infer->call, error);
    if (status == WEFT_OK) {
        infer->version = weft_run_call_version(infer->call);
        /* The engine has them; memory goes as soon as it lets go. */
        weft_values_fini(&request->inputs);
    }
    return status;
}

void serve_infer_fini(struct weft_serve *serve, struct serve_infer *infer)
{
    serve_let_go(serve, infer);
    weft_oip_request_fini(&infer->request);
}

void serve_infer_response(const struct serve_infer *infer, const struct weft_values *outputs,
                          struct weft_named_value *items, struct weft_oip_response *ret_response)
{
    const struct weft_oip_request *request = &infer->request;
    size_t count = 0;
    /* In the order in which they were asked for; all in the pipeline's. */
    for (size_t i = 0; i < request->outputs_count; i++) {
        struct weft_value *value = weft_values_find(outputs, request->outputs[i].name);
        if (value != NULL) {
            items[count++] = (struct weft_named_value){request->outputs[i].name, value};
        }
    }
    for (size_t i = 0; request->outputs_count == 0 && i < outputs->count; i++) {
        items[count++] = outputs->items[i];
    }
    *ret_response = (struct weft_oip_response){
        .model = request->model,
        .version = (char *)(uintptr_t)infer->version,
        .id = request->id,
        .outputs = {.items = items, .count = count},
    };
}
