/* SPDX-License-Identifier: Apache-2.0 */
#include "gallery.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace weft_face
{

/* The file: magic, generation, number of people, and for each the id's length, the id and the
 * embedding; numbers as this machine has them, since a gallery stays on its node. */
static const char magic[8] = {'W', 'E', 'F', 'T', 'W', 'H', 'O', '1'};
static constexpr size_t embedding_bytes = embedding_length * sizeof(float);

bool id_acceptable(const std::string &id)
{
    return !id.empty() && id.size() <= id_bytes_max && id != "unknown" &&
           std::none_of(id.begin(), id.end(),
                        [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

Gallery::Gallery(const std::string &directory)
{
    if (!directory.empty()) {
        path = directory + "/gallery.bin";
        read();
    }
}

template <typename T> static T take(std::ifstream &file)
{
    T value = 0;
    file.read(reinterpret_cast<char *>(&value), sizeof(value));
    return value;
}

void Gallery::read()
{
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        if (errno == ENOENT) {
            return;
        }
        throw std::runtime_error("cannot open the gallery " + path);
    }
    char head[sizeof(magic)] = {0};
    file.read(head, sizeof(head));
    count = take<uint64_t>(file);
    uint64_t number = take<uint64_t>(file);
    bool good = file && std::memcmp(head, magic, sizeof(magic)) == 0 && number <= gallery_max;
    for (uint64_t i = 0; good && i < number; i++) {
        uint32_t length = take<uint32_t>(file);
        good = file && length <= id_bytes_max;
        std::string id(good ? length : 0, '\0');
        std::vector<float> embedding(embedding_length);
        file.read(id.data(), static_cast<std::streamsize>(id.size()));
        file.read(reinterpret_cast<char *>(embedding.data()), embedding_bytes);
        good = good && file && id_acceptable(id);
        people[id] = std::move(embedding);
    }
    if (!good) {
        throw std::runtime_error("the gallery " + path +
                                 " is damaged; move it away to start with an empty one");
    }
}

template <typename T> static void put(std::string &bytes, const T &value)
{
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

static void write_file(const std::string &path, const std::string &bytes)
{
    int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = file >= 0;
    for (size_t done = 0; good && done < bytes.size();) {
        ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
        good = written > 0 || (written < 0 && errno == EINTR);
        done += written > 0 ? static_cast<size_t>(written) : 0;
    }
    good = good && fsync(file) == 0;
    std::string why = good ? "" : std::strerror(errno);
    if (file >= 0) {
        close(file);
    }
    if (!good) {
        throw std::runtime_error("cannot write the gallery " + path + ": " + why);
    }
}

void Gallery::write(const std::map<std::string, std::vector<float>> &all, uint64_t generation) const
{
    std::string bytes(magic, sizeof(magic));
    put(bytes, generation);
    put(bytes, static_cast<uint64_t>(all.size()));
    for (const auto &[id, embedding] : all) {
        put(bytes, static_cast<uint32_t>(id.size()));
        bytes += id;
        bytes.append(reinterpret_cast<const char *>(embedding.data()), embedding_bytes);
    }
    /* A new file in the old one's place: a crash leaves the one or the other. */
    write_file(path + ".new", bytes);
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0) {
        throw std::runtime_error("cannot write the gallery " + path + ": " + std::strerror(errno));
    }
    int directory =
        open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        (void)fsync(directory); /* where a file system has none, the rename is all there is */
        close(directory);
    }
}

Match Gallery::find(const std::vector<float> &embedding)
{
    std::lock_guard<std::mutex> held(lock);
    Match best{"", 0};
    for (const auto &[id, known] : people) {
        float score = similarity(embedding, known);
        if (best.id.empty() || score > best.score) {
            best = {id, score};
        }
    }
    return best;
}

uint64_t Gallery::enroll(const std::string &id, const std::vector<float> &embedding)
{
    std::lock_guard<std::mutex> held(lock);
    auto all = people;
    for (auto other = all.begin(); other != all.end();) {
        other = other->second == embedding ? all.erase(other) : std::next(other);
    }
    all[id] = embedding;
    if (all.size() > gallery_max) {
        throw std::length_error("the gallery is full (" + std::to_string(gallery_max) + " people)");
    }
    if (!path.empty()) {
        write(all, count + 1);
    }
    people = std::move(all);
    return ++count;
}

uint64_t Gallery::generation()
{
    std::lock_guard<std::mutex> held(lock);
    return count;
}

} // namespace weft_face
