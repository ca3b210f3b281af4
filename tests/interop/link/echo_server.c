/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door with an echo over REST (POST /echo, GET /hello/{name}) and over gRPC
 * (/interop.Echo/Unary), for clients that nobody here wrote. Says its address on standard output;
 * ends in order at SIGTERM.
 */
#include <stdio.h>
#include <stdlib.h>

#include "link/grpc_server.h"
#include "link/listener.h"
#include "link/router.h"

static struct weft_loop *loop;
static struct weft_listener *listener;

static void must(enum weft_status status, const struct weft_error *error)
{
    if (status != WEFT_OK) {
        char text[512];
        weft_error_format(error, text, sizeof(text));
        fprintf(stderr, "echo_server: %s\n", text);
        exit(1);
    }
}

static void echo(void *context, struct weft_exchange *exchange)
{
    (void)context;
    struct weft_slice body = weft_slice_ref(weft_exchange_body(exchange));
    weft_exchange_respond(exchange, 200, "application/octet-stream", NULL, 0, &body, 1);
}

static void hello(void *context, struct weft_exchange *exchange)
{
    (void)context;
    char text[256];
    int length =
        snprintf(text, sizeof(text), "hello %s\n", weft_exchange_parameter(exchange, "name"));
    weft_exchange_respond_text(exchange, 200, "text/plain", text, (size_t)length);
}

static void unary(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    weft_server_call_reply(call, &reply, 1);
}

static void on_closed(void *context)
{
    (void)context;
    weft_loop_stop(loop);
}

static void on_signal(void *context, int number)
{
    (void)context, (void)number;
    weft_listener_close(listener, weft_loop_now_ns() + WEFT_NS_PER_S, on_closed, NULL);
}

int main(void)
{
    struct weft_error *error = NULL;
    struct weft_link *link = NULL;
    must(weft_loop_new(NULL, &loop, &error), error);
    must(weft_loop_watch_signals(loop, on_signal, NULL, &error), error);
    must(weft_link_new(loop, NULL, &link, &error), error);
    struct weft_router *router = weft_router_new();
    struct weft_grpc_server *grpc = weft_grpc_server_new();
    must(router != NULL && grpc != NULL ? WEFT_OK : WEFT_OUT_OF_MEMORY, NULL);
    const struct weft_route routes[] = {
        {.method = "POST", .pattern = "/echo", .handle = echo},
        {.method = "GET", .pattern = "/hello/{name}", .handle = hello},
    };
    must(weft_router_add(router, &routes[0], &error), error);
    must(weft_router_add(router, &routes[1], &error), error);
    const struct weft_grpc_method method = {.path = "/interop.Echo/Unary", .unary = unary};
    must(weft_grpc_server_add(grpc, &method, &error), error);
    const struct weft_listener_options options = {
        .address = "127.0.0.1:0", .router = router, .grpc = grpc};
    must(weft_listener_open(link, &options, &listener, &error), error);
    printf("%s\n", weft_listener_address(listener));
    fflush(stdout);
    weft_loop_run(loop);
    weft_link_free(link);
    weft_router_free(router);
    weft_grpc_server_free(grpc);
    weft_loop_free(loop);
    return 0;
}
