/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_PROBLEM_H
#define WEFT_WIRE_PROBLEM_H

/*
 * An error as clients see it: over REST as problem details (RFC 9457, `application/problem+json`)
 * that also have the `error` member of the Open Inference Protocol, so its clients read it; over
 * gRPC as google.rpc.Status for `grpc-status-details-bin`. Both name pipeline, step, node, attempt,
 * causes and hint. Any thread.
 */

#include <weft/error.h>

#include "base/text.h"

#define WEFT_PROBLEM_CONTENT_TYPE "application/problem+json"

enum {
    /* grpc-status-details-bin: peers refuse trailers above 8 KiB in all. */
    WEFT_PROBLEM_DETAILS_MAX_BYTES = 3 * 1024,
};

/* Appends the JSON. http_status is the one that it is sent with, which it repeats (RFC
 * 9457, 3.1.2); 0 = the error's own. A text that failed (out of memory) says so itself. */
void weft_problem_json(const struct weft_error *error, int http_status, struct weft_text *text);
/* Appends the encoded google.rpc.Status with one google.rpc.ErrorInfo (domain "weft", reason the
 * status's name); what does not fit the limit is left out, causes first. */
void weft_problem_grpc(const struct weft_error *error, struct weft_text *bytes);
/* The error that a peer's details describe, for a client: the status and message are set in *error
 * with place and causes as far as they are there. False (and nothing set) where the bytes are no
 * google.rpc.Status, or one without an ErrorInfo of ours: what another server's details say is in
 * its grpc-message too. */
bool weft_problem_grpc_decode(const void *data, size_t size_bytes, struct weft_error **error);

#endif
