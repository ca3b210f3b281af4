/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "wire/gzip.h"

/* The first byte says the coding and the size of the pieces, the rest is a body. Whatever it is,
 * the limit holds; and the rest, coded by us, comes back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

enum { LIMIT_BYTES = 1024 * 1024 };

static enum weft_status inflated(enum weft_coding coding, const struct weft_slice *body,
                                 size_t step_bytes, struct weft_slices *slices)
{
    cleanup_inflate struct weft_inflate *inflate = weft_inflate_new(coding, LIMIT_BYTES);
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = inflate != NULL ? WEFT_OK : WEFT_OUT_OF_MEMORY;
    for (size_t at = 0; status == WEFT_OK && at < body->size_bytes; at += step_bytes) {
        size_t part = body->size_bytes - at < step_bytes ? body->size_bytes - at : step_bytes;
        status = weft_inflate_feed(inflate, body->data + at, part, &error);
    }
    if (status == WEFT_OK) {
        status = weft_inflate_finish(inflate, slices, &error);
    }
    return status;
}

static void there_and_back(enum weft_coding coding, const struct weft_slice *body)
{
    cleanup_slices struct weft_slices coded = {0};
    cleanup_slices struct weft_slices plain = {0};
    cleanup_slice struct weft_slice whole = {0};
    cleanup_slice struct weft_slice seen = {0};
    if (weft_deflate(coding, 1, body, 1, &coded, NULL) != WEFT_OK ||
        !weft_slices_join(&coded, &whole) || inflated(coding, &whole, 1000, &plain) != WEFT_OK ||
        !weft_slices_join(&plain, &seen) || seen.size_bytes != body->size_bytes ||
        (seen.size_bytes > 0 && memcmp(seen.data, body->data, seen.size_bytes) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 1) {
        return 0;
    }
    enum weft_coding coding = data[0] & 1 ? WEFT_CODING_GZIP : WEFT_CODING_DEFLATE;
    struct weft_slice body = weft_slice_static(data + 1, size_bytes - 1);
    cleanup_slices struct weft_slices slices = {0};
    if (inflated(coding, &body, (size_t)(data[0] >> 1) + 1, &slices) == WEFT_OK &&
        weft_slices_size_bytes(&slices) > LIMIT_BYTES) {
        abort();
    }
    if (body.size_bytes > 0) {
        there_and_back(coding, &body);
    }
    (void)weft_coding_choose((const char *)data, size_bytes);
    return 0;
}
