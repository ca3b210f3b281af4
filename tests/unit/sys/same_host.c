/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/story.h"
#include "sys/stream.h"

/* Which way a connection takes is seen at the door: the peer of a Unix socket has no address. */

enum { NOBODY = 65534, CONNECT_MS = 5000 };

static const struct weft_tcp_options near = {.same_host_sockets = true};

struct scene {
    struct weft_loop *loop;
    struct weft_acceptor *acceptor;
    char address[WEFT_ADDRESS_TEXT_MAX];
    struct weft_stream *server;
    struct weft_stream *client;
};

static void on_accepted(void *context, struct weft_stream *stream)
{
    struct scene *scene = context;
    assert_null(scene->server);
    scene->server = stream;
}

static void on_troubled(void *context, struct weft_error *error)
{
    (void)context;
    fail_msg("%s", weft_error_message(error));
}

static void on_connected(void *context, struct weft_stream *stream, struct weft_error *error)
{
    struct scene *scene = context;
    assert_null(error);
    scene->client = stream;
}

static void open_door(struct scene *scene, const struct weft_tcp_options *options)
{
    static const struct weft_acceptor_handler handler = {on_accepted, on_troubled};
    struct weft_error *error = NULL;
    *scene = (struct scene){0};
    assert_ok(weft_loop_new(NULL, &scene->loop, &error), error);
    assert_ok(weft_tcp_accept(scene->loop, "127.0.0.1:0", options, &handler, scene,
                              &scene->acceptor, &error),
              error);
    weft_address_format(weft_acceptor_address(scene->acceptor), scene->address);
}

static void come_in(struct scene *scene, const struct weft_tcp_options *options)
{
    struct weft_connect *connect = NULL;
    struct weft_error *error = NULL;
    assert_ok(weft_tcp_connect(scene->loop, scene->address, options,
                               weft_loop_now_ns() + CONNECT_MS * WEFT_NS_PER_MS, on_connected,
                               scene, &connect, &error),
              error);
    while (scene->client == NULL || scene->server == NULL) {
        weft_loop_turn(scene->loop, true);
    }
}

static bool came_by_unix_socket(const struct scene *scene)
{
    return scene->server->peer.socket_address.ss_family == AF_UNIX;
}

static void close_door(struct scene *scene)
{
    if (scene->client != NULL) {
        weft_stream_close(scene->client);
    }
    if (scene->server != NULL) {
        weft_stream_close(scene->server);
    }
    weft_acceptor_close(scene->acceptor);
    weft_loop_free(scene->loop);
}

/* What anybody can do: the name is no secret. */
static socklen_t name_of_door(const char *address, struct sockaddr_un *ret_name)
{
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(ret_name->sun_path + 1, sizeof(ret_name->sun_path) - 1, "weft/%s", address);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int connect_by_name(const char *address)
{
    struct sockaddr_un name;
    socklen_t length = name_of_door(address, &name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&name, length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void processes_of_one_host_and_user_meet_on_a_unix_socket(void **state)
{
    (void)state;
    struct scene scene;
    open_door(&scene, &near);
    come_in(&scene, &near);
    assert_true(came_by_unix_socket(&scene));
    char text[WEFT_ADDRESS_TEXT_MAX];
    weft_address_format(&scene.client->peer, text);
    assert_string_equal(text, scene.address); /* whom it called */
    close_door(&scene);
}

static void both_ends_have_to_want_it(void **state)
{
    (void)state;
    struct scene scene;
    open_door(&scene, NULL);
    come_in(&scene, &near);
    assert_false(came_by_unix_socket(&scene));
    close_door(&scene);

    open_door(&scene, &near);
    come_in(&scene, NULL);
    assert_false(came_by_unix_socket(&scene));
    close_door(&scene);
}

static void a_closed_door_leaves_no_name_behind(void **state)
{
    (void)state;
    struct scene scene;
    open_door(&scene, &near);
    int fd = connect_by_name(scene.address);
    assert_true(fd >= 0);
    close(fd);
    weft_acceptor_close(scene.acceptor);
    assert_int_equal(connect_by_name(scene.address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    weft_loop_free(scene.loop);
}

static void where_the_name_is_taken_tcp_does(void **state)
{
    (void)state;
    struct scene scene;
    open_door(&scene, NULL);
    struct sockaddr_un name;
    socklen_t length = name_of_door(scene.address, &name);
    int squatter = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(squatter, (const struct sockaddr *)&name, length), 0);
    come_in(&scene, &near); /* nobody listens there */
    assert_false(came_by_unix_socket(&scene));
    close_door(&scene);
    close(squatter);
}

/* Runs as another user, tells that it is ready by its first byte, and ends when the pipe does. */
static pid_t start_stranger(void (*act)(const char *address, int ready), const char *address,
                            int *ret_ready)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ready[0]);
        if (setresuid(NOBODY, NOBODY, NOBODY) != 0) {
            _exit(1);
        }
        act(address, ready[1]);
        _exit(0);
    }
    close(ready[1]);
    *ret_ready = ready[0];
    return child;
}

static void sit_down_at_name(const char *address, int ready)
{
    struct sockaddr_un name;
    socklen_t length = name_of_door(address, &name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (const struct sockaddr *)&name, length) != 0 || listen(fd, 8) != 0 ||
        write(ready, "y", 1) != 1) {
        _exit(1);
    }
    pause();
}

static void another_user_at_the_doors_name_is_not_believed(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* there is no other user to be */
    }
    struct scene scene;
    open_door(&scene, NULL);
    int ready = -1;
    pid_t stranger = start_stranger(sit_down_at_name, scene.address, &ready);
    char byte = 0;
    assert_int_equal(read(ready, &byte, 1), 1);
    come_in(&scene, &near);
    assert_false(came_by_unix_socket(&scene));
    close_door(&scene);
    close(ready);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
}

static void knock(const char *address, int ready)
{
    char byte = 0;
    int fd = connect_by_name(address);
    bool shown_out = fd >= 0 && read(fd, &byte, 1) == 0;
    if (write(ready, shown_out ? "y" : "n", 1) != 1) {
        _exit(1);
    }
}

static void another_user_who_knocks_is_shown_out(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    struct scene scene;
    open_door(&scene, &near);
    int ready = -1;
    pid_t stranger = start_stranger(knock, scene.address, &ready);
    int ended = 0;
    while (waitpid(stranger, &ended, WNOHANG) == 0) {
        weft_loop_turn(scene.loop, false);
    }
    char byte = 0;
    assert_int_equal(read(ready, &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_null(scene.server);
    close(ready);
    close_door(&scene);
}

/* Under the number that stands for every user without one, nobody can be told apart. */
static void nobody_in_particular_takes_tcp(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct scene scene;
        if (setresuid(NOBODY, NOBODY, NOBODY) != 0) {
            _exit(2);
        }
        open_door(&scene, &near);
        come_in(&scene, &near);
        _exit(came_by_unix_socket(&scene) ? 1 : 0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_of_one_host_and_user_meet_on_a_unix_socket),
        cmocka_unit_test(both_ends_have_to_want_it),
        cmocka_unit_test(a_closed_door_leaves_no_name_behind),
        cmocka_unit_test(where_the_name_is_taken_tcp_does),
        cmocka_unit_test(another_user_at_the_doors_name_is_not_believed),
        cmocka_unit_test(another_user_who_knocks_is_shown_out),
        cmocka_unit_test(nobody_in_particular_takes_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
