/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_CONNECTION_H
#define WEFT_LINK_CONNECTION_H

/*
 * A socket and the HTTP connection on it, either side: reads into the memory that wire/http.h
 * names, and sends at the end of a turn what has gathered in it. Lives in its owner's memory (a
 * listener's or a channel's); the owner's `closed` is the end. Not for other rooms; the loop's
 * thread.
 */

#include "link/link.h"

struct weft_connection;

/* Between two pings that measure: asking more often tells no more, and wakes up both sides. */
enum { WEFT_CONNECTION_MEASURE_MS = 1000 };

struct weft_connection_owner {
    /* Server: a request. */
    void (*request)(void *context, struct weft_http_stream *stream,
                    const struct weft_http_head *head);
    /* Client: the peer takes no new streams. */
    void (*goaway)(void *context);
    /* Some stream may have ended, or bytes came: time limits begin anew. May be NULL. */
    void (*moved)(void *context);
    /* Last, once, never from inside a call. error NULL = an orderly end (borrowed). */
    void (*closed)(void *context, const struct weft_error *error);
};

struct weft_connection {
    struct weft_link *link;
    struct weft_list in_link;
    struct weft_stream *stream;
    struct weft_http *http;
    const struct weft_connection_owner *owner;
    void *context;
    struct weft_deferred flush;
    struct weft_traffic traffic; /* once it has ended */
    struct weft_error *error;    /* why it ends */
    uint64_t received_ns;        /* when the loop looked that found what came last */
    uint64_t sent_ns;            /* when the peer last took something, or sending began */
    bool ends;                   /* at the next flush */
    bool blocked;                /* waits for the peer to take bytes */
    bool stalled;                /* reading is paused because HTTP wants nothing now */
    bool held;                   /* reading is paused because the receive budget is used up */
    bool peer_ended;
    bool lost;
    uint64_t pinged_ns;     /* when the last ping was sent; 0 = none yet */
    uint64_t round_trip_ns; /* of the last ping that was answered; 0 = none */
    bool ping_under_way;
    bool pinging; /* a ping is under way that decides over the connection's life */
};

/* version: the client's; WEFT_HTTP_UNDECIDED makes a server. Takes the stream on success. */
enum weft_status weft_connection_open(struct weft_connection *connection, struct weft_link *link,
                                      struct weft_stream *stream, enum weft_http_version version,
                                      const struct weft_connection_owner *owner, void *context,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Ends it at the end of the turn, sending first what can be sent at once. Takes the error; NULL =
 * in order. */
void weft_connection_end(struct weft_connection *connection, struct weft_error *take_error);
/* After weft_http_goaway and the like: has the connection look at itself at the end of the turn. */
void weft_connection_nudge(struct weft_connection *connection);
/* Stops reading while the receive budget has no room for an HTTP/1.1 body. */
void weft_connection_hold(struct weft_connection *connection, bool held);
/* Asks the peer for a sign of life: `pinging` until it has come, unless there is nothing to ask
 * with. Where a ping that measures is under way, its answer is the sign. */
void weft_connection_ask_for_sign(struct weft_connection *connection);
/* To the peer and back; 0 = unknown. The stream's own estimate where it has one (TCP); otherwise
 * (sockets of one host) as the last ping measured it, while another goes out, at most one in
 * WEFT_CONNECTION_MEASURE_MS: only who asks wakes the peer up. */
uint64_t weft_connection_round_trip_ns(struct weft_connection *connection);
void weft_connection_traffic(const struct weft_connection *connection,
                             struct weft_traffic *ret_traffic);

/* Takes a stream that has nothing more to say: ends sending, and closes when the peer has read
 * everything, or after a second. Closing at once with unread bytes would be a reset, which can
 * overtake the last answer (RFC 9112, 9.6). */
void weft_linger(struct weft_link *link, struct weft_stream *take_stream);
void weft_linger_end_all(struct weft_link *link);

#endif
