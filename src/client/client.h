/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_CLIENT_H
#define WEFT_CLIENT_CLIENT_H

/*
 * A client of one node, for programs that do one thing after another: each call waits until it has
 * its answer or its deadline passed. Inference goes over gRPC, the rest over HTTP/1.1, to the same
 * port. It owns an event loop of its own. One thread at a time.
 */

#include "base/text.h"
#include "base/trace.h"
#include "client/document.h"
#include "wire/oip.h"

struct weft_client;

enum { WEFT_CLIENT_TIMEOUT_MS = 60 * 1000 };

/* Whether a text is of the form HOST:PORT, whoever may be there. */
bool weft_client_is_address(const char *text);
/* address is "HOST:PORT". Nothing is sent yet. */
enum weft_status weft_client_new(const char *address, struct weft_client **ret_client,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_client_free(struct weft_client *client);

const char *weft_client_address(const struct weft_client *client);
/* For ids and traces; seeded from the system. */
struct weft_random *weft_client_random(struct weft_client *client);
/* Called every 50 ms or so while a call waits, for progress; may itself make an HTTP call while
 * inference is waited for. NULL = none. */
void weft_client_on_wait(struct weft_client *client, void (*waiting)(void *context), void *context);

/* ModelInfer. timeout_ms 0 = WEFT_CLIENT_TIMEOUT_MS. The caller calls weft_oip_response_fini. trace
 * may be NULL. */
enum weft_status weft_client_infer(struct weft_client *client,
                                   const struct weft_oip_request *request, uint64_t timeout_ms,
                                   const struct weft_trace *trace,
                                   struct weft_oip_response *ret_response,
                                   struct weft_error **error) WEFT_MUST_CHECK;

/* One HTTP request; body NULL = none. Appends the answer's body to text. An answer of 400 and above
 * is an error with its fitting status and the words of its problem document. */
enum weft_status weft_client_http(struct weft_client *client, const char *method,
                                  const char *target, const char *body, uint64_t timeout_ms,
                                  struct weft_text *text,
                                  struct weft_error **error) WEFT_MUST_CHECK;

/* The same with GET for an answer in JSON. */
enum weft_status weft_client_get(struct weft_client *client, const char *target,
                                 uint64_t timeout_ms, struct weft_document **ret_document,
                                 struct weft_error **error) WEFT_MUST_CHECK;

/* How long the last call took, from its start to its answer. */
uint64_t weft_client_last_duration_ns(const struct weft_client *client);

/* ModelMetadata of a pipeline or model; timeout_ms as above. The caller calls weft_model_info_fini.
 */
enum weft_status weft_client_describe(struct weft_client *client, const char *name,
                                      const char *version, uint64_t timeout_ms,
                                      struct weft_model_info *ret_info,
                                      struct weft_error **error) WEFT_MUST_CHECK;

/* The same over REST, for servers that have no gRPC. */
enum weft_status weft_client_describe_http(struct weft_client *client, const char *name,
                                           const char *version, struct weft_model_info *ret_info,
                                           struct weft_error **error) WEFT_MUST_CHECK;

WEFT_DEFINE_CLEANUP(struct weft_client, weft_client_free)
#define cleanup_client WEFT_CLEANUP(weft_client_free_cleanup)

#endif
