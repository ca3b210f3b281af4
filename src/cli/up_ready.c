/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "cli/up.h"

/* A gateway that is ready answers within its turn of the loop; one that hangs must not hold us up.
 */
enum { ANSWER_TIMEOUT_MS = 500 };

static void keep_reason(struct up *up, const struct weft_error *error)
{
    char sentence[1024];
    weft_error_format(error, sentence, sizeof(sentence));
    free(up->not_ready);
    up->not_ready = strdup(sentence);
}

static bool ask(struct up *up, const char *target)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text answer = {0};
    enum weft_status status = WEFT_OK;
    if (up->client == NULL) {
        const char *address = up->cluster->nodes[up->cluster->gateway].listen;
        status = weft_client_new(address, &up->client, &error);
    }
    if (status == WEFT_OK) {
        status =
            weft_client_http(up->client, "GET", target, NULL, ANSWER_TIMEOUT_MS, &answer, &error);
    }
    if (status != WEFT_OK) {
        keep_reason(up, error);
    }
    return status == WEFT_OK;
}

static bool nodes_are_ready(const struct up *up)
{
    bool all = true;
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        all = all && up->children[i].ready;
    }
    return all;
}

/* Names are as in URLs of OIP; those that need it are escaped (RFC 3986, section 2.1). */
static void append_escaped(struct weft_text *text, const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL;
        weft_text_printf(text, plain ? "%c" : "%%%02X", byte);
    }
}

static bool pipelines_are_ready(struct up *up)
{
    bool all = true;
    for (size_t i = 0; i < up->pipelines_count; i++) {
        if (!up->pipelines_ready[i]) {
            cleanup_text struct weft_text target = {0};
            weft_text_append_string(&target, "/v2/models/");
            append_escaped(&target, up->pipelines[i]);
            weft_text_append_string(&target, "/ready");
            up->pipelines_ready[i] = !target.failed && ask(up, weft_text_string(&target));
        }
        all = all && up->pipelines_ready[i];
    }
    return all;
}

bool up_is_ready(struct up *up)
{
    if (!nodes_are_ready(up) || !pipelines_are_ready(up)) {
        return false;
    }
    weft_client_free(steal(&up->client));
    return true;
}
