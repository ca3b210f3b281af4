/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_HTTP1_H
#define WEFT_WIRE_HTTP1_H

/*
 * The parts of HTTP/1.1: http1.c (framing and the order of messages), http1_head.c (heads, by
 * llhttp, with our checks around it), http1_send.c. Private to them; threads as in http.h.
 *
 * Where a message ends is decided by our own strict code alone; llhttp reads one complete head at a
 * time. What the two could understand differently (RFC 9112 section 11.2: smuggling) is refused:
 * bare LF and CR, folded lines, both lengths, several lengths, chunk extensions, transfer codings
 * other than "chunked".
 */

#include "base/text.h"
#include "wire/http_private.h"

/* The rest of a request's body that we still read when it was answered early, so that the
 * connection can be kept; for more a new connection is cheaper. */
enum { WEFT_HTTP1_DISCARD_MAX_BYTES = 256 * 1024 };

enum weft_http1_phase {
    WEFT_HTTP1_HEAD,       /* collecting a head */
    WEFT_HTTP1_BODY,       /* body_left_bytes of it */
    WEFT_HTTP1_CHUNK_LINE, /* a chunk's size */
    WEFT_HTTP1_CHUNK,      /* body_left_bytes of it */
    WEFT_HTTP1_CHUNK_END,  /* the line end behind it */
    WEFT_HTTP1_TRAILERS,   /* collecting them */
    WEFT_HTTP1_UNTIL_END,  /* a response that the connection's end ends */
    WEFT_HTTP1_COMPLETE,   /* the message is; the next waits for the answer to it */
};

/* Follows the lines of a head or of trailers, byte by byte. */
struct weft_http1_lines {
    size_t line_bytes;
    size_t lines;
    bool after_return;
};

struct weft_http1 {
    enum weft_http1_phase phase;
    struct weft_http_stream *stream; /* under way, NULL between and while the rest is discarded */
    struct weft_http1_lines lines;
    struct weft_text collected; /* a head that came in parts */
    uint64_t body_left_bytes;
    uint64_t discarded_bytes;
    struct weft_slice ahead; /* bytes of the next message, that came early */

    struct weft_slice head_out; /* not yet in the batch */
    struct weft_slice refusal;  /* the last thing to say after an error */
    bool chunks_out : 1;        /* our body goes out in chunks */
    bool continue_due : 1;
    bool peer_is_1_0 : 1;
    bool keep_alive : 1; /* by what both have said so far */
    bool done : 1;       /* no further message */
};

/* What a head says about the message. */
struct weft_http1_head {
    bool keep_alive;
    bool is_1_0;
    bool chunked;
    bool expects_continue;
    int64_t content_length; /* -1: none */
    /* Why it is refused: status for the answer (0: it is fine) and a sentence. */
    int refusal_status;
    const char *refusal;
};

/* Follows bytes up to the blank line. Returns how many of them belong to it; *ret_complete says
 * whether it ended there, *ret_refusal is set where a line is malformed. */
size_t weft_http1_lines_follow(struct weft_http1_lines *lines, const uint8_t *data,
                               size_t size_bytes, bool *ret_complete, const char **ret_refusal);
/* Reads a whole head into the stream's. False if out of memory; whether it is acceptable is in
 * *ret_head. */
WEFT_MUST_CHECK bool weft_http1_head_read(struct weft_http_stream *stream, const char *head,
                                          size_t length, struct weft_http1_head *ret_head);
/* Reads whole trailers (with the blank line). */
WEFT_MUST_CHECK bool weft_http1_trailers_read(struct weft_http_stream *stream, const char *trailers,
                                              size_t length, const char **ret_refusal);

void weft_http1_fill(struct weft_http *http);
bool weft_http1_wants_send(const struct weft_http *http);
enum weft_status weft_http1_open(struct weft_http_stream *stream, const struct weft_http_head *head,
                                 bool end, struct weft_error **error);
enum weft_status weft_http1_respond(struct weft_http_stream *stream,
                                    const struct weft_http_head *head, bool end,
                                    struct weft_error **error);
void weft_http1_queued(struct weft_http_stream *stream);
/* Says why and that the connection ends. */
void weft_http1_refuse(struct weft_http *http, int status, const char *reason);
/* The stream's two halves may have ended: tells on_closed and goes on with the next message. */
void weft_http1_advance(struct weft_http *http);
/* Parses what came early. */
void weft_http1_go_on(struct weft_http *http);

#endif
