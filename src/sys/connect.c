/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/resolve.h"
#include "sys/same_host.h"
#include "sys/tcp.h"

struct weft_connect {
    struct weft_loop *loop;
    struct weft_resolve *resolve; /* while looking up */
    struct weft_tcp *tcp;         /* while connecting */
    struct weft_timer timer;
    struct weft_tcp_options options;
    weft_connect_done *done;
    void *context;
    char *text;
    struct weft_address addresses[WEFT_RESOLVE_ADDRESSES_MAX];
    size_t addresses_count;
    size_t next;                /* of addresses to try */
    struct weft_error *trouble; /* of the attempts so far */
};

static void drop_socket(struct weft_connect *attempt)
{
    if (attempt->tcp != NULL) {
        weft_stream_close(&attempt->tcp->stream);
        attempt->tcp = NULL;
    }
}

static void free_connect(struct weft_connect *attempt)
{
    weft_timer_cancel(&attempt->timer);
    if (attempt->resolve != NULL) {
        weft_resolve_cancel(attempt->resolve);
    }
    drop_socket(attempt);
    weft_error_unref(attempt->trouble);
    free(attempt->text);
    free(attempt);
}

/* Takes the error. */
static void fail(struct weft_connect *attempt, struct weft_error *error)
{
    weft_error_wrap(&error, WEFT_UNAVAILABLE, "can't connect to %s", attempt->text);
    attempt->done(attempt->context, NULL, error);
    weft_error_unref(error);
    free_connect(attempt);
}

static void succeed(struct weft_connect *attempt)
{
    struct weft_stream *stream = &attempt->tcp->stream;
    attempt->tcp = NULL;
    attempt->done(attempt->context, stream, NULL);
    free_connect(attempt);
}

static void try_next(struct weft_connect *attempt);

static void on_connected(void *context)
{
    struct weft_connect *attempt = context;
    int number = 0;
    socklen_t length = sizeof(number);
    if (getsockopt(attempt->tcp->socket, SOL_SOCKET, SO_ERROR, &number, &length) != 0) {
        number = errno;
    }
    if (number == 0) {
        succeed(attempt);
        return;
    }
    drop_socket(attempt);
    weft_error_unref(attempt->trouble);
    attempt->trouble = NULL;
    weft_error_set(&attempt->trouble, WEFT_UNAVAILABLE, "%s", strerror(number));
    try_next(attempt);
}

static int connect_to(int fd, const struct weft_address *address)
{
    return connect(fd, (const struct sockaddr *)&address->socket_address, address->length);
}

/* An end of a connection that is made or under way; takes the socket. */
static enum weft_status watch(struct weft_connect *attempt, int fd,
                              const struct weft_address *address, struct weft_error **error)
{
    enum weft_status status = weft_tcp_new(attempt->loop, fd, &attempt->tcp, error);
    if (status != WEFT_OK) {
        close(fd);
        return status;
    }
    attempt->tcp->stream.peer = *address;
    /* Also where it succeeded at once: an event tells, so `done` never comes from inside a call. */
    status = weft_tcp_await_connect(attempt->tcp, on_connected, attempt, error);
    if (status != WEFT_OK) {
        drop_socket(attempt);
    }
    return status;
}

static enum weft_status try_address(struct weft_connect *attempt,
                                    const struct weft_address *address, struct weft_error **error)
{
    int near = attempt->options.same_host_sockets ? weft_same_host_connect(address) : -1;
    if (near >= 0 && watch(attempt, near, address, NULL) == WEFT_OK) {
        return WEFT_OK;
    }
    cleanup_close int fd =
        socket(address->socket_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "no socket: %s", strerror(errno));
    }
    weft_tcp_tune(fd, address, &attempt->options);
    int failed = 0;
    do {
        failed = connect_to(fd, address);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0 && errno != EINPROGRESS) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "%s", strerror(errno));
    }
    int connecting = fd;
    fd = -1;
    return watch(attempt, connecting, address, error);
}

static void try_next(struct weft_connect *attempt)
{
    while (attempt->next < attempt->addresses_count) {
        weft_error_unref(attempt->trouble);
        attempt->trouble = NULL;
        if (try_address(attempt, &attempt->addresses[attempt->next++], &attempt->trouble) ==
            WEFT_OK) {
            return;
        }
    }
    fail(attempt, steal(&attempt->trouble));
}

static void on_resolved(void *context, const struct weft_address *addresses, size_t count,
                        struct weft_error *error)
{
    struct weft_connect *attempt = context;
    attempt->resolve = NULL;
    if (error != NULL) {
        fail(attempt, weft_error_ref(error));
        return;
    }
    memcpy(attempt->addresses, addresses, count * sizeof(*addresses));
    attempt->addresses_count = count;
    try_next(attempt);
}

static void on_late(void *context)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_DEADLINE_EXCEEDED, "no answer in time");
    fail(context, error);
}

enum weft_status weft_tcp_connect(struct weft_loop *loop, const char *address,
                                  const struct weft_tcp_options *options, uint64_t deadline_ns,
                                  weft_connect_done *done, void *context,
                                  struct weft_connect **ret_connect, struct weft_error **error)
{
    struct weft_connect *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    attempt->loop = loop;
    attempt->done = done;
    attempt->context = context;
    attempt->options = options != NULL ? *options : (struct weft_tcp_options){0};
    weft_timer_init(&attempt->timer, loop, on_late, attempt);
    attempt->text = strdup(address);
    enum weft_status status =
        attempt->text == NULL ? WEFT_OUT_OF_MEMORY : weft_timer_set(&attempt->timer, deadline_ns);
    if (status != WEFT_OK) {
        free_connect(attempt);
        return weft_error_set_out_of_memory(error);
    }
    status = weft_resolve_start(loop, address, on_resolved, attempt, &attempt->resolve, error);
    if (status != WEFT_OK) {
        free_connect(attempt);
        return status;
    }
    *ret_connect = attempt;
    return WEFT_OK;
}

void weft_connect_cancel(struct weft_connect *attempt)
{
    free_connect(attempt);
}
