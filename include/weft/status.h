/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_STATUS_H
#define WEFT_STATUS_H

/*
 * The one status enum of Weft. Numbers 0 to 16 are gRPC's status codes (grpc/doc/statuscodes.md),
 * so that a status crosses a gRPC wire unchanged; WEFT_OUT_OF_MEMORY is our own and becomes
 * RESOURCE_EXHAUSTED there. Constant data only: any thread may call.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, gRPC status number, HTTP status, words for people) */
#define WEFT_STATUS_TABLE(X)                                                                       \
    X(OK, 0, 0, 200, "ok")                                                                         \
    X(CANCELLED, 1, 1, 499, "cancelled")                                                           \
    X(UNKNOWN, 2, 2, 500, "unknown error")                                                         \
    X(INVALID_ARGUMENT, 3, 3, 400, "invalid argument")                                             \
    X(DEADLINE_EXCEEDED, 4, 4, 504, "deadline exceeded")                                           \
    X(NOT_FOUND, 5, 5, 404, "not found")                                                           \
    X(ALREADY_EXISTS, 6, 6, 409, "already exists")                                                 \
    X(PERMISSION_DENIED, 7, 7, 403, "permission denied")                                           \
    X(RESOURCE_EXHAUSTED, 8, 8, 429, "resource exhausted")                                         \
    X(FAILED_PRECONDITION, 9, 9, 400, "failed precondition")                                       \
    X(ABORTED, 10, 10, 409, "aborted")                                                             \
    X(OUT_OF_RANGE, 11, 11, 400, "out of range")                                                   \
    X(UNIMPLEMENTED, 12, 12, 501, "not implemented")                                               \
    X(INTERNAL, 13, 13, 500, "internal error")                                                     \
    X(UNAVAILABLE, 14, 14, 503, "unavailable")                                                     \
    X(DATA_LOSS, 15, 15, 500, "data loss")                                                         \
    X(UNAUTHENTICATED, 16, 16, 401, "unauthenticated")                                             \
    X(OUT_OF_MEMORY, 17, 8, 503, "out of memory")

enum weft_status {
#define WEFT_STATUS_ENUM(name, number, grpc, http, words) WEFT_##name = (number),
    WEFT_STATUS_TABLE(WEFT_STATUS_ENUM)
#undef WEFT_STATUS_ENUM
};

#define WEFT_MUST_CHECK __attribute__((warn_unused_result))
/* Off the usual path: the compiler puts what leads to it out of the way of the rest. */
#define WEFT_COLD __attribute__((cold))
#define WEFT_PRINTF(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))

/* The enum's name without prefix ("NOT_FOUND"), never NULL. */
const char *weft_status_name(enum weft_status status);
/* A short phrase in lower case ("not found"), never NULL. */
const char *weft_status_words(enum weft_status status);
/* The number to put into gRPC's `grpc-status`. */
int weft_status_grpc(enum weft_status status);
/* The HTTP status code that fits. */
int weft_status_http(enum weft_status status);
/* The status that a peer's `grpc-status` number means; WEFT_UNKNOWN where the number is none of
 * gRPC's. */
enum weft_status weft_status_from_grpc(int number);
/* The status that a peer's HTTP status code means, as gRPC maps it
 * (grpc/doc/http-grpc-status-mapping.md). */
enum weft_status weft_status_from_http(int number);

#ifdef __cplusplus
}
#endif
#endif
