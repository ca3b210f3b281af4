/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/inputs.h"
#include "cli/run.h"

/* The names of all pipelines that the server has; NULL where it does not say. */
static const struct weft_item *pipelines(struct run *run, struct weft_document **ret_document)
{
    if (weft_client_get(run->client, "/v1/pipelines", run->timeout_ms, ret_document, NULL) !=
        WEFT_OK) {
        return NULL;
    }
    const struct weft_item *list = weft_item_member(weft_document_root(*ret_document), "pipelines");
    return list != NULL ? list->first : NULL;
}

static void suggest_pipeline(struct run *run, struct weft_error **error)
{
    cleanup_document struct weft_document *document = NULL;
    const char *names[WEFT_VALUES_MAX];
    size_t count = 0;
    const struct weft_item *item = pipelines(run, &document);
    for (; item != NULL && count < WEFT_VALUES_MAX; item = item->next) {
        names[count++] = weft_item_text(item, "name");
    }
    const char *near = weft_suggest(run->pipeline, names, count);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    } else {
        weft_error_set_hint(error, "`weft get pipelines --server %s` lists what there is",
                            run->server);
    }
}

/* Whether the pipeline can do without an input: only the server's list says so, as the protocol's
 * metadata does not. What is not known is left to the server to refuse. */
static bool may_be_missing(struct run *run, const char *input)
{
    cleanup_document struct weft_document *document = NULL;
    const struct weft_item *item = pipelines(run, &document);
    while (item != NULL && strcmp(weft_item_text(item, "name"), run->info.name) != 0) {
        item = item->next;
    }
    const struct weft_item *inputs = weft_item_member(item, "inputs");
    for (const struct weft_item *at = inputs != NULL ? inputs->first : NULL; at != NULL;
         at = at->next) {
        if (strcmp(weft_item_text(at, "name"), input) == 0) {
            return weft_item_is_true(at, "optional");
        }
    }
    return true;
}

static enum weft_status add_inputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->inputs.count; i++) {
        status = weft_input_add(run->inputs.items[i], &run->info, &run->request.inputs, error);
    }
    for (size_t i = 0; status == WEFT_OK && i < run->info.inputs_count; i++) {
        const struct weft_model_tensor *tensor = &run->info.inputs[i];
        if (weft_values_find(&run->request.inputs, tensor->name) == NULL &&
            !may_be_missing(run, tensor->name)) {
            char shape[128];
            weft_shape_format(&tensor->shape, shape, sizeof(shape));
            status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                    "\"%s\" needs the input \"%s\" (%s %s)", run->pipeline,
                                    tensor->name, weft_datatype_name(tensor->datatype), shape);
            weft_error_set_hint(error, "give it with --input %s=VALUE or --input %s=@FILE",
                                tensor->name, tensor->name);
        }
    }
    return status;
}

static enum weft_status add_outputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->outputs.count; i++) {
        status = weft_output_file_parse(run->outputs.items[i], &run->info,
                                        &run->files[run->files_count], error);
        run->files_count += status == WEFT_OK;
    }
    return status;
}

/* Before the call, which may take long: that its results can be kept, each in a file of its own. */
static enum weft_status check_files(const struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i <= run->files_count; i++) {
        bool is_record = i == run->files_count;
        const char *path = is_record ? run->record_path : run->files[i].path;
        bool twice = false;
        for (size_t k = 0; path != NULL && k < i; k++) {
            twice = twice || strcmp(run->files[k].path, path) == 0;
        }
        if (twice && strncmp(path, "/dev/", 5) != 0) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s is to be written twice", path);
        }
        status = path != NULL ? weft_output_path_check(path, error) : WEFT_OK;
        if (status != WEFT_OK) {
            return is_record ? weft_error_wrap(error, status, "--record")
                             : weft_error_wrap(error, status, "output \"%s\"", run->files[i].name);
        }
    }
    return status;
}

static enum weft_status fill_request(struct run *run, struct weft_error **error)
{
    if (run->said_id != NULL) {
        snprintf(run->id, sizeof(run->id), "%s", run->said_id);
    } else {
        snprintf(run->id, sizeof(run->id), "run-%016" PRIx64,
                 weft_random_next(weft_client_random(run->client)));
    }
    run->request.model = strdup(run->pipeline);
    run->request.id = strdup(run->id);
    if (run->request.model == NULL || run->request.id == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = add_inputs(run, error);
    for (size_t i = 0; status == WEFT_OK && i < run->parameters.count; i++) {
        status = weft_parameter_add(run->parameters.items[i], &run->request.parameters, error);
    }
    if (status == WEFT_OK) {
        status = add_outputs(run, error);
    }
    return status == WEFT_OK ? check_files(run, error) : status;
}

enum weft_status run_prepare(struct run *run, struct weft_error **error)
{
    enum weft_status status = weft_client_new(run->server, &run->client, error);
    if (status == WEFT_OK) {
        status = weft_client_describe(run->client, run->pipeline, NULL, run->timeout_ms, &run->info,
                                      error);
        if (status == WEFT_NOT_FOUND && weft_error_hint(*error) == NULL) {
            suggest_pipeline(run, error);
        }
    }
    return status == WEFT_OK ? fill_request(run, error) : status;
}
