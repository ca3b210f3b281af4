/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/zeroed.h"
#include "run/run_parts.h"

static void gateway_part(void *context, struct weft_request *request, uint32_t output,
                         struct weft_value *value)
{
    (void)context;
    struct weft_run_call *call = request->host_data;
    if (call != NULL && call->events->part != NULL) {
        call->events->part(call->context, request->pipeline->outputs[output].name, value);
    }
}

/* The outputs under the pipeline's names, both borrowed: only the list is the caller's to free. */
static enum weft_status name_outputs(const struct weft_request *request,
                                     struct weft_value *const *outputs,
                                     struct weft_values *ret_values, struct weft_error **error)
{
    size_t count = request->pipeline->outputs_count;
    ret_values->items = weft_zeroed((count + 1) * sizeof(*ret_values->items));
    if (ret_values->items == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (outputs[i] != NULL) {
            ret_values->items[ret_values->count++] =
                (struct weft_named_value){request->pipeline->outputs[i].name, outputs[i]};
        }
    }
    return WEFT_OK;
}

static void gateway_ended(void *context, struct weft_request *request, struct weft_error *error,
                          struct weft_value *const *outputs)
{
    struct weft_run *run = context;
    struct weft_run_call *call = request->host_data;
    struct weft_values values = {0};
    cleanup_error struct weft_error *own = weft_error_ref(error);
    if (own == NULL) {
        (void)!name_outputs(request, outputs, &values, &own);
    }
    metrics_request(run, request->pipeline->name, weft_error_status(own),
                    run->now_ns - call->started_ns);
    log_request_ended(run, request, own, run->now_ns - call->started_ns);
    if (call->record != NULL) {
        record_ended(run, call->record, own, weft_values_size_bytes(&values));
    }
    call->ended = true;
    call->events->done(call->context, own, own == NULL ? &values : NULL);
    free(values.items);
}

static void gateway_reported(void *context, struct weft_request *request,
                             const struct weft_report *report)
{
    (void)context;
    struct weft_run_call *call = request->host_data;
    if (call->record != NULL) {
        record_report(call->run, call->record, request, report);
    }
}

static void gateway_sent(void *context, struct weft_request *request, uint32_t input,
                         const char *node, uint64_t raw_bytes,
                         const struct weft_send_outcome *outcome)
{
    (void)context;
    struct weft_run_call *call = request->host_data;
    if (call->record != NULL) {
        record_sent(call->run, call->record, request, input, node, raw_bytes, outcome);
    }
}

static void gateway_settled(void *context, struct weft_request *request)
{
    (void)context;
    struct weft_run_call *call = request->host_data;
    if (call->record != NULL) {
        call->record->settled = true;
        if (call->record->ended && call->record->error == NULL) {
            metrics_edges_seconds(call->run, call->record);
        }
    }
    free(call);
}

const struct weft_gateway_host gateway_host_table = {
    .send = send_to_node,
    .part = gateway_part,
    .ended = gateway_ended,
    .reported = gateway_reported,
    .sent = gateway_sent,
    .settled = gateway_settled,
    .released = pipeline_released,
};

/* --- starting --- */

/* known NULL = out of memory for it: then without a suggestion. */
static enum weft_status refuse_unknown(const struct weft_pipeline *pipeline, const char *kind,
                                       const char *name, const char *const *known,
                                       size_t known_count, struct weft_error **error)
{
    const char *near = known != NULL ? weft_suggest(name, known, known_count) : NULL;
    enum weft_status status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                             "\"%s\" has no %s \"%s\"", pipeline->name, kind, name);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    }
    return status;
}

static enum weft_status refuse_unknown_input(const struct weft_pipeline *pipeline, const char *name,
                                             struct weft_error **error)
{
    cleanup_free const char **known = calloc(pipeline->inputs_count + 1, sizeof(*known));
    for (size_t i = 0; known != NULL && i < pipeline->inputs_count; i++) {
        known[i] = pipeline->inputs[i].name;
    }
    return refuse_unknown(pipeline, "input", name, known, pipeline->inputs_count, error);
}

static enum weft_status refuse_unknown_output(const struct weft_pipeline *pipeline,
                                              const char *name, struct weft_error **error)
{
    cleanup_free const char **known = calloc(pipeline->outputs_count + 1, sizeof(*known));
    for (size_t i = 0; known != NULL && i < pipeline->outputs_count; i++) {
        known[i] = pipeline->outputs[i].name;
    }
    return refuse_unknown(pipeline, "output", name, known, pipeline->outputs_count, error);
}

static enum weft_status check_outputs(const struct weft_pipeline *pipeline,
                                      const struct weft_run_request *request,
                                      struct weft_error **error)
{
    for (size_t i = 0; i < request->outputs_count; i++) {
        bool found = false;
        for (size_t own = 0; !found && own < pipeline->outputs_count; own++) {
            found = strcmp(pipeline->outputs[own].name, request->outputs[i]) == 0;
        }
        if (!found) {
            return refuse_unknown_output(pipeline, request->outputs[i], error);
        }
    }
    return WEFT_OK;
}

static enum weft_status check_input(const struct weft_pipeline *pipeline,
                                    const struct weft_pipeline_input *input,
                                    const struct weft_value *value, struct weft_error **error)
{
    if (input->datatype != WEFT_DATATYPE_NONE && weft_value_datatype(value) != input->datatype) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "input \"%s\" of \"%s\" is %s, but %s was given", input->name,
                              pipeline->name, weft_datatype_name(input->datatype),
                              weft_datatype_name(weft_value_datatype(value)));
    }
    if (!weft_shape_fits(weft_value_shape(value), &input->shape)) {
        char wanted[256], given[256];
        weft_shape_format(&input->shape, wanted, sizeof(wanted));
        weft_shape_format(weft_value_shape(value), given, sizeof(given));
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "input \"%s\" of \"%s\" has shape %s, but %s was given", input->name,
                              pipeline->name, wanted, given);
    }
    return WEFT_OK;
}

/* The request's values in the order of the pipeline's inputs. */
static enum weft_status bind_inputs(const struct weft_pipeline *pipeline,
                                    const struct weft_values *values,
                                    struct weft_value **ret_inputs, struct weft_error **error)
{
    for (size_t i = 0; i < values->count; i++) {
        uint32_t index = weft_pipeline_find_input(pipeline, values->items[i].name);
        if (index == UINT32_MAX) {
            return refuse_unknown_input(pipeline, values->items[i].name, error);
        }
        enum weft_status status =
            check_input(pipeline, &pipeline->inputs[index], values->items[i].value, error);
        if (status != WEFT_OK) {
            return status;
        }
        ret_inputs[index] = values->items[i].value;
    }
    return WEFT_OK;
}

static uint64_t timeout_ns(const struct weft_run_request *request,
                           const struct weft_pipeline *pipeline, uint64_t now_ns)
{
    if (request->deadline_ns != WEFT_DEADLINE_NEVER_NS) {
        return request->deadline_ns > now_ns ? request->deadline_ns - now_ns : 0;
    }
    return pipeline->timeout_ns != 0 ? pipeline->timeout_ns : WEFT_RUN_TIMEOUT_DEFAULT_NS;
}

static enum weft_status submit(struct weft_run_call *call, const struct weft_run_request *request,
                               const struct weft_pipeline *pipeline, struct weft_error **error)
{
    struct weft_run *run = call->run;
    cleanup_free struct weft_value **inputs =
        weft_zeroed((pipeline->inputs_count + 1) * sizeof(*inputs));
    if (inputs == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = bind_inputs(pipeline, request->inputs, inputs, error);
    if (status == WEFT_OK) {
        status = check_outputs(pipeline, request, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    call->record = record_new(run, pipeline, request->id, &request->trace);
    struct weft_submission submission = {
        .pipeline = pipeline,
        .inputs = inputs,
        .id = request->id,
        .parameters = request->parameters,
        .trace = request->trace,
        .timeout_ns = timeout_ns(request, pipeline, call->started_ns),
        .host_data = call,
    };
    status =
        weft_gateway_submit(run->gateway, &submission, call->started_ns, &call->request, error);
    if (status == WEFT_OK && call->record != NULL) {
        record_placed(call->record, call->request);
    } else if (status != WEFT_OK && call->record != NULL) {
        record_ended(run, call->record, error != NULL ? *error : NULL, 0);
        call->record->settled = true;
    }
    pump_soon(run);
    return status;
}

enum weft_status weft_run_start(struct weft_run *run, const struct weft_run_request *request,
                                const struct weft_run_events *events, void *context,
                                struct weft_run_call **ret_call, struct weft_error **error)
{
    if (run->closing) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "node \"%s\" is stopping", run->name);
    }
    if (request->id != NULL && strlen(request->id) > WEFT_REQUEST_ID_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the request's id has %zu bytes, and at most %d are taken",
                              strlen(request->id), WEFT_REQUEST_ID_MAX);
    }
    uint64_t now_ns = come_in(run);
    struct weft_pipeline *pipeline = NULL;
    enum weft_status status =
        pipeline_resolve(run, request->name, request->version, &pipeline, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_run_call *call = weft_zeroed(sizeof(*call));
    if (call == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    call->run = run;
    call->events = events;
    call->context = context;
    call->started_ns = now_ns;
    status = submit(call, request, pipeline, error);
    if (status != WEFT_OK) {
        metrics_request(run, pipeline->name, status, 0);
        free(call);
        return status;
    }
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return WEFT_OK;
}

const char *weft_run_call_version(const struct weft_run_call *call)
{
    const char *version = call->request->pipeline->version;
    return version[0] != '\0' ? version : "1";
}

void weft_run_cancel(struct weft_run_call *call)
{
    if (!call->ended) {
        (void)come_in(call->run);
        weft_gateway_cancel(call->run->gateway, call->request);
        pump_soon(call->run);
    }
}
