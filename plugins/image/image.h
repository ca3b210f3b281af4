/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_IMAGE_H
#define WEFT_IMAGE_H

/*
 * Pictures: JPEG and PNG bytes to upright 8-bit RGB pixels and back. Shared by the ONNX backend
 * (which opens `image.so` only for models that ask for decoding) and by the plugins that take or
 * give pictures; it links with nothing of Weft's. All functions block and may be called from any
 * thread at once. Bytes from outside are hostile: whatever they claim, memory stays within the
 * limits below and the answer is an error with a reason.
 *
 * What becomes of special pictures: the EXIF orientation is applied, so pixels are upright; grey
 * becomes equal RGB; transparent pixels are laid over white; 16-bit samples are scaled to 8; CMYK
 * is converted without a colour profile; of an animation the first picture counts. Other colour
 * profiles are ignored: everything is taken as sRGB.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* More pixels than any camera photograph in use; 192 MiB once decoded, and up to twice that while a
 * progressive JPEG is being read, which bounds what one request can cost. */
#define WEFT_IMAGE_PIXELS_MAX (64u * 1024u * 1024u)
/* The largest side that JPEG can express (ITU-T T.81, B.2.2), taken for PNG too. */
#define WEFT_IMAGE_SIDE_MAX 65500u
/* Scans of a progressive JPEG: encoders write about ten; each costs a pass over all pixels. */
#define WEFT_IMAGE_SCANS_MAX 100
/* The longest reason that a failure gives, terminator included. */
#define WEFT_IMAGE_REASON_MAX 200

/* width * height pixels of R, G, B, row after row without gaps. */
struct weft_image {
    uint32_t width;
    uint32_t height;
    uint8_t *pixels; /* owned; released by weft_image_fini */
};

/* Why something failed: one sentence in lower case, always terminated. */
struct weft_image_reason {
    char text[WEFT_IMAGE_REASON_MAX];
};

/* Decodes a JPEG or PNG. INVALID_ARGUMENT where the bytes are neither, or broken or cut short;
 * RESOURCE_EXHAUSTED where a limit is passed; OUT_OF_MEMORY. *ret_image is untouched on failure;
 * reason may be NULL. */
enum weft_status weft_image_decode(const void *data, size_t size_bytes,
                                   struct weft_image *ret_image,
                                   struct weft_image_reason *reason) WEFT_MUST_CHECK;

/* Encode pixels [height, width, 3]. The bytes depend on the pixels only (no time, no text);
 * *ret_data is the caller's to free(). INVALID_ARGUMENT where a side is 0 or too large, or the
 * quality is not in 1..100. */
enum weft_status weft_image_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                       uint8_t **ret_data, size_t *ret_size_bytes,
                                       struct weft_image_reason *reason) WEFT_MUST_CHECK;
enum weft_status weft_image_encode_jpeg(const uint8_t *pixels, uint32_t width, uint32_t height,
                                        int quality, uint8_t **ret_data, size_t *ret_size_bytes,
                                        struct weft_image_reason *reason) WEFT_MUST_CHECK;

void weft_image_fini(struct weft_image *image);

/* The functions as a table, for those who open `image.so` at run time and look up
 * WEFT_IMAGE_SYMBOL. */
#define WEFT_IMAGE_ABI 1
#define WEFT_IMAGE_SYMBOL "weft_image_library"

struct weft_image_library {
    uint32_t abi; /* WEFT_IMAGE_ABI */
    enum weft_status (*decode)(const void *data, size_t size_bytes, struct weft_image *ret_image,
                               struct weft_image_reason *reason);
    enum weft_status (*encode_png)(const uint8_t *pixels, uint32_t width, uint32_t height,
                                   uint8_t **ret_data, size_t *ret_size_bytes,
                                   struct weft_image_reason *reason);
    enum weft_status (*encode_jpeg)(const uint8_t *pixels, uint32_t width, uint32_t height,
                                    int quality, uint8_t **ret_data, size_t *ret_size_bytes,
                                    struct weft_image_reason *reason);
    void (*fini)(struct weft_image *image);
};

extern const struct weft_image_library weft_image_library;

#ifdef __cplusplus
}
#endif
#endif
