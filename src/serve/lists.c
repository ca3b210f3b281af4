/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"

/* --- parts of JSON --- */

/* "key":"value" with a comma behind the member before it. NULL is an empty string. */
static void member(struct weft_text *text, const char *key, const char *value)
{
    const char *string = value != NULL ? value : "";
    char before = text->length > 0 && text->data != NULL ? text->data[text->length - 1] : '{';
    weft_text_printf(text, "%s\"%s\":", before == '{' ? "" : ",", key);
    weft_text_append_json(text, string, strlen(string));
}

static void comma(struct weft_text *text, bool *first)
{
    weft_text_append_string(text, *first ? "{" : ",{");
    *first = false;
}

/* --- nodes --- */

static void write_node(struct weft_text *text, const struct weft_node_info *node, bool self)
{
    bool first = true;
    member(text, "name", node->name);
    weft_text_printf(text, ",\"generation\":%" PRIu64, node->generation);
    member(text, "address", node->address);
    weft_text_printf(text, ",\"self\":%s,\"slots\":%u,\"memory_bytes\":%" PRIu64 ",\"tags\":[",
                     self ? "true" : "false", (unsigned)node->resources.slots,
                     node->resources.memory_bytes);
    for (size_t i = 0; i < node->resources.tags_count; i++) {
        const char *tag = node->resources.tags[i];
        weft_text_append_string(text, i > 0 ? "," : "");
        weft_text_append_json(text, tag, strlen(tag));
    }
    weft_text_append_string(text, "],\"models\":[");
    for (size_t i = 0; i < node->models_count; i++) {
        const struct weft_model_info *model = &node->models[i];
        if (model->ready) {
            comma(text, &first);
            member(text, "name", model->name);
            member(text, "version", model->version);
            weft_text_printf(text, ",\"generation\":%" PRIu64 "}", model->generation);
        }
    }
    weft_text_append_string(text, "]}");
}

void serve_rest_nodes(struct weft_serve *serve, struct visit *visit)
{
    struct weft_run *run = serve->options.run;
    struct weft_text text = {0};
    bool first = true;
    weft_text_append_string(&text, "{\"nodes\":[");
    for (size_t i = 0; i < weft_run_nodes_count(run); i++) {
        const struct weft_node_info *node = weft_run_node_at(run, i);
        if (node != NULL) {
            comma(&text, &first);
            write_node(&text, node, strcmp(node->name, weft_run_self(run)->name) == 0);
        }
    }
    weft_text_append_string(&text, "]}");
    serve_respond_json(visit, 200, &text);
}

/* --- models --- */

static void write_model(struct weft_text *text, const struct weft_model_info *model,
                        const char *node)
{
    member(text, "name", model->name);
    member(text, "version", model->version);
    member(text, "node", node);
    member(text, "platform", model->platform);
    weft_text_printf(text, ",\"generation\":%" PRIu64, model->generation);
    member(text, "state", "READY");
    member(text, "reason", "");
    weft_text_append_string(text, "}");
}

/* Of this node's directory, what no node can be asked for. */
static void write_unready(struct weft_text *text, const struct weft_repository_entry *entry,
                          const char *node)
{
    member(text, "name", entry->name);
    member(text, "version", entry->version);
    member(text, "node", node);
    member(text, "platform", "");
    weft_text_append_string(text, ",\"generation\":0");
    member(text, "state", weft_model_state_name(entry->state));
    member(text, "reason", entry->reason);
    weft_text_append_string(text, "}");
}

void serve_rest_models(struct weft_serve *serve, struct visit *visit)
{
    struct weft_run *run = serve->options.run;
    cleanup_error struct weft_error *error = NULL;
    struct weft_repository_index own;
    if (weft_repository_index(weft_run_repository(run), false, &own, &error) != WEFT_OK) {
        serve_respond_error(visit, 0, error);
        return;
    }
    struct weft_text text = {0};
    bool first = true;
    weft_text_append_string(&text, "{\"models\":[");
    for (size_t i = 0; i < weft_run_nodes_count(run); i++) {
        const struct weft_node_info *node = weft_run_node_at(run, i);
        for (size_t model = 0; node != NULL && model < node->models_count; model++) {
            if (node->models[model].ready) {
                comma(&text, &first);
                write_model(&text, &node->models[model], node->name);
            }
        }
    }
    for (size_t i = 0; i < own.count; i++) {
        if (own.entries[i].state != WEFT_MODEL_READY) {
            comma(&text, &first);
            write_unready(&text, &own.entries[i], weft_run_self(run)->name);
        }
    }
    weft_text_append_string(&text, "]}");
    weft_repository_index_fini(&own);
    serve_respond_json(visit, 200, &text);
}

/* --- pipelines --- */

static void write_tensors(struct weft_text *text, const char *key,
                          const struct weft_model_tensor *tensors, size_t count)
{
    bool first = true;
    weft_text_printf(text, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        char shape[256];
        weft_shape_format(&tensors[i].shape, shape, sizeof(shape));
        comma(text, &first);
        member(text, "name", tensors[i].name);
        member(text, "datatype", weft_datatype_name(tensors[i].datatype));
        weft_text_printf(text, ",\"shape\":%s,\"optional\":%s}", shape,
                         tensors[i].optional ? "true" : "false");
    }
    weft_text_append_string(text, "]");
}

/* The first step whose model is nowhere; "" if there is none. */
static void write_missing(struct weft_text *text, struct weft_run *run,
                          const struct weft_pipeline *pipeline)
{
    cleanup_text struct weft_text reason = {0};
    for (size_t i = 0; i < pipeline->steps_count && reason.length == 0; i++) {
        const struct weft_pipeline_step *step = &pipeline->steps[i];
        bool found = weft_pipeline_step_is_join(step);
        for (size_t node = 0; !found && node < weft_run_nodes_count(run); node++) {
            const struct weft_node_info *info = weft_run_node_at(run, node);
            for (size_t model = 0; info != NULL && !found && model < info->models_count; model++) {
                found = info->models[model].ready &&
                        strcmp(info->models[model].name, step->model) == 0 &&
                        (step->model_version == NULL ||
                         strcmp(info->models[model].version, step->model_version) == 0);
            }
        }
        if (!found) {
            weft_text_printf(&reason, "step \"%s\": no node has model \"%s\" ready", step->name,
                             step->model);
        }
    }
    member(text, "reason", weft_text_string(&reason));
}

static void write_pipeline(struct weft_text *text, struct weft_run *run,
                           const struct weft_pipeline *pipeline, const struct weft_model_info *info)
{
    member(text, "name", pipeline->name);
    member(text, "version", info->version);
    member(text, "description", pipeline->description);
    weft_text_printf(text, ",\"steps\":%zu,\"ready\":%s", pipeline->steps_count,
                     info->ready ? "true" : "false");
    write_missing(text, run, pipeline);
    write_tensors(text, "inputs", info->inputs, info->inputs_count);
    write_tensors(text, "outputs", info->outputs, info->outputs_count);
    weft_text_append_string(text, "}");
}

void serve_rest_pipelines(struct weft_serve *serve, struct visit *visit)
{
    struct weft_run *run = serve->options.run;
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text text = {0};
    bool first = true;
    weft_text_append_string(&text, "{\"pipelines\":[");
    for (size_t i = 0; i < weft_run_pipelines_count(run); i++) {
        const struct weft_pipeline *pipeline = weft_run_pipeline_at(run, i);
        struct weft_model_info info;
        if (weft_run_describe(run, pipeline->name, NULL, &info, &error) != WEFT_OK) {
            serve_respond_error(visit, 0, error);
            return;
        }
        comma(&text, &first);
        write_pipeline(&text, run, pipeline, &info);
        weft_model_info_fini(&info);
    }
    weft_text_append_string(&text, "]}");
    serve_respond_json(visit, 200, &text);
}

/* --- a request's record, and metrics --- */

void serve_rest_request(struct weft_serve *serve, struct visit *visit)
{
    const char *id = weft_exchange_parameter(visit->exchange, "id");
    struct weft_text text = {0};
    if (weft_run_record_write(serve->options.run, id, &text)) {
        serve_respond_json(visit, 200, &text);
        return;
    }
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_NOT_FOUND, "nothing is known of a request \"%.128s\"", id);
    weft_error_set_hint(&error, "the last %d requests are kept, at the node that took them",
                        (int)WEFT_RUN_RECORDS_MAX);
    serve_respond_error(visit, 0, error);
}

void serve_rest_metrics(struct weft_serve *serve, struct visit *visit)
{
    struct weft_text text = {0};
    weft_metrics_render(serve->options.metrics, &text);
    serve_respond_text(visit, 200, weft_metrics_content_type, &text);
}
