/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void weft_diagnostics_init(struct weft_diagnostics *diagnostics, const char *file)
{
    *diagnostics = (struct weft_diagnostics){.file = file != NULL ? strdup(file) : NULL};
    diagnostics->failed = file != NULL && diagnostics->file == NULL;
}

void weft_diagnostics_fini(struct weft_diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        free(diagnostics->items[i].message);
        free(diagnostics->items[i].suggestion);
    }
    free(diagnostics->items);
    free(diagnostics->file);
    *diagnostics = (struct weft_diagnostics){0};
}

/* A finding may quote the file, and goes to a terminal: no control character gets through, and a
 * character that was cut in two goes wholly. */
static void make_printable(char *message, size_t capacity)
{
    size_t length = strlen(message);
    if (length + 1 == capacity) {
        while (length > 0 && !weft_utf8_valid(message, length)) {
            message[--length] = '\0';
        }
    }
    weft_text_make_printable(message);
}

void weft_diagnostics_add(struct weft_diagnostics *diagnostics, enum weft_severity severity,
                          struct weft_location at, const char *suggestion, const char *format, ...)
{
    *(severity == WEFT_SEVERITY_ERROR ? &diagnostics->errors : &diagnostics->warnings) += 1;
    if (diagnostics->count >= WEFT_DIAGNOSTICS_MAX) {
        return;
    }
    struct weft_diagnostic *items =
        realloc(diagnostics->items, (diagnostics->count + 1) * sizeof(*items));
    if (items == NULL) {
        diagnostics->failed = true;
        return;
    }
    diagnostics->items = items;
    va_list arguments;
    va_start(arguments, format);
    char message[1024];
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    make_printable(message, sizeof(message));
    struct weft_diagnostic item = {severity, at, strdup(message),
                                   suggestion != NULL ? strdup(suggestion) : NULL};
    if (item.message == NULL || (suggestion != NULL && item.suggestion == NULL)) {
        free(item.message);
        free(item.suggestion);
        diagnostics->failed = true;
        return;
    }
    items[diagnostics->count++] = item;
}

static int by_place(const void *left, const void *right)
{
    const struct weft_diagnostic *a = left;
    const struct weft_diagnostic *b = right;
    if (a->at.line != b->at.line) {
        return a->at.line < b->at.line ? -1 : 1;
    }
    return a->at.column < b->at.column ? -1 : a->at.column > b->at.column;
}

void weft_diagnostics_sort(struct weft_diagnostics *diagnostics)
{
    if (diagnostics->count > 1) {
        qsort(diagnostics->items, diagnostics->count, sizeof(*diagnostics->items), by_place);
    }
}

static const char *file_name(const struct weft_diagnostics *diagnostics)
{
    return diagnostics->file != NULL ? diagnostics->file : "pipeline";
}

enum weft_status weft_diagnostics_status(const struct weft_diagnostics *diagnostics,
                                         struct weft_error **error)
{
    if (diagnostics->failed) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < diagnostics->count; i++) {
        if (diagnostics->items[i].severity == WEFT_SEVERITY_ERROR) {
            cleanup_text struct weft_text text = {0};
            weft_diagnostic_format(diagnostics, &diagnostics->items[i], &text);
            return diagnostics->errors > 1
                       ? weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s (and %zu more)",
                                        weft_text_string(&text), diagnostics->errors - 1)
                       : weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s",
                                        weft_text_string(&text));
        }
    }
    /* Warnings may have taken all the room. */
    return diagnostics->errors == 0 ? WEFT_OK
                                    : weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s: %zu errors",
                                                     file_name(diagnostics), diagnostics->errors);
}

void weft_diagnostic_format(const struct weft_diagnostics *diagnostics,
                            const struct weft_diagnostic *diagnostic, struct weft_text *text)
{
    weft_text_append_string(text, file_name(diagnostics));
    if (diagnostic->at.line > 0) {
        weft_text_printf(text, ":%u:%u", diagnostic->at.line, diagnostic->at.column);
    }
    weft_text_printf(text, ": %s: %s",
                     diagnostic->severity == WEFT_SEVERITY_ERROR ? "error" : "warning",
                     diagnostic->message);
    if (diagnostic->suggestion != NULL) {
        weft_text_printf(text, "; did you mean \"%s\"?", diagnostic->suggestion);
    }
}

void weft_diagnostics_format(const struct weft_diagnostics *diagnostics, struct weft_text *text)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        weft_diagnostic_format(diagnostics, &diagnostics->items[i], text);
        weft_text_append_string(text, "\n");
    }
    size_t all = diagnostics->errors + diagnostics->warnings;
    if (all > diagnostics->count) {
        weft_text_printf(text, "%s: %zu more findings are not shown\n", file_name(diagnostics),
                         all - diagnostics->count);
    }
}
