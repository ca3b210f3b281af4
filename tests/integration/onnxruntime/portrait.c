/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks of the portrait case (models/repository) in the backend, configured as their
 * config.pbtxt says. The pipeline through all of them is another test.
 */
#include "image.h"
#include "resample.h"
#include "support/plugin_host.h"
#include "support/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHOTOS "/usr/lib/python3/dist-packages/skimage/data/"

enum { SIDE = 512, CROP_HEIGHT = 384 };

static struct plugin_host_answer answer;

/* A model's tensors, as its config.pbtxt lists them. */
struct listed {
    const char *name;
    const char *decode;
    size_t inputs_count;
    size_t outputs_count;
    struct weft_tensor_spec inputs[6];
    struct weft_tensor_spec outputs[4];
};

static const struct listed scene = {"scene",
                                    "image",
                                    1,
                                    4,
                                    {{"image", WEFT_BYTES, {1, {1}}, false}},
                                    {{"id", WEFT_BYTES, {1, {1}}, false},
                                     {"description", WEFT_BYTES, {1, {1}}, false},
                                     {"confidence", WEFT_FP32, {1, {1}}, false},
                                     {"features", WEFT_FP32, {1, {32}}, false}}};
static const struct listed generator = {"generate",
                                        "none",
                                        6,
                                        1,
                                        {{"crop", WEFT_UINT8, {3, {CROP_HEIGHT, SIDE, 3}}, false},
                                         {"matte", WEFT_UINT8, {2, {CROP_HEIGHT, SIDE}}, false},
                                         {"embedding", WEFT_FP32, {1, {128}}, false},
                                         {"features", WEFT_FP32, {1, {32}}, false},
                                         {"position", WEFT_FP32, {1, {2}}, false},
                                         {"seed", WEFT_INT64, {1, {1}}, false}},
                                        {{"image", WEFT_UINT8, {3, {SIDE, SIDE, 3}}, false}}};
static const struct listed enhancer = {
    "enhance",
    "none",
    1,
    1,
    {{"image", WEFT_UINT8, {3, {SIDE, SIDE, 3}}, false}},
    {{"enhanced", WEFT_UINT8, {3, {2 * SIDE, 2 * SIDE, 3}}, false}}};

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s is missing: the package that ships it is not installed", path);
    }
    enum { FILE_MAX = 4 * 1024 * 1024 };
    uint8_t *bytes = malloc(FILE_MAX);
    assert_non_null(bytes);
    *ret_size = fread(bytes, 1, FILE_MAX - 1, file);
    fclose(file);
    return bytes;
}

/* Whether the model's config.pbtxt sets "finite_inputs". */
static const char *finite_of(const char *model)
{
    char path[512];
    size_t size = 0;
    snprintf(path, sizeof(path), "%s/%s/config.pbtxt", getenv("WEFT_TEST_REPOSITORY"), model);
    uint8_t *text = read_file(path, &size);
    text[size] = '\0';
    const char *setting =
        strstr((const char *)text, "key: \"finite_inputs\" value: { string_value: \"true\" }");
    free(text);
    return setting != NULL ? "true" : "false";
}

static struct plugin_host *open_model(const struct listed *listed)
{
    static char directory[512];
    static const char *options[3][2] = {
        {"weft.deterministic", "true"}, {"decode", ""}, {"finite_inputs", ""}};
    snprintf(directory, sizeof(directory), "%s/%s/1", getenv("WEFT_TEST_REPOSITORY"), listed->name);
    options[1][1] = listed->decode;
    options[2][1] = finite_of(listed->name);
    const struct plugin_host_setup setup = {.plugin = getenv("WEFT_TEST_ONNXRUNTIME"),
                                            .model_directory = directory,
                                            .inputs = listed->inputs,
                                            .inputs_count = listed->inputs_count,
                                            .outputs = listed->outputs,
                                            .outputs_count = listed->outputs_count,
                                            .options = options,
                                            .options_count = 3};
    enum weft_status status = WEFT_UNKNOWN;
    struct plugin_host *host = plugin_host_open(&setup, &status);
    if (status != WEFT_OK) {
        fail_msg("%s: %s: %s", listed->name, weft_status_name(status), plugin_host_reason(host));
    }
    assert_true(plugin_host_metadata(host).deterministic);
    return host;
}

static void the_scene_of_each_picture_is_named(void **state)
{
    (void)state;
    static const char *const ids[] = {"beach",  "forest", "mountains", "city",
                                      "desert", "studio", "meadow",    "unknown"};
    struct plugin_host *host = open_model(&scene);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char path[512];
        size_t size = 0;
        snprintf(path, sizeof(path), "%s/%s.jpg", getenv("WEFT_TEST_SCENES"), ids[i]);
        uint8_t *jpeg = read_file(path, &size);
        struct weft_tensor input = plugin_host_bytes("image", jpeg, size);
        const struct plugin_host_request request = {.inputs = &input, .inputs_count = 1};
        plugin_host_ask(host, &request, &answer);
        const struct plugin_host_output *id = plugin_host_output(&answer, "id");
        assert_int_equal(id->size_bytes, 4 + strlen(ids[i]));
        assert_memory_equal((const char *)id->data + 4, ids[i], strlen(ids[i]));
        assert_int_equal(plugin_host_output(&answer, "features")->size_bytes, 32 * sizeof(float));
        assert_int_equal(plugin_host_output(&answer, "confidence")->size_bytes, sizeof(float));
        assert_true(plugin_host_output(&answer, "description")->size_bytes > 8);
        plugin_host_answer_fini(&answer);
        free((void *)input.data);
        free(jpeg);
    }
    plugin_host_close(host);
}

static void bytes_that_are_no_picture_have_no_scene(void **state)
{
    (void)state;
    struct plugin_host *host = open_model(&scene);
    struct weft_tensor input = plugin_host_bytes("image", "GIF89a and no more", 18);
    const struct plugin_host_request request = {.inputs = &input, .inputs_count = 1};
    plugin_host_ask(host, &request, &answer);
    assert_status(answer.status, WEFT_INVALID_ARGUMENT);
    assert_non_null(strstr(answer.reason, "input \"image\": "));
    plugin_host_answer_fini(&answer);
    free((void *)input.data);
    plugin_host_close(host);
}

/* Asks for a picture of an invented person at a beach. */
static void ask_generator(struct plugin_host *host, int64_t seed, float across, float down)
{
    static uint8_t crop[CROP_HEIGHT * SIDE * 3];
    static uint8_t matte[CROP_HEIGHT * SIDE];
    for (int y = 0; y < CROP_HEIGHT; y++) {
        for (int x = 0; x < SIDE; x++) {
            bool inside = (x - 256) * (x - 256) + (y - 140) * (y - 140) < 90 * 90 ||
                          (y > 240 && abs(x - 256) < 150);
            matte[y * SIDE + x] = inside ? 255 : 0;
            memset(crop + (y * SIDE + x) * 3, 60 + y / 4, 3);
        }
    }
    static const float embedding[128] = {0.1F, -0.1F};
    static const float features[32] = {1.0F, 0, 0, 0, 0, 0, 0, 0, 0.5F, 0.8F};
    const float position[] = {across, down};
    const struct weft_tensor inputs[] = {
        {"crop", WEFT_UINT8, {3, {CROP_HEIGHT, SIDE, 3}}, crop, sizeof(crop), ""},
        {"matte", WEFT_UINT8, {2, {CROP_HEIGHT, SIDE}}, matte, sizeof(matte), ""},
        {"embedding", WEFT_FP32, {1, {128}}, embedding, sizeof(embedding), ""},
        {"features", WEFT_FP32, {1, {32}}, features, sizeof(features), ""},
        {"position", WEFT_FP32, {1, {2}}, position, sizeof(position), ""},
        {"seed", WEFT_INT64, {1, {1}}, &seed, sizeof(seed), ""},
    };
    const struct plugin_host_request request = {.inputs = inputs, .inputs_count = 6};
    plugin_host_ask(host, &request, &answer);
}

/* SIDE * SIDE * 3 bytes, the caller's to free(). */
static uint8_t *generate_at(struct plugin_host *host, int64_t seed, float across, float down)
{
    ask_generator(host, seed, across, down);
    const struct plugin_host_output *image = plugin_host_output(&answer, "image");
    assert_int_equal(image->size_bytes, SIDE * SIDE * 3);
    uint8_t *copy = malloc(image->size_bytes);
    assert_non_null(copy);
    memcpy(copy, image->data, image->size_bytes);
    plugin_host_answer_fini(&answer);
    return copy;
}

static uint8_t *generate(struct plugin_host *host, int64_t seed)
{
    return generate_at(host, seed, 0.42F, 0.47F);
}

static void one_seed_gives_one_picture_and_another_seed_another(void **state)
{
    (void)state;
    struct plugin_host *host = open_model(&generator);
    uint8_t *first = generate(host, 7);
    uint8_t *other = generate(host, 8);
    uint8_t *again = generate(host, 7);
    plugin_host_close(host);
    host = open_model(&generator);
    uint8_t *later = generate(host, 7); /* after another load, too */
    plugin_host_close(host);
    assert_memory_equal(first, again, SIDE * SIDE * 3);
    assert_memory_equal(first, later, SIDE * SIDE * 3);
    assert_memory_not_equal(first, other, SIDE * SIDE * 3);
    free(first);
    free(other);
    free(again);
    free(later);
}

static void a_place_outside_is_the_nearest_inside(void **state)
{
    (void)state;
    struct plugin_host *host = open_model(&generator);
    uint8_t *outside = generate_at(host, 7, 1e30F, -5);
    uint8_t *inside = generate_at(host, 7, 0.8F, 0.28F);
    plugin_host_close(host);
    assert_memory_equal(outside, inside, SIDE * SIDE * 3);
    free(outside);
    free(inside);
}

static void a_place_that_is_no_number_makes_no_picture(void **state)
{
    (void)state;
    static const float places[][2] = {{NAN, 0.47F}, {0.42F, INFINITY}, {-INFINITY, NAN}};
    struct plugin_host *host = open_model(&generator);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        ask_generator(host, 7, places[i][0], places[i][1]);
        assert_status(answer.status, WEFT_INVALID_ARGUMENT);
        assert_non_null(strstr(answer.reason, "input \"position\" has NaN or an infinity in it"));
        plugin_host_answer_fini(&answer);
    }
    free(generate(host, 7)); /* it serves on */
    plugin_host_close(host);
}

/* Small, in the upper left of what the network takes; its last row and column go on to the edges.
 */
static void put_on_canvas(const struct weft_image *small, uint8_t *canvas)
{
    for (uint32_t y = 0; y < SIDE; y++) {
        for (uint32_t x = 0; x < SIDE; x++) {
            uint32_t row = y < small->height ? y : small->height - 1;
            uint32_t column = x < small->width ? x : small->width - 1;
            memcpy(canvas + (y * SIDE + x) * 3, small->pixels + (row * small->width + column) * 3,
                   3);
        }
    }
}

static struct weft_image enhance(struct plugin_host *host, const struct weft_image *small)
{
    uint8_t *canvas = malloc(SIDE * SIDE * 3);
    assert_non_null(canvas);
    put_on_canvas(small, canvas);
    const struct weft_tensor input = {"image", WEFT_UINT8,      {3, {SIDE, SIDE, 3}},
                                      canvas,  SIDE * SIDE * 3, ""};
    const struct plugin_host_request request = {.inputs = &input, .inputs_count = 1};
    plugin_host_ask(host, &request, &answer);
    const struct plugin_host_output *image = plugin_host_output(&answer, "enhanced");
    const struct weft_shape twice = {3, {2 * SIDE, 2 * SIDE, 3}};
    assert_true(weft_shape_equal(&image->shape, &twice));
    struct weft_image large = {small->width * 2, small->height * 2, NULL};
    large.pixels = malloc((size_t)large.width * large.height * 3);
    assert_non_null(large.pixels);
    for (uint32_t y = 0; y < large.height; y++) {
        memcpy(large.pixels + (size_t)y * large.width * 3,
               (const uint8_t *)image->data + (size_t)y * 2 * SIDE * 3, (size_t)large.width * 3);
    }
    plugin_host_answer_fini(&answer);
    free(canvas);
    return large;
}

static void held_out_photographs_come_out_better_than_bicubic_makes_them(void **state)
{
    (void)state;
    static const char *const photographs[] = {PHOTOS "astronaut.png", PHOTOS "chelsea.png",
                                              PHOTOS "coffee.png", PHOTOS "rocket.jpg"};
    struct plugin_host *host = open_model(&enhancer);
    for (size_t i = 0; i < sizeof(photographs) / sizeof(photographs[0]); i++) {
        size_t size = 0;
        uint8_t *bytes = read_file(photographs[i], &size);
        struct weft_image whole = {0};
        assert_status(weft_image_decode(bytes, size, &whole, NULL), WEFT_OK);
        struct weft_image even = resample_even(&whole);
        struct weft_image small = resample_bicubic(&even, even.width / 2, even.height / 2);
        struct weft_image bicubic = resample_bicubic(&small, even.width, even.height);
        struct weft_image ours = enhance(host, &small);
        print_message("# %s: PSNR %.2f, bicubic %.2f; SSIM %.4f, bicubic %.4f\n",
                      strrchr(photographs[i], '/') + 1, resample_psnr(&ours, &even),
                      resample_psnr(&bicubic, &even), resample_ssim(&ours, &even),
                      resample_ssim(&bicubic, &even));
        assert_true(resample_psnr(&ours, &even) > resample_psnr(&bicubic, &even));
        assert_true(resample_ssim(&ours, &even) > resample_ssim(&bicubic, &even));
        struct weft_image *const done[] = {&whole, &even, &small, &bicubic, &ours};
        for (size_t j = 0; j < sizeof(done) / sizeof(done[0]); j++) {
            weft_image_fini(done[j]);
        }
        free(bytes);
    }
    plugin_host_close(host);
}

int main(void)
{
    const struct CMUnitTest stories[] = {
        cmocka_unit_test(the_scene_of_each_picture_is_named),
        cmocka_unit_test(bytes_that_are_no_picture_have_no_scene),
        cmocka_unit_test(one_seed_gives_one_picture_and_another_seed_another),
        cmocka_unit_test(a_place_outside_is_the_nearest_inside),
        cmocka_unit_test(a_place_that_is_no_number_makes_no_picture),
        cmocka_unit_test(held_out_photographs_come_out_better_than_bicubic_makes_them),
    };
    return cmocka_run_group_tests(stories, NULL, NULL);
}
