/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failmalloc.h"
#include "town.h"

/* Each allocation of a call, on both ends, fails in turn: the call ends once, nothing is lost, and
 * the town works on. */

static void echo(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    weft_server_call_reply(call, &reply, 1);
}

static void rest_echo(void *context, struct weft_exchange *exchange)
{
    (void)context;
    struct weft_slice body = weft_slice_ref(weft_exchange_body(exchange));
    weft_exchange_respond(exchange, 200, "text/plain", NULL, 0, &body, 1);
}

static void build(struct town *town)
{
    struct weft_grpc_method method = {.path = "/town.Post/Echo", .unary = echo};
    struct weft_route route = {.method = "POST", .pattern = "/echo/{name}", .handle = rest_echo};
    town->channel_options = (struct weft_channel_options){.backoff_min_ms = 1, .backoff_max_ms = 2};
    town_found(town);
    assert_ok(weft_grpc_server_add(town->grpc, &method, NULL), NULL);
    assert_ok(weft_router_add(town->router, &route, NULL), NULL);
    town_open(town);
}

struct outcome {
    bool done;
    int count;
    bool fine;
};

static void answered(void *context, const struct weft_slice *reply, const struct weft_error *error)
{
    struct outcome *outcome = context;
    outcome->done = true;
    outcome->count++;
    outcome->fine = error == NULL && reply->size_bytes > 0;
}

/* True where the echo came. */
static bool call_once(struct town *town, struct weft_slice message)
{
    struct weft_client_call_options options = {
        .path = "/town.Post/Echo", .deadline_ns = weft_loop_now_ns() + WEFT_NS_PER_S / 5};
    struct outcome outcome = {0};
    if (weft_channel_unary(town->channel, &options, &message, 1, answered, &outcome, NULL, NULL) !=
        WEFT_OK) {
        weft_slice_fini(&message);
        return false;
    }
    while (!outcome.done) {
        weft_loop_turn(town->loop, true);
    }
    assert_int_equal(outcome.count, 1);
    return outcome.fine;
}

static bool call_again(struct town *town, size_t size_bytes)
{
    for (int i = 0; i < 10; i++) {
        if (call_once(town, town_bytes(size_bytes, 3))) {
            return true;
        }
        town_run_ms(town, 5);
    }
    return false;
}

static void fail_each(size_t size_bytes)
{
    bool failed = true;
    for (size_t i = 0; failed; i++) {
        struct town town = {0};
        build(&town);
        struct weft_slice message = town_bytes(size_bytes, 3);
        failmalloc_arm(i);
        call_once(&town, message);
        failed = failmalloc_disarm();
        assert_true(call_again(&town, size_bytes));
        town_raze(&town);
        assert_true(i < 1000);
    }
}

static void test_a_small_call(void **state)
{
    (void)state;
    fail_each(64);
}

static void test_a_large_call(void **state)
{
    (void)state;
    fail_each(300 * 1000);
}

static void test_a_rest_request(void **state)
{
    (void)state;
    static const char request[] = "POST /echo/x HTTP/1.1\r\nhost: town\r\nconnection: "
                                  "close\r\ncontent-length: 5\r\n\r\nhello";
    bool failed = true;
    for (size_t i = 0; failed; i++) {
        struct town town = {0};
        char answer[1024];
        build(&town);
        int socket = town_dial(&town);
        failmalloc_arm(i);
        town_say(&town, socket, request, sizeof(request) - 1);
        size_t length = town_hear(&town, socket, answer, sizeof(answer), 0);
        failed = failmalloc_disarm();
        close(socket);
        assert_true(length == 0 || strncmp(answer, "HTTP/1.1 200", 12) == 0 ||
                    strncmp(answer, "HTTP/1.1 5", 10) == 0);
        assert_true(call_again(&town, 64));
        town_raze(&town);
        assert_true(i < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_call),
        cmocka_unit_test(test_a_large_call),
        cmocka_unit_test(test_a_rest_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
