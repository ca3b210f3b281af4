/* SPDX-License-Identifier: Apache-2.0 */
#include "face_host.h"

#include "support/plugin_host.h"
#include "support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct face_host {
    struct plugin_host *host;
};

struct face_host *face_host_open(const char *plugin, const char *model, const char *state,
                                 enum weft_status *ret_status)
{
    struct face_host *host = calloc(1, sizeof(*host));
    assert_non_null(host);
    const struct plugin_host_setup setup = {
        .plugin = plugin, .model_directory = model, .state_directory = state};
    host->host = plugin_host_open(&setup, ret_status);
    return host;
}

void face_host_close(struct face_host *host)
{
    plugin_host_close(host->host);
    free(host);
}

uint64_t face_host_generation(const struct face_host *host)
{
    return plugin_host_generation(host->host);
}

static void copy(const struct plugin_host_answer *from, const char *name, void *to,
                 size_t size_bytes)
{
    const struct plugin_host_output *made = plugin_host_output(from, name);
    assert_int_equal(made->size_bytes, size_bytes);
    memcpy(to, made->data, size_bytes);
}

static void copy_text(const struct plugin_host_answer *from, const char *name, char to[257])
{
    const struct plugin_host_output *made = plugin_host_output(from, name);
    assert_in_range(made->size_bytes, 5, 4 + 256);
    memcpy(to, (const char *)made->data + 4, made->size_bytes - 4);
}

static void read_answer(const struct plugin_host_answer *from, struct face_answer *ret_answer)
{
    copy_text(from, "id", ret_answer->id);
    copy_text(from, "known_as", ret_answer->known_as);
    copy(from, "score", &ret_answer->score, sizeof(ret_answer->score));
    copy(from, "box", ret_answer->box, sizeof(ret_answer->box));
    copy(from, "count", &ret_answer->count, sizeof(ret_answer->count));
    copy(from, "embedding", ret_answer->embedding, sizeof(ret_answer->embedding));
    copy(from, "matte", ret_answer->matte, sizeof(ret_answer->matte));
    copy(from, "crop", ret_answer->crop, sizeof(ret_answer->crop));
}

void face_host_ask(struct face_host *host, const void *photo, size_t size_bytes, const char *enroll,
                   struct face_answer *ret_answer)
{
    struct weft_tensor input = plugin_host_bytes("photo", photo, size_bytes);
    const struct weft_parameter parameter = {.name = "enroll",
                                             .kind = WEFT_PARAMETER_STRING,
                                             .string = enroll,
                                             .string_length = enroll == NULL ? 0 : strlen(enroll)};
    const struct plugin_host_request request = {.inputs = &input,
                                                .inputs_count = 1,
                                                .parameters = &parameter,
                                                .parameters_count = enroll == NULL ? 0 : 1};
    struct plugin_host_answer answer;
    plugin_host_ask(host->host, &request, &answer);
    memset(ret_answer, 0, sizeof(*ret_answer));
    ret_answer->status = answer.status;
    snprintf(ret_answer->reason, sizeof(ret_answer->reason), "%.500s", answer.reason);
    if (answer.status == WEFT_OK) {
        read_answer(&answer, ret_answer);
    }
    plugin_host_answer_fini(&answer);
    free((void *)input.data);
}
