/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_GRPC_SERVER_H
#define WEFT_LINK_GRPC_SERVER_H

/*
 * gRPC methods by their full path. Filled at start-up by `serve` and `run`, given to listeners,
 * then only read. A call is handed to its method and must be ended by exactly one
 * weft_server_call_finish or weft_server_call_reply, inside an event or later; afterwards the
 * pointer is invalid. Deadlines are kept here: when one passed 100 ms ago, in which a method may
 * say itself why it is late, or the client leaves, `cancelled` is called once, and the method still
 * ends the call (which then says nothing any more). The loop's thread.
 */

#include "link/link.h"
#include "wire/grpc.h"

struct weft_grpc_server;
struct weft_server_call;

/* Methods of one server. */
enum { WEFT_GRPC_METHODS_MAX = 256 };

/* What a call may have queued for a client that doesn't read [the call is cut: RESOURCE_EXHAUSTED].
 */
enum { WEFT_CALL_QUEUE_MAX_BYTES = 512 * 1024 * 1024 };

struct weft_server_call_events {
    /* A whole message, decompressed, borrowed (weft_slice_ref keeps it; small ones share a read
     * buffer, so copy what is small and kept long). */
    void (*message)(void *context, struct weft_server_call *call, const struct weft_slice *message);
    /* The client sends no more. May be NULL. */
    void (*half_closed)(void *context, struct weft_server_call *call);
    /* CANCELLED: the client left; DEADLINE_EXCEEDED; UNAVAILABLE: the listener was cut. Called at
     * most once. May be NULL. */
    void (*cancelled)(void *context, struct weft_server_call *call, enum weft_status reason);
    /* The queue ran down after weft_server_call_queued_bytes was above WEFT_HTTP_DRAINED_BYTES. May
     * be NULL. */
    void (*drained)(void *context, struct weft_server_call *call);
};

struct weft_grpc_method {
    const char *path; /* "/inference.GRPCInferenceService/ModelInfer" */
    /* Exactly one of the two. unary: called with the one message when it and the client's end have
     * arrived; the slice is borrowed. start: called when the head has arrived; sets the call's
     * events by weft_server_call_handle. */
    void (*unary)(void *context, struct weft_server_call *call, const struct weft_slice *message);
    void (*start)(void *context, struct weft_server_call *call);
    void *context;
    size_t message_max_bytes; /* 0 = WEFT_GRPC_MESSAGE_MAX_BYTES [RESOURCE_EXHAUSTED] */
    size_t queue_max_bytes;   /* 0 = WEFT_CALL_QUEUE_MAX_BYTES */
    const uint32_t *aligned;  /* as in weft_grpc_options */
    size_t pack_max_bytes;    /* the same */
};

struct weft_grpc_server *weft_grpc_server_new(void);
/* Copies the path. ALREADY_EXISTS. */
enum weft_status weft_grpc_server_add(struct weft_grpc_server *server,
                                      const struct weft_grpc_method *method,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_grpc_server_free(struct weft_grpc_server *server);

/* --- a call --- */

/* Inside `start`, or for a unary method to hear of `cancelled`. `events` outlives the call. */
void weft_server_call_handle(struct weft_server_call *call,
                             const struct weft_server_call_events *events, void *context);
void *weft_server_call_context(const struct weft_server_call *call);
const char *weft_server_call_path(const struct weft_server_call *call);
/* Metadata as it came: a text value or NULL; valid until `cancelled` or the end. Name in lower
 * case. */
const char *weft_server_call_metadata(const struct weft_server_call *call, const char *name);
/* All of it, as the request's head; NULL when the client has left. */
const struct weft_http_head *weft_server_call_head(const struct weft_server_call *call);
/* WEFT_DEADLINE_NEVER_NS if the client set none. */
uint64_t weft_server_call_deadline_ns(const struct weft_server_call *call);
/* "127.0.0.1:51812" */
const char *weft_server_call_peer(const struct weft_server_call *call);
/* Of the connection that the call came on; zeroes once it is gone. */
void weft_server_call_traffic(const struct weft_server_call *call,
                              struct weft_traffic *ret_traffic);
/* As weft_connection_round_trip_ns, of that connection. */
uint64_t weft_server_call_round_trip_ns(const struct weft_server_call *call);
struct weft_link *weft_server_call_link(const struct weft_server_call *call);
bool weft_server_call_is_cancelled(const struct weft_server_call *call);
/* Whether the message is still compressed, as only methods with pack_max_bytes see it: in `unary`,
 * or in `message`. */
bool weft_server_call_is_packed(const struct weft_server_call *call);
/* Whether a reply of that size goes compressed. */
bool weft_server_call_packs(const struct weft_server_call *call, size_t size_bytes);
/* Compresses messages from now on where the client takes it; before the first. */
void weft_server_call_set_encoding(struct weft_server_call *call, enum weft_grpc_encoding encoding);
/* Adds to the response's initial metadata; before the first message. */
enum weft_status weft_server_call_set_metadata(struct weft_server_call *call,
                                               const struct weft_grpc_metadata *metadata,
                                               size_t count,
                                               struct weft_error **error) WEFT_MUST_CHECK;
/* Sends one message made of the slices, no copy of large ones. Takes the references whatever
 * happens. False where the call is over: stop producing. */
bool weft_server_call_send(struct weft_server_call *call, struct weft_slice *take_slices,
                           size_t slices_count);
/* The same for one that weft_grpc_deflate made, after weft_server_call_packs. */
bool weft_server_call_send_packed(struct weft_server_call *call, struct weft_slice *take_slice);
size_t weft_server_call_queued_bytes(const struct weft_server_call *call);
/* Backpressure: while paused, the client's window does not reopen. */
void weft_server_call_pause(struct weft_server_call *call, bool paused);
/* Ends the call. error NULL = OK; otherwise its status, its words, and all it knows as
 * grpc-status-details-bin (wire/problem.h). */
void weft_server_call_finish(struct weft_server_call *call, const struct weft_error *error);
/* One message and OK. Takes the references whatever happens. */
void weft_server_call_reply(struct weft_server_call *call, struct weft_slice *take_slices,
                            size_t slices_count);

#endif
