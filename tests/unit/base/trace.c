/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace.h"

#include <string.h>

#include "base/log.h"
#include "support/story.h"

static const char valid[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void a_traceparent_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct weft_trace trace;
    char text[WEFT_TRACEPARENT_LENGTH + 1];
    assert_true(weft_trace_parse(valid, strlen(valid), &trace));
    weft_trace_format(&trace, text);
    assert_string_equal(text, valid);
}

static void malformed_traceparents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    };
    struct weft_trace trace;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(weft_trace_parse(bad[i], strlen(bad[i]), &trace));
    }
}

static void a_tracestate_is_a_short_list_of_keys_and_values(void **state)
{
    (void)state;
    static const char *const good[] = {
        "rojo=00f067aa0ba902b7",
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "a=1 , ,b=2,\t0tenant/x_y-z*@vendor=a b!~,",
    };
    static const char *const bad[] = {
        "",         " , ",  "a",     "=1",     "a=",         "a=1,b",         "A=1",
        "a=1=2",    "@a=1", "a b=1", "a=\x7f", "a=\xc3\xa9", "a=1\r\nset: 2", "a =1",
        "a=1;b\t2",
    };
    char long_one[WEFT_TRACESTATE_MAX_LENGTH + 2];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(weft_tracestate_is_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(weft_tracestate_is_valid(bad[i], strlen(bad[i])));
    }
    /* "a=1," over and over: 32 members, and one more */
    for (size_t i = 0; i < sizeof(long_one); i++) {
        long_one[i] = "a=1,"[i % 4];
    }
    assert_true(weft_tracestate_is_valid(long_one, 32 * (size_t)4));
    assert_false(weft_tracestate_is_valid(long_one, 33 * (size_t)4));
    /* a value of 256 characters, and one more */
    memset(long_one + 2, 'x', sizeof(long_one) - 2);
    assert_true(weft_tracestate_is_valid(long_one, 2 + 256));
    assert_false(weft_tracestate_is_valid(long_one, 2 + 257));
    /* 512 characters, and one more */
    memcpy(long_one + 255, ",b=", 3);
    assert_true(weft_tracestate_is_valid(long_one, WEFT_TRACESTATE_MAX_LENGTH));
    assert_false(weft_tracestate_is_valid(long_one, WEFT_TRACESTATE_MAX_LENGTH + 1));
}

struct kept {
    char line[WEFT_LOG_LINE_MAX + 1];
};

static void keep(void *context, const char *line, size_t length)
{
    struct kept *kept = context;
    memcpy(kept->line, line, length);
    kept->line[length] = '\0';
}

static void a_log_line_names_node_and_trace_and_cannot_be_forged(void **state)
{
    (void)state;
    struct kept kept;
    struct weft_log log = {
        .level_min = WEFT_LOG_INFO, .node = "c", .write = keep, .context = &kept};
    struct weft_trace trace;
    assert_true(weft_trace_parse(valid, strlen(valid), &trace));
    weft_log(&log, WEFT_LOG_WARNING, &trace, "model \"x\" said\nlevel=info");
    assert_string_equal(
        kept.line,
        "level=warning node=c traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 "
        "message=\"model \\\"x\\\" said level=info\"\n");
}

static void a_huge_message_is_cut_to_one_whole_line(void **state)
{
    (void)state;
    struct kept kept;
    struct weft_log log = {.level_min = WEFT_LOG_INFO, .write = keep, .context = &kept};
    char huge[10000];
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    weft_log(&log, WEFT_LOG_INFO, NULL, "%s", huge);
    size_t length = strlen(kept.line);
    assert_true(length <= WEFT_LOG_LINE_MAX);
    assert_string_equal(kept.line + length - 2, "\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_comes_back_as_it_went_in),
        cmocka_unit_test(malformed_traceparents_are_refused),
        cmocka_unit_test(a_tracestate_is_a_short_list_of_keys_and_values),
        cmocka_unit_test(a_log_line_names_node_and_trace_and_cannot_be_forged),
        cmocka_unit_test(a_huge_message_is_cut_to_one_whole_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
