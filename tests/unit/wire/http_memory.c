/* SPDX-License-Identifier: Apache-2.0 */
#include "support/story.h"

#include <stdlib.h>
#include <string.h>

#include <wire/grpc.h>

#include "http_pair.h"
#include "support/failmalloc.h"

/* Each allocation fails in turn, once alone and once with all that follow: the connection may end,
 * but every stream ends exactly once, nothing leaks (the address sanitizer watches), and nobody
 * crashes. */

static void run_http(enum weft_http_version version)
{
    struct http_pair pair;
    struct http_server server = {0};
    struct http_record record = {0};
    if (!http_pair_try_init(&pair, version, &http_server_events, &server)) {
        return;
    }
    struct weft_http_field fields[] = {{"x-field", "value", 7, 5, false, false}};
    struct weft_http_head head = {
        .method = "POST", .path = "/echo", .authority = "t", .fields = fields, .fields_count = 1};
    struct weft_http_stream *stream = NULL;
    struct weft_error *error = NULL;
    bool opened = weft_http_open(pair.client, &head, false, &http_record_events, &record, &stream,
                                 &error) == WEFT_OK;
    if (opened) {
        struct weft_slice body = {0};
        if (!weft_slice_copy("some body that goes to and fro", 30, &body) ||
            weft_http_stream_send(stream, NULL, 0, &body, 1, NULL) != WEFT_OK ||
            weft_http_stream_end(stream, fields, 1, NULL) != WEFT_OK) {
            weft_slice_fini(&body);
            weft_http_stream_reset(stream, WEFT_HTTP_CANCEL);
        }
    }
    http_pair_run(&pair);
    weft_http_disconnect(pair.client, false);
    weft_http_disconnect(pair.server, false);
    assert_int_equal(record.closed_count, opened ? 1 : 0);
    if (record.close.status == WEFT_OK && opened && record.status == 200) {
        assert_int_equal(record.body_bytes, 30);
    }
    weft_error_unref(error);
    http_pair_fini(&pair);
    http_server_fini(&server);
    http_record_fini(&record);
}

/* --- gRPC
 * --------------------------------------------------------------------------------------------------------
 */

struct calls {
    int finished_count;
    enum weft_status status;
    size_t bytes;
};

static void take_message(void *context, struct weft_grpc_call *call,
                         const struct weft_slice *message)
{
    (void)call;
    ((struct calls *)context)->bytes += message->size_bytes;
}

static void finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                     const struct weft_error *error, const struct weft_http_field *trailers,
                     size_t trailers_count)
{
    (void)call, (void)error, (void)trailers, (void)trailers_count;
    struct calls *calls = context;
    calls->finished_count++;
    calls->status = status;
}

static void answer_message(void *context, struct weft_grpc_call *call,
                           const struct weft_slice *message)
{
    (void)context;
    struct weft_slice answer = weft_slice_ref(message);
    struct weft_grpc_metadata metadata = {"x-m-bin", "abc", 3};
    if (weft_grpc_call_set_head(call, &metadata, 1, NULL) != WEFT_OK ||
        weft_grpc_send(call, &answer, 1, NULL) != WEFT_OK) {
        weft_slice_fini(&answer);
        weft_grpc_finish(call, WEFT_OUT_OF_MEMORY, NULL, NULL, 0);
        return;
    }
    weft_grpc_finish(call, WEFT_OK, NULL, &metadata, 1);
}

static const struct weft_grpc_events client_events = {.on_message = take_message,
                                                      .on_finished = finished};
static const struct weft_grpc_events server_events = {.on_message = answer_message,
                                                      .on_finished = finished};

static void accept_call(void *context, struct weft_http_stream *stream,
                        const struct weft_http_head *head)
{
    struct weft_grpc_call *call = NULL;
    if (weft_grpc_accept(stream, head, NULL, &server_events, context, &call, NULL) == WEFT_OK) {
        weft_grpc_call_set_encoding(call, WEFT_GRPC_GZIP);
    }
}

static const struct weft_http_events grpc_http_events = {.on_request = accept_call};

static void run_grpc(enum weft_http_version version)
{
    (void)version;
    struct http_pair pair;
    struct calls client = {0};
    struct calls server = {0};
    if (!http_pair_try_init(&pair, WEFT_HTTP_2, &grpc_http_events, &server)) {
        return;
    }
    struct weft_grpc_metadata metadata = {"x-m-bin", "abc", 3};
    struct weft_grpc_request request = {.path = "/a.B/C",
                                        .authority = "t",
                                        .timeout_ns = 1000000,
                                        .encoding = WEFT_GRPC_GZIP,
                                        .metadata = &metadata,
                                        .metadata_count = 1};
    struct weft_grpc_call *call = NULL;
    bool called = weft_grpc_call(pair.client, &request, NULL, &client_events, &client, &call,
                                 NULL) == WEFT_OK;
    if (called) {
        struct weft_buffer *buffer = weft_buffer_new(200000);
        struct weft_slice message = {0};
        if (buffer != NULL) {
            for (size_t i = 0; i < buffer->size_bytes; i++) {
                buffer->data[i] = (uint8_t)(i * i >> 7);
            }
            message = weft_slice_take(buffer);
        }
        if (buffer == NULL || weft_grpc_send(call, &message, 1, NULL) != WEFT_OK ||
            weft_grpc_half_close(call, NULL) != WEFT_OK) {
            weft_slice_fini(&message);
            weft_grpc_cancel(call, WEFT_OUT_OF_MEMORY);
        }
    }
    http_pair_run(&pair);
    http_pair_fini(&pair);
    assert_int_equal(client.finished_count, called ? 1 : 0);
    if (called && client.status == WEFT_OK) {
        assert_int_equal(client.bytes, 200000);
    }
}

static void fail_each(void (*run)(enum weft_http_version version), enum weft_http_version version)
{
    size_t count = 0;
    for (bool failed = true; failed; count++) {
        failmalloc_arm(count);
        run(version);
        failed = failmalloc_disarm();
        failmalloc_arm_all(count);
        run(version);
        failmalloc_disarm();
    }
    assert_true(count > 20);
}

static void http_1_survives_every_failing_allocation(void **state)
{
    (void)state;
    fail_each(run_http, WEFT_HTTP_1_1);
}

static void http_2_survives_every_failing_allocation(void **state)
{
    (void)state;
    fail_each(run_http, WEFT_HTTP_2);
}

static void grpc_survives_every_failing_allocation(void **state)
{
    (void)state;
    fail_each(run_grpc, WEFT_HTTP_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_1_survives_every_failing_allocation),
        cmocka_unit_test(http_2_survives_every_failing_allocation),
        cmocka_unit_test(grpc_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
