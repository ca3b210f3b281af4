/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/error.h>

/* Longer sentences are cut: an error is read by people, and its text may repeat what a client sent.
 */
enum { MESSAGE_SIZE_MAX = 2048 };

/* Deeper chains say nothing more to a reader; further wraps keep the newest sentence and the root.
 */
enum { CAUSES_MAX = 16 };

struct weft_error {
    atomic_uint references; /* 0 = static, never freed */
    enum weft_status status;
    char *message;
    char *hint;
    char *pipeline, *step, *node;
    uint32_t attempt;
    struct weft_error *cause;
};

static struct weft_error out_of_memory = {
    .status = WEFT_OUT_OF_MEMORY,
    .message = (char[]){"out of memory"},
};

/* One for each status, for an error whose words could not be allocated. */
static struct weft_error wordless[] = {
#define WORDLESS(name, number, grpc, http, words)                                                  \
    [(number)] = {.status = WEFT_##name, .message = (char[]){words}},
    WEFT_STATUS_TABLE(WORDLESS)
#undef WORDLESS
};

static bool is_static(const struct weft_error *error)
{
    return atomic_load_explicit(&error->references, memory_order_relaxed) == 0;
}

struct weft_error *weft_error_ref(struct weft_error *error)
{
    if (error != NULL && !is_static(error)) {
        atomic_fetch_add_explicit(&error->references, 1, memory_order_relaxed);
    }
    return error;
}

void weft_error_unref(struct weft_error *error)
{
    while (error != NULL && !is_static(error) &&
           atomic_fetch_sub_explicit(&error->references, 1, memory_order_acq_rel) == 1) {
        struct weft_error *cause = error->cause;
        free(error->message);
        free(error->hint);
        free(error->pipeline);
        free(error->step);
        free(error->node);
        free(error);
        error = cause;
    }
}

static char *format_message(const char *format, va_list arguments)
{
    char text[MESSAGE_SIZE_MAX];
    if (vsnprintf(text, sizeof(text), format, arguments) < 0) {
        return NULL;
    }
    return strdup(text);
}

static int depth(const struct weft_error *error)
{
    int count = 0;
    for (; error != NULL; error = error->cause) {
        count++;
    }
    return count;
}

/* Takes cause. */
static struct weft_error *error_new(enum weft_status status, struct weft_error *cause,
                                    const char *format, va_list arguments)
{
    struct weft_error *error = calloc(1, sizeof(*error));
    char *message = format_message(format, arguments);
    if (error == NULL || message == NULL) {
        free(error);
        free(message);
        return cause != NULL ? cause : &wordless[status];
    }
    atomic_init(&error->references, 1);
    error->status = status;
    error->message = message;
    if (depth(cause) >= CAUSES_MAX) {
        struct weft_error *shorter = weft_error_ref(cause->cause);
        weft_error_unref(cause);
        cause = shorter;
    }
    error->cause = cause;
    return error;
}

enum weft_status weft_error_set(struct weft_error **error, enum weft_status status,
                                const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    va_list arguments;
    va_start(arguments, format);
    *error = error_new(status, *error, format, arguments);
    va_end(arguments);
    return status;
}

enum weft_status weft_error_wrap(struct weft_error **error, enum weft_status status,
                                 const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    if (*error != NULL) {
        status = (*error)->status;
    }
    va_list arguments;
    va_start(arguments, format);
    *error = error_new(status, *error, format, arguments);
    va_end(arguments);
    return status;
}

enum weft_status weft_error_set_out_of_memory(struct weft_error **error)
{
    if (error != NULL) {
        weft_error_unref(*error);
        *error = &out_of_memory;
    }
    return WEFT_OUT_OF_MEMORY;
}

void weft_error_set_hint(struct weft_error **error, const char *format, ...)
{
    if (error == NULL || *error == NULL || is_static(*error)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    char *hint = format_message(format, arguments);
    va_end(arguments);
    if (hint != NULL) {
        free((*error)->hint);
        (*error)->hint = hint;
    }
}

static void fill(char **part, const char *known, const char *text)
{
    if (known == NULL && text != NULL && text[0] != '\0') {
        *part = strdup(text); /* without memory the place stays unnamed; the error itself is kept */
    }
}

void weft_error_set_place(struct weft_error **error, const struct weft_error_place *place)
{
    if (error == NULL || *error == NULL || is_static(*error)) {
        return;
    }
    struct weft_error_place known = weft_error_place(*error);
    fill(&(*error)->pipeline, known.pipeline, place->pipeline);
    fill(&(*error)->step, known.step, place->step);
    fill(&(*error)->node, known.node, place->node);
    if (known.attempt == 0) {
        (*error)->attempt = place->attempt;
    }
}

enum weft_status weft_error_status(const struct weft_error *error)
{
    return error == NULL ? WEFT_OK : error->status;
}

const char *weft_error_message(const struct weft_error *error)
{
    return error == NULL ? weft_status_words(WEFT_OK) : error->message;
}

const char *weft_error_hint(const struct weft_error *error)
{
    for (; error != NULL; error = error->cause) {
        if (error->hint != NULL) {
            return error->hint;
        }
    }
    return NULL;
}

const struct weft_error *weft_error_cause(const struct weft_error *error)
{
    return error == NULL ? NULL : error->cause;
}

struct weft_error_place weft_error_place(const struct weft_error *error)
{
    struct weft_error_place place = {0};
    for (; error != NULL; error = error->cause) {
        place.pipeline = error->pipeline != NULL ? error->pipeline : place.pipeline;
        place.step = error->step != NULL ? error->step : place.step;
        place.node = error->node != NULL ? error->node : place.node;
        place.attempt = error->attempt != 0 ? error->attempt : place.attempt;
    }
    return place;
}

size_t weft_error_format(const struct weft_error *error, char *text, size_t capacity)
{
    size_t length = 0;
    if (capacity > 0) {
        text[0] = '\0';
    }
    for (; error != NULL; error = error->cause) {
        size_t room = length < capacity ? capacity - length : 0;
        int written = snprintf(room > 0 ? text + length : NULL, room, "%s%s", error->message,
                               error->cause != NULL ? ": " : "");
        length += written > 0 ? (size_t)written : 0;
    }
    return length;
}

/* Appends as snprintf does; *length may pass capacity. */
WEFT_PRINTF(4, 5)
static void append(char *text, size_t capacity, size_t *length, const char *format, ...)
{
    size_t room = *length < capacity ? capacity - *length : 0;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(room > 0 ? text + *length : NULL, room, format, arguments);
    va_end(arguments);
    *length += written > 0 ? (size_t)written : 0;
}

size_t weft_error_format_whole(const struct weft_error *error, char *text, size_t capacity)
{
    size_t length = weft_error_format(error, text, capacity);
    struct weft_error_place place = weft_error_place(error);
    const char *const parts[][2] = {
        {"pipeline", place.pipeline}, {"step", place.step}, {"node", place.node}};
    const char *separator = " (";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i][1] != NULL) {
            append(text, capacity, &length, "%s%s \"%s\"", separator, parts[i][0], parts[i][1]);
            separator = ", ";
        }
    }
    if (place.attempt != 0 && separator[0] == ',') {
        append(text, capacity, &length, ", attempt %u", (unsigned)place.attempt);
    }
    if (separator[0] == ',') {
        append(text, capacity, &length, ")");
    }
    if (weft_error_hint(error) != NULL) {
        append(text, capacity, &length, "; %s", weft_error_hint(error));
    }
    return length;
}
