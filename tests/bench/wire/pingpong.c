/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/assert.h>
#include <wire/grpc.h>

/*
 * What a unary gRPC call costs in our own code: a client's and a server's connection in one
 * process, bytes carried by memcpy, no sockets. Prints nanoseconds per call (both sides together).
 * Arguments: calls, calls under way at once, bytes of a message. For `perf record`.
 */

struct pingpong {
    struct weft_http *client;
    struct weft_http *server;
    size_t under_way;
    size_t done;
    struct weft_slice message;
};

static void server_message(void *context, struct weft_grpc_call *call,
                           const struct weft_slice *message)
{
    (void)context;
    struct weft_slice answer = weft_slice_ref(message);
    weft_assert(weft_grpc_reply(call, &answer, 1, NULL) == WEFT_OK);
}

static void server_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                            const struct weft_error *error, const struct weft_http_field *trailers,
                            size_t trailers_count)
{
    (void)context, (void)call, (void)error, (void)trailers, (void)trailers_count;
    weft_assert(status == WEFT_OK);
}

static const struct weft_grpc_events server_events = {.on_message = server_message,
                                                      .on_finished = server_finished};

static void server_request(void *context, struct weft_http_stream *stream,
                           const struct weft_http_head *head)
{
    struct weft_grpc_call *call = NULL;
    weft_assert(weft_grpc_is_request(head) && strcmp(head->path, "/bench.Echo/Echo") == 0);
    weft_assert(weft_grpc_accept(stream, head, NULL, &server_events, context, &call, NULL) ==
                WEFT_OK);
}

static const struct weft_http_events server_http_events = {.on_request = server_request};
static const struct weft_http_events client_http_events = {0};

static void client_message(void *context, struct weft_grpc_call *call,
                           const struct weft_slice *message)
{
    (void)context, (void)call, (void)message;
}

static void client_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                            const struct weft_error *error, const struct weft_http_field *trailers,
                            size_t trailers_count)
{
    (void)call, (void)error, (void)trailers, (void)trailers_count;
    struct pingpong *pingpong = context;
    weft_assert(status == WEFT_OK);
    pingpong->done++;
    pingpong->under_way--;
}

static const struct weft_grpc_events client_events = {.on_message = client_message,
                                                      .on_finished = client_finished};

static void start_call(struct pingpong *pingpong)
{
    static const struct weft_grpc_request request = {
        .path = "/bench.Echo/Echo", .authority = "127.0.0.1:8000", .timeout_ns = UINT64_MAX};
    struct weft_grpc_call *call = NULL;
    struct weft_slice message = weft_slice_ref(&pingpong->message);
    weft_assert(weft_grpc_call(pingpong->client, &request, NULL, &client_events, pingpong, &call,
                               NULL) == WEFT_OK);
    weft_assert(weft_grpc_send(call, &message, 1, NULL) == WEFT_OK);
    weft_assert(weft_grpc_half_close(call, NULL) == WEFT_OK);
    pingpong->under_way++;
}

/* As a socket would, at most what the receiver's memory takes at once. */
static void carry(struct weft_http *from, struct weft_http *to)
{
    struct iovec out[WEFT_HTTP_VECTOR_MAX];
    int count = weft_http_send_vector(from, out, WEFT_HTTP_VECTOR_MAX);
    size_t carried = 0;
    for (int i = 0; i < count; i++) {
        for (size_t offset = 0; offset < out[i].iov_len;) {
            struct iovec in[2];
            weft_assert(weft_http_receive_vector(to, in, 1, NULL) > 0);
            size_t part =
                out[i].iov_len - offset < in[0].iov_len ? out[i].iov_len - offset : in[0].iov_len;
            memcpy(in[0].iov_base, (uint8_t *)out[i].iov_base + offset, part);
            weft_assert(weft_http_received(to, part, NULL) == WEFT_OK);
            offset += part;
        }
        carried += out[i].iov_len;
    }
    weft_http_sent(from, carried);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    size_t calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    size_t at_once = argc > 2 ? strtoul(argv[2], NULL, 10) : 32;
    size_t size_bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 64;
    struct pingpong pingpong = {0};
    struct weft_http_shared *shared = weft_http_shared_new();
    uint8_t *bytes = calloc(1, size_bytes + 1);
    weft_assert(shared != NULL && bytes != NULL);
    weft_assert(weft_http_new_client(shared, WEFT_HTTP_2, "http", &client_http_events, &pingpong,
                                     &pingpong.client, NULL) == WEFT_OK);
    weft_assert(weft_http_new_server(shared, "http", &server_http_events, &pingpong,
                                     &pingpong.server, NULL) == WEFT_OK);
    pingpong.message = weft_slice_static(bytes, size_bytes);
    double start_ns = now_ns();
    while (pingpong.done < calls) {
        while (pingpong.under_way < at_once) {
            start_call(&pingpong);
        }
        carry(pingpong.client, pingpong.server);
        carry(pingpong.server, pingpong.client);
    }
    double call_ns = (now_ns() - start_ns) / (double)pingpong.done;
    printf("%zu calls of %zu bytes, %zu at once: %.0f ns a call, client and server together\n",
           pingpong.done, size_bytes, at_once, call_ns);
    weft_http_free(pingpong.client);
    weft_http_free(pingpong.server);
    weft_http_shared_free(shared);
    free(bytes);
    return 0;
}
