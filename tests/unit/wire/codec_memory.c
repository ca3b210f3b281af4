/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "support/failmalloc.h"
#include "support/story.h"
#include "wire/control.h"
#include "wire/gzip.h"
#include "wire/oip_grpc.h"
#include "wire/oip_json.h"
#include "wire/problem.h"

/* Each story runs with its first allocation failing, then its second, and so on until none fails:
 * it says OUT_OF_MEMORY and leaks nothing, or it worked. */

static void check(enum weft_status status)
{
    if (status != WEFT_OK && status != WEFT_OUT_OF_MEMORY) {
        failmalloc_disarm();
        assert_status(status, WEFT_OUT_OF_MEMORY);
    }
}

static void with_every_failure(void (*story)(void))
{
    size_t failures = 0;
    for (;; failures++) {
        failmalloc_arm(failures);
        story();
        if (!failmalloc_disarm()) {
            break;
        }
    }
    assert_true(failures > 0);
}

static struct weft_slice envelope_bytes;
static struct weft_slice reports_bytes;
static struct weft_slice request_bytes;

static void envelope_story(void)
{
    struct weft_envelope envelope = {0};
    cleanup_error struct weft_error *error = NULL;
    cleanup_slices struct weft_slices slices = {0};
    enum weft_status status = weft_envelope_decode(&envelope_bytes, &envelope, &error);
    check(status);
    if (status == WEFT_OK) {
        check(weft_envelope_encode(&envelope, &slices, &error));
        weft_message_free(envelope.message);
    } else {
        assert_null(envelope.message);
    }
}

static void reports_story(void)
{
    const struct weft_slice deliver = envelope_bytes;
    envelope_bytes = reports_bytes;
    envelope_story();
    envelope_bytes = deliver;
}

static void grpc_story(void)
{
    cleanup_oip_request struct weft_oip_request request = {0};
    cleanup_error struct weft_error *error = NULL;
    cleanup_slices struct weft_slices slices = {0};
    enum weft_status status = weft_oip_grpc_request_decode(&request_bytes, &request, &error);
    check(status);
    if (status == WEFT_OK) {
        check(weft_oip_grpc_request_encode(&request, &slices, &error));
    }
}

static void json_story(void)
{
    static const char body[] =
        "{\"id\":\"7\",\"parameters\":{\"s\":\"t\",\"n\":1.5},\"inputs\":[{\"name\":\"x\","
        "\"shape\":[2],"
        "\"datatype\":\"BYTES\",\"parameters\":{\"k\":\"v\"},\"data\":[\"a\",\"bc\"]}],"
        "\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":true}}]}";
    struct weft_slice slice = weft_slice_static(body, sizeof(body) - 1);
    cleanup_oip_request struct weft_oip_request request = {0};
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status =
        weft_oip_json_request_decode(&slice, WEFT_OIP_JSON_WHOLE, &request, &error);
    check(status);
    if (status == WEFT_OK) {
        struct weft_oip_response response = {.outputs = request.inputs};
        cleanup_slices struct weft_slices slices = {0};
        size_t json_bytes = 0;
        check(weft_oip_json_response_encode(&response, &request, &slices, &json_bytes, &error));
    }
}

static void gzip_story(void)
{
    struct weft_slice slice = weft_slice_static("hello hello hello", 17);
    cleanup_slices struct weft_slices coded = {0};
    cleanup_slices struct weft_slices plain = {0};
    enum weft_status status = weft_deflate(WEFT_CODING_GZIP, 6, &slice, 1, &coded, NULL);
    check(status);
    cleanup_inflate struct weft_inflate *inflate = weft_inflate_new(WEFT_CODING_GZIP, 1000);
    if (status == WEFT_OK && inflate != NULL) {
        const struct weft_slice *body = weft_slices_items(&coded);
        status = weft_inflate_feed(inflate, body->data, body->size_bytes, NULL);
        check(status);
        if (status == WEFT_OK) {
            check(weft_inflate_finish(inflate, &plain, NULL));
        }
    }
}

static void problem_story(void)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_error struct weft_error *back = NULL;
    cleanup_text struct weft_text json = {0};
    cleanup_text struct weft_text bytes = {0};
    (void)weft_error_set(&error, WEFT_NOT_FOUND, "why");
    (void)weft_error_set(&error, WEFT_INTERNAL, "what");
    weft_problem_json(error, 0, &json);
    weft_problem_grpc(error, &bytes);
    if (!bytes.failed) {
        (void)weft_problem_grpc_decode(bytes.data, bytes.length, &back);
    }
}

static void make_envelope(void)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    struct weft_deliver *deliver = &message->deliver;
    deliver->id = strdup("id");
    assert_ok(weft_parameters_set_string(&deliver->parameters, "a", "b", NULL), NULL);
    assert_ok(weft_value_new_bytes("x", 1, "text/plain", &deliver->value, NULL), NULL);
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 1, .message = message};
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_envelope_encode(&envelope, &slices, NULL), NULL);
    assert_true(weft_slices_join(&slices, &envelope_bytes));
    weft_message_free(message);
}

static void make_reports(void)
{
    enum { REPORTS = 5 };
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    message->report.reports = calloc(REPORTS, sizeof(*message->report.reports));
    message->report.reports_count = REPORTS;
    for (size_t i = 0; i < REPORTS; i++) {
        struct weft_report *report = &message->report.reports[i].report;
        report->kind = WEFT_REPORT_FAILED;
        report->transfers = calloc(2, sizeof(*report->transfers));
        report->transfers_count = 2;
        (void)weft_error_set(&report->error, WEFT_INTERNAL, "it broke");
    }
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 1, .message = message};
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_envelope_encode(&envelope, &slices, NULL), NULL);
    assert_true(weft_slices_join(&slices, &reports_bytes));
    weft_message_free(message);
}

static void make_request(void)
{
    cleanup_oip_request struct weft_oip_request request = {.model = strdup("m"), .id = strdup("i")};
    cleanup_value struct weft_value *value = NULL;
    struct weft_oip_output *output = NULL;
    assert_ok(weft_value_new_bytes("x", 1, "text/plain", &value, NULL), NULL);
    assert_ok(weft_values_add(&request.inputs, "x", value, NULL), NULL);
    assert_ok(weft_oip_request_add_output(&request, "y", &output, NULL), NULL);
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_oip_grpc_request_encode(&request, &slices, NULL), NULL);
    assert_true(weft_slices_join(&slices, &request_bytes));
}

static void every_codec_survives_want_of_memory(void **state)
{
    (void)state;
    make_envelope();
    make_reports();
    make_request();
    with_every_failure(envelope_story);
    with_every_failure(reports_story);
    with_every_failure(grpc_story);
    with_every_failure(json_story);
    with_every_failure(gzip_story);
    with_every_failure(problem_story);
    weft_slice_fini(&envelope_bytes);
    weft_slice_fini(&reports_bytes);
    weft_slice_fini(&request_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_codec_survives_want_of_memory)};
    return cmocka_run_group_tests_name("codec_memory", tests, NULL, NULL);
}
