/* SPDX-License-Identifier: Apache-2.0 */
#include "town.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

void town_found(struct town *town)
{
    struct weft_error *error = NULL;
    assert_ok(weft_loop_new(&town->loop_options, &town->loop, &error), error);
    assert_ok(weft_link_new(town->loop, &town->link_options, &town->link, &error), error);
    town->grpc = weft_grpc_server_new();
    town->router = weft_router_new();
    assert_non_null(town->grpc);
    assert_non_null(town->router);
}

void town_open(struct town *town)
{
    struct weft_error *error = NULL;
    struct weft_listener_options options = town->listener_options;
    options.address = town->address[0] != '\0' ? town->address : "127.0.0.1:0";
    options.grpc = town->grpc;
    options.router = town->router;
    assert_ok(weft_listener_open(town->link, &options, &town->listener, &error), error);
    snprintf(town->address, sizeof(town->address), "%s", weft_listener_address(town->listener));
    if (town->channel == NULL) {
        assert_ok(weft_channel_open(town->link, town->address, &town->channel_options,
                                    &town->channel, &error),
                  error);
    }
}

static void set(void *context)
{
    *(bool *)context = true;
}

void town_shut(struct town *town, uint64_t drain_ms)
{
    town->listener_closed = false;
    weft_listener_close(town->listener, weft_loop_now_ns() + drain_ms * WEFT_NS_PER_MS, set,
                        &town->listener_closed);
    town->listener = NULL;
    town_run_until(town, &town->listener_closed);
}

void town_raze(struct town *town)
{
    if (town->channel != NULL) {
        weft_channel_close(town->channel, set, &town->channel_closed);
        town_run_until(town, &town->channel_closed);
    }
    if (town->listener != NULL) {
        town_shut(town, 0);
    }
    weft_link_free(town->link);
    weft_grpc_server_free(town->grpc);
    weft_router_free(town->router);
    weft_loop_free(town->loop);
}

static void nothing(void *context)
{
    (void)context;
}

void town_run_until(struct town *town, const bool *flag)
{
    struct weft_timer patience;
    uint64_t end_ns = weft_loop_now_ns() + PATIENCE_MS * WEFT_NS_PER_MS;
    weft_timer_init(&patience, town->loop, nothing, NULL);
    assert_ok(weft_timer_set(&patience, end_ns), NULL);
    while (!*flag) {
        assert_true(weft_loop_now_ns() < end_ns);
        weft_loop_turn(town->loop, true);
    }
    weft_timer_cancel(&patience);
}

void town_run_ms(struct town *town, uint64_t duration_ms)
{
    struct weft_timer timer;
    bool over = false;
    weft_timer_init(&timer, town->loop, set, &over);
    assert_ok(weft_timer_set(&timer, weft_loop_now_ns() + duration_ms * WEFT_NS_PER_MS), NULL);
    while (!over) {
        weft_loop_turn(town->loop, true);
    }
}

int town_dial(const struct town *town)
{
    struct weft_address address;
    assert_ok(weft_address_parse(town->address, &address, NULL), NULL);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address.socket_address, address.length), 0);
    return fd;
}

void town_say(struct town *town, int fd, const void *bytes, size_t size_bytes)
{
    const char *left = bytes;
    while (size_bytes > 0) {
        ssize_t count = send(fd, left, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            left += count;
            size_bytes -= (size_t)count;
        } else if (errno != EAGAIN) {
            return; /* the door has closed: the story looks at what it said */
        }
        weft_loop_turn(town->loop, false);
    }
}

size_t town_hear(struct town *town, int fd, char *text, size_t capacity, size_t count)
{
    size_t length = 0;
    uint64_t end_ns = weft_loop_now_ns() + PATIENCE_MS * WEFT_NS_PER_MS;
    size_t wanted = count > 0 ? count : capacity - 1;
    while (length < wanted) {
        assert_true(weft_loop_now_ns() < end_ns);
        weft_loop_turn(town->loop, false);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 1) == 0) {
            continue;
        }
        ssize_t part = recv(fd, text + length, wanted - length, MSG_DONTWAIT);
        if (part <= 0) {
            break;
        }
        length += (size_t)part;
    }
    text[length] = '\0';
    return length;
}

struct weft_slice town_bytes(size_t size_bytes, uint8_t first)
{
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    assert_non_null(buffer);
    for (size_t i = 0; i < size_bytes; i++) {
        buffer->data[i] = (uint8_t)(first + i * 31 + (i >> 12));
    }
    return weft_slice_take(buffer);
}

bool town_bytes_fit(const struct weft_slice *slice, size_t size_bytes, uint8_t first)
{
    if (slice->size_bytes != size_bytes) {
        return false;
    }
    for (size_t i = 0; i < size_bytes; i++) {
        if (slice->data[i] != (uint8_t)(first + i * 31 + (i >> 12))) {
            return false;
        }
    }
    return true;
}

static void answered(void *context, const struct weft_slice *reply, const struct weft_error *error)
{
    struct asked *asked = context;
    assert_false(asked->inside);
    asked->done = true;
    asked->done_count++;
    if (reply != NULL) {
        asked->reply = weft_slice_ref(reply);
    }
    asked->error = weft_error_ref((struct weft_error *)(uintptr_t)error);
}

void ask(struct town *town, struct asked *asked, const struct weft_client_call_options *options,
         struct weft_slice take_message)
{
    struct weft_error *error = NULL;
    *asked = (struct asked){.inside = true};
    assert_ok(weft_channel_unary(town->channel, options, &take_message, 1, answered, asked,
                                 &asked->call, &error),
              error);
    asked->inside = false;
}

void asked_fini(struct asked *asked)
{
    assert_int_equal(asked->done_count, 1);
    weft_slice_fini(&asked->reply);
    weft_error_unref(asked->error);
}
