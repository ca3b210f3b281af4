/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"

#include "support/story.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct weft_image resample_even(const struct weft_image *from)
{
    struct weft_image to = {from->width / 2 * 2, from->height / 2 * 2, NULL};
    to.pixels = malloc((size_t)to.width * to.height * 3);
    assert_non_null(to.pixels);
    for (uint32_t y = 0; y < to.height; y++) {
        memcpy(to.pixels + (size_t)y * to.width * 3, from->pixels + (size_t)y * from->width * 3,
               (size_t)to.width * 3);
    }
    return to;
}

static double kernel(double distance)
{
    const double a = -0.5;
    double d = fabs(distance);
    if (d < 1) {
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* One line of `from_count` values to `to_count`. */
static void resample_line(const double *from, uint32_t from_count, double *to, uint32_t to_count)
{
    double scale = (double)from_count / to_count;
    double wide = scale < 1 ? 1 : scale;
    for (uint32_t i = 0; i < to_count; i++) {
        double middle = (i + 0.5) * scale;
        int first = (int)floor(middle - 2 * wide);
        int last = (int)ceil(middle + 2 * wide);
        double sum = 0;
        double weights = 0;
        for (int j = first < 0 ? 0 : first; j < last && j < (int)from_count; j++) {
            double weight = kernel((j + 0.5 - middle) / wide);
            sum += weight * from[j];
            weights += weight;
        }
        double value = round(sum / weights);
        to[i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
}

struct weft_image resample_bicubic(const struct weft_image *from, uint32_t width, uint32_t height)
{
    uint32_t longest = from->height > height ? from->height : height;
    size_t widest = from->width > width ? from->width : width;
    double *whole = malloc(widest * longest * sizeof(*whole));
    double *lines = malloc((widest > longest ? widest : longest) * 2 * sizeof(*lines));
    struct weft_image to = {width, height, malloc((size_t)width * height * 3)};
    assert_true(whole != NULL && lines != NULL && to.pixels != NULL);
    double *made = lines + (widest > longest ? widest : longest);
    for (int c = 0; c < 3; c++) {
        for (uint32_t y = 0; y < from->height; y++) {
            for (uint32_t x = 0; x < from->width; x++) {
                lines[x] = from->pixels[((size_t)y * from->width + x) * 3 + (size_t)c];
            }
            resample_line(lines, from->width, made, width);
            memcpy(whole + (size_t)y * widest, made, width * sizeof(*made));
        }
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t y = 0; y < from->height; y++) {
                lines[y] = whole[(size_t)y * widest + x];
            }
            resample_line(lines, from->height, made, height);
            for (uint32_t y = 0; y < height; y++) {
                to.pixels[((size_t)y * width + x) * 3 + (size_t)c] = (uint8_t)made[y];
            }
        }
    }
    free(whole);
    free(lines);
    return to;
}

double resample_psnr(const struct weft_image *a, const struct weft_image *b)
{
    size_t count = (size_t)a->width * a->height * 3;
    double error = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)a->pixels[i] - b->pixels[i];
        error += difference * difference;
    }
    return 10 * log10(255.0 * 255.0 * (double)count / error);
}

enum { WINDOW = 8, STRIDE = 4 };

static double window_ssim(const struct weft_image *a, const struct weft_image *b, uint32_t x,
                          uint32_t y, uint32_t c)
{
    double sum_a = 0;
    double sum_b = 0;
    double sum_aa = 0;
    double sum_bb = 0;
    double sum_ab = 0;
    for (uint32_t i = 0; i < WINDOW * WINDOW; i++) {
        size_t at = ((size_t)(y + i / WINDOW) * a->width + x + i % WINDOW) * 3 + c;
        double p = a->pixels[at];
        double q = b->pixels[at];
        sum_a += p;
        sum_b += q;
        sum_aa += p * p;
        sum_bb += q * q;
        sum_ab += p * q;
    }
    const double count = WINDOW * WINDOW;
    const double c1 = 0.01 * 255 * 0.01 * 255;
    const double c2 = 0.03 * 255 * 0.03 * 255;
    double mean_a = sum_a / count;
    double mean_b = sum_b / count;
    double variance_a = sum_aa / count - mean_a * mean_a;
    double variance_b = sum_bb / count - mean_b * mean_b;
    double together = sum_ab / count - mean_a * mean_b;
    return (2 * mean_a * mean_b + c1) * (2 * together + c2) /
           ((mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2));
}

double resample_ssim(const struct weft_image *a, const struct weft_image *b)
{
    double sum = 0;
    double windows = 0;
    for (uint32_t y = 0; y + WINDOW <= a->height; y += STRIDE) {
        for (uint32_t x = 0; x + WINDOW <= a->width; x += STRIDE) {
            for (uint32_t c = 0; c < 3; c++) {
                sum += window_ssim(a, b, x, y, c);
                windows++;
            }
        }
    }
    return sum / windows;
}
