/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/http_client.h"
#include "town.h"

/* --- the handlers of the town --- */

static struct {
    char text[512];
    bool gone;
    bool handled;
    size_t streamed_bytes;
    struct weft_exchange *held;
} seen;

static void echo(void *context, struct weft_exchange *exchange)
{
    (void)context;
    struct weft_slice body = weft_slice_ref(weft_exchange_body(exchange));
    weft_exchange_respond(exchange, 200, weft_exchange_header(exchange, "content-type"), NULL, 0,
                          &body, 1);
}

static void describe(void *context, struct weft_exchange *exchange)
{
    (void)context;
    char query[64] = "none";
    weft_exchange_query(exchange, "q", query, sizeof(query));
    int length =
        snprintf(seen.text, sizeof(seen.text), "%s model=%s rest=%s q=%s",
                 weft_exchange_method(exchange), weft_exchange_parameter(exchange, "model"),
                 weft_exchange_parameter(exchange, "rest"), query);
    weft_exchange_respond_text(exchange, 200, "text/plain", seen.text, (size_t)length);
}

static void fail_it(void *context, struct weft_exchange *exchange)
{
    (void)context;
    struct weft_error *error = NULL;
    weft_error_set(&error, WEFT_UNAVAILABLE, "node \"b\" is gone");
    weft_exchange_respond_error(exchange, 0, error);
    weft_error_unref(error);
}

static void on_gone(void *context)
{
    (void)context;
    seen.gone = true;
    weft_exchange_abort(seen.held);
    seen.held = NULL;
}

static void hold(void *context, struct weft_exchange *exchange)
{
    (void)context;
    seen.held = exchange;
    seen.handled = true;
    weft_exchange_on_gone(exchange, on_gone, NULL);
}

static void trickle(void *context, struct weft_exchange *exchange)
{
    (void)context;
    static const struct weft_http_field trailer = WEFT_HTTP_FIELD("x-sum", "3");
    weft_exchange_begin(exchange, 200, "text/event-stream", NULL, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(weft_exchange_send(exchange, weft_slice_static("data: x\n\n", 9)));
    }
    weft_exchange_finish(exchange, &trailer, 1);
}

static void count_data(void *context, struct weft_exchange *exchange, const struct weft_slice *data)
{
    (void)context, (void)exchange;
    seen.streamed_bytes += data->size_bytes;
}

static void count_end(void *context, struct weft_exchange *exchange)
{
    (void)context;
    char text[32];
    int length = snprintf(text, sizeof(text), "%zu", seen.streamed_bytes);
    weft_exchange_respond_text(exchange, 200, "text/plain", text, (size_t)length);
}

static const struct weft_exchange_reader counting = {count_data, count_end};

static void count(void *context, struct weft_exchange *exchange)
{
    weft_exchange_read(exchange, &counting, context);
}

static void add(struct town *town, const char *method, const char *pattern, size_t body_max_bytes,
                bool stream_body, void (*handle)(void *, struct weft_exchange *))
{
    struct weft_error *error = NULL;
    struct weft_route route = {.method = method,
                               .pattern = pattern,
                               .body_max_bytes = body_max_bytes,
                               .stream_body = stream_body,
                               .handle = handle};
    assert_ok(weft_router_add(town->router, &route, &error), error);
}

static void build(struct town *town)
{
    memset(&seen, 0, sizeof(seen));
    town_found(town);
    add(town, "POST", "/echo", 0, false, echo);
    add(town, "GET", "/models/{model}/files/{rest*}", 0, false, describe);
    add(town, "GET", "/fail", 0, false, fail_it);
    add(town, "GET", "/hold", 0, false, hold);
    add(town, "GET", "/trickle", 0, false, trickle);
    add(town, "POST", "/count", 0, true, count);
    add(town, "POST", "/small", 1000, false, echo);
    town_open(town);
}

static size_t talk(struct town *town, const char *request, char *answer, size_t capacity)
{
    int fd = town_dial(town);
    town_say(town, fd, request, strlen(request));
    size_t length = town_hear(town, fd, answer, capacity, 0);
    close(fd);
    return length;
}

static void assert_answer(struct town *town, const char *request, const char *status,
                          const char *words)
{
    char answer[4096];
    talk(town, request, answer, sizeof(answer));
    if (strncmp(answer, status, strlen(status)) != 0 || strstr(answer, words) == NULL) {
        fail_msg("expected \"%s ... %s ...\" and got:\n%s", status, words, answer);
    }
}

#define END " HTTP/1.1\r\nhost: town\r\nconnection: close\r\n\r\n"

static void test_paths_find_their_handlers(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    assert_answer(&town, "GET /models/a%20b/files/c/d?p=1&q=%C3%A9+x" END, "HTTP/1.1 200",
                  "GET model=a b rest=c/d q=\xc3\xa9 x");
    assert_answer(&town, "GET /models/a/files/" END, "HTTP/1.1 200", "rest= q=none");
    assert_answer(&town, "GET /models//files/x" END, "HTTP/1.1 404", "application/problem+json");
    assert_answer(&town, "GET /models/a/files" END, "HTTP/1.1 404", "\"error\"");
    assert_answer(&town, "GET /models/%ff/files/x" END, "HTTP/1.1 400", "UTF-8");
    assert_answer(&town, "GET /models/%00/files/x" END, "HTTP/1.1 400", "UTF-8");
    assert_answer(&town, "DELETE /echo" END, "HTTP/1.1 405", "allow: POST");
    assert_answer(&town, "GET /fail" END, "HTTP/1.1 503", "node \\\"b\\\" is gone");
    town_raze(&town);
}

static void test_head_is_get_without_a_body(void **state)
{
    (void)state;
    struct town town = {0};
    char answer[1024];
    build(&town);
    talk(&town, "HEAD /models/a/files/x" END, answer, sizeof(answer));
    assert_non_null(strstr(answer, "content-length: "));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    town_raze(&town);
}

static void test_a_response_in_parts_has_trailers(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    assert_answer(&town, "GET /trickle" END, "HTTP/1.1 200", "data: x");
    assert_answer(&town, "GET /trickle" END, "HTTP/1.1 200", "0\r\nx-sum: 3\r\n\r\n");
    town_raze(&town);
}

static void test_chunks_are_collected_and_streamed(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    assert_answer(&town,
                  "POST /echo HTTP/1.1\r\nhost: town\r\nconnection: close\r\ntransfer-encoding: "
                  "chunked\r\n\r\n"
                  "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n",
                  "HTTP/1.1 200", "firstsecond");
    assert_answer(&town,
                  "POST /count HTTP/1.1\r\nhost: town\r\nconnection: close\r\ntransfer-encoding: "
                  "chunked\r\n\r\n"
                  "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n",
                  "HTTP/1.1 200", "11");
    town_raze(&town);
}

static void test_a_body_beyond_the_limit_is_413(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    assert_answer(
        &town,
        "POST /small HTTP/1.1\r\nhost: town\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n",
        "HTTP/1.1 413", "larger");
    char request[1200];
    snprintf(request, sizeof(request),
             "POST /small HTTP/1.1\r\nhost: town\r\nconnection: close\r\ntransfer-encoding: "
             "chunked\r\n\r\n400\r\n%01024d",
             7);
    assert_answer(&town, request, "HTTP/1.1 413", "larger");
    town_raze(&town);
}

/* --- the client --- */

struct reply {
    bool done;
    int status;
    struct weft_error *error;
    struct weft_slice body;
};

static void replied(void *context, const struct weft_http_response *response,
                    const struct weft_error *error)
{
    struct reply *reply = context;
    reply->done = true;
    reply->error = weft_error_ref((struct weft_error *)(uintptr_t)error);
    if (response != NULL) {
        reply->status = response->status;
        reply->body = weft_slice_ref(&response->body);
    }
}

static void request(struct town *town, struct weft_http_client *client, size_t size_bytes,
                    struct reply *reply)
{
    struct weft_slice body = town_bytes(size_bytes, 3);
    *reply = (struct reply){0};
    assert_ok(weft_http_client_request(client, "POST", "/echo", NULL, 0, &body, 1, 0, replied,
                                       reply, NULL),
              NULL);
    assert_false(reply->done);
    town_run_until(town, &reply->done);
}

static void reply_fini(struct reply *reply)
{
    weft_error_unref(reply->error);
    weft_slice_fini(&reply->body);
}

static void test_our_client_echoes_at_every_size_over_one_connection(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1000, 16 * 1024, 100 * 1000, 10 << 20};
    struct town town = {0};
    struct weft_http_client *client = NULL;
    struct weft_link_counters counters;
    build(&town);
    assert_ok(weft_http_client_open(town.link, town.address, &client, NULL), NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct reply reply;
        request(&town, client, sizes[i], &reply);
        assert_ok(weft_error_status(reply.error), reply.error);
        assert_int_equal(reply.status, 200);
        assert_true(town_bytes_fit(&reply.body, sizes[i], 3));
        reply_fini(&reply);
    }
    weft_link_counters(town.link, &counters);
    assert_int_equal(counters.accepted, 1);
    weft_http_client_close(client);
    town_run_ms(&town, 5);
    town_raze(&town);
}

static void test_our_client_goes_on_after_the_server_closed_an_idle_connection(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.idle_timeout_ms = 20}};
    struct weft_http_client *client = NULL;
    struct reply reply;
    build(&town);
    assert_ok(weft_http_client_open(town.link, town.address, &client, NULL), NULL);
    request(&town, client, 10, &reply);
    reply_fini(&reply);
    town_run_ms(&town, 80);
    assert_int_equal(weft_listener_connections_count(town.listener), 0);
    request(&town, client, 10, &reply);
    assert_ok(weft_error_status(reply.error), reply.error);
    reply_fini(&reply);
    weft_http_client_close(client);
    town_run_ms(&town, 5);
    town_raze(&town);
}

static void test_our_client_says_what_failed(void **state)
{
    (void)state;
    struct town town = {0};
    struct weft_http_client *client = NULL;
    struct reply reply = {0};
    build(&town);
    assert_ok(weft_http_client_open(town.link, town.address, &client, NULL), NULL);
    assert_ok(weft_http_client_request(client, "GET", "/hold", NULL, 0, NULL, 0,
                                       weft_loop_now_ns() + 30 * WEFT_NS_PER_MS, replied, &reply,
                                       NULL),
              NULL);
    assert_status(weft_http_client_request(client, "GET", "/fail", NULL, 0, NULL, 0, 0, replied,
                                           &reply, NULL),
                  WEFT_FAILED_PRECONDITION);
    town_run_until(&town, &reply.done);
    assert_status(weft_error_status(reply.error), WEFT_DEADLINE_EXCEEDED);
    reply_fini(&reply);
    town_run_until(&town, &seen.gone);
    town_shut(&town, 0);
    request(&town, client, 10, &reply);
    assert_status(weft_error_status(reply.error), WEFT_UNAVAILABLE);
    reply_fini(&reply);
    weft_http_client_close(client);
    town_raze(&town);
}

/* --- clients that misbehave --- */

static void test_a_client_that_leaves_is_told_to_the_handler(void **state)
{
    (void)state;
    struct town town = {0};
    build(&town);
    int fd = town_dial(&town);
    town_say(&town, fd, "GET /hold HTTP/1.1\r\nhost: town\r\n\r\n", 34);
    town_run_until(&town, &seen.handled);
    close(fd);
    town_run_until(&town, &seen.gone);
    town_raze(&town);
}

static void test_a_dripping_head_is_cut(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.head_timeout_ms = 40}};
    build(&town);
    int fd = town_dial(&town);
    char answer[256];
    for (int i = 0; i < 10; i++) {
        town_say(&town, fd, i == 0 ? "GET /ec" : "h", i == 0 ? 7 : 1);
        town_run_ms(&town, 10);
    }
    town_hear(&town, fd, answer, sizeof(answer), 0);
    assert_int_equal(weft_listener_connections_count(town.listener), 0);
    close(fd);
    town_raze(&town);
}

static void test_a_body_that_does_not_come_is_408(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.body_timeout_ms = 30}};
    build(&town);
    assert_answer(
        &town,
        "POST /echo HTTP/1.1\r\nhost: town\r\nconnection: close\r\ncontent-length: 100\r\n\r\nabc",
        "HTTP/1.1 408", "in time");
    town_raze(&town);
}

static void test_a_silent_connection_is_closed(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.idle_timeout_ms = 20}};
    char answer[64];
    build(&town);
    int fd = town_dial(&town);
    assert_int_equal(town_hear(&town, fd, answer, sizeof(answer), 0), 0);
    close(fd);
    town_raze(&town);
}

static void test_a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    enum { SIZE = 64 << 20 };
    struct town town = {.listener_options = {.send_timeout_ms = 50}};
    build(&town);
    int fd = town_dial(&town);
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    char head[128];
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nhost: town\r\ncontent-length: %d\r\n\r\n",
             SIZE);
    town_say(&town, fd, head, strlen(head));
    char *body = calloc(1, SIZE);
    town_say(&town, fd, body, SIZE);
    free(body);
    town_run_ms(&town, 200);
    assert_int_equal(weft_listener_connections_count(town.listener), 0);
    close(fd);
    town_raze(&town);
}

static void test_beyond_the_limit_connections_are_answered_503(void **state)
{
    (void)state;
    struct town town = {.listener_options = {.connections_max = 2}};
    struct weft_link_counters counters;
    char answer[512];
    build(&town);
    int kept[2] = {town_dial(&town), town_dial(&town)};
    town_run_ms(&town, 10);
    int refused = town_dial(&town);
    town_hear(&town, refused, answer, sizeof(answer), 0);
    assert_non_null(strstr(answer, "HTTP/1.1 503"));
    weft_link_counters(town.link, &counters);
    assert_int_equal(counters.refused, 1);
    close(kept[0]);
    close(refused);
    town_run_ms(&town, 10);
    assert_answer(&town, "GET /fail" END, "HTTP/1.1 503", "node");
    close(kept[1]);
    town_raze(&town);
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_a_thousand_announcements_of_a_large_body_take_no_memory(void **state)
{
    (void)state;
    enum { CLIENTS = 1000 };
    static const char head[] =
        "POST /echo HTTP/1.1\r\nhost: town\r\ncontent-length: 268435456\r\n\r\nbegin";
    struct town town = {.link_options = {.receive_budget_bytes = 64 << 20}};
    build(&town);
    int *sockets = calloc(CLIENTS, sizeof(*sockets));
    assert_non_null(sockets);
    size_t before = resident_bytes();
    for (int i = 0; i < CLIENTS; i++) {
        sockets[i] = town_dial(&town);
        town_say(&town, sockets[i], head, sizeof(head) - 1);
    }
    town_run_ms(&town, 50);
    assert_int_equal(weft_listener_connections_count(town.listener), CLIENTS);
    assert_true(resident_bytes() < before + (64 << 20));
    assert_answer(&town, "GET /fail" END, "HTTP/1.1 503", "node");
    for (int i = 0; i < CLIENTS; i++) {
        close(sockets[i]);
    }
    free(sockets);
    town_raze(&town);
}

static void test_a_door_to_the_world_wants_to_be_asked_for(void **state)
{
    (void)state;
    struct town town = {0};
    struct weft_listener *listener = NULL;
    struct weft_error *error = NULL;
    town_found(&town);
    struct weft_listener_options options = {.address = "0.0.0.0:0"};
    assert_status(weft_listener_open(town.link, &options, &listener, &error),
                  WEFT_PERMISSION_DENIED);
    assert_non_null(strstr(weft_error_hint(error), "--insecure"));
    weft_error_unref(error);
    options.insecure = true;
    assert_ok(weft_listener_open(town.link, &options, &town.listener, NULL), NULL);
    town_raze(&town);
}

static void test_an_idle_connection_takes_little_memory(void **state)
{
    (void)state;
    enum { CLIENTS = 500 };
    struct town town = {0};
    int sockets[CLIENTS];
    build(&town);
    assert_answer(&town, "GET /fail" END, "HTTP/1.1 503", "node");
    size_t before = resident_bytes();
    for (int i = 0; i < CLIENTS; i++) {
        sockets[i] = town_dial(&town);
        town_say(&town, sockets[i], "GET /fail HTTP/1.1\r\nhost: town\r\n\r\n", 34);
    }
    town_run_ms(&town, 50);
    size_t each = (resident_bytes() - before) / CLIENTS;
    assert_true(resident_bytes() <= before || each <= 16 * 1024);
    for (int i = 0; i < CLIENTS; i++) {
        close(sockets[i]);
    }
    town_raze(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_find_their_handlers),
        cmocka_unit_test(test_head_is_get_without_a_body),
        cmocka_unit_test(test_a_response_in_parts_has_trailers),
        cmocka_unit_test(test_chunks_are_collected_and_streamed),
        cmocka_unit_test(test_a_body_beyond_the_limit_is_413),
        cmocka_unit_test(test_our_client_echoes_at_every_size_over_one_connection),
        cmocka_unit_test(test_our_client_goes_on_after_the_server_closed_an_idle_connection),
        cmocka_unit_test(test_our_client_says_what_failed),
        cmocka_unit_test(test_a_client_that_leaves_is_told_to_the_handler),
        cmocka_unit_test(test_a_dripping_head_is_cut),
        cmocka_unit_test(test_a_body_that_does_not_come_is_408),
        cmocka_unit_test(test_a_silent_connection_is_closed),
        cmocka_unit_test(test_a_client_that_does_not_read_is_cut),
        cmocka_unit_test(test_beyond_the_limit_connections_are_answered_503),
        cmocka_unit_test(test_a_thousand_announcements_of_a_large_body_take_no_memory),
        cmocka_unit_test(test_a_door_to_the_world_wants_to_be_asked_for),
        cmocka_unit_test(test_an_idle_connection_takes_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
