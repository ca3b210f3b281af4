/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"
#include "wire/rpc.h"

/* One who watches. */
struct watch {
    struct weft_list link; /* in weft_serve.watches */
    struct talk talk;
    bool asked;   /* its message has come */
    bool unknown; /* the service it asked about is none of ours: it is told so, once */
};

static enum weft_health health_of(const struct weft_serve *serve)
{
    return serve->ready ? WEFT_HEALTH_SERVING : WEFT_HEALTH_NOT_SERVING;
}

/* "" is the server as a whole. */
static bool is_ours(const struct weft_serve *serve, const char *service)
{
    size_t length = strlen(service);
    bool ours = length == 0;
    for (size_t i = 0; !ours && i < serve->methods_count; i++) {
        const char *path = serve->methods[i].method->path;
        ours = strncmp(path + 1, service, length) == 0 && path[length + 1] == '/';
    }
    return ours;
}

void serve_health_check(struct weft_serve *serve, struct talk *talk,
                        const struct weft_slice *message)
{
    cleanup_slices struct weft_slices slices = {0};
    cleanup_error struct weft_error *error = NULL;
    cleanup_free char *service = NULL;
    enum weft_status status = weft_health_request_decode(message, &service, &error);
    if (status == WEFT_OK && !is_ours(serve, service)) {
        status = weft_error_set(&error, WEFT_NOT_FOUND, "there is no service \"%s\"", service);
    }
    if (status == WEFT_OK) {
        status = weft_health_response_encode(health_of(serve), &slices, &error);
    }
    serve_conclude(talk, status, &slices, error);
}

/* --- Watch --- */

static void watch_free(struct watch *watch)
{
    struct weft_serve *serve = watch->talk.entry->serve;
    weft_list_remove(&watch->link);
    free(watch);
    serve_release(serve);
}

/* What cannot be told for want of memory is told with the next change. */
static void tell(struct watch *watch)
{
    cleanup_slices struct weft_slices slices = {0};
    enum weft_health health =
        watch->unknown ? WEFT_HEALTH_SERVICE_UNKNOWN : health_of(watch->talk.entry->serve);
    if (weft_health_response_encode(health, &slices, NULL) == WEFT_OK) {
        (void)weft_server_call_send(watch->talk.call, weft_slices_items(&slices), slices.count);
        weft_slices_forget(&slices);
    }
}

void serve_health_changed(struct weft_serve *serve)
{
    for (struct weft_list *link = serve->watches.next; link != &serve->watches; link = link->next) {
        struct watch *watch = weft_list_entry(link, struct watch, link);
        if (watch->asked && !watch->unknown) {
            tell(watch);
        }
    }
}

static void watch_message(void *context, struct weft_server_call *call,
                          const struct weft_slice *message)
{
    struct watch *watch = context;
    (void)call;
    cleanup_error struct weft_error *error = NULL;
    cleanup_free char *service = NULL;
    enum weft_status status =
        watch->asked ? weft_error_set(&error, WEFT_INVALID_ARGUMENT, "Watch takes one message")
                     : weft_health_request_decode(message, &service, &error);
    if (status != WEFT_OK) {
        serve_finish(&watch->talk, error);
        watch_free(watch);
        return;
    }
    watch->asked = true;
    watch->unknown = !is_ours(watch->talk.entry->serve, service);
    tell(watch);
}

static void watch_half_closed(void *context, struct weft_server_call *call)
{
    struct watch *watch = context;
    (void)call;
    if (!watch->asked) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set(&error, WEFT_INVALID_ARGUMENT, "the call ended without its message");
        serve_finish(&watch->talk, error);
        watch_free(watch);
    }
}

static void watch_cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    struct watch *watch = context;
    (void)call, (void)reason;
    serve_finish(&watch->talk, NULL);
    watch_free(watch);
}

void serve_health_watch(struct weft_serve *serve, struct talk *talk)
{
    static const struct weft_server_call_events events = {
        .message = watch_message,
        .half_closed = watch_half_closed,
        .cancelled = watch_cancelled,
    };
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        serve_finish(talk, error);
        return;
    }
    watch->talk = *talk;
    weft_list_append(&serve->watches, &watch->link);
    serve_hold(serve);
    weft_server_call_handle(talk->call, &events, watch);
}
