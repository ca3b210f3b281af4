/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip.h"

#include <string.h>

static void output_fini(struct weft_oip_output *output)
{
    free(output->name);
    weft_parameters_fini(&output->parameters);
}

void weft_oip_request_fini(struct weft_oip_request *request)
{
    free(request->model);
    free(request->version);
    free(request->id);
    weft_parameters_fini(&request->parameters);
    weft_values_fini(&request->inputs);
    for (size_t i = 0; i < request->outputs_count; i++) {
        output_fini(&request->outputs[i]);
    }
    free(request->outputs);
    *request = (struct weft_oip_request){0};
}

void weft_oip_response_fini(struct weft_oip_response *response)
{
    free(response->model);
    free(response->version);
    free(response->id);
    weft_parameters_fini(&response->parameters);
    weft_values_fini(&response->outputs);
    *response = (struct weft_oip_response){0};
}

static const struct weft_oip_output *find_output(const struct weft_oip_request *request,
                                                 const char *name)
{
    for (size_t i = 0; i < request->outputs_count; i++) {
        if (strcmp(request->outputs[i].name, name) == 0) {
            return &request->outputs[i];
        }
    }
    return NULL;
}

bool weft_oip_request_wants(const struct weft_oip_request *request, const char *name)
{
    return request->outputs_count == 0 || find_output(request, name) != NULL;
}

enum weft_status weft_oip_request_add_output(struct weft_oip_request *request, const char *name,
                                             struct weft_oip_output **ret_output,
                                             struct weft_error **error)
{
    if (find_output(request, name) != NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "output '%s' is asked for twice", name);
    }
    if (request->outputs_count == WEFT_VALUES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d outputs are asked for",
                              WEFT_VALUES_MAX);
    }
    struct weft_oip_output *outputs =
        realloc(request->outputs, (request->outputs_count + 1) * sizeof(*outputs));
    if (outputs == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    request->outputs = outputs;
    char *copy = strdup(name);
    if (copy == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    outputs[request->outputs_count] = (struct weft_oip_output){.name = copy};
    *ret_output = &outputs[request->outputs_count++];
    return WEFT_OK;
}
