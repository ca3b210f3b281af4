/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_RPC_H
#define WEFT_WIRE_RPC_H

/*
 * The messages of gRPC's own services: health checking (grpc.health.v1.Health) and server
 * reflection (grpc.reflection.v1alpha and v1, whose messages are equal on the wire). Reflection
 * answers from the descriptors of proto/, which are embedded when Weft is built. Any thread.
 */

#include <weft/error.h>

#include "wire/slices.h"

enum weft_health {
    WEFT_HEALTH_UNKNOWN = 0,
    WEFT_HEALTH_SERVING = 1,
    WEFT_HEALTH_NOT_SERVING = 2,
    WEFT_HEALTH_SERVICE_UNKNOWN = 3, /* Watch only */
};

/* HealthCheckRequest: the service asked about, "" for the server; the caller frees it. */
enum weft_status weft_health_request_decode(const struct weft_slice *message, char **ret_service,
                                            struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_health_response_encode(enum weft_health health, struct weft_slices *slices,
                                             struct weft_error **error) WEFT_MUST_CHECK;

/* Answers one ServerReflectionRequest of a stream with one ServerReflectionResponse. A question
 * without an answer (unknown file or symbol) is a response too, with an error inside; a status that
 * is not OK means that the call should end with it. services are the names to list. */
enum weft_status weft_reflection_answer(const struct weft_slice *message,
                                        const char *const *services, size_t services_count,
                                        struct weft_slices *slices,
                                        struct weft_error **error) WEFT_MUST_CHECK;

#endif
