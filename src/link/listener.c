/* SPDX-License-Identifier: Apache-2.0 */
#include "link/listener.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "link/internal.h"
#include "link/server.h"

enum {
    /* Between the notice that a door closes and the last word: requests under way by then are still
       served. */
    GOAWAY_NOTICE_MS = 200,
};

struct weft_listener {
    struct weft_link *link;
    struct weft_acceptor *acceptor;
    struct weft_router *router;
    struct weft_grpc_server *grpc;
    struct weft_list connections;
    size_t connections_count;
    size_t connections_max;
    uint64_t idle_timeout_ns;
    uint64_t head_timeout_ns;
    uint64_t body_timeout_ns;
    uint64_t send_timeout_ns;
    uint64_t keepalive_ns;
    uint64_t keepalive_timeout_ns;
    char address[WEFT_ADDRESS_TEXT_MAX];
    /* The end. */
    struct weft_timer closing;
    struct weft_deferred last;
    uint64_t cut_ns;
    bool closes;
    void (*closed)(void *context);
    void *closed_context;
};

/* --- bodies that are awaited --- */

void weft_collecting_begin(struct weft_server *server, struct weft_collecting *collecting,
                           void (*late)(struct weft_collecting *collecting))
{
    collecting->late = late;
    collecting->touched_ns = server->connection.received_ns;
    weft_list_append(&server->collecting, &collecting->link);
}

void weft_collecting_touch(struct weft_server *server, struct weft_collecting *collecting)
{
    if (collecting->link.next != NULL && !weft_list_is_empty(&collecting->link)) {
        weft_list_remove(&collecting->link);
        collecting->touched_ns = server->connection.received_ns;
        weft_list_append(&server->collecting, &collecting->link);
    }
}

void weft_collecting_end(struct weft_collecting *collecting)
{
    if (collecting->link.next != NULL) {
        weft_list_remove(&collecting->link);
    }
}

const char *weft_server_peer(struct weft_server *server)
{
    if (server->peer[0] == '\0') {
        char text[WEFT_ADDRESS_TEXT_MAX];
        weft_address_format(&server->connection.stream->peer, text);
        size_t length = strnlen(text, sizeof(server->peer) - 1);
        memcpy(server->peer, text, length);
    }
    return server->peer;
}

/* --- time limits --- */

static void cut(struct weft_server *server, const char *why)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_DEADLINE_EXCEEDED, "%s", why);
    weft_connection_end(&server->connection, error);
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* A client whose request is open and that says nothing for long is asked for a sign of life: one
 * that was stopped, or whose machine is gone, would otherwise keep its request, and a node's stream
 * its place, for ever. */
static bool is_watched(const struct weft_server *server)
{
    return weft_http_version(server->connection.http) == WEFT_HTTP_2 &&
           weft_http_streams_count(server->connection.http) > 0;
}

static uint64_t sign_due_ns(const struct weft_server *server)
{
    const struct weft_listener *listener = server->listener;
    uint64_t received_ns = server->connection.received_ns;
    uint64_t since_ns = server->asked_ns > received_ns ? server->asked_ns : received_ns;
    return server->connection.pinging ? since_ns + listener->keepalive_timeout_ns
                                      : received_ns + listener->keepalive_ns;
}

/* False where the client was asked and gave none. */
static bool ask_for_sign(struct weft_server *server, uint64_t now_ns)
{
    struct weft_connection *connection = &server->connection;
    if (!is_watched(server) || now_ns < sign_due_ns(server)) {
        return true;
    }
    if (connection->pinging) {
        return false;
    }
    weft_connection_ask_for_sign(connection);
    server->asked_ns = now_ns;
    weft_connection_nudge(connection);
    return true;
}

/* The next moment at which a limit may be passed. */
static uint64_t next_limit_ns(const struct weft_server *server)
{
    const struct weft_listener *listener = server->listener;
    uint64_t limit_ns = WEFT_DEADLINE_NEVER_NS;
    if (server->connection.blocked) {
        limit_ns = server->connection.sent_ns + listener->send_timeout_ns;
    }
    if (server->head_ns != 0) {
        limit_ns = earlier(limit_ns, server->head_ns + listener->head_timeout_ns);
    } else if (server->quiet_ns != 0) {
        limit_ns = earlier(limit_ns, server->quiet_ns + listener->idle_timeout_ns);
    }
    if (!weft_list_is_empty(&server->collecting)) {
        const struct weft_collecting *oldest =
            weft_list_entry(weft_list_first(&server->collecting), struct weft_collecting, link);
        limit_ns = earlier(limit_ns, oldest->touched_ns + listener->body_timeout_ns);
    }
    if (is_watched(server)) {
        limit_ns = earlier(limit_ns, sign_due_ns(server));
    }
    return limit_ns;
}

static void go_away(struct weft_server *server)
{
    weft_http_goaway(server->connection.http);
    weft_connection_nudge(&server->connection);
}

static void arm(struct weft_server *server)
{
    if (weft_timer_set(&server->timer, next_limit_ns(server)) != WEFT_OK) {
        cut(server, "no memory to watch the connection's time limits");
    }
}

static void on_timer(void *context)
{
    struct weft_server *server = context;
    struct weft_listener *listener = server->listener;
    uint64_t now_ns = weft_loop_now_ns();
    if (server->connection.blocked &&
        now_ns >= server->connection.sent_ns + listener->send_timeout_ns) {
        cut(server, "the client does not read");
        return;
    }
    if (server->head_ns != 0 && now_ns >= server->head_ns + listener->head_timeout_ns) {
        weft_http_late(server->connection.http);
        cut(server, "no whole request head came in time");
        return;
    }
    if (!ask_for_sign(server, now_ns)) {
        cut(server, "the client gives no sign of life");
        return;
    }
    if (server->head_ns == 0 && server->quiet_ns != 0 &&
        now_ns >= server->quiet_ns + listener->idle_timeout_ns) {
        if (server->going) {
            weft_connection_end(&server->connection, NULL);
            return;
        }
        server->going = true;
        server->quiet_ns = now_ns; /* the client gets the same time again to take its leave */
        go_away(server);
        go_away(server);
    }
    while (!weft_list_is_empty(&server->collecting)) {
        struct weft_collecting *oldest =
            weft_list_entry(weft_list_first(&server->collecting), struct weft_collecting, link);
        if (now_ns < oldest->touched_ns + listener->body_timeout_ns) {
            break;
        }
        weft_list_remove(&oldest->link);
        oldest->late(oldest);
    }
    arm(server);
}

static void on_moved(void *context)
{
    struct weft_server *server = context;
    struct weft_connection *connection = &server->connection;
    if (weft_http_streams_count(connection->http) > 0) {
        server->quiet_ns = 0;
        server->head_ns = 0;
    } else {
        if (server->quiet_ns == 0) {
            server->quiet_ns = connection->received_ns;
        }
        /* Bytes without a request: a head has begun. HTTP/2 has other frames too, so there only the
         * idle limit tells. */
        if (server->head_ns == 0 && connection->received_ns > server->quiet_ns &&
            weft_http_version(connection->http) != WEFT_HTTP_2) {
            server->head_ns = connection->received_ns;
        }
    }
    uint64_t limit_ns = next_limit_ns(server);
    /* The timer may ring early and then looks again; it must not ring late. */
    if (limit_ns < server->timer.deadline_ns) {
        arm(server);
    }
}

/* --- connections --- */

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    struct weft_server *server = context;
    struct weft_listener *listener = server->listener;
    server->quiet_ns = 0;
    server->head_ns = 0;
    if (weft_grpc_is_request(head)) {
        if (listener->grpc != NULL) {
            weft_grpc_server_take(listener->grpc, server, stream, head);
        } else {
            weft_grpc_refuse(stream, WEFT_UNIMPLEMENTED, "this door has no gRPC");
        }
        return;
    }
    weft_router_take(listener->router, server, stream, head);
}

static void end_if_last(struct weft_listener *listener)
{
    if (listener->closes && listener->connections_count == 0) {
        weft_loop_defer(listener->link->loop, &listener->last);
    }
}

static void on_closed(void *context, const struct weft_error *error)
{
    struct weft_server *server = context;
    struct weft_listener *listener = server->listener;
    if (error != NULL) {
        char text[512];
        weft_error_format(error, text, sizeof(text));
        weft_log(listener->link->log, WEFT_LOG_DEBUG, NULL, "a connection to %s ended: %s",
                 listener->address, text);
    }
    weft_assert(weft_list_is_empty(&server->collecting));
    weft_timer_cancel(&server->timer);
    weft_list_remove(&server->link);
    listener->connections_count--;
    free(server);
    end_if_last(listener);
}

static const struct weft_connection_owner owner = {
    .request = on_request,
    .moved = on_moved,
    .closed = on_closed,
};

/* Over the limit: whoever speaks HTTP/1.1 can read it, and others see the end. */
static void refuse(struct weft_listener *listener, struct weft_stream *stream)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
        "content-length: 0\r\n\r\n";
    struct iovec entry = {(void *)(uintptr_t)answer, sizeof(answer) - 1};
    listener->link->counters.refused++;
    if (weft_stream_send(stream, &entry, 1, NULL) == WEFT_STREAM_FAILED) {
        weft_stream_close(stream);
        return;
    }
    weft_linger(listener->link, stream);
}

static void on_accepted(void *context, struct weft_stream *stream)
{
    struct weft_listener *listener = context;
    listener->link->counters.accepted++;
    if (listener->connections_count >= listener->connections_max) {
        refuse(listener, stream);
        return;
    }
    struct weft_error *error = NULL;
    struct weft_server *server = calloc(1, sizeof(*server));
    if (server == NULL ||
        weft_connection_open(&server->connection, listener->link, stream, WEFT_HTTP_UNDECIDED,
                             &owner, server, &error) != WEFT_OK) {
        weft_log(listener->link->log, WEFT_LOG_WARNING, NULL, "no memory for a connection to %s",
                 listener->address);
        listener->link->counters.accept_failures++;
        weft_error_unref(error);
        weft_stream_close(stream);
        free(server);
        return;
    }
    server->listener = listener;
    server->quiet_ns = server->connection.received_ns;
    weft_list_init(&server->collecting);
    weft_timer_init(&server->timer, listener->link->loop, on_timer, server);
    weft_list_append(&listener->connections, &server->link);
    listener->connections_count++;
    arm(server);
}

static void on_troubled(void *context, struct weft_error *error)
{
    struct weft_listener *listener = context;
    listener->link->counters.accept_failures++;
    weft_log(listener->link->log, WEFT_LOG_WARNING, NULL, "%s: %s", listener->address,
             weft_error_message(error));
}

static const struct weft_acceptor_handler acceptor_handler = {on_accepted, on_troubled};

/* --- the door --- */

static uint64_t ns_or(uint64_t timeout_ms, uint64_t default_ms)
{
    return (timeout_ms > 0 ? timeout_ms : default_ms) * WEFT_NS_PER_MS;
}

static void on_closing(void *context);
static void on_last(void *context);

enum weft_status weft_listener_open(struct weft_link *link,
                                    const struct weft_listener_options *options,
                                    struct weft_listener **ret_listener, struct weft_error **error)
{
    if (!weft_address_text_is_loopback(options->address)) {
        if (!options->insecure) {
            weft_error_set(error, WEFT_PERMISSION_DENIED,
                           "%s can be reached from other machines, and nothing asks who calls",
                           options->address);
            weft_error_set_hint(
                error, "use a loopback address, or --insecure where the network is trusted");
            return WEFT_PERMISSION_DENIED;
        }
        weft_log(link->log, WEFT_LOG_WARNING, NULL,
                 "%s is open to whoever reaches it: no identity is asked for, nothing is encrypted",
                 options->address);
    }
    struct weft_listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    listener->link = link;
    listener->router = options->router;
    listener->grpc = options->grpc;
    listener->connections_max =
        options->connections_max > 0 ? options->connections_max : WEFT_LISTENER_CONNECTIONS_MAX;
    listener->idle_timeout_ns = ns_or(options->idle_timeout_ms, WEFT_LISTENER_IDLE_TIMEOUT_MS);
    listener->head_timeout_ns = ns_or(options->head_timeout_ms, WEFT_LISTENER_HEAD_TIMEOUT_MS);
    listener->body_timeout_ns = ns_or(options->body_timeout_ms, WEFT_LISTENER_BODY_TIMEOUT_MS);
    listener->send_timeout_ns = ns_or(options->send_timeout_ms, WEFT_LISTENER_SEND_TIMEOUT_MS);
    listener->keepalive_ns = ns_or(options->keepalive_ms, WEFT_LISTENER_KEEPALIVE_MS);
    listener->keepalive_timeout_ns =
        ns_or(options->keepalive_timeout_ms, WEFT_LISTENER_KEEPALIVE_TIMEOUT_MS);
    weft_list_init(&listener->connections);
    weft_timer_init(&listener->closing, link->loop, on_closing, listener);
    weft_deferred_init(&listener->last, on_last, listener);
    enum weft_status status =
        weft_tcp_accept(link->loop, options->address, &link->tcp, &acceptor_handler, listener,
                        &listener->acceptor, error);
    if (status != WEFT_OK) {
        free(listener);
        return status;
    }
    weft_address_format(weft_acceptor_address(listener->acceptor), listener->address);
    if (link->tcp.same_host_sockets && !weft_acceptor_has_same_host(listener->acceptor)) {
        weft_log(link->log, WEFT_LOG_WARNING, NULL,
                 "there is no Unix socket beside %s (its name \"@weft/%s\" is taken, or the system "
                 "grants it too small a buffer): this host's processes come by TCP",
                 listener->address, listener->address);
    }
    *ret_listener = listener;
    return WEFT_OK;
}

const char *weft_listener_address(const struct weft_listener *listener)
{
    return listener->address;
}

size_t weft_listener_connections_count(const struct weft_listener *listener)
{
    return listener->connections_count;
}

static void for_each(struct weft_listener *listener, void (*visit)(struct weft_server *server))
{
    for (struct weft_list *link = listener->connections.next; link != &listener->connections;) {
        struct weft_server *server = weft_list_entry(link, struct weft_server, link);
        link = link->next;
        visit(server);
    }
}

static void cut_closing(struct weft_server *server)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_UNAVAILABLE, "the door closes");
    weft_connection_end(&server->connection, error);
}

static void on_closing(void *context)
{
    struct weft_listener *listener = context;
    if (weft_loop_now_ns() >= listener->cut_ns) {
        for_each(listener, cut_closing);
        return;
    }
    for_each(listener, go_away);
    if (weft_timer_set(&listener->closing, listener->cut_ns) != WEFT_OK) {
        for_each(listener, cut_closing);
    }
}

static void on_last(void *context)
{
    struct weft_listener *listener = context;
    weft_timer_cancel(&listener->closing);
    void (*closed)(void *context) = listener->closed;
    void *closed_context = listener->closed_context;
    free(listener);
    if (closed != NULL) {
        closed(closed_context);
    }
}

void weft_listener_close(struct weft_listener *listener, uint64_t deadline_ns,
                         void (*closed)(void *context), void *context)
{
    weft_assert(!listener->closes);
    listener->closes = true;
    listener->closed = closed;
    listener->closed_context = context;
    listener->cut_ns = deadline_ns;
    weft_acceptor_close(listener->acceptor);
    listener->acceptor = NULL;
    for_each(listener, go_away);
    uint64_t notice_ns = weft_loop_now_ns() + GOAWAY_NOTICE_MS * WEFT_NS_PER_MS;
    if (weft_timer_set(&listener->closing, earlier(notice_ns, deadline_ns)) != WEFT_OK) {
        for_each(listener, cut_closing);
    }
    end_if_last(listener);
}
