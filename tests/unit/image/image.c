/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include "pictures.h"
#include "support/story.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

static struct weft_image decode(struct encoded encoded)
{
    struct weft_image image = {0};
    struct weft_image_reason reason = {0};
    enum weft_status status = weft_image_decode(encoded.data, encoded.size_bytes, &image, &reason);
    if (status != WEFT_OK) {
        fail_msg("%s: %s", weft_status_name(status), reason.text);
    }
    free(encoded.data);
    return image;
}

static void assert_fails(const void *data, size_t size_bytes, enum weft_status expected,
                         const char *word)
{
    struct weft_image image = {.width = 7};
    struct weft_image_reason reason = {0};
    assert_status(weft_image_decode(data, size_bytes, &image, &reason), expected);
    assert_int_equal(image.width, 7); /* untouched */
    if (strstr(reason.text, word) == NULL) {
        fail_msg("'%s' does not say '%s'", reason.text, word);
    }
}

static void assert_pixel(const struct weft_image *image, uint32_t x, uint32_t y, int red, int green,
                         int blue)
{
    const uint8_t *pixel = image->pixels + ((size_t)y * image->width + x) * 3;
    const int expected[3] = {red, green, blue};
    for (int i = 0; i < 3; i++) {
        if (abs(pixel[i] - expected[i]) > 6) {
            fail_msg("pixel %u,%u is %d %d %d, not %d %d %d", x, y, pixel[0], pixel[1], pixel[2],
                     red, green, blue);
        }
    }
}

static void a_png_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t pixels[3 * 5 * 3];
    for (size_t i = 0; i < sizeof(pixels); i++) {
        pixels[i] = (uint8_t)(i * 37);
    }
    struct encoded png = {0};
    assert_status(weft_image_encode_png(pixels, 5, 3, &png.data, &png.size_bytes, NULL), WEFT_OK);
    struct weft_image image = decode(png);
    assert_int_equal(image.width, 5);
    assert_int_equal(image.height, 3);
    assert_memory_equal(image.pixels, pixels, sizeof(pixels));
    weft_image_fini(&image);
}

static void every_exif_orientation_ends_upright(void **state)
{
    (void)state;
    /* The stored picture is red left and blue right. Where its left side comes to lie, by
     * orientation: */
    static const char left_goes_to[] = {'?', 'l', 'r', 'r', 'l', 't', 't', 'b', 'b'};
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        for (int big_endian = 0; big_endian <= 1; big_endian++) {
            struct weft_image image = decode(make_rotated_jpeg(orientation, big_endian));
            bool turned = orientation >= 5;
            assert_int_equal(image.width, turned ? 8 : 16);
            assert_int_equal(image.height, turned ? 16 : 8);
            bool red_first = left_goes_to[orientation] == 'l' || left_goes_to[orientation] == 't';
            assert_pixel(&image, 1, 1, red_first ? 254 : 0, 0, red_first ? 0 : 254);
            assert_pixel(&image, image.width - 2, image.height - 2, red_first ? 0 : 254, 0,
                         red_first ? 254 : 0);
            weft_image_fini(&image);
        }
    }
}

static void an_orientation_that_makes_no_sense_is_ignored(void **state)
{
    (void)state;
    struct weft_image image = decode(make_rotated_jpeg(77, false));
    assert_int_equal(image.width, 16);
    weft_image_fini(&image);
}

static void grey_becomes_equal_rgb(void **state)
{
    (void)state;
    struct weft_image image = decode(make_grey_jpeg());
    assert_pixel(&image, 2, 2, 0, 0, 0);
    assert_pixel(&image, 13, 2, 255, 255, 255);
    weft_image_fini(&image);

    const uint8_t deep[] = {0x80, 0x00, 0xFF, 0xFF};
    image = decode(make_png(PNG_COLOR_TYPE_GRAY, 16, false, 2, 1, deep, 4));
    assert_pixel(&image, 0, 0, 128, 128, 128);
    assert_pixel(&image, 1, 0, 255, 255, 255);
    weft_image_fini(&image);
}

static void alpha_is_laid_over_white(void **state)
{
    (void)state;
    const uint8_t rgba[] = {255, 0, 0, 255, 255, 0, 0, 128, 255, 0, 0, 0};
    struct weft_image image = decode(make_png(PNG_COLOR_TYPE_RGB_ALPHA, 8, true, 3, 1, rgba, 12));
    assert_pixel(&image, 0, 0, 255, 0, 0);
    assert_pixel(&image, 1, 0, 255, 127, 127);
    assert_pixel(&image, 2, 0, 255, 255, 255);
    weft_image_fini(&image);

    const uint8_t indices[] = {0, 1, 2};
    image = decode(make_png(PNG_COLOR_TYPE_PALETTE, 8, false, 3, 1, indices, 3));
    assert_pixel(&image, 1, 0, 0, 255, 0);
    assert_pixel(&image, 2, 0, 127, 127, 255);
    weft_image_fini(&image);
}

static void what_is_no_picture_is_refused(void **state)
{
    (void)state;
    assert_fails("", 0, WEFT_INVALID_ARGUMENT, "neither");
    assert_fails("GIF89a............", 18, WEFT_INVALID_ARGUMENT, "neither");
    assert_fails("\xFF\xD8\xFF", 3, WEFT_INVALID_ARGUMENT, "broken");
    assert_fails("\x89PNG\r\n\x1A\nrubbish rubbish", 23, WEFT_INVALID_ARGUMENT, "PNG");
}

static void a_picture_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    struct encoded jpeg = make_rotated_jpeg(6, true);
    for (size_t size = 0; size < jpeg.size_bytes - 2; size++) {
        assert_fails(jpeg.data, size, WEFT_INVALID_ARGUMENT, size < 3 ? "neither" : "broken");
    }
    free(jpeg.data);
    const uint8_t rgba[] = {255, 0, 0, 255, 255, 0, 0, 128};
    struct encoded png = make_png(PNG_COLOR_TYPE_RGB_ALPHA, 8, false, 2, 1, rgba, 8);
    for (size_t size = 0; size < png.size_bytes; size++) {
        assert_fails(png.data, size, WEFT_INVALID_ARGUMENT, size < 8 ? "neither" : "cut short");
    }
    free(png.data);
}

static void a_picture_that_claims_too_many_pixels_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    struct encoded jpeg = make_rotated_jpeg(1, true);
    for (size_t at = 0; at + 9 < jpeg.size_bytes; at++) {
        if (jpeg.data[at] == 0xFF &&
            jpeg.data[at + 1] == 0xC0) { /* SOF0: height and width follow */
            memset(jpeg.data + at + 5, 0xFD, 4);
        }
    }
    assert_fails(jpeg.data, jpeg.size_bytes, WEFT_RESOURCE_EXHAUSTED, "limit");
    free(jpeg.data);

    const uint8_t grey[65000] = {0};
    struct encoded png = make_png(PNG_COLOR_TYPE_GRAY, 1, false, 65000, 1100, grey, 0);
    assert_fails(png.data, png.size_bytes, WEFT_RESOURCE_EXHAUSTED, "limit");
    free(png.data);
}

static void encoding_refuses_what_cannot_be_a_picture(void **state)
{
    (void)state;
    uint8_t pixel[3] = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    assert_status(weft_image_encode_png(pixel, 0, 1, &data, &size, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_image_encode_jpeg(pixel, 1, 1, 0, &data, &size, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_status(weft_image_encode_jpeg(pixel, 1, 1, 101, &data, &size, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_null(data);
}

int main(void)
{
    const struct CMUnitTest stories[] = {
        cmocka_unit_test(a_png_comes_back_as_it_was),
        cmocka_unit_test(every_exif_orientation_ends_upright),
        cmocka_unit_test(an_orientation_that_makes_no_sense_is_ignored),
        cmocka_unit_test(grey_becomes_equal_rgb),
        cmocka_unit_test(alpha_is_laid_over_white),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(a_picture_cut_short_anywhere_is_refused),
        cmocka_unit_test(a_picture_that_claims_too_many_pixels_is_refused_before_memory_is_taken),
        cmocka_unit_test(encoding_refuses_what_cannot_be_a_picture),
    };
    return cmocka_run_group_tests(stories, NULL, NULL);
}
