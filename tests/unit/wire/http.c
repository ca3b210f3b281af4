/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>

#include "http_pair.h"

/* What holds for both versions, over a pair of connections. */

static enum weft_http_version version;

struct story {
    struct http_pair pair;
    struct http_server server;
    struct http_record answer;
};

static void begin(struct story *story)
{
    *story = (struct story){0};
    http_pair_init(&story->pair, version, &http_server_events, &story->server);
}

static void end(struct story *story)
{
    http_pair_fini(&story->pair);
    http_server_fini(&story->server);
    http_record_fini(&story->answer);
}

static struct weft_http_stream *ask(struct story *story, const char *method, const char *path,
                                    bool no_body)
{
    struct weft_http_field fields[] = {WEFT_HTTP_FIELD("x-field", "some value")};
    struct weft_http_head head = {.method = method,
                                  .path = path,
                                  .authority = "example:80",
                                  .fields = fields,
                                  .fields_count = 1};
    struct weft_http_stream *stream = NULL;
    assert_ok(weft_http_open(story->pair.client, &head, no_body, &http_record_events,
                             &story->answer, &stream, NULL),
              NULL);
    return stream;
}

static void send_body(struct weft_http_stream *stream, struct weft_slice body)
{
    assert_ok(weft_http_stream_send(stream, NULL, 0, &body, 1, NULL), NULL);
    assert_ok(weft_http_stream_end(stream, NULL, 0, NULL), NULL);
}

static struct weft_slice pattern(size_t size_bytes)
{
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    assert_non_null(buffer);
    for (size_t i = 0; i < size_bytes; i++) {
        buffer->data[i] = (uint8_t)(i * 7 + i / 251);
    }
    return weft_slice_take(buffer);
}

static void a_request_without_body_is_answered(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    ask(&story, "GET", "/hello", true);
    http_pair_run(&story.pair);
    assert_string_equal(story.server.method, "GET");
    assert_string_equal(story.server.path, "/hello");
    assert_string_equal(story.server.authority, "example:80");
    assert_string_equal(story.server.field, "some value");
    assert_int_equal(story.answer.status, 200);
    assert_string_equal(story.answer.content_type, "text/plain");
    assert_int_equal(story.answer.body_bytes, 6);
    assert_memory_equal(story.answer.body, "<hello", 6);
    assert_true(story.answer.ended);
    assert_int_equal(story.answer.closed_count, 1);
    assert_status(story.answer.close.status, WEFT_OK);
    assert_int_equal(story.server.closed_count, 1);
    assert_null(story.pair.error);
    end(&story);
}

static void a_body_comes_back_whole_with_trailers(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_slice body = pattern(3000);
    send_body(ask(&story, "POST", "/echo", false), weft_slice_ref(&body));
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.body_bytes, 3000);
    assert_memory_equal(story.answer.body, body.data, 3000);
    assert_string_equal(story.answer.trailer, "done");
    assert_status(story.answer.close.status, WEFT_OK);
    weft_slice_fini(&body);
    end(&story);
}

static void it_works_byte_by_byte(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.pair.piece_bytes = 1;
    struct weft_slice body = pattern(5000);
    send_body(ask(&story, "POST", "/echo", false), weft_slice_ref(&body));
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.body_bytes, 5000);
    assert_memory_equal(story.answer.body, body.data, 5000);
    assert_string_equal(story.answer.trailer, "done");
    assert_status(story.answer.close.status, WEFT_OK);
    weft_slice_fini(&body);
    end(&story);
}

static void a_large_body_lands_in_its_place_without_copies(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    size_t size_bytes = 12 * 1024 * 1024;
    struct weft_slice body = pattern(size_bytes);
    story.server.last.landing = weft_buffer_new(size_bytes);
    story.answer.landing = weft_buffer_new(size_bytes);
    uint64_t copied_before = weft_copied_bytes_total();
    send_body(ask(&story, "POST", "/echo", false), weft_slice_ref(&body));
    http_pair_run(&story.pair);
    uint64_t copied_bytes = weft_copied_bytes_total() - copied_before;
    assert_int_equal(story.answer.landed_bytes, size_bytes);
    assert_true(story.answer.landed_complete);
    assert_memory_equal(story.answer.landing->data, body.data, size_bytes);
    assert_int_equal(story.answer.slices_count, 0);
    assert_status(story.answer.close.status, WEFT_OK);
    /* HTTP/2: only what came in one read with a head, once or twice each way. Chunks of HTTP/1.1
     * begin in the middle of such reads: one read buffer for each chunk of 1 MiB. */
    assert_in_range(copied_bytes, 0,
                    version == WEFT_HTTP_2 ? 4 * WEFT_HTTP_READ_BYTES
                                           : 2 * 13 * WEFT_HTTP_READ_BYTES);
    weft_slice_fini(&body);
    end(&story);
}

static void a_large_body_is_sent_without_copies(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    size_t size_bytes = 8 * 1024 * 1024;
    struct weft_slice body = pattern(size_bytes);
    send_body(ask(&story, "POST", "/echo", false), weft_slice_ref(&body));
    bool found = false;
    for (int i = 0; i < 3 && !found; i++) {
        struct iovec vector[WEFT_HTTP_VECTOR_MAX];
        int count = weft_http_send_vector(story.pair.client, vector, WEFT_HTTP_VECTOR_MAX);
        for (int j = 0; j < count; j++) {
            const uint8_t *base = vector[j].iov_base;
            found |= base >= body.data && base < body.data + size_bytes;
        }
        http_pair_carry(&story.pair, story.pair.client, story.pair.server);
        http_pair_carry(&story.pair, story.pair.server, story.pair.client);
    }
    assert_true(found);
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.body_bytes, size_bytes);
    assert_memory_equal(story.answer.body, body.data, size_bytes);
    assert_in_range(story.server.closed_count, 1, 1);
    weft_slice_fini(&body);
    end(&story);
}

static void a_slow_reader_holds_the_sender_back(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.server.last.hold = true;
    struct weft_http_stream *stream = ask(&story, "POST", "/echo", false);
    struct weft_slice body = pattern(4 * 1024 * 1024);
    assert_ok(weft_http_stream_send(stream, NULL, 0, &body, 1, NULL), NULL);
    http_pair_run(&story.pair);
    size_t came_bytes = story.server.last.body_bytes;
    assert_in_range(came_bytes, WEFT_HTTP_WINDOW_BYTES / 2,
                    WEFT_HTTP_WINDOW_BYTES + WEFT_HTTP_READ_BYTES);

    /* It goes on when the reader consumes, and tells the sender when its queue ran down. */
    story.server.last.hold = false;
    weft_http_stream_consumed(story.server.last.stream, came_bytes);
    http_pair_run(&story.pair);
    assert_int_equal(story.server.last.body_bytes, 4 * 1024 * 1024);
    assert_int_equal(story.answer.drained_count, 1);
    assert_ok(weft_http_stream_end(stream, NULL, 0, NULL), NULL);
    http_pair_run(&story.pair);
    assert_status(story.answer.close.status, WEFT_OK);
    end(&story);
}

static void a_cancelled_request_ends_on_both_sides(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_http_stream *stream = ask(&story, "GET", "/silent", true);
    http_pair_run(&story.pair);
    assert_int_equal(story.server.requests_count, 1);
    weft_http_stream_reset(stream, WEFT_HTTP_CANCEL);
    assert_int_equal(story.answer.closed_count, 0); /* never from inside the call */
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.closed_count, 1);
    assert_status(story.answer.close.status, WEFT_CANCELLED);
    if (version == WEFT_HTTP_2) {
        assert_int_equal(story.server.cancelled_count, 1);
    } else {
        assert_true(
            weft_http_is_done(story.pair.client)); /* the only way to cancel is to hang up */
        weft_http_disconnect(story.pair.server, true);
        assert_int_equal(story.server.closed_count, 1);
    }
    end(&story);
}

static void a_broken_connection_ends_every_stream(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    ask(&story, "GET", "/silent", true);
    http_pair_run(&story.pair);
    weft_http_disconnect(story.pair.client, false);
    weft_http_disconnect(story.pair.server, false);
    assert_int_equal(story.answer.closed_count, 1);
    assert_status(story.answer.close.status, WEFT_UNAVAILABLE);
    assert_false(story.answer.close.unprocessed);
    assert_int_equal(story.server.closed_count, 1);
    assert_false(weft_http_can_open(story.pair.client));
    end(&story);
}

static void what_never_left_was_certainly_not_processed(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    ask(&story, "GET", "/hello", true);
    weft_http_disconnect(story.pair.client, false);
    assert_status(story.answer.close.status, WEFT_UNAVAILABLE);
    assert_true(story.answer.close.unprocessed);
    end(&story);
}

static void a_request_that_nobody_takes_is_answered_503(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    ask(&story, "GET", "/nobody", true);
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.status, 503);
    end(&story);
}

static void an_early_answer_ends_the_request(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.server.early = true;
    struct weft_http_stream *stream = ask(&story, "POST", "/missing", false);
    struct weft_slice body = pattern(64 * 1024 * 1024);
    assert_ok(weft_http_stream_send(stream, NULL, 0, &body, 1, NULL), NULL);
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.status, 404);
    assert_int_equal(story.answer.closed_count, 1);
    assert_status(story.answer.close.status, WEFT_OK);
    assert_int_equal(story.server.closed_count, 1);
    end(&story);
}

static void the_answer_to_head_has_no_body(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    ask(&story, "HEAD", "/hello", true);
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.status, 200);
    assert_int_equal(story.answer.body_bytes, 0);
    assert_status(story.answer.close.status, WEFT_OK);
    http_record_fini(&story.answer);
    ask(&story, "GET", "/hello", true);
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.body_bytes, 6);
    end(&story);
}

static void a_connection_that_goes_away_finishes_what_it_has(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    struct weft_http_stream *stream = ask(&story, "POST", "/echo", false);
    http_pair_run(&story.pair);
    weft_http_goaway(story.pair.server);
    http_pair_run(&story.pair);
    weft_http_goaway(story.pair.server);
    http_pair_run(&story.pair);
    assert_false(weft_http_can_open(story.pair.client));
    assert_false(weft_http_is_done(story.pair.server));
    send_body(stream, weft_slice_static("last", 4));
    http_pair_run(&story.pair);
    assert_int_equal(story.answer.body_bytes, 4);
    assert_status(story.answer.close.status, WEFT_OK);
    assert_true(weft_http_is_done(story.pair.server));
    end(&story);
}

static void many_requests_follow_each_other(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    for (int i = 0; i < 300; i++) {
        http_record_fini(&story.answer);
        send_body(ask(&story, "POST", "/echo", false), weft_slice_static("ping", 4));
        http_pair_run(&story.pair);
        assert_int_equal(story.answer.body_bytes, 4);
        assert_status(story.answer.close.status, WEFT_OK);
    }
    assert_int_equal(story.server.requests_count, 300);
    assert_int_equal(weft_http_streams_count(story.pair.server), 0);
    end(&story);
}

int main(int argc, char **argv)
{
    version = argc > 1 && strcmp(argv[1], "1.1") == 0 ? WEFT_HTTP_1_1 : WEFT_HTTP_2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_without_body_is_answered),
        cmocka_unit_test(a_body_comes_back_whole_with_trailers),
        cmocka_unit_test(it_works_byte_by_byte),
        cmocka_unit_test(a_large_body_lands_in_its_place_without_copies),
        cmocka_unit_test(a_large_body_is_sent_without_copies),
        cmocka_unit_test(a_slow_reader_holds_the_sender_back),
        cmocka_unit_test(a_cancelled_request_ends_on_both_sides),
        cmocka_unit_test(a_broken_connection_ends_every_stream),
        cmocka_unit_test(what_never_left_was_certainly_not_processed),
        cmocka_unit_test(a_request_that_nobody_takes_is_answered_503),
        cmocka_unit_test(an_early_answer_ends_the_request),
        cmocka_unit_test(the_answer_to_head_has_no_body),
        cmocka_unit_test(a_connection_that_goes_away_finishes_what_it_has),
        cmocka_unit_test(many_requests_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
