/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_OIP_JSON_H
#define WEFT_WIRE_OIP_JSON_H

/*
 * The Open Inference Protocol v2 over REST: JSON, with the binary tensor extension (tensor bytes
 * behind the JSON, whose length the field `Inference-Header-Content-Length` then says). JSON data
 * is read straight into the tensor, without a tree of it in memory. Any thread.
 *
 * Of JSON data: BOOL is true and false; integers must be whole and in range; BYTES elements are
 * strings in UTF-8, or base64 where the tensor's parameter `content_type` is "base64"; FP16 and
 * BF16 have no JSON form, as in Triton; NaN and infinities have none in JSON itself (RFC 8259,
 * section 6). The answer to the last three is to use binary data, and the error says so.
 */

#include "base/text.h"
#include "wire/oip.h"
#include "wire/slices.h"

enum {
    /* Elements of all JSON data of a request, which bounds memory to 8 times that; who has more
     * uses the binary form. */
    WEFT_OIP_JSON_ELEMENTS_MAX = 64 * 1024 * 1024,
};

/* "No Inference-Header-Content-Length": the whole body is JSON. */
#define WEFT_OIP_JSON_WHOLE SIZE_MAX

/* Reads an inference request. json_bytes is what Inference-Header-Content-Length says, or
 * WEFT_OIP_JSON_WHOLE; for 0 see weft_oip_raw_request_decode. Binary inputs become parts of body.
 * model and version stay NULL: the path has them. */
enum weft_status weft_oip_json_request_decode(const struct weft_slice *body, size_t json_bytes,
                                              struct weft_oip_request *ret_request,
                                              struct weft_error **error) WEFT_MUST_CHECK;
/* The raw form: the body is the data of the model's only input, whose one unknown dimension follows
 * from the size; BYTES is one element. All outputs are binary. */
enum weft_status weft_oip_raw_request_decode(const struct weft_slice *body,
                                             const struct weft_model_info *model,
                                             struct weft_oip_request *ret_request,
                                             struct weft_error **error) WEFT_MUST_CHECK;
/* Client side: all inputs binary, all outputs asked for in binary. *ret_json_bytes is for
 * Inference-Header-Content-Length. */
enum weft_status weft_oip_json_request_encode(const struct weft_oip_request *request,
                                              struct weft_slices *slices, size_t *ret_json_bytes,
                                              struct weft_error **error) WEFT_MUST_CHECK;
/* Writes the response; `request` says which outputs are binary. *ret_json_bytes is
 * WEFT_OIP_JSON_WHOLE where nothing is; else it belongs into Inference-Header-Content-Length and
 * the content type is application/octet-stream. Appends to slices; on failure slices is as before.
 * FAILED_PRECONDITION for an output that JSON can't say. */
enum weft_status weft_oip_json_response_encode(const struct weft_oip_response *response,
                                               const struct weft_oip_request *request,
                                               struct weft_slices *slices, size_t *ret_json_bytes,
                                               struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_json_response_decode(const struct weft_slice *body, size_t json_bytes,
                                               struct weft_oip_response *ret_response,
                                               struct weft_error **error) WEFT_MUST_CHECK;

/* Bodies of the other calls; a text that failed (out of memory) says so itself. */
void weft_oip_json_server(const struct weft_oip_server *server, struct weft_text *text);
void weft_oip_json_model(const struct weft_oip_model *model, struct weft_text *text);
void weft_oip_json_index(const struct weft_oip_index_entry *entries, size_t count,
                         struct weft_text *text);
/* {"live": true}, {"ready": true}; key is the word. */
void weft_oip_json_ready(const char *key, bool ready, struct weft_text *text);
/* A body of repository index or load: {"ready": true} or empty. */
enum weft_status weft_oip_json_index_decode(const struct weft_slice *body, bool *ret_ready_only,
                                            struct weft_error **error) WEFT_MUST_CHECK;

#endif
