/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/picture.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "client/files.h"
#include "plugins/image/image.h"

/* What people take for "as good as the original"; who wants more writes PNG. */
enum { JPEG_QUALITY = 92 };

static bool ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path);
    size_t ending_length = strlen(ending);
    return length > ending_length && strcasecmp(path + length - ending_length, ending) == 0;
}

bool weft_picture_is_named(const char *path)
{
    return ends_in(path, ".png") || ends_in(path, ".jpg") || ends_in(path, ".jpeg");
}

bool weft_picture_is_foreign(const char *path)
{
    static const char *const endings[] = {".webp", ".gif",  ".bmp",  ".tif", ".tiff", ".ppm",
                                          ".avif", ".heic", ".heif", ".jxl", ".jp2",  ".svg"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (ends_in(path, endings[i])) {
            return true;
        }
    }
    return false;
}

bool weft_picture_is(const struct weft_value *value)
{
    const struct weft_shape *shape = weft_value_shape(value);
    return weft_value_datatype(value) == WEFT_UINT8 && shape->rank == 3 && shape->dims[2] == 3 &&
           shape->dims[0] > 0 && shape->dims[0] <= UINT32_MAX && shape->dims[1] > 0 &&
           shape->dims[1] <= UINT32_MAX;
}

/* --- the module --- */

static const struct weft_image_library *open_at(const char *path)
{
    /* Kept open: the program ends soon anyway, and its functions are in use until then. */
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct weft_image_library *library =
        module != NULL ? dlsym(module, WEFT_IMAGE_SYMBOL) : NULL;
    return library != NULL && library->abi == WEFT_IMAGE_ABI ? library : NULL;
}

static enum weft_status open_library(const struct weft_image_library **ret_library,
                                     struct weft_error **error)
{
    /* In a build, beside the program's folder or above it; installed, in ../lib. */
    static const char *const places[] = {"plugins", "../plugins", "../../plugins",
                                         "../lib/weft/plugins"};
    char program[PATH_MAX];
    char path[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    for (size_t i = 0; slash != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%.*s/%s/image.so", (int)(slash - program), program,
                 places[i]);
        if ((*ret_library = open_at(path)) != NULL) {
            return WEFT_OK;
        }
    }
    weft_error_set(error, WEFT_FAILED_PRECONDITION,
                   "the module image.so, which writes pictures, is not beside the program");
    weft_error_set_hint(error, "build it (plugins/image.so), or write the raw pixels to a file "
                               "that does not end in .png or .jpg");
    return WEFT_FAILED_PRECONDITION;
}

enum weft_status weft_picture_write(const struct weft_value *value, const char *path,
                                    struct weft_error **error)
{
    const struct weft_image_library *library = NULL;
    const struct weft_shape *shape = weft_value_shape(value);
    struct weft_image_reason reason = {""};
    cleanup_free uint8_t *data = NULL;
    size_t size_bytes = 0;
    enum weft_status status = open_library(&library, error);
    if (status != WEFT_OK) {
        return status;
    }
    uint32_t height = (uint32_t)shape->dims[0];
    uint32_t width = (uint32_t)shape->dims[1];
    status = ends_in(path, ".png")
                 ? library->encode_png(weft_value_data(value), width, height, &data, &size_bytes,
                                       &reason)
                 : library->encode_jpeg(weft_value_data(value), width, height, JPEG_QUALITY, &data,
                                        &size_bytes, &reason);
    return status == WEFT_OK
               ? weft_file_write(path, data, size_bytes, 0666, error)
               : weft_error_set(error, status, "the picture can't be encoded: %s", reason.text);
}
