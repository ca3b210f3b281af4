/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_LOAD_H
#define WEFT_CLIENT_LOAD_H

/*
 * Load for an endpoint of the Open Inference Protocol, whoever serves it: the same inference again
 * and again, a fixed number of calls in flight or a fixed number started a second, and what became
 * of them. With a rate, a call's time counts from when it was meant to start: a server that stalls
 * makes the calls behind it late, and that shows. Blocks until it is over; owns an event loop of
 * its own. One thread at a time.
 */

#include "client/latency.h"
#include "wire/oip.h"

enum {
    /* Calls in flight. [INVALID_ARGUMENT] */
    WEFT_LOAD_CONCURRENCY_MAX = 4096,
    /* Connections: one descriptor each. [INVALID_ARGUMENT] */
    WEFT_LOAD_CONNECTIONS_MAX = 512,
    /* Failures in a row without one success after which it gives up: the server is gone. */
    WEFT_LOAD_FAILURES_MAX = 1000,
    WEFT_LOAD_STATUSES = 18,
};

struct weft_load_options {
    const char *address;                    /* "HOST:PORT" */
    const struct weft_oip_request *request; /* model and inputs */
    bool http;                              /* REST instead of gRPC */
    uint32_t concurrency;                   /* in flight; with a rate, at most */
    uint32_t connections;                   /* gRPC; over HTTP each call in flight needs its own */
    double rate;                            /* started a second; 0 = as fast as they end */
    uint64_t duration_ns;                   /* when to start no more; 0 = only requests counts */
    uint64_t requests;                      /* how many; 0 = only duration_ns counts */
    uint64_t timeout_ms;                    /* of each call */
};

struct weft_load_result {
    struct weft_latency latency;           /* of those that went well */
    uint64_t statuses[WEFT_LOAD_STATUSES]; /* calls by enum weft_status, WEFT_OK among them */
    uint64_t elapsed_ns;                   /* from the first start to the last end */
    uint64_t late; /* started > 1 ms late, for want of room or of our time */
    bool gave_up;
    struct weft_error *first_failure; /* NULL = none */
};

/* Failures of calls are results; an error is what kept it from trying. */
enum weft_status weft_load_run(const struct weft_load_options *options,
                               struct weft_load_result *ret_result,
                               struct weft_error **error) WEFT_MUST_CHECK;
void weft_load_result_fini(struct weft_load_result *result);

#define cleanup_load_result WEFT_CLEANUP(weft_load_result_fini)

#endif
