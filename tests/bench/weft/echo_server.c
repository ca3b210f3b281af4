/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weft's side of the unary cases: its gRPC server with one method that answers with the request.
 * Says "ready HOST:PORT" on standard output and runs until it is told to end (SIGTERM).
 */
#include "link/grpc_server.h"
#include "link/listener.h"

#include <stdio.h>
#include <stdlib.h>

static void must(enum weft_status status, const struct weft_error *error)
{
    if (status == WEFT_OK)
        return;
    char text[512];
    weft_error_format(error, text, sizeof(text));
    fprintf(stderr, "echo server: %s\n", text);
    exit(1);
}

static void echo(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    weft_server_call_reply(call, &reply, 1);
}

static void stop(void *context, int signal_number)
{
    (void)signal_number;
    weft_loop_stop(context);
}

int main(void)
{
    struct weft_error *error = NULL;
    struct weft_loop *loop = NULL;
    struct weft_link *link = NULL;
    struct weft_listener *listener = NULL;
    must(weft_loop_new(NULL, &loop, &error), error);
    must(weft_loop_watch_signals(loop, stop, loop, &error), error);
    must(weft_link_new(loop, NULL, &link, &error), error);

    struct weft_grpc_server *server = weft_grpc_server_new();
    const struct weft_grpc_method method = {.path = "/weft.bench.Echo/Echo", .unary = echo};
    must(server == NULL ? WEFT_OUT_OF_MEMORY : weft_grpc_server_add(server, &method, &error),
         error);
    const struct weft_listener_options options = {.address = "127.0.0.1:0", .grpc = server};
    must(weft_listener_open(link, &options, &listener, &error), error);

    printf("ready %s\n", weft_listener_address(listener));
    fflush(stdout);
    weft_loop_run(loop);
    return 0;
}
