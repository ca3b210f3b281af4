/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/same_host.h"
#include "sys/tcp.h"

enum {
    /* A burst of clients waits in the kernel rather than being refused; the system's somaxconn
       (4096) caps it. */
    BACKLOG = 4096,
    /* Connections taken in one turn, so that those that are there get their share. */
    ACCEPTS_PER_TURN = 64,
    /* How long to leave the door alone when accept fails for want of something. */
    TROUBLE_PAUSE_MS = 100,
};

/* A door has two where the processes of its host come in by a socket of their own. */
enum { EARS_MAX = 2 };

struct ear {
    struct weft_ready ready;
    int socket;
    struct weft_acceptor *acceptor;
};

struct weft_acceptor {
    struct weft_loop *loop;
    struct ear ears[EARS_MAX];
    size_t ears_count;
    int reserve; /* a descriptor to give up when there are no more, so that a client can be refused
                  */
    bool paused;
    struct weft_timer retry;
    struct weft_tcp_options options;
    struct weft_address address;
    const struct weft_acceptor_handler *handler;
    void *context;
    bool closed;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void take(struct weft_acceptor *acceptor, int fd, const struct weft_address *peer)
{
    struct weft_error *error = NULL;
    struct weft_tcp *tcp = NULL;
    if (peer->socket_address.ss_family != AF_UNIX) {
        weft_tcp_tune(fd, peer, &acceptor->options);
    } else if (!weft_same_host_welcome(fd)) {
        close(fd); /* it may come by TCP like everybody */
        return;
    }
    if (weft_tcp_new(acceptor->loop, fd, &tcp, &error) != WEFT_OK) {
        close(fd);
        acceptor->handler->troubled(acceptor->context, error);
        weft_error_unref(error);
        return;
    }
    tcp->stream.peer = *peer;
    acceptor->handler->accepted(acceptor->context, &tcp->stream);
}

static void stop(struct weft_acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->ears_count; i++) {
        (void)weft_ready_wait(&acceptor->ears[i].ready, 0);
    }
}

/* Tells of it, and tries again later. */
static void trouble(struct weft_acceptor *acceptor, int number)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_RESOURCE_EXHAUSTED, "a connection can't be accepted: %s",
                   strerror(number));
    /* Without memory for a pause there is none: its ears are left open. */
    if (weft_timer_set(&acceptor->retry, weft_loop_now_ns() + TROUBLE_PAUSE_MS * WEFT_NS_PER_MS) ==
        WEFT_OK) {
        stop(acceptor);
    }
    acceptor->handler->troubled(acceptor->context, error);
    weft_error_unref(error);
}

static void start(struct weft_acceptor *acceptor)
{
    int failed = 0;
    for (size_t i = 0; !acceptor->closed && !acceptor->paused && i < acceptor->ears_count; i++) {
        int number = weft_ready_wait(&acceptor->ears[i].ready, EPOLLIN);
        failed = number != 0 ? number : failed;
    }
    if (failed != 0) {
        trouble(acceptor, failed);
    }
}

/* There are no descriptors for clients, which would hang in the backlog: they are refused with the
 * one that is kept for that, as many as would have been taken. */
static void refuse(struct ear *ear)
{
    struct weft_acceptor *acceptor = ear->acceptor;
    close(acceptor->reserve);
    int refused = 0;
    for (int i = 0; i < ACCEPTS_PER_TURN && refused >= 0; i++) {
        refused = accept4(ear->socket, NULL, NULL, SOCK_CLOEXEC);
        if (refused >= 0) {
            close(refused);
        }
    }
    acceptor->reserve = open_reserve();
}

/* Those belong to the connection that was not made, not to the door (accept(2)). */
static bool is_the_clients(int number)
{
    switch (number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static void on_ready(void *context, uint32_t events)
{
    struct ear *ear = context;
    struct weft_acceptor *acceptor = ear->acceptor;
    (void)events;
    weft_loop_arrived(acceptor->loop, NULL);
    for (int i = 0; i < ACCEPTS_PER_TURN && !acceptor->closed && !acceptor->paused; i++) {
        struct weft_address peer = {.length = sizeof(peer.socket_address)};
        int fd = accept4(ear->socket, (struct sockaddr *)&peer.socket_address, &peer.length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(acceptor, fd, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_the_clients(errno)) {
            int number = errno;
            if (number == EMFILE || number == ENFILE) {
                refuse(ear);
            }
            trouble(acceptor, number);
            return;
        }
    }
}

static void on_retry(void *context)
{
    start(context);
}

static enum weft_status find_address(const char *text, struct weft_address *ret_address,
                                     struct weft_error **error)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    enum weft_status status = weft_address_split(text, host, &port, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (strcmp(host, "localhost") == 0) {
        char local[32];
        snprintf(local, sizeof(local), "127.0.0.1:%u", port);
        return weft_address_parse(local, ret_address, error);
    }
    status = weft_address_parse(text, ret_address, error);
    if (status == WEFT_NOT_FOUND) {
        weft_error_set_hint(error, "a door's address is numeric, or localhost");
    }
    return status;
}

static int bind_and_listen(const struct weft_address *address, struct weft_address *ret_bound)
{
    cleanup_close int fd =
        socket(address->socket_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    ret_bound->length = sizeof(ret_bound->socket_address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&address->socket_address, address->length) != 0 ||
        listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&ret_bound->socket_address, &ret_bound->length) != 0) {
        return -1;
    }
    int listening = fd;
    fd = -1;
    return listening;
}

static enum weft_status bind_failed(const char *address, int number, struct weft_error **error)
{
    enum weft_status status = number == EADDRINUSE                   ? WEFT_ALREADY_EXISTS
                              : number == EACCES                     ? WEFT_PERMISSION_DENIED
                              : number == EADDRNOTAVAIL              ? WEFT_NOT_FOUND
                              : number == EMFILE || number == ENFILE ? WEFT_RESOURCE_EXHAUSTED
                                                                     : WEFT_INTERNAL;
    weft_error_set(error, status, "can't listen on %s: %s", address, strerror(number));
    if (number == EADDRINUSE) {
        weft_error_set_hint(error, "another process listens there; choose another port");
    }
    return status;
}

/* Takes the socket. 0, or the number of an error. */
static int add_ear(struct weft_acceptor *acceptor, int socket)
{
    struct ear *ear = &acceptor->ears[acceptor->ears_count];
    ear->socket = socket;
    ear->acceptor = acceptor;
    weft_ready_init(&ear->ready, &acceptor->loop->ready, socket, on_ready, ear);
    int number = weft_ready_wait(&ear->ready, EPOLLIN);
    acceptor->ears_count++;
    return number;
}

static void on_closed(void *context)
{
    struct ear *ear = context;
    struct weft_acceptor *acceptor = ear->acceptor;
    if (--acceptor->ears_count == 0) {
        free(acceptor);
    }
}

static void close_ear(struct ear *ear)
{
    weft_ready_close(&ear->ready, on_closed);
    close(ear->socket);
}

enum weft_status weft_tcp_accept(struct weft_loop *loop, const char *address,
                                 const struct weft_tcp_options *options,
                                 const struct weft_acceptor_handler *handler, void *context,
                                 struct weft_acceptor **ret_acceptor, struct weft_error **error)
{
    struct weft_address asked;
    enum weft_status status = find_address(address, &asked, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (acceptor == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    int door = bind_and_listen(&asked, &acceptor->address);
    if (door < 0) {
        status = bind_failed(address, errno, error);
        free(acceptor);
        return status;
    }
    acceptor->loop = loop;
    int number = add_ear(acceptor, door);
    if (number != 0) {
        close_ear(&acceptor->ears[0]); /* and the acceptor goes with it */
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "a door can't be watched: %s",
                              strerror(number));
    }
    acceptor->options = options != NULL ? *options : (struct weft_tcp_options){0};
    acceptor->handler = handler;
    acceptor->context = context;
    acceptor->reserve = open_reserve();
    weft_timer_init(&acceptor->retry, loop, on_retry, acceptor);
    int near = acceptor->options.same_host_sockets
                   ? weft_same_host_listen(&acceptor->address, BACKLOG)
                   : -1;
    if (near >= 0 && add_ear(acceptor, near) != 0) {
        start(acceptor); /* it will be tried again */
    }
    *ret_acceptor = acceptor;
    return WEFT_OK;
}

const struct weft_address *weft_acceptor_address(const struct weft_acceptor *acceptor)
{
    return &acceptor->address;
}

bool weft_acceptor_has_same_host(const struct weft_acceptor *acceptor)
{
    return acceptor->ears_count > 1;
}

void weft_acceptor_pause(struct weft_acceptor *acceptor, bool paused)
{
    acceptor->paused = paused;
    if (paused) {
        stop(acceptor);
    } else if (!weft_timer_is_set(&acceptor->retry)) {
        start(acceptor);
    }
}

void weft_acceptor_close(struct weft_acceptor *acceptor)
{
    if (acceptor == NULL) {
        return;
    }
    acceptor->closed = true;
    weft_timer_cancel(&acceptor->retry);
    for (size_t i = 0; i < acceptor->ears_count; i++) {
        close_ear(&acceptor->ears[i]);
    }
    if (acceptor->reserve >= 0) {
        close(acceptor->reserve);
    }
}
