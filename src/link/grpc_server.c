/* SPDX-License-Identifier: Apache-2.0 */
#include "link/grpc_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "base/text.h"
#include "link/internal.h"
#include "link/server.h"
#include "wire/problem.h"

enum {
    /* Calls that are kept for the next ones. */
    FREE_CALLS_MAX = 256,
    /* A method knows the deadline too, and why it is late: which step on which node. It has this
     * long after the deadline to say so; then the client is told what we know, which is nothing.
     * Enough for a busy loop to come round, and little enough for who waits. */
    DEADLINE_GRACE_MS = 100,
};

struct method {
    struct weft_grpc_method method;
    UT_hash_handle hh;
};

struct weft_grpc_server {
    struct method *methods;
    struct weft_server_call *free_calls;
    size_t free_calls_count;
};

/*
 * Two parties hold a call: the method, until it ends it (`ended`), and the wire, until it has told
 * its last (`wire` is NULL). The memory goes when both have let go.
 */
struct weft_server_call {
    struct weft_grpc_server *grpc;
    struct weft_server *server; /* with wire */
    struct weft_link *link;
    struct weft_grpc_call *wire;
    const struct weft_http_head *head; /* with wire */
    const struct weft_grpc_method *method;
    const struct weft_server_call_events *events;
    void *context;
    struct weft_slice message; /* of a unary call, until the client's end */
    struct weft_collecting collecting;
    struct weft_timer deadline;
    uint64_t deadline_ns;
    bool has_message;
    bool packed; /* the message is */
    bool ended;
    bool cancelled;
    struct weft_server_call *next_free;
};

/* --- methods --- */

struct weft_grpc_server *weft_grpc_server_new(void)
{
    return calloc(1, sizeof(struct weft_grpc_server));
}

enum weft_status weft_grpc_server_add(struct weft_grpc_server *server,
                                      const struct weft_grpc_method *method,
                                      struct weft_error **error)
{
    weft_assert((method->unary == NULL) != (method->start == NULL));
    struct method *added = NULL;
    HASH_FIND_STR(server->methods, method->path, added);
    if (added != NULL) {
        return weft_error_set(error, WEFT_ALREADY_EXISTS, "the method %s is there already",
                              method->path);
    }
    if (HASH_COUNT(server->methods) >= WEFT_GRPC_METHODS_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "more than %d methods",
                              WEFT_GRPC_METHODS_MAX);
    }
    added = calloc(1, sizeof(*added));
    char *path = strdup(method->path);
    if (added == NULL || path == NULL) {
        free(added);
        free(path);
        return weft_error_set_out_of_memory(error);
    }
    added->method = *method;
    added->method.path = path;
    HASH_ADD_KEYPTR(hh, server->methods, path, strlen(path), added);
    if (!weft_map_added(added)) {
        free(added);
        free(path);
        return weft_error_set_out_of_memory(error);
    }
    return WEFT_OK;
}

void weft_grpc_server_free(struct weft_grpc_server *server)
{
    if (server == NULL) {
        return;
    }
    struct method *method = NULL;
    struct method *next = NULL;
    HASH_ITER (hh, server->methods, method, next) {
        HASH_DEL(server->methods, method);
        free((char *)(uintptr_t)method->method.path);
        free(method);
    }
    while (server->free_calls != NULL) {
        struct weft_server_call *call = server->free_calls;
        server->free_calls = call->next_free;
        free(call);
    }
    free(server);
}

/* --- the life of a call --- */

static struct weft_server_call *take_call(struct weft_grpc_server *grpc)
{
    struct weft_server_call *call = grpc->free_calls;
    if (call == NULL) {
        return calloc(1, sizeof(*call));
    }
    grpc->free_calls = call->next_free;
    grpc->free_calls_count--;
    memset(call, 0, sizeof(*call));
    return call;
}

static void free_if_done(struct weft_server_call *call)
{
    if (!call->ended || call->wire != NULL) {
        return;
    }
    struct weft_grpc_server *grpc = call->grpc;
    if (grpc->free_calls_count >= FREE_CALLS_MAX) {
        free(call);
        return;
    }
    call->next_free = grpc->free_calls;
    grpc->free_calls = call;
    grpc->free_calls_count++;
}

/* Nothing more is awaited of the client. */
static void settle(struct weft_server_call *call)
{
    weft_collecting_end(&call->collecting);
    if (weft_timer_is_set(&call->deadline)) {
        weft_timer_cancel(&call->deadline);
    }
    weft_slice_fini(&call->message);
}

/* May be the last thing that happens to the call. */
static void cancel(struct weft_server_call *call, enum weft_status reason)
{
    if (call->ended || call->cancelled) {
        return;
    }
    call->cancelled = true;
    settle(call);
    if (call->method->unary != NULL && !call->has_message) {
        call->ended = true; /* the method has not heard of it yet */
        free_if_done(call);
    } else if (call->events != NULL && call->events->cancelled != NULL) {
        call->events->cancelled(call->context, call, reason);
    }
}

/* The method has let its grace pass, too. */
static void on_deadline(void *context)
{
    struct weft_server_call *call = context;
    if (call->wire != NULL) {
        weft_grpc_finish(call->wire, WEFT_DEADLINE_EXCEEDED, NULL, NULL, 0);
    }
    cancel(call, WEFT_DEADLINE_EXCEEDED);
}

static void on_late(struct weft_collecting *collecting)
{
    struct weft_server_call *call =
        weft_list_entry(collecting, struct weft_server_call, collecting);
    if (call->wire != NULL) {
        weft_grpc_finish(call->wire, WEFT_DEADLINE_EXCEEDED, "the request did not come in time",
                         NULL, 0);
    }
    cancel(call, WEFT_DEADLINE_EXCEEDED);
}

/* --- what the wire tells --- */

static void refuse_messages(struct weft_server_call *call, const char *why)
{
    call->ended = true;
    settle(call);
    weft_grpc_finish(call->wire, WEFT_INVALID_ARGUMENT, why, NULL, 0);
}

static void on_message(void *context, struct weft_grpc_call *wire, const struct weft_slice *message)
{
    struct weft_server_call *call = context;
    if (call->ended || call->cancelled) {
        return;
    }
    call->packed = weft_grpc_call_is_packed(wire);
    if (call->method->unary == NULL) {
        if (call->events != NULL) {
            call->events->message(call->context, call, message);
        }
        return;
    }
    if (call->message.data != NULL) {
        refuse_messages(call, "a unary call takes one message");
        return;
    }
    call->message = weft_slice_ref(message);
    if (call->message.data == NULL) {
        call->message = weft_slice_static("", 0);
    }
    weft_collecting_touch(call->server, &call->collecting);
}

static void on_half_closed(void *context, struct weft_grpc_call *wire)
{
    struct weft_server_call *call = context;
    (void)wire;
    if (call->ended || call->cancelled) {
        return;
    }
    if (call->method->unary == NULL) {
        if (call->events != NULL && call->events->half_closed != NULL) {
            call->events->half_closed(call->context, call);
        }
        return;
    }
    weft_collecting_end(&call->collecting);
    if (call->message.data == NULL) {
        refuse_messages(call, "the call ended without its message");
        return;
    }
    struct weft_slice message = call->message;
    call->message = (struct weft_slice){0};
    call->has_message = true;
    call->method->unary(call->method->context, call, &message);
    weft_slice_fini(&message);
}

static void on_drained(void *context, struct weft_grpc_call *wire)
{
    struct weft_server_call *call = context;
    (void)wire;
    if (!call->ended && !call->cancelled && call->events != NULL && call->events->drained != NULL) {
        call->events->drained(call->context, call);
    }
}

static void on_finished(void *context, struct weft_grpc_call *wire, enum weft_status status,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count)
{
    struct weft_server_call *call = context;
    (void)wire, (void)error, (void)trailers, (void)trailers_count;
    call->wire = NULL;
    call->server = NULL;
    call->head = NULL;
    weft_collecting_end(&call->collecting);
    if (call->ended || call->cancelled) {
        free_if_done(call);
        return;
    }
    cancel(call, status == WEFT_OK ? WEFT_CANCELLED : status);
}

static const struct weft_grpc_events wire_events = {
    .on_message = on_message,
    .on_half_closed = on_half_closed,
    .on_drained = on_drained,
    .on_finished = on_finished,
};

static struct method *find_method(struct weft_grpc_server *grpc, const char *path)
{
    struct method *method = NULL;
    HASH_FIND_STR(grpc->methods, path, method);
    return method;
}

void weft_grpc_server_take(struct weft_grpc_server *grpc, struct weft_server *server,
                           struct weft_http_stream *stream, const struct weft_http_head *head)
{
    struct method *method = find_method(grpc, head->path);
    struct weft_server_call *call = method != NULL ? take_call(grpc) : NULL;
    if (call == NULL) {
        weft_grpc_refuse(stream, method != NULL ? WEFT_OUT_OF_MEMORY : WEFT_UNIMPLEMENTED,
                         method != NULL ? NULL : "no such method");
        return;
    }
    struct weft_link *link = server->connection.link;
    struct weft_grpc_options options = {
        .message_max_bytes = method->method.message_max_bytes,
        .budget = &link->budget,
        .pool = link->pool,
        .aligned = method->method.aligned,
        .pack_max_bytes = method->method.pack_max_bytes,
    };
    call->grpc = grpc;
    if (weft_grpc_accept(stream, head, &options, &wire_events, call, &call->wire, NULL) !=
        WEFT_OK) {
        call->ended = true;
        call->wire = NULL;
        free_if_done(call);
        return;
    }
    call->server = server;
    call->link = link;
    call->head = head;
    call->method = &method->method;
    call->deadline_ns = WEFT_DEADLINE_NEVER_NS;
    weft_timer_init(&call->deadline, link->loop, on_deadline, call);
    uint64_t timeout_ns = weft_grpc_call_timeout_ns(call->wire);
    uint64_t arrived_ns = server->connection.received_ns;
    if (timeout_ns < WEFT_DEADLINE_NEVER_NS - arrived_ns) {
        call->deadline_ns = arrived_ns + timeout_ns;
        uint64_t grace_ns = DEADLINE_GRACE_MS * WEFT_NS_PER_MS;
        bool far = call->deadline_ns >= WEFT_DEADLINE_NEVER_NS - grace_ns;
        if (!far && weft_timer_set(&call->deadline, call->deadline_ns + grace_ns) != WEFT_OK) {
            call->ended = true;
            weft_grpc_finish(call->wire, WEFT_OUT_OF_MEMORY, NULL, NULL, 0);
            return;
        }
    }
    if (call->method->unary != NULL) {
        weft_collecting_begin(server, &call->collecting, on_late);
    } else {
        call->method->start(call->method->context, call);
    }
}

/* --- what the method says --- */

void weft_server_call_handle(struct weft_server_call *call,
                             const struct weft_server_call_events *events, void *context)
{
    call->events = events;
    call->context = context;
}

void *weft_server_call_context(const struct weft_server_call *call)
{
    return call->context;
}

const char *weft_server_call_path(const struct weft_server_call *call)
{
    return call->method->path;
}

const char *weft_server_call_metadata(const struct weft_server_call *call, const char *name)
{
    return call->head != NULL ? weft_http_head_value(call->head, name) : NULL;
}

const struct weft_http_head *weft_server_call_head(const struct weft_server_call *call)
{
    return call->head;
}

uint64_t weft_server_call_deadline_ns(const struct weft_server_call *call)
{
    return call->deadline_ns;
}

const char *weft_server_call_peer(const struct weft_server_call *call)
{
    return call->server != NULL ? weft_server_peer(call->server) : "";
}

void weft_server_call_traffic(const struct weft_server_call *call, struct weft_traffic *ret_traffic)
{
    *ret_traffic = (struct weft_traffic){0};
    if (call->server != NULL && call->server->connection.stream != NULL) {
        weft_connection_traffic(&call->server->connection, ret_traffic);
    }
}

uint64_t weft_server_call_round_trip_ns(const struct weft_server_call *call)
{
    struct weft_server *server = call->server;
    return server != NULL ? weft_connection_round_trip_ns(&server->connection) : 0;
}

struct weft_link *weft_server_call_link(const struct weft_server_call *call)
{
    return call->link;
}

bool weft_server_call_is_cancelled(const struct weft_server_call *call)
{
    return call->cancelled;
}

bool weft_server_call_is_packed(const struct weft_server_call *call)
{
    return call->packed && call->method->pack_max_bytes > 0;
}

bool weft_server_call_packs(const struct weft_server_call *call, size_t size_bytes)
{
    return call->wire != NULL && weft_grpc_call_packs(call->wire, size_bytes);
}

void weft_server_call_set_encoding(struct weft_server_call *call, enum weft_grpc_encoding encoding)
{
    if (call->wire != NULL) {
        weft_grpc_call_set_encoding(call->wire, encoding);
    }
}

enum weft_status weft_server_call_set_metadata(struct weft_server_call *call,
                                               const struct weft_grpc_metadata *metadata,
                                               size_t count, struct weft_error **error)
{
    return call->wire != NULL ? weft_grpc_call_set_head(call->wire, metadata, count, error)
                              : WEFT_OK;
}

static void drop_slices(struct weft_slice *slices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weft_slice_fini(&slices[i]);
    }
}

static size_t queue_max_bytes(const struct weft_server_call *call)
{
    size_t own_bytes = call->method->queue_max_bytes;
    return own_bytes > 0 ? own_bytes : (size_t)WEFT_CALL_QUEUE_MAX_BYTES;
}

static bool put(struct weft_server_call *call, struct weft_slice *take_slices, size_t slices_count,
                bool packed)
{
    weft_assert(!call->ended);
    if (call->wire == NULL || call->cancelled) {
        drop_slices(take_slices, slices_count);
        return false;
    }
    bool full = weft_grpc_call_queued_bytes(call->wire) > queue_max_bytes(call);
    enum weft_status status = WEFT_RESOURCE_EXHAUSTED;
    if (!full) {
        status = packed ? weft_grpc_send_packed(call->wire, take_slices, NULL)
                        : weft_grpc_send(call->wire, take_slices, slices_count, NULL);
    }
    if (status != WEFT_OK) {
        drop_slices(take_slices, slices_count);
        weft_grpc_cancel(call->wire, full ? WEFT_RESOURCE_EXHAUSTED : WEFT_OUT_OF_MEMORY);
        return false;
    }
    return true;
}

bool weft_server_call_send(struct weft_server_call *call, struct weft_slice *take_slices,
                           size_t slices_count)
{
    return put(call, take_slices, slices_count, false);
}

bool weft_server_call_send_packed(struct weft_server_call *call, struct weft_slice *take_slice)
{
    return put(call, take_slice, 1, true);
}

size_t weft_server_call_queued_bytes(const struct weft_server_call *call)
{
    return call->wire != NULL ? weft_grpc_call_queued_bytes(call->wire) : 0;
}

void weft_server_call_pause(struct weft_server_call *call, bool paused)
{
    if (call->wire != NULL && paused) {
        weft_grpc_call_pause(call->wire);
    } else if (call->wire != NULL) {
        weft_grpc_call_resume(call->wire);
    }
}

static void finish_with_error(struct weft_server_call *call, const struct weft_error *error)
{
    char message[WEFT_GRPC_STATUS_MESSAGE_MAX_BYTES / 4]; /* percent coding may treble it */
    cleanup_text struct weft_text details = {0};
    weft_error_format_whole(error, message, sizeof(message));
    weft_problem_grpc(error, &details);
    struct weft_grpc_metadata trailer = {"grpc-status-details-bin", details.data, details.length};
    weft_grpc_finish(call->wire, weft_error_status(error), message, &trailer,
                     details.failed || details.length == 0 ? 0 : 1);
}

void weft_server_call_finish(struct weft_server_call *call, const struct weft_error *error)
{
    weft_assert(!call->ended);
    settle(call);
    call->ended = true;
    if (call->wire != NULL && !call->cancelled) {
        if (error == NULL) {
            weft_grpc_finish(call->wire, WEFT_OK, NULL, NULL, 0);
        } else {
            finish_with_error(call, error);
        }
    }
    free_if_done(call);
}

void weft_server_call_reply(struct weft_server_call *call, struct weft_slice *take_slices,
                            size_t slices_count)
{
    weft_server_call_send(call, take_slices, slices_count);
    weft_server_call_finish(call, NULL);
}
