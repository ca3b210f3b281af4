/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failmalloc.h"
#include "unit/join/build.h"

static void a_layer_covers_what_lies_under_it(void **state)
{
    (void)state;
    struct ask join = ask("layers");
    give_octets(&join, SHAPE(1, 2, 3), "\1\1\1\2\2\2", 6);
    give_octets(&join, SHAPE(1, 1, 3), "\7\7\7", 3);
    with_number(&join, "x", 1);
    gives_octets(&join, SHAPE(1, 2, 3), "\1\1\1\7\7\7", 6);
}

static void alpha_lets_the_ground_through(void **state)
{
    (void)state;
    struct ask half = ask("layers");
    give_octets(&half, SHAPE(1, 1, 3), "\0\0\144", 3);
    give_octets(&half, SHAPE(1, 1, 4), "\310\0\144\200", 4); /* 200, 0, 100 at 128/255 */
    gives_octets(&half, SHAPE(1, 1, 3), "\144\0\144", 3);    /* 100, 0, 100 */
    struct ask none = ask("layers");
    give_octets(&none, SHAPE(1, 1, 4), "\5\6\7\0", 4);
    give_octets(&none, SHAPE(1, 1, 4), "\1\2\3\0", 4);
    gives_octets(&none, SHAPE(1, 1, 4), "\5\6\7\0", 4);
    struct ask whole = ask("layers");
    give_octets(&whole, SHAPE(1, 1, 4), "\5\6\7\0", 4);
    give_octets(&whole, SHAPE(1, 1, 3), "\1\2\3", 3);
    gives_octets(&whole, SHAPE(1, 1, 4), "\1\2\3\377", 4);
}

static void what_hangs_over_the_edge_is_cut_off(void **state)
{
    (void)state;
    static const int64_t places[][2] = {{-1, -1}, {1, 1}, {-1, 1}, {1, -1}};
    static const size_t left[] = {0, 3, 2, 1}; /* the pixel of the ground that stays covered */
    for (size_t i = 0; i < 4; i++) {
        char ground[12] = {0}, expected[12] = {0}, layer[12];
        memset(layer, 9, sizeof(layer));
        memset(expected + 3 * left[i], 9, 3);
        struct ask join = ask("layers");
        give_octets(&join, SHAPE(2, 2, 3), ground, sizeof(ground));
        give_octets(&join, SHAPE(2, 2, 3), layer, sizeof(layer));
        with_number(&join, "x", places[i][0]);
        with_number(&join, "y", places[i][1]);
        gives_octets(&join, SHAPE(2, 2, 3), expected, sizeof(expected));
    }
    struct ask away = ask("layers");
    give_octets(&away, SHAPE(1, 1, 3), "\1\2\3", 3);
    give_octets(&away, SHAPE(1, 1, 3), "\7\7\7", 3);
    with_number(&away, "y", -65536);
    gives_octets(&away, SHAPE(1, 1, 3), "\1\2\3", 3);
}

static void tiles_fill_rows(void **state)
{
    (void)state;
    struct ask join = ask("tiles");
    with_number(&join, "columns", 2);
    give_octets(&join, SHAPE(2, 1, 3), "aaabbb", 6);
    give_octets(&join, SHAPE(2, 1, 3), "cccddd", 6);
    give_octets(&join, SHAPE(2, 1, 3), "eeefff", 6);
    give_octets(&join, SHAPE(2, 1, 3), "ggghhh", 6);
    gives_octets(&join, SHAPE(4, 2, 3), "aaacccbbbdddeeegggfffhhh", 24);
}

static void what_is_no_image_is_refused(void **state)
{
    (void)state;
    struct ask join = ask("layers");
    give_octets(&join, SHAPE(1, 1, 3), "\1\2\3", 3);
    give_octets(&join, SHAPE(1, 1, 2), "\1\2", 2);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "layers joins images, UINT8 [height,width,3 or 4], but input 2 is UINT8 [1,1,2]");
    join = ask("tiles");
    give_octets(&join, SHAPE(3), "\1\2\3", 3);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "tiles joins images, UINT8 [height,width,3 or 4], but input 1 is UINT8 [3]");
    join = ask("tiles");
    give_octets(&join, SHAPE(1, 1, 3), "\1\2\3", 3);
    give_octets(&join, SHAPE(1, 1, 4), "\1\2\3\4", 4);
    refuses(&join, WEFT_INVALID_ARGUMENT,
            "tiles: image 2 has not the size and channels of the first");
    join = ask("tiles");
    with_number(&join, "columns", 2);
    give_octets(&join, SHAPE(1, 1, 3), "\1\2\3", 3);
    refuses(&join, WEFT_INVALID_ARGUMENT, "tiles: 1 images do not fill rows of 2");
}

static void images_without_pixels_are_no_trap(void **state)
{
    (void)state;
    static const struct weft_shape shapes[] = {
        {.rank = 3, .dims = {INT64_MAX / 4, 0, 3}},
        {.rank = 3, .dims = {0, INT64_MAX / 4, 3}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct ask layers = ask("layers");
        give_octets(&layers, shapes[i], "", 0);
        give_octets(&layers, shapes[i], "", 0);
        gives_octets(&layers, shapes[i], "", 0);
        struct ask tiles = ask("tiles");
        give_octets(&tiles, shapes[i], "", 0);
        give_octets(&tiles, shapes[i], "", 0);
        struct weft_shape twice = shapes[i];
        twice.dims[0] *= 2;
        gives_octets(&tiles, twice, "", 0);
    }
    struct ask overflow = ask("tiles");
    for (int i = 0; i < 8; i++) {
        give_octets(&overflow, shapes[0], "", 0);
    }
    refuses(&overflow, WEFT_INVALID_ARGUMENT, "tiles: the result is larger than any memory");
}

/* Every operator, with the n-th allocation failing. */
static void run_all(bool *all_well)
{
    static const char *const names[] = {"concat", "stack", "layers", "tiles", "text"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct weft_value *inputs[2] = {0};
        struct weft_value *output = NULL;
        struct weft_error *error = NULL;
        bool made = true;
        for (size_t input = 0; input < 2; input++) {
            struct weft_shape shape = SHAPE(1, 1, 3);
            made = made &&
                   (i < 4 ? weft_value_new(WEFT_UINT8, &shape, "abc", 3, &inputs[input], NULL)
                          : weft_value_new_bytes("abc", 3, NULL, &inputs[input], NULL)) == WEFT_OK;
        }
        if (made) {
            enum weft_status status =
                weft_join_apply(names[i], &(struct weft_parameters){0}, inputs, 2, &output, &error);
            assert_true(status == WEFT_OK || status == WEFT_OUT_OF_MEMORY);
            assert_int_equal(status, weft_error_status(error));
            assert_true((status == WEFT_OK) == (output != NULL));
            *all_well = *all_well && status == WEFT_OK;
        }
        weft_value_unref(output);
        weft_value_unref(inputs[0]);
        weft_value_unref(inputs[1]);
        weft_error_unref(error);
    }
}

static void without_memory_every_operator_says_so(void **state)
{
    (void)state;
    for (size_t i = 0;; i++) {
        bool all_well = true;
        assert_true(i < 1000);
        failmalloc_arm(i);
        run_all(&all_well);
        if (!failmalloc_disarm()) {
            assert_true(all_well);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_covers_what_lies_under_it),
        cmocka_unit_test(alpha_lets_the_ground_through),
        cmocka_unit_test(what_hangs_over_the_edge_is_cut_off),
        cmocka_unit_test(tiles_fill_rows),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(images_without_pixels_are_no_trap),
        cmocka_unit_test(without_memory_every_operator_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
