/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_GRPC_H
#define WEFT_WIRE_GRPC_H

/*
 * gRPC over one HTTP/2 stream (grpc/doc/PROTOCOL-HTTP2.md): messages instead of bytes, a status
 * instead of an end, both sides, unary and streaming. A call lives in its stream's memory, from
 * weft_grpc_accept or weft_grpc_call until its on_finished returns; on the stream's thread. Events
 * come when the stream's do (see http.h).
 *
 * Messages arrive in one piece: a small one as a part of the read buffer, a large one in a buffer
 * of its own that the socket was read into.
 */

#include "wire/budget.h"
#include "wire/http.h"

struct weft_grpc_call;
struct weft_pool;

enum {
    /* A message's bytes where the host sets no other limit: a 4K RGB image in FP32 and room to
       spare. */
    WEFT_GRPC_MESSAGE_MAX_BYTES = 256 * 1024 * 1024,
    /* What a message may grow to when inflated is the same limit as for plain ones. Replies are
     * compressed only above this: less than one packet gains nothing. */
    WEFT_GRPC_COMPRESS_MIN_BYTES = 1024,
    /* grpc-message that we send (longer ones are cut): other implementations refuse heads above 8
       KiB. */
    WEFT_GRPC_STATUS_MESSAGE_MAX_BYTES = 4 * 1024,
    /* What vector units like; as weft_buffer_new. */
    WEFT_GRPC_ALIGNMENT_BYTES = 64,
    /* Items of metadata that we send with one head or status: more than a well-behaved call has,
     * and it all fits on the stack. [INVALID_ARGUMENT; trailing metadata is left out] */
    WEFT_GRPC_METADATA_MAX = 32,
};

/* `grpc-encoding`. */
enum weft_grpc_encoding {
    WEFT_GRPC_IDENTITY = 0,
    WEFT_GRPC_GZIP = 1,
};

/* One item of metadata. A name that ends in "-bin" has any bytes as its value (base64 on the wire),
 * others printable ASCII. Names in lower case. */
struct weft_grpc_metadata {
    const char *name;
    const void *value;
    size_t value_size_bytes;
};

/* Limits and helpers that many calls share. */
struct weft_grpc_options {
    size_t message_max_bytes;           /* 0: WEFT_GRPC_MESSAGE_MAX_BYTES */
    struct weft_receive_budget *budget; /* NULL: unlimited */
    struct weft_pool *pool;             /* where large messages go; NULL: the heap */
    /* Field numbers, 0 at the end, from the message down to a bytes field: where it is what makes a
     * message large, its bytes land aligned as WEFT_GRPC_ALIGNMENT_BYTES says, so that a tensor
     * need not be moved to be used. NULL: none. A constant. */
    const uint32_t *aligned;
    /* A host that inflates large messages elsewhere: what came compressed is given as it came
     * (weft_grpc_call_is_packed), and a message above this is sent as it is unless it was packed by
     * the host (weft_grpc_send_packed). 0: both are done here and now. */
    size_t pack_max_bytes;
};

struct weft_grpc_events {
    /* Client: the response's initial metadata (not called for trailers-only). May be NULL. */
    void (*on_head)(void *context, struct weft_grpc_call *call, const struct weft_http_head *head);
    /* A whole message, decompressed, borrowed (weft_slice_ref keeps it). Small ones are part of a
     * shared read buffer: copy what is kept long. */
    void (*on_message)(void *context, struct weft_grpc_call *call,
                       const struct weft_slice *message);
    /* Server: the client sends no more messages. May be NULL. */
    void (*on_half_closed)(void *context, struct weft_grpc_call *call);
    /* The send queue ran down (weft_grpc_call_queued_bytes). May be NULL. */
    void (*on_drained)(void *context, struct weft_grpc_call *call);
    /* Last, once; the call is invalid afterwards. Client: the call's status, the server's message
     * as an error (borrowed, NULL where OK) and trailing metadata. Server: OK when the status was
     * delivered to the connection, else why not (CANCELLED: the client left; the work for it can
     * stop). */
    void (*on_finished)(void *context, struct weft_grpc_call *call, enum weft_status status,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count);
};

/* --- Server
 * ----------------------------------------------------------------------------------------------------
 */

/* Whether a request means gRPC: content-type application/grpc, alone or with + or ; behind it. */
bool weft_grpc_is_request(const struct weft_http_head *head);
/* Takes the stream over as a gRPC call, inside on_request. Where the request breaks the protocol
 * (not POST, HTTP/1.1, no `te: trailers`, unknown encoding, bad timeout) the right answer is sent,
 * no call exists, no event comes, and the status is not OK. */
WEFT_MUST_CHECK enum weft_status
weft_grpc_accept(struct weft_http_stream *stream, const struct weft_http_head *head,
                 const struct weft_grpc_options *options, const struct weft_grpc_events *events,
                 void *context, struct weft_grpc_call **ret_call, struct weft_error **error);
/* Refuses a gRPC request (unknown method, no permission, overload) inside on_request: a
 * trailers-only answer. */
void weft_grpc_refuse(struct weft_http_stream *stream, enum weft_status status,
                      const char *message);
/* From grpc-timeout: UINT64_MAX if the client set none. Relative to the arrival of the head. */
uint64_t weft_grpc_call_timeout_ns(const struct weft_grpc_call *call);
/* Whether the client accepts gzip. */
bool weft_grpc_call_accepts(const struct weft_grpc_call *call, enum weft_grpc_encoding encoding);
/* Compression of the messages sent from now on; before the first one. Ignored where the client does
 * not accept it. */
void weft_grpc_call_set_encoding(struct weft_grpc_call *call, enum weft_grpc_encoding encoding);
/* Adds to the initial metadata; before the first message. */
WEFT_MUST_CHECK enum weft_status weft_grpc_call_set_head(struct weft_grpc_call *call,
                                                         const struct weft_grpc_metadata *metadata,
                                                         size_t count, struct weft_error **error);
/* Ends the call: status, message (NULL: the status's words; any UTF-8) and trailing metadata.
 * Without an earlier message and with a status that is not OK this is trailers-only. May be called
 * at any time, also before the client has sent everything. Out of memory resets the stream, so the
 * client hears of the end in any case. */
void weft_grpc_finish(struct weft_grpc_call *call, enum weft_status status, const char *message,
                      const struct weft_grpc_metadata *trailers, size_t trailers_count);
/* A unary answer: weft_grpc_send and weft_grpc_finish with OK. On failure the slices are still the
 * caller's. */
WEFT_MUST_CHECK enum weft_status weft_grpc_reply(struct weft_grpc_call *call,
                                                 struct weft_slice *take_slices,
                                                 size_t slices_count, struct weft_error **error);

/* --- Client
 * ----------------------------------------------------------------------------------------------------
 */

struct weft_grpc_request {
    const char *path;      /* "/package.Service/Method" */
    const char *authority; /* host and port */
    uint64_t
        timeout_ns; /* UINT64_MAX: none. It is only told to the server; the host keeps the time */
    enum weft_grpc_encoding encoding;
    const struct weft_grpc_metadata *metadata;
    size_t metadata_count;
};

/* Starts a call. UNAVAILABLE where the connection has no room (weft_http_can_open). */
WEFT_MUST_CHECK enum weft_status
weft_grpc_call(struct weft_http *http, const struct weft_grpc_request *request,
               const struct weft_grpc_options *options, const struct weft_grpc_events *events,
               void *context, struct weft_grpc_call **ret_call, struct weft_error **error);
/* The client sends no more messages. */
WEFT_MUST_CHECK enum weft_status weft_grpc_half_close(struct weft_grpc_call *call,
                                                      struct weft_error **error);
/* After on_finished with UNAVAILABLE, asked inside it: the server certainly did not see the call
 * (safe to retry). */
bool weft_grpc_call_was_unprocessed(const struct weft_grpc_call *call);

/* --- Both sides
 * ------------------------------------------------------------------------------------------------
 */

/* Sends one message made of the slices in order; their references are taken on success. CANCELLED
 * after the end. */
WEFT_MUST_CHECK enum weft_status weft_grpc_send(struct weft_grpc_call *call,
                                                struct weft_slice *take_slices, size_t slices_count,
                                                struct weft_error **error);
/* The same for one that weft_grpc_deflate made; where weft_grpc_call_packs. */
WEFT_MUST_CHECK enum weft_status weft_grpc_send_packed(struct weft_grpc_call *call,
                                                       struct weft_slice *take_slice,
                                                       struct weft_error **error);
/* Whether a message of that size is to be sent compressed. */
bool weft_grpc_call_packs(const struct weft_grpc_call *call, size_t size_bytes);
/* Inside on_message: whether the message is still compressed (pack_max_bytes). */
bool weft_grpc_call_is_packed(const struct weft_grpc_call *call);
size_t weft_grpc_call_queued_bytes(const struct weft_grpc_call *call);
/* Ends the call at once; on_finished follows with the next flush, with `status` (CANCELLED,
 * DEADLINE_EXCEEDED) on this side. */
void weft_grpc_cancel(struct weft_grpc_call *call, enum weft_status status);
/* While paused, the window does not reopen, so a fast sender is slowed down to what was already
 * under way. */
void weft_grpc_call_pause(struct weft_grpc_call *call);
void weft_grpc_call_resume(struct weft_grpc_call *call);
struct weft_http_stream *weft_grpc_call_stream(const struct weft_grpc_call *call);
void *weft_grpc_call_context(const struct weft_grpc_call *call);
void weft_grpc_call_set_context(struct weft_grpc_call *call, void *context);

/* --- Messages in gzip: any thread ---------------------------------------------------------------
 */

/* Inflates into one buffer of at most max_bytes. RESOURCE_EXHAUSTED above, INTERNAL for what is not
 * gzip. */
WEFT_MUST_CHECK enum weft_status weft_grpc_inflate(const struct weft_slice *packed,
                                                   size_t max_bytes, struct weft_pool *pool,
                                                   struct weft_slice *ret_slice,
                                                   struct weft_error **error);
/* Deflates; OK with an empty *ret_slice where that would not make it smaller. */
WEFT_MUST_CHECK enum weft_status weft_grpc_deflate(const struct weft_slice *slices,
                                                   size_t slices_count,
                                                   struct weft_slice *ret_slice,
                                                   struct weft_error **error);

/* --- Texts of the protocol
 * ------------------------------------------------------------------------------------- */

enum { WEFT_GRPC_TIMEOUT_TEXT_BYTES = 12 };

/* "100m" and the like (at most 8 digits and a unit); false for anything else. Saturates below
 * UINT64_MAX. */
bool weft_grpc_timeout_parse(const char *text, uint64_t *ret_timeout_ns);
/* The shortest exact or next longer form. UINT64_MAX gives the longest that can be said. */
void weft_grpc_timeout_format(uint64_t timeout_ns, char text[WEFT_GRPC_TIMEOUT_TEXT_BYTES]);
/* Percent coding of grpc-message. Writes at most capacity bytes with the terminator, cut at a whole
 * character. Returns the length. */
size_t weft_grpc_message_encode(const char *text, char *encoded, size_t capacity);
/* Decodes; what is not proper coding stays as it is. */
size_t weft_grpc_message_decode(const char *encoded, size_t length, char *text, size_t capacity);
/* "/service/method" into its parts, borrowed from path; false if it is not of that form. */
bool weft_grpc_path_split(const char *path, const char **ret_service, size_t *ret_service_length,
                          const char **ret_method, size_t *ret_method_length);
/* The value of a received -bin field (base64 with or without padding; the first where several are
 * joined by commas). Returns false if it is not base64 or longer than capacity. */
bool weft_grpc_binary_decode(const struct weft_http_field *field, void *bytes, size_t capacity,
                             size_t *ret_size_bytes);

#endif
