/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_HTTP_H
#define WEFT_WIRE_HTTP_H

/*
 * One HTTP connection, server or client, HTTP/1.1 (RFC 9112) or HTTP/2 (RFC 9113), without socket
 * and without clock: the host (`link`) reads from its socket into the memory that
 * weft_http_receive_vector names, reports the bytes, and writes what weft_http_send_vector lists.
 * Time (deadlines, keepalive, idle connections) is the host's business too. A connection, its
 * streams and its weft_http_shared belong to one loop: one thread at a time.
 *
 * EVENTS come only from inside weft_http_received, weft_http_send_vector, weft_http_sent and
 * weft_http_disconnect, so never from inside the call that caused them (the one exception is
 * on_output, see there). Inside an event every function may be called except those four and
 * weft_http_free.
 *
 * A STREAM is one request with its response. Its order of events: on_head (client: the response's
 * head; the server got the request's with on_request), on_data/on_landed any number of times,
 * on_end at most once, on_drained at any time, on_closed exactly once and last; afterwards the
 * pointer is invalid. Fields, trailers and heads that were received stay valid until on_closed
 * returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <weft/error.h>
#include <weft/status.h>

#include "base/buffer.h"
#include "base/clock.h"

struct weft_http;
struct weft_http_stream;
struct weft_http_shared;

/* What a peer may ask of us. Beyond them the defined answer is the one in brackets. */
enum {
    /* Streams a peer may have open on one connection: four times what a well driven load generator
     * uses, and small enough that every one may hold its initial window. [the stream is refused:
     * REFUSED_STREAM] */
    WEFT_HTTP_STREAMS_MAX = 256,
    /* Sum of name, value and 32 for each field of one head (the way RFC 9113 section 6.5.2 counts).
     * Twice the common 8 KiB cookie-and-token limit, twice again for gRPC metadata. [431; on HTTP/2
     * a longer one is reset] */
    WEFT_HTTP_HEAD_MAX_BYTES = 32 * 1024,
    /* Fields of one head or trailer: each costs bookkeeping whatever its size. [as above] */
    WEFT_HTTP_FIELDS_MAX = 128,
    /* A request target: what proxies agree to carry. [414] */
    WEFT_HTTP_PATH_MAX_BYTES = 8 * 1024,
    /* Frames that cost work but carry nothing (PING, SETTINGS, empty DATA, PRIORITY,
     * WINDOW_UPDATE), and apart from them RST_STREAM, counted in leaky buckets: data makes up for
     * the former, finished requests and time for both. Generous to keepalive and cancellation,
     * deadly to rapid reset (CVE-2023-44487) and its kin. [GOAWAY with ENHANCE_YOUR_CALM] */
    WEFT_HTTP_IDLE_FRAMES_MAX = 1000,
    /* Frames waiting to be written as answers (SETTINGS and PING acknowledgements) to a peer that
     * does not read. [GOAWAY with ENHANCE_YOUR_CALM] */
    WEFT_HTTP_ANSWERS_QUEUED_MAX = 256,
    /* CONTINUATION frames of one head (CVE-2024-28182). 32 KiB fit in two. [the connection is
       closed] */
    WEFT_HTTP_CONTINUATIONS_MAX = 8,
    /* The stream window before anybody asked for more: one image or small tensor without a round
     * trip, and still harmless on every stream of ten thousand connections. [the peer waits] */
    WEFT_HTTP_WINDOW_BYTES = 256 * 1024,
    /* What weft_http_stream_expect may open a stream's window to: several times delay x bandwidth
       of a data centre. */
    WEFT_HTTP_WINDOW_MAX_BYTES = 16 * 1024 * 1024,
    /* The connection's window; streams are bounded by their own. */
    WEFT_HTTP_CONNECTION_WINDOW_BYTES = 64 * 1024 * 1024,
    /* Frames that we accept and make (SETTINGS_MAX_FRAME_SIZE): above 1 MiB the frame heads' cost
       has vanished. */
    WEFT_HTTP_FRAME_MAX_BYTES = 1024 * 1024,
};

enum weft_http_version {
    WEFT_HTTP_UNDECIDED = 0, /* a server's connection before its first bytes */
    WEFT_HTTP_1_1 = 1,
    WEFT_HTTP_2 = 2,
};

/* HTTP/2 error codes (RFC 9113 section 7) for weft_http_stream_reset; HTTP/1.1 closes the
 * connection instead. */
enum weft_http_code {
    WEFT_HTTP_NO_ERROR = 0x0,
    WEFT_HTTP_INTERNAL_ERROR = 0x2,
    WEFT_HTTP_REFUSED_STREAM = 0x7,
    WEFT_HTTP_CANCEL = 0x8,
    WEFT_HTTP_ENHANCE_YOUR_CALM = 0xb,
};

/* One header field. Received names are in lower case, received strings are also terminated and hold
 * no NUL. To send, names must be in lower case; the strings are borrowed for the call, or for ever
 * where `constant` says so. */
struct weft_http_field {
    const char *name;
    const char *value;
    uint32_t name_length;
    uint32_t value_length;
    bool constant;  /* sending: literals need no copy */
    bool unindexed; /* sending: secrets, and values that hardly come twice, stay out of HPACK's
                       table */
};

/* A field of two literals. */
#define WEFT_HTTP_FIELD(literal_name, literal_value)                                               \
    ((struct weft_http_field){.name = "" literal_name,                                             \
                              .value = "" literal_value,                                           \
                              .name_length = sizeof(literal_name) - 1,                             \
                              .value_length = sizeof(literal_value) - 1,                           \
                              .constant = true})

/* The start of a request (method to path) or of a response (status). Strings are terminated and
 * never NULL when received in a request; `fields` has neither pseudo-fields nor Host nor what
 * belongs to the connection (Connection, Keep-Alive, Transfer-Encoding, Upgrade). */
struct weft_http_head {
    const char *method;
    const char *scheme;
    const char *authority; /* "" where an HTTP/1.0-like request named none */
    const char *path;      /* with its query */
    int status;
    const struct weft_http_field *fields;
    size_t fields_count;
    int64_t content_length; /* received: announced length of the body, -1 if unknown. Sending:
                             * ignored, put the field in; without it HTTP/1.1 sends chunks */
};

/* How a stream ended. */
struct weft_http_close {
    /* OK: both directions ended in order. CANCELLED: the peer or we reset it. UNAVAILABLE: the
     * connection ended, or the peer refused the stream. RESOURCE_EXHAUSTED, INTERNAL, ...: a limit
     * or a protocol error. */
    enum weft_status status;
    /* The peer certainly did nothing with the request, so that it may be sent again elsewhere (RFC
     * 9113, 8.7). */
    bool unprocessed;
    /* HTTP/2 error code; 0 if none. */
    uint32_t code;
};

struct weft_http_stream_events {
    /* Client: the response's head. 1xx are swallowed. */
    void (*on_head)(void *context, struct weft_http_stream *stream,
                    const struct weft_http_head *head);
    /* Body bytes, never empty, borrowed: weft_slice_ref or weft_slice_sub keeps them. A kept slice
     * pins its whole read buffer (WEFT_HTTP_READ_BYTES), so copy what is small and kept long. The
     * bytes count against the stream's window until weft_http_stream_consumed. */
    void (*on_data)(void *context, struct weft_http_stream *stream, const struct weft_slice *data);
    /* `size_bytes` more bytes are in the landing zone; `complete` on the last. They count against
     * the window like those of on_data. Nothing in between comes with on_data. */
    void (*on_landed)(void *context, struct weft_http_stream *stream, size_t size_bytes,
                      bool complete);
    /* The peer has sent everything. */
    void (*on_end)(void *context, struct weft_http_stream *stream,
                   const struct weft_http_field *trailers, size_t trailers_count);
    /* The stream's send queue fell below WEFT_HTTP_DRAINED_BYTES after having been above it. May be
     * NULL. */
    void (*on_drained)(void *context, struct weft_http_stream *stream);
    /* Last, once. */
    void (*on_closed)(void *context, struct weft_http_stream *stream,
                      const struct weft_http_close *close);
};

struct weft_http_events {
    /* Server: a request came. Call weft_http_stream_handle inside; a stream without a handler is
     * answered 503. */
    void (*on_request)(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head);
    /* There is something to send after there was nothing. The one event that also comes from inside
     * the host's own calls: only note it and flush later, so that everything of one loop turn
     * leaves in one write. */
    void (*on_output)(void *context);
    /* Client: the peer takes no new streams (graceful GOAWAY, or Connection: close). May be NULL.
     */
    void (*on_goaway)(void *context);
    /* The answer to weft_http_ping. May be NULL. */
    void (*on_ping_ack)(void *context);
};

enum {
    /* The buffer small reads go to, shared by all connections of a loop: idle connections own none.
     */
    WEFT_HTTP_READ_BYTES = 64 * 1024,
    /* See on_drained: enough for the kernel to stay busy meanwhile. */
    WEFT_HTTP_DRAINED_BYTES = 256 * 1024,
    /* A vector of this many entries lets a full batch go in one write. */
    WEFT_HTTP_VECTOR_MAX = 64,
};

/* What the connections of one loop share: the read buffer, output chunks and free streams. */
struct weft_http_shared *weft_http_shared_new(void);
/* A clock lets the counts of WEFT_HTTP_IDLE_FRAMES_MAX leak with time (33 a second), so that a
 * connection that lives for weeks is not held to them for ever. Optional; must outlive shared. */
void weft_http_shared_set_clock(struct weft_http_shared *shared, const struct weft_clock *clock);
/* After the last connection. NULL is fine. */
void weft_http_shared_free(struct weft_http_shared *shared);

/* A server's side: HTTP/2 by prior knowledge (its preface) or HTTP/1.1, whichever the client
 * speaks. `scheme` is "http" or "https" (a constant). `events` must outlive the connection. */
WEFT_MUST_CHECK enum weft_status weft_http_new_server(struct weft_http_shared *shared,
                                                      const char *scheme,
                                                      const struct weft_http_events *events,
                                                      void *context, struct weft_http **ret_http,
                                                      struct weft_error **error);
WEFT_MUST_CHECK enum weft_status
weft_http_new_client(struct weft_http_shared *shared, enum weft_http_version version,
                     const char *scheme, const struct weft_http_events *events, void *context,
                     struct weft_http **ret_http, struct weft_error **error);
/* Not inside an event; streams that are still open end as weft_http_disconnect says. NULL is fine.
 */
void weft_http_free(struct weft_http *http);

/* --- Receiving
 * -------------------------------------------------------------------------------------------------
 */

/* Lists where the next bytes from the socket go, first entry first (capacity >= 1, more than 2 are
 * never used); a host that can fill only one buffer uses the first. Ask right before reading: until
 * weft_http_received the connection holds the loop's read buffer. Returns 0 where nothing shall be
 * read now: out of memory (then *error is set), or the peer is ahead of us (HTTP/1.1 pipelining);
 * ask weft_http_wants_receive again after the next flush. */
WEFT_MUST_CHECK int weft_http_receive_vector(struct weft_http *http, struct iovec *vector,
                                             int capacity, struct weft_error **error);
/* That many bytes were put there (0: nothing came after all). A failure is fatal for the
 * connection: flush what weft_http_send_vector still lists (it tells the peer why), then close. */
WEFT_MUST_CHECK enum weft_status weft_http_received(struct weft_http *http, size_t size_bytes,
                                                    struct weft_error **error);
bool weft_http_wants_receive(const struct weft_http *http);
/* The connection is over (end of file, broken, or given up): every open stream gets on_closed with
 * UNAVAILABLE. For an HTTP/1.1 response without length `clean_end` (an orderly end of file) is its
 * regular end. Afterwards only weft_http_free. */
void weft_http_disconnect(struct weft_http *http, bool clean_end);

/* --- Sending
 * ---------------------------------------------------------------------------------------------------
 */

/* Lists what to write next, without removing it; 0 if there is nothing. */
int weft_http_send_vector(struct weft_http *http, struct iovec *vector, int capacity);
/* That many bytes of it were written. */
void weft_http_sent(struct weft_http *http, size_t size_bytes);
bool weft_http_wants_send(const struct weft_http *http);
/* Nothing more will happen here: fatal error, or going away without streams. Close once wants_send
 * is false. */
bool weft_http_is_done(const struct weft_http *http);

/* --- The connection
 * -------------------------------------------------------------------------------------------- */

enum weft_http_version weft_http_version(const struct weft_http *http);
bool weft_http_is_server(const struct weft_http *http);
const char *weft_http_scheme(const struct weft_http *http);
/* Open streams. */
size_t weft_http_streams_count(const struct weft_http *http);
/* Client: whether weft_http_open would find room (the peer's stream limit; one at a time in
 * HTTP/1.1; no GOAWAY). */
bool weft_http_can_open(const struct weft_http *http);
/* HTTP/2: asks the peer for a sign of life; on_ping_ack. Nothing in HTTP/1.1, where it returns
 * false. One at a time: false while one is under way. */
bool weft_http_ping(struct weft_http *http);
/* Stops taking new streams and lets the open ones end. On HTTP/2 first a notice (GOAWAY with the
 * highest id); call again about a round trip later (a second is usual) for the final one. A client
 * opens no more. */
void weft_http_goaway(struct weft_http *http);
/* Server, without a stream: the request that has begun did not become whole in time. On HTTP/1.1 it
 * is answered 408, and the connection is done. */
void weft_http_late(struct weft_http *http);
/* The loop's shared memory, for codecs above. */
struct weft_http_shared *weft_http_shared(const struct weft_http *http);

/* --- Streams
 * ---------------------------------------------------------------------------------------------------
 */

/* Client: sends a request. With `end` it has no body; else weft_http_stream_send follows. Only the
 * head's method, authority, path and fields count. UNAVAILABLE where weft_http_can_open is false.
 */
WEFT_MUST_CHECK enum weft_status weft_http_open(struct weft_http *http,
                                                const struct weft_http_head *head, bool end,
                                                const struct weft_http_stream_events *events,
                                                void *context, struct weft_http_stream **ret_stream,
                                                struct weft_error **error);
/* Who gets the stream's events from now on; `events` must outlive the stream. */
void weft_http_stream_handle(struct weft_http_stream *stream,
                             const struct weft_http_stream_events *events, void *context);
void *weft_http_stream_context(const struct weft_http_stream *stream);
struct weft_http *weft_http_stream_http(const struct weft_http_stream *stream);
/* Zeroed memory that lives as long as the stream, aligned for any type: up to
 * WEFT_HTTP_STREAM_MEMORY_BYTES come with the stream at no cost. NULL if out of memory. */
void *weft_http_stream_memory(struct weft_http_stream *stream, size_t size_bytes);
enum { WEFT_HTTP_STREAM_MEMORY_BYTES = 384 };

/* Server: the response's head, once. With `end` there is no body (on HTTP/2 gRPC's
 * "trailers-only"). */
WEFT_MUST_CHECK enum weft_status weft_http_stream_respond(struct weft_http_stream *stream,
                                                          const struct weft_http_head *head,
                                                          bool end, struct weft_error **error);
/* Appends to the body: `prefix` of at most 16 bytes (copied; NULL if none), then the slices, whose
 * references are taken on success. Large slices are handed to the kernel without a copy. The queue
 * has no limit of its own: heed weft_http_stream_queued_bytes and on_drained. After the peer reset
 * the stream this is CANCELLED. */
WEFT_MUST_CHECK enum weft_status weft_http_stream_send(struct weft_http_stream *stream,
                                                       const void *prefix, size_t prefix_bytes,
                                                       struct weft_slice *take_slices,
                                                       size_t slices_count,
                                                       struct weft_error **error);
/* The body's end, with trailers where there are some (HTTP/1.1 sends them only in chunked bodies).
 */
WEFT_MUST_CHECK enum weft_status weft_http_stream_end(struct weft_http_stream *stream,
                                                      const struct weft_http_field *trailers,
                                                      size_t trailers_count,
                                                      struct weft_error **error);
/* Body bytes that were given to send and not yet handed out by weft_http_send_vector. */
size_t weft_http_stream_queued_bytes(const struct weft_http_stream *stream);
/* Ends the stream at once in both directions; on_closed follows with the next flush. What is queued
 * is dropped. After a complete exchange it does nothing. */
void weft_http_stream_reset(struct weft_http_stream *stream, enum weft_http_code code);

/* LANDING. "The next size_bytes of this stream's body belong at buffer[offset]": bytes that are
 * already read are copied there, the others are read there by the kernel. Takes a reference. At
 * most one zone at a time; inside on_data it takes effect for the bytes behind that slice. The zone
 * is dropped with the stream. */
void weft_http_stream_land(struct weft_http_stream *stream, struct weft_buffer *buffer,
                           size_t offset, size_t size_bytes);
/* The window reopens by that many received bytes (at most what came and was not consumed). */
void weft_http_stream_consumed(struct weft_http_stream *stream, size_t size_bytes);
/* Sets the stream's window, between WEFT_HTTP_WINDOW_BYTES and WEFT_HTTP_WINDOW_MAX_BYTES
 * (clamped): how far the peer may be ahead of consumed. In HTTP/1.1 TCP's window does that, nothing
 * happens. */
void weft_http_stream_expect(struct weft_http_stream *stream, size_t window_bytes);
/* From now on the caller keeps the stream's credit itself, WEFT_HTTP_WINDOW_BYTES at the beginning,
 * and uses weft_http_stream_allow and neither of the two above. What frames are padded with is no
 * body and is given back beside it. */
void weft_http_stream_own_credit(struct weft_http_stream *stream);
/* The peer may send so many bytes more, at once. */
void weft_http_stream_allow(struct weft_http_stream *stream, size_t more_bytes);

/* --- Fields
 * ----------------------------------------------------------------------------------------------------
 */

/* The first field of that name (lower case), NULL if none. */
const struct weft_http_field *weft_http_field_find(const struct weft_http_field *fields,
                                                   size_t fields_count, const char *name);
/* Its value, NULL if none. */
const char *weft_http_head_value(const struct weft_http_head *head, const char *name);

#endif
