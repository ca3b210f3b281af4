/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_GRPC_CLIENT_H
#define WEFT_LINK_GRPC_CLIENT_H

/*
 * A channel: gRPC calls to one address over one connection, which is made when first needed, kept,
 * and made anew with growing, jittered pauses when it broke. A call ends with its `done` exactly
 * once, never from inside a call into this header; afterwards its pointer is invalid. The loop's
 * thread.
 */

#include "link/link.h"
#include "wire/grpc.h"

struct weft_channel;
struct weft_client_call;

enum {
    WEFT_CHANNEL_CONNECT_TIMEOUT_MS = 5 * 1000,
    /* The pause after the first failed attempt; doubles, with jitter of a fifth either way, up to
     * the maximum. Short: nodes of one cluster restart in well under a second. */
    WEFT_CHANNEL_BACKOFF_MIN_MS = 50,
    WEFT_CHANNEL_BACKOFF_MAX_MS = 5 * 1000,
    /* While calls are open and nothing came for so long, the peer is asked for a sign of life. Not
     * under 10 s: other implementations answer ENHANCE_YOUR_CALM. */
    WEFT_CHANNEL_KEEPALIVE_MS = 10 * 1000,
    /* No answer to that within this: the connection is dead, its calls end with UNAVAILABLE. */
    WEFT_CHANNEL_KEEPALIVE_TIMEOUT_MS = 5 * 1000,
    /* Calls that wait for the connection, or for room on it. [RESOURCE_EXHAUSTED] */
    WEFT_CHANNEL_WAITING_MAX = 4096,
};

enum weft_channel_state {
    WEFT_CHANNEL_IDLE,
    WEFT_CHANNEL_CONNECTING,
    WEFT_CHANNEL_READY,
    WEFT_CHANNEL_FAILED, /* pausing before the next attempt */
    WEFT_CHANNEL_CLOSED,
};

struct weft_channel_options {
    uint64_t connect_timeout_ms; /* 0 = the above, and so on */
    uint64_t backoff_min_ms;
    uint64_t backoff_max_ms;
    uint64_t keepalive_ms;
    uint64_t keepalive_timeout_ms;
    size_t message_max_bytes;
    /* Told of each change, never from inside a call. error says why with FAILED (borrowed). May be
     * NULL. */
    void (*changed)(void *context, enum weft_channel_state state, const struct weft_error *error);
    void *context;
};

/* Opens nothing yet. options NULL = defaults. INVALID_ARGUMENT for an address that is none. */
enum weft_status weft_channel_open(struct weft_link *link, const char *address,
                                   const struct weft_channel_options *options,
                                   struct weft_channel **ret_channel,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Connects if there is no connection, without waiting for a pause to end. */
void weft_channel_connect(struct weft_channel *channel);
enum weft_channel_state weft_channel_state(const struct weft_channel *channel);
const char *weft_channel_address(const struct weft_channel *channel);
/* All of this channel's connections together. */
void weft_channel_traffic(const struct weft_channel *channel, struct weft_traffic *ret_traffic);
/* As weft_connection_round_trip_ns, of the connection that takes new calls. */
uint64_t weft_channel_round_trip_ns(const struct weft_channel *channel);
/* Open calls end with CANCELLED. `closed` (NULL is fine) is called once, never from inside; the
 * channel is gone then. */
void weft_channel_close(struct weft_channel *channel, void (*closed)(void *context), void *context);

/* --- calls --- */

struct weft_client_call_options {
    const char *path;     /* "/package.Service/Method" */
    uint64_t deadline_ns; /* 0 or WEFT_DEADLINE_NEVER_NS = none */
    /* How much longer than its deadline an open call is waited for, so that the server can say why
     * it is late. The server is told the deadline. */
    uint64_t patience_ns;
    bool wait_for_ready; /* false: UNAVAILABLE at once while the channel is FAILED, and when
                            connecting fails */
    enum weft_grpc_encoding encoding;
    const uint32_t *aligned;                   /* of the answers, as in weft_grpc_options */
    const struct weft_grpc_metadata *metadata; /* copied */
    size_t metadata_count;
};

struct weft_client_call_events {
    /* Initial metadata. May be NULL. */
    void (*head)(void *context, struct weft_client_call *call, const struct weft_http_head *head);
    /* A whole message, borrowed, as on the server. */
    void (*message)(void *context, struct weft_client_call *call, const struct weft_slice *message);
    /* The queue ran down, as on the server. May be NULL. */
    void (*drained)(void *context, struct weft_client_call *call);
    /* Last, once. error NULL = OK (borrowed). trailers are the server's, valid inside. */
    void (*done)(void *context, struct weft_client_call *call, const struct weft_error *error,
                 const struct weft_http_field *trailers, size_t trailers_count);
};

/* Starts a call. `events` outlives it. */
enum weft_status weft_channel_call(struct weft_channel *channel,
                                   const struct weft_client_call_options *options,
                                   const struct weft_client_call_events *events, void *context,
                                   struct weft_client_call **ret_call,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Sends one message. Takes the references whatever happens. False where the call is over. Messages
 * sent before the connection is there are kept. */
bool weft_client_call_send(struct weft_client_call *call, struct weft_slice *take_slices,
                           size_t slices_count);
/* No more messages. */
void weft_client_call_half_close(struct weft_client_call *call);
/* Ends it with CANCELLED; `done` follows. */
void weft_client_call_cancel(struct weft_client_call *call);
size_t weft_client_call_queued_bytes(const struct weft_client_call *call);
void weft_client_call_pause(struct weft_client_call *call, bool paused);
void *weft_client_call_context(const struct weft_client_call *call);

/* One message there, one back. `done` gets the reply (borrowed; NULL unless OK) or the error
 * (borrowed). Takes the references on success only. ret_call may be NULL. */
typedef void weft_unary_done(void *context, const struct weft_slice *reply,
                             const struct weft_error *error);
enum weft_status weft_channel_unary(struct weft_channel *channel,
                                    const struct weft_client_call_options *options,
                                    struct weft_slice *take_slices, size_t slices_count,
                                    weft_unary_done *done, void *context,
                                    struct weft_client_call **ret_call,
                                    struct weft_error **error) WEFT_MUST_CHECK;

#endif
