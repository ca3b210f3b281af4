/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/value.h"
#include "cli/numbers.h"
#include "cli/outputs.h"
#include "cli/table.h"
#include "cli/timeline.h"
#include "cli/units.h"
#include "support/story.h"

static void widths_are_what_a_screen_shows(void **state)
{
    (void)state;
    assert_int_equal(weft_text_width("step"), 4);
    assert_int_equal(weft_text_width("\xE7\xBB\x87\xE5\xB8\x83"), 4); /* two wide characters */
    assert_int_equal(weft_text_width("a\xCC\x88"), 1);                /* an accent that joins */
    assert_int_equal(weft_text_width("\xC3\xA4"), 1);                 /* one that is there */
    assert_int_equal(weft_text_width("\xFF\xE7"), 2);                 /* no UTF-8 at all */
    assert_int_equal(weft_text_width("\xF0\x9F\x8E\xA8"), 2);         /* a palette */
}

static void columns_line_up_whatever_the_characters(void **state)
{
    (void)state;
    static const struct weft_table_column columns[] = {{"name", false}, {"ms", true}, {"", false}};
    cleanup_text struct weft_text text = {0};
    cleanup_table struct weft_table *table = weft_table_new(columns, 3);
    assert_true(weft_table_add(
        table, (const char *const[]){"\xE7\xBB\x87\xE5\xB8\x83\xE6\x9C\xBA", "5", "x"}));
    assert_true(weft_table_add(table, (const char *const[]){"a\nb", "1234", ""}));
    weft_table_write(table, &text);
    assert_string_equal(weft_text_string(&text), "name      ms\n"
                                                 "\xE7\xBB\x87\xE5\xB8\x83\xE6\x9C\xBA     5  x\n"
                                                 "a b     1234\n");
}

static void bars_stand_where_their_time_is(void **state)
{
    (void)state;
    const struct weft_timeline_bar bars[] = {
        {"face", 1000000, 6000000}, {"make", 6000000, 11000000}, {"never", 0, 0}};
    cleanup_text struct weft_text text = {0};
    weft_timeline_write(bars, 3, 47, false, &text);
    assert_string_equal(weft_text_string(&text),
                        "face   ####################\n"
                        "make                       ####################\n"
                        "never  (did not run)\n"
                        "       0 ------------------------------ 10.0 ms\n");
}

static void the_shortest_bar_is_seen_and_nothing_makes_no_timeline(void **state)
{
    (void)state;
    const struct weft_timeline_bar bars[] = {{"a", 100, 1000000100}, {"b", 1000000100, 1000000100}};
    cleanup_text struct weft_text text = {0};
    weft_timeline_write(bars, 2, 40, false, &text);
    assert_non_null(strstr(weft_text_string(&text), " #\n"));
    weft_text_clear(&text);
    const struct weft_timeline_bar none[] = {{"a", 0, 0}};
    weft_timeline_write(none, 1, 40, false, &text);
    assert_string_equal(weft_text_string(&text), "");
}

static void rates_and_shapes_are_read_as_people_write_them(void **state)
{
    (void)state;
    struct weft_shape shape;
    double rate = 0;
    assert_true(weft_rate_parse("200/s", &rate) && rate == 200);
    assert_true(weft_rate_parse("0.5", &rate) && rate == 0.5);
    assert_true(weft_rate_parse("600/m", &rate) && rate == 10);
    assert_false(weft_rate_parse("0", &rate));
    assert_false(weft_rate_parse("-1", &rate));
    assert_false(weft_rate_parse("inf", &rate));
    assert_false(weft_rate_parse("5/h", &rate));
    assert_true(weft_shape_parse("1x3x224", 7, false, &shape));
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[2], 224);
    assert_true(weft_shape_parse("-1,4", 4, true, &shape) && shape.dims[0] == -1);
    assert_true(weft_shape_parse("", 0, false, &shape) && shape.rank == 0);
    assert_false(weft_shape_parse("-1", 2, false, &shape));
    assert_false(weft_shape_parse("1x", 2, false, &shape));
    assert_false(weft_shape_parse("x", 1, false, &shape));
    assert_false(weft_shape_parse("1x1x1x1x1x1x1x1x1", 17, false, &shape));
    assert_false(weft_shape_parse("99999999999999999999", 20, false, &shape));
}

static void durations_are_written_for_people(void **state)
{
    (void)state;
    char text[32];
    weft_duration_format(812000, text, sizeof(text));
    assert_string_equal(text, "812 us");
    weft_duration_format(12340000, text, sizeof(text));
    assert_string_equal(text, "12.3 ms");
    weft_duration_format(4560000000, text, sizeof(text));
    assert_string_equal(text, "4.56 s");
}

static void numbers_read_back_as_they_were_written(void **state)
{
    (void)state;
    static const struct {
        enum weft_datatype datatype;
        const char *text;
    } numbers[] = {
        {WEFT_INT8, "-128"},
        {WEFT_UINT8, "255"},
        {WEFT_INT64, "-9223372036854775808"},
        {WEFT_UINT64, "18446744073709551615"},
        {WEFT_FP32, "0.1"},
        {WEFT_FP64, "0.1"},
        {WEFT_FP16, "0.0999756"},
        {WEFT_BF16, "3.14062"},
        {WEFT_BOOL, "true"},
        {WEFT_FP32, "1.4013e-45"},
        {WEFT_FP16, "-inf"},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint8_t element[8] = {0};
        cleanup_text struct weft_text text = {0};
        assert_true(weft_number_parse(numbers[i].datatype, numbers[i].text, element));
        weft_number_format(numbers[i].datatype, element, &text);
        assert_string_equal(weft_text_string(&text), numbers[i].text);
    }
    uint8_t element[8];
    assert_false(weft_number_parse(WEFT_INT8, "128", element));
    assert_false(weft_number_parse(WEFT_UINT8, "-1", element));
    assert_false(weft_number_parse(WEFT_UINT64, "18446744073709551616", element));
    assert_false(weft_number_parse(WEFT_FP32, "1e39", element));
    assert_false(weft_number_parse(WEFT_FP16, "65520", element));
    assert_false(weft_number_parse(WEFT_INT32, "", element));
    assert_false(weft_number_parse(WEFT_INT32, " 1", element));
    assert_false(weft_number_parse(WEFT_INT32, "1.5", element));
}

static void small_outputs_are_shown_and_big_ones_named(void **state)
{
    (void)state;
    cleanup_text struct weft_text text = {0};
    cleanup_value struct weft_value *words = NULL;
    cleanup_value struct weft_value *many = NULL;
    cleanup_value struct weft_value *nan = NULL;
    const float infinite[] = {0.5f, __builtin_inff()};
    uint8_t zeroes[17] = {0};
    assert_ok(weft_value_new_bytes("beach\x1B[2J", 9, NULL, &words, NULL), NULL);
    assert_ok(weft_value_new(WEFT_UINT8, &(struct weft_shape){1, {17}}, zeroes, 17, &many, NULL),
              NULL);
    assert_ok(weft_value_new(WEFT_FP32, &(struct weft_shape){1, {2}}, infinite, 8, &nan, NULL),
              NULL);
    weft_output_show("scene", words, NULL, &text);
    weft_output_show("map", many, NULL, &text);
    weft_output_show("map", many, "m.raw", &text);
    assert_string_equal(weft_text_string(&text),
                        "scene: beach.[2J\n"
                        "map: UINT8 [17], 17 bytes (--output map=FILE writes it)\n"
                        "map: UINT8 [17], 17 bytes, in m.raw\n");
    weft_text_clear(&text);
    weft_output_json("n", nan, NULL, &text);
    assert_string_equal(weft_text_string(&text),
                        "{\"name\":\"n\",\"datatype\":\"FP32\",\"shape\":[2],\"size_bytes\":8,"
                        "\"file\":null,\"data\":[0.5,null]}");
}

static void an_output_file_must_fit_the_output(void **state)
{
    (void)state;
    struct weft_model_tensor outputs[] = {
        {.name = "image", .datatype = WEFT_UINT8, .shape = {3, {-1, -1, 3}}},
        {.name = "score", .datatype = WEFT_FP32, .shape = {1, {1}}}};
    const struct weft_model_info info = {.name = "p", .outputs = outputs, .outputs_count = 2};
    struct weft_output_file file = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_ok(weft_output_file_parse("image=a=b.png", &info, &file, &error), error);
    assert_string_equal(file.path, "a=b.png");
    free(file.name);
    assert_status(weft_output_file_parse("score=a.png", &info, &file, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_output_file_parse("image=", &info, &file, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_output_file_parse("imaeg=a", &info, &file, &error), WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_hint(error), "did you mean \"image\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_what_a_screen_shows),
        cmocka_unit_test(columns_line_up_whatever_the_characters),
        cmocka_unit_test(bars_stand_where_their_time_is),
        cmocka_unit_test(the_shortest_bar_is_seen_and_nothing_makes_no_timeline),
        cmocka_unit_test(rates_and_shapes_are_read_as_people_write_them),
        cmocka_unit_test(durations_are_written_for_people),
        cmocka_unit_test(numbers_read_back_as_they_were_written),
        cmocka_unit_test(small_outputs_are_shown_and_big_ones_named),
        cmocka_unit_test(an_output_file_must_fit_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
