/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/address.h"

#include "support/story.h"

static void assert_address(const char *text, const char *expected)
{
    struct weft_error *error = NULL;
    struct weft_address address;
    char seen[WEFT_ADDRESS_TEXT_MAX];
    assert_ok(weft_address_parse(text, &address, &error), error);
    weft_address_format(&address, seen);
    assert_string_equal(seen, expected);
}

static void test_numeric_addresses_are_read(void **state)
{
    (void)state;
    assert_address("127.0.0.11:8000", "127.0.0.11:8000");
    assert_address("[::1]:65535", "[::1]:65535");
    assert_address("0.0.0.0:0", "0.0.0.0:0");
}

static void test_names_are_told_apart_from_nonsense(void **state)
{
    (void)state;
    struct weft_address address;
    assert_status(weft_address_parse("node-a.cluster:8000", &address, NULL), WEFT_NOT_FOUND);
    const char *const nonsense[] = {
        "",
        ":",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:8x",
        "::1:80",
        "[::1:80",
        "[]:80",
        "a b:80",
        "http://a:80",
        "127.0.0.1:-1",
        "127.0.0.1:00000000080",
    };
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        assert_status(weft_address_parse(nonsense[i], &address, NULL), WEFT_INVALID_ARGUMENT);
    }
}

static void test_loopback_is_known_in_all_its_forms(void **state)
{
    (void)state;
    const char *const inside[] = {
        "127.0.0.1:1", "127.255.0.3:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1",
    };
    const char *const outside[] = {
        "0.0.0.0:1", "10.0.0.1:1",  "[::]:1",   "[::ffff:10.0.0.1]:1",
        "example:1", "128.0.0.1:1", "nonsense",
    };
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        assert_true(weft_address_text_is_loopback(inside[i]));
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_false(weft_address_text_is_loopback(outside[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numeric_addresses_are_read),
        cmocka_unit_test(test_names_are_told_apart_from_nonsense),
        cmocka_unit_test(test_loopback_is_known_in_all_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
