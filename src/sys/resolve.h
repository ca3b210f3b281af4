/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_RESOLVE_H
#define WEFT_SYS_RESOLVE_H

/*
 * Looks up an address without blocking the loop (getaddrinfo on libuv's threads). The loop's
 * thread.
 */

#include "sys/address.h"
#include "sys/loop.h"

struct weft_resolve;

enum { WEFT_RESOLVE_ADDRESSES_MAX = 8 };

/* Called once, never from inside weft_resolve_start, not after a cancel. error NULL = at least one
 * address, in the order to try them. Both borrowed. */
typedef void weft_resolve_done(void *context, const struct weft_address *addresses, size_t count,
                               struct weft_error *error);

enum weft_status weft_resolve_start(struct weft_loop *loop, const char *text,
                                    weft_resolve_done *done, void *context,
                                    struct weft_resolve **ret_resolve,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* Before `done` only. The look-up may still hold a libuv thread for a while; its memory goes when
 * that ends. */
void weft_resolve_cancel(struct weft_resolve *resolve);

#endif
