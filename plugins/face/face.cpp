/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model plugin "face": finds the person in a photograph, says who it is, and cuts her out.
 * Enrolment is a request with the parameter `enroll`, the id under which the person is to be known.
 */
#include <weft/model.h>

#include "embedding.h"
#include "finder.h"
#include "gallery.h"
#include "image.h"
#include "portrait.h"

#include <opencv2/imgproc.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

using namespace weft_face;

namespace
{

struct Model {
    const weft_model_host *host;
    weft_model_handle *handle;
    float threshold;
    bool keeps; /* whether enrolments outlive this process */
    std::mutex finding;
    Finder finder;
    Embedding embedding;
    Gallery gallery;

    Model(const weft_model_host *its_host, weft_model_handle *its_handle,
          const std::string &cascades, double least, const char *state)
        : host(its_host), handle(its_handle), threshold(static_cast<float>(least)),
          keeps(state != nullptr), finder(cascades),
          embedding(std::string(its_host->model_directory(its_handle)) + "/embedding.bin"),
          gallery(state == nullptr ? "" : state)
    {
    }
};

/* A failure with the status that the caller is to see. */
struct Failure : std::runtime_error {
    weft_status status;
    Failure(weft_status its_status, const std::string &text)
        : std::runtime_error(text), status(its_status)
    {
    }
};

const weft_model_option options[] = {
    {"cascades", WEFT_OPTION_STRING, "/usr/share/opencv4/haarcascades", 0, 0,
     "directory of OpenCV's cascades"},
    {"threshold", WEFT_OPTION_DOUBLE, "0.72", -1, 1,
     "the least cosine between two faces of one person"},
    {nullptr, WEFT_OPTION_BOOL, nullptr, 0, 0, nullptr},
};

const weft_tensor_spec inputs[] = {{"photo", WEFT_BYTES, {1, {1}}, false}};

const weft_tensor_spec outputs[] = {
    {"id", WEFT_BYTES, {1, {1}}, false},
    {"known_as", WEFT_BYTES, {1, {1}}, false},
    {"score", WEFT_FP32, {1, {1}}, false},
    {"box", WEFT_INT32, {1, {4}}, false},
    {"crop", WEFT_UINT8, {3, {crop_height, crop_width, 3}}, false},
    {"matte", WEFT_UINT8, {2, {crop_height, crop_width}}, false},
    {"embedding", WEFT_FP32, {1, {embedding_length}}, false},
    {"count", WEFT_INT32, {1, {1}}, false},
};

weft_status load(const weft_model_host *host, weft_model_handle *handle,
                 const weft_parameter *given, size_t, void **ret_model)
{
    try {
        /* Parallel loops of OpenCV would take the cores that the node has promised to other models.
         */
        cv::setNumThreads(1);
        auto model = std::make_unique<Model>(host, handle, given[0].string, given[1].number,
                                             host->state_directory(handle));
        host->set_generation(handle, model->gallery.generation());
        *ret_model = model.release();
        return WEFT_OK;
    } catch (const std::bad_alloc &) {
        return host->fail(handle, WEFT_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception &error) {
        return host->fail(handle, WEFT_FAILED_PRECONDITION, error.what());
    }
}

void metadata(const void *, weft_model_metadata *ret_metadata)
{
    *ret_metadata = {inputs, std::size(inputs), outputs, std::size(outputs), true, false};
}

cv::Mat decode(const weft_tensor &photo)
{
    /* The host has checked the raw form: one element, four bytes of length before it. */
    const auto *bytes = static_cast<const uint8_t *>(photo.data);
    struct Image : weft_image {
        Image() : weft_image{}
        {
        }
        Image(const Image &) = delete;
        Image &operator=(const Image &) = delete;
        ~Image()
        {
            weft_image_fini(this);
        }
    } image;
    weft_image_reason reason{};
    weft_status status = weft_image_decode(bytes + 4, photo.size_bytes - 4, &image, &reason);
    if (status != WEFT_OK) {
        throw Failure(status, std::string("the photo cannot be read: ") + reason.text);
    }
    return cv::Mat(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3,
                   image.pixels)
        .clone();
}

void give(weft_model_call *call, const char *name, const void *data, size_t size_bytes)
{
    if (!call->host->wanted(call, name)) {
        return;
    }
    for (const weft_tensor_spec &spec : outputs) {
        if (std::strcmp(spec.name, name) == 0) {
            void *to = call->host->output(call, name, spec.datatype, &spec.shape, size_bytes);
            if (to == nullptr) {
                throw std::bad_alloc();
            }
            std::memcpy(to, data, size_bytes);
        }
    }
}

void give_text(weft_model_call *call, const char *name, const std::string &text)
{
    std::string raw(4, '\0');
    for (size_t i = 0; i < 4; i++) {
        raw[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
    }
    raw += text;
    give(call, name, raw.data(), raw.size());
}

void give_up_if_asked(weft_model_call *call)
{
    if (call->host->cancelled(call)) {
        throw Failure(WEFT_CANCELLED, "cancelled");
    }
}

/* The id to enroll under, or nothing. */
std::string wanted_enrolment(const weft_model_call *call)
{
    for (size_t i = 0; i < call->parameters_count; i++) {
        const weft_parameter &parameter = call->parameters[i];
        if (std::strcmp(parameter.name, "enroll") != 0) {
            continue;
        }
        if (parameter.kind != WEFT_PARAMETER_STRING ||
            !id_acceptable({parameter.string, parameter.string_length})) {
            throw Failure(
                WEFT_INVALID_ARGUMENT,
                "the parameter 'enroll' must be an id: 1 to 256 bytes of text, and not 'unknown'");
        }
        return {parameter.string, parameter.string_length};
    }
    return "";
}

std::vector<cv::Rect2d> find_faces(Model &model, const cv::Mat &grey)
{
    std::lock_guard<std::mutex> held(model.finding); /* a cascade serves one thread at a time */
    std::vector<cv::Rect2d> faces = model.finder.find(grey);
    if (faces.empty()) {
        throw Failure(WEFT_FAILED_PRECONDITION,
                      "no face was found in the photo of " + std::to_string(grey.cols) + " x " +
                          std::to_string(grey.rows) +
                          " pixels; looked for upright faces seen from the front, a part of " +
                          std::to_string(smallest_part).substr(0, 4) +
                          " of the shorter side or larger");
    }
    return faces;
}

void put_into_gallery(Model &model, const std::string &id, size_t count,
                      const std::vector<float> &embedding)
{
    if (count != 1) {
        throw Failure(WEFT_FAILED_PRECONDITION,
                      "the photo shows " + std::to_string(count) +
                          " faces; to enroll somebody it must show exactly one");
    }
    try {
        model.host->set_generation(model.handle, model.gallery.enroll(id, embedding));
    } catch (const std::length_error &error) {
        throw Failure(WEFT_RESOURCE_EXHAUSTED, error.what());
    }
    if (!model.keeps) {
        model.host->log(model.handle, nullptr, WEFT_LOG_WARNING,
                        "enrolled without a state directory: forgotten when the node stops");
    }
}

/* Who it is by the gallery as it is now. */
Match recognise(Model &model, const std::vector<float> &embedding)
{
    Match match = model.gallery.find(embedding);
    if (match.id.empty() || match.score < model.threshold) {
        match.id = "unknown";
    }
    return match;
}

void answer(Model &model, weft_model_call *call)
{
    std::string enroll = wanted_enrolment(call);
    cv::Mat rgb = decode(call->inputs[0]);
    cv::Mat grey;
    cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
    give_up_if_asked(call);
    std::vector<cv::Rect2d> faces = find_faces(model, grey);
    give_up_if_asked(call);
    const cv::Rect2d &face = faces.front();
    std::vector<float> embedding = model.embedding.describe(grey, face);
    if (call->host->wanted(call, "crop") || call->host->wanted(call, "matte")) {
        Portrait portrait = cut_out(rgb, face);
        give(call, "crop", portrait.crop.ptr(), portrait.crop.total() * 3);
        give(call, "matte", portrait.matte.ptr(), portrait.matte.total());
    }
    give_up_if_asked(call); /* the last chance: from here an enrolment counts */
    Match match = recognise(model, embedding);
    std::string known_as = match.id;
    if (!enroll.empty()) {
        put_into_gallery(model, enroll, faces.size(), embedding);
        match = {enroll, similarity(embedding, embedding)};
    }
    const int32_t box[4] = {static_cast<int32_t>(std::lround(face.x)),
                            static_cast<int32_t>(std::lround(face.y)),
                            static_cast<int32_t>(std::lround(face.width)),
                            static_cast<int32_t>(std::lround(face.height))};
    const auto count = static_cast<int32_t>(faces.size());
    give_text(call, "id", match.id);
    give_text(call, "known_as", known_as);
    give(call, "score", &match.score, sizeof(match.score));
    give(call, "box", box, sizeof(box));
    give(call, "embedding", embedding.data(), embedding.size() * sizeof(float));
    give(call, "count", &count, sizeof(count));
}

void infer(void *opaque, weft_model_call *call)
{
    auto &model = *static_cast<Model *>(opaque);
    try {
        answer(model, call);
        call->host->complete(call, WEFT_OK, nullptr);
    } catch (const Failure &failure) {
        call->host->complete(call, failure.status, failure.what());
    } catch (const std::bad_alloc &) {
        call->host->complete(call, WEFT_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception &error) {
        call->host->complete(call, WEFT_INTERNAL, error.what());
    }
}

void unload(void *opaque)
{
    delete static_cast<Model *>(opaque);
}

} // namespace

extern "C" __attribute__((visibility("default")))
const struct weft_model_plugin weft_model_plugin = {
    WEFT_MODEL_ABI,
    0,
    "face",
    "1",
    "finds and recognises the person in a photograph, and cuts her out",
    options,
    load,
    metadata,
    infer,
    nullptr,
    unload,
};
