/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_WIRE_CUT_H
#define TESTS_UNIT_WIRE_CUT_H

#include "support/story.h"
#include "wire/control.h"

/* Cut anywhere, an envelope is refused or (between fields) means less; it never crashes or leaks.
 */
static inline void cut_envelope_anywhere(const struct weft_slice *bytes)
{
    size_t refused = 0;
    for (size_t length = 0; length < bytes->size_bytes; length++) {
        cleanup_slice struct weft_slice cut = {0};
        assert_true(weft_slice_copy(bytes->data, length, &cut));
        struct weft_envelope back = {0};
        cleanup_error struct weft_error *error = NULL;
        if (weft_envelope_decode(&cut, &back, &error) == WEFT_OK) {
            weft_message_free(back.message);
        } else {
            assert_int_equal(weft_error_status(error), WEFT_INVALID_ARGUMENT);
            refused++;
        }
    }
    assert_true(refused > bytes->size_bytes - 40);
}

#endif
