/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/text.h>

#include "http_pair.h"

/* HTTP/1.1 on the wire: what a server refuses because two readers could read it differently, and
 * what it must take. */

struct door {
    struct weft_http_shared *shared;
    struct weft_http *http;
    struct http_server server;
};

static void open_door(struct door *door)
{
    *door = (struct door){.shared = weft_http_shared_new()};
    assert_ok(weft_http_new_server(door->shared, "http", &http_server_events, &door->server,
                                   &door->http, NULL),
              NULL);
}

static void close_door(struct door *door)
{
    weft_http_free(door->http);
    weft_http_shared_free(door->shared);
    http_server_fini(&door->server);
}

/* What the server answers to the bytes, given in pieces of that size (0: at once). The caller
 * frees. */
static char *exchange(const char *bytes, size_t size_bytes, size_t piece_bytes,
                      size_t *ret_requests)
{
    struct door door;
    open_door(&door);
    enum weft_status status = http_give(door.http, bytes, size_bytes, piece_bytes);
    char *answer = http_take(door.http, NULL);
    if (status != WEFT_OK) {
        assert_true(weft_http_is_done(door.http));
        assert_false(weft_http_wants_receive(door.http));
    }
    *ret_requests = door.server.requests_count;
    close_door(&door);
    return answer;
}

/* RFC 9457, with the member that OIP's clients read. */
static void assert_problem(const char *answer, int http_status)
{
    char status[32];
    char length[48];
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(strstr(answer, "content-type: application/problem+json\r\n"));
    assert_non_null(body);
    snprintf(length, sizeof(length), "content-length: %zu\r\n", strlen(body + 4));
    snprintf(status, sizeof(status), "\"status\":%d,", http_status);
    assert_non_null(strstr(answer, length));
    assert_non_null(strstr(body, status));
    assert_non_null(strstr(body, "\"error\":\""));
    assert_non_null(strstr(body, "\"type\":\"urn:weft:problem:"));
}

static void expect_status(const char *bytes, int http_status)
{
    for (size_t piece_bytes = 0; piece_bytes <= 1; piece_bytes++) {
        size_t requests = 0;
        char *answer = exchange(bytes, strlen(bytes), piece_bytes, &requests);
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", http_status);
        if (strncmp(answer, wanted, strlen(wanted)) != 0) {
            fail_msg("to \"%s\" the answer is \"%s\", not %d", bytes, answer, http_status);
        }
        if (http_status >= 400 && http_status != 404) {
            assert_non_null(strstr(answer, "connection: close\r\n"));
            assert_int_equal(requests, 0);
            assert_problem(answer, http_status);
        }
        free(answer);
    }
}

#define HOST "Host: a\r\n"

static void ambiguous_requests_are_refused(void **state)
{
    (void)state;
    static const char *const corpus[] = {
        /* Both lengths, and several. */
        "POST /echo HTTP/1.1\r\n" HOST
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd",
        /* Lengths that are none. */
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4 \t4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
        /* Names that are disguised. */
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST " Content-Length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST ": chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding\r\n\r\n",
        /* Folded lines. */
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
        /* Bare line feeds and carriage returns. */
        "GET /hello HTTP/1.1\n" HOST "\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "\n",
        "GET /hello HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\r\n" HOST "\r\n",
        /* Chunks. */
        "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        /* Hosts and targets. */
        "GET /hello HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "Host: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET hello HTTP/1.1\r\n" HOST "\r\n",
        "GET http:///hello HTTP/1.1\r\n" HOST "\r\n",
        "GET http://a@b/hello HTTP/1.1\r\n" HOST "\r\n",
        "GET /hello#x HTTP/1.1\r\n" HOST "\r\n",
        "GET * HTTP/1.1\r\n" HOST "\r\n",
        "GET  /hello HTTP/1.1\r\n" HOST "\r\n",
        "GET /hello  HTTP/1.1\r\n" HOST "\r\n",
        "GET /hel\x01lo HTTP/1.1\r\n" HOST "\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "X\x80: a\r\n\r\n",
        "/hello HTTP/1.1\r\n" HOST "\r\n",
        "BREW /hello HTTP/1.1\r\n" HOST "\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX",
        "GET /hello HTTP/1.1 x\r\n" HOST "\r\n",
        "GET /hello http/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
        expect_status(corpus[i], 400);
    }
}

static void other_refusals_say_why(void **state)
{
    (void)state;
    expect_status("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
    expect_status("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501);
    expect_status("POST /echo HTTP/1.1\r\n" HOST
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                  501);
    expect_status("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501);
    expect_status("GET /hello\r\n" HOST "\r\n", 505); /* HTTP/0.9 */
    expect_status("GET /hello HTTP/2.0\r\n" HOST "\r\n", 505);
    expect_status("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501);
}

/* A request whose head was accepted, and whose body breaks the framing. */
static void broken_chunks_end_the_connection(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "4;name=value\r\nabcd\r\n0\r\n\r\n",
        "4 \r\nabcd\r\n0\r\n\r\n",
        " 4\r\nabcd\r\n0\r\n\r\n",
        "0x4\r\nabcd\r\n0\r\n\r\n",
        "4\nabcd\r\n0\r\n\r\n",
        "4\r\nabcdX\r\n0\r\n\r\n",
        "4\r\nabcd\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "-1\r\n",
        "fffffffffffffffff\r\n",
        "4\r\nabcd\r\nG\r\n",
        "0\r\nX: a\nY: b\r\n\r\n",
        "0\r\n X: a\r\n\r\n",
        "0\r\nbad trailer\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (size_t piece_bytes = 0; piece_bytes <= 1; piece_bytes++) {
            char bytes[512];
            snprintf(bytes, sizeof(bytes),
                     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s"
                     "GET /smuggled HTTP/1.1\r\n" HOST "\r\n",
                     bodies[i]);
            size_t requests = 0;
            char *answer = exchange(bytes, strlen(bytes), piece_bytes, &requests);
            if (strncmp(answer, "HTTP/1.1 400 ", 13) != 0 || requests != 1) {
                fail_msg("body \"%s\": %zu requests, answer \"%s\"", bodies[i], requests, answer);
            }
            assert_problem(answer, 400);
            free(answer);
        }
    }
}

static void ordinary_requests_are_taken(void **state)
{
    (void)state;
    expect_status("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    expect_status("\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    expect_status("GET /hello HTTP/1.0\r\n\r\n", 200);
    expect_status("GET http://b:80/hello HTTP/1.1\r\nHost: b:80\r\n\r\n", 200);
    expect_status("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd", 200);
    expect_status(
        "POST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\nA\r\n0123456789\r\n0\r\nX: t\r\n\r\n",
        200);
    expect_status("GET /missing HTTP/1.1\r\n" HOST "\r\n", 404);
    /* An upgrade to HTTP/2 is not taken up; the request is. */
    expect_status(
        "GET /hello HTTP/1.1\r\n" HOST
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        200);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static const char bytes[] = "GET /hello HTTP/1.1\r\n" HOST "\r\n"
                                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                "GET /missing HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                                "GET /hello HTTP/1.1\r\n" HOST "\r\n";
    size_t requests = 0;
    char *answer = exchange(bytes, sizeof(bytes) - 1, 0, &requests);
    assert_int_equal(requests, 3);
    const char *hello = strstr(answer, "<hello");
    const char *echo = strstr(answer, "3\r\nabc\r\n");
    const char *missing = strstr(answer, "HTTP/1.1 404");
    assert_true(hello != NULL && echo > hello && missing > echo);
    assert_non_null(strstr(missing, "connection: close\r\n"));
    free(answer);
}

static void a_client_that_waits_is_told_to_continue(void **state)
{
    (void)state;
    struct door door;
    open_door(&door);
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    assert_ok(http_give(door.http, head, sizeof(head) - 1, 0), NULL);
    char *answer = http_take(door.http, NULL);
    assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    free(answer);
    assert_ok(http_give(door.http, "abcd", 4, 0), NULL);
    answer = http_take(door.http, NULL);
    assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
    free(answer);
    close_door(&door);
}

static void heads_have_limits(void **state)
{
    (void)state;
    struct weft_text text = {0};
    weft_text_append_string(&text, "GET /");
    for (int i = 0; i < WEFT_HTTP_PATH_MAX_BYTES; i++) {
        weft_text_append_string(&text, "x");
    }
    weft_text_append_string(&text, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(weft_text_string(&text), 414);
    weft_text_clear(&text);
    weft_text_append_string(&text, "GET /hello HTTP/1.1\r\n" HOST);
    for (int i = 0; i < WEFT_HTTP_FIELDS_MAX + 1; i++) {
        weft_text_append_string(&text, "x: y\r\n");
    }
    weft_text_append_string(&text, "\r\n");
    expect_status(weft_text_string(&text), 431);
    weft_text_clear(&text);
    /* One that never ends is not collected for ever. */
    weft_text_append_string(&text, "GET /hello HTTP/1.1\r\n" HOST);
    for (int i = 0; i < WEFT_HTTP_HEAD_MAX_BYTES; i++) {
        weft_text_append_string(&text, "xy");
    }
    expect_status(weft_text_string(&text), 431);
    weft_text_fini(&text);
}

static void a_fast_answer_discards_a_short_rest_and_keeps_the_connection(void **state)
{
    (void)state;
    struct door door;
    open_door(&door);
    door.server.early = true;
    static const char head[] = "POST /missing HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n12345";
    assert_ok(http_give(door.http, head, sizeof(head) - 1, 0), NULL);
    char *answer = http_take(door.http, NULL);
    assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
    free(answer);
    assert_int_equal(door.server.closed_count, 1);
    static const char rest[] = "67890GET /hello HTTP/1.1\r\n" HOST "\r\n";
    assert_ok(http_give(door.http, rest, sizeof(rest) - 1, 0), NULL);
    answer = http_take(door.http, NULL);
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    free(answer);
    close_door(&door);
}

/* --- The client's side
 * ------------------------------------------------------------------------------------------- */

static void answer_client(struct http_record *record, const char *method, const char *bytes,
                          bool clean_end)
{
    struct weft_http_shared *shared = weft_http_shared_new();
    static const struct weft_http_events events = {0};
    struct weft_http *http = NULL;
    struct weft_http_stream *stream = NULL;
    *record = (struct http_record){0};
    assert_ok(weft_http_new_client(shared, WEFT_HTTP_1_1, "http", &events, NULL, &http, NULL),
              NULL);
    struct weft_http_head head = {.method = method, .path = "/", .authority = "a"};
    assert_ok(weft_http_open(http, &head, true, &http_record_events, record, &stream, NULL), NULL);
    free(http_take(http, NULL));
    (void)http_give(http, bytes, strlen(bytes), 0);
    weft_http_disconnect(http, clean_end);
    assert_int_equal(record->closed_count, 1);
    weft_http_free(http);
    weft_http_shared_free(shared);
}

static void clients_find_the_end_of_an_answer(void **state)
{
    (void)state;
    struct http_record record;
    answer_client(&record, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false);
    assert_true(record.ended && record.body_bytes == 2 && record.close.status == WEFT_OK);
    http_record_fini(&record);
    answer_client(&record, "GET",
                  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n", false);
    assert_true(record.status == 204 && record.fields_count == 1 && record.close.status == WEFT_OK);
    http_record_fini(&record);
    answer_client(&record, "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false);
    assert_true(record.body_bytes == 0 && record.close.status == WEFT_OK);
    http_record_fini(&record);
    /* Until the connection's end: whole only if it ended in order. */
    answer_client(&record, "GET", "HTTP/1.1 200 OK\r\n\r\nabc", true);
    assert_true(record.body_bytes == 3 && record.ended && record.close.status == WEFT_OK);
    http_record_fini(&record);
    answer_client(&record, "GET", "HTTP/1.1 200 OK\r\n\r\nabc", false);
    assert_true(!record.ended && record.close.status == WEFT_UNAVAILABLE);
    http_record_fini(&record);
    answer_client(&record, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", true);
    assert_true(!record.ended && record.close.status == WEFT_UNAVAILABLE);
    http_record_fini(&record);
    answer_client(&record, "GET",
                  "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", true);
    assert_true(!record.ended && record.close.status == WEFT_UNAVAILABLE);
    http_record_fini(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(other_refusals_say_why),
        cmocka_unit_test(broken_chunks_end_the_connection),
        cmocka_unit_test(ordinary_requests_are_taken),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_that_waits_is_told_to_continue),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(a_fast_answer_discards_a_short_rest_and_keeps_the_connection),
        cmocka_unit_test(clients_find_the_end_of_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
