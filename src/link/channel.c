/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "link/channel.h"
#include "link/internal.h"

/*
 *          want                connected
 *   IDLE ───────▶ CONNECTING ─────────────▶ READY
 *    ▲  ▲             │ failed               │ lost, GOAWAY
 *    │  └───────── FAILED ◀──────────────────┤ (soon after it was made)
 *    │ pause over    └──▶ CONNECTING, if calls wait
 *    └───────────────────────────────────────┘
 */

static void set_state(struct weft_channel *channel, enum weft_channel_state state)
{
    channel->state = state;
    if (channel->options.changed != NULL) {
        weft_loop_defer(channel->link->loop, &channel->tell);
    }
}

static void tell(void *context)
{
    struct weft_channel *channel = context;
    if (channel->told != channel->state) {
        channel->told = channel->state;
        channel->options.changed(channel->options.context, channel->state,
                                 channel->state == WEFT_CHANNEL_FAILED ? channel->trouble : NULL);
    }
}

/* --- the pause after a failure --- */

static void start_connect(struct weft_channel *channel);

/* Takes the error. */
static void fail(struct weft_channel *channel, struct weft_error *error)
{
    weft_error_unref(channel->trouble);
    channel->trouble = error;
    set_state(channel, WEFT_CHANNEL_FAILED);
    uint64_t max_ns = channel->options.backoff_max_ms * WEFT_NS_PER_MS;
    uint64_t pause_ns = channel->backoff_ns;
    channel->backoff_ns = pause_ns * 2 < max_ns ? pause_ns * 2 : max_ns;
    /* A fifth either way, so that the clients of a node that came back don't all come at once. */
    pause_ns = pause_ns * 4 / 5 + weft_random_below(&channel->link->random, pause_ns * 2 / 5 + 1);
    if (weft_timer_set(&channel->backoff, weft_loop_now_ns() + pause_ns) != WEFT_OK) {
        set_state(channel, WEFT_CHANNEL_IDLE); /* the next call tries at once */
    }
    weft_calls_fail(channel, error);
}

static void on_pause_over(void *context)
{
    struct weft_channel *channel = context;
    set_state(channel, WEFT_CHANNEL_IDLE);
    if (!weft_list_is_empty(&channel->waiting)) {
        start_connect(channel);
    }
}

/* --- connections --- */

static void end_if_last(struct weft_channel *channel)
{
    if (channel->closes && weft_list_is_empty(&channel->carriers) &&
        weft_list_is_empty(&channel->waiting) && weft_list_is_empty(&channel->open)) {
        weft_loop_defer(channel->link->loop, &channel->last);
    }
}

void weft_channel_call_ended(struct weft_channel *channel)
{
    end_if_last(channel);
}

static void on_carrier_closed(void *context, const struct weft_error *error)
{
    struct weft_carrier *carrier = context;
    struct weft_channel *channel = carrier->channel;
    weft_traffic_add(&channel->past, &carrier->connection.traffic);
    bool current = channel->carrier == carrier;
    bool short_lived = weft_loop_now_ns() - carrier->since_ns < WEFT_NS_PER_S;
    weft_timer_cancel(&carrier->keepalive);
    weft_list_remove(&carrier->link);
    free(carrier);
    if (current) {
        channel->carrier = NULL;
    }
    if (channel->closes) {
        end_if_last(channel);
        return;
    }
    if (!current) {
        return;
    }
    if (short_lived || error != NULL) {
        /* Somebody who takes connections and drops them must not be asked in a tight loop. */
        struct weft_error *trouble = NULL;
        if (error != NULL) {
            trouble = weft_error_ref((struct weft_error *)(uintptr_t)error);
        }
        weft_error_wrap(&trouble, WEFT_UNAVAILABLE, "the connection to %s ended", channel->address);
        fail(channel, trouble);
        return;
    }
    set_state(channel, WEFT_CHANNEL_IDLE);
    if (!weft_list_is_empty(&channel->waiting)) {
        start_connect(channel);
    }
}

/* The server takes no new streams: this connection serves those it has, a new one is made when
 * needed. */
static void on_goaway(void *context)
{
    struct weft_carrier *carrier = context;
    struct weft_channel *channel = carrier->channel;
    weft_http_goaway(carrier->connection.http);
    weft_connection_nudge(&carrier->connection);
    if (channel->carrier != carrier || channel->closes) {
        return;
    }
    channel->carrier = NULL;
    set_state(channel, WEFT_CHANNEL_IDLE);
    if (!weft_list_is_empty(&channel->waiting)) {
        start_connect(channel);
    }
}

static void on_keepalive(void *context)
{
    struct weft_carrier *carrier = context;
    struct weft_connection *connection = &carrier->connection;
    struct weft_channel *channel = carrier->channel;
    uint64_t now_ns = weft_loop_now_ns();
    uint64_t interval_ns = channel->options.keepalive_ms * WEFT_NS_PER_MS;
    if (weft_http_streams_count(connection->http) == 0) {
        return; /* nobody waits; armed again with the next call */
    }
    uint64_t next_ns = connection->received_ns + interval_ns;
    if (now_ns >= next_ns) {
        uint64_t timeout_ns = channel->options.keepalive_timeout_ms * WEFT_NS_PER_MS;
        if (connection->pinging) {
            struct weft_error *error = NULL;
            weft_error_set(&error, WEFT_UNAVAILABLE, "%s gives no sign of life", channel->address);
            weft_connection_end(connection, error);
            return;
        }
        weft_connection_ask_for_sign(connection);
        weft_connection_nudge(connection);
        next_ns = now_ns + timeout_ns;
    }
    if (weft_timer_set(&carrier->keepalive, next_ns) != WEFT_OK) {
        weft_log(channel->link->log, WEFT_LOG_WARNING, NULL, "no memory to watch %s",
                 channel->address);
    }
}

static void on_moved(void *context)
{
    struct weft_carrier *carrier = context;
    struct weft_channel *channel = carrier->channel;
    if (!weft_timer_is_set(&carrier->keepalive) &&
        weft_http_streams_count(carrier->connection.http) > 0) {
        uint64_t next_ns = weft_loop_now_ns() + channel->options.keepalive_ms * WEFT_NS_PER_MS;
        if (weft_timer_set(&carrier->keepalive, next_ns) != WEFT_OK) {
            weft_log(channel->link->log, WEFT_LOG_WARNING, NULL, "no memory to watch %s",
                     channel->address);
        }
    }
    if (!weft_list_is_empty(&channel->waiting) && channel->carrier == carrier) {
        weft_calls_start(channel);
    }
}

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    (void)context, (void)stream, (void)head; /* a client's connection has none */
}

static const struct weft_connection_owner owner = {
    .request = on_request,
    .goaway = on_goaway,
    .moved = on_moved,
    .closed = on_carrier_closed,
};

static enum weft_status carry(struct weft_channel *channel, struct weft_stream *stream,
                              struct weft_error **error)
{
    struct weft_carrier *carrier = calloc(1, sizeof(*carrier));
    if (carrier == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_connection_open(&carrier->connection, channel->link, stream,
                                                   WEFT_HTTP_2, &owner, carrier, error);
    if (status != WEFT_OK) {
        free(carrier);
        return status;
    }
    carrier->channel = channel;
    carrier->since_ns = weft_loop_now_ns();
    weft_timer_init(&carrier->keepalive, channel->link->loop, on_keepalive, carrier);
    weft_list_append(&channel->carriers, &carrier->link);
    channel->carrier = carrier;
    return WEFT_OK;
}

static void on_connected(void *context, struct weft_stream *stream, struct weft_error *error)
{
    struct weft_channel *channel = context;
    channel->connect = NULL;
    if (error != NULL) {
        channel->link->counters.connect_failures++;
        fail(channel, weft_error_ref(error));
        return;
    }
    struct weft_error *trouble = NULL;
    if (carry(channel, stream, &trouble) != WEFT_OK) {
        weft_stream_close(stream);
        fail(channel, trouble);
        return;
    }
    channel->link->counters.connects++;
    channel->backoff_ns = channel->options.backoff_min_ms * WEFT_NS_PER_MS;
    set_state(channel, WEFT_CHANNEL_READY);
    weft_calls_start(channel);
}

static void start_connect(struct weft_channel *channel)
{
    if (channel->connect != NULL || channel->carrier != NULL || channel->closes) {
        return;
    }
    struct weft_error *error = NULL;
    uint64_t deadline_ns =
        weft_loop_now_ns() + channel->options.connect_timeout_ms * WEFT_NS_PER_MS;
    weft_timer_cancel(&channel->backoff);
    if (weft_tcp_connect(channel->link->loop, channel->address, &channel->link->tcp, deadline_ns,
                         on_connected, channel, &channel->connect, &error) != WEFT_OK) {
        fail(channel, error);
        return;
    }
    set_state(channel, WEFT_CHANNEL_CONNECTING);
}

void weft_channel_want(struct weft_channel *channel)
{
    if (channel->state == WEFT_CHANNEL_IDLE) {
        start_connect(channel);
    }
}

void weft_channel_connect(struct weft_channel *channel)
{
    start_connect(channel);
}

/* --- life --- */

static uint64_t ms_or(uint64_t value_ms, uint64_t default_ms)
{
    return value_ms > 0 ? value_ms : default_ms;
}

static void on_last(void *context)
{
    struct weft_channel *channel = context;
    void (*closed)(void *context) = channel->closed;
    void *closed_context = channel->closed_context;
    weft_deferred_cancel(&channel->tell);
    weft_error_unref(channel->trouble);
    free(channel->address);
    free(channel);
    if (closed != NULL) {
        closed(closed_context);
    }
}

enum weft_status weft_channel_open(struct weft_link *link, const char *address,
                                   const struct weft_channel_options *options,
                                   struct weft_channel **ret_channel, struct weft_error **error)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    enum weft_status status = weft_address_split(address, host, &port, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_channel *channel = calloc(1, sizeof(*channel));
    char *copy = strdup(address);
    if (channel == NULL || copy == NULL) {
        free(channel);
        free(copy);
        return weft_error_set_out_of_memory(error);
    }
    channel->link = link;
    channel->address = copy;
    channel->options = options != NULL ? *options : (struct weft_channel_options){0};
    struct weft_channel_options *chosen = &channel->options;
    chosen->connect_timeout_ms = ms_or(chosen->connect_timeout_ms, WEFT_CHANNEL_CONNECT_TIMEOUT_MS);
    chosen->backoff_min_ms = ms_or(chosen->backoff_min_ms, WEFT_CHANNEL_BACKOFF_MIN_MS);
    chosen->backoff_max_ms = ms_or(chosen->backoff_max_ms, WEFT_CHANNEL_BACKOFF_MAX_MS);
    chosen->keepalive_ms = ms_or(chosen->keepalive_ms, WEFT_CHANNEL_KEEPALIVE_MS);
    chosen->keepalive_timeout_ms =
        ms_or(chosen->keepalive_timeout_ms, WEFT_CHANNEL_KEEPALIVE_TIMEOUT_MS);
    channel->backoff_ns = chosen->backoff_min_ms * WEFT_NS_PER_MS;
    weft_list_init(&channel->carriers);
    weft_list_init(&channel->waiting);
    weft_list_init(&channel->open);
    weft_timer_init(&channel->backoff, link->loop, on_pause_over, channel);
    weft_deferred_init(&channel->tell, tell, channel);
    weft_deferred_init(&channel->last, on_last, channel);
    *ret_channel = channel;
    return WEFT_OK;
}

enum weft_channel_state weft_channel_state(const struct weft_channel *channel)
{
    return channel->state;
}

const char *weft_channel_address(const struct weft_channel *channel)
{
    return channel->address;
}

void weft_channel_traffic(const struct weft_channel *channel, struct weft_traffic *ret_traffic)
{
    *ret_traffic = channel->past;
    for (const struct weft_list *link = channel->carriers.next; link != &channel->carriers;
         link = link->next) {
        struct weft_traffic traffic;
        weft_connection_traffic(&weft_list_entry(link, struct weft_carrier, link)->connection,
                                &traffic);
        weft_traffic_add(ret_traffic, &traffic);
    }
}

uint64_t weft_channel_round_trip_ns(const struct weft_channel *channel)
{
    struct weft_carrier *carrier = channel->carrier;
    return carrier != NULL ? weft_connection_round_trip_ns(&carrier->connection) : 0;
}

static void end_carriers(struct weft_channel *channel)
{
    for (struct weft_list *link = channel->carriers.next; link != &channel->carriers;) {
        struct weft_carrier *carrier = weft_list_entry(link, struct weft_carrier, link);
        link = link->next;
        weft_connection_end(&carrier->connection, NULL);
    }
}

void weft_channel_close(struct weft_channel *channel, void (*closed)(void *context), void *context)
{
    weft_assert(!channel->closes);
    channel->closes = true;
    channel->closed = closed;
    channel->closed_context = context;
    channel->state = WEFT_CHANNEL_CLOSED;
    weft_deferred_cancel(&channel->tell);
    weft_timer_cancel(&channel->backoff);
    if (channel->connect != NULL) {
        weft_connect_cancel(channel->connect);
        channel->connect = NULL;
    }
    weft_calls_cancel_all(channel);
    end_carriers(channel);
    end_if_last(channel);
}
