/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_PROGRESS_H
#define WEFT_CLI_PROGRESS_H

/*
 * Shows on standard error how a request gets on: one line that is rewritten on a terminal, a line
 * for each step that began or ended elsewhere. It asks the node for the request's record about ten
 * times a second, and no more once the node has said that it keeps none. One thread.
 */

#include "client/client.h"

struct weft_progress {
    struct weft_client *client;
    const char *id;
    bool terminal;
    bool off;
    bool shown;     /* a line stands there that has to go */
    unsigned waits; /* calls of weft_progress_wait so far */
    uint32_t *told; /* of each step, elsewhere: what was said */
    size_t told_count;
};

void weft_progress_init(struct weft_progress *progress, struct weft_client *client, const char *id);
/* For weft_client_on_wait. */
void weft_progress_wait(void *progress);
/* Takes the line away. */
void weft_progress_fini(struct weft_progress *progress);

#endif
