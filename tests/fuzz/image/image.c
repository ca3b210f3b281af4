/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <stdlib.h>

/* Bytes of a hostile client into the picture decoders: they answer with pixels or a reason, and
 * keep their limits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct weft_image image = {0};
    struct weft_image_reason reason;
    if (weft_image_decode(data, size_bytes, &image, &reason) == WEFT_OK) {
        if (image.width == 0 || image.height == 0 ||
            (uint64_t)image.width * image.height > WEFT_IMAGE_PIXELS_MAX) {
            abort();
        }
        volatile uint8_t last = image.pixels[(size_t)image.width * image.height * 3 - 1];
        (void)last;
        weft_image_fini(&image);
    }
    return 0;
}
