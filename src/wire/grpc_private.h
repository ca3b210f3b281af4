/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_GRPC_PRIVATE_H
#define WEFT_WIRE_GRPC_PRIVATE_H

/*
 * What the files of gRPC share: grpc.c (calls on both sides), grpc_server.c, grpc_client.c,
 * grpc_receive.c (messages out of bytes), grpc_gzip.c, grpc_text.c. Nobody else includes this.
 * Threads as in grpc.h.
 */

#include "wire/grpc.h"

/* grpc/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message": a flag and four bytes of length. */
enum { WEFT_GRPC_PREFIX_BYTES = 5 };

struct weft_grpc_call {
    struct weft_http_stream *stream;
    const struct weft_grpc_events *events;
    void *context;
    struct weft_grpc_options options;
    uint64_t timeout_ns;

    bool is_server : 1;
    bool peer_takes_gzip : 1;
    bool head_sent : 1;
    bool finished : 1; /* server: our status is under way. client: half closed */
    bool failed : 1;   /* `status` and `error` say why, whatever else comes */
    bool paused : 1;
    bool unprocessed : 1;
    bool told_half_closed : 1;
    uint8_t encoding_in;
    uint8_t encoding_out;

    /* Receiving. */
    uint8_t prefix_bytes;
    uint8_t prefix[WEFT_GRPC_PREFIX_BYTES];
    struct weft_buffer *message; /* a large one that is being received, else NULL */
    size_t message_offset;       /* where it begins there */
    size_t message_bytes;
    size_t received_bytes; /* of it */
    struct weft_receive_lease lease;
    size_t open_bytes; /* that the sender may still send, as far as we told it */

    /* The end. */
    enum weft_status status;
    struct weft_error *error;
    int http_status;
    const struct weft_http_field *trailers;
    size_t trailers_count;

    const struct weft_http_field *head_fields; /* server: initial metadata of the host */
    size_t head_fields_count;
};

/* A call in its stream's memory, taking the stream over. NULL if out of memory. */
struct weft_grpc_call *weft_grpc_call_new(struct weft_http_stream *stream,
                                          const struct weft_grpc_options *options,
                                          const struct weft_grpc_events *events, void *context);
/* The peer broke the protocol, or a limit: the call ends with this status on both sides. */
void weft_grpc_fail(struct weft_grpc_call *call, enum weft_status status, const char *format, ...)
    WEFT_PRINTF(3, 4);

/* For the stream's events. */
void weft_grpc_receive_data(struct weft_grpc_call *call, const struct weft_slice *data);
void weft_grpc_receive_landed(struct weft_grpc_call *call, size_t size_bytes, bool complete);
/* Whether the peer ended inside a message. */
bool weft_grpc_receive_is_partial(const struct weft_grpc_call *call);
void weft_grpc_receive_fini(struct weft_grpc_call *call);
/* Where the field that options.aligned names begins in a message whose first bytes these are; 0
 * where it is not what goes on behind them. */
size_t weft_grpc_aligned_offset(const uint32_t *path, const uint8_t *data, size_t size_bytes);
void weft_grpc_receive_grown(struct weft_receive_lease *lease);

void weft_grpc_client_head(struct weft_grpc_call *call, const struct weft_http_head *head);
void weft_grpc_client_end(struct weft_grpc_call *call, const struct weft_http_field *trailers,
                          size_t trailers_count);
/* Server: the response's head, if it was not sent yet. */
enum weft_status weft_grpc_server_send_head(struct weft_grpc_call *call, struct weft_error **error);

/* Metadata as fields: at most `capacity`, texts in `scratch` (which the caller finishes after their
 * use). */
struct weft_text;
WEFT_MUST_CHECK enum weft_status
weft_grpc_metadata_to_fields(const struct weft_grpc_metadata *metadata, size_t count,
                             struct weft_http_field *fields, size_t capacity,
                             struct weft_text *scratch, struct weft_error **error);
/* The encoding of that name; false for one that we do not know. */
bool weft_grpc_encoding_parse(const char *name, enum weft_grpc_encoding *ret_encoding);

#endif
