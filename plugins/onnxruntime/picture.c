/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include "place.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct weft_image_library *opened; /* guarded by lock */

static enum weft_status open_module(struct weft_ort_reason *reason)
{
    char path[WEFT_PLACE_MAX];
    if (!weft_place_beside("image.so", path)) {
        return weft_ort_fail(reason, WEFT_FAILED_PRECONDITION,
                             "decode: image.so is not beside onnxruntime.so");
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        return weft_ort_fail(reason, WEFT_FAILED_PRECONDITION, "decode: %s", dlerror());
    }
    const struct weft_image_library *library = dlsym(module, WEFT_IMAGE_SYMBOL);
    if (library == NULL || library->abi != WEFT_IMAGE_ABI) {
        dlclose(module);
        return weft_ort_fail(reason, WEFT_FAILED_PRECONDITION,
                             "decode: %s is not the image module of ABI %d", path, WEFT_IMAGE_ABI);
    }
    opened = library;
    return WEFT_OK;
}

enum weft_status weft_picture_open(const struct weft_image_library **ret_library,
                                   struct weft_ort_reason *reason)
{
    pthread_mutex_lock(&lock);
    enum weft_status status = opened != NULL ? WEFT_OK : open_module(reason);
    if (status == WEFT_OK) {
        *ret_library = opened;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static bool fits(const struct weft_image *image, const struct weft_shape *wanted)
{
    return (wanted->dims[0] == -1 || wanted->dims[0] == (int64_t)image->height) &&
           (wanted->dims[1] == -1 || wanted->dims[1] == (int64_t)image->width);
}

enum weft_status weft_picture_decode(const struct weft_image_library *library,
                                     const struct weft_tensor *input,
                                     const struct weft_shape *wanted, struct weft_image *ret_image,
                                     struct weft_ort_reason *reason)
{
    struct weft_image image = {0};
    struct weft_image_reason words = {""};
    if (input->size_bytes < 4) {
        return weft_ort_fail(reason, WEFT_INVALID_ARGUMENT, "input \"%s\" has no element",
                             input->name);
    }
    /* Raw form: the one element follows its four bytes of length, which the host has checked. */
    enum weft_status status =
        library->decode((const uint8_t *)input->data + 4, input->size_bytes - 4, &image, &words);
    if (status != WEFT_OK) {
        return weft_ort_fail(reason, status, "input \"%s\": %s", input->name, words.text);
    }
    if (!fits(&image, wanted)) {
        weft_ort_fail(reason, WEFT_INVALID_ARGUMENT,
                      "input \"%s\": the picture is %u pixels wide and %u high, the network takes "
                      "%lld by %lld only",
                      input->name, image.width, image.height, (long long)wanted->dims[1],
                      (long long)wanted->dims[0]);
        library->fini(&image);
        return WEFT_INVALID_ARGUMENT;
    }
    *ret_image = image;
    return WEFT_OK;
}
