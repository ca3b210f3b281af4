/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"
#include "wire/gzip.h"

enum {
    /* Less than a packet gains nothing. */
    COMPRESS_MIN_BYTES = 1024,
    /* Some 100 MB are compressed a second: whoever asks for more is better served with bytes. */
    COMPRESS_MAX_BYTES = 8 * 1024 * 1024,
    COMPRESS_LEVEL = 1,
};

/* --- its bytes: any thread --- */

static bool is_packed_already(const struct weft_value *value)
{
    static const char *const kinds[] = {"image/", "video/", "audio/", "application/zip",
                                        "application/gzip"};
    const char *type = weft_value_content_type(value);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(type, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The bytes of media that are compressed by nature. */
static size_t packed_bytes(const struct weft_oip_response *response)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < response->outputs.count; i++) {
        const struct weft_value *value = response->outputs.items[i].value;
        size_bytes += is_packed_already(value) ? weft_value_size_bytes(value) : 0;
    }
    return size_bytes;
}

/* Where the coding can't be applied, the body stays as it is. */
static enum weft_coding compress(enum weft_coding coding, const struct weft_oip_response *response,
                                 struct weft_slices *body)
{
    size_t size_bytes = weft_slices_size_bytes(body);
    struct weft_slices coded = {0};
    if (coding == WEFT_CODING_IDENTITY || size_bytes < COMPRESS_MIN_BYTES ||
        size_bytes > COMPRESS_MAX_BYTES || packed_bytes(response) > size_bytes / 2 ||
        weft_deflate(coding, COMPRESS_LEVEL, weft_slices_items(body), body->count, &coded, NULL) !=
            WEFT_OK) {
        return WEFT_CODING_IDENTITY;
    }
    weft_slices_fini(body);
    *body = coded;
    return coding;
}

static void encode(struct rest_infer *rest, const struct weft_values *outputs)
{
    struct weft_named_value items[WEFT_VALUES_MAX];
    struct weft_oip_response response;
    serve_infer_response(&rest->infer, outputs, items, &response);
    if (weft_oip_json_response_encode(&response, &rest->infer.request, &rest->answer,
                                      &rest->json_bytes, &rest->error) == WEFT_OK) {
        rest->coding = compress(rest->coding, &response, &rest->answer);
    }
}

/* --- the answer: the loop's thread --- */

static struct weft_http_field field(const char *name, const char *value)
{
    return (struct weft_http_field){
        .name = name,
        .value = value,
        .name_length = (uint32_t)strlen(name),
        .value_length = (uint32_t)strlen(value),
    };
}

static void conclude(struct rest_infer *rest)
{
    struct weft_http_field fields[3];
    char length[24];
    size_t count = 0;
    if (rest->error != NULL) {
        serve_rest_refuse(rest);
        return;
    }
    if (serve_hold_slices(rest->visit.entry->serve, &rest->infer, true,
                          weft_slices_items(&rest->answer), rest->answer.count,
                          &rest->error) != WEFT_OK) {
        serve_rest_refuse(rest);
        return;
    }
    bool binary = rest->json_bytes != WEFT_OIP_JSON_WHOLE;
    if (binary) {
        snprintf(length, sizeof(length), "%zu", rest->json_bytes);
        fields[count++] = field("inference-header-content-length", length);
    }
    if (rest->coding != WEFT_CODING_IDENTITY) {
        fields[count++] = field("content-encoding", weft_coding_name(rest->coding));
        fields[count++] = field("vary", "accept-encoding");
    }
    serve_respond(&rest->visit, 200, binary ? "application/octet-stream" : "application/json",
                  fields, count, weft_slices_items(&rest->answer), rest->answer.count);
    weft_slices_forget(&rest->answer);
    serve_rest_free(rest);
}

static void run(struct weft_job *job)
{
    struct rest_infer *rest = weft_list_entry(job, struct rest_infer, job);
    encode(rest, &rest->outputs);
}

static void encoded(struct weft_job *job, bool cancelled)
{
    struct rest_infer *rest = weft_list_entry(job, struct rest_infer, job);
    serve_rest_returned(rest, cancelled);
    conclude(rest);
}

/* Bytes that are written as text or compressed. */
static size_t work_bytes(const struct rest_infer *rest, const struct weft_values *outputs)
{
    const struct weft_oip_request *request = &rest->infer.request;
    bool coded = rest->coding != WEFT_CODING_IDENTITY;
    bool all_binary = request->outputs_count == 0 && request->binary_outputs;
    size_t bytes = 0;
    for (size_t i = 0; request->outputs_count == 0 && i < outputs->count; i++) {
        bytes += coded || !all_binary ? weft_value_size_bytes(outputs->items[i].value) : 0;
    }
    for (size_t i = 0; i < request->outputs_count; i++) {
        const struct weft_oip_output *wanted = &request->outputs[i];
        struct weft_value *value = weft_values_find(outputs, wanted->name);
        bytes += value != NULL && (coded || !wanted->binary) ? weft_value_size_bytes(value) : 0;
    }
    return bytes;
}

/* The engine's outputs and version are borrowed for this call only. */
static enum weft_status keep(struct rest_infer *rest, const struct weft_values *outputs,
                             struct weft_error **error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < outputs->count; i++) {
        bytes += weft_value_size_bytes(outputs->items[i].value);
    }
    enum weft_status held = serve_hold_answer(rest->visit.entry->serve, &rest->infer, bytes, error);
    if (held != WEFT_OK) {
        return held;
    }
    for (size_t i = 0; i < outputs->count; i++) {
        enum weft_status status =
            weft_values_add(&rest->outputs, outputs->items[i].name, outputs->items[i].value, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    free(rest->version);
    rest->version = strdup(rest->infer.version);
    rest->infer.version = rest->version;
    return rest->version != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
}

void serve_rest_answer(struct rest_infer *rest, const struct weft_values *outputs)
{
    const char *accepted = weft_exchange_header(rest->visit.exchange, "accept-encoding");
    rest->coding =
        accepted != NULL ? weft_coding_choose(accepted, strlen(accepted)) : WEFT_CODING_IDENTITY;
    if (rest->visit.entry->serve->options.executor == NULL ||
        work_bytes(rest, outputs) <= SERVE_INLINE_BYTES) {
        encode(rest, outputs);
        conclude(rest);
        return;
    }
    if (keep(rest, outputs, &rest->error) != WEFT_OK ||
        serve_rest_send_away(rest, run, encoded, &rest->error) != WEFT_OK) {
        conclude(rest);
    }
}
