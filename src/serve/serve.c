/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve.h"

#include <stdlib.h>

#include "base/assert.h"
#include "serve/serve_parts.h"

/* --- what is served --- */

static const char *const extensions[] = {"binary_tensor_data", "model_repository", "parameters"};

const struct weft_oip_server serve_metadata = {
    .name = "weft",
    .version = WEFT_VERSION,
    .extensions = extensions,
    .extensions_count = sizeof(extensions) / sizeof(extensions[0]),
};

static const struct serve_route routes[] = {
    {"POST", "/v2/models/{model}/infer", serve_rest_infer},
    {"POST", "/v2/models/{model}/versions/{version}/infer", serve_rest_infer},
    {"GET", "/v2/health/live", serve_rest_live},
    {"GET", "/v2/health/ready", serve_rest_ready},
    {"GET", "/v2", serve_rest_server},
    {"GET", "/v2/", serve_rest_server},
    {"GET", "/v2/models/{model}", serve_rest_model},
    {"GET", "/v2/models/{model}/versions/{version}", serve_rest_model},
    {"GET", "/v2/models/{model}/ready", serve_rest_model_ready},
    {"GET", "/v2/models/{model}/versions/{version}/ready", serve_rest_model_ready},
    {"POST", "/v2/repository/index", serve_rest_index, SERVE_INLINE_BYTES},
    {"POST", "/v2/repository/models/{model}/load", serve_rest_load, SERVE_INLINE_BYTES},
    {"POST", "/v2/repository/models/{model}/unload", serve_rest_unload, SERVE_INLINE_BYTES},
    {"GET", "/v1/nodes", serve_rest_nodes},
    {"GET", "/v1/models", serve_rest_models},
    {"GET", "/v1/pipelines", serve_rest_pipelines},
    {"GET", "/v1/requests/{id}", serve_rest_request},
    {"GET", "/metrics", serve_rest_metrics},
};

#define OIP "/inference.GRPCInferenceService/"

/* ModelInferRequest.raw_input_contents: a tensor lies so that a model need not move it. */
static const uint32_t raw_contents[] = {7, 0};

static const struct serve_method methods[] = {
    {OIP "ModelInfer", serve_grpc_infer, NULL, raw_contents},
    {OIP "ModelStreamInfer", NULL, serve_grpc_stream, raw_contents},
    {OIP "ServerLive", serve_grpc_live, NULL},
    {OIP "ServerReady", serve_grpc_ready, NULL},
    {OIP "ServerMetadata", serve_grpc_server, NULL},
    {OIP "ModelReady", serve_grpc_model_ready, NULL},
    {OIP "ModelMetadata", serve_grpc_model, NULL},
    {OIP "RepositoryIndex", serve_grpc_index, NULL},
    {OIP "RepositoryModelLoad", serve_grpc_load, NULL},
    {OIP "RepositoryModelUnload", serve_grpc_unload, NULL},
    {"/grpc.health.v1.Health/Check", serve_health_check, NULL},
    {"/grpc.health.v1.Health/Watch", NULL, serve_health_watch},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", NULL, serve_reflection},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", NULL, serve_reflection},
};

_Static_assert(sizeof(routes) / sizeof(routes[0]) <= SERVE_ROUTES_MAX, "the routes have no room");
_Static_assert(sizeof(methods) / sizeof(methods[0]) <= SERVE_METHODS_MAX,
               "the methods have no room");

static enum weft_status add_routes(struct weft_serve *serve, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct serve_entry *entry = &serve->routes[serve->routes_count++];
        *entry = (struct serve_entry){.serve = serve, .route = &routes[i]};
        struct weft_route route = {
            .method = routes[i].method,
            .pattern = routes[i].pattern,
            .handle = serve_visit_take,
            .body_max_bytes = routes[i].body_max_bytes,
            .context = entry,
        };
        status = weft_router_add(serve->router, &route, error);
    }
    return status;
}

static enum weft_status add_methods(struct weft_serve *serve, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct serve_entry *entry = &serve->methods[serve->methods_count++];
        *entry = (struct serve_entry){.serve = serve, .method = &methods[i]};
        struct weft_grpc_method method = {
            .path = methods[i].path,
            .unary = methods[i].unary != NULL ? serve_talk_unary : NULL,
            .start = methods[i].start != NULL ? serve_talk_start : NULL,
            .aligned = methods[i].aligned,
            .message_max_bytes = methods[i].aligned != NULL ? 0 : SERVE_INLINE_BYTES,
            .pack_max_bytes = methods[i].aligned != NULL ? SERVE_INLINE_BYTES : 0,
            .context = entry,
        };
        status = weft_grpc_server_add(serve->grpc, &method, error);
    }
    return status;
}

/* --- life --- */

static void free_all(struct weft_serve *serve)
{
    weft_router_free(serve->router);
    weft_grpc_server_free(serve->grpc);
    free(serve);
}

enum weft_status weft_serve_new(const struct weft_serve_options *options,
                                struct weft_serve **ret_serve, struct weft_error **error)
{
    struct weft_serve *serve = calloc(1, sizeof(*serve));
    if (serve == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    serve->options = *options;
    if (options->held_max_bytes == 0) {
        serve->options.held_max_bytes = weft_link_budget(options->link)->limit_bytes;
    }
    weft_list_init(&serve->watches);
    serve->router = weft_router_new();
    serve->grpc = weft_grpc_server_new();
    enum weft_status status = serve->router != NULL && serve->grpc != NULL
                                  ? add_routes(serve, error)
                                  : weft_error_set_out_of_memory(error);
    if (status == WEFT_OK) {
        status = add_methods(serve, error);
    }
    if (status == WEFT_OK) {
        status = serve_metrics_start(serve, error);
    }
    if (status != WEFT_OK) {
        free_all(serve);
        return status;
    }
    *ret_serve = serve;
    return WEFT_OK;
}

struct weft_router *weft_serve_router(struct weft_serve *serve)
{
    return serve->router;
}

struct weft_grpc_server *weft_serve_grpc(struct weft_serve *serve)
{
    return serve->grpc;
}

void weft_serve_set_ready(struct weft_serve *serve, bool ready)
{
    if (serve->ready != ready) {
        serve->ready = ready;
        serve_health_changed(serve);
    }
}

size_t weft_serve_busy(const struct weft_serve *serve)
{
    return serve->away;
}

void serve_hold(struct weft_serve *serve)
{
    serve->open++;
}

void serve_release(struct weft_serve *serve)
{
    weft_assert(serve->open > 0);
    if (--serve->open == 0 && serve->freed) {
        free_all(serve);
    }
}

void weft_serve_free(struct weft_serve *serve)
{
    if (serve == NULL) {
        return;
    }
    serve->freed = true;
    if (serve->open == 0) {
        free_all(serve);
    }
}
