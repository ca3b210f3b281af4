/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

/*
 * cmocka with what it needs before it, and asserts in Weft's own words. Every test file includes
 * this and nothing else of cmocka.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Needs those above. */
#include <cmocka.h>

#include <weft/error.h>
#include <weft/status.h>

/* Holds when the status is WEFT_OK; says the error's whole chain otherwise. */
#define assert_ok(status_expression, error)                                                        \
    do {                                                                                           \
        enum weft_status status_seen_ = (status_expression);                                       \
        if (status_seen_ != WEFT_OK) {                                                             \
            char text_[1024];                                                                      \
            weft_error_format((error), text_, sizeof(text_));                                      \
            fail_msg("%s: %s: %s", #status_expression, weft_status_name(status_seen_), text_);     \
        }                                                                                          \
    } while (0)

#define assert_status(status_expression, expected)                                                 \
    assert_string_equal(weft_status_name(status_expression), weft_status_name(expected))

#endif
