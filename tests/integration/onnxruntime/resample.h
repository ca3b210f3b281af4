/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_ONNXRUNTIME_RESAMPLE_H
#define TESTS_INTEGRATION_ONNXRUNTIME_RESAMPLE_H

/*
 * Bicubic interpolation and the two usual measures of likeness, for judging a network that enlarges
 * pictures. Pictures that are returned are the caller's to fini. Asserts where memory runs out.
 */

#include "image.h"

/* A copy without a last odd row and column. */
struct weft_image resample_even(const struct weft_image *from);
/* Keys' kernel (a = -0.5), widened when it shrinks, as Pillow and MATLAB do. */
struct weft_image resample_bicubic(const struct weft_image *from, uint32_t width, uint32_t height);
/* Peak signal to noise ratio in dB. */
double resample_psnr(const struct weft_image *a, const struct weft_image *b);
/* Structural similarity (Wang et al. 2004), windows of 8x8 every 4 pixels, the mean of all
 * channels. */
double resample_ssim(const struct weft_image *a, const struct weft_image *b);

#endif
