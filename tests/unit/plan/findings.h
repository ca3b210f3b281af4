/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PLAN_FINDINGS_H
#define TESTS_UNIT_PLAN_FINDINGS_H

/* A file's text and what is found in it, for the stories of the room `plan`. The file is p.yaml. */

#include <string.h>

#include "plan/validate.h"
#include "support/story.h"

/* What is found is put into findings, a line each. */
static inline enum weft_status read_pipeline(const char *text, size_t length,
                                             struct weft_pipeline **ret_pipeline,
                                             struct weft_text *findings)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "p.yaml");
    enum weft_status status = weft_pipeline_parse(text, length, &diagnostics, ret_pipeline, NULL);
    weft_diagnostics_format(&diagnostics, findings);
    return status;
}

static inline struct weft_pipeline *good_pipeline(const char *text)
{
    cleanup_text struct weft_text findings = {0};
    struct weft_pipeline *pipeline = NULL;
    enum weft_status status = read_pipeline(text, strlen(text), &pipeline, &findings);
    if (status != WEFT_OK || findings.length > 0) {
        fail_msg("not accepted as it is:\n%s", weft_text_string(&findings));
    }
    return pipeline;
}

/* Refused with exactly these findings. */
static inline void refused_bytes(const char *text, size_t length, const char *expected)
{
    cleanup_text struct weft_text findings = {0};
    struct weft_pipeline *pipeline = NULL;
    assert_status(read_pipeline(text, length, &pipeline, &findings), WEFT_INVALID_ARGUMENT);
    assert_null(pipeline);
    assert_string_equal(weft_text_string(&findings), expected);
}

static inline void refused(const char *text, const char *expected)
{
    refused_bytes(text, strlen(text), expected);
}

/* A step `a` with these words in it, which is otherwise well: line 3 holds it. */
#define STEP(words) "pipeline: p\nsteps:\n  a: {model: m, " words "}\noutputs: {x: a.o}\n"

#endif
