/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct weft_tcp *of(struct weft_stream *stream)
{
    return (struct weft_tcp *)stream;
}

static enum weft_status status_of(int number)
{
    switch (number) {
    case ENOMEM:
        return WEFT_OUT_OF_MEMORY;
    case ENOBUFS:
        return WEFT_RESOURCE_EXHAUSTED;
    default:
        return WEFT_UNAVAILABLE;
    }
}

static ssize_t fail(struct weft_tcp *tcp, int number, const char *what, struct weft_error **error)
{
    char peer[WEFT_ADDRESS_TEXT_MAX];
    weft_address_format(&tcp->stream.peer, peer);
    weft_error_set(error, status_of(number), "%s %s: %s", what, peer, strerror(number));
    return WEFT_STREAM_FAILED;
}

static void look(void *context)
{
    struct weft_tcp *tcp = context;
    if (!tcp->closed && !tcp->paused) {
        tcp->stream.handler->readable(tcp->stream.context);
    }
}

/* 0, or the number of an error. */
static int update(struct weft_tcp *tcp)
{
    return weft_ready_wait(&tcp->ready, (tcp->paused ? 0U : (uint32_t)EPOLLIN) |
                                            (tcp->wants_write ? (uint32_t)EPOLLOUT : 0U));
}

static void on_ready(void *context, uint32_t events)
{
    struct weft_tcp *tcp = context;
    weft_loop_arrived(tcp->stream.loop, NULL);
    if (tcp->connected != NULL) {
        void (*connected)(void *context) = tcp->connected;
        tcp->connected = NULL;
        tcp->wants_write = false;
        update(tcp); /* nothing more until somebody starts it */
        connected(tcp->connect_context);
        return;
    }
    if ((events & EPOLLOUT) != 0 && tcp->wants_write) {
        tcp->stream.handler->writable(tcp->stream.context);
    }
    if ((events & EPOLLIN) != 0) {
        look(tcp);
    }
}

static enum weft_status check(int number, struct weft_error **error)
{
    return number == 0 ? WEFT_OK
                       : weft_error_set(error, status_of(number), "a socket can't be watched: %s",
                                        strerror(number));
}

static enum weft_status tcp_start(struct weft_stream *stream, struct weft_error **error)
{
    struct weft_tcp *tcp = of(stream);
    tcp->paused = false;
    tcp->wants_write = false;
    return check(update(tcp), error);
}

static void tcp_pause(struct weft_stream *stream, bool paused)
{
    struct weft_tcp *tcp = of(stream);
    tcp->paused = paused;
    if (paused) {
        weft_hot_cool(stream->loop, &tcp->hot);
    }
    tcp->deaf = update(tcp);
    if (tcp->deaf != 0) {
        weft_loop_defer(stream->loop, &tcp->tell);
    }
}

static ssize_t tcp_recv(struct weft_stream *stream, const struct iovec *entries, size_t count,
                        struct weft_error **error)
{
    struct weft_tcp *tcp = of(stream);
    ssize_t received = 0;
    if (tcp->deaf != 0) {
        return fail(tcp, tcp->deaf, "can't wait for", error);
    }
    do {
        stream->recv_calls++;
        if (count == 1) {
            received = recv(tcp->socket, entries[0].iov_base, entries[0].iov_len, MSG_DONTWAIT);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)entries,
                                     .msg_iovlen = count};
            received = recvmsg(tcp->socket, &message, MSG_DONTWAIT);
        }
    } while (received < 0 && errno == EINTR);
    if (received > 0) {
        stream->received_bytes += (uint64_t)received;
        weft_loop_arrived(stream->loop, &tcp->hot);
        return received;
    }
    if (received == 0) {
        weft_loop_arrived(stream->loop, NULL);
        return 0;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return WEFT_STREAM_AGAIN;
    }
    weft_loop_arrived(stream->loop, NULL);
    return fail(tcp, errno, "connection lost with", error);
}

static size_t sum(const struct iovec *entries, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += entries[i].iov_len;
    }
    return total;
}

static ssize_t tcp_send(struct weft_stream *stream, const struct iovec *entries, size_t count,
                        struct weft_error **error)
{
    struct weft_tcp *tcp = of(stream);
    ssize_t sent = 0;
    do {
        stream->send_calls++;
        if (count == 1) {
            sent = send(tcp->socket, entries[0].iov_base, entries[0].iov_len,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)entries,
                                     .msg_iovlen = count};
            sent = sendmsg(tcp->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        return fail(tcp, errno, "connection lost with", error);
    }
    stream->sent_bytes += sent > 0 ? (uint64_t)sent : 0;
    bool short_of = sent < 0 || (size_t)sent < sum(entries, count);
    if (short_of != tcp->wants_write) {
        tcp->wants_write = short_of;
        int number = update(tcp);
        if (number != 0) {
            return fail(tcp, number, "can't wait for", error);
        }
    }
    return sent < 0 ? WEFT_STREAM_AGAIN : sent;
}

static void tcp_shutdown(struct weft_stream *stream)
{
    shutdown(of(stream)->socket, SHUT_WR);
}

static void tcp_close(struct weft_stream *stream)
{
    struct weft_tcp *tcp = of(stream);
    tcp->closed = true;
    weft_hot_cool(stream->loop, &tcp->hot);
    weft_deferred_cancel(&tcp->tell);
    weft_ready_close(&tcp->ready, free);
    close(tcp->socket);
}

static uint64_t tcp_round_trip_ns(const struct weft_stream *stream)
{
    const struct weft_tcp *tcp = (const struct weft_tcp *)stream;
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    if (getsockopt(tcp->socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        return 0; /* not of TCP: a pair of sockets */
    }
    return info.tcpi_rtt * WEFT_NS_PER_US;
}

static const struct weft_stream_methods tcp_methods = {
    .name = "tcp",
    .start = tcp_start,
    .pause = tcp_pause,
    .recv = tcp_recv,
    .send = tcp_send,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
    .round_trip_ns = tcp_round_trip_ns,
};

enum weft_status weft_tcp_new(struct weft_loop *loop, int socket, struct weft_tcp **ret_tcp,
                              struct weft_error **error)
{
    struct weft_tcp *tcp = calloc(1, sizeof(*tcp));
    if (tcp == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    weft_ready_init(&tcp->ready, &loop->ready, socket, on_ready, tcp);
    tcp->socket = socket;
    tcp->paused = true;
    tcp->stream.methods = &tcp_methods;
    tcp->stream.loop = loop;
    weft_hot_init(&tcp->hot, look, tcp);
    weft_deferred_init(&tcp->tell, look, tcp);
    *ret_tcp = tcp;
    return WEFT_OK;
}

enum weft_status weft_tcp_await_connect(struct weft_tcp *tcp, void (*connected)(void *context),
                                        void *context, struct weft_error **error)
{
    tcp->connected = connected;
    tcp->connect_context = context;
    tcp->wants_write = true;
    return check(update(tcp), error);
}

static void set_number(int socket, int level, int option, int value)
{
    setsockopt(socket, level, option, &value, sizeof(value));
}

static bool is_same_host(int socket, const struct weft_address *peer)
{
    if (weft_address_is_loopback(peer)) {
        return true;
    }
    struct weft_address own = {.length = sizeof(own.socket_address)};
    if (getsockname(socket, (struct sockaddr *)&own.socket_address, &own.length) != 0 ||
        own.socket_address.ss_family != peer->socket_address.ss_family) {
        return false;
    }
    if (own.socket_address.ss_family == AF_INET) {
        return ((struct sockaddr_in *)&own.socket_address)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)&peer->socket_address)->sin_addr.s_addr;
    }
    return memcmp(&((struct sockaddr_in6 *)&own.socket_address)->sin6_addr,
                  &((const struct sockaddr_in6 *)&peer->socket_address)->sin6_addr,
                  sizeof(struct in6_addr)) == 0;
}

void weft_tcp_tune(int socket, const struct weft_address *peer,
                   const struct weft_tcp_options *options)
{
    static const struct weft_tcp_options defaults = {0};
    options = options != NULL ? options : &defaults;
    set_number(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options->send_buffer_bytes > 0) {
        set_number(socket, SOL_SOCKET, SO_SNDBUF, (int)options->send_buffer_bytes);
    }
    if (options->receive_buffer_bytes > 0) {
        set_number(socket, SOL_SOCKET, SO_RCVBUF, (int)options->receive_buffer_bytes);
    }
    /* Within one host there is no path to probe: pacing (BBR) only slows down. Elsewhere it is the
     * operator's choice. */
    const char *congestion = options->congestion != NULL ? options->congestion : "reno";
    if (is_same_host(socket, peer)) {
        setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion));
    }
}

enum weft_status weft_stream_pair(struct weft_loop *loop, struct weft_stream **ret_one,
                                  struct weft_stream **ret_other, struct weft_error **error)
{
    int sockets[2];
    struct weft_tcp *one = NULL;
    struct weft_tcp *other = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) != 0) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "no socket pair: %s",
                              strerror(errno));
    }
    enum weft_status status = weft_tcp_new(loop, sockets[0], &one, error);
    if (status != WEFT_OK) {
        close(sockets[0]);
        close(sockets[1]);
        return status;
    }
    status = weft_tcp_new(loop, sockets[1], &other, error);
    if (status != WEFT_OK) {
        tcp_close(&one->stream);
        close(sockets[1]);
        return status;
    }
    *ret_one = &one->stream;
    *ret_other = &other->stream;
    return WEFT_OK;
}
