/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model "face" on real photographs of two persons, which Debian's python3-skimage and
 * python-matplotlib-data ship, and on drawn ones. The loop through all four models is another test.
 */
#include "face_host.h"

#include "image.h"
#include "support/story.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASTRONAUT "/usr/lib/python3/dist-packages/skimage/data/astronaut.png"
#define HOPPER "/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg"

static struct face_answer answer;

static struct weft_image read_picture(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s is missing: the package that ships it is not installed", path);
    }
    static uint8_t bytes[4 * 1024 * 1024];
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    struct weft_image image = {0};
    assert_status(weft_image_decode(bytes, size, &image, NULL), WEFT_OK);
    return image;
}

/* A new picture: the old one sampled at (from_x(x), y), scaled by part and darkened. */
static struct weft_image changed(const struct weft_image *from, double part, bool mirrored,
                                 double light)
{
    struct weft_image to = {(uint32_t)(from->width * part), (uint32_t)(from->height * part), NULL};
    to.pixels = malloc((size_t)to.width * to.height * 3);
    assert_non_null(to.pixels);
    for (uint32_t y = 0; y < to.height; y++) {
        for (uint32_t x = 0; x < to.width; x++) {
            uint32_t column = (uint32_t)((mirrored ? to.width - 1 - x : x) / part);
            uint32_t row = (uint32_t)(y / part);
            for (uint32_t c = 0; c < 3; c++) {
                uint8_t value = from->pixels[((size_t)row * from->width + column) * 3 + c];
                to.pixels[((size_t)y * to.width + x) * 3 + c] = (uint8_t)(value * light);
            }
        }
    }
    return to;
}

static void ask(struct face_host *host, const struct weft_image *image, int jpeg_quality,
                const char *enroll)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum weft_status status =
        jpeg_quality > 0 ? weft_image_encode_jpeg(image->pixels, image->width, image->height,
                                                  jpeg_quality, &bytes, &size, NULL)
                         : weft_image_encode_png(image->pixels, image->width, image->height, &bytes,
                                                 &size, NULL);
    assert_status(status, WEFT_OK);
    face_host_ask(host, bytes, size, enroll, &answer);
    free(bytes);
}

static void ask_changed(struct face_host *host, const char *path, double part, bool mirrored,
                        double light, int jpeg_quality, const char *enroll)
{
    struct weft_image picture = read_picture(path);
    struct weft_image other = changed(&picture, part, mirrored, light);
    ask(host, &other, jpeg_quality, enroll);
    weft_image_fini(&picture);
    weft_image_fini(&other);
}

static void ask_plain(struct face_host *host, const char *path, const char *enroll)
{
    ask_changed(host, path, 1, false, 1, 0, enroll);
}

static struct face_host *open_host(const char *state)
{
    enum weft_status status = WEFT_UNKNOWN;
    struct face_host *host =
        face_host_open(getenv("WEFT_TEST_FACE"), getenv("WEFT_TEST_FACE_MODEL"), state, &status);
    assert_status(status, WEFT_OK);
    return host;
}

static void the_face_of_a_photograph_is_found_and_cut_out(void **state)
{
    (void)state;
    struct face_host *host = open_host(NULL);
    ask_plain(host, ASTRONAUT, NULL);
    assert_status(answer.status, WEFT_OK);
    assert_string_equal(answer.id, "unknown");
    assert_int_equal(answer.count, 1);
    assert_in_range(answer.box[0] + answer.box[2] / 2, 200, 250);
    assert_in_range(answer.box[1] + answer.box[3] / 2, 90, 140);
    assert_int_equal(answer.matte[138 * 512 + 256], 255); /* the face */
    assert_int_equal(answer.matte[5 * 512 + 5], 0);       /* the corner */
    face_host_close(host);
}

static void who_is_enrolled_is_known_again_however_the_photograph_was_changed(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        double part;
        bool mirrored;
        double light;
        int jpeg_quality;
    } changes[] = {
        {"as it was", 1, false, 1, 0},
        {"mirrored", 1, true, 1, 0},
        {"two thirds as large", 0.66, false, 1, 0},
        {"twice as large", 2, false, 1, 0},
        {"half as bright", 1, false, 0.5, 0},
        {"as a JPEG of quality 50", 1, false, 1, 50},
        {"all of it", 0.75, true, 0.6, 50},
    };
    static const char *const photographs[] = {ASTRONAUT, HOPPER};
    static const char *const ids[] = {"astronaut", "admiral"};
    struct face_host *host = open_host(NULL);
    for (int person = 0; person < 2; person++) {
        ask_plain(host, photographs[person], ids[person]);
        assert_status(answer.status, WEFT_OK);
        assert_string_equal(answer.id, ids[person]);
        assert_int_equal(face_host_generation(host), 2 + person);
    }
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        for (int person = 0; person < 2; person++) {
            ask_changed(host, photographs[person], changes[i].part, changes[i].mirrored,
                        changes[i].light, changes[i].jpeg_quality, NULL);
            if (answer.status != WEFT_OK || strcmp(answer.id, ids[person]) != 0 ||
                answer.count != 1) {
                fail_msg("%s, %s: %s %s, score %.3f, %d faces", ids[person], changes[i].how,
                         answer.id, answer.reason, (double)answer.score, answer.count);
            }
        }
    }
    face_host_close(host);
}

static void another_person_is_unknown(void **state)
{
    (void)state;
    const char *drawn = getenv("WEFT_TEST_DRAWN");
    const char *other = getenv("WEFT_TEST_OTHER");
    const char *const photographs[] = {ASTRONAUT, HOPPER, drawn, other};
    for (int enrolled = 0; enrolled < 4; enrolled++) {
        struct face_host *host = open_host(NULL);
        ask_plain(host, photographs[enrolled], "somebody");
        assert_string_equal(answer.id, "somebody");
        for (int person = 0; person < 4; person++) {
            ask_plain(host, photographs[person], NULL);
            assert_string_equal(answer.id, person == enrolled ? "somebody" : "unknown");
        }
        face_host_close(host);
    }
}

static void an_enrolment_says_who_the_face_was_known_as(void **state)
{
    (void)state;
    struct face_host *host = open_host(NULL);
    const struct {
        double part;
        const char *enroll, *id, *known_as;
    } calls[] = {
        {1, "grcae", "grcae", "unknown"},
        {1, "grace", "grace", "grcae"},        /* the same photograph: renamed */
        {0.66, NULL, "grace", "grace"},        /* another one of her */
        {0.66, "admiral", "admiral", "grace"}, /* now she has two names */
        {1, "grace", "grace", "grace"},
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        ask_changed(host, HOPPER, calls[i].part, false, 1, 0, calls[i].enroll);
        assert_status(answer.status, WEFT_OK);
        assert_string_equal(answer.id, calls[i].id);
        assert_string_equal(answer.known_as, calls[i].known_as);
    }
    face_host_close(host);
}

static void an_enrolment_survives_a_restart(void **state)
{
    (void)state;
    char directory[] = "/tmp/weft-face-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct face_host *host = open_host(directory);
    assert_int_equal(face_host_generation(host), 1);
    ask_plain(host, HOPPER, "admiral");
    assert_int_equal(face_host_generation(host), 2);
    face_host_close(host);

    host = open_host(directory);
    assert_int_equal(face_host_generation(host), 2);
    ask_plain(host, HOPPER, NULL);
    assert_string_equal(answer.id, "admiral");
    face_host_close(host);

    /* A damaged gallery is said, not forgotten. */
    char path[64];
    snprintf(path, sizeof(path), "%s/gallery.bin", directory);
    assert_int_equal(truncate(path, 30), 0);
    enum weft_status status = WEFT_OK;
    host = face_host_open(getenv("WEFT_TEST_FACE"), getenv("WEFT_TEST_FACE_MODEL"), directory,
                          &status);
    assert_status(status, WEFT_FAILED_PRECONDITION);
    face_host_close(host);
    unlink(path);
    rmdir(directory);
}

static void
a_picture_without_a_face_and_bytes_without_a_picture_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct face_host *host = open_host(NULL);
    struct weft_image plain = {64, 48, calloc(64 * 48, 3)};
    ask(host, &plain, 0, NULL);
    weft_image_fini(&plain);
    assert_status(answer.status, WEFT_FAILED_PRECONDITION);
    assert_non_null(strstr(answer.reason, "no face"));
    face_host_ask(host, "GIF89a", 6, NULL, &answer);
    assert_status(answer.status, WEFT_INVALID_ARGUMENT);
    assert_non_null(strstr(answer.reason, "photo"));
    face_host_close(host);
}

/* Two pictures beside each other; the left one at its size, the right one as tall as that. */
static struct weft_image beside(const char *left_path, const char *right_path)
{
    struct weft_image left = read_picture(left_path);
    struct weft_image right = read_picture(right_path);
    struct weft_image both = {left.width + right.width,
                              left.height > right.height ? left.height : right.height, NULL};
    both.pixels = calloc((size_t)both.width * both.height, 3);
    assert_non_null(both.pixels);
    for (uint32_t y = 0; y < both.height; y++) {
        uint8_t *row = both.pixels + (size_t)y * both.width * 3;
        if (y < left.height) {
            memcpy(row, left.pixels + (size_t)y * left.width * 3, (size_t)left.width * 3);
        }
        if (y < right.height) {
            memcpy(row + (size_t)left.width * 3, right.pixels + (size_t)y * right.width * 3,
                   (size_t)right.width * 3);
        }
    }
    weft_image_fini(&left);
    weft_image_fini(&right);
    return both;
}

static void of_several_faces_the_largest_counts_and_none_is_enrolled(void **state)
{
    (void)state;
    struct face_host *host = open_host(NULL);
    ask_plain(host, HOPPER, "admiral");
    struct weft_image both = beside(ASTRONAUT, HOPPER);
    ask(host, &both, 0, NULL);
    assert_status(answer.status, WEFT_OK);
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.id, "admiral"); /* her face is the larger one */
    ask(host, &both, 0, "who");
    assert_status(answer.status, WEFT_FAILED_PRECONDITION);
    assert_int_equal(face_host_generation(host), 2);
    weft_image_fini(&both);
    face_host_close(host);
}

static void an_id_that_cannot_be_one_is_refused(void **state)
{
    (void)state;
    struct face_host *host = open_host(NULL);
    char long_id[258];
    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    const char *const ids[] = {"", "unknown", "a\nb", long_id};
    for (int i = 0; i < 4; i++) {
        ask_plain(host, HOPPER, ids[i]);
        assert_status(answer.status, WEFT_INVALID_ARGUMENT);
    }
    assert_int_equal(face_host_generation(host), 1);
    face_host_close(host);
}

static void equal_photographs_give_equal_bytes(void **state)
{
    (void)state;
    static struct face_answer first;
    struct face_host *host = open_host(NULL);
    ask_plain(host, HOPPER, NULL);
    first = answer;
    ask_plain(host, ASTRONAUT, NULL);
    ask_plain(host, HOPPER, NULL);
    assert_memory_equal(first.matte, answer.matte, sizeof(answer.matte));
    assert_memory_equal(first.crop, answer.crop, sizeof(answer.crop));
    assert_memory_equal(first.embedding, answer.embedding, sizeof(answer.embedding));
    face_host_close(host);
}

int main(void)
{
    const struct CMUnitTest stories[] = {
        cmocka_unit_test(the_face_of_a_photograph_is_found_and_cut_out),
        cmocka_unit_test(who_is_enrolled_is_known_again_however_the_photograph_was_changed),
        cmocka_unit_test(another_person_is_unknown),
        cmocka_unit_test(an_enrolment_says_who_the_face_was_known_as),
        cmocka_unit_test(an_enrolment_survives_a_restart),
        cmocka_unit_test(
            a_picture_without_a_face_and_bytes_without_a_picture_are_refused_with_a_reason),
        cmocka_unit_test(of_several_faces_the_largest_counts_and_none_is_enrolled),
        cmocka_unit_test(an_id_that_cannot_be_one_is_refused),
        cmocka_unit_test(equal_photographs_give_equal_bytes),
    };
    return cmocka_run_group_tests(stories, NULL, NULL);
}
