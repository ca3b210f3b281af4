/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_TCP_H
#define WEFT_SYS_TCP_H

/*
 * A stream over a socket, as connect.c and acceptor.c make it. Not for other rooms; the loop's
 * thread.
 */

#include "sys/internal.h"
#include "sys/stream.h"

struct weft_tcp {
    struct weft_stream stream;
    struct weft_hot hot;
    struct weft_ready ready;
    int socket;
    bool paused;
    bool wants_write;
    bool closed;
    int deaf; /* why the socket can't be watched any more, as an error's number; 0 = it is */
    struct weft_deferred tell; /* the owner of that: it finds out when it reads */
    /* While connecting: called when the socket is writable or broken. */
    void (*connected)(void *context);
    void *connect_context;
};

/* Takes the socket on success. */
enum weft_status weft_tcp_new(struct weft_loop *loop, int socket, struct weft_tcp **ret_tcp,
                              struct weft_error **error) WEFT_MUST_CHECK;
/* Waits for the end of a connect. */
enum weft_status weft_tcp_await_connect(struct weft_tcp *tcp, void (*connected)(void *context),
                                        void *context, struct weft_error **error) WEFT_MUST_CHECK;
/* Delay, buffers, congestion control; what the system refuses stays as it is. */
void weft_tcp_tune(int socket, const struct weft_address *peer,
                   const struct weft_tcp_options *options);

#endif
