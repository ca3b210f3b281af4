/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/value.h"
#include "link/connection.h"
#include "town.h"
#include "wire/base64.h"
#include "wire/problem.h"
#include "wire/protobuf.h"

/*
 * Calls to a server that is not ours: it speaks proper HTTP/2, and ends each call with the trailers
 * that the story wants; or never.
 */

/* --- the server --- */

struct stranger {
    struct town town;
    struct weft_acceptor *acceptor;
    struct weft_connection connection;
    const struct weft_http_field *details; /* NULL: it sends none */
    bool silent;                           /* it answers no call */
    bool closed;
};

static const char plain_words[] = "no such thing";

static void hear_data(void *context, struct weft_http_stream *stream, const struct weft_slice *data)
{
    (void)context, (void)stream, (void)data;
}

static void hear_end(void *context, struct weft_http_stream *stream,
                     const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)context, (void)stream, (void)trailers, (void)trailers_count;
}

static void hear_close(void *context, struct weft_http_stream *stream,
                       const struct weft_http_close *close)
{
    (void)context, (void)stream, (void)close;
}

static const struct weft_http_stream_events only_hear = {
    .on_data = hear_data, .on_end = hear_end, .on_closed = hear_close};

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    struct stranger *stranger = context;
    struct weft_http_field fields[4] = {WEFT_HTTP_FIELD("content-type", "application/grpc"),
                                        WEFT_HTTP_FIELD("grpc-status", "5"),
                                        WEFT_HTTP_FIELD("grpc-message", "no such thing")};
    struct weft_http_head answer = {.status = 200, .fields = fields, .fields_count = 3};
    (void)head;
    if (stranger->silent) {
        weft_http_stream_handle(stream, &only_hear, NULL);
        return;
    }
    if (stranger->details != NULL) {
        fields[answer.fields_count++] = *stranger->details;
    }
    assert_ok(weft_http_stream_respond(stream, &answer, true, NULL), NULL);
}

static void on_closed(void *context, const struct weft_error *error)
{
    (void)error;
    ((struct stranger *)context)->closed = true;
}

static void on_stream(void *context, struct weft_stream *stream)
{
    static const struct weft_connection_owner owner = {.request = on_request, .closed = on_closed};
    struct stranger *stranger = context;
    assert_ok(weft_connection_open(&stranger->connection, stranger->town.link, stream,
                                   WEFT_HTTP_UNDECIDED, &owner, stranger, NULL),
              NULL);
}

static void ignore_trouble(void *context, struct weft_error *error)
{
    (void)context, (void)error;
}

static void move_in(struct stranger *stranger)
{
    static const struct weft_acceptor_handler handler = {on_stream, ignore_trouble};
    struct town *town = &stranger->town;
    char address[WEFT_ADDRESS_TEXT_MAX];
    town_found(town);
    assert_ok(weft_tcp_accept(town->loop, "127.0.0.1:0", NULL, &handler, stranger,
                              &stranger->acceptor, NULL),
              NULL);
    weft_address_format(weft_acceptor_address(stranger->acceptor), address);
    assert_ok(weft_channel_open(town->link, address, &town->channel_options, &town->channel, NULL),
              NULL);
}

static void set(void *context)
{
    *(bool *)context = true;
}

static void move_out(struct stranger *stranger)
{
    struct town *town = &stranger->town;
    weft_channel_close(town->channel, set, &town->channel_closed);
    town_run_until(town, &town->channel_closed);
    town->channel = NULL;
    if (!stranger->closed) {
        weft_connection_hold(&stranger->connection, false);
    }
    town_run_until(town, &stranger->closed);
    weft_acceptor_close(stranger->acceptor);
    town_raze(town);
}

/* --- what it says in detail: a google.rpc.Status --- */

static const char error_info[] = "type.googleapis.com/google.rpc.ErrorInfo";

/* With one detail of that type, which has the fields of an ErrorInfo, metadata before the domain.
 */
static struct weft_slice status_of(uint64_t code, const char *message, const char *type_url,
                                   const char *domain)
{
    struct weft_protobuf_writer writer;
    cleanup_slices struct weft_slices slices = {0};
    struct weft_slice whole = {0};
    weft_protobuf_writer_init(&writer);
    weft_protobuf_put_uint64(&writer, 1, code);
    weft_protobuf_put_string(&writer, 2, message);
    size_t any = weft_protobuf_open(&writer, 3);
    weft_protobuf_put_string(&writer, 1, type_url);
    size_t info = weft_protobuf_open(&writer, 2);
    weft_protobuf_put_string(&writer, 1, "NOT_FOUND");
    size_t entry = weft_protobuf_open(&writer, 3);
    weft_protobuf_put_string(&writer, 1, "node");
    weft_protobuf_put_string(&writer, 2, "elsewhere");
    weft_protobuf_close(&writer, entry);
    weft_protobuf_put_string(&writer, 2, domain);
    weft_protobuf_close(&writer, info);
    weft_protobuf_close(&writer, any);
    assert_ok(weft_protobuf_finish(&writer, &slices, NULL), NULL);
    assert_true(weft_slices_join(&slices, &whole));
    return whole;
}

static struct weft_error *error_of(struct stranger *stranger, const char *details, size_t length)
{
    const struct weft_http_field field = {.name = "grpc-status-details-bin",
                                          .value = details,
                                          .name_length = sizeof("grpc-status-details-bin") - 1,
                                          .value_length = (uint32_t)length};
    struct asked asked;
    stranger->details = details != NULL ? &field : NULL;
    ask(&stranger->town, &asked, &(struct weft_client_call_options){.path = "/far.Away/Find"},
        town_bytes(5, 7));
    town_run_until(&stranger->town, &asked.done);
    struct weft_error *error = weft_error_ref(asked.error);
    asked_fini(&asked);
    return error;
}

static struct weft_error *error_of_status(struct stranger *stranger, const void *status,
                                          size_t size_bytes)
{
    static char text[8192];
    assert_true(weft_base64_length(size_bytes) <= sizeof(text));
    weft_base64_encode(status, size_bytes, text);
    return error_of(stranger, text, weft_base64_length(size_bytes));
}

/* What every client of gRPC would see. */
static void assert_plain(const struct weft_error *error)
{
    assert_status(weft_error_status(error), WEFT_NOT_FOUND);
    assert_string_equal(weft_error_message(error), plain_words);
    assert_null(weft_error_place(error).node);
    assert_null(weft_error_cause(error));
}

/* --- stories of its details --- */

static void test_details_of_our_kind_are_read(void **state)
{
    (void)state;
    struct stranger stranger = {0};
    move_in(&stranger);
    cleanup_slice struct weft_slice status = status_of(5, "no model here", error_info, "weft");
    cleanup_error struct weft_error *error =
        error_of_status(&stranger, status.data, status.size_bytes);
    assert_status(weft_error_status(error), WEFT_NOT_FOUND);
    assert_string_equal(weft_error_message(error), "no model here");
    assert_string_equal(weft_error_place(error).node, "elsewhere");
    move_out(&stranger);
}

static void test_details_that_are_not_ours_leave_the_servers_words(void **state)
{
    (void)state;
    static const struct {
        uint64_t code;
        const char *message, *type_url, *domain;
    } foreign[] = {
        {5, "no model here", error_info, "elsewhere.example"},
        {5, "no model here", error_info, NULL},
        {5, NULL, "type.googleapis.com/google.rpc.RetryInfo", NULL},
        {5, "no model here", "type.googleapis.com/google.rpc.ErrorInf", "weft"},
        /* the code is another than the call's, or none */
        {3, "no model here", error_info, "weft"},
        {0, "no model here", error_info, "weft"},
        {17, "no model here", error_info, "weft"},
        {UINT64_C(0x100000005), "no model here", error_info, "weft"},
    };
    struct stranger stranger = {0};
    move_in(&stranger);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        cleanup_slice struct weft_slice status =
            status_of(foreign[i].code, foreign[i].message, foreign[i].type_url, foreign[i].domain);
        cleanup_error struct weft_error *error =
            error_of_status(&stranger, status.data, status.size_bytes);
        assert_plain(error);
    }
    cleanup_error struct weft_error *none = error_of(&stranger, NULL, 0);
    assert_plain(none);
    move_out(&stranger);
}

static void test_details_that_are_garbage_leave_the_servers_words(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "=", "C", "!!!!", "CAU\xff", "CA", ",", "CAU,CAU",
                                        /* a length that runs over, a group, a field 0 */
                                        "CAUSfw", "CAUb", "AAA"};
    static uint8_t long_one[WEFT_PROBLEM_DETAILS_MAX_BYTES + 1];
    struct stranger stranger = {0};
    move_in(&stranger);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cleanup_error struct weft_error *error = error_of(&stranger, texts[i], strlen(texts[i]));
        assert_plain(error);
    }
    /* ours, cut anywhere but behind the whole */
    cleanup_slice struct weft_slice status = status_of(5, "no model here", error_info, "weft");
    for (size_t size_bytes = 0; size_bytes < status.size_bytes; size_bytes++) {
        cleanup_error struct weft_error *error =
            error_of_status(&stranger, status.data, size_bytes);
        assert_plain(error);
    }
    /* ours, with a message that is no UTF-8 */
    cleanup_slice struct weft_slice bad = status_of(5, "no model here", error_info, "weft");
    ((uint8_t *)(uintptr_t)bad.data)[4] = 0xff;
    cleanup_error struct weft_error *no_text = error_of_status(&stranger, bad.data, bad.size_bytes);
    assert_plain(no_text);
    /* ours, and behind it an unknown field that makes it longer than ours ever are */
    memcpy(long_one, status.data, status.size_bytes);
    size_t rest = sizeof(long_one) - status.size_bytes - 3;
    long_one[status.size_bytes] = 15 << 3 | 2;
    long_one[status.size_bytes + 1] = (uint8_t)(rest & 0x7f) | 0x80;
    long_one[status.size_bytes + 2] = (uint8_t)(rest >> 7);
    cleanup_error struct weft_error *too_long =
        error_of_status(&stranger, long_one, sizeof(long_one));
    assert_plain(too_long);
    move_out(&stranger);
}

/* --- stories of its signs of life --- */

/* An answer to a PING is a frame of 17 bytes (RFC 9113, section 6.7). */
static void wait_for_signs(struct stranger *stranger, size_t count)
{
    struct weft_traffic before, now;
    weft_channel_traffic(stranger->town.channel, &before);
    for (int i = 0; i < 500; i++) {
        town_run_ms(&stranger->town, 20);
        weft_channel_traffic(stranger->town.channel, &now);
        if (now.received_bytes - before.received_bytes >= count * 17) {
            return;
        }
    }
    fail_msg("%zu signs of life were not asked for", count);
}

/* The timer rings for the answer, which has come, before the next quiet interval is over. */
static void test_a_peer_that_gave_signs_of_life_is_asked_again_and_missed(void **state)
{
    (void)state;
    struct stranger stranger = {
        .town.channel_options = {.keepalive_ms = 300, .keepalive_timeout_ms = 200},
    };
    struct asked asked;
    move_in(&stranger);
    /* given: a connection on which both have said what comes with the first call */
    cleanup_error struct weft_error *error = error_of(&stranger, NULL, 0);
    assert_plain(error);
    stranger.silent = true;
    ask(&stranger.town, &asked, &(struct weft_client_call_options){.path = "/far.Away/Find"},
        town_bytes(5, 7));
    wait_for_signs(&stranger, 2);
    assert_false(asked.done);
    weft_connection_hold(&stranger.connection, true);
    town_run_until(&stranger.town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_UNAVAILABLE);
    asked_fini(&asked);
    move_out(&stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_details_of_our_kind_are_read),
        cmocka_unit_test(test_details_that_are_not_ours_leave_the_servers_words),
        cmocka_unit_test(test_details_that_are_garbage_leave_the_servers_words),
        cmocka_unit_test(test_a_peer_that_gave_signs_of_life_is_asked_again_and_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
