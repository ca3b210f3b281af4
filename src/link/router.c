/* SPDX-License-Identifier: Apache-2.0 */
#include "link/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/value.h"
#include "link/exchange_private.h"
#include "link/internal.h"
#include "link/url.h"
#include "wire/problem.h"

struct weft_router {
    struct weft_route routes[WEFT_ROUTER_ROUTES_MAX];
    size_t routes_count;
};

struct weft_router *weft_router_new(void)
{
    return calloc(1, sizeof(struct weft_router));
}

static bool is_pattern(const char *pattern)
{
    size_t parameters = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        parameters += *c == '{';
    }
    return pattern[0] == '/' && parameters <= WEFT_ROUTE_PARAMETERS_MAX;
}

enum weft_status weft_router_add(struct weft_router *router, const struct weft_route *route,
                                 struct weft_error **error)
{
    if (!is_pattern(route->pattern)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" is not a path pattern",
                              route->pattern);
    }
    if (router->routes_count >= WEFT_ROUTER_ROUTES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d routes",
                              WEFT_ROUTER_ROUTES_MAX);
    }
    char *method = strdup(route->method);
    char *pattern = strdup(route->pattern);
    if (method == NULL || pattern == NULL) {
        free(method);
        free(pattern);
        return weft_error_set_out_of_memory(error);
    }
    struct weft_route *added = &router->routes[router->routes_count++];
    *added = *route;
    added->method = method;
    added->pattern = pattern;
    return WEFT_OK;
}

void weft_router_free(struct weft_router *router)
{
    if (router == NULL) {
        return;
    }
    for (size_t i = 0; i < router->routes_count; i++) {
        free((char *)(uintptr_t)router->routes[i].method);
        free((char *)(uintptr_t)router->routes[i].pattern);
    }
    free(router);
}

/* --- matching --- */

struct match {
    struct {
        const char *name;
        size_t name_length;
        const char *value; /* encoded */
        size_t value_length;
    } parameters[WEFT_ROUTE_PARAMETERS_MAX];
    size_t count;
};

static bool matches(const char *pattern, const char *path, size_t path_length,
                    struct match *ret_match)
{
    const char *end = path + path_length;
    ret_match->count = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (path == end || *path != *pattern) {
                return false;
            }
            path++;
            pattern++;
            continue;
        }
        size_t name_length = strcspn(++pattern, "*}");
        bool rest = pattern[name_length] == '*';
        const char *slash = rest ? NULL : memchr(path, '/', (size_t)(end - path));
        const char *value_end = slash != NULL ? slash : end;
        if (value_end == path && !rest) {
            return false;
        }
        ret_match->parameters[ret_match->count].name = pattern;
        ret_match->parameters[ret_match->count].name_length = name_length;
        ret_match->parameters[ret_match->count].value = path;
        ret_match->parameters[ret_match->count++].value_length = (size_t)(value_end - path);
        path = value_end;
        pattern += name_length + (rest ? 2 : 1);
    }
    return path == end;
}

static bool method_fits(const struct weft_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* Decodes the match into the stream's memory. */
static enum weft_status keep(struct weft_exchange *exchange, const struct match *match)
{
    for (size_t i = 0; i < match->count; i++) {
        size_t capacity = match->parameters[i].value_length + 1;
        char *text = weft_http_stream_memory(exchange->stream, capacity);
        size_t length = 0;
        if (text == NULL) {
            return WEFT_OUT_OF_MEMORY;
        }
        if (!weft_url_decode(match->parameters[i].value, match->parameters[i].value_length, text,
                             capacity, &length)) {
            return WEFT_INVALID_ARGUMENT;
        }
        exchange->parameters[i] = (struct weft_exchange_parameter){
            match->parameters[i].name, match->parameters[i].name_length, text};
    }
    exchange->parameters_count = match->count;
    return WEFT_OK;
}

static const struct weft_route *find(const struct weft_router *router,
                                     const struct weft_http_head *head, struct match *ret_match,
                                     struct weft_text *allowed)
{
    size_t length = strcspn(head->path, "?#");
    for (size_t i = 0; router != NULL && i < router->routes_count; i++) {
        const struct weft_route *route = &router->routes[i];
        if (!matches(route->pattern, head->path, length, ret_match)) {
            continue;
        }
        if (method_fits(route, head->method)) {
            return route;
        }
        if (allowed->length > 0) {
            weft_text_append_string(allowed, ", ");
        }
        weft_text_append_string(allowed, route->method);
    }
    return NULL;
}

static void answer_unknown(struct weft_exchange *exchange, const struct weft_text *allowed)
{
    if (allowed->length == 0) {
        weft_exchange_refuse(exchange, 404, WEFT_NOT_FOUND, "there is nothing at this path");
        return;
    }
    struct weft_http_field allow = {.name = "allow",
                                    .value = weft_text_string(allowed),
                                    .name_length = 5,
                                    .value_length = (uint32_t)allowed->length};
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text text = {0};
    struct weft_slice body = {0};
    weft_error_set(&error, WEFT_UNIMPLEMENTED, "there is no %s at this path",
                   weft_exchange_method(exchange));
    weft_error_set_hint(&error, "it takes %s", weft_text_string(allowed));
    weft_problem_json(error, 405, &text);
    bool well = !text.failed && weft_slice_copy(weft_text_string(&text), text.length, &body);
    weft_exchange_respond(exchange, 405, well ? WEFT_PROBLEM_CONTENT_TYPE : NULL, &allow, 1, &body,
                          well ? 1 : 0);
}

void weft_router_take(struct weft_router *router, struct weft_server *server,
                      struct weft_http_stream *stream, const struct weft_http_head *head)
{
    struct weft_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return; /* a stream that nobody takes is answered 503 */
    }
    cleanup_text struct weft_text allowed = {0};
    struct match match;
    weft_exchange_init(exchange);
    exchange->stream = stream;
    exchange->head = head;
    exchange->server = server;
    exchange->link = server->connection.link;
    exchange->started_ns = server->connection.received_ns;
    weft_http_stream_handle(stream, &weft_exchange_stream_events, exchange);
    exchange->route = find(router, head, &match, &allowed);
    if (exchange->route == NULL) {
        answer_unknown(exchange, &allowed);
        return;
    }
    enum weft_status status = keep(exchange, &match);
    if (status != WEFT_OK) {
        weft_exchange_refuse(exchange, 0, status, "the path is not proper UTF-8 in percent coding");
        return;
    }
    if (weft_exchange_body_begin(exchange) && exchange->route->stream_body) {
        weft_exchange_hand_over(exchange);
    }
}
