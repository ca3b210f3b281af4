/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/suggest.h"
#include "support/story.h"

static void hostile_bytes_become_a_harmless_json_string(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    weft_text_append_json(&text, "a\"\\\n\x01\xFF\xC3\xA4", 8);
    assert_string_equal(weft_text_string(&text), "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA4\"");
}

static void only_well_formed_utf8_passes(void **state)
{
    (void)state;
    assert_true(weft_utf8_valid("\xE7\xBB\x87", 3));
    assert_false(weft_utf8_valid("\xED\xA0\x80", 3)); /* a surrogate */
    assert_false(weft_utf8_valid("\xC0\x80", 2));     /* overlong */
    assert_false(weft_utf8_valid("\xF4\x90\x80\x80", 4));
    assert_false(weft_utf8_valid("\xE7\xBB", 2));
}

static void words_of_others_cannot_steer_a_terminal(void **state)
{
    (void)state;
    char text[] = "w\303\266rds\033[31m\r\n\177 \302\233J \302\240 \303\237 \302";
    weft_text_make_printable(text);
    assert_string_equal(text, "w\303\266rds?[31m??? ??J \302\240 \303\237 \302");
}

static void an_empty_text_is_an_empty_string(void **state)
{
    (void)state;
    struct weft_text text = {0};
    assert_string_equal(weft_text_string(&text), "");
    char *stolen = weft_text_steal(&text);
    assert_string_equal(stolen, "");
    free(stolen);
}

static void the_nearest_word_is_suggested_and_a_far_one_is_not(void **state)
{
    (void)state;
    const char *const words[] = {"inputs", "outputs", "steps"};
    assert_string_equal(weft_suggest("inptus", words, 3), "inputs");
    assert_string_equal(weft_suggest("step", words, 3), "steps");
    assert_null(weft_suggest("frobnicate", words, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_bytes_become_a_harmless_json_string),
        cmocka_unit_test(only_well_formed_utf8_passes),
        cmocka_unit_test(words_of_others_cannot_steer_a_terminal),
        cmocka_unit_test(an_empty_text_is_an_empty_string),
        cmocka_unit_test(the_nearest_word_is_suggested_and_a_far_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
