/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_DIAGNOSTICS_H
#define WEFT_PLAN_DIAGNOSTICS_H

/*
 * What is wrong with a file that a person wrote: each finding with its line, its column, a sentence
 * and, where there is one, what was probably meant. Findings are collected, so that one run shows
 * all of them. Running out of memory is remembered, so a checker asks once at its end. One thread
 * at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "base/text.h"

/* Nobody reads more at once; the rest is counted, not kept. */
enum { WEFT_DIAGNOSTICS_MAX = 100 };

enum weft_severity {
    WEFT_SEVERITY_ERROR,
    WEFT_SEVERITY_WARNING,
};

/* A place in the file, both counted from 1; line 0 = the file as a whole. Columns count characters,
 * not bytes. */
struct weft_location {
    uint32_t line;
    uint32_t column;
};

struct weft_diagnostic {
    enum weft_severity severity;
    struct weft_location at;
    char *message;
    char *suggestion; /* NULL = none */
};

/* All zeroes is empty. */
struct weft_diagnostics {
    char *file; /* as messages name it; NULL = "pipeline" */
    struct weft_diagnostic *items;
    size_t count;
    size_t errors; /* all of them, also those beyond the limit */
    size_t warnings;
    bool failed; /* out of memory */
};

/* file is copied. */
void weft_diagnostics_init(struct weft_diagnostics *diagnostics, const char *file);
void weft_diagnostics_fini(struct weft_diagnostics *diagnostics);
/* suggestion may be NULL; both are copied. */
void weft_diagnostics_add(struct weft_diagnostics *diagnostics, enum weft_severity severity,
                          struct weft_location at, const char *suggestion, const char *format, ...)
    WEFT_PRINTF(5, 6);
/* Orders the findings by place. */
void weft_diagnostics_sort(struct weft_diagnostics *diagnostics);

/* WEFT_OK where there is no error, INVALID_ARGUMENT with the first error's line (and how many more
 * there are), or OUT_OF_MEMORY. */
enum weft_status weft_diagnostics_status(const struct weft_diagnostics *diagnostics,
                                         struct weft_error **error) WEFT_MUST_CHECK;
/* "portrait.yaml:7:13: error: unknown key "modle"; did you mean "model"?", without line end. */
void weft_diagnostic_format(const struct weft_diagnostics *diagnostics,
                            const struct weft_diagnostic *diagnostic, struct weft_text *text);
/* All of them, a line each. */
void weft_diagnostics_format(const struct weft_diagnostics *diagnostics, struct weft_text *text);

#define cleanup_diagnostics WEFT_CLEANUP(weft_diagnostics_fini)

#endif
