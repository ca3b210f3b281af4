/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "support/failmalloc.h"

/*
 * Each allocation of an inference fails in turn, at the doors, in the engine and in the codecs: the
 * call ends once, and the node serves on.
 */

enum { ALLOCATIONS_MAX = 2000 };

/* --- a call over gRPC --- */

/* ModelInferRequest: model_name "echo"; inputs: x, FP32, [1,2]; raw contents of 8 bytes. */
static const uint8_t message[] = "\x0a\x04"
                                 "echo"
                                 "\x2a\x0d\x0a\x01x\x12\x04"
                                 "FP32\x1a\x02\x01\x02"
                                 "\x3a\x08\0\0\0\0\0\0\0\0";

struct outcome {
    bool done;
    int count;
    bool fine;
};

static void answered(void *context, const struct weft_slice *reply, const struct weft_error *error)
{
    struct outcome *outcome = context;
    outcome->done = true;
    outcome->count++;
    outcome->fine = error == NULL && reply->size_bytes > 0;
}

static bool call_with(struct town *town, const char *path, struct weft_slice slice)
{
    struct weft_client_call_options options = {
        .path = path,
        .deadline_ns = weft_loop_now_ns() + WEFT_NS_PER_S / 5,
    };
    struct outcome outcome = {0};
    if (weft_channel_unary(town->channel, &options, &slice, 1, answered, &outcome, NULL, NULL) !=
        WEFT_OK) {
        return false;
    }
    while (!outcome.done) {
        weft_loop_turn(town->loop, true);
    }
    assert_int_equal(outcome.count, 1);
    return outcome.fine;
}

static const char infer_path[] = "/inference.GRPCInferenceService/ModelInfer";

static bool call_once(struct town *town)
{
    return call_with(town, infer_path, weft_slice_static(message, sizeof(message) - 1));
}

static bool call_again(struct town *town)
{
    for (int i = 0; i < 20; i++) {
        if (call_once(town)) {
            return true;
        }
        town_run_ms(town, 5);
    }
    return false;
}

static void test_a_call_over_grpc(void **state)
{
    (void)state;
    struct house house = {0};
    bool failed = true;
    house_build(&house, "echo");
    assert_true(call_again(&house.town));
    for (size_t i = 0; failed; i++) {
        failmalloc_arm(i);
        (void)call_once(&house.town);
        failed = failmalloc_disarm();
        assert_true(call_again(&house.town));
        assert_true(i < ALLOCATIONS_MAX);
    }
    house_raze(&house);
}

/* The same with typed contents of FLOATS zeroes, which the executor decodes; in the memory given.
 */
enum { FLOATS = 70000, LARGE_BYTES = 4 * FLOATS + 64 };

static struct weft_slice large_message(uint8_t *memory)
{
    /* 4 * FLOATS = 280000, in field 6 of contents (280004 bytes), which is 5 of inputs (280023) */
    static const uint8_t head[] = "\x0a\x04"
                                  "echo"
                                  "\x2a\xd7\x8b\x11"
                                  "\x0a\x01x\x12\x04"
                                  "FP32\x1a\x04\xb8\x91\x02\x02"
                                  "\x2a\xc4\x8b\x11\x32\xc0\x8b\x11";
    memset(memory, 0, LARGE_BYTES);
    memcpy(memory, head, sizeof(head) - 1);
    return weft_slice_static(memory, sizeof(head) - 1 + (size_t)4 * FLOATS);
}

static void test_a_large_call_over_grpc(void **state)
{
    (void)state;
    static const char *const paths[] = {infer_path,
                                        "/inference.GRPCInferenceService/ModelStreamInfer"};
    static uint8_t memory[LARGE_BYTES];
    struct house house = {0};
    house_build(&house, "echo");
    for (size_t path = 0; path < sizeof(paths) / sizeof(paths[0]); path++) {
        bool failed = true;
        assert_true(call_again(&house.town));
        assert_true(call_with(&house.town, paths[path], large_message(memory)));
        for (size_t i = 0; failed; i++) {
            failmalloc_arm(i);
            (void)call_with(&house.town, paths[path], large_message(memory));
            failed = failmalloc_disarm();
            assert_true(call_again(&house.town));
            assert_true(i < ALLOCATIONS_MAX);
        }
    }
    house_raze(&house);
}

/* JSON that the executor reads, and writes as gzip. */
static void test_a_large_request_over_rest(void **state)
{
    (void)state;
    static char request[8 * FLOATS];
    struct house house = {0};
    bool failed = true;
    int body_bytes = 96 + 4 * FLOATS;
    int length = snprintf(request, sizeof(request),
                          "POST /v2/models/echo/infer HTTP/1.1\r\nhost: town\r\n"
                          "connection: close\r\naccept-encoding: gzip\r\n"
                          "content-length: %d\r\n\r\n{\"inputs\":[{\"name\":\"x\","
                          "\"datatype\":\"FP32\",\"shape\":[%d,2],\"data\":[",
                          body_bytes, FLOATS);
    int body = (int)(strstr(request, "\r\n\r\n") + 4 - request);
    for (int i = 0; i < 2 * FLOATS; i++) {
        length +=
            snprintf(request + length, sizeof(request) - (size_t)length, "%s1", i > 0 ? "," : "");
    }
    length += snprintf(request + length, sizeof(request) - (size_t)length, "]}]}");
    memset(request + length, ' ', (size_t)(body + body_bytes - length));
    house_build(&house, "echo");
    for (size_t i = 0; failed; i++) {
        char answer[16384];
        int socket = town_dial(&house.town);
        failmalloc_arm(i);
        town_say(&house.town, socket, request, (size_t)(body + body_bytes));
        size_t heard = town_hear(&house.town, socket, answer, sizeof(answer), 0);
        bool fails = failmalloc_disarm();
        close(socket);
        assert_true(heard == 0 || strncmp(answer, "HTTP/1.1 200", 12) == 0 ||
                    strncmp(answer, "HTTP/1.1 5", 10) == 0);
        assert_true(fails || strncmp(answer, "HTTP/1.1 200", 12) == 0);
        assert_true(call_again(&house.town));
        assert_true(i < ALLOCATIONS_MAX);
        failed = fails;
    }
    house_raze(&house);
}

static void test_a_request_over_rest(void **state)
{
    (void)state;
    static const char request[] =
        "POST /v2/models/echo/infer HTTP/1.1\r\nhost: town\r\nconnection: close\r\n"
        "accept-encoding: gzip\r\ncontent-length: 104\r\n\r\n"
        "{\"id\":\"i\",\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,2],"
        "\"data\":[1,2]}],\"outputs\":[{\"name\":\"y\"}]}";
    struct house house = {0};
    bool failed = true;
    house_build(&house, "echo");
    assert_int_equal(strlen(strchr(request, '{')), 104);
    for (size_t i = 0; failed; i++) {
        char answer[4096];
        int socket = town_dial(&house.town);
        failmalloc_arm(i);
        town_say(&house.town, socket, request, sizeof(request) - 1);
        size_t length = town_hear(&house.town, socket, answer, sizeof(answer), 0);
        failed = failmalloc_disarm();
        close(socket);
        assert_true(length == 0 || strncmp(answer, "HTTP/1.1 200", 12) == 0 ||
                    strncmp(answer, "HTTP/1.1 5", 10) == 0);
        assert_true(call_again(&house.town));
        assert_true(i < ALLOCATIONS_MAX);
    }
    house_raze(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_over_grpc),
        cmocka_unit_test(test_a_large_call_over_grpc),
        cmocka_unit_test(test_a_request_over_rest),
        cmocka_unit_test(test_a_large_request_over_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
