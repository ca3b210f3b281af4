/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "town.h"

/*
 * The system calls of both ends fail one after the other. Whatever happens, a call ends once, with
 * its echo or with an error, and when the faults are over the town works again. Linked with --wrap
 * for the calls.
 */

ssize_t __real_recv(int socket, void *memory, size_t capacity, int flags);
ssize_t __real_recvmsg(int socket, struct msghdr *message, int flags);
ssize_t __real_send(int socket, const void *memory, size_t size_bytes, int flags);
ssize_t __real_sendmsg(int socket, const struct msghdr *message, int flags);
ssize_t __wrap_recv(int socket, void *memory, size_t capacity, int flags);
ssize_t __wrap_recvmsg(int socket, struct msghdr *message, int flags);
ssize_t __wrap_send(int socket, const void *memory, size_t size_bytes, int flags);
ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags);

static struct {
    int countdown; /* to the call that fails; 0 = none */
    int number;    /* errno; 0 = the call is short: one byte */
    bool always_short;
} fault;

/* True where this call is the one. */
static bool strikes(void)
{
    return fault.countdown > 0 && --fault.countdown == 0;
}

ssize_t __wrap_recv(int socket, void *memory, size_t capacity, int flags)
{
    bool struck = strikes();
    if (struck && fault.number != 0) {
        errno = fault.number;
        return -1;
    }
    return __real_recv(socket, memory, struck || fault.always_short ? 1 : capacity, flags);
}

ssize_t __wrap_recvmsg(int socket, struct msghdr *message, int flags)
{
    bool struck = strikes();
    if (struck && fault.number != 0) {
        errno = fault.number;
        return -1;
    }
    if (struck || fault.always_short) {
        return __real_recv(socket, message->msg_iov[0].iov_base, 1, flags);
    }
    return __real_recvmsg(socket, message, flags);
}

ssize_t __wrap_send(int socket, const void *memory, size_t size_bytes, int flags)
{
    bool struck = strikes();
    if (struck && fault.number != 0) {
        errno = fault.number;
        return -1;
    }
    return __real_send(socket, memory, struck || fault.always_short ? 1 : size_bytes, flags);
}

ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags)
{
    bool struck = strikes();
    if (struck && fault.number != 0) {
        errno = fault.number;
        return -1;
    }
    if (struck || fault.always_short) {
        return __real_send(socket, message->msg_iov[0].iov_base, 1, flags);
    }
    return __real_sendmsg(socket, message, flags);
}

static void echo(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    weft_server_call_reply(call, &reply, 1);
}

static void build(struct town *town)
{
    struct weft_grpc_method method = {.path = "/town.Post/Echo", .unary = echo};
    town_found(town);
    assert_ok(weft_grpc_server_add(town->grpc, &method, NULL), NULL);
    town_open(town);
}

/* A call with its echo or an error. */
static bool call_once(struct town *town, size_t size_bytes)
{
    struct weft_client_call_options options = {.path = "/town.Post/Echo",
                                               .wait_for_ready = true,
                                               .deadline_ns =
                                                   weft_loop_now_ns() + 5 * WEFT_NS_PER_S};
    struct asked asked;
    ask(town, &asked, &options, town_bytes(size_bytes, 9));
    town_run_until(town, &asked.done);
    bool fine = asked.error == NULL;
    assert_true(!fine || town_bytes_fit(&asked.reply, size_bytes, 9));
    asked_fini(&asked);
    return fine;
}

static void strike_each_call(int number, bool harmless)
{
    enum { SIZE = 200 * 1000 };
    for (int strike = 1; strike <= 40; strike++) {
        struct town town = {.channel_options = {.backoff_min_ms = 1, .backoff_max_ms = 2}};
        build(&town);
        fault.countdown = strike;
        fault.number = number;
        bool fine = call_once(&town, SIZE);
        assert_true(fine || !harmless);
        fault.countdown = 0;
        /* The fault may have hit the connection after the answer: then the next call is the one
         * that hears of it. */
        assert_true(call_once(&town, SIZE) || call_once(&town, SIZE));
        town_raze(&town);
    }
}

static void test_a_connection_that_breaks_at_any_call_ends_its_calls_once(void **state)
{
    (void)state;
    strike_each_call(ECONNRESET, false);
    strike_each_call(EPIPE, false);
}

static void test_interrupted_and_unready_calls_do_no_harm(void **state)
{
    (void)state;
    strike_each_call(EINTR, true);
    strike_each_call(0, true);
}

static void test_byte_by_byte_everything_arrives(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    fault.always_short = true;
    assert_true(call_once(&town, 3000));
    fault.always_short = false;
    assert_true(call_once(&town, 3000));
    town_raze(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_that_breaks_at_any_call_ends_its_calls_once),
        cmocka_unit_test(test_interrupted_and_unready_calls_do_no_harm),
        cmocka_unit_test(test_byte_by_byte_everything_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
