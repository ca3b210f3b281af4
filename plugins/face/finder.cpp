/* SPDX-License-Identifier: Apache-2.0 */
#include "finder.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <stdexcept>

namespace weft_face
{

/* Pictures are searched at no more than this size: faces in larger ones are found as well, in a
 * fraction of the time. */
static constexpr int search_side = 1024;

Finder::Finder(const std::string &directory)
{
    std::string path = directory + "/haarcascade_frontalface_alt2.xml";
    if (!cascade.load(path)) {
        throw std::runtime_error("cannot read the cascade " + path);
    }
}

int Finder::smallest(const cv::Size &size)
{
    return std::max(smallest_pixels,
                    static_cast<int>(std::min(size.width, size.height) * smallest_part));
}

/* A face is reported by dozens of neighbouring windows, a leaf or a lamp that looks like one by a
 * few. So what has far fewer reports than the best one is dropped; in a group of people they differ
 * by less. */
static constexpr int reports_least = 4;
static constexpr int reports_part = 4;

std::vector<cv::Rect2d> Finder::find(const cv::Mat &grey)
{
    double scale = std::min(1.0, static_cast<double>(search_side) / std::max(grey.cols, grey.rows));
    cv::Mat small = grey;
    if (scale < 1.0) {
        cv::resize(grey, small, cv::Size(), scale, scale, cv::INTER_AREA);
    }
    int width = smallest(small.size());
    std::vector<cv::Rect> all;
    std::vector<int> reports;
    cascade.detectMultiScale(small, all, reports, 1.05, reports_least, 0, cv::Size(width, width));
    std::vector<cv::Rect> seen;
    for (size_t i = 0; i < all.size(); i++) {
        if (reports[i] * reports_part >= *std::max_element(reports.begin(), reports.end())) {
            seen.push_back(all[i]);
        }
    }
    cv::Point middle(small.cols / 2, small.rows / 2);
    auto distance = [&](const cv::Rect &r) {
        cv::Point d = (r.tl() + r.br()) / 2 - middle;
        return d.dot(d);
    };
    std::stable_sort(seen.begin(), seen.end(), [&](const cv::Rect &a, const cv::Rect &b) {
        return a.width != b.width ? a.width > b.width : distance(a) < distance(b);
    });
    std::vector<cv::Rect2d> faces;
    for (const cv::Rect &r : seen) {
        faces.emplace_back(r.x / scale, r.y / scale, r.width / scale, r.height / scale);
    }
    return faces;
}

} // namespace weft_face
