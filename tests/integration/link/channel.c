/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "town.h"

/* When a channel connects, and how often. */

/* --- the town: an echo, and a method that never answers --- */

static size_t silent_count;
static bool all_are_silent;
static uint64_t told_deadline_ns;

static void echo(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    told_deadline_ns = weft_server_call_deadline_ns(call);
    weft_server_call_reply(call, &reply, 1);
}

static void on_cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    (void)context, (void)reason;
    weft_server_call_finish(call, NULL);
}

static void keep_silent(void *context, struct weft_server_call *call,
                        const struct weft_slice *message)
{
    static const struct weft_server_call_events events = {.cancelled = on_cancelled};
    (void)context, (void)message;
    weft_server_call_handle(call, &events, NULL);
    all_are_silent = ++silent_count == WEFT_HTTP_STREAMS_MAX;
}

static const struct weft_client_call_options to_echo = {.path = "/town.Post/Echo",
                                                        .wait_for_ready = true};
static const struct weft_client_call_options to_silence = {.path = "/town.Post/Silence"};

static void build(struct town *town)
{
    struct weft_error *error = NULL;
    struct weft_grpc_method methods[] = {{.path = "/town.Post/Echo", .unary = echo},
                                         {.path = "/town.Post/Silence", .unary = keep_silent}};
    silent_count = 0;
    all_are_silent = false;
    town_found(town);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(weft_grpc_server_add(town->grpc, &methods[i], &error), error);
    }
    town_open(town);
}

/* --- stories --- */

/* The connection has no room for it, and takes no more calls. */
static void test_a_call_that_waits_for_room_goes_by_the_next_connection(void **state)
{
    (void)state;
    static struct asked silent[WEFT_HTTP_STREAMS_MAX];
    struct town town = {.channel_options = {.backoff_min_ms = 10, .backoff_max_ms = 20}};
    struct asked waiting;
    build(&town);
    for (size_t i = 0; i < WEFT_HTTP_STREAMS_MAX; i++) {
        ask(&town, &silent[i], &to_silence, town_bytes(5, 7));
    }
    town_run_until(&town, &all_are_silent);
    ask(&town, &waiting, &to_echo, town_bytes(5, 7));
    town_run_ms(&town, 20);
    assert_false(waiting.done);
    town_shut(&town, 50);
    assert_false(waiting.done);
    town_open(&town);
    town_run_until(&town, &waiting.done);
    assert_ok(weft_error_status(waiting.error), waiting.error);
    asked_fini(&waiting);
    for (size_t i = 0; i < WEFT_HTTP_STREAMS_MAX; i++) {
        town_run_until(&town, &silent[i].done);
        asked_fini(&silent[i]);
    }
    town_raze(&town);
}

static void drop_stream(void *context, struct weft_stream *stream)
{
    ++*(size_t *)context;
    weft_stream_close(stream);
}

static void ignore_trouble(void *context, struct weft_error *error)
{
    (void)context, (void)error;
}

/* The pause is longer than the story. */
static void test_who_takes_connections_and_drops_them_is_left_alone_for_a_while(void **state)
{
    (void)state;
    static const struct weft_acceptor_handler handler = {drop_stream, ignore_trouble};
    struct town town = {.channel_options = {.backoff_min_ms = 60000, .backoff_max_ms = 60000}};
    struct weft_acceptor *acceptor = NULL;
    struct asked first, second;
    size_t taken = 0;
    town_found(&town);
    assert_ok(weft_tcp_accept(town.loop, "127.0.0.1:0", NULL, &handler, &taken, &acceptor, NULL),
              NULL);
    char address[WEFT_ADDRESS_TEXT_MAX];
    weft_address_format(weft_acceptor_address(acceptor), address);
    assert_ok(weft_channel_open(town.link, address, &town.channel_options, &town.channel, NULL),
              NULL);
    ask(&town, &first, &to_echo, town_bytes(5, 7));
    town_run_until(&town, &first.done);
    assert_status(weft_error_status(first.error), WEFT_UNAVAILABLE);
    asked_fini(&first);
    ask(&town, &second, &to_echo, town_bytes(5, 7));
    town_run_ms(&town, 50);
    assert_int_equal(taken, 1);
    assert_int_equal(weft_channel_state(town.channel), WEFT_CHANNEL_FAILED);
    assert_false(second.done);
    weft_client_call_cancel(second.call);
    town_run_until(&town, &second.done);
    asked_fini(&second);
    weft_acceptor_close(acceptor);
    town_raze(&town);
}

/* So that ten of them, the first a millisecond, last a second. */
static void test_the_pauses_between_attempts_grow(void **state)
{
    (void)state;
    struct town town = {.channel_options = {.backoff_min_ms = 1, .backoff_max_ms = 60000}};
    struct weft_link_counters counters;
    struct asked asked;
    build(&town);
    town_shut(&town, 0);
    ask(&town, &asked, &to_echo, town_bytes(5, 7));
    town_run_ms(&town, 200);
    weft_link_counters(town.link, &counters);
    assert_in_range(counters.connect_failures, 2, 20); /* of one length there were 200 */
    weft_client_call_cancel(asked.call);
    town_run_until(&town, &asked.done);
    asked_fini(&asked);
    town_raze(&town);
}

static void test_a_call_that_had_to_wait_keeps_the_rest_of_its_deadline(void **state)
{
    (void)state;
    struct town town = {0};
    struct asked asked;
    build(&town);
    struct weft_client_call_options options = to_echo;
    options.deadline_ns = weft_loop_now_ns() + 60 * WEFT_NS_PER_S;
    ask(&town, &asked, &options, town_bytes(5, 7)); /* there is no connection yet */
    town_run_until(&town, &asked.done);
    assert_ok(weft_error_status(asked.error), asked.error);
    assert_true(told_deadline_ns > weft_loop_now_ns() + 30 * WEFT_NS_PER_S);
    asked_fini(&asked);
    town_raze(&town);
}

/* The peer answers each time that it is asked for a sign of life. */
static void test_a_long_call_to_a_peer_that_lives_goes_on(void **state)
{
    (void)state;
    struct town town = {.channel_options = {.keepalive_ms = 20, .keepalive_timeout_ms = 400}};
    struct asked asked;
    build(&town);
    ask(&town, &asked, &to_silence, town_bytes(5, 7));
    town_run_ms(&town, 1000);
    assert_false(asked.done);
    weft_client_call_cancel(asked.call);
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_CANCELLED);
    asked_fini(&asked);
    town_raze(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_waits_for_room_goes_by_the_next_connection),
        cmocka_unit_test(test_who_takes_connections_and_drops_them_is_left_alone_for_a_while),
        cmocka_unit_test(test_the_pauses_between_attempts_grow),
        cmocka_unit_test(test_a_call_that_had_to_wait_keeps_the_rest_of_its_deadline),
        cmocka_unit_test(test_a_long_call_to_a_peer_that_lives_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
