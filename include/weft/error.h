/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

/*
 * An error: a status, a sentence, a hint, the place in the job it belongs to, and the error that
 * caused it. Functions that can fail return a status and take `struct weft_error **error` as their
 * last parameter; NULL means that the caller wants the status only. On success *error is untouched.
 * Errors are reference-counted and, once handed on, not changed any more except by their one owner;
 * different errors may be used on different threads at once.
 *
 * Out of memory while an error is being made loses the words, never the status: a static error
 * takes its place.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_error;

/* Where in a job an error belongs. Empty strings are NULL; attempt counts from 1, 0 means none. */
struct weft_error_place {
    const char *pipeline;
    const char *step;
    const char *node;
    uint32_t attempt;
};

/* Makes an error and stores it in *error (NULL is fine; an older error there becomes its cause).
 * Returns status, so that `return weft_error_set(error, ...)` is the idiom. */
enum weft_status weft_error_set(struct weft_error **error, enum weft_status status,
                                const char *format, ...) WEFT_PRINTF(3, 4) WEFT_COLD;

/* Puts a sentence in front of *error, which becomes the cause; the status stays. Returns that
 * status. Without an error object to wrap (error is NULL or *error is NULL) it returns `status`. */
enum weft_status weft_error_wrap(struct weft_error **error, enum weft_status status,
                                 const char *format, ...) WEFT_PRINTF(3, 4) WEFT_COLD;

/* Adds what the user can do about it, one sentence. Nothing happens if there is no error object. */
void weft_error_set_hint(struct weft_error **error, const char *format, ...)
    WEFT_PRINTF(2, 3) WEFT_COLD;

/* Fills in those parts of the place that are not yet known; what was said closer to the cause wins.
 */
void weft_error_set_place(struct weft_error **error,
                          const struct weft_error_place *place) WEFT_COLD;

/* Out of memory, without allocating. Returns WEFT_OUT_OF_MEMORY. */
enum weft_status weft_error_set_out_of_memory(struct weft_error **error) WEFT_COLD;

struct weft_error *weft_error_ref(struct weft_error *error);
/* NULL is fine. */
void weft_error_unref(struct weft_error *error);

/* WEFT_OK for NULL. */
enum weft_status weft_error_status(const struct weft_error *error);
/* This error's own sentence, without its causes; never NULL. */
const char *weft_error_message(const struct weft_error *error);
/* NULL if there is none. The nearest hint of the chain. */
const char *weft_error_hint(const struct weft_error *error);
/* The next error of the chain, borrowed; NULL at its end. */
const struct weft_error *weft_error_cause(const struct weft_error *error);
/* The place of the whole chain: each part from the error nearest to the root cause that knows it.
 */
struct weft_error_place weft_error_place(const struct weft_error *error);
/* Writes "sentence: cause: cause" into text of capacity bytes, always terminated. Returns the
 * length that the whole needs, as snprintf does. */
size_t weft_error_format(const struct weft_error *error, char *text, size_t capacity);
/* The same with the place and the hint behind it, for those who get one text and nothing else:
 * `sentence: cause (pipeline "p", step "s", node "n", attempt 1); hint`. */
size_t weft_error_format_whole(const struct weft_error *error, char *text, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
