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
    /* It is the loop's thread that compresses, at some 100 MB a second: more would hold up
     * everybody else, and whoever asks for that much is better served with bytes. */
    COMPRESS_MAX_BYTES = 8 * 1024 * 1024,
    COMPRESS_LEVEL = 1,
};

/* An inference over REST. */
struct rest_infer {
    struct visit visit;
    struct serve_infer infer;
};

static void rest_free(struct rest_infer *rest)
{
    struct weft_serve *serve = rest->visit.entry->serve;
    serve_infer_fini(serve, &rest->infer);
    free(rest);
    serve_release(serve);
}

/* --- the answer --- */

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

/* Whether a coding was applied; where it can't be, the body stays as it is. */
static enum weft_coding compress(const struct visit *visit,
                                 const struct weft_oip_response *response, struct weft_slices *body)
{
    const char *accepted = weft_exchange_header(visit->exchange, "accept-encoding");
    size_t size_bytes = weft_slices_size_bytes(body);
    if (accepted == NULL || size_bytes < COMPRESS_MIN_BYTES || size_bytes > COMPRESS_MAX_BYTES ||
        packed_bytes(response) > size_bytes / 2) {
        return WEFT_CODING_IDENTITY;
    }
    enum weft_coding coding = weft_coding_choose(accepted, strlen(accepted));
    struct weft_slices coded = {0};
    if (coding == WEFT_CODING_IDENTITY ||
        weft_deflate(coding, COMPRESS_LEVEL, weft_slices_items(body), body->count, &coded, NULL) !=
            WEFT_OK) {
        return WEFT_CODING_IDENTITY;
    }
    weft_slices_fini(body);
    *body = coded;
    return coding;
}

static struct weft_http_field field(const char *name, const char *value)
{
    return (struct weft_http_field){
        .name = name,
        .value = value,
        .name_length = (uint32_t)strlen(name),
        .value_length = (uint32_t)strlen(value),
    };
}

static void answer(struct rest_infer *rest, const struct weft_values *outputs)
{
    struct visit *visit = &rest->visit;
    struct weft_named_value items[WEFT_VALUES_MAX];
    struct weft_oip_response response;
    struct weft_http_field fields[3];
    char length[24];
    size_t count = 0, json_bytes = 0;
    cleanup_slices struct weft_slices body = {0};
    cleanup_error struct weft_error *error = NULL;
    serve_infer_response(&rest->infer, outputs, items, &response);
    if (weft_oip_json_response_encode(&response, &rest->infer.request, &body, &json_bytes,
                                      &error) != WEFT_OK) {
        serve_respond_error(visit, 0, error);
        return;
    }
    bool binary = json_bytes != WEFT_OIP_JSON_WHOLE;
    if (binary) {
        snprintf(length, sizeof(length), "%zu", json_bytes);
        fields[count++] = field("inference-header-content-length", length);
    }
    enum weft_coding coding = compress(visit, &response, &body);
    if (coding != WEFT_CODING_IDENTITY) {
        fields[count++] = field("content-encoding", weft_coding_name(coding));
        fields[count++] = field("vary", "accept-encoding");
    }
    serve_respond(visit, 200, binary ? "application/octet-stream" : "application/json", fields,
                  count, weft_slices_items(&body), body.count);
    weft_slices_forget(&body);
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct rest_infer *rest = context;
    rest->infer.call = NULL;
    if (error != NULL) {
        serve_respond_error(&rest->visit, 0, error);
    } else {
        answer(rest, outputs);
    }
    rest_free(rest);
}

static void gone(void *context)
{
    struct rest_infer *rest = context;
    if (rest->infer.call != NULL) {
        weft_run_cancel(rest->infer.call);
    }
}

/* --- the request --- */

/* WEFT_OIP_JSON_WHOLE where the field is not there. */
static enum weft_status json_length(const struct visit *visit, size_t *ret_bytes,
                                    struct weft_error **error)
{
    const char *text = weft_exchange_header(visit->exchange, "inference-header-content-length");
    size_t bytes = 0;
    *ret_bytes = WEFT_OIP_JSON_WHOLE;
    if (text == NULL) {
        return WEFT_OK;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || c - text >= 12) {
            text = "";
            break;
        }
        bytes = bytes * 10 + (size_t)(*c - '0');
    }
    if (text[0] == '\0') {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "Inference-Header-Content-Length is not a number of bytes");
    }
    *ret_bytes = bytes;
    return WEFT_OK;
}

static enum weft_status decode_raw(struct weft_serve *serve, const char *model, const char *version,
                                   const struct weft_slice *body, struct weft_oip_request *request,
                                   struct weft_error **error)
{
    struct weft_model_info info;
    enum weft_status status = weft_run_describe(serve->options.run, model, version, &info, error);
    if (status == WEFT_OK) {
        status = weft_oip_raw_request_decode(body, &info, request, error);
        weft_model_info_fini(&info);
    }
    return status;
}

static enum weft_status decode(struct weft_serve *serve, struct visit *visit, const char *version,
                               struct serve_infer *infer, int *ret_http_status,
                               struct weft_error **error)
{
    cleanup_slice struct weft_slice body = {0};
    const char *model = weft_exchange_parameter(visit->exchange, "model");
    struct weft_oip_request *request = &infer->request;
    size_t json_bytes = 0;
    enum weft_status status = serve_visit_body(visit, &body, ret_http_status, error);
    if (status == WEFT_OK) {
        status = json_length(visit, &json_bytes, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    status = serve_hold_bytes(serve, infer, weft_exchange_body(visit->exchange)->size_bytes, error);
    if (status != WEFT_OK) {
        return status;
    }
    status = json_bytes == 0 ? decode_raw(serve, model, version, &body, request, error)
                             : weft_oip_json_request_decode(&body, json_bytes, request, error);
    if (status == WEFT_RESOURCE_EXHAUSTED) {
        *ret_http_status = 413;
    }
    if (status == WEFT_OK && (request->model = strdup(model)) == NULL) {
        status = weft_error_set_out_of_memory(error);
    }
    size_t own_bytes = serve_own_bytes(&request->inputs, weft_exchange_body(visit->exchange));
    return status == WEFT_OK ? serve_hold_bytes(serve, infer, own_bytes, error) : status;
}

void serve_rest_infer(struct weft_serve *serve, struct visit *visit)
{
    static const struct weft_run_events events = {NULL, done};
    cleanup_error struct weft_error *error = NULL;
    const char *version = weft_exchange_parameter(visit->exchange, "version");
    int http_status = 0;
    struct rest_infer *rest = calloc(1, sizeof(*rest));
    if (rest == NULL) {
        (void)weft_error_set_out_of_memory(&error);
        serve_respond_error(visit, 0, error);
        return;
    }
    rest->visit = *visit;
    serve_hold(serve);
    enum weft_status status = decode(serve, visit, version, &rest->infer, &http_status, &error);
    if (status == WEFT_OK) {
        status = serve_infer_start(serve, &rest->infer, version, &visit->trace,
                                   weft_exchange_started_ns(visit->exchange),
                                   WEFT_DEADLINE_NEVER_NS, &events, rest, &error);
    }
    if (status != WEFT_OK) {
        serve_respond_error(visit, http_status, error);
        rest_free(rest);
        return;
    }
    weft_exchange_on_gone(visit->exchange, gone, rest);
}
