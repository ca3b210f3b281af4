/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

/* Bytes of a hostile peer. What is accepted must be writable, and say the same when read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void encode(const struct weft_envelope *envelope, struct weft_slice *ret_bytes)
{
    cleanup_slices struct weft_slices slices = {0};
    if (weft_envelope_encode(envelope, &slices, NULL) != WEFT_OK ||
        !weft_slices_join(&slices, ret_bytes)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    cleanup_slice struct weft_slice message = {0};
    struct weft_envelope envelope = {0};
    struct weft_envelope again = {0};
    cleanup_error struct weft_error *error = NULL;
    if (!weft_slice_copy(data, size_bytes, &message) ||
        weft_envelope_decode(&message, &envelope, &error) != WEFT_OK) {
        return 0;
    }
    cleanup_slice struct weft_slice first = {0};
    cleanup_slice struct weft_slice second = {0};
    encode(&envelope, &first);
    if (weft_envelope_decode(&first, &again, NULL) != WEFT_OK) {
        abort();
    }
    encode(&again, &second);
    if (first.size_bytes != second.size_bytes ||
        memcmp(first.data, second.data, first.size_bytes) != 0) {
        abort();
    }
    weft_message_free(envelope.message);
    weft_message_free(again.message);
    return 0;
}
