/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/random.h"
#include "support/story.h"
#include "wire/grpc_private.h"

/* Where the large field of a message begins, seen from the message's first bytes. */

#define FIND(path, bytes)                                                                          \
    weft_grpc_aligned_offset((path), (const uint8_t *)"" bytes, sizeof("" bytes) - 1)

static const uint32_t top[] = {7, 0};
static const uint32_t nested[] = {9, 12, 4, 0};

static void test_the_field_that_goes_on_is_found(void **state)
{
    (void)state;
    /* model "m", a fixed32, a fixed64, a varint, then raw contents of 1000 bytes */
    assert_int_equal(FIND(top, "\x0a\x01m\x3a\xe8\x07xxxx"), 6);
    assert_int_equal(FIND(top, "\x15"
                               "1234\x19"
                               "12345678\x20\x96\x01\x3a\xe8\x07xx"),
                     20);
    /* a first, short one is here already; the second goes on */
    assert_int_equal(FIND(top, "\x3a\x02xx\x3a\xe8\x07x"), 7);
    /* deliver { value { data } } */
    assert_int_equal(FIND(nested, "\x4a\xe8\x07\x62\xe0\x07\x22\xd0\x07x"), 9);
}

static void test_what_is_not_there_is_the_start(void **state)
{
    (void)state;
    assert_int_equal(FIND(NULL, "\x3a\xe8\x07x"), 0);
    assert_int_equal(FIND(top, ""), 0);
    assert_int_equal(FIND(top, "\x3a"), 0);
    assert_int_equal(FIND(top, "\x3a\xe8"), 0);
    assert_int_equal(FIND(top, "\x3a\x02xx"), 0);       /* not large */
    assert_int_equal(FIND(top, "\x32\xe8\x07x"), 0);    /* another field */
    assert_int_equal(FIND(top, "\x3b\x3c\x3e\x3f"), 0); /* no such wire types */
    assert_int_equal(FIND(top, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0);
    assert_int_equal(FIND(nested, "\x4a\xe8\x07\x62\x02xx"), 0);
}

static void test_any_bytes_are_survived(void **state)
{
    (void)state;
    struct weft_random random = {1};
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[24];
        size_t size_bytes = weft_random_below(&random, sizeof(bytes) + 1);
        for (size_t at = 0; at < size_bytes; at++) {
            bytes[at] = (uint8_t)weft_random_next(&random);
        }
        assert_true(weft_grpc_aligned_offset(i % 2 ? top : nested, bytes, size_bytes) <=
                    size_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_field_that_goes_on_is_found),
        cmocka_unit_test(test_what_is_not_there_is_the_start),
        cmocka_unit_test(test_any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
