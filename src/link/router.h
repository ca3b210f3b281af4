/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_LINK_ROUTER_H
#define WEFT_LINK_ROUTER_H

/*
 * REST requests to handlers by method and path pattern. Filled at start-up by `serve`, then only
 * read; the loop's thread. Unknown paths are answered 404, known paths with another method 405 with
 * `Allow`; HEAD is answered as GET without a body. Answers of the router itself are problem details
 * (link/exchange.h).
 */

#include "link/exchange.h"

struct weft_router;

enum {
    /* Routes of one router: each request looks through them. */
    WEFT_ROUTER_ROUTES_MAX = 256,
    /* {names} in one pattern. */
    WEFT_ROUTE_PARAMETERS_MAX = 8,
    /* A body that is collected, where the route says nothing else. [413] */
    WEFT_ROUTE_BODY_MAX_BYTES = 256 * 1024 * 1024,
};

struct weft_route {
    const char *method;    /* "GET" */
    const char *pattern;   /* "/v2/models/{model}/infer"; a {name} takes one segment, a last {name*}
                              all the rest */
    size_t body_max_bytes; /* 0 = WEFT_ROUTE_BODY_MAX_BYTES */
    /* false: `handle` is called when the whole body has arrived, see weft_exchange_body.
     * true: when the head has arrived; the handler calls weft_exchange_read. */
    bool stream_body;
    /* Owns the exchange from here on and must end it, inside or later. */
    void (*handle)(void *context, struct weft_exchange *exchange);
    void *context;
};

struct weft_router *weft_router_new(void);
/* Copies the texts. Earlier routes win. */
enum weft_status weft_router_add(struct weft_router *router, const struct weft_route *route,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_router_free(struct weft_router *router);

#endif
