/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "node/cluster.h"

/* Reads a cluster file from the standard input, tells what is found and ends with 1 where it is
 * refused; for tests/check/clusters. */
int main(void)
{
    static char text[1 << 20];
    text[fread(text, 1, sizeof(text) - 1, stdin)] = '\0';
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, NULL);
    cleanup_cluster struct weft_cluster *cluster = NULL;
    enum weft_status status =
        weft_cluster_parse("cluster.yaml", text, &diagnostics, &cluster, NULL);
    cleanup_text struct weft_text findings = {0};
    weft_diagnostics_format(&diagnostics, &findings);
    fputs(weft_text_string(&findings), stdout);
    return status == WEFT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
