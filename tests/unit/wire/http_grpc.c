/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/pool.h>
#include <wire/grpc.h>

#include "http_pair.h"

/* gRPC calls between a client and a server in memory. */

struct server {
    struct weft_grpc_options options;
    struct weft_grpc_call *call; /* the last one */
    char path[64];
    char note[64]; /* metadata "x-note-bin" */
    size_t note_bytes;
    uint64_t timeout_ns;
    size_t messages_count;
    uint64_t bytes;
    struct weft_slice last; /* the last message */
    bool half_closed;
    bool zip;
    int finished_count;
    enum weft_status finished;
    enum weft_status accepted;
};

static void server_message(void *context, struct weft_grpc_call *call,
                           const struct weft_slice *message)
{
    struct server *server = context;
    server->messages_count++;
    server->bytes += message->size_bytes;
    weft_slice_fini(&server->last);
    server->last = weft_slice_ref(message);
    struct weft_slice answer = weft_slice_ref(message);
    if (strcmp(server->path, "/test.Echo/Unary") == 0) {
        assert_ok(weft_grpc_reply(call, &answer, 1, NULL), NULL);
    } else if (strcmp(server->path, "/test.Echo/Stream") == 0) {
        assert_ok(weft_grpc_send(call, &answer, 1, NULL), NULL);
    } else {
        weft_slice_fini(&answer);
    }
}

static void server_half_closed(void *context, struct weft_grpc_call *call)
{
    struct server *server = context;
    server->half_closed = true;
    struct weft_grpc_metadata trailer = {"x-count", "three", 5};
    if (strcmp(server->path, "/test.Echo/Stream") == 0) {
        weft_grpc_finish(call, WEFT_OK, NULL, &trailer, 1);
    }
}

static void server_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                            const struct weft_error *error, const struct weft_http_field *trailers,
                            size_t trailers_count)
{
    (void)call, (void)error, (void)trailers, (void)trailers_count;
    struct server *server = context;
    server->finished_count++;
    server->finished = status;
    server->call = NULL;
}

static const struct weft_grpc_events server_events = {
    .on_message = server_message,
    .on_half_closed = server_half_closed,
    .on_finished = server_finished,
};

static void server_request(void *context, struct weft_http_stream *stream,
                           const struct weft_http_head *head)
{
    struct server *server = context;
    snprintf(server->path, sizeof(server->path), "%s", head->path);
    const struct weft_http_field *note =
        weft_http_field_find(head->fields, head->fields_count, "x-note-bin");
    if (note != NULL) {
        assert_true(
            weft_grpc_binary_decode(note, server->note, sizeof(server->note), &server->note_bytes));
    }
    if (strcmp(head->path, "/test.Echo/Unknown") == 0) {
        weft_grpc_refuse(stream, WEFT_UNIMPLEMENTED, "no such method: 100 % sicher ungültig");
        return;
    }
    if (!weft_grpc_is_request(head)) {
        struct weft_http_field fields[] = {WEFT_HTTP_FIELD("content-type", "text/html")};
        assert_ok(weft_http_stream_respond(
                      stream,
                      &(struct weft_http_head){.status = 404, .fields = fields, .fields_count = 1},
                      true, NULL),
                  NULL);
        return;
    }
    server->accepted = weft_grpc_accept(stream, head, &server->options, &server_events, server,
                                        &server->call, NULL);
    if (server->accepted == WEFT_OK) {
        server->timeout_ns = weft_grpc_call_timeout_ns(server->call);
        if (server->zip) {
            weft_grpc_call_set_encoding(server->call, WEFT_GRPC_GZIP);
        }
    }
}

static const struct weft_http_events http_events = {.on_request = server_request};

struct client {
    size_t messages_count;
    uint64_t bytes;
    struct weft_slice last;
    int finished_count;
    enum weft_status status;
    char message[256];
    char trailer[32];
    bool unprocessed;
};

static void client_message(void *context, struct weft_grpc_call *call,
                           const struct weft_slice *message)
{
    (void)call;
    struct client *client = context;
    client->messages_count++;
    client->bytes += message->size_bytes;
    weft_slice_fini(&client->last);
    client->last = weft_slice_ref(message);
}

static void client_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                            const struct weft_error *error, const struct weft_http_field *trailers,
                            size_t trailers_count)
{
    struct client *client = context;
    client->finished_count++;
    client->status = status;
    client->unprocessed = weft_grpc_call_was_unprocessed(call);
    snprintf(client->message, sizeof(client->message), "%s",
             error != NULL ? weft_error_message(error) : "");
    const struct weft_http_field *field = weft_http_field_find(trailers, trailers_count, "x-count");
    snprintf(client->trailer, sizeof(client->trailer), "%s", field != NULL ? field->value : "");
}

static const struct weft_grpc_events client_events = {.on_message = client_message,
                                                      .on_finished = client_finished};

struct story {
    struct http_pair pair;
    struct server server;
    struct client client;
    struct weft_grpc_options options; /* the client's */
};

static void begin(struct story *story)
{
    *story = (struct story){.server.accepted = WEFT_UNKNOWN};
    http_pair_init(&story->pair, WEFT_HTTP_2, &http_events, &story->server);
}

static void end(struct story *story)
{
    http_pair_fini(&story->pair);
    weft_slice_fini(&story->server.last);
    weft_slice_fini(&story->client.last);
}

static struct weft_grpc_call *call_with(struct story *story,
                                        const struct weft_grpc_request *request)
{
    struct weft_grpc_call *call = NULL;
    assert_ok(weft_grpc_call(story->pair.client, request, &story->options, &client_events,
                             &story->client, &call, NULL),
              NULL);
    return call;
}

static struct weft_grpc_call *call_path(struct story *story, const char *path)
{
    return call_with(story, &(struct weft_grpc_request){
                                .path = path, .authority = "test", .timeout_ns = UINT64_MAX});
}

static void send_text(struct weft_grpc_call *call, const char *text)
{
    struct weft_slice slice = weft_slice_static(text, strlen(text));
    assert_ok(weft_grpc_send(call, &slice, 1, NULL), NULL);
}

static void send_zeroes(struct weft_grpc_call *call, size_t size_bytes)
{
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    assert_non_null(buffer);
    memset(buffer->data, 'z', size_bytes);
    struct weft_slice slice = weft_slice_take(buffer);
    assert_ok(weft_grpc_send(call, &slice, 1, NULL), NULL);
}

static void finish_call(struct story *story, struct weft_grpc_call *call)
{
    assert_ok(weft_grpc_half_close(call, NULL), NULL);
    http_pair_run(&story->pair);
}

/* --- Stories
 * -----------------------------------------------------------------------------------------------------
 */

static void a_unary_call_is_answered(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unary");
    send_text(call, "hello");
    finish_call(&story, call);
    assert_int_equal(story.client.messages_count, 1);
    assert_memory_equal(story.client.last.data, "hello", 5);
    assert_int_equal(story.client.finished_count, 1);
    assert_status(story.client.status, WEFT_OK);
    assert_int_equal(story.server.finished_count, 1);
    assert_status(story.server.finished, WEFT_OK);
    end(&story);
}

static void an_empty_message_is_a_message(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unary");
    send_text(call, "");
    finish_call(&story, call);
    assert_int_equal(story.client.messages_count, 1);
    assert_int_equal(story.client.bytes, 0);
    assert_status(story.client.status, WEFT_OK);
    end(&story);
}

static void both_sides_stream_and_trailers_come_last(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.pair.piece_bytes = 3;
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Stream");
    send_text(call, "one");
    http_pair_run(&story.pair);
    assert_int_equal(story.client.messages_count, 1);
    send_text(call, "two");
    send_text(call, "three");
    finish_call(&story, call);
    assert_int_equal(story.client.messages_count, 3);
    assert_memory_equal(story.client.last.data, "three", 5);
    assert_string_equal(story.client.trailer, "three");
    assert_true(story.server.half_closed);
    assert_status(story.client.status, WEFT_OK);
    end(&story);
}

static void a_large_message_is_copied_at_most_once(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_receive_budget budget;
    weft_receive_budget_init(&budget, 64 * 1024 * 1024);
    struct weft_pool *pool = weft_pool_new(64 * 1024 * 1024);
    story.server.options = (struct weft_grpc_options){.budget = &budget, .pool = pool};
    story.options = story.server.options;
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unary");
    uint64_t before = weft_copied_bytes_total();
    send_zeroes(call, 12 * 1024 * 1024);
    finish_call(&story, call);
    assert_int_equal(story.client.bytes, 12 * 1024 * 1024);
    assert_status(story.client.status, WEFT_OK);
    /* There and back: the first read of each direction brings the prefix with what follows it. */
    assert_in_range(weft_copied_bytes_total() - before, 0, 4 * WEFT_HTTP_READ_BYTES);
    assert_int_equal(budget.leased_bytes, 0);
    end(&story);
    weft_pool_unref(pool);
}

static void a_stream_of_large_messages_keeps_its_window(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_receive_budget budget;
    weft_receive_budget_init(&budget, 64 * 1024 * 1024);
    story.server.options.budget = &budget;
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
    for (int i = 0; i < 40; i++) {
        send_zeroes(call, 1024 * 1024 + (size_t)i * 100001);
        send_text(call, "small");
        http_pair_run(&story.pair);
        assert_int_equal(story.server.messages_count, 2 * (i + 1));
        assert_int_equal(budget.leased_bytes, 0);
    }
    weft_grpc_cancel(call, WEFT_CANCELLED);
    http_pair_run(&story.pair);
    assert_status(story.server.finished, WEFT_CANCELLED);
    end(&story);
}

static void announcing_costs_no_budget_beyond_half_and_big_ones_still_pass(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_receive_budget budget;
    weft_receive_budget_init(&budget, 4 * 1024 * 1024);
    story.server.options.budget = &budget;
    /* Many messages of 3 MiB at once, each larger than its part of the budget. */
    struct weft_grpc_call *calls[8];
    for (int i = 0; i < 8; i++) {
        calls[i] = call_path(&story, "/test.Echo/Collect");
        send_zeroes(calls[i], 3 * 1024 * 1024);
    }
    for (int i = 0; i < 10000 && story.server.messages_count < 8; i++) {
        http_pair_carry(&story.pair, story.pair.client, story.pair.server);
        http_pair_carry(&story.pair, story.pair.server, story.pair.client);
        /* The budget and one message at most. */
        assert_in_range(budget.leased_bytes, 0, 7 * 1024 * 1024);
    }
    assert_int_equal(story.server.messages_count, 8);
    assert_int_equal(budget.leased_bytes, 0);
    end(&story);
}

static void a_message_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.server.options.message_max_bytes = 1000;
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unary");
    send_zeroes(call, 1001);
    http_pair_run(&story.pair);
    assert_status(story.client.status, WEFT_RESOURCE_EXHAUSTED);
    assert_string_equal(story.client.message, "a message of 1001 bytes; the limit is 1000");
    assert_int_equal(story.server.messages_count, 0);
    assert_status(story.server.finished, WEFT_RESOURCE_EXHAUSTED);
    end(&story);
}

static void the_clients_limit_holds_too(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.options.message_max_bytes = 1000;
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unary");
    send_zeroes(call, 5000);
    finish_call(&story, call);
    assert_status(story.client.status, WEFT_RESOURCE_EXHAUSTED);
    assert_int_equal(story.client.finished_count, 1);
    end(&story);
}

static void gzip_goes_both_ways(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.server.zip = true;
    struct weft_grpc_call *call =
        call_with(&story, &(struct weft_grpc_request){.path = "/test.Echo/Unary",
                                                      .authority = "t",
                                                      .timeout_ns = UINT64_MAX,
                                                      .encoding = WEFT_GRPC_GZIP});
    send_zeroes(call, 3 * 1024 * 1024);
    assert_in_range(weft_grpc_call_queued_bytes(call), 1, 100 * 1024);
    finish_call(&story, call);
    assert_int_equal(story.server.bytes, 3 * 1024 * 1024);
    assert_int_equal(story.client.bytes, 3 * 1024 * 1024);
    assert_status(story.client.status, WEFT_OK);
    end(&story);
}

static void a_gzip_bomb_stops_at_the_limit(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.server.options.message_max_bytes = 1024 * 1024;
    struct weft_grpc_call *call =
        call_with(&story, &(struct weft_grpc_request){.path = "/test.Echo/Unary",
                                                      .authority = "t",
                                                      .timeout_ns = UINT64_MAX,
                                                      .encoding = WEFT_GRPC_GZIP});
    send_zeroes(call, 1024 * 1024 + 1);
    finish_call(&story, call);
    assert_status(story.client.status, WEFT_RESOURCE_EXHAUSTED);
    assert_int_equal(story.server.messages_count, 0);
    end(&story);
}

static void metadata_and_timeout_cross(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    const uint8_t bytes[] = {0, 255, 10, 13, 7};
    struct weft_grpc_metadata metadata[] = {{"x-note-bin", bytes, sizeof(bytes)},
                                            {"x-plain", "plain text", 10}};
    struct weft_grpc_call *call =
        call_with(&story, &(struct weft_grpc_request){.path = "/test.Echo/Unary",
                                                      .authority = "t",
                                                      .timeout_ns = 1500000000,
                                                      .metadata = metadata,
                                                      .metadata_count = 2});
    send_text(call, "x");
    finish_call(&story, call);
    assert_int_equal(story.server.note_bytes, sizeof(bytes));
    assert_memory_equal(story.server.note, bytes, sizeof(bytes));
    assert_int_equal(story.server.timeout_ns, 1500000000);
    end(&story);
}

static void metadata_that_would_break_a_head_is_refused(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    const struct weft_grpc_metadata bad[] = {{"x-line", "a\r\nb", 4},
                                             {"UPPER", "a", 1},
                                             {"grpc-status", "0", 1},
                                             {":path", "/", 1},
                                             {"", "a", 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct weft_grpc_call *call = NULL;
        struct weft_grpc_request request = {.path = "/a.B/C",
                                            .authority = "t",
                                            .timeout_ns = UINT64_MAX,
                                            .metadata = &bad[i],
                                            .metadata_count = 1};
        assert_status(weft_grpc_call(story.pair.client, &request, NULL, &client_events,
                                     &story.client, &call, NULL),
                      WEFT_INVALID_ARGUMENT);
    }
    end(&story);
}

static void a_refused_call_gets_trailers_only_with_its_message(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Unknown");
    send_text(call, "x");
    finish_call(&story, call);
    assert_status(story.client.status, WEFT_UNIMPLEMENTED);
    assert_string_equal(story.client.message, "no such method: 100 % sicher ungültig");
    assert_int_equal(story.client.messages_count, 0);
    end(&story);
}

static void a_server_that_fails_says_so_after_messages(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Stream");
    send_text(call, "one");
    http_pair_run(&story.pair);
    weft_grpc_finish(story.server.call, WEFT_ABORTED, "changed my mind", NULL, 0);
    http_pair_run(&story.pair);
    assert_int_equal(story.client.messages_count, 1);
    assert_status(story.client.status, WEFT_ABORTED);
    assert_string_equal(story.client.message, "changed my mind");
    assert_int_equal(story.server.finished_count, 1);
    end(&story);
}

static void a_cancelled_call_ends_with_the_reason_here_and_cancelled_there(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
    send_text(call, "one");
    http_pair_run(&story.pair);
    weft_grpc_cancel(call, WEFT_DEADLINE_EXCEEDED);
    assert_int_equal(story.client.finished_count, 0);
    http_pair_run(&story.pair);
    assert_status(story.client.status, WEFT_DEADLINE_EXCEEDED);
    assert_int_equal(story.server.finished_count, 1);
    assert_status(story.server.finished, WEFT_CANCELLED);
    end(&story);
}

static void a_lost_connection_is_unavailable(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
    send_zeroes(call, 1024 * 1024);
    http_pair_carry(&story.pair, story.pair.client, story.pair.server);
    weft_http_disconnect(story.pair.client, false);
    weft_http_disconnect(story.pair.server, false);
    assert_status(story.client.status, WEFT_UNAVAILABLE);
    assert_false(story.client.unprocessed);
    assert_int_equal(story.server.finished_count, 1);
    end(&story);
}

static void a_paused_call_slows_its_sender_down(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
    send_text(call, "first");
    http_pair_run(&story.pair);
    weft_grpc_call_pause(story.server.call);
    for (int i = 0; i < 100; i++) {
        send_zeroes(call, 10000);
    }
    http_pair_run(&story.pair);
    assert_in_range(story.server.bytes, 10000, WEFT_HTTP_WINDOW_BYTES);
    assert_in_range(weft_grpc_call_queued_bytes(call), 1, 1000000);
    weft_grpc_call_resume(story.server.call);
    http_pair_run(&story.pair);
    assert_int_equal(story.server.bytes, 1000005);
    end(&story);
}

static void a_paused_call_takes_no_more_of_a_large_message_than_of_small_ones(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
    send_text(call, "first");
    http_pair_run(&story.pair);
    weft_grpc_call_pause(story.server.call);
    send_zeroes(call, 3 * 1024 * 1024);
    http_pair_run(&story.pair);
    assert_int_equal(story.server.messages_count, 1);
    assert_in_range(weft_grpc_call_queued_bytes(call), 3 * 1024 * 1024 - WEFT_HTTP_WINDOW_BYTES,
                    3 * 1024 * 1024);
    weft_grpc_call_resume(story.server.call);
    http_pair_run(&story.pair);
    assert_int_equal(story.server.messages_count, 2);
    end(&story);
}

/* What was opened for one message is no credit for others, which no lease stands for. */
static void a_large_message_does_not_leave_the_window_wide(void **state)
{
    (void)state;
    static const size_t large[] = {300 * 1000, 3 * 1024 * 1024, 20 * 1024 * 1024};
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct story story;
        begin(&story);
        struct weft_grpc_call *call = call_path(&story, "/test.Echo/Collect");
        send_zeroes(call, large[i]);
        http_pair_run(&story.pair);
        uint64_t before = story.server.bytes;
        assert_int_equal(before, large[i]);
        weft_grpc_call_pause(story.server.call);
        for (int message = 0; message < 100; message++) {
            send_zeroes(call, 10000);
        }
        http_pair_run(&story.pair);
        assert_in_range(story.server.bytes - before, WEFT_HTTP_WINDOW_BYTES / 4,
                        WEFT_HTTP_WINDOW_BYTES);
        weft_grpc_call_resume(story.server.call);
        http_pair_run(&story.pair);
        assert_int_equal(story.server.bytes - before, 1000000);
        send_zeroes(call, large[i]); /* and it opens again */
        http_pair_run(&story.pair);
        assert_int_equal(story.server.bytes - before, 1000000 + large[i]);
        end(&story);
    }
}

static void a_server_that_is_no_grpc_server_is_named(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    /* The stream is answered like a web page, because the request does not look like gRPC to this
     * server. */
    struct weft_http_field fields[] = {WEFT_HTTP_FIELD("te", "trailers")};
    struct http_record record = {0};
    struct weft_http_stream *stream = NULL;
    struct weft_http_head head = {
        .method = "POST", .path = "/x", .authority = "t", .fields = fields, .fields_count = 1};
    assert_ok(
        weft_http_open(story.pair.client, &head, true, &http_record_events, &record, &stream, NULL),
        NULL);
    http_pair_run(&story.pair);
    assert_int_equal(record.status, 404);
    http_record_fini(&record);
    end(&story);
}

/* --- Texts
 * -------------------------------------------------------------------------------------------------------
 */

static void timeouts_read_and_write(void **state)
{
    (void)state;
    uint64_t ns = 0;
    assert_true(weft_grpc_timeout_parse("100m", &ns));
    assert_int_equal(ns, 100000000);
    assert_true(weft_grpc_timeout_parse("99999999H", &ns));
    assert_true(ns < UINT64_MAX);
    const char *bad[] = {"", "m", "100", "123456789m", "10x", "10mm", "-1m", " 1m", "1 m", "1.5S"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(weft_grpc_timeout_parse(bad[i], &ns));
    }
    char text[WEFT_GRPC_TIMEOUT_TEXT_BYTES];
    const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0n"},
                 {1, "1n"},
                 {99999999, "99999999n"},
                 {100000000, "100000u"},
                 {1500000000, "1500000u"},
                 {100000000001, "100001m"},
                 {UINT64_MAX, "5124096H"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_grpc_timeout_format(cases[i].ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void status_messages_are_percent_coded(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(weft_grpc_message_encode("50% für\n", text, sizeof(text)),
                     strlen("50%25 f%C3%BCr%0A"));
    assert_string_equal(text, "50%25 f%C3%BCr%0A");
    char back[64];
    weft_grpc_message_decode(text, strlen(text), back, sizeof(back));
    assert_string_equal(back, "50% für\n");
    /* Cut at a whole character. */
    weft_grpc_message_encode("aü", text, 6);
    assert_string_equal(text, "a");
    /* What is no coding stays. */
    weft_grpc_message_decode("100% %zz %4", 11, back, sizeof(back));
    assert_string_equal(back, "100% %zz %4");
}

static void paths_split(void **state)
{
    (void)state;
    const char *service = NULL;
    const char *method = NULL;
    size_t service_length = 0;
    size_t method_length = 0;
    assert_true(weft_grpc_path_split("/a.B/C", &service, &service_length, &method, &method_length));
    assert_int_equal(service_length, 3);
    assert_string_equal(method, "C");
    const char *bad[] = {"", "/", "a/b", "//b", "/a/", "/a", "/a/b/c"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(
            weft_grpc_path_split(bad[i], &service, &service_length, &method, &method_length));
    }
}

static void the_budget_gives_freely_while_there_is_plenty(void **state)
{
    (void)state;
    struct weft_receive_budget budget;
    weft_receive_budget_init(&budget, 1000);
    struct weft_receive_lease first;
    struct weft_receive_lease second;
    weft_receive_lease_init(&first, &budget, NULL);
    weft_receive_lease_init(&second, &budget, NULL);
    assert_int_equal(weft_receive_lease_ask(&first, 400, 0), 400);
    /* Above the half only what was earned by receiving. */
    assert_int_equal(weft_receive_lease_ask(&second, 400, 0), 100);
    assert_int_equal(weft_receive_lease_ask(&second, 400, 50), 200);
    weft_receive_lease_return(&second);
    weft_receive_lease_return(&first);
    assert_int_equal(budget.leased_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_is_answered),
        cmocka_unit_test(an_empty_message_is_a_message),
        cmocka_unit_test(both_sides_stream_and_trailers_come_last),
        cmocka_unit_test(a_large_message_is_copied_at_most_once),
        cmocka_unit_test(a_stream_of_large_messages_keeps_its_window),
        cmocka_unit_test(announcing_costs_no_budget_beyond_half_and_big_ones_still_pass),
        cmocka_unit_test(a_message_beyond_the_limit_is_refused),
        cmocka_unit_test(the_clients_limit_holds_too),
        cmocka_unit_test(gzip_goes_both_ways),
        cmocka_unit_test(a_gzip_bomb_stops_at_the_limit),
        cmocka_unit_test(metadata_and_timeout_cross),
        cmocka_unit_test(metadata_that_would_break_a_head_is_refused),
        cmocka_unit_test(a_refused_call_gets_trailers_only_with_its_message),
        cmocka_unit_test(a_server_that_fails_says_so_after_messages),
        cmocka_unit_test(a_cancelled_call_ends_with_the_reason_here_and_cancelled_there),
        cmocka_unit_test(a_lost_connection_is_unavailable),
        cmocka_unit_test(a_paused_call_slows_its_sender_down),
        cmocka_unit_test(a_paused_call_takes_no_more_of_a_large_message_than_of_small_ones),
        cmocka_unit_test(a_large_message_does_not_leave_the_window_wide),
        cmocka_unit_test(a_server_that_is_no_grpc_server_is_named),
        cmocka_unit_test(timeouts_read_and_write),
        cmocka_unit_test(status_messages_are_percent_coded),
        cmocka_unit_test(paths_split),
        cmocka_unit_test(the_budget_gives_freely_while_there_is_plenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
