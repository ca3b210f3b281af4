/* SPDX-License-Identifier: Apache-2.0 */
#include "embedding.h"

#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace weft_face
{

static constexpr int side = 64;
static constexpr int descriptor_length = 576;
/* Faces wider than the first are shrunk to the second before anything else. */
static constexpr double wide = 180.0;
static constexpr double shrunk = 128.0;

Embedding::Embedding(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    char magic[8];
    uint32_t lengths[2];
    mean.create(1, descriptor_length, CV_32F);
    matrix.create(descriptor_length, embedding_length, CV_32F);
    file.read(magic, sizeof(magic));
    file.read(reinterpret_cast<char *>(lengths), sizeof(lengths));
    file.read(mean.ptr<char>(), static_cast<std::streamsize>(mean.total() * sizeof(float)));
    file.read(matrix.ptr<char>(), static_cast<std::streamsize>(matrix.total() * sizeof(float)));
    if (!file || std::memcmp(magic, "WEFTFACE", 8) != 0 || lengths[0] != descriptor_length ||
        lengths[1] != embedding_length) {
        throw std::runtime_error("cannot read the projection " + path);
    }
}

static void add_gradients(const cv::HOGDescriptor &hog, const cv::Mat &face, cv::Mat &total)
{
    std::vector<float> values;
    hog.compute(face, values);
    total += cv::Mat(1, descriptor_length, CV_32F, values.data());
}

std::vector<float> Embedding::describe(const cv::Mat &picture, const cv::Rect2d &face) const
{
    const cv::HOGDescriptor hog(cv::Size(side, side), cv::Size(16, 16), cv::Size(16, 16),
                                cv::Size(8, 8), 9);
    cv::Mat grey = picture;
    cv::Rect2d at = face;
    if (face.width > wide) {
        double scale = shrunk / face.width;
        cv::resize(picture, grey, cv::Size(), scale, scale, cv::INTER_AREA);
        at = cv::Rect2d(face.x * scale, face.y * scale, face.width * scale, face.height * scale);
    }
    /* The sum over some framings is steady against the jitter of the detector's box. */
    cv::Mat total = cv::Mat::zeros(1, descriptor_length, CV_32F);
    for (double size : {0.85, 0.92, 1.0}) {
        for (int step = 0; step < 9; step++) {
            double zoom = 2 * side / (at.width * size);
            double x = at.x + at.width / 2 + (step / 3 - 1) * 0.03 * at.width;
            double y = at.y + at.height / 2 + (step % 3 - 1) * 0.03 * at.height;
            const cv::Matx23d place(zoom, 0, side - x * zoom, 0, zoom, side - y * zoom);
            cv::Mat big;
            cv::Mat small;
            cv::Mat mirrored;
            cv::warpAffine(grey, big, place, cv::Size(2 * side, 2 * side), cv::INTER_LINEAR,
                           cv::BORDER_REPLICATE);
            cv::resize(big, small, cv::Size(side, side), 0, 0, cv::INTER_AREA);
            cv::GaussianBlur(small, small, cv::Size(0, 0), 1.0);
            cv::flip(small, mirrored, 1);
            add_gradients(hog, small, total);
            add_gradients(hog, mirrored, total);
        }
    }
    total /= std::max(cv::norm(total), 1e-6);
    cv::Mat projected = (total - mean) * matrix;
    projected /= std::max(cv::norm(projected), 1e-6);
    return std::vector<float>(projected.begin<float>(), projected.end<float>());
}

float similarity(const std::vector<float> &a, const std::vector<float> &b)
{
    float sum = 0;
    for (size_t i = 0; i < a.size() && i < b.size(); i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

} // namespace weft_face
