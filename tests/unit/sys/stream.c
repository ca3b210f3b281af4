/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/story.h"
#include "sys/internal.h"

/* A client and a server's side of one connection in one loop. */
struct scene {
    struct weft_loop *loop;
    struct weft_acceptor *acceptor;
    struct weft_stream *server;
    struct weft_stream *client;
    struct weft_error *connect_error;
    bool connect_ended;
    bool inside; /* of weft_tcp_connect */
    int troubles;
    int accepted;
};

static void on_accepted(void *context, struct weft_stream *stream)
{
    struct scene *scene = context;
    scene->accepted++;
    if (scene->server != NULL) {
        weft_stream_close(stream);
        return;
    }
    scene->server = stream;
}

static void on_troubled(void *context, struct weft_error *error)
{
    struct scene *scene = context;
    (void)error;
    scene->troubles++;
}

static const struct weft_acceptor_handler acceptor_handler = {on_accepted, on_troubled};

static void on_connected(void *context, struct weft_stream *stream, struct weft_error *error)
{
    struct scene *scene = context;
    assert_false(scene->inside);
    scene->connect_ended = true;
    scene->client = stream;
    scene->connect_error = weft_error_ref(error);
}

static void open_door(struct scene *scene)
{
    struct weft_error *error = NULL;
    *scene = (struct scene){0};
    assert_ok(weft_loop_new(NULL, &scene->loop, &error), error);
    assert_ok(weft_tcp_accept(scene->loop, "127.0.0.1:0", NULL, &acceptor_handler, scene,
                              &scene->acceptor, &error),
              error);
}

static void connect_to(struct scene *scene, const char *address, uint64_t timeout_ms)
{
    struct weft_error *error = NULL;
    struct weft_connect *connect = NULL;
    scene->inside = true;
    assert_ok(weft_tcp_connect(scene->loop, address, NULL,
                               weft_loop_now_ns() + timeout_ms * WEFT_NS_PER_MS, on_connected,
                               scene, &connect, &error),
              error);
    scene->inside = false;
    while (!scene->connect_ended) {
        weft_loop_turn(scene->loop, true);
    }
}

static void meet(struct scene *scene)
{
    char address[WEFT_ADDRESS_TEXT_MAX];
    open_door(scene);
    weft_address_format(weft_acceptor_address(scene->acceptor), address);
    connect_to(scene, address, 5000);
    assert_non_null(scene->client);
    while (scene->server == NULL) {
        weft_loop_turn(scene->loop, true);
    }
}

static void part(struct scene *scene)
{
    if (scene->client != NULL) {
        weft_stream_close(scene->client);
    }
    if (scene->server != NULL) {
        weft_stream_close(scene->server);
    }
    weft_acceptor_close(scene->acceptor);
    weft_error_unref(scene->connect_error);
    weft_loop_free(scene->loop);
}

/* One end that collects what comes, or sends a pattern. */
struct end {
    struct weft_stream *stream;
    size_t received;
    size_t to_send;
    size_t sent;
    bool ended;
    bool broken;
    bool mismatch;
};

static uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 7 + offset / 4099);
}

static void end_readable(void *context)
{
    struct end *end = context;
    static uint8_t memory[64 * 1024];
    struct iovec entries[2] = {{memory, 1000}, {memory + 1000, sizeof(memory) - 1000}};
    struct weft_error *error = NULL;
    ssize_t count = weft_stream_recv(end->stream, entries, 2, &error);
    for (ssize_t i = 0; i < count; i++) {
        end->mismatch |= memory[i] != pattern(end->received++);
    }
    end->ended |= count == 0;
    end->broken |= count == WEFT_STREAM_FAILED;
    assert_true((count == WEFT_STREAM_FAILED) == (error != NULL));
    weft_error_unref(error);
}

static void end_writable(void *context)
{
    struct end *end = context;
    static uint8_t memory[64 * 1024];
    while (end->sent < end->to_send) {
        size_t size =
            end->to_send - end->sent < sizeof(memory) ? end->to_send - end->sent : sizeof(memory);
        for (size_t i = 0; i < size; i++) {
            memory[i] = pattern(end->sent + i);
        }
        struct iovec entry = {memory, size};
        ssize_t count = weft_stream_send(end->stream, &entry, 1, NULL);
        if (count < 0) {
            assert_int_equal(count, WEFT_STREAM_AGAIN);
            return;
        }
        end->sent += (size_t)count;
    }
}

static const struct weft_stream_handler end_handler = {end_readable, end_writable};

static void start(struct end *end, struct weft_stream *stream)
{
    struct weft_error *error = NULL;
    *end = (struct end){.stream = stream};
    assert_ok(weft_stream_start(stream, &end_handler, end, &error), error);
}

static void test_bytes_cross_whole_and_in_order_past_full_buffers(void **state)
{
    (void)state;
    struct scene scene;
    struct end client;
    struct end server;
    meet(&scene);
    start(&client, scene.client);
    start(&server, scene.server);
    client.to_send = 20 * 1000 * 1000;
    end_writable(&client);
    assert_true(client.sent < client.to_send);
    while (server.received < client.to_send) {
        weft_loop_turn(scene.loop, true);
    }
    assert_false(server.mismatch);
    assert_int_equal(scene.client->sent_bytes, client.to_send);
    assert_int_equal(scene.server->received_bytes, client.to_send);
    weft_stream_shutdown(scene.client);
    while (!server.ended) {
        weft_loop_turn(scene.loop, true);
    }
    part(&scene);
}

static void test_a_paused_reader_stops_its_sender(void **state)
{
    (void)state;
    struct scene scene;
    struct end client;
    struct end server;
    meet(&scene);
    start(&client, scene.client);
    start(&server, scene.server);
    weft_stream_pause(scene.server, true);
    client.to_send = 200 * 1000 * 1000;
    end_writable(&client);
    size_t before = client.sent;
    for (int i = 0; i < 100; i++) {
        weft_loop_turn(scene.loop, false);
    }
    assert_int_equal(server.received, 0);
    assert_true(client.sent < client.to_send);
    weft_stream_pause(scene.server, false);
    while (client.sent == before) {
        weft_loop_turn(scene.loop, true);
    }
    assert_true(server.received > 0);
    assert_false(server.mismatch);
    part(&scene);
}

/* Going on takes memory of the kernel. Without it the owner must hear that nothing will come. */
static void test_a_reader_that_cannot_go_on_is_told(void **state)
{
    (void)state;
    struct scene scene;
    struct end server;
    meet(&scene);
    start(&server, scene.server);
    weft_stream_pause(scene.server, true);
    int epoll = scene.loop->ready.epoll;
    scene.loop->ready.epoll = -1;
    weft_stream_pause(scene.server, false);
    scene.loop->ready.epoll = epoll;
    assert_false(server.broken); /* never from inside */
    weft_loop_turn(scene.loop, false);
    assert_true(server.broken);
    part(&scene);
}

static void test_a_broken_connection_is_an_error(void **state)
{
    (void)state;
    struct scene scene;
    struct end client;
    meet(&scene);
    start(&client, scene.client);
    client.to_send = 1000;
    end_writable(&client);
    weft_stream_close(scene.server); /* with unread bytes: a reset */
    scene.server = NULL;
    while (!client.broken && !client.ended) {
        weft_loop_turn(scene.loop, true);
    }
    assert_true(client.broken);
    part(&scene);
}

static void test_nobody_listening_is_said_with_the_address(void **state)
{
    (void)state;
    struct scene scene;
    char address[WEFT_ADDRESS_TEXT_MAX];
    char text[512];
    open_door(&scene);
    weft_address_format(weft_acceptor_address(scene.acceptor), address);
    weft_acceptor_close(scene.acceptor);
    scene.acceptor = NULL;
    connect_to(&scene, address, 5000);
    assert_status(weft_error_status(scene.connect_error), WEFT_UNAVAILABLE);
    weft_error_format(scene.connect_error, text, sizeof(text));
    assert_non_null(strstr(text, address));
    assert_non_null(strstr(text, "refused"));
    part(&scene);
}

static void test_localhost_is_looked_up_and_every_address_tried(void **state)
{
    (void)state;
    struct scene scene;
    struct weft_address bound;
    char address[WEFT_ADDRESS_TEXT_MAX];
    open_door(&scene);
    bound = *weft_acceptor_address(scene.acceptor);
    weft_address_format(&bound, address);
    char name[WEFT_ADDRESS_TEXT_MAX];
    snprintf(name, sizeof(name), "localhost%.20s", strrchr(address, ':'));
    connect_to(&scene, name, 5000);
    assert_null(scene.connect_error);
    part(&scene);
}

static void test_a_connect_is_cancelled_or_times_out(void **state)
{
    (void)state;
    struct scene scene;
    struct weft_error *error = NULL;
    struct weft_connect *connect = NULL;
    open_door(&scene);
    assert_ok(weft_tcp_connect(scene.loop, "localhost:9", NULL, weft_loop_now_ns() + WEFT_NS_PER_S,
                               on_connected, &scene, &connect, &error),
              error);
    weft_connect_cancel(connect);
    for (int i = 0; i < 10; i++) {
        weft_loop_turn(scene.loop, false);
    }
    assert_false(scene.connect_ended);
    connect_to(&scene, "127.0.0.1:9", 0);
    assert_non_null(scene.connect_error);
    part(&scene);
}

static void test_a_taken_port_is_refused_with_a_hint(void **state)
{
    (void)state;
    struct scene scene;
    struct weft_error *error = NULL;
    struct weft_acceptor *second = NULL;
    char address[WEFT_ADDRESS_TEXT_MAX];
    open_door(&scene);
    weft_address_format(weft_acceptor_address(scene.acceptor), address);
    assert_status(
        weft_tcp_accept(scene.loop, address, NULL, &acceptor_handler, &scene, &second, &error),
        WEFT_ALREADY_EXISTS);
    assert_non_null(weft_error_hint(error));
    weft_error_unref(error);
    assert_status(
        weft_tcp_accept(scene.loop, "some.name:80", NULL, &acceptor_handler, &scene, &second, NULL),
        WEFT_NOT_FOUND);
    part(&scene);
}

static void test_without_descriptors_clients_are_refused_and_the_door_recovers(void **state)
{
    (void)state;
    struct scene scene;
    char address[WEFT_ADDRESS_TEXT_MAX];
    struct rlimit old;
    open_door(&scene);
    weft_address_format(weft_acceptor_address(scene.acceptor), address);
    /* given: room for the client's socket, and none for the server's */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int next = dup(0);
    struct rlimit tight = {(rlim_t)next + 1, old.rlim_max};
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    connect_to(&scene, address, 5000);
    assert_non_null(scene.client);
    struct end client;
    start(&client, scene.client);
    while (!client.ended && !client.broken) {
        weft_loop_turn(scene.loop, true);
    }
    assert_true(scene.troubles > 0);
    assert_int_equal(scene.accepted, 0);
    /* when there is room again, then the door works */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    weft_stream_close(scene.client);
    scene.client = NULL;
    scene.connect_ended = false;
    connect_to(&scene, address, 5000);
    while (scene.server == NULL) {
        weft_loop_turn(scene.loop, true);
    }
    part(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_cross_whole_and_in_order_past_full_buffers),
        cmocka_unit_test(test_a_paused_reader_stops_its_sender),
        cmocka_unit_test(test_a_reader_that_cannot_go_on_is_told),
        cmocka_unit_test(test_a_broken_connection_is_an_error),
        cmocka_unit_test(test_nobody_listening_is_said_with_the_address),
        cmocka_unit_test(test_localhost_is_looked_up_and_every_address_tried),
        cmocka_unit_test(test_a_connect_is_cancelled_or_times_out),
        cmocka_unit_test(test_a_taken_port_is_refused_with_a_hint),
        cmocka_unit_test(test_without_descriptors_clients_are_refused_and_the_door_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
