/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/text.h"
#include "unit/join/build.h"

static void texts_follow_each_other_in_the_steps_order(void **state)
{
    (void)state;
    struct ask join = ask("text");
    with_word(&join, "separator", " / ");
    give_text(&join, "one");
    give(&join, WEFT_BYTES, SHAPE(2), "\3\0\0\0two\5\0\0\0three", 16);
    give_text(&join, "");
    gives_text(&join, "one / two / three / ");
    join = ask("text"); /* an empty text is one, wherever it stands */
    with_word(&join, "separator", ",");
    give_text(&join, "");
    give_text(&join, "one");
    gives_text(&join, ",one");
}

static void a_text_without_words_is_an_empty_text(void **state)
{
    (void)state;
    struct ask join = ask("text");
    with_word(&join, "separator", ",");
    give(&join, WEFT_BYTES, SHAPE(0), "", 0);
    gives_text(&join, "");
}

static void text_takes_nothing_but_utf_8(void **state)
{
    (void)state;
    struct ask join = ask("text");
    give_text(&join, "gr\xc3\xbc\xc3\x9f");
    give_text(&join, "\xff");
    refuses(&join, WEFT_INVALID_ARGUMENT, "text: input 2 is not UTF-8");
    join = ask("text");
    give_octets(&join, SHAPE(1), "a", 1);
    refuses(&join, WEFT_INVALID_ARGUMENT, "text joins BYTES, but input 1 is UINT8");
}

/* A million elements; a walk from the start for each would take an hour. */
static void many_small_elements_take_one_walk(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    struct ask join = ask("text");
    void *empty = calloc(COUNT, 4);
    assert_non_null(empty);
    give(&join, WEFT_BYTES, SHAPE(COUNT), empty, (size_t)COUNT * 4);
    free(empty);
    gives_text(&join, "");
}

static void objects_merge_member_by_member(void **state)
{
    (void)state;
    struct ask join = ask("json");
    give_text(&join, "{\"a\":1,\"deep\":{\"x\":1,\"list\":[1,2]}}");
    give_text(&join, "{\"b\":\"two\",\"deep\":{\"y\":2,\"list\":[3]}}");
    gives_text(&join, "{\"a\":1,\"deep\":{\"x\":1,\"list\":[3],\"y\":2},\"b\":\"two\"}");
}

static void where_two_differ_the_last_wins_or_nobody(void **state)
{
    (void)state;
    struct ask join = ask("json");
    give_text(&join, "{\"a\":1}");
    give_text(&join, "{\"a\":{\"b\":2}}");
    gives_text(&join, "{\"a\":{\"b\":2}}");
    join = ask("json");
    with_word(&join, "conflict", "error");
    give_text(&join, "{\"a\":1,\"same\":[1]}");
    give_text(&join, "{\"same\":[1],\"a\":2}");
    refuses(&join, WEFT_INVALID_ARGUMENT, "json: two inputs differ in \"a\"");
    join = ask("json");
    with_word(&join, "conflict", "first");
    give_text(&join, "{}");
    refuses(&join, WEFT_INVALID_ARGUMENT, "conflict of join \"json\" is \"last\" or \"error\"");
}

static void a_member_of_an_earlier_input_is_not_changed_by_a_later_one(void **state)
{
    (void)state;
    struct ask join = ask("json");
    give_text(&join, "{\"a\":{\"x\":1}}");
    give_text(&join, "{\"a\":{\"x\":2}}");
    gives_text(&join, "{\"a\":{\"x\":2}}");
}

static void hostile_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"[1]", "json: input 2 is no object"},
        {"", "json: input 2 is no JSON: '[' or '{' expected near end of file"},
        {"{\"a\":1}x", "json: input 2 is no JSON: end of file expected near 'x'"},
        {"{\"a\":1,\"a\":2}", "json: input 2 is no JSON: duplicate object key near '\"a\"'"},
        {"{\"a\":1e999}", "json: input 2 is no JSON: real number overflow near '1e999'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ask join = ask("json");
        give_text(&join, "{}");
        give_text(&join, cases[i].text);
        refuses(&join, WEFT_INVALID_ARGUMENT, cases[i].words);
    }
    struct ask join = ask("json");
    give_text(&join, "{\"a\":\"\xff\"}");
    struct weft_value *value = NULL;
    assert_status(answer(&join, &value, NULL), WEFT_INVALID_ARGUMENT);
    ask_fini(&join);
}

static void what_is_nested_too_deep_to_merge_is_refused(void **state)
{
    (void)state;
    cleanup_text struct weft_text deep = {0};
    for (int i = 0; i < 100; i++) {
        weft_text_append_string(&deep, "{\"a\":");
    }
    weft_text_append_string(&deep, "1");
    for (int i = 0; i < 100; i++) {
        weft_text_append_string(&deep, "}");
    }
    struct ask join = ask("json");
    give_text(&join, weft_text_string(&deep));
    give_text(&join, weft_text_string(&deep));
    refuses(&join, WEFT_INVALID_ARGUMENT, "json: nested deeper than 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_follow_each_other_in_the_steps_order),
        cmocka_unit_test(a_text_without_words_is_an_empty_text),
        cmocka_unit_test(text_takes_nothing_but_utf_8),
        cmocka_unit_test(many_small_elements_take_one_walk),
        cmocka_unit_test(objects_merge_member_by_member),
        cmocka_unit_test(where_two_differ_the_last_wins_or_nobody),
        cmocka_unit_test(a_member_of_an_earlier_input_is_not_changed_by_a_later_one),
        cmocka_unit_test(hostile_json_is_refused),
        cmocka_unit_test(what_is_nested_too_deep_to_merge_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
