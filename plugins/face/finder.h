/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_FACE_FINDER_H
#define WEFT_FACE_FINDER_H

/*
 * Finds frontal faces with one of OpenCV's cascades. Owned by the plugin; one thread at a time.
 * Throws cv::Exception or std::exception.
 */

#include <opencv2/core.hpp>
#include <opencv2/objdetect.hpp>

#include <string>
#include <vector>

namespace weft_face
{

/* The smallest face that is looked for, as a part of the picture's shorter side: smaller ones hold
 * too little to know anybody by, and most of what the cascade reports below that is no face. */
constexpr double smallest_part = 0.06;
/* The cascade's own window. */
constexpr int smallest_pixels = 24;

class Finder
{
  public:
    /* directory holds haarcascade_frontalface_alt2.xml. */
    explicit Finder(const std::string &directory);

    /* All faces of a grey picture, the one to take first: the largest, and of equally large ones
     * the one nearest to the middle. */
    std::vector<cv::Rect2d> find(const cv::Mat &grey);
    /* The width in pixels of the smallest face that find looks for in such a picture. */
    static int smallest(const cv::Size &size);

  private:
    cv::CascadeClassifier cascade;
};

} // namespace weft_face

#endif
