/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "node.pb-c.h"
#include "support/story.h"
#include "wire/control.h"

/* Many reports in one message. */

static struct weft_message *reports_of(size_t count)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    message->report.gateway = 0xFEDCBA9876543210;
    message->report.reports = calloc(count + 1, sizeof(*message->report.reports));
    message->report.reports_count = count;
    for (size_t i = 0; i < count; i++) {
        message->report.reports[i] = (struct weft_run_report){
            .sequence = 1000 + i,
            .plan = 3,
            .report = {.kind = WEFT_REPORT_FINISHED,
                       .step = (uint32_t)i,
                       .attempt = 1,
                       .start_ns = 5,
                       .end_ns = UINT64_MAX - 1,
                       .bytes_in = 10,
                       .bytes_out = 11,
                       .pid = 12,
                       .model_generation = 13,
                       .cache_hit = i % 2 == 1},
        };
    }
    return message;
}

static void add_transfers(struct weft_report *report)
{
    report->transfers = calloc(2, sizeof(*report->transfers));
    report->transfers_count = 2;
    report->transfers[1] = (struct weft_report_transfer){
        .output = 1,
        .to_node = 2,
        .raw_bytes = 3,
        .wire_bytes = 1234567890123,
        .copied_bytes = 4,
        .lane = WEFT_LANE_GRPC,
        .codec = WEFT_CODEC_IDENTITY,
    };
}

static struct weft_slice bytes_of(struct weft_message *take_message)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slices struct weft_slices slices = {0};
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 2, .message = take_message};
    assert_ok(weft_envelope_encode(&envelope, &slices, &error), error);
    struct weft_slice joined = {0};
    assert_true(weft_slices_join(&slices, &joined));
    weft_message_free(take_message);
    return joined;
}

static struct weft_message *read_back(struct weft_message *take_message)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice bytes = bytes_of(take_message);
    struct weft_envelope back = {0};
    assert_ok(weft_envelope_decode(&bytes, &back, &error), error);
    return back.message;
}

static void every_report_of_a_message_keeps_all_that_it_says(void **state)
{
    (void)state;
    struct weft_message *message = reports_of(3);
    add_transfers(&message->report.reports[1].report);
    struct weft_report *failed = &message->report.reports[2].report;
    failed->kind = WEFT_REPORT_FAILED;
    (void)weft_error_set(&failed->error, WEFT_NOT_FOUND, "no such file");
    cleanup_message struct weft_message *copy = weft_message_copy(message);
    cleanup_message struct weft_message *back = read_back(message);
    const struct weft_message *seen[] = {copy, back};
    for (size_t m = 0; m < 2; m++) {
        const struct weft_run_reports *all = &seen[m]->report;
        assert_true(all->gateway == 0xFEDCBA9876543210);
        assert_int_equal(all->reports_count, 3);
        for (size_t i = 0; i < 3; i++) {
            const struct weft_report *report = &all->reports[i].report;
            assert_int_equal(all->reports[i].sequence, 1000 + i);
            assert_int_equal(all->reports[i].plan, 3);
            assert_int_equal(report->kind, i == 2 ? WEFT_REPORT_FAILED : WEFT_REPORT_FINISHED);
            assert_int_equal(report->step, i);
            assert_int_equal(report->attempt, 1);
            assert_int_equal(report->start_ns, 5);
            assert_true(report->end_ns == UINT64_MAX - 1);
            assert_int_equal(report->bytes_in, 10);
            assert_int_equal(report->bytes_out, 11);
            assert_int_equal(report->pid, 12);
            assert_int_equal(report->model_generation, 13);
            assert_int_equal(report->cache_hit, i == 1);
            assert_int_equal(report->transfers_count, i == 1 ? 2 : 0);
        }
        const struct weft_report_transfer *transfers = all->reports[1].report.transfers;
        assert_int_equal(transfers[0].lane, WEFT_LANE_NONE);
        assert_int_equal(transfers[1].output, 1);
        assert_int_equal(transfers[1].to_node, 2);
        assert_int_equal(transfers[1].raw_bytes, 3);
        assert_true(transfers[1].wire_bytes == 1234567890123);
        assert_int_equal(transfers[1].copied_bytes, 4);
        assert_int_equal(transfers[1].lane, WEFT_LANE_GRPC);
        assert_int_equal(transfers[1].codec, WEFT_CODEC_IDENTITY);
        assert_string_equal(weft_error_message(all->reports[2].report.error), "no such file");
    }
}

static void another_implementation_reads_reports(void **state)
{
    (void)state;
    struct weft_message *message = reports_of(2);
    add_transfers(&message->report.reports[1].report);
    cleanup_slice struct weft_slice bytes = bytes_of(message);
    Weft__V1__Envelope *oracle = weft__v1__envelope__unpack(NULL, bytes.size_bytes, bytes.data);
    assert_non_null(oracle);
    assert_int_equal(oracle->message_case, WEFT__V1__ENVELOPE__MESSAGE_REPORT);
    assert_true(oracle->report->gateway == 0xFEDCBA9876543210);
    assert_int_equal(oracle->report->n_reports, 2);
    const Weft__V1__RunReport *second = oracle->report->reports[1];
    static const uint64_t numbers[] = {
        1001, 3, WEFT_REPORT_FINISHED, 1, 1, 5, UINT64_MAX - 1, 10, 11, 12, 13, 1};
    assert_int_equal(second->n_numbers, 12);
    assert_memory_equal(second->numbers, numbers, sizeof(numbers));
    static const uint64_t transfers[] = {
        0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 1234567890123, 4, WEFT_LANE_GRPC, WEFT_CODEC_IDENTITY};
    assert_int_equal(second->n_transfers, 14);
    assert_memory_equal(second->transfers, transfers, sizeof(transfers));
    weft__v1__envelope__free_unpacked(oracle, NULL);
}

static void a_lane_of_a_later_version_is_unknown(void **state)
{
    (void)state;
    struct weft_message *message = reports_of(1);
    add_transfers(&message->report.reports[0].report);
    message->report.reports[0].report.transfers[0].lane = (enum weft_lane)UINT32_MAX;
    message->report.reports[0].report.transfers[0].codec = (enum weft_codec)2;
    cleanup_message struct weft_message *back = read_back(message);
    const struct weft_report_transfer *seen = back->report.reports[0].report.transfers;
    assert_string_equal(weft_lane_name(seen[0].lane), "unknown");
    assert_string_equal(weft_codec_name(seen[0].codec), "unknown");
    assert_string_equal(weft_lane_name(seen[1].lane), "grpc");
    assert_string_equal(weft_codec_name(seen[1].codec), "identity");
    assert_string_equal(weft_lane_name(WEFT_LANE_NONE), "");
}

static void as_many_as_the_limit_go_and_one_more_does_not(void **state)
{
    (void)state;
    cleanup_message struct weft_message *back = read_back(reports_of(WEFT_REPORTS_MAX));
    assert_int_equal(back->report.reports_count, WEFT_REPORTS_MAX);

    cleanup_message struct weft_message *more = reports_of(WEFT_REPORTS_MAX + 1);
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 2, .message = more};
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_envelope_encode(&envelope, &slices, &error), WEFT_INVALID_ARGUMENT);
    assert_int_equal(slices.count, 0);
}

/* --- what no node of ours writes --- */

static struct weft_slice packed(const Weft__V1__RunReports *reports)
{
    Weft__V1__Envelope envelope = WEFT__V1__ENVELOPE__INIT;
    envelope.incarnation = 1;
    envelope.sequence = 2;
    envelope.message_case = WEFT__V1__ENVELOPE__MESSAGE_REPORT;
    envelope.report = (Weft__V1__RunReports *)reports;
    struct weft_buffer *buffer = weft_buffer_new(weft__v1__envelope__get_packed_size(&envelope));
    weft__v1__envelope__pack(&envelope, buffer->data);
    return weft_slice_take(buffer);
}

static void refused(const struct weft_slice *bytes, const char *why)
{
    struct weft_envelope back = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_envelope_decode(bytes, &back, &error), WEFT_INVALID_ARGUMENT);
    assert_null(back.message);
    if (strstr(weft_error_message(error), why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", weft_error_message(error), why);
    }
}

static void hostile_lists_of_reports_are_refused(void **state)
{
    (void)state;
    uint64_t finished[] = {1, 1, WEFT_REPORT_FINISHED};
    Weft__V1__RunReport good = WEFT__V1__RUN_REPORT__INIT;
    Weft__V1__RunReport *list[WEFT_REPORTS_MAX + 1];
    Weft__V1__RunReports reports = WEFT__V1__RUN_REPORTS__INIT;
    good.numbers = finished;
    good.n_numbers = 3;
    for (size_t i = 0; i <= WEFT_REPORTS_MAX; i++) {
        list[i] = &good;
    }
    reports.reports = list;
    reports.n_reports = WEFT_REPORTS_MAX + 1;
    cleanup_slice struct weft_slice many = packed(&reports);
    refused(&many, "has too many elements");

    reports.n_reports = 0;
    cleanup_slice struct weft_slice none = packed(&reports);
    refused(&none, "is a report of nothing");

    reports.n_reports = 1; /* the others are not the reason */
    cleanup_slice struct weft_slice one = packed(&reports);
    struct weft_envelope back = {0};
    assert_ok(weft_envelope_decode(&one, &back, NULL), NULL);
    weft_message_free(back.message);
}

static void hostile_reports_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t numbers[5], transfers[8];
        size_t numbers_count, transfers_count;
        const char *why;
    } hostile[] = {
        {{0}, {0}, 0, 0, "is a report of nothing"},
        {{1, 1, 0, 1}, {0}, 4, 0, "is a report of nothing"},
        {{1, 1, WEFT_REPORT_FAILED}, {0}, 3, 0, "is a report of nothing"}, /* it doesn't say why */
        {{1, 1, WEFT_REPORT_FAILED + 1}, {0}, 3, 0, "is out of range"},
        {{1, 1, WEFT_REPORT_FINISHED, UINT64_C(1) << 32}, {0}, 4, 0, "does not fit 32 bits"},
        {{1, 1, WEFT_REPORT_FINISHED}, {1, 2, 3}, 3, 3, "is cut short"},
        {{1, 1, WEFT_REPORT_FINISHED}, {0}, 3, 8, "is cut short"},
        {{1, 1, WEFT_REPORT_FINISHED}, {UINT64_MAX}, 3, 7, "does not fit 32 bits"},
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        uint64_t finished[] = {1, 1, WEFT_REPORT_FINISHED};
        Weft__V1__RunReport good = WEFT__V1__RUN_REPORT__INIT;
        Weft__V1__RunReport bad = WEFT__V1__RUN_REPORT__INIT;
        Weft__V1__RunReport *list[] = {&good, &bad, &good};
        Weft__V1__RunReports reports = WEFT__V1__RUN_REPORTS__INIT;
        good.numbers = finished;
        good.n_numbers = 3;
        bad.numbers = (uint64_t *)hostile[i].numbers;
        bad.n_numbers = hostile[i].numbers_count;
        bad.transfers = (uint64_t *)hostile[i].transfers;
        bad.n_transfers = hostile[i].transfers_count;
        reports.reports = list;
        reports.n_reports = 3;
        cleanup_slice struct weft_slice bytes = packed(&reports);
        refused(&bytes, hostile[i].why);
    }
}

/* It leaves zeroes away at the end, and has numbers that this one doesn't know. */
static void rows_of_another_version_are_read(void **state)
{
    (void)state;
    uint64_t few[] = {1, 2, WEFT_REPORT_STARTED};
    uint64_t many[15] = {3, 4, WEFT_REPORT_FINISHED, [12] = 1, UINT64_MAX, 2};
    Weft__V1__RunReport shorter = WEFT__V1__RUN_REPORT__INIT;
    Weft__V1__RunReport longer = WEFT__V1__RUN_REPORT__INIT;
    Weft__V1__RunReport *list[] = {&shorter, &longer};
    Weft__V1__RunReports reports = WEFT__V1__RUN_REPORTS__INIT;
    shorter.numbers = few;
    shorter.n_numbers = 3;
    longer.numbers = many;
    longer.n_numbers = 15;
    reports.reports = list;
    reports.n_reports = 2;
    cleanup_slice struct weft_slice bytes = packed(&reports);
    struct weft_envelope back = {0};
    assert_ok(weft_envelope_decode(&bytes, &back, NULL), NULL);
    const struct weft_run_report *seen = back.message->report.reports;
    assert_int_equal(seen[0].plan, 2);
    assert_int_equal(seen[0].report.kind, WEFT_REPORT_STARTED);
    assert_int_equal(seen[0].report.model_generation, 0);
    assert_int_equal(seen[1].sequence, 3);
    assert_int_equal(seen[1].report.kind, WEFT_REPORT_FINISHED);
    assert_false(seen[1].report.cache_hit);
    weft_message_free(back.message);
}

/* The format allows to send a message in two parts that are merged; here each would be one. */
static void a_second_message_is_refused(void **state)
{
    (void)state;
    cleanup_slice struct weft_slice once = bytes_of(reports_of(2));
    struct weft_buffer *buffer = weft_buffer_new(2 * once.size_bytes);
    memcpy(buffer->data, once.data, once.size_bytes);
    memcpy(buffer->data + once.size_bytes, once.data, once.size_bytes);
    cleanup_slice struct weft_slice twice = weft_slice_take(buffer);
    refused(&twice, "is a second message");
}

static void cut_anywhere_nothing_breaks(void **state)
{
    (void)state;
    struct weft_message *message = reports_of(3);
    for (size_t i = 0; i < 3; i++) {
        add_transfers(&message->report.reports[i].report);
    }
    cleanup_slice struct weft_slice bytes = bytes_of(message);
    cut_envelope_anywhere(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_of_a_message_keeps_all_that_it_says),
        cmocka_unit_test(another_implementation_reads_reports),
        cmocka_unit_test(a_lane_of_a_later_version_is_unknown),
        cmocka_unit_test(as_many_as_the_limit_go_and_one_more_does_not),
        cmocka_unit_test(hostile_lists_of_reports_are_refused),
        cmocka_unit_test(hostile_reports_are_refused),
        cmocka_unit_test(rows_of_another_version_are_read),
        cmocka_unit_test(a_second_message_is_refused),
        cmocka_unit_test(cut_anywhere_nothing_breaks),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
