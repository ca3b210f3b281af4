/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"

/* --- the server --- */

void serve_rest_live(struct weft_serve *serve, struct visit *visit)
{
    struct weft_text text = {0};
    (void)serve;
    weft_oip_json_ready("live", true, &text);
    serve_respond_json(visit, 200, &text);
}

/* 503 is what load balancers and probes understand. */
void serve_rest_ready(struct weft_serve *serve, struct visit *visit)
{
    struct weft_text text = {0};
    weft_oip_json_ready("ready", serve->ready, &text);
    serve_respond_json(visit, serve->ready ? 200 : 503, &text);
}

void serve_rest_server(struct weft_serve *serve, struct visit *visit)
{
    struct weft_text text = {0};
    (void)serve;
    weft_oip_json_server(&serve_metadata, &text);
    serve_respond_json(visit, 200, &text);
}

static void reply_bool(struct talk *talk, bool answer)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = weft_oip_grpc_ready_encode(answer, &slices, &error);
    serve_conclude(talk, status, &slices, error);
}

void serve_grpc_live(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    (void)serve, (void)message;
    reply_bool(talk, true);
}

void serve_grpc_ready(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    (void)message;
    reply_bool(talk, serve->ready);
}

void serve_grpc_server(struct weft_serve *serve, struct talk *talk,
                       const struct weft_slice *message)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    (void)serve, (void)message;
    enum weft_status status = weft_oip_grpc_server_encode(&serve_metadata, &slices, &error);
    serve_conclude(talk, status, &slices, error);
}

/* --- a pipeline or model --- */

/* What its metadata is made of. */
struct described {
    struct weft_model_info info;
    const char **versions; /* of the nodes' models, or of info */
    size_t versions_count;
};

static void described_fini(struct described *described)
{
    weft_model_info_fini(&described->info);
    free(described->versions);
}

static int compare_versions(const void *a, const void *b)
{
    unsigned long long left = strtoull(*(const char *const *)a, NULL, 10);
    unsigned long long right = strtoull(*(const char *const *)b, NULL, 10);
    return left != right ? (left > right) - (left < right)
                         : strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_version(struct described *described, const char *version)
{
    for (size_t i = 0; i < described->versions_count; i++) {
        if (strcmp(described->versions[i], version) == 0) {
            return true;
        }
    }
    const char **versions = realloc(described->versions,
                                    (described->versions_count + 1) * sizeof(*described->versions));
    if (versions == NULL) {
        return false;
    }
    described->versions = versions;
    versions[described->versions_count++] = version;
    return true;
}

/* The versions of a model that are ready somewhere, each once, rising. */
static bool add_versions(struct weft_run *run, struct described *described)
{
    bool added = add_version(described, described->info.version);
    bool pipeline = strcmp(described->info.platform, "weft_pipeline") == 0;
    for (size_t i = 0; added && !pipeline && i < weft_run_nodes_count(run); i++) {
        const struct weft_node_info *node = weft_run_node_at(run, i);
        for (size_t model = 0; node != NULL && added && model < node->models_count; model++) {
            const struct weft_model_info *info = &node->models[model];
            if (info->ready && strcmp(info->name, described->info.name) == 0) {
                added = add_version(described, info->version);
            }
        }
    }
    if (added) {
        qsort(described->versions, described->versions_count, sizeof(*described->versions),
              compare_versions);
    }
    return added;
}

static enum weft_status describe(struct weft_serve *serve, const char *name, const char *version,
                                 struct described *ret_described, struct weft_error **error)
{
    struct described described = {0};
    enum weft_status status =
        weft_run_describe(serve->options.run, name, version, &described.info, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (!add_versions(serve->options.run, &described)) {
        described_fini(&described);
        return weft_error_set_out_of_memory(error);
    }
    *ret_described = described;
    return WEFT_OK;
}

void serve_rest_model(struct weft_serve *serve, struct visit *visit)
{
    cleanup_error struct weft_error *error = NULL;
    struct described described;
    if (describe(serve, weft_exchange_parameter(visit->exchange, "model"),
                 weft_exchange_parameter(visit->exchange, "version"), &described,
                 &error) != WEFT_OK) {
        serve_respond_error(visit, 0, error);
        return;
    }
    struct weft_oip_model model = {&described.info, described.versions, described.versions_count};
    struct weft_text text = {0};
    weft_oip_json_model(&model, &text);
    serve_respond_json(visit, 200, &text);
    described_fini(&described);
}

void serve_grpc_model(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_name struct weft_oip_name asked = {0};
    struct described described;
    enum weft_status status = weft_oip_grpc_name_decode(message, &asked, &error);
    if (status == WEFT_OK) {
        status = describe(serve, asked.name, asked.version, &described, &error);
    }
    if (status == WEFT_OK) {
        struct weft_oip_model model = {&described.info, described.versions,
                                       described.versions_count};
        status = weft_oip_grpc_model_encode(&model, &slices, &error);
        described_fini(&described);
    }
    serve_conclude(talk, status, &slices, error);
}

void serve_rest_model_ready(struct weft_serve *serve, struct visit *visit)
{
    cleanup_error struct weft_error *error = NULL;
    struct weft_model_info info;
    if (weft_run_describe(serve->options.run, weft_exchange_parameter(visit->exchange, "model"),
                          weft_exchange_parameter(visit->exchange, "version"), &info,
                          &error) != WEFT_OK) {
        serve_respond_error(visit, 0, error);
        return;
    }
    struct weft_text text = {0};
    weft_text_append_string(&text, "{\"name\":");
    weft_text_append_json(&text, info.name, strlen(info.name));
    weft_text_printf(&text, ",\"ready\":%s}", info.ready ? "true" : "false");
    serve_respond_json(visit, info.ready ? 200 : 503, &text);
    weft_model_info_fini(&info);
}

/* An unknown model is not ready, which is all that was asked. */
void serve_grpc_model_ready(struct weft_serve *serve, struct talk *talk,
                            const struct weft_slice *message)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_name struct weft_oip_name asked = {0};
    struct weft_model_info info;
    enum weft_status status = weft_oip_grpc_name_decode(message, &asked, &error);
    if (status == WEFT_OK) {
        status = weft_run_describe(serve->options.run, asked.name, asked.version, &info, &error);
        if (status == WEFT_NOT_FOUND) {
            reply_bool(talk, false);
            return;
        }
    }
    if (status != WEFT_OK) {
        serve_finish(talk, error);
        return;
    }
    bool ready = info.ready;
    weft_model_info_fini(&info);
    reply_bool(talk, ready);
}
