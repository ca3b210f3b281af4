/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "town.h"

/* --- the methods of the town --- */

static struct {
    struct weft_server_call *held; /* the last call of a method that keeps silent */
    int cancelled;
    enum weft_status reason;
    bool was_cancelled;
    bool has_held;
    int messages;
    size_t sent;
    bool refused;
    struct weft_timer later;
    char traceparent[64];
} seen;

static void echo(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    const char *trace = weft_server_call_metadata(call, "traceparent");
    snprintf(seen.traceparent, sizeof(seen.traceparent), "%s", trace != NULL ? trace : "");
    weft_server_call_reply(call, &reply, 1);
}

static void packed_echo(void *context, struct weft_server_call *call,
                        const struct weft_slice *message)
{
    weft_server_call_set_encoding(call, WEFT_GRPC_GZIP);
    echo(context, call, message);
}

static void refuse(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    (void)context, (void)message;
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_NOT_FOUND, "no model is called \"\xc3\xa9t\xc3\xa9\"");
    weft_server_call_finish(call, error);
    weft_error_unref(error);
}

static void on_cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    (void)context;
    seen.cancelled++;
    seen.reason = reason;
    seen.was_cancelled = true;
    weft_server_call_finish(call, NULL);
    seen.held = NULL;
}

static const struct weft_server_call_events silent_events = {.cancelled = on_cancelled};

static void keep_silent(void *context, struct weft_server_call *call,
                        const struct weft_slice *message)
{
    (void)context, (void)message;
    seen.held = call;
    seen.has_held = true;
    weft_server_call_handle(call, &silent_events, NULL);
}

static void say_why(void *context)
{
    (void)context;
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_DEADLINE_EXCEEDED, "step \"paint\" was running");
    weft_server_call_finish(seen.held, error);
    weft_error_unref(error);
}

/* As an engine that keeps the deadline itself, and hears of it a little later than the clock. */
static void be_late(void *context, struct weft_server_call *call, const struct weft_slice *message)
{
    struct town *town = context;
    keep_silent(NULL, call, message);
    weft_timer_init(&seen.later, town->loop, say_why, NULL);
    assert_ok(weft_timer_set(&seen.later, weft_server_call_deadline_ns(call) + WEFT_NS_PER_MS),
              NULL);
}

static void chat_message(void *context, struct weft_server_call *call,
                         const struct weft_slice *message)
{
    (void)context;
    struct weft_slice reply = weft_slice_ref(message);
    seen.messages++;
    assert_true(weft_server_call_send(call, &reply, 1));
}

static void chat_half_closed(void *context, struct weft_server_call *call)
{
    (void)context;
    weft_server_call_finish(call, NULL);
}

static const struct weft_server_call_events chat_events = {
    .message = chat_message, .half_closed = chat_half_closed, .cancelled = on_cancelled};

static void chat(void *context, struct weft_server_call *call)
{
    weft_server_call_handle(call, &chat_events, context);
}

static void flood_message(void *context, struct weft_server_call *call,
                          const struct weft_slice *message)
{
    (void)context, (void)call, (void)message;
}

static const struct weft_server_call_events flood_events = {.message = flood_message,
                                                            .cancelled = on_cancelled};

/* Sends the same MiB until it is stopped. */
static void flood(void *context, struct weft_server_call *call)
{
    (void)context;
    weft_server_call_handle(call, &flood_events, NULL);
    struct weft_slice part = town_bytes(1024 * 1024, 1);
    for (int i = 0; i < 2000; i++) {
        struct weft_slice again = weft_slice_ref(&part);
        if (!weft_server_call_send(call, &again, 1)) {
            seen.refused = true;
            break;
        }
        seen.sent += part.size_bytes;
    }
    weft_slice_fini(&part);
}

static void add(struct town *town, const char *path,
                void (*unary)(void *, struct weft_server_call *, const struct weft_slice *),
                void (*start)(void *, struct weft_server_call *))
{
    struct weft_error *error = NULL;
    struct weft_grpc_method method = {
        .path = path, .unary = unary, .start = start, .context = town};
    assert_ok(weft_grpc_server_add(town->grpc, &method, &error), error);
}

static void build(struct town *town)
{
    memset(&seen, 0, sizeof(seen));
    town_found(town);
    add(town, "/town.Post/Echo", echo, NULL);
    add(town, "/town.Post/Packed", packed_echo, NULL);
    add(town, "/town.Post/Refuse", refuse, NULL);
    add(town, "/town.Post/Silence", keep_silent, NULL);
    add(town, "/town.Post/Late", be_late, NULL);
    add(town, "/town.Post/Chat", NULL, chat);
    add(town, "/town.Post/Flood", NULL, flood);
    town_open(town);
}

static const struct weft_client_call_options to_echo = {.path = "/town.Post/Echo"};

static void assert_echo(struct town *town, const struct weft_client_call_options *options,
                        size_t size_bytes)
{
    struct asked asked;
    ask(town, &asked, options, town_bytes(size_bytes, 7));
    town_run_until(town, &asked.done);
    assert_ok(weft_error_status(asked.error), asked.error);
    assert_true(town_bytes_fit(&asked.reply, size_bytes, 7));
    asked_fini(&asked);
}

/* --- stories --- */

static void test_an_echo_comes_back_at_every_size(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    static const size_t sizes[] = {0, 1, 64, 1000, 16384, 65530, 100 * 1000, 1 << 20, 12 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_echo(&town, &to_echo, sizes[i]);
    }
    town_raze(&town);
}

static void test_an_echo_takes_one_recv_and_one_send_on_each_side(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    struct town town = {.loop_options = {.spin_off = true}};
    struct weft_link_counters before;
    struct weft_link_counters after;
    build(&town);
    assert_echo(&town, &to_echo, 64);
    town_run_ms(&town, 20);
    weft_link_counters(town.link, &before);
    for (int i = 0; i < CALLS; i++) {
        assert_echo(&town, &to_echo, 64);
    }
    weft_link_counters(town.link, &after);
    assert_true(after.traffic.recv_calls - before.traffic.recv_calls <= 2 * CALLS);
    assert_true(after.traffic.send_calls - before.traffic.send_calls <= 2 * CALLS);
    assert_int_equal(after.requests - before.requests, CALLS);
    town_raze(&town);
}

static void test_many_calls_of_one_turn_leave_in_one_send(void **state)
{
    (void)state;
    enum { CALLS = 32 };
    struct town town = {.loop_options = {.spin_off = true}};
    struct weft_traffic before;
    struct weft_traffic after;
    struct asked asked[CALLS];
    build(&town);
    assert_echo(&town, &to_echo, 64);
    town_run_ms(&town, 20);
    weft_channel_traffic(town.channel, &before);
    for (int i = 0; i < CALLS; i++) {
        ask(&town, &asked[i], &to_echo, town_bytes(64, (uint8_t)i));
    }
    for (int i = 0; i < CALLS; i++) {
        town_run_until(&town, &asked[i].done);
        assert_true(town_bytes_fit(&asked[i].reply, 64, (uint8_t)i));
        asked_fini(&asked[i]);
    }
    weft_channel_traffic(town.channel, &after);
    assert_int_equal(after.send_calls - before.send_calls, 1);
    town_raze(&town);
}

static void test_a_large_message_is_copied_at_most_once_for_each_byte_received(void **state)
{
    (void)state;
    enum { SIZE = 12 << 20 };
    struct town town = {0};
    build(&town);
    uint64_t before = weft_copied_bytes_total();
    assert_echo(&town, &to_echo, SIZE);
    assert_true(weft_copied_bytes_total() - before <= 2 * SIZE); /* both ways */
    town_raze(&town);
}

static void test_gzip_both_ways(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    struct weft_client_call_options options = {.path = "/town.Post/Packed",
                                               .encoding = WEFT_GRPC_GZIP};
    assert_echo(&town, &options, 5);
    assert_echo(&town, &options, 300 * 1000);
    town_raze(&town);
}

static void test_metadata_arrives(void **state)
{
    (void)state;
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct town town = {0};
    build(&town);
    struct weft_grpc_metadata metadata = {"traceparent", trace, sizeof(trace) - 1};
    struct weft_client_call_options options = {
        .path = "/town.Post/Echo", .metadata = &metadata, .metadata_count = 1};
    assert_echo(&town, &options, 5); /* waits for the connection, so it is kept */
    assert_string_equal(seen.traceparent, trace);
    seen.traceparent[0] = '\0';
    assert_echo(&town, &options, 5);
    assert_string_equal(seen.traceparent, trace);
    town_raze(&town);
}

static void assert_fails(struct town *town, const struct weft_client_call_options *options,
                         enum weft_status status, const char *words)
{
    struct asked asked;
    char text[512];
    ask(town, &asked, options, town_bytes(5, 7));
    town_run_until(town, &asked.done);
    assert_status(weft_error_status(asked.error), status);
    weft_error_format(asked.error, text, sizeof(text));
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, text);
    }
    asked_fini(&asked);
}

static void test_errors_cross_with_status_and_words(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    assert_fails(&town, &(struct weft_client_call_options){.path = "/town.Post/Refuse"},
                 WEFT_NOT_FOUND, "no model is called \"\xc3\xa9t\xc3\xa9\"");
    assert_fails(&town, &(struct weft_client_call_options){.path = "/town.Post/Nothing"},
                 WEFT_UNIMPLEMENTED, "no such method");
    assert_echo(&town, &to_echo, 64);
    town_raze(&town);
}

static void test_a_deadline_ends_the_call_on_both_sides(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    struct weft_client_call_options options = {
        .path = "/town.Post/Silence", .deadline_ns = weft_loop_now_ns() + 50 * WEFT_NS_PER_MS};
    struct asked asked;
    ask(&town, &asked, &options, town_bytes(5, 7));
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_DEADLINE_EXCEEDED);
    asked_fini(&asked);
    town_run_until(&town, &seen.was_cancelled);
    assert_int_equal(seen.cancelled, 1);
    assert_echo(&town, &to_echo, 64);
    town_raze(&town);
}

static void test_a_method_may_say_itself_why_it_is_late(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    struct weft_client_call_options options = {.path = "/town.Post/Late",
                                               .deadline_ns =
                                                   weft_loop_now_ns() + 20 * WEFT_NS_PER_MS,
                                               .patience_ns = 10000 * WEFT_NS_PER_MS};
    assert_fails(&town, &options, WEFT_DEADLINE_EXCEEDED, "step \"paint\" was running");
    assert_int_equal(seen.cancelled, 0);
    town_raze(&town);
}

static void test_a_method_that_says_nothing_is_answered_for(void **state)
{
    (void)state;
    struct town town = {0};
    struct asked asked;
    build(&town);
    struct weft_client_call_options options = {.path = "/town.Post/Silence",
                                               .deadline_ns =
                                                   weft_loop_now_ns() + 20 * WEFT_NS_PER_MS,
                                               .patience_ns = 10000 * WEFT_NS_PER_MS};
    ask(&town, &asked, &options, town_bytes(5, 7));
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_DEADLINE_EXCEEDED);
    asked_fini(&asked);
    town_run_until(&town, &seen.was_cancelled);
    assert_status(seen.reason, WEFT_DEADLINE_EXCEEDED);
    town_raze(&town);
}

static void test_a_patient_caller_ends_with_its_patience(void **state)
{
    (void)state;
    struct town town = {0};
    struct asked asked;
    build(&town);
    struct weft_client_call_options options = {.path = "/town.Post/Silence",
                                               .deadline_ns =
                                                   weft_loop_now_ns() + 20 * WEFT_NS_PER_MS,
                                               .patience_ns = WEFT_NS_PER_MS};
    ask(&town, &asked, &options, town_bytes(5, 7));
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_DEADLINE_EXCEEDED);
    asked_fini(&asked);
    town_run_until(&town, &seen.was_cancelled);
    town_raze(&town);
}

static void test_a_cancelled_call_is_heard_of(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    struct asked asked;
    ask(&town, &asked, &(struct weft_client_call_options){.path = "/town.Post/Silence"},
        town_bytes(5, 7));
    town_run_until(&town, &seen.has_held);
    weft_client_call_cancel(asked.call);
    assert_false(asked.done);
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_CANCELLED);
    asked_fini(&asked);
    town_run_until(&town, &seen.was_cancelled);
    assert_status(seen.reason, WEFT_CANCELLED);
    town_raze(&town);
}

static void test_a_client_that_leaves_cancels_and_ends_its_calls(void **state)
{
    (void)state;
    struct town town = {0};
    struct asked open;
    build(&town);
    ask(&town, &open, &(struct weft_client_call_options){.path = "/town.Post/Silence"},
        town_bytes(5, 7));
    town_run_until(&town, &seen.has_held);
    town_raze(&town);
    assert_status(weft_error_status(open.error), WEFT_CANCELLED);
    asked_fini(&open);
    assert_int_equal(seen.cancelled, 1);
}

/* --- streams --- */

struct talk {
    struct weft_client_call *call;
    int messages;
    bool done;
    bool mismatch;
    enum weft_status status;
    size_t size_bytes;
};

static void talk_message(void *context, struct weft_client_call *call,
                         const struct weft_slice *message)
{
    struct talk *talk = context;
    (void)call;
    talk->mismatch |=
        talk->size_bytes > 0 && !town_bytes_fit(message, talk->size_bytes, (uint8_t)talk->messages);
    talk->messages++;
}

static void talk_done(void *context, struct weft_client_call *call, const struct weft_error *error,
                      const struct weft_http_field *trailers, size_t trailers_count)
{
    struct talk *talk = context;
    (void)call, (void)trailers, (void)trailers_count;
    talk->done = true;
    talk->status = weft_error_status(error);
}

static const struct weft_client_call_events talk_events = {.message = talk_message,
                                                           .done = talk_done};

static void talk_start(struct town *town, struct talk *talk, const char *path)
{
    struct weft_error *error = NULL;
    struct weft_client_call_options options = {.path = path};
    assert_ok(weft_channel_call(town->channel, &options, &talk_events, talk, &talk->call, &error),
              error);
}

static void test_a_stream_carries_messages_both_ways_in_order(void **state)
{
    (void)state;
    enum { MESSAGES = 500, SIZE = 3000 };
    struct town town = {0};
    struct talk talk = {.size_bytes = SIZE};
    build(&town);
    talk_start(&town, &talk, "/town.Post/Chat");
    for (int i = 0; i < MESSAGES; i++) {
        struct weft_slice message = town_bytes(SIZE, (uint8_t)i);
        assert_true(weft_client_call_send(talk.call, &message, 1));
    }
    weft_client_call_half_close(talk.call);
    town_run_until(&town, &talk.done);
    assert_status(talk.status, WEFT_OK);
    assert_int_equal(seen.messages, MESSAGES);
    assert_int_equal(talk.messages, MESSAGES);
    assert_false(talk.mismatch);
    town_raze(&town);
}

static void test_a_reader_who_does_not_read_is_cut_at_the_limit(void **state)
{
    (void)state;
    struct town town = {0};
    struct talk talk = {0};
    build(&town);
    talk_start(&town, &talk, "/town.Post/Flood");
    weft_client_call_half_close(talk.call);
    town_run_until(&town, &seen.refused);
    assert_true(seen.sent >= WEFT_CALL_QUEUE_MAX_BYTES);
    assert_true(seen.sent <= (size_t)WEFT_CALL_QUEUE_MAX_BYTES + 4 * 1024 * 1024);
    town_run_until(&town, &talk.done);
    assert_true(talk.status != WEFT_OK);
    assert_echo(&town, &to_echo, 64);
    town_raze(&town);
}

/* --- connections --- */

static void test_nobody_there_fails_fast_naming_the_address(void **state)
{
    (void)state;
    struct town town = {.channel_options = {.backoff_min_ms = 10, .backoff_max_ms = 20}};
    build(&town);
    town_shut(&town, 0);
    assert_fails(&town, &to_echo, WEFT_UNAVAILABLE, town.address);
    assert_fails(&town, &to_echo, WEFT_UNAVAILABLE, town.address);
    town_raze(&town);
}

static void test_a_call_that_waits_is_answered_when_the_door_opens(void **state)
{
    (void)state;
    struct town town = {.channel_options = {.backoff_min_ms = 10, .backoff_max_ms = 20}};
    build(&town);
    town_shut(&town, 0);
    struct asked asked;
    struct weft_client_call_options options = {.path = "/town.Post/Echo", .wait_for_ready = true};
    ask(&town, &asked, &options, town_bytes(5, 7));
    town_run_ms(&town, 60);
    assert_false(asked.done);
    town_open(&town);
    town_run_until(&town, &asked.done);
    assert_ok(weft_error_status(asked.error), asked.error);
    asked_fini(&asked);
    town_raze(&town);
}

static void test_a_waiting_call_keeps_its_deadline(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    town_shut(&town, 0);
    struct weft_client_call_options options = {.path = "/town.Post/Echo",
                                               .wait_for_ready = true,
                                               .deadline_ns =
                                                   weft_loop_now_ns() + 30 * WEFT_NS_PER_MS};
    assert_fails(&town, &options, WEFT_DEADLINE_EXCEEDED, "deadline");
    town_raze(&town);
}

static void test_after_the_door_was_cut_the_channel_connects_anew(void **state)
{
    (void)state;
    struct town town = {.channel_options = {.backoff_min_ms = 10, .backoff_max_ms = 20}};
    struct asked open;
    build(&town);
    ask(&town, &open, &(struct weft_client_call_options){.path = "/town.Post/Silence"},
        town_bytes(5, 7));
    town_run_until(&town, &seen.has_held);
    town_shut(&town, 0);
    town_run_until(&town, &open.done);
    assert_status(weft_error_status(open.error), WEFT_UNAVAILABLE);
    asked_fini(&open);
    town_open(&town);
    struct weft_client_call_options patient = {.path = "/town.Post/Echo", .wait_for_ready = true};
    assert_echo(&town, &patient, 64);
    town_raze(&town);
}

static void answer_held(void *context)
{
    (void)context;
    weft_server_call_reply(seen.held, NULL, 0);
}

static void test_a_door_that_closes_lets_open_calls_end(void **state)
{
    (void)state;
    struct town town = {0};
    struct asked open;
    struct weft_timer later;
    build(&town);
    ask(&town, &open, &(struct weft_client_call_options){.path = "/town.Post/Silence"},
        town_bytes(5, 7));
    town_run_until(&town, &seen.has_held);
    weft_timer_init(&later, town.loop, answer_held, NULL);
    assert_ok(weft_timer_set(&later, weft_loop_now_ns() + 400 * WEFT_NS_PER_MS), NULL);
    town_shut(&town, 5000);
    town_run_until(&town, &open.done);
    assert_ok(weft_error_status(open.error), open.error);
    asked_fini(&open);
    assert_int_equal(seen.cancelled, 0);
    town_raze(&town);
}

static void ignore_stream(void *context, struct weft_stream *stream)
{
    *(struct weft_stream **)context = stream;
}

static void ignore_trouble(void *context, struct weft_error *error)
{
    (void)context, (void)error;
}

static void test_a_dead_peer_is_noticed_by_keepalive(void **state)
{
    (void)state;
    static const struct weft_acceptor_handler handler = {ignore_stream, ignore_trouble};
    struct town town = {.channel_options = {.keepalive_ms = 30, .keepalive_timeout_ms = 30}};
    struct weft_acceptor *acceptor = NULL;
    struct weft_stream *mute = NULL;
    struct asked asked;
    town_found(&town);
    /* given: a peer that takes the connection and never says a word */
    assert_ok(weft_tcp_accept(town.loop, "127.0.0.1:0", NULL, &handler, &mute, &acceptor, NULL),
              NULL);
    char address[WEFT_ADDRESS_TEXT_MAX];
    weft_address_format(weft_acceptor_address(acceptor), address);
    assert_ok(weft_channel_open(town.link, address, &town.channel_options, &town.channel, NULL),
              NULL);
    ask(&town, &asked, &to_echo, town_bytes(5, 7));
    town_run_until(&town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_UNAVAILABLE);
    asked_fini(&asked);
    weft_stream_close(mute);
    weft_acceptor_close(acceptor);
    town_raze(&town);
}

/* RFC 9113, section 4.1 and RFC 7541, section 6.2.2, by hand: a client that opens a call and then
 * answers no PING. */
static size_t put_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t stream,
                        const void *payload, size_t length)
{
    uint8_t head[9] = {0, (uint8_t)(length >> 8), (uint8_t)length, type, flags, 0, 0,
                       0, (uint8_t)stream};
    memcpy(to, head, sizeof(head));
    if (length > 0) {
        memcpy(to + sizeof(head), payload, length);
    }
    return sizeof(head) + length;
}

static size_t put_field(uint8_t *to, const char *name, const char *value)
{
    size_t name_length = strlen(name), value_length = strlen(value);
    to[0] = 0;
    to[1] = (uint8_t)name_length;
    memcpy(to + 2, name, name_length);
    to[2 + name_length] = (uint8_t)value_length;
    memcpy(to + 3 + name_length, value, value_length);
    return 3 + name_length + value_length;
}

/* Opens a call to the method that keeps silent. */
static int open_call_by_hand(struct town *town)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t fields[256], bytes[512];
    size_t fields_size = 0, size = sizeof(preface) - 1;
    fields_size += put_field(fields, ":method", "POST");
    fields_size += put_field(fields + fields_size, ":scheme", "http");
    fields_size += put_field(fields + fields_size, ":path", "/town.Post/Silence");
    fields_size += put_field(fields + fields_size, ":authority", "town");
    fields_size += put_field(fields + fields_size, "content-type", "application/grpc");
    fields_size += put_field(fields + fields_size, "te", "trailers");
    memcpy(bytes, preface, size);
    size += put_frame(bytes + size, 4, 0, 0, NULL, 0);             /* SETTINGS */
    size += put_frame(bytes + size, 1, 4, 1, fields, fields_size); /* HEADERS, END_HEADERS */
    size += put_frame(bytes + size, 0, 1, 1, "\0\0\0\0\0", 5); /* an empty message, END_STREAM */
    int fd = town_dial(town);
    town_say(town, fd, bytes, size);
    town_run_until(town, &seen.has_held);
    return fd;
}

static void assert_lost(struct town *town, int fd)
{
    char answer[512];
    town_run_until(town, &seen.was_cancelled);
    (void)town_hear(town, fd, answer, sizeof(answer), 0); /* to the end of the connection */
    close(fd);
}

static void test_a_client_that_gives_no_sign_of_life_loses_its_call(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.keepalive_ms = 20, .keepalive_timeout_ms = 20}};
    build(&town);
    assert_lost(&town, open_call_by_hand(&town));
    town_raze(&town);
}

/* Reads frames up to a PING, and answers it. */
static void answer_ping(struct town *town, int fd)
{
    uint8_t frame[17];
    char head[16], payload[256];
    do {
        assert_int_equal(town_hear(town, fd, head, sizeof(head), 9), 9);
        size_t length = (uint8_t)head[2];
        if (length > 0) {
            assert_int_equal(town_hear(town, fd, payload, sizeof(payload), length), length);
        }
    } while (head[3] != 6);
    town_say(town, fd, frame, put_frame(frame, 6, 1, 0, payload, 8));
}

static void test_a_client_is_asked_again_for_a_sign_of_life(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.keepalive_ms = 300, .keepalive_timeout_ms = 200}};
    build(&town);
    int fd = open_call_by_hand(&town);
    for (int i = 0; i < 3; i++) {
        answer_ping(&town, fd);
    }
    assert_false(seen.was_cancelled);
    assert_lost(&town, fd);
    town_raze(&town);
}

static void test_traffic_is_counted_with_its_framing(void **state)
{
    (void)state;
    struct town town = {0};
    struct weft_traffic traffic;
    build(&town);
    assert_echo(&town, &to_echo, 100 * 1000);
    weft_channel_traffic(town.channel, &traffic);
    assert_true(traffic.sent_bytes > 100 * 1000 && traffic.sent_bytes < 102 * 1000);
    assert_true(traffic.received_bytes > 100 * 1000 && traffic.received_bytes < 102 * 1000);
    town_raze(&town);
}

static void test_an_idle_town_sleeps(void **state)
{
    (void)state;
    struct town town = {0};
    struct weft_loop_counters before;
    struct weft_loop_counters after;
    struct talk talk = {0};
    build(&town);
    assert_echo(&town, &to_echo, 64);
    talk_start(&town, &talk, "/town.Post/Chat");
    town_run_ms(&town, 50);
    weft_loop_counters(town.loop, &before);
    town_run_ms(&town, 1000);
    weft_loop_counters(town.loop, &after);
    assert_true(after.sleeps - before.sleeps <= 2);
    town_raze(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_echo_comes_back_at_every_size),
        cmocka_unit_test(test_an_echo_takes_one_recv_and_one_send_on_each_side),
        cmocka_unit_test(test_many_calls_of_one_turn_leave_in_one_send),
        cmocka_unit_test(test_a_large_message_is_copied_at_most_once_for_each_byte_received),
        cmocka_unit_test(test_gzip_both_ways),
        cmocka_unit_test(test_metadata_arrives),
        cmocka_unit_test(test_errors_cross_with_status_and_words),
        cmocka_unit_test(test_a_deadline_ends_the_call_on_both_sides),
        cmocka_unit_test(test_a_method_may_say_itself_why_it_is_late),
        cmocka_unit_test(test_a_method_that_says_nothing_is_answered_for),
        cmocka_unit_test(test_a_patient_caller_ends_with_its_patience),
        cmocka_unit_test(test_a_cancelled_call_is_heard_of),
        cmocka_unit_test(test_a_client_that_leaves_cancels_and_ends_its_calls),
        cmocka_unit_test(test_a_stream_carries_messages_both_ways_in_order),
        cmocka_unit_test(test_a_reader_who_does_not_read_is_cut_at_the_limit),
        cmocka_unit_test(test_nobody_there_fails_fast_naming_the_address),
        cmocka_unit_test(test_a_call_that_waits_is_answered_when_the_door_opens),
        cmocka_unit_test(test_a_waiting_call_keeps_its_deadline),
        cmocka_unit_test(test_after_the_door_was_cut_the_channel_connects_anew),
        cmocka_unit_test(test_a_door_that_closes_lets_open_calls_end),
        cmocka_unit_test(test_a_dead_peer_is_noticed_by_keepalive),
        cmocka_unit_test(test_a_client_that_gives_no_sign_of_life_loses_its_call),
        cmocka_unit_test(test_a_client_is_asked_again_for_a_sign_of_life),
        cmocka_unit_test(test_traffic_is_counted_with_its_framing),
        cmocka_unit_test(test_an_idle_town_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
