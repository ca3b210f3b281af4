/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_FACE_GALLERY_H
#define WEFT_FACE_GALLERY_H

/*
 * Who is known: one embedding per id, kept in a file of the host's state directory, so that it
 * survives a restart. Each enrolment counts the generation up. Owned by the plugin; any thread (one
 * lock inside). Throws std::exception.
 */

#include "embedding.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace weft_face
{

/* People of one gallery: at 512 bytes each a file of 5 MiB, and a search of a tenth of a
 * millisecond. */
constexpr size_t gallery_max = 10000;
/* Bytes of an id: room for any name in any script, and for a UUID many times over. */
constexpr size_t id_bytes_max = 256;

struct Match {
    std::string id;
    float score; /* the cosine; 0 where nobody is known */
};

class Gallery
{
  public:
    /* Reads directory's file, if there is one. An empty directory name keeps the gallery in memory
     * only. */
    explicit Gallery(const std::string &directory);

    /* The nearest person, whatever the distance; id is empty where nobody is known. */
    Match find(const std::vector<float> &embedding);
    /* Adds or replaces a person, writes the file, and returns the new generation. Who has exactly
     * this embedding under another id, which is the same photograph, is renamed. Throws
     * std::length_error where the gallery is full, std::runtime_error where the file cannot be
     * written; the gallery is then as it was. */
    uint64_t enroll(const std::string &id, const std::vector<float> &embedding);
    uint64_t generation();

  private:
    std::string path;
    std::mutex lock;
    uint64_t count = 1; /* the generation; 1 is an empty gallery */
    std::map<std::string, std::vector<float>> people;

    void read();
    void write(const std::map<std::string, std::vector<float>> &all, uint64_t generation) const;
};

/* Whether an id may be one: not empty, short enough, without control characters, and not the word
 * for nobody. */
bool id_acceptable(const std::string &id);

} // namespace weft_face

#endif
