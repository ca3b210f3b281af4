/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_OIP_GRPC_H
#define WEFT_WIRE_OIP_GRPC_H

/*
 * The Open Inference Protocol v2 in Protocol Buffers (proto/inference/grpc_service.proto). Raw
 * tensor contents are parts of the received message and slices of the sent one, without a copy;
 * typed contents are converted. Any thread.
 */

#include "wire/oip.h"
#include "wire/slices.h"

/* ModelInferRequest. INVALID_ARGUMENT names the tensor where contents do not fit datatype and
 * shape, are raw for some and typed for other inputs, or have no form (FP16 and BF16 are raw only).
 * UNIMPLEMENTED for tensors in shared memory, which Weft does not offer to clients. On failure
 * *ret_request is untouched, so it is all zeroes or finished before. */
enum weft_status weft_oip_grpc_request_decode(const struct weft_slice *message,
                                              struct weft_oip_request *ret_request,
                                              struct weft_error **error) WEFT_MUST_CHECK;
/* The bytes that decoding has to look at one by one: all but raw contents, and those too where a
 * tensor is BYTES. Of a message with more fields than a request may have, all. */
size_t weft_oip_grpc_request_work_bytes(const struct weft_slice *message);
/* Tensors go as raw contents. Appends to slices; on failure slices is as before. */
enum weft_status weft_oip_grpc_request_encode(const struct weft_oip_request *request,
                                              struct weft_slices *slices,
                                              struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_response_decode(const struct weft_slice *message,
                                               struct weft_oip_response *ret_response,
                                               struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_response_encode(const struct weft_oip_response *response,
                                               struct weft_slices *slices,
                                               struct weft_error **error) WEFT_MUST_CHECK;
/* ModelStreamInferResponse: error NULL = a response, else its words. */
enum weft_status weft_oip_grpc_stream_response_encode(const struct weft_oip_response *response,
                                                      const struct weft_error *failure,
                                                      struct weft_slices *slices,
                                                      struct weft_error **error) WEFT_MUST_CHECK;
/* The other way; where the message says an error instead, UNKNOWN with its words. */
enum weft_status weft_oip_grpc_stream_response_decode(const struct weft_slice *message,
                                                      struct weft_oip_response *ret_response,
                                                      struct weft_error **error) WEFT_MUST_CHECK;

/* What ModelReady, ModelMetadata, RepositoryModelLoad and ...Unload ask about. */
struct weft_oip_name {
    char *name;                        /* never NULL after decoding */
    char *version;                     /* NULL = none */
    struct weft_parameters parameters; /* of load and unload; bytes parameters are refused */
};
void weft_oip_name_fini(struct weft_oip_name *name);
/* ModelReadyRequest and ModelMetadataRequest. */
enum weft_status weft_oip_grpc_name_decode(const struct weft_slice *message,
                                           struct weft_oip_name *ret_name,
                                           struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_name_encode(const char *name, const char *version,
                                           struct weft_slices *slices,
                                           struct weft_error **error) WEFT_MUST_CHECK;
/* RepositoryModelLoadRequest and RepositoryModelUnloadRequest. */
enum weft_status weft_oip_grpc_load_decode(const struct weft_slice *message,
                                           struct weft_oip_name *ret_name,
                                           struct weft_error **error) WEFT_MUST_CHECK;
/* RepositoryIndexRequest: whether only ready models are asked for. */
enum weft_status weft_oip_grpc_index_decode(const struct weft_slice *message, bool *ret_ready_only,
                                            struct weft_error **error) WEFT_MUST_CHECK;

/* ServerLive, ServerReady and ModelReady responses: field 1 is the answer. */
enum weft_status weft_oip_grpc_ready_encode(bool ready, struct weft_slices *slices,
                                            struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_ready_decode(const struct weft_slice *message, bool *ret_ready,
                                            struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_server_encode(const struct weft_oip_server *server,
                                             struct weft_slices *slices,
                                             struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_model_encode(const struct weft_oip_model *model,
                                            struct weft_slices *slices,
                                            struct weft_error **error) WEFT_MUST_CHECK;
/* ModelMetadataResponse into *ret_info (name, platform, tensors, the last version; the rest 0),
 * which the caller releases with weft_model_info_fini. */
enum weft_status weft_oip_grpc_model_decode(const struct weft_slice *message,
                                            struct weft_model_info *ret_info,
                                            struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_oip_grpc_index_encode(const struct weft_oip_index_entry *entries,
                                            size_t count, struct weft_slices *slices,
                                            struct weft_error **error) WEFT_MUST_CHECK;

#define cleanup_oip_name WEFT_CLEANUP(weft_oip_name_fini)

#endif
