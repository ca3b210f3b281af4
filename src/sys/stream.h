/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_STREAM_H
#define WEFT_SYS_STREAM_H

/*
 * A stream: a connected byte pipe as a small table of functions, so that TCP (now), TLS and Unix
 * sockets look the same above. The stream never reads or writes by itself: it says that it may be
 * readable or writable, and whoever owns it receives into memory of its own choice and sends slices
 * of memory it keeps. Owned by one connection of `link`; the loop's thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <weft/error.h>

#include "sys/address.h"
#include "sys/loop.h"

struct weft_stream;

/* What recv and send return instead of a count. */
enum {
    WEFT_STREAM_AGAIN = -1,  /* nothing now; the handler will be told */
    WEFT_STREAM_FAILED = -2, /* the stream is dead; *error says why */
};

/* More slices than one sendmsg takes (IOV_MAX is 1024); 64 cover a turn's frames. */
enum { WEFT_STREAM_IOV_MAX = 64 };

struct weft_stream_handler {
    /* May be called without anything to read; recv then says AGAIN. Never called while reading is
     * paused. */
    void (*readable)(void *context);
    /* After a send that said AGAIN or took less than all: room again. */
    void (*writable)(void *context);
};

struct weft_stream_methods {
    const char *name; /* "tcp" */
    enum weft_status (*start)(struct weft_stream *stream, struct weft_error **error);
    void (*pause)(struct weft_stream *stream, bool paused);
    /* Fills the entries in order. Returns the count of bytes, 0 at the orderly end, or one of the
     * above. */
    ssize_t (*recv)(struct weft_stream *stream, const struct iovec *entries, size_t count,
                    struct weft_error **error);
    /* Up to count entries. Returns the bytes taken, or one of the above. */
    ssize_t (*send)(struct weft_stream *stream, const struct iovec *entries, size_t count,
                    struct weft_error **error);
    /* Ends sending in order; the peer reads its end. */
    void (*shutdown)(struct weft_stream *stream);
    void (*close)(struct weft_stream *stream);
    /* As weft_stream_round_trip_ns. NULL: never known. */
    uint64_t (*round_trip_ns)(const struct weft_stream *stream);
};

/* Every transport's stream begins with this. The counters include all framing that this stream
 * carries. */
struct weft_stream {
    const struct weft_stream_methods *methods;
    struct weft_loop *loop;
    const struct weft_stream_handler *handler;
    void *context; /* for handler */
    struct weft_address peer;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t recv_calls; /* system calls */
    uint64_t send_calls;
};

/* Gives the stream its owner; reading starts. Events come from the next turn on. */
enum weft_status weft_stream_start(struct weft_stream *stream,
                                   const struct weft_stream_handler *handler, void *context,
                                   struct weft_error **error) WEFT_MUST_CHECK;
ssize_t weft_stream_recv(struct weft_stream *stream, const struct iovec *entries, size_t count,
                         struct weft_error **error);
ssize_t weft_stream_send(struct weft_stream *stream, const struct iovec *entries, size_t count,
                         struct weft_error **error);
/* Backpressure: while paused, the kernel's buffer fills and the peer is slowed. */
void weft_stream_pause(struct weft_stream *stream, bool paused);
void weft_stream_shutdown(struct weft_stream *stream);
/* The network's round trip to the peer as the system estimates it from its traffic; 0 = unknown. */
uint64_t weft_stream_round_trip_ns(const struct weft_stream *stream);
/* No event comes any more from here on; the stream must not be used again. Its memory goes in a
 * later turn. */
void weft_stream_close(struct weft_stream *stream);

/* --- TCP --- */

struct weft_tcp_options {
    /* 0 = the system's. Set on connections within one host only, unless set_anywhere. */
    const char *congestion; /* NULL = "reno" within one host, the system's elsewhere */
    size_t send_buffer_bytes;
    size_t receive_buffer_bytes;
    /* Doors also listen on, and connections first try, the Unix socket of their address: processes
     * of one host and user then speak without TCP between them (ADR 10). */
    bool same_host_sockets;
};

struct weft_connect;
/* Called once, never from inside weft_tcp_connect, not after a cancel. error NULL = connected; the
 * stream is the callee's. */
typedef void weft_connect_done(void *context, struct weft_stream *stream, struct weft_error *error);

/* Looks up, connects, and gives up at deadline_ns. options NULL = defaults. */
enum weft_status weft_tcp_connect(struct weft_loop *loop, const char *address,
                                  const struct weft_tcp_options *options, uint64_t deadline_ns,
                                  weft_connect_done *done, void *context,
                                  struct weft_connect **ret_connect,
                                  struct weft_error **error) WEFT_MUST_CHECK;
void weft_connect_cancel(struct weft_connect *connect);

struct weft_acceptor;

struct weft_acceptor_handler {
    /* A new connection; the stream is the callee's. */
    void (*accepted)(void *context, struct weft_stream *stream);
    /* accept failed and will be tried again (out of descriptors, ...); error is borrowed. */
    void (*troubled)(void *context, struct weft_error *error);
};

/* Binds and listens at once. Port 0 takes a free one. The names "localhost" and numeric addresses
 * only: a door must not hang in DNS. */
enum weft_status weft_tcp_accept(struct weft_loop *loop, const char *address,
                                 const struct weft_tcp_options *options,
                                 const struct weft_acceptor_handler *handler, void *context,
                                 struct weft_acceptor **ret_acceptor,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* As bound, with the real port. */
const struct weft_address *weft_acceptor_address(const struct weft_acceptor *acceptor);
/* Whether the processes of this host find the Unix socket of this door; false too where none was
 * asked for. */
bool weft_acceptor_has_same_host(const struct weft_acceptor *acceptor);
void weft_acceptor_pause(struct weft_acceptor *acceptor, bool paused);
/* Stops listening at once. NULL is fine. */
void weft_acceptor_close(struct weft_acceptor *acceptor);

/* Both ends of a socket pair as streams; for tests. */
enum weft_status weft_stream_pair(struct weft_loop *loop, struct weft_stream **ret_one,
                                  struct weft_stream **ret_other,
                                  struct weft_error **error) WEFT_MUST_CHECK;

#endif
