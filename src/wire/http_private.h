/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_HTTP_PRIVATE_H
#define WEFT_WIRE_HTTP_PRIVATE_H

/*
 * What the files of the HTTP connection share: http.c (the public face), http_shared.c (the loop's
 * memory), http_stream.c (streams), http1*.c and http2*.c (the two versions behind one table of
 * functions). Nobody else includes this. Threads as in http.h.
 */

#include "base/clock.h"
#include "base/list.h"
#include "wire/http.h"

struct weft_http1;
struct weft_http2;

/* --- Output: what goes to the socket, in order
 * -------------------------------------------------------------------- */

/* Body bytes up to this size are copied behind the frame heads: an entry of the vector costs the
 * kernel more. */
enum { WEFT_HTTP_COPY_MAX_BYTES = 2048 };

struct weft_http_piece {
    const uint8_t *data;
    size_t size_bytes;
    struct weft_buffer *buffer; /* a reference, NULL for the batch's own bytes */
};

enum {
    WEFT_HTTP_PIECES_MAX = 256,
    WEFT_HTTP_PORTION_PIECES_MAX = 64,
    WEFT_HTTP_BATCH_BYTES = 64 * 1024,
    /* The longest thing that is copied into a batch in one go: a frame of nghttp2 other than DATA.
     */
    WEFT_HTTP_FRAME_COPIED_MAX_BYTES = 16 * 1024 + 64,
    /* No more is collected once that much waits for the socket: the kernel takes a few MiB at most.
     */
    WEFT_HTTP_BATCH_FULL_BYTES = 4 * 1024 * 1024,
};

/* Bytes that wait for the socket. A connection has one while it has something to write. */
struct weft_http_batch {
    struct weft_http_batch *next; /* in the free list */
    size_t queued_bytes;
    uint32_t first;
    uint32_t count;
    uint32_t used_bytes;
    struct weft_http_piece pieces[WEFT_HTTP_PIECES_MAX];
    uint8_t bytes[WEFT_HTTP_BATCH_BYTES];
};

/* --- The loop's memory
 * -------------------------------------------------------------------------------------------- */

enum {
    WEFT_HTTP_FREE_STREAMS_MAX = 1024, /* 2 MiB: as many as a well loaded loop has under way */
    WEFT_HTTP_FREE_BATCHES_MAX = 4,    /* connections are flushed one after the other */
    WEFT_HTTP_MEMORY_CLASSES = 18,     /* of nghttp2's small blocks (http_memory.c) */
};

struct weft_http_shared {
    struct weft_buffer *read_buffer; /* NULL while a connection has it */
    size_t read_offset;              /* bytes before it belong to slices that somebody keeps */
    struct weft_http_stream *free_streams;
    uint32_t free_streams_count;
    struct weft_http_batch *free_batches;
    uint32_t free_batches_count;
    void *free_blocks[WEFT_HTTP_MEMORY_CLASSES];
    size_t free_blocks_bytes;
    const struct weft_clock *clock; /* NULL: none */
};

/* The lists of http_memory.c. */
void weft_http2_memory_fini(struct weft_http_shared *shared);

/* The read buffer for the connection to hold until it gives it back; *ret_offset is where its free
 * part starts. NULL if out of memory. */
struct weft_buffer *weft_http_shared_read_buffer(struct weft_http_shared *shared,
                                                 size_t *ret_offset);
/* The bytes before end_offset were read; slices may keep them. */
void weft_http_shared_give_read_buffer(struct weft_http_shared *shared, struct weft_buffer *buffer,
                                       size_t end_offset);

/* NULL if out of memory. */
struct weft_http_stream *weft_http_shared_stream(struct weft_http_shared *shared);
void weft_http_shared_give_stream(struct weft_http_shared *shared, struct weft_http_stream *stream);
struct weft_http_batch *weft_http_shared_batch(struct weft_http_shared *shared);
void weft_http_shared_give_batch(struct weft_http_shared *shared, struct weft_http_batch *batch);

/* --- Streams
 * ------------------------------------------------------------------------------------------------------
 */

/* A part of a body that waits to be sent: a slice, or a few bytes inline (`inline_bytes` > 0). */
struct weft_http_part {
    union {
        struct weft_slice slice;
        uint8_t bytes[16];
    };
    uint8_t inline_bytes;
    uint8_t inline_sent;
};

struct weft_http_parts {
    struct weft_http_part *parts;
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    size_t queued_bytes;
    struct weft_http_part few[4];
};

/* Fields that come in one by one. */
struct weft_http_fields {
    struct weft_http_field *fields;
    uint32_t count;
    uint32_t capacity;
    size_t size_bytes; /* as WEFT_HTTP_HEAD_MAX_BYTES counts */
};

struct weft_http_landing {
    struct weft_buffer *buffer; /* NULL: none */
    uint8_t *next;
    size_t left_bytes;
};

enum { WEFT_HTTP_ARENA_BYTES = 1536 };

struct weft_http_more_memory {
    struct weft_http_more_memory *next;
    max_align_t bytes[];
};

struct weft_http_stream {
    struct weft_list link; /* in its connection's streams */
    struct weft_http *http;
    const struct weft_http_stream_events *events;
    void *context;
    int32_t id; /* HTTP/2 */

    /* Sending. */
    struct weft_http_parts queue;
    struct weft_http_fields trailers; /* ours, kept until the body went out */
    int64_t send_left_bytes; /* HTTP/1.1 with Content-Length: body bytes still owed; -1: chunks or
                                none */
    bool responded : 1;      /* our head is under way */
    bool send_ended : 1;     /* nothing is appended any more */
    bool deferred : 1;       /* HTTP/2 waits for more in the queue */
    bool above_drained : 1;  /* on_drained is due */
    bool local_done : 1;     /* our last byte was handed out */

    /* Receiving. */
    bool head_done : 1;
    bool remote_done : 1;
    bool reset : 1;       /* by us: no more events but on_closed */
    bool head_method : 1; /* a HEAD request: its response has no body */
    bool head_sent : 1;   /* our head was handed out */
    bool send_cut : 1;    /* the peer wants no more of the body */
    bool drop_body : 1; /* the answer to HEAD, or one that has no body: what is sent is thrown away
                         */
    struct weft_http_landing landing;
    struct weft_http_head head;
    struct weft_http_fields fields; /* of head */
    struct weft_http_fields trailers_received;
    size_t unconsumed_bytes;
    int32_t window_bytes;
    uint32_t padding_bytes; /* came, and were not given back */
    bool own_credit;        /* its owner counts what the peer may send (allow) */

    /* Memory that ends with the stream. */
    struct weft_http_more_memory *more_memory;
    uint32_t arena_used;
    max_align_t arena[WEFT_HTTP_ARENA_BYTES / sizeof(max_align_t)];
};

/* A new stream of the connection, in its list. NULL if out of memory. */
struct weft_http_stream *weft_http_stream_new(struct weft_http *http);
/* Tells on_closed and frees. */
void weft_http_stream_close(struct weft_http_stream *stream, const struct weft_http_close *close);
/* Not zeroed, aligned to `alignment`. NULL if out of memory. */
void *weft_http_stream_arena(struct weft_http_stream *stream, size_t size_bytes, size_t alignment);
/* A terminated copy in the arena. NULL if out of memory. */
char *weft_http_stream_text(struct weft_http_stream *stream, const char *bytes, size_t length);

enum weft_http_add {
    WEFT_HTTP_ADDED,
    WEFT_HTTP_ADD_TOO_MUCH,
    WEFT_HTTP_ADD_OUT_OF_MEMORY,
};
/* Appends a field whose strings live long enough. */
enum weft_http_add weft_http_fields_add(struct weft_http_stream *stream,
                                        struct weft_http_fields *fields, const char *name,
                                        size_t name_length, const char *value, size_t value_length);
/* Copies fields of the host into the arena. False if out of memory. */
bool weft_http_fields_copy(struct weft_http_stream *stream, struct weft_http_fields *to,
                           const struct weft_http_field *fields, size_t count);

/* The body bytes at `data`, which lie in http->feeding: to the landing zone, the rest to on_data.
 */
void weft_http_stream_body(struct weft_http_stream *stream, const uint8_t *data, size_t size_bytes);
void weft_http_stream_tell_head(struct weft_http_stream *stream);
void weft_http_stream_tell_end(struct weft_http_stream *stream);
/* How many bytes of the queue's front, at most size_bytes, go into a batch in one go. */
size_t weft_http_stream_portion(const struct weft_http_stream *stream, size_t size_bytes);
/* The queue's next size_bytes go to the batch, which has room (weft_http_output_has_room). */
void weft_http_stream_output(struct weft_http_stream *stream, size_t size_bytes);
/* Whether on_drained is due; asked after output. */
void weft_http_stream_tell_drained(struct weft_http_stream *stream);

void weft_http_parts_fini(struct weft_http_parts *parts);
WEFT_MUST_CHECK bool weft_http_parts_reserve(struct weft_http_parts *parts, size_t more);

/* --- Connections
 * --------------------------------------------------------------------------------------------------
 */

/* What differs between the versions. `error` as everywhere. */
struct weft_http_protocol {
    enum weft_status (*receive)(struct weft_http *http, const uint8_t *data, size_t size_bytes,
                                struct weft_error **error);
    /* The stream whose landing zone takes the very next bytes, and how many of them; NULL if none
     * does. *ret_then tells how to read on behind them. */
    struct weft_http_stream *(*landing)(struct weft_http *http, size_t *ret_size_bytes,
                                        size_t *ret_head_bytes);
    bool (*wants_receive)(const struct weft_http *http);
    void (*disconnect)(struct weft_http *http, bool clean_end);
    /* Moves what is to be sent to the batch. */
    void (*fill)(struct weft_http *http);
    bool (*wants_send)(const struct weft_http *http);
    bool (*is_done)(const struct weft_http *http);
    bool (*can_open)(const struct weft_http *http);
    enum weft_status (*open)(struct weft_http_stream *stream, const struct weft_http_head *head,
                             bool end, struct weft_error **error);
    enum weft_status (*respond)(struct weft_http_stream *stream, const struct weft_http_head *head,
                                bool end, struct weft_error **error);
    /* More is in the queue, or its end. */
    void (*queued)(struct weft_http_stream *stream);
    void (*reset)(struct weft_http_stream *stream, enum weft_http_code code);
    void (*consumed)(struct weft_http_stream *stream, size_t size_bytes);
    void (*expect)(struct weft_http_stream *stream, size_t window_bytes);
    void (*allow)(struct weft_http_stream *stream, size_t more_bytes);
    void (*goaway)(struct weft_http *http);
    bool (*ping)(struct weft_http *http);
    void (*free)(struct weft_http *http);
};

extern const struct weft_http_protocol weft_http1_protocol;
extern const struct weft_http_protocol weft_http2_protocol;

/* Frames that carry nothing are made up for by data either way; resets only by requests that ran to
 * their end. */
enum weft_http_bucket {
    WEFT_HTTP_BUCKET_IDLE = 0,
    WEFT_HTTP_BUCKET_RESETS = 1,
    WEFT_HTTP_BUCKETS_COUNT = 2,
};

struct weft_http {
    struct weft_http_shared *shared;
    const char *scheme;
    const struct weft_http_events *events;
    void *context;
    const struct weft_http_protocol *protocol; /* NULL until the version is known */
    enum weft_http_version version;
    union {
        struct weft_http1 *http1;
        struct weft_http2 *http2;
    };
    struct weft_list streams;
    size_t streams_count;

    /* Between receive_vector and received. */
    struct weft_buffer *read_buffer;
    size_t read_offset;
    struct weft_buffer *direct_buffer; /* a reference to the landing zone that is read into */
    struct iovec offered[2];
    int offered_count;
    uint8_t spill[16];
    /* While bytes are parsed: the buffer they lie in, NULL for memory that does not last. */
    struct weft_buffer *feeding;

    struct weft_http_batch *batch; /* NULL while nothing waits */

    /* The leaky buckets of WEFT_HTTP_IDLE_FRAMES_MAX. */
    uint32_t buckets[WEFT_HTTP_BUCKETS_COUNT];
    uint64_t buckets_leaked_ns;
    uint8_t preface_matched; /* bytes of the HTTP/2 preface seen while undecided */
    bool is_server : 1;
    bool inside : 1; /* in one of the four functions that tell events */
    bool output_noted : 1;
    bool failed : 1; /* fatal: only what is queued goes out */
    bool going_away : 1;
    bool disconnected : 1;
};

enum weft_status weft_http1_start(struct weft_http *http, struct weft_error **error);
enum weft_status weft_http2_start(struct weft_http *http, struct weft_error **error);

/* Tells on_output if it was not told yet. */
void weft_http_note_output(struct weft_http *http);
/* A batch to append to. False if out of memory. */
WEFT_MUST_CHECK bool weft_http_output_open(struct weft_http *http);
/* Whether a copied frame, or what weft_http_stream_portion allows with its frame head, fits. */
bool weft_http_output_has_room(const struct weft_http *http);
/* Drops everything that was not written. */
void weft_http_output_drop(struct weft_http *http);
/* Gives an empty batch back. */
void weft_http_output_close(struct weft_http *http);
/* Appends a copy. The room was asked for. */
void weft_http_output_copy(struct weft_http *http, const void *data, size_t size_bytes);
/* Appends a reference, taken over. */
void weft_http_output_slice(struct weft_http *http, struct weft_slice *take_slice);
/* Adds one; false if that is too many. */
bool weft_http_bucket_add(struct weft_http *http, enum weft_http_bucket bucket);
void weft_http_bucket_take(struct weft_http *http, enum weft_http_bucket bucket, uint32_t count);

#endif
