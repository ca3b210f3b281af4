/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_FACE_EMBEDDING_H
#define WEFT_FACE_EMBEDDING_H

/*
 * Turns a face into a vector of length 1 by which a person is known again: histograms of oriented
 * gradients of the face and its mirror image, projected by a matrix that models/train/face.py
 * learned. Immutable after its making, so any thread may call describe. Throws cv::Exception or
 * std::exception.
 */

#include <opencv2/core.hpp>

#include <string>
#include <vector>

namespace weft_face
{

constexpr int embedding_length = 128;

class Embedding
{
  public:
    /* path is the matrix file ("embedding.bin"). */
    explicit Embedding(const std::string &path);

    std::vector<float> describe(const cv::Mat &grey, const cv::Rect2d &face) const;

  private:
    cv::Mat mean;   /* 1 x 576 */
    cv::Mat matrix; /* 576 x 128 */
};

/* The cosine between two embeddings. */
float similarity(const std::vector<float> &a, const std::vector<float> &b);

} // namespace weft_face

#endif
