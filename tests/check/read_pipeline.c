/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "plan/pipeline.h"

/* Reads a pipeline from the standard input, tells what is found and ends with 1 where it is
 * refused; for tests/check/pipelines. */
int main(void)
{
    static char text[1 << 20];
    size_t length = fread(text, 1, sizeof(text), stdin);
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, NULL);
    cleanup_pipeline struct weft_pipeline *pipeline = NULL;
    enum weft_status status = weft_pipeline_parse(text, length, &diagnostics, &pipeline, NULL);
    cleanup_text struct weft_text findings = {0};
    weft_diagnostics_format(&diagnostics, &findings);
    fputs(weft_text_string(&findings), stdout);
    return status == WEFT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
