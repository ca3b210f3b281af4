/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/oip_grpc.h"
#include "wire/problem.h"
#include "wire/rpc.h"

/* A client's gRPC messages: each decoder sees them all. An accepted request can be sent on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void request(const struct weft_slice *message)
{
    cleanup_oip_request struct weft_oip_request seen = {0};
    cleanup_oip_request struct weft_oip_request again = {0};
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice bytes = {0};
    cleanup_error struct weft_error *error = NULL;
    if (weft_oip_grpc_request_decode(message, &seen, &error) == WEFT_OK &&
        (weft_oip_grpc_request_encode(&seen, &slices, NULL) != WEFT_OK ||
         !weft_slices_join(&slices, &bytes) ||
         weft_oip_grpc_request_decode(&bytes, &again, NULL) != WEFT_OK ||
         again.inputs.count != seen.inputs.count || again.outputs_count != seen.outputs_count)) {
        abort();
    }
}

static void response(const struct weft_slice *message)
{
    cleanup_oip_response struct weft_oip_response seen = {0};
    cleanup_oip_response struct weft_oip_response part = {0};
    cleanup_error struct weft_error *error = NULL;
    (void)!weft_oip_grpc_response_decode(message, &seen, NULL);
    (void)!weft_oip_grpc_stream_response_decode(message, &part, &error);
}

static void others(const struct weft_slice *message)
{
    static const char *const services[] = {"inference.GRPCInferenceService"};
    cleanup_oip_name struct weft_oip_name name = {0};
    cleanup_oip_name struct weft_oip_name load = {0};
    cleanup_slices struct weft_slices slices = {0};
    cleanup_free char *service = NULL;
    cleanup_error struct weft_error *error = NULL;
    struct weft_model_info info = {0};
    bool flag = false;
    (void)!weft_oip_grpc_name_decode(message, &name, NULL);
    (void)!weft_oip_grpc_load_decode(message, &load, NULL);
    (void)!weft_oip_grpc_index_decode(message, &flag, NULL);
    (void)!weft_health_request_decode(message, &service, NULL);
    (void)!weft_reflection_answer(message, services, 1, &slices, NULL);
    (void)weft_problem_grpc_decode(message->data, message->size_bytes, &error);
    if (weft_oip_grpc_model_decode(message, &info, NULL) == WEFT_OK) {
        weft_model_info_fini(&info);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    cleanup_slice struct weft_slice message = {0};
    if (weft_slice_copy(data, size_bytes, &message)) {
        if (weft_oip_grpc_request_work_bytes(&message) > size_bytes) {
            abort();
        }
        request(&message);
        response(&message);
        others(&message);
    }
    return 0;
}
