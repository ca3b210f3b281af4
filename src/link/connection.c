/* SPDX-License-Identifier: Apache-2.0 */
#include "link/connection.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "link/internal.h"

/* Reads of one connection in one turn; with 64 KiB each (more into landing zones), a fair share. */
enum { READS_PER_TURN = 16 };

static void flush(void *context);

/* --- HTTP's events --- */

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    struct weft_connection *connection = context;
    connection->link->counters.requests++;
    connection->owner->request(connection->context, stream, head);
}

static void on_output(void *context)
{
    struct weft_connection *connection = context;
    weft_loop_defer_last(connection->link->loop, &connection->flush);
}

static void on_goaway(void *context)
{
    struct weft_connection *connection = context;
    if (connection->owner->goaway != NULL) {
        connection->owner->goaway(connection->context);
    }
}

static void on_ping_ack(void *context)
{
    struct weft_connection *connection = context;
    uint64_t now_ns = connection->link->clock.now_ns(NULL);
    connection->round_trip_ns = now_ns > connection->pinged_ns ? now_ns - connection->pinged_ns : 1;
    connection->ping_under_way = false;
    connection->pinging = false;
}

static const struct weft_http_events http_events = {
    .on_request = on_request,
    .on_output = on_output,
    .on_goaway = on_goaway,
    .on_ping_ack = on_ping_ack,
};

/* --- the end --- */

static void finish(struct weft_connection *connection)
{
    struct weft_link *link = connection->link;
    weft_deferred_cancel(&connection->flush);
    weft_http_disconnect(connection->http, connection->peer_ended && connection->error == NULL);
    weft_deferred_cancel(&connection->flush); /* streams that ended may have spoken */
    bool was_server = weft_http_is_server(connection->http);
    weft_http_free(connection->http);
    connection->http = NULL;
    weft_connection_traffic(connection, &connection->traffic);
    weft_traffic_add(&link->counters.traffic, &connection->traffic);
    link->counters.connections_open--;
    link->counters.connections_lost += connection->error != NULL;
    weft_list_remove(&connection->in_link);
    if (was_server && !connection->peer_ended && !connection->lost) {
        weft_linger(link, connection->stream);
    } else {
        weft_stream_close(connection->stream);
    }
    connection->stream = NULL;
    struct weft_error *error = steal(&connection->error);
    connection->owner->closed(connection->context, error);
    weft_error_unref(error);
}

/* Takes the error. */
static void lose(struct weft_connection *connection, struct weft_error *error)
{
    connection->lost = true;
    connection->ends = true;
    if (connection->error == NULL) {
        connection->error = error;
    } else {
        weft_error_unref(error);
    }
}

void weft_connection_end(struct weft_connection *connection, struct weft_error *take_error)
{
    if (connection->error == NULL) {
        connection->error = take_error;
    } else {
        weft_error_unref(take_error);
    }
    connection->ends = true;
    weft_connection_nudge(connection);
}

void weft_connection_nudge(struct weft_connection *connection)
{
    weft_loop_defer_last(connection->link->loop, &connection->flush);
}

/* --- signs of life, and how long they take --- */

static void ping(struct weft_connection *connection)
{
    if (weft_http_ping(connection->http)) {
        connection->ping_under_way = true;
        connection->pinged_ns = connection->link->clock.now_ns(NULL);
        weft_connection_nudge(connection);
    }
}

void weft_connection_ask_for_sign(struct weft_connection *connection)
{
    ping(connection);
    connection->pinging = connection->ping_under_way;
}

uint64_t weft_connection_round_trip_ns(struct weft_connection *connection)
{
    if (connection->stream == NULL) {
        return 0;
    }
    uint64_t estimate_ns = weft_stream_round_trip_ns(connection->stream);
    if (estimate_ns > 0) {
        return estimate_ns;
    }
    uint64_t now_ns = connection->link->clock.now_ns(NULL);
    bool due = connection->pinged_ns == 0 ||
               now_ns - connection->pinged_ns >= WEFT_CONNECTION_MEASURE_MS * WEFT_NS_PER_MS;
    if (due && !connection->ends) {
        ping(connection);
    }
    return connection->round_trip_ns;
}

/* --- sending --- */

static void send_some(struct weft_connection *connection)
{
    struct iovec entries[WEFT_STREAM_IOV_MAX];
    while (!connection->blocked && !connection->lost) {
        int count = weft_http_send_vector(connection->http, entries, WEFT_STREAM_IOV_MAX);
        if (count == 0) {
            return;
        }
        size_t offered = 0;
        for (int i = 0; i < count; i++) {
            offered += entries[i].iov_len;
        }
        struct weft_error *error = NULL;
        ssize_t sent = weft_stream_send(connection->stream, entries, (size_t)count, &error);
        if (sent == WEFT_STREAM_FAILED) {
            lose(connection, error);
            return;
        }
        connection->blocked = sent < 0 || (size_t)sent < offered;
        if (sent > 0) {
            connection->sent_ns = weft_loop_looked_ns(connection->link->loop);
            weft_http_sent(connection->http, (size_t)sent);
        }
    }
}

static void resume_reading(struct weft_connection *connection)
{
    bool pause = connection->held || !weft_http_wants_receive(connection->http);
    if (pause != connection->stalled) {
        connection->stalled = pause;
        weft_stream_pause(connection->stream, pause);
    }
}

static void flush(void *context)
{
    struct weft_connection *connection = context;
    send_some(connection);
    if (!connection->ends && weft_http_is_done(connection->http) &&
        !weft_http_wants_send(connection->http)) {
        connection->ends = true;
    }
    if (connection->ends) {
        finish(connection);
        return;
    }
    resume_reading(connection);
    if (connection->owner->moved != NULL) {
        connection->owner->moved(connection->context);
    }
}

static void on_writable(void *context)
{
    struct weft_connection *connection = context;
    connection->blocked = false;
    weft_connection_nudge(connection);
}

/* --- receiving --- */

/* True where more may be there. */
static bool receive_some(struct weft_connection *connection)
{
    struct iovec entries[2];
    struct weft_error *error = NULL;
    int count = weft_http_receive_vector(connection->http, entries, 2, &error);
    if (count == 0) {
        if (error != NULL) {
            weft_connection_end(connection, error);
        } else {
            resume_reading(connection);
        }
        return false;
    }
    size_t capacity = entries[0].iov_len + (count > 1 ? entries[1].iov_len : 0);
    ssize_t received = weft_stream_recv(connection->stream, entries, (size_t)count, &error);
    if (received > 0) {
        connection->received_ns = weft_loop_looked_ns(connection->link->loop);
    }
    struct weft_error *broken = NULL;
    if (weft_http_received(connection->http, received > 0 ? (size_t)received : 0, &broken) !=
        WEFT_OK) {
        weft_connection_end(connection, broken);
        weft_error_unref(error);
        return false;
    }
    if (received == WEFT_STREAM_AGAIN) {
        return false;
    }
    weft_connection_nudge(connection);
    if (received == WEFT_STREAM_FAILED) {
        lose(connection, error);
    } else if (received == 0) {
        connection->peer_ended = true;
        connection->ends = true;
    }
    return received > 0 && (size_t)received == capacity;
}

static void on_readable(void *context)
{
    struct weft_connection *connection = context;
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (connection->ends || connection->stalled || !receive_some(connection)) {
            return;
        }
    }
}

static const struct weft_stream_handler stream_handler = {on_readable, on_writable};

void weft_connection_hold(struct weft_connection *connection, bool held)
{
    connection->held = held;
    weft_connection_nudge(connection);
}

/* --- the beginning --- */

enum weft_status weft_connection_open(struct weft_connection *connection, struct weft_link *link,
                                      struct weft_stream *stream, enum weft_http_version version,
                                      const struct weft_connection_owner *owner, void *context,
                                      struct weft_error **error)
{
    *connection = (struct weft_connection){
        .link = link, .stream = stream, .owner = owner, .context = context};
    connection->received_ns = connection->sent_ns = weft_loop_now_ns();
    weft_deferred_init(&connection->flush, flush, connection);
    enum weft_status status =
        version == WEFT_HTTP_UNDECIDED
            ? weft_http_new_server(link->shared, "http", &http_events, connection,
                                   &connection->http, error)
            : weft_http_new_client(link->shared, version, "http", &http_events, connection,
                                   &connection->http, error);
    if (status != WEFT_OK) {
        return status;
    }
    status = weft_stream_start(stream, &stream_handler, connection, error);
    if (status != WEFT_OK) {
        weft_deferred_cancel(&connection->flush);
        weft_http_free(connection->http);
        return status;
    }
    weft_list_append(&link->connections, &connection->in_link);
    link->counters.connections_open++;
    weft_connection_nudge(connection);
    return WEFT_OK;
}

void weft_connection_traffic(const struct weft_connection *connection,
                             struct weft_traffic *ret_traffic)
{
    const struct weft_stream *stream = connection->stream;
    *ret_traffic = (struct weft_traffic){
        .received_bytes = stream->received_bytes,
        .sent_bytes = stream->sent_bytes,
        .recv_calls = stream->recv_calls,
        .send_calls = stream->send_calls,
    };
}
