/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_LINK_TOWN_H
#define TESTS_INTEGRATION_LINK_TOWN_H

/*
 * A loop with a door on it and a channel to that door, both ends in one process over a real socket,
 * and a thread-free raw client for what no proper client does. For the stories of `link`.
 */

#include "link/grpc_client.h"
#include "link/grpc_server.h"
#include "link/listener.h"
#include "link/router.h"

#include "support/story.h"

struct town {
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_grpc_server *grpc;
    struct weft_router *router;
    struct weft_listener *listener;
    struct weft_channel *channel;
    char address[64];
    bool listener_closed;
    bool channel_closed;
    struct weft_loop_options loop_options;
    struct weft_link_options link_options;
    struct weft_listener_options listener_options;
    struct weft_channel_options channel_options;
};

/* loop, link, an empty router and gRPC server. The options may have been set before. */
void town_found(struct town *town);
/* The door at a free port, or at the same port as before, and (the first time) a channel to it. */
void town_open(struct town *town);
/* Closes the door; waits for it. */
void town_shut(struct town *town, uint64_t drain_ms);
void town_raze(struct town *town);

/* Turns the loop until *flag, or fails the test after ten seconds. */
void town_run_until(struct town *town, const bool *flag);
void town_run_ms(struct town *town, uint64_t duration_ms);

/* A blocking socket to the door. */
int town_dial(const struct town *town);
/* Sends all of the text, turning the loop meanwhile where the socket is full. */
void town_say(struct town *town, int socket, const void *bytes, size_t size_bytes);
/* Reads until the end of the connection, or (count > 0) so many bytes; terminated. Returns how
 * many. */
size_t town_hear(struct town *town, int socket, char *text, size_t capacity, size_t count);

struct weft_slice town_bytes(size_t size_bytes, uint8_t first);
bool town_bytes_fit(const struct weft_slice *slice, size_t size_bytes, uint8_t first);

/* A unary call and what came of it. */
struct asked {
    bool done;
    int done_count;
    bool inside; /* of the submit */
    struct weft_slice reply;
    struct weft_error *error;
    struct weft_client_call *call;
};

void ask(struct town *town, struct asked *asked, const struct weft_client_call_options *options,
         struct weft_slice take_message);
void asked_fini(struct asked *asked);

#endif
