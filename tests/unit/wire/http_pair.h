/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_WIRE_HTTP_PAIR_H
#define TESTS_UNIT_WIRE_HTTP_PAIR_H

/*
 * A client's and a server's connection with memory between them instead of a socket, and a recorder
 * of what happens on a stream. Test threads only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <wire/http.h>

struct http_pair {
    struct weft_http_shared *shared;
    struct weft_http *client;
    struct weft_http *server;
    const struct weft_http_events *server_events;
    void *context;
    size_t piece_bytes;       /* at most so much is carried at once; 0: no limit */
    size_t vector_count;      /* entries of each vector; 0: WEFT_HTTP_VECTOR_MAX */
    struct weft_error *error; /* of the first side that failed */
    size_t client_pings;
    size_t client_goaways;
};

/* `context` goes to the server's events. */
void http_pair_init(struct http_pair *pair, enum weft_http_version version,
                    const struct weft_http_events *server_events, void *context);
/* The same, false if out of memory (then nothing is left). */
bool http_pair_try_init(struct http_pair *pair, enum weft_http_version version,
                        const struct weft_http_events *server_events, void *context);
void http_pair_fini(struct http_pair *pair);
/* Carries bytes both ways until both sides are silent. */
void http_pair_run(struct http_pair *pair);
/* Carries bytes once from one side to the other; whether there were some. */
bool http_pair_carry(struct http_pair *pair, struct weft_http *from, struct weft_http *to);

/* Gives bytes to one side as a socket would. Returns what received says. */
enum weft_status http_give(struct weft_http *http, const void *data, size_t size_bytes,
                           size_t piece_bytes);
/* Takes everything that the side wants to send; the caller frees. Terminated. */
char *http_take(struct weft_http *http, size_t *ret_size_bytes);

/* What a stream went through. */
struct http_record {
    struct weft_http_stream *stream; /* NULL once closed */
    int status;
    char content_type[64];
    size_t fields_count;
    uint8_t *body;
    size_t body_bytes;
    size_t slices_count;
    size_t landed_bytes;
    bool landed_complete;
    bool ended;
    char trailer[64]; /* value of "x-trailer" or "grpc-status" */
    size_t drained_count;
    int closed_count;
    struct weft_http_close close;
    bool hold; /* do not consume */
    /* Where to land the whole body; set before the head comes. */
    struct weft_buffer *landing;
};

extern const struct weft_http_stream_events http_record_events;
void http_record_fini(struct http_record *record);

/* A server that answers by path: "/echo" sends the body back, "/hello" says "hello", "/silent"
 * never answers, others are 404. Its state is a struct http_server. */
struct http_server {
    struct http_record last; /* of the request that came last */
    char method[16];
    char path[128];
    char authority[64];
    char field[64]; /* value of "x-field" */
    size_t requests_count;
    size_t handled_count; /* all but those for "/nobody" */
    size_t closed_count;
    size_t cancelled_count;
    size_t out_of_memory_count;
    bool early; /* answer /echo before the body is complete */
};
extern const struct weft_http_events http_server_events;
void http_server_fini(struct http_server *server);

#endif
