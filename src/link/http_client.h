/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_HTTP_CLIENT_H
#define WEFT_LINK_HTTP_CLIENT_H

/*
 * A small HTTP/1.1 client: one keep-alive connection to one address, one request at a time. For
 * `weft bench`, the command line and tests; remote models go through libcurl. The loop's thread.
 */

#include "link/link.h"
#include "wire/http.h"

struct weft_http_client;

/* A response's body. [RESOURCE_EXHAUSTED] */
enum { WEFT_HTTP_CLIENT_BODY_MAX_BYTES = 512 * 1024 * 1024 };

struct weft_http_response {
    int status;
    const struct weft_http_field *fields;
    size_t fields_count;
    struct weft_slice body; /* borrowed, in one piece */
};

/* Once for each request, never from inside it. error NULL = a response of whatever status came.
 * Both borrowed. */
typedef void weft_http_client_done(void *context, const struct weft_http_response *response,
                                   const struct weft_error *error);

enum weft_status weft_http_client_open(struct weft_link *link, const char *address,
                                       struct weft_http_client **ret_client,
                                       struct weft_error **error) WEFT_MUST_CHECK;
/* FAILED_PRECONDITION while a request is under way. content-length is added; the body's references
 * are taken on success. deadline_ns 0 = none. A request on a kept connection that the server had
 * closed is sent once more. */
enum weft_status weft_http_client_request(struct weft_http_client *client, const char *method,
                                          const char *target, const struct weft_http_field *fields,
                                          size_t fields_count, struct weft_slice *take_body,
                                          size_t body_count, uint64_t deadline_ns,
                                          weft_http_client_done *done, void *context,
                                          struct weft_error **error) WEFT_MUST_CHECK;
bool weft_http_client_is_busy(const struct weft_http_client *client);
/* A request under way ends with CANCELLED first, from a later turn; the client must not be used any
 * more. */
void weft_http_client_close(struct weft_http_client *client);

#endif
