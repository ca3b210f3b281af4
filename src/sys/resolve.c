/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/internal.h"

struct weft_resolve {
    uv_getaddrinfo_t request; /* for names */
    struct weft_deferred numeric;
    struct weft_loop *loop;
    weft_resolve_done *done;
    void *context;
    bool looks_up;
    bool cancelled;
    char host[WEFT_ADDRESS_TEXT_MAX];
    struct weft_address addresses[WEFT_RESOLVE_ADDRESSES_MAX];
    size_t count;
};

static void tell_numeric(void *context)
{
    struct weft_resolve *resolve = context;
    resolve->done(resolve->context, resolve->addresses, resolve->count, NULL);
    free(resolve);
}

static void collect(struct weft_resolve *resolve, const struct addrinfo *list)
{
    for (; list != NULL && resolve->count < WEFT_RESOLVE_ADDRESSES_MAX; list = list->ai_next) {
        struct weft_address *address = &resolve->addresses[resolve->count];
        if (list->ai_addrlen <= sizeof(address->socket_address)) {
            memcpy(&address->socket_address, list->ai_addr, list->ai_addrlen);
            address->length = list->ai_addrlen;
            resolve->count++;
        }
    }
}

static void on_looked_up(uv_getaddrinfo_t *request, int failure, struct addrinfo *list)
{
    struct weft_resolve *resolve = request->data;
    if (!resolve->cancelled) {
        struct weft_error *error = NULL;
        collect(resolve, list);
        if (failure != 0 || resolve->count == 0) {
            weft_error_set(&error, WEFT_UNAVAILABLE, "the name \"%s\" has no address: %s",
                           resolve->host, failure != 0 ? uv_strerror(failure) : "none found");
        }
        weft_loop_arrived(resolve->loop, NULL);
        resolve->done(resolve->context, resolve->addresses, resolve->count, error);
        weft_error_unref(error);
    }
    uv_freeaddrinfo(list);
    free(resolve);
}

enum weft_status weft_resolve_start(struct weft_loop *loop, const char *text,
                                    weft_resolve_done *done, void *context,
                                    struct weft_resolve **ret_resolve, struct weft_error **error)
{
    struct weft_resolve *resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    uint16_t port = 0;
    enum weft_status status = weft_address_split(text, resolve->host, &port, error);
    if (status != WEFT_OK) {
        free(resolve);
        return status;
    }
    resolve->loop = loop;
    resolve->done = done;
    resolve->context = context;
    weft_deferred_init(&resolve->numeric, tell_numeric, resolve);
    if (weft_address_parse(text, &resolve->addresses[0], NULL) == WEFT_OK) {
        resolve->count = 1;
        weft_loop_defer(loop, &resolve->numeric);
        *ret_resolve = resolve;
        return WEFT_OK;
    }
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    resolve->request.data = resolve;
    resolve->looks_up = true;
    int failure = uv_getaddrinfo(weft_loop_uv(loop), &resolve->request, on_looked_up, resolve->host,
                                 service, &hints);
    if (failure != 0) {
        status = weft_error_set(error, WEFT_UNAVAILABLE, "the name \"%s\" can't be looked up: %s",
                                resolve->host, uv_strerror(failure));
        free(resolve);
        return status;
    }
    *ret_resolve = resolve;
    return WEFT_OK;
}

void weft_resolve_cancel(struct weft_resolve *resolve)
{
    if (resolve->looks_up) {
        resolve->cancelled = true;
        uv_cancel((uv_req_t *)&resolve->request); /* on_looked_up comes in any case, and frees */
    } else {
        weft_deferred_cancel(&resolve->numeric);
        free(resolve);
    }
}
