/* SPDX-License-Identifier: Apache-2.0 */
#include "portrait.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>

namespace weft_face
{

/* GrabCut works at half the crop's size; the guided filter brings the edges of the full one back.
 */
static constexpr int coarse = 2;
static constexpr int grab_rounds = 5;
static constexpr uint64_t grab_seed = 20;
/* A sliver of background at the photograph's side is not taken for the shoulder that goes on. */
static constexpr int margin_columns = 14;
static constexpr int mirrored_rows_max = 40;
static constexpr int guide_radius = 6;
static constexpr double guide_epsilon = 2e-4;

/* The part of the crop that shows the photograph and not its mirrored margin. */
struct Frame {
    int left, right, bottom; /* right and bottom are excluded */
};

static cv::Mat cut_crop(const cv::Mat &rgb, const cv::Rect2d &face, int border, Frame *frame)
{
    double scale = crop_face / face.width;
    cv::Mat picture = rgb;
    double shrunk = std::min(1.0, scale);
    if (shrunk < 1.0) {
        cv::resize(rgb, picture, cv::Size(), shrunk, shrunk, cv::INTER_AREA);
    }
    double zoom = scale / shrunk;
    double left = crop_face_x - (face.x + face.width / 2) * scale;
    double top = crop_face_y - (face.y + face.height / 2) * scale;
    cv::Mat crop;
    cv::warpAffine(picture, crop, cv::Matx23d(zoom, 0, left, 0, zoom, top),
                   cv::Size(crop_width, crop_height), cv::INTER_CUBIC, border);
    auto within = [](double v, int most) {
        return static_cast<int>(std::clamp(v, 0.0, static_cast<double>(most)));
    };
    *frame = {within(std::ceil(left), crop_width),
              within(std::floor(left + rgb.cols * scale), crop_width),
              within(std::floor(top + rgb.rows * scale), crop_height)};
    /* Below the photograph clothes go on. A little of them keeps its texture if mirrored; more
     * would show that. */
    for (int y = frame->bottom; y < crop_height && frame->bottom >= crop_height - mirrored_rows_max;
         y++) {
        crop.row(2 * frame->bottom - 1 - y).copyTo(crop.row(y));
    }
    return crop;
}

/* What is known of a portrait before looking: u and v are in face widths from the face's middle. */
static uchar prior(double u, double v)
{
    double across = std::abs(u);
    bool face = u * u / (0.36 * 0.36) + v * v / (0.46 * 0.46) < 1;
    bool chest = v > 0.95 && across < 0.42;
    if (face || chest) {
        return cv::GC_FGD;
    }
    bool beside = across > (v < 0.1 ? 0.95 : 0.64) && v < 0.42;
    bool above = v < -1.0;
    bool far = across > 0.70 + 1.35 * std::max(0.0, v - 0.25) && v > -0.3;
    if (beside || above || far) {
        return cv::GC_BGD;
    }
    bool head = u * u / (0.60 * 0.60) + (v + 0.10) * (v + 0.10) / (0.86 * 0.86) < 1;
    bool shoulders = v > 0.62 && across < 0.45 + 1.25 * (v - 0.62);
    return head || shoulders ? cv::GC_PR_FGD : cv::GC_PR_BGD;
}

static cv::Mat grab(const cv::Mat &crop)
{
    cv::Mat small;
    cv::resize(crop, small, cv::Size(crop_width / coarse, crop_height / coarse), 0, 0,
               cv::INTER_AREA);
    cv::Mat mask(small.size(), CV_8U);
    for (int y = 0; y < mask.rows; y++) {
        for (int x = 0; x < mask.cols; x++) {
            mask.at<uchar>(y, x) = prior((x * coarse - crop_face_x) / crop_face,
                                         (y * coarse - crop_face_y) / crop_face);
        }
    }
    cv::Mat background;
    cv::Mat foreground;
    cv::setRNGSeed(grab_seed);
    cv::grabCut(small, mask, cv::Rect(), background, foreground, grab_rounds,
                cv::GC_INIT_WITH_MASK);
    return mask & 1; /* GC_FGD and GC_PR_FGD are odd */
}

/* Only the piece that the face belongs to, without holes. */
static cv::Mat one_piece(const cv::Mat &mask)
{
    cv::Mat opened;
    cv::morphologyEx(mask, opened, cv::MORPH_OPEN,
                     cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(5, 5)));
    cv::Mat labels;
    cv::connectedComponents(opened, labels, 4);
    int own = labels.at<int>(static_cast<int>(crop_face_y) / coarse,
                             static_cast<int>(crop_face_x) / coarse);
    cv::Mat person = labels == own;
    cv::Mat outside;
    cv::copyMakeBorder(~person, outside, 1, 0, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(255));
    cv::connectedComponents(outside, labels, 4);
    cv::Mat hole = labels(cv::Rect(1, 1, person.cols, person.rows)) != labels.at<int>(0, 0);
    return person | hole;
}

static cv::Mat box(const cv::Mat &m)
{
    cv::Mat out;
    cv::boxFilter(m, out, CV_32F, cv::Size(2 * guide_radius + 1, 2 * guide_radius + 1),
                  cv::Point(-1, -1), true, cv::BORDER_REFLECT);
    return out;
}

/* The guided filter (He, Sun, Tang 2010) with the grey crop as guide: soft edges that follow hair.
 */
static cv::Mat guided(const cv::Mat &crop, const cv::Mat &mask)
{
    cv::Mat grey;
    cv::Mat guide;
    cv::cvtColor(crop, grey, cv::COLOR_RGB2GRAY);
    grey.convertTo(guide, CV_32F, 1 / 255.0);
    cv::Mat mean = box(guide);
    cv::Mat mean_mask = box(mask);
    cv::Mat slope = (box(guide.mul(mask)) - mean.mul(mean_mask)) /
                    (box(guide.mul(guide)) - mean.mul(mean) + guide_epsilon);
    cv::Mat offset = mean_mask - slope.mul(mean);
    cv::Mat soft = box(slope).mul(guide) + box(offset);
    /* Steeper, and a little inwards: a thin rim of the old background is worse than a lost hair. */
    soft = (soft - 0.5) * 1.25 + 0.46;
    return cv::max(0.0, cv::min(1.0, soft));
}

/* Beyond the photograph's side the shoulder goes on downwards in a curve, beyond its lower edge
 * straight on. */
static void extend(cv::Mat &matte, cv::Mat &crop, const Frame &frame)
{
    for (int y = frame.bottom; y < crop_height && frame.bottom > 2; y++) {
        matte.row(frame.bottom - 3).copyTo(matte.row(y));
    }
    for (int step : {-1, 1}) {
        int end = step < 0 ? frame.left : frame.right - 1;
        if (end <= 0 || end >= crop_width - 1) {
            continue;
        }
        int inner = std::clamp(end - margin_columns * step, 0, crop_width - 1);
        int from = static_cast<int>(crop_face_y + 0.2 * crop_face);
        int edge = from;
        while (edge < crop_height && matte.at<float>(edge, inner) < 0.5F) {
            edge++;
        }
        /* Where the person ends within the photograph, nothing of her lies beyond it. */
        if (edge > crop_face_y + 1.3 * crop_face) {
            edge = 2 * crop_height;
        }
        cv::Mat cloth;
        cv::blur(crop.col(inner), cloth, cv::Size(1, 9));
        for (int x = inner; x >= 0 && x < crop_width; x += step) {
            cloth.copyTo(crop.col(x));
            double away = std::abs(x - inner) / crop_face;
            double border = edge + crop_face * (0.45 * away + 2.2 * away * away);
            for (int y = 0; y < crop_height; y++) {
                matte.at<float>(y, x) =
                    static_cast<float>(std::clamp((y - border) / 3.0 + 0.5, 0.0, 1.0));
            }
        }
    }
}

Portrait cut_out(const cv::Mat &rgb, const cv::Rect2d &face)
{
    Portrait portrait;
    Frame frame;
    portrait.crop = cut_crop(rgb, face, cv::BORDER_REPLICATE, &frame);
    /* GrabCut learns what is background better from a mirrored margin than from streaks. */
    cv::Mat mask = one_piece(grab(cut_crop(rgb, face, cv::BORDER_REFLECT, &frame)));
    cv::Mat full;
    mask.convertTo(full, CV_32F, 1 / 255.0);
    cv::resize(full, full, portrait.crop.size(), 0, 0, cv::INTER_LINEAR);
    cv::GaussianBlur(full, full, cv::Size(0, 0), 1.5);
    cv::Mat matte = guided(portrait.crop, full);
    extend(matte, portrait.crop, frame);
    matte.convertTo(portrait.matte, CV_8U, 255.0);
    return portrait;
}

} // namespace weft_face
