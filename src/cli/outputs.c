/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outputs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/numbers.h"
#include "cli/picture.h"
#include "client/files.h"

/* --- to files --- */

static enum weft_status unknown_output(const char *name, const struct weft_model_info *info,
                                       struct weft_error **error)
{
    const char *names[WEFT_VALUES_MAX];
    cleanup_text struct weft_text list = {0};
    for (size_t i = 0; i < info->outputs_count; i++) {
        names[i] = info->outputs[i].name;
        weft_text_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    }
    const char *near = weft_suggest(name, names, info->outputs_count);
    weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" has no output \"%s\"", info->name, name);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    } else {
        weft_error_set_hint(error, "its outputs are %s", weft_text_string(&list));
    }
    return WEFT_INVALID_ARGUMENT;
}

static enum weft_status no_picture(const char *name, enum weft_datatype datatype,
                                   const struct weft_shape *shape, const char *path,
                                   struct weft_error **error)
{
    char text[128];
    weft_shape_format(shape, text, sizeof(text));
    weft_error_set(error, WEFT_INVALID_ARGUMENT,
                   "output \"%s\" is %s %s and no picture (UINT8 [height,width,3]), so it can't be "
                   "written to %s",
                   name, weft_datatype_name(datatype), text, path);
    weft_error_set_hint(error, "a file with another ending gets the raw elements");
    return WEFT_INVALID_ARGUMENT;
}

static enum weft_status foreign_picture(const char *name, const char *path,
                                        struct weft_error **error)
{
    weft_error_set(error, WEFT_INVALID_ARGUMENT,
                   "output \"%s\" can't be written to %s: pictures are written as .png and .jpg",
                   name, path);
    weft_error_set_hint(error, "a file with another ending, as .raw, gets the raw elements");
    return WEFT_INVALID_ARGUMENT;
}

/* Known before anything runs: encoded media (BYTES) and pictures may be written to a picture's
 * file. */
static bool may_be_picture(const struct weft_model_tensor *tensor)
{
    return tensor->datatype == WEFT_BYTES ||
           (tensor->datatype == WEFT_UINT8 && tensor->shape.rank == 3 &&
            (tensor->shape.dims[2] == 3 || tensor->shape.dims[2] < 0));
}

enum weft_status weft_output_file_parse(const char *argument, const struct weft_model_info *info,
                                        struct weft_output_file *ret_file,
                                        struct weft_error **error)
{
    const char *equals = strchr(argument, '=');
    const struct weft_model_tensor *tensor = NULL;
    if (equals == NULL || equals == argument || equals[1] == '\0') {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "an output is written NAME=FILE, not \"%s\"", argument);
    }
    cleanup_free char *name = strndup(argument, (size_t)(equals - argument));
    if (name == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < info->outputs_count; i++) {
        tensor = strcmp(info->outputs[i].name, name) == 0 ? &info->outputs[i] : tensor;
    }
    if (tensor == NULL) {
        return unknown_output(name, info, error);
    }
    if (weft_picture_is_named(equals + 1) && !may_be_picture(tensor)) {
        return no_picture(name, tensor->datatype, &tensor->shape, equals + 1, error);
    }
    if (weft_picture_is_foreign(equals + 1) && tensor->datatype != WEFT_BYTES) {
        return foreign_picture(name, equals + 1, error);
    }
    *ret_file = (struct weft_output_file){steal(&name), equals + 1};
    return WEFT_OK;
}

enum weft_status weft_output_path_check(const char *path, struct weft_error **error)
{
    struct stat about;
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory =
        slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + (slash == path));
    if (directory == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    bool exists = stat(path, &about) == 0;
    if (exists && S_ISDIR(about.st_mode)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s is a directory; name a file to write", path);
    }
    /* What is no regular file (a device, a pipe) is written to as it stands, else a new file takes
     * the place of an old one. */
    bool written_into = exists && !S_ISREG(about.st_mode);
    const char *place = written_into ? path : directory;
    if (!written_into && stat(directory, &about) == 0 && !S_ISDIR(about.st_mode)) {
        return weft_error_set(error, WEFT_NOT_FOUND, "can't write %s: %s is no directory", path,
                              directory);
    }
    if (access(place, written_into ? W_OK : W_OK | X_OK) == 0) {
        return WEFT_OK;
    }
    return weft_error_set(error, errno == ENOENT ? WEFT_NOT_FOUND : WEFT_PERMISSION_DENIED,
                          "can't write %s: %s: %s", path, place, strerror(errno));
}

enum weft_status weft_output_write(const struct weft_value *value,
                                   const struct weft_output_file *file, struct weft_error **error)
{
    const void *data = weft_value_data(value);
    size_t size_bytes = weft_value_size_bytes(value);
    enum weft_status status = WEFT_OK;
    const void *second = NULL;
    size_t second_bytes = 0;
    if (weft_value_datatype(value) == WEFT_BYTES) {
        /* One element is the file; several stay in the raw form, which says their lengths. */
        if (!weft_value_bytes_at(value, 1, &second, &second_bytes) &&
            !weft_value_bytes_at(value, 0, &data, &size_bytes)) {
            size_bytes = 0;
        }
    } else if (weft_picture_is_named(file->path)) {
        status = weft_picture_is(value) ? weft_picture_write(value, file->path, error)
                                        : no_picture(file->name, weft_value_datatype(value),
                                                     weft_value_shape(value), file->path, error);
        return status == WEFT_OK ? status
                                 : weft_error_wrap(error, status, "output \"%s\"", file->name);
    }
    status = weft_file_write(file->path, data, size_bytes, 0666, error);
    return status == WEFT_OK ? status : weft_error_wrap(error, status, "output \"%s\"", file->name);
}

/* --- to the screen --- */

static uint64_t elements_of(const struct weft_value *value)
{
    uint64_t elements = 0;
    return weft_shape_elements(weft_value_shape(value), &elements) ? elements : 0;
}

static bool is_text(const struct weft_value *value, uint64_t elements)
{
    bool all = true;
    for (uint64_t i = 0; all && i < elements; i++) {
        const void *data = NULL;
        size_t size_bytes = 0;
        all = weft_value_bytes_at(value, i, &data, &size_bytes) &&
              weft_utf8_valid(data, size_bytes) &&
              (size_bytes == 0 || memchr(data, '\0', size_bytes) == NULL);
    }
    return all;
}

/* Text that a terminal takes as text: control characters become dots, lines stay. */
static void append_harmless(struct weft_text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        bool harmless = (byte >= ' ' && byte != 0x7F) || byte == '\n' || byte == '\t';
        weft_text_append(text, harmless ? &bytes[i] : ".", 1);
    }
}

static void append_elements(const struct weft_value *value, uint64_t elements, bool json,
                            struct weft_text *text)
{
    enum weft_datatype datatype = weft_value_datatype(value);
    size_t size = weft_datatype_size_bytes(datatype);
    for (uint64_t i = 0; i < elements; i++) {
        weft_text_append_string(text, i == 0 ? "" : json ? "," : " ");
        if (datatype != WEFT_BYTES) {
            size_t before = text->length;
            weft_number_format(datatype, (const uint8_t *)weft_value_data(value) + i * size, text);
            /* "nan" and "inf" are no JSON. */
            const char *number = weft_text_string(text) + before;
            if (json && !text->failed && (strstr(number, "nan") || strstr(number, "inf"))) {
                text->length = before;
                text->data[before] = '\0';
                weft_text_append_string(text, "null");
            }
            continue;
        }
        const void *data = NULL;
        size_t length = 0;
        if (!weft_value_bytes_at(value, i, &data, &length)) {
            return;
        }
        if (json) {
            weft_text_append_json(text, data, length);
        } else {
            append_harmless(text, data, length);
        }
    }
}

void weft_output_show(const char *name, const struct weft_value *value, const char *path,
                      struct weft_text *text)
{
    uint64_t elements = elements_of(value);
    size_t size_bytes = weft_value_size_bytes(value);
    char shape[128];
    bool fits = weft_value_datatype(value) == WEFT_BYTES
                    ? size_bytes <= WEFT_OUTPUT_TEXT_SHOWN_BYTES && is_text(value, elements)
                    : elements <= WEFT_OUTPUT_ELEMENTS_SHOWN;
    weft_text_printf(text, "%s: ", name);
    if (path == NULL && fits) {
        append_elements(value, elements, false, text);
        weft_text_append_string(text, "\n");
        return;
    }
    weft_shape_format(weft_value_shape(value), shape, sizeof(shape));
    weft_text_printf(text, "%s %s, %zu bytes", weft_datatype_name(weft_value_datatype(value)),
                     shape, size_bytes);
    if (path != NULL) {
        weft_text_printf(text, ", in %s\n", path);
    } else {
        weft_text_printf(text, " (--output %s=FILE writes it)\n", name);
    }
}

void weft_output_json(const char *name, const struct weft_value *value, const char *path,
                      struct weft_text *text)
{
    const struct weft_shape *shape = weft_value_shape(value);
    uint64_t elements = elements_of(value);
    weft_text_append_string(text, "{\"name\":");
    weft_text_append_json(text, name, strlen(name));
    weft_text_printf(text, ",\"datatype\":\"%s\",\"shape\":[",
                     weft_datatype_name(weft_value_datatype(value)));
    for (uint32_t i = 0; i < shape->rank; i++) {
        weft_text_printf(text, "%s%" PRId64, i > 0 ? "," : "", shape->dims[i]);
    }
    weft_text_printf(text, "],\"size_bytes\":%zu,\"file\":", weft_value_size_bytes(value));
    if (path != NULL) {
        weft_text_append_json(text, path, strlen(path));
    } else {
        weft_text_append_string(text, "null");
    }
    weft_text_append_string(text, ",\"data\":");
    if (path == NULL && elements <= WEFT_OUTPUT_ELEMENTS_JSON &&
        (weft_value_datatype(value) != WEFT_BYTES || is_text(value, elements))) {
        weft_text_append_string(text, "[");
        append_elements(value, elements, true, text);
        weft_text_append_string(text, "]}");
    } else {
        weft_text_append_string(text, "null}");
    }
}
