/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_FACE_PORTRAIT_H
#define WEFT_FACE_PORTRAIT_H

/*
 * Cuts the person out: a crop of fixed size with the face at a fixed place in it, and a matte that
 * says how much of each pixel is person. Free functions; any thread, but the random numbers of
 * GrabCut are the thread's own and are seeded here, so that equal photographs give equal mattes.
 * Throw cv::Exception.
 */

#include <opencv2/core.hpp>

namespace weft_face
{

/* In the crop the face box is a third of the height wide and its middle lies at these parts: room
 * for hair above and shoulders on both sides. models/train/generate.py has the same numbers. */
constexpr int crop_height = 384;
constexpr int crop_width = 512;
constexpr double crop_face = crop_height / 3.0;
constexpr double crop_face_x = crop_width / 2.0;
constexpr double crop_face_y = 0.36 * crop_height;

struct Portrait {
    cv::Mat crop;  /* RGB, crop_height x crop_width; beyond the photograph its border goes on */
    cv::Mat matte; /* 0 to 255 */
};

Portrait cut_out(const cv::Mat &rgb, const cv::Rect2d &face);

} // namespace weft_face

#endif
