/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/value.h"
#include "support/story.h"
#include "wire/base64.h"
#include "wire/gzip.h"
#include "wire/problem.h"
#include "wire/rpc.h"

static struct weft_slice zipped(enum weft_coding coding, const void *data, size_t size_bytes)
{
    struct weft_slice input = weft_slice_static(data, size_bytes);
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_deflate(coding, 6, &input, 1, &slices, NULL), NULL);
    struct weft_slice whole = {0};
    assert_true(weft_slices_join(&slices, &whole));
    return whole;
}

static enum weft_status inflated(enum weft_coding coding, const struct weft_slice *body,
                                 size_t step, size_t limit_bytes, struct weft_slice *ret_plain)
{
    cleanup_inflate struct weft_inflate *inflate = weft_inflate_new(coding, limit_bytes);
    enum weft_status status = WEFT_OK;
    for (size_t at = 0; status == WEFT_OK && at < body->size_bytes; at += step) {
        size_t part = body->size_bytes - at < step ? body->size_bytes - at : step;
        status = weft_inflate_feed(inflate, body->data + at, part, NULL);
    }
    cleanup_slices struct weft_slices slices = {0};
    if (status == WEFT_OK) {
        status = weft_inflate_finish(inflate, &slices, NULL);
    }
    if (status == WEFT_OK) {
        assert_true(weft_slices_join(&slices, ret_plain));
    }
    return status;
}

static void bodies_survive_both_codings_in_pieces_of_any_size(void **state)
{
    (void)state;
    static uint8_t data[100000];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * i >> 7);
    }
    for (int coding = WEFT_CODING_IDENTITY; coding <= WEFT_CODING_DEFLATE; coding++) {
        cleanup_slice struct weft_slice body = zipped((enum weft_coding)coding, data, sizeof(data));
        size_t steps[] = {1, 1000, 1000000};
        for (size_t i = 0; i < 3; i++) {
            cleanup_slice struct weft_slice plain = {0};
            assert_status(inflated((enum weft_coding)coding, &body, steps[i], sizeof(data), &plain),
                          WEFT_OK);
            assert_int_equal(plain.size_bytes, sizeof(data));
            assert_memory_equal(plain.data, data, sizeof(data));
        }
        cleanup_slice struct weft_slice none = {0};
        assert_status(inflated((enum weft_coding)coding, &body, 4096, sizeof(data) - 1, &none),
                      WEFT_RESOURCE_EXHAUSTED);
    }
}

static void a_bomb_is_noticed_by_its_ratio(void **state)
{
    (void)state;
    static uint8_t zeroes[8 * 1024 * 1024];
    cleanup_slice struct weft_slice body = zipped(WEFT_CODING_GZIP, zeroes, sizeof(zeroes));
    cleanup_slice struct weft_slice none = {0};
    assert_status(inflated(WEFT_CODING_GZIP, &body, 4096, SIZE_MAX, &none),
                  WEFT_RESOURCE_EXHAUSTED);
}

static void broken_bodies_are_refused(void **state)
{
    (void)state;
    cleanup_slice struct weft_slice body = zipped(WEFT_CODING_GZIP, "hello hello", 11);
    for (size_t length = 0; length < body.size_bytes; length++) {
        cleanup_slice struct weft_slice cut = weft_slice_sub(&body, 0, length);
        cleanup_slice struct weft_slice none = {0};
        assert_status(inflated(WEFT_CODING_GZIP, &cut, 7, 100, &none), WEFT_INVALID_ARGUMENT);
    }
    cleanup_slice struct weft_slice none = {0};
    assert_status(inflated(WEFT_CODING_DEFLATE, &body, 7, 100, &none), WEFT_INVALID_ARGUMENT);
}

static void an_answer_is_coded_as_the_client_accepts(void **state)
{
    (void)state;
    struct {
        const char *field;
        enum weft_coding coding;
    } cases[] = {
        {"gzip", WEFT_CODING_GZIP},
        {"deflate, gzip;q=0", WEFT_CODING_DEFLATE},
        {"GZIP ; q=0.5", WEFT_CODING_GZIP},
        {"identity", WEFT_CODING_IDENTITY},
        {"br", WEFT_CODING_IDENTITY},
        {"*", WEFT_CODING_GZIP},
        {"gzip;q=0.1, identity;q=1", WEFT_CODING_IDENTITY},
        {"", WEFT_CODING_IDENTITY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(weft_coding_choose(cases[i].field, strlen(cases[i].field)),
                         cases[i].coding);
    }
    assert_int_equal(weft_coding_choose(NULL, 0), WEFT_CODING_IDENTITY);
}

static void base64_is_canonical(void **state)
{
    (void)state;
    const char *plain = "foobar";
    const char *coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t length = 0; length <= 6; length++) {
        char text[16];
        char bytes[16];
        size_t size_bytes = 99;
        weft_base64_encode(plain, length, text);
        assert_int_equal(weft_base64_length(length), strlen(coded[length]));
        assert_memory_equal(text, coded[length], strlen(coded[length]));
        assert_true(weft_base64_decode(text, strlen(coded[length]), bytes, &size_bytes));
        assert_int_equal(size_bytes, length);
        assert_memory_equal(bytes, plain, length);
    }
    const char *bad[] = {"Z", "Zh==", "Zm9=", "Z===", "Zm9v=", "Zm 9", "===="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char bytes[16];
        size_t size_bytes = 0;
        assert_false(weft_base64_decode(bad[i], strlen(bad[i]), bytes, &size_bytes));
    }
}

static struct weft_error *an_error(void)
{
    struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_NOT_FOUND, "no \"file\"");
    weft_error_set_hint(&error, "look elsewhere");
    (void)weft_error_set(&error, WEFT_INTERNAL, "the model failed");
    struct weft_error_place place = {
        .pipeline = "portrait", .step = "scene", .node = "b", .attempt = 2};
    weft_error_set_place(&error, &place);
    return error;
}

static void a_problem_names_place_causes_and_hint(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = an_error();
    cleanup_text struct weft_text text = {0};
    weft_problem_json(error, 0, &text);
    assert_string_equal(
        weft_text_string(&text),
        "{\"type\":\"urn:weft:problem:internal\",\"title\":\"internal error\",\"status\":500,"
        "\"detail\":\"the model failed\",\"error\":\"the model failed: no \\\"file\\\" "
        "(pipeline \\\"portrait\\\", step \\\"scene\\\", node \\\"b\\\", attempt 2); look "
        "elsewhere\","
        "\"pipeline\":\"portrait\",\"step\":\"scene\",\"node\":\"b\",\"attempt\":2,"
        "\"cause\":[\"no \\\"file\\\"\"],\"hint\":\"look elsewhere\"}");
}

/* A body that is too large is 413, though RESOURCE_EXHAUSTED is 429 elsewhere. */
static void a_problem_repeats_the_status_that_it_is_sent_with(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text text = {0};
    (void)weft_error_set(&error, WEFT_RESOURCE_EXHAUSTED, "too large");
    weft_problem_json(error, 413, &text);
    assert_non_null(strstr(weft_text_string(&text), "\"status\":413,"));
}

static void a_problem_crosses_grpc(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = an_error();
    cleanup_text struct weft_text bytes = {0};
    weft_problem_grpc(error, &bytes);
    cleanup_error struct weft_error *back = NULL;
    assert_true(weft_problem_grpc_decode(bytes.data, bytes.length, &back));
    assert_int_equal(weft_error_status(back), WEFT_INTERNAL);
    assert_string_equal(weft_error_message(back), "the model failed");
    assert_string_equal(weft_error_message(weft_error_cause(back)), "no \"file\"");
    assert_string_equal(weft_error_hint(back), "look elsewhere");
    assert_string_equal(weft_error_place(back).node, "b");
    assert_int_equal(weft_error_place(back).attempt, 2);
    assert_false(weft_problem_grpc_decode("\x08", 1, NULL));

    /* Long causes are left out rather than breaking the limit of trailers. */
    static char sentence[1500];
    memset(sentence, 'a', sizeof(sentence) - 1);
    for (int i = 0; i < 20; i++) {
        (void)weft_error_set(&error, WEFT_INTERNAL, "%s", sentence);
    }
    cleanup_text struct weft_text bounded = {0};
    weft_problem_grpc(error, &bounded);
    assert_true(bounded.length <= WEFT_PROBLEM_DETAILS_MAX_BYTES);
}

static void reflection_answers_from_the_embedded_descriptors(void **state)
{
    (void)state;
    const char *services[] = {"inference.GRPCInferenceService"};
    struct {
        const char *question;
        uint8_t answer; /* the tag of the response's field */
    } cases[] = {
        {"\x22\x1Einference.GRPCInferenceService", 0x22},
        {"\x22\x29inference.GRPCInferenceService.ModelInfer", 0x22},
        {"\x22\x2Einference.ModelMetadataResponse.TensorMetadata", 0x22},
        {"\x22\x07nothing", 0x3A},
        {"\x22\x09inference", 0x3A},
        {"\x1A\x1Cinference/grpc_service.proto", 0x22},
        {"\x1A\x01x", 0x3A},
        {"\x3A\x01*", 0x32},
        {"\x32\x01x", 0x3A},
        {"", 0x3A},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].question);
        struct weft_slice message = weft_slice_static(cases[i].question, length);
        cleanup_slices struct weft_slices slices = {0};
        assert_ok(weft_reflection_answer(&message, services, 1, &slices, NULL), NULL);
        cleanup_slice struct weft_slice answer = {0};
        assert_true(weft_slices_join(&slices, &answer));
        assert_int_equal(answer.data[0], 0x12);
        assert_int_equal(answer.data[1], length);
        assert_int_equal(answer.data[2 + length], cases[i].answer);
    }
}

static void health_is_asked_and_answered(void **state)
{
    (void)state;
    struct weft_slice named = weft_slice_static("\x0A\x01x", 3);
    struct weft_slice empty = weft_slice_static("", 0);
    cleanup_free char *service = NULL;
    assert_ok(weft_health_request_decode(&named, &service, NULL), NULL);
    assert_string_equal(service, "x");
    cleanup_free char *server = NULL;
    assert_ok(weft_health_request_decode(&empty, &server, NULL), NULL);
    assert_string_equal(server, "");
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_health_response_encode(WEFT_HEALTH_SERVING, &slices, NULL), NULL);
    assert_memory_equal(weft_slices_items(&slices)[0].data, "\x08\x01", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_survive_both_codings_in_pieces_of_any_size),
        cmocka_unit_test(a_bomb_is_noticed_by_its_ratio),
        cmocka_unit_test(broken_bodies_are_refused),
        cmocka_unit_test(an_answer_is_coded_as_the_client_accepts),
        cmocka_unit_test(base64_is_canonical),
        cmocka_unit_test(a_problem_names_place_causes_and_hint),
        cmocka_unit_test(a_problem_repeats_the_status_that_it_is_sent_with),
        cmocka_unit_test(a_problem_crosses_grpc),
        cmocka_unit_test(reflection_answers_from_the_embedded_descriptors),
        cmocka_unit_test(health_is_asked_and_answered),
    };
    return cmocka_run_group_tests_name("bodies", tests, NULL, NULL);
}
