/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/text.h>
#include <wire/grpc.h>
#include <wire/gzip.h>

#include "http_pair.h"

/* What a client makes of a server that is written by hand, and what it says to one. */

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, WINDOW_UPDATE = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };

struct story {
    struct weft_http_shared *shared;
    struct weft_http *client;
    struct weft_grpc_call *call;
    size_t messages_count;
    int finished_count;
    enum weft_status status;
    char words[128];
    bool unprocessed;
};

static void on_message(void *context, struct weft_grpc_call *call, const struct weft_slice *message)
{
    (void)call, (void)message;
    ((struct story *)context)->messages_count++;
}

static void on_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count)
{
    (void)trailers, (void)trailers_count;
    struct story *story = context;
    snprintf(story->words, sizeof(story->words), "%s",
             error != NULL ? weft_error_message(error) : "");
    story->finished_count++;
    story->status = status;
    story->unprocessed = weft_grpc_call_was_unprocessed(call);
}

static const struct weft_grpc_events call_events = {.on_message = on_message,
                                                    .on_finished = on_finished};

static void give(struct story *story, int type, int flags, uint32_t stream_id, const void *payload,
                 size_t length)
{
    struct weft_text frame = {0};
    const char head[9] = {0, (char)(length >> 8), (char)length, (char)type, (char)flags, 0, 0,
                          0, (char)stream_id};
    weft_text_append(&frame, head, sizeof(head));
    weft_text_append(&frame, payload, length);
    assert_ok(http_give(story->client, frame.data, frame.length, 0), NULL);
    weft_text_fini(&frame);
}

static void begin(struct story *story)
{
    static const struct weft_http_events http_events = {0};
    *story = (struct story){.shared = weft_http_shared_new()};
    assert_ok(weft_http_new_client(story->shared, WEFT_HTTP_2, "http", &http_events, NULL,
                                   &story->client, NULL),
              NULL);
    give(story, SETTINGS, 0, 0, "", 0);
}

static void end(struct story *story)
{
    weft_http_free(story->client);
    weft_http_shared_free(story->shared);
}

/* Its head and its one message leave; returns how many bytes that were. */
static size_t call_with(struct story *story, const struct weft_grpc_metadata *metadata,
                        size_t metadata_count)
{
    struct weft_grpc_request request = {.path = "/test.Echo/Unary",
                                        .authority = "t",
                                        .timeout_ns = UINT64_MAX,
                                        .metadata = metadata,
                                        .metadata_count = metadata_count};
    struct weft_slice message = weft_slice_static("x", 1);
    size_t size_bytes = 0;
    assert_ok(
        weft_grpc_call(story->client, &request, NULL, &call_events, story, &story->call, NULL),
        NULL);
    assert_ok(weft_grpc_send(story->call, &message, 1, NULL), NULL);
    assert_ok(weft_grpc_half_close(story->call, NULL), NULL);
    free(http_take(story->client, &size_bytes));
    return size_bytes;
}

/* :status 200 of the table; content-type as a literal with its name from the table. */
static const char head[] = "\x88\x0f\x10\x10"
                           "application/grpc";
/* grpc-status 0, literal. */
static const char well[] = "\x00\x0bgrpc-status\x01"
                           "0";

/* What the client's frames that are to be sent add to the window of stream 1. */
static size_t take_credit(struct story *story)
{
    size_t size_bytes = 0, credit = 0;
    char *bytes = http_take(story->client, &size_bytes);
    for (size_t at = 0; at + 9 <= size_bytes;) {
        const uint8_t *frame = (const uint8_t *)bytes + at;
        size_t length = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        if (frame[3] == WINDOW_UPDATE && frame[8] == 1) {
            credit += (size_t)frame[9] << 24 | (size_t)frame[10] << 16 | (size_t)frame[11] << 8 |
                      frame[12];
        }
        at += 9 + length;
    }
    free(bytes);
    return credit;
}

/* A server whose every frame is padded, with small messages and with a large one, and that keeps to
 * what it was allowed. */
static void padding_takes_nothing_from_the_window(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 3 * 1024 * 1024 - 200};
    enum { PART = 105, PADDING = 255, TOTAL = 3 * 1024 * 1024 };
    for (size_t i = 0; i < 2; i++) {
        struct story story;
        begin(&story);
        (void)call_with(&story, NULL, 0);
        give(&story, SETTINGS, ACK, 0, "", 0); /* the window is as wide as it says from here on */
        give(&story, HEADERS, END_HEADERS, 1, head, sizeof(head) - 1);
        size_t credit = WEFT_HTTP_WINDOW_BYTES, sent_bytes = 0;
        while (sent_bytes < TOTAL) {
            uint8_t frame[1 + PART + PADDING] = {PADDING};
            if (sent_bytes == 0 || sizes[i] == 100) { /* a message's prefix */
                frame[3] = (uint8_t)(sizes[i] >> 16);
                frame[4] = (uint8_t)(sizes[i] >> 8);
                frame[5] = (uint8_t)sizes[i];
                frame[2] = 0;
            }
            credit += take_credit(&story);
            assert_in_range(credit, sizeof(frame), 2 * WEFT_HTTP_WINDOW_BYTES + sizes[i]);
            give(&story, DATA, PADDED, 1, frame, sizeof(frame));
            credit -= sizeof(frame);
            sent_bytes += PART;
        }
        assert_int_equal(story.finished_count, 0);
        assert_in_range(story.messages_count, 1, TOTAL / PART + 1);
        end(&story);
    }
}

static void a_stream_that_is_reset_has_the_status_of_its_code(void **state)
{
    (void)state;
    static const struct {
        char code;
        enum weft_status status;
        bool unprocessed;
    } cases[] = {
        {2 /* INTERNAL_ERROR */, WEFT_INTERNAL, false},
        {7 /* REFUSED_STREAM */, WEFT_UNAVAILABLE, true},
        {8 /* CANCEL */, WEFT_CANCELLED, false},
        {11 /* ENHANCE_YOUR_CALM */, WEFT_RESOURCE_EXHAUSTED, false},
        {12 /* INADEQUATE_SECURITY */, WEFT_PERMISSION_DENIED, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct story story;
        begin(&story);
        (void)call_with(&story, NULL, 0);
        give(&story, RST_STREAM, 0, 1, (char[]){0, 0, 0, cases[i].code}, 4);
        assert_int_equal(story.finished_count, 1);
        assert_status(story.status, cases[i].status);
        assert_int_equal(story.unprocessed, cases[i].unprocessed);
        end(&story);
    }
}

/* grpc/doc/http-grpc-status-mapping.md */
static void a_server_that_speaks_http_alone_has_the_status_of_its_code(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum weft_status status;
    } cases[] = {
        {"400", WEFT_INTERNAL},      {"401", WEFT_UNAUTHENTICATED}, {"403", WEFT_PERMISSION_DENIED},
        {"404", WEFT_UNIMPLEMENTED}, {"429", WEFT_UNAVAILABLE},     {"502", WEFT_UNAVAILABLE},
        {"503", WEFT_UNAVAILABLE},   {"504", WEFT_UNAVAILABLE},     {"500", WEFT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct story story;
        cleanup_text struct weft_text fields = {0};
        weft_text_append(&fields, "\x08\x03", 2); /* :status, its name from the table */
        weft_text_append_string(&fields, cases[i].code);
        begin(&story);
        (void)call_with(&story, NULL, 0);
        give(&story, HEADERS, END_HEADERS | END_STREAM, 1, fields.data, fields.length);
        free(http_take(story.client, NULL));
        assert_int_equal(story.finished_count, 1);
        assert_status(story.status, cases[i].status);
        end(&story);
    }
}

static void an_answer_that_ends_inside_a_message_is_none(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    (void)call_with(&story, NULL, 0);
    give(&story, HEADERS, END_HEADERS, 1, head, sizeof(head) - 1);
    give(&story, DATA, 0, 1, "\0\0\0\0\5abc", 8);
    give(&story, HEADERS, END_HEADERS | END_STREAM, 1, well, sizeof(well) - 1);
    free(http_take(story.client, NULL));
    assert_int_equal(story.finished_count, 1);
    assert_int_equal(story.messages_count, 0);
    assert_status(story.status, WEFT_INTERNAL);
    end(&story);
}

static void a_compressed_message_needs_the_encodings_name(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    (void)call_with(&story, NULL, 0);
    give(&story, HEADERS, END_HEADERS, 1, head, sizeof(head) - 1);
    give(&story, DATA, 0, 1, "\1\0\0\0\3abc", 8);
    free(http_take(story.client, NULL));
    assert_int_equal(story.finished_count, 1);
    assert_status(story.status, WEFT_INTERNAL);
    assert_string_equal(story.words, "a compressed message without grpc-encoding");
    end(&story);
}

static void bytes_behind_the_gzip_of_a_message_spoil_it(void **state)
{
    (void)state;
    for (size_t more_bytes = 0; more_bytes < 2; more_bytes++) {
        struct story story;
        struct weft_slice plain = weft_slice_static("abc", 3);
        cleanup_slices struct weft_slices packed = {0};
        cleanup_text struct weft_text message = {0};
        cleanup_text struct weft_text fields = {0};
        assert_ok(weft_deflate(WEFT_CODING_GZIP, 1, &plain, 1, &packed, NULL), NULL);
        const struct weft_slice *slice = weft_slices_items(&packed);
        assert_int_equal(packed.count, 1);
        char length = (char)(slice->size_bytes + more_bytes);
        weft_text_append(&message, (char[]){1, 0, 0, 0, length}, 5);
        weft_text_append(&message, (const char *)slice->data, slice->size_bytes);
        weft_text_append(&message, "!", more_bytes);
        weft_text_append(&fields, head, sizeof(head) - 1);
        weft_text_append(&fields, "\0\15grpc-encoding\4gzip", 20);
        begin(&story);
        (void)call_with(&story, NULL, 0);
        give(&story, HEADERS, END_HEADERS, 1, fields.data, fields.length);
        give(&story, DATA, 0, 1, message.data, message.length);
        free(http_take(story.client, NULL));
        assert_int_equal(story.messages_count, more_bytes == 0);
        assert_int_equal(story.finished_count, more_bytes);
        assert_string_equal(story.words, more_bytes == 0 ? "" : "the message is not gzip");
        end(&story);
    }
}

/* A token that came twice could be guessed from the length of what leaves, and a trace pushes out
 * of the table what does come twice. */
static void metadata_stays_out_of_the_table_of_fields(void **state)
{
    (void)state;
    struct story story;
    static const char secret[] = "0f8fad5b-d9cb-469f-a165-70867728950e-7c9e6679-7425-40de-944b";
    struct weft_grpc_metadata metadata = {"x-token", secret, sizeof(secret) - 1};
    begin(&story);
    (void)call_with(&story, NULL, 0);
    size_t without = call_with(&story, NULL, 0);
    (void)call_with(&story, &metadata, 1);
    size_t again = call_with(&story, &metadata, 1);
    assert_true(again > without + sizeof(secret) / 2); /* Huffman takes five bits at least */
    end(&story);
}

static struct weft_http_field binary(const char *value)
{
    return (struct weft_http_field){
        .name = "x-bin", .value = value, .name_length = 5, .value_length = (uint32_t)strlen(value)};
}

static void binary_metadata_is_read_with_and_without_padding(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *bytes; /* NULL: it is none */
    } cases[] = {
        {"", ""},
        {"YQ", "a"},
        {"YQ==", "a"},
        {"YWI", "ab"},
        {"YWI=", "ab"},
        {"YWJj", "abc"},
        {"YWJjZA", "abcd"},
        {"Y", NULL},
        {"YWJjZ", NULL},
        {"YW-j", NULL},
        {"YWI=,YQ", "ab"} /* the first of several */,
        {"YWJj,!", "abc"},
        {"YWJj YQ", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weft_http_field field = binary(cases[i].value);
        char bytes[8];
        size_t size_bytes = 0;
        bool read = weft_grpc_binary_decode(&field, bytes, sizeof(bytes), &size_bytes);
        assert_int_equal(read, cases[i].bytes != NULL);
        if (read) {
            assert_int_equal(size_bytes, strlen(cases[i].bytes));
            assert_memory_equal(bytes, cases[i].bytes, size_bytes);
        }
    }
}

static void binary_metadata_that_has_no_room_is_none(void **state)
{
    (void)state;
    struct weft_http_field field = binary("YWJjZA");
    char bytes[4] = "....";
    size_t size_bytes = 0;
    assert_false(weft_grpc_binary_decode(&field, bytes, 3, &size_bytes));
    assert_int_equal(bytes[3], '.');
    assert_true(weft_grpc_binary_decode(&field, bytes, 4, &size_bytes));
    assert_int_equal(size_bytes, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_takes_nothing_from_the_window),
        cmocka_unit_test(a_stream_that_is_reset_has_the_status_of_its_code),
        cmocka_unit_test(a_server_that_speaks_http_alone_has_the_status_of_its_code),
        cmocka_unit_test(an_answer_that_ends_inside_a_message_is_none),
        cmocka_unit_test(a_compressed_message_needs_the_encodings_name),
        cmocka_unit_test(bytes_behind_the_gzip_of_a_message_spoil_it),
        cmocka_unit_test(metadata_stays_out_of_the_table_of_fields),
        cmocka_unit_test(binary_metadata_is_read_with_and_without_padding),
        cmocka_unit_test(binary_metadata_that_has_no_room_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
