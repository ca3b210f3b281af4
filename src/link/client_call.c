/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "link/channel.h"
#include "link/internal.h"
#include "wire/problem.h"

/* A message that waits for the connection. */
struct unsent {
    struct weft_list link;
    size_t slices_count;
    struct weft_slice slices[];
};

/*
 * A call waits without a stream (in the channel's `waiting`), then has one (`wire`, in `open`). Its
 * end is told once: by the stream's, or, where there is none, by `finish` at the end of the turn.
 */
struct weft_client_call {
    struct weft_channel *channel;
    struct weft_list link;
    struct weft_grpc_call *wire;
    const struct weft_client_call_events *events;
    void *context;
    struct weft_timer deadline;
    uint64_t patience_ns; /* 0 = none, or it has begun */
    struct weft_deferred finish;
    struct weft_error *error; /* why it ends */
    bool wait_for_ready;
    bool half_closed;
    bool over; /* its end is under way */
    /* While it waits: its own copies. */
    struct weft_client_call_options options;
    struct weft_list unsent;
    /* Unary. */
    weft_unary_done *unary_done;
    void *unary_context;
    struct weft_slice reply;
    bool has_reply;
};

/* --- the end --- */

static void drop_slices(struct weft_slice *slices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weft_slice_fini(&slices[i]);
    }
}

static void drop_unsent(struct weft_client_call *call)
{
    while (!weft_list_is_empty(&call->unsent)) {
        struct unsent *unsent =
            weft_list_entry(weft_list_first(&call->unsent), struct unsent, link);
        weft_list_remove(&unsent->link);
        drop_slices(unsent->slices, unsent->slices_count);
        free(unsent);
    }
}

static void drop_options(struct weft_client_call *call)
{
    struct weft_client_call_options *options = &call->options;
    for (size_t i = 0; i < options->metadata_count; i++) {
        free((void *)(uintptr_t)options->metadata[i].name);
        free((void *)(uintptr_t)options->metadata[i].value);
    }
    free((void *)(uintptr_t)options->metadata);
    free((void *)(uintptr_t)options->path);
    *options = (struct weft_client_call_options){0};
}

static void leave_list(struct weft_client_call *call)
{
    if (call->wire == NULL && !weft_list_is_empty(&call->link)) {
        call->channel->waiting_count--;
    }
    weft_list_remove(&call->link);
}

static void free_call(struct weft_client_call *call)
{
    weft_timer_cancel(&call->deadline);
    weft_deferred_cancel(&call->finish);
    drop_unsent(call);
    drop_options(call);
    weft_slice_fini(&call->reply);
    weft_error_unref(call->error);
    free(call);
}

static void tell_done(struct weft_client_call *call, const struct weft_error *error,
                      const struct weft_http_field *trailers, size_t trailers_count)
{
    struct weft_channel *channel = call->channel;
    leave_list(call);
    call->over = true;
    call->wire = NULL;
    call->events->done(call->context, call, error, trailers, trailers_count);
    free_call(call);
    weft_channel_call_ended(channel);
}

static void on_finish(void *context)
{
    struct weft_client_call *call = context;
    tell_done(call, call->error, NULL, 0);
}

/* Ends a call that has no stream. Takes the error. */
static void end_waiting(struct weft_client_call *call, struct weft_error *error)
{
    if (call->over) {
        weft_error_unref(error);
        return;
    }
    call->over = true;
    call->error = error;
    weft_loop_defer(call->channel->link->loop, &call->finish);
}

static void end(struct weft_client_call *call, enum weft_status status, const char *words)
{
    if (call->wire != NULL) {
        weft_grpc_cancel(call->wire, status);
        return;
    }
    struct weft_error *error = NULL;
    weft_error_set(&error, status, "%s", words);
    end_waiting(call, error);
}

static void on_deadline(void *context)
{
    struct weft_client_call *call = context;
    uint64_t patience_ns = call->patience_ns;
    call->patience_ns = 0;
    if (call->wire != NULL && patience_ns > 0 &&
        weft_timer_set(&call->deadline, weft_loop_now_ns() + patience_ns) == WEFT_OK) {
        return;
    }
    end(call, WEFT_DEADLINE_EXCEEDED, "the deadline passed before the call could be sent");
}

/* --- what the wire tells --- */

static void on_head(void *context, struct weft_grpc_call *wire, const struct weft_http_head *head)
{
    struct weft_client_call *call = context;
    (void)wire;
    if (call->events->head != NULL) {
        call->events->head(call->context, call, head);
    }
}

static void on_message(void *context, struct weft_grpc_call *wire, const struct weft_slice *message)
{
    struct weft_client_call *call = context;
    (void)wire;
    call->events->message(call->context, call, message);
}

static void on_drained(void *context, struct weft_grpc_call *wire)
{
    struct weft_client_call *call = context;
    (void)wire;
    if (call->events->drained != NULL) {
        call->events->drained(call->context, call);
    }
}

/* What the server said in detail, else what the wire knows. */
static struct weft_error *detailed(const struct weft_error *error,
                                   const struct weft_http_field *trailers, size_t trailers_count)
{
    const struct weft_http_field *field =
        weft_http_field_find(trailers, trailers_count, "grpc-status-details-bin");
    uint8_t details[WEFT_PROBLEM_DETAILS_MAX_BYTES];
    size_t size_bytes = 0;
    struct weft_error *found = NULL;
    if (field != NULL && weft_grpc_binary_decode(field, details, sizeof(details), &size_bytes) &&
        weft_problem_grpc_decode(details, size_bytes, &found) &&
        weft_error_status(found) == weft_error_status(error)) {
        return found;
    }
    weft_error_unref(found);
    return weft_error_ref((struct weft_error *)(uintptr_t)error);
}

static void on_finished(void *context, struct weft_grpc_call *wire, enum weft_status status,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count)
{
    struct weft_client_call *call = context;
    (void)wire;
    struct weft_error *seen = NULL;
    if (error != NULL) {
        seen = detailed(error, trailers, trailers_count);
    } else if (status != WEFT_OK) {
        weft_error_set(&seen, status, "%s: %s", call->channel->address, weft_status_words(status));
    }
    tell_done(call, seen, trailers, trailers_count);
    weft_error_unref(seen);
}

static const struct weft_grpc_events wire_events = {
    .on_head = on_head,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_finished = on_finished,
};

/* --- the beginning --- */

static enum weft_status open_stream(struct weft_client_call *call,
                                    const struct weft_client_call_options *options,
                                    struct weft_error **error)
{
    struct weft_channel *channel = call->channel;
    struct weft_link *link = channel->link;
    uint64_t timeout_ns = UINT64_MAX;
    if (weft_timer_is_set(&call->deadline)) {
        uint64_t now_ns = weft_loop_now_ns();
        timeout_ns = options->deadline_ns > now_ns ? options->deadline_ns - now_ns : 1;
    }
    struct weft_grpc_request request = {
        .path = options->path,
        .authority = channel->address,
        .timeout_ns = timeout_ns,
        .encoding = options->encoding,
        .metadata = options->metadata,
        .metadata_count = options->metadata_count,
    };
    struct weft_grpc_options limits = {
        .message_max_bytes = channel->options.message_max_bytes,
        .budget = &link->budget,
        .pool = link->pool,
        .aligned = options->aligned,
    };
    enum weft_status status = weft_grpc_call(channel->carrier->connection.http, &request, &limits,
                                             &wire_events, call, &call->wire, error);
    if (status == WEFT_OK) {
        link->counters.calls++;
        weft_list_append(&channel->open, &call->link);
    }
    return status;
}

static bool has_room(const struct weft_channel *channel)
{
    return channel->carrier != NULL && !channel->carrier->connection.ends &&
           weft_http_can_open(channel->carrier->connection.http);
}

static void send_unsent(struct weft_client_call *call)
{
    enum weft_status status = WEFT_OK;
    while (status == WEFT_OK && !weft_list_is_empty(&call->unsent)) {
        struct unsent *unsent =
            weft_list_entry(weft_list_first(&call->unsent), struct unsent, link);
        status = weft_grpc_send(call->wire, unsent->slices, unsent->slices_count, NULL);
        if (status == WEFT_OK) {
            weft_list_remove(&unsent->link);
            free(unsent);
        }
    }
    if (status == WEFT_OK && call->half_closed) {
        status = weft_grpc_half_close(call->wire, NULL);
    }
    if (status != WEFT_OK) {
        drop_unsent(call);
        weft_grpc_cancel(call->wire, status);
    }
}

void weft_calls_start(struct weft_channel *channel)
{
    while (!weft_list_is_empty(&channel->waiting) && has_room(channel)) {
        struct weft_client_call *call =
            weft_list_entry(weft_list_first(&channel->waiting), struct weft_client_call, link);
        struct weft_error *error = NULL;
        leave_list(call);
        if (call->over) {
            continue; /* its end waits for the end of the turn */
        }
        if (open_stream(call, &call->options, &error) != WEFT_OK) {
            end_waiting(call, error);
            continue;
        }
        drop_options(call);
        send_unsent(call);
    }
}

void weft_calls_fail(struct weft_channel *channel, const struct weft_error *error)
{
    for (struct weft_list *link = channel->waiting.next; link != &channel->waiting;
         link = link->next) {
        struct weft_client_call *call = weft_list_entry(link, struct weft_client_call, link);
        if (!call->wait_for_ready) {
            end_waiting(call, weft_error_ref((struct weft_error *)(uintptr_t)error));
        }
    }
}

void weft_calls_cancel_all(struct weft_channel *channel)
{
    struct weft_list *const lists[] = {&channel->waiting, &channel->open};
    for (size_t i = 0; i < 2; i++) {
        for (struct weft_list *link = lists[i]->next; link != lists[i]; link = link->next) {
            end(weft_list_entry(link, struct weft_client_call, link), WEFT_CANCELLED,
                "the channel is closed");
        }
    }
}

static bool copy_options(struct weft_client_call *call,
                         const struct weft_client_call_options *options)
{
    struct weft_grpc_metadata *metadata = NULL;
    call->options.deadline_ns = options->deadline_ns;
    call->options.encoding = options->encoding;
    call->options.aligned = options->aligned;
    call->options.path = strdup(options->path);
    if (options->metadata_count > 0) {
        metadata = calloc(options->metadata_count, sizeof(*metadata));
    }
    call->options.metadata = metadata;
    if (call->options.path == NULL || (metadata == NULL && options->metadata_count > 0)) {
        return false;
    }
    for (size_t i = 0; i < options->metadata_count; i++) {
        const struct weft_grpc_metadata *from = &options->metadata[i];
        char *value = malloc(from->value_size_bytes + 1);
        metadata[i].name = strdup(from->name);
        metadata[i].value = value;
        metadata[i].value_size_bytes = from->value_size_bytes;
        call->options.metadata_count++;
        if (value == NULL || metadata[i].name == NULL) {
            return false;
        }
        memcpy(value, from->value, from->value_size_bytes);
        value[from->value_size_bytes] = '\0';
    }
    return true;
}

static enum weft_status wait_or_fail(struct weft_client_call *call,
                                     const struct weft_client_call_options *options,
                                     struct weft_error **error)
{
    struct weft_channel *channel = call->channel;
    if (channel->waiting_count >= WEFT_CHANNEL_WAITING_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "%zu calls wait for %s already",
                              channel->waiting_count, channel->address);
    }
    if (!copy_options(call, options)) {
        return weft_error_set_out_of_memory(error);
    }
    weft_list_append(&channel->waiting, &call->link);
    channel->waiting_count++;
    if (channel->state == WEFT_CHANNEL_FAILED && !call->wait_for_ready) {
        end_waiting(call, weft_error_ref(channel->trouble));
    } else {
        weft_channel_want(channel);
    }
    return WEFT_OK;
}

static enum weft_status start(struct weft_client_call *call,
                              const struct weft_client_call_options *options,
                              struct weft_error **error)
{
    struct weft_channel *channel = call->channel;
    if (channel->closes) {
        return weft_error_set(error, WEFT_CANCELLED, "the channel to %s is closed",
                              channel->address);
    }
    if (options->deadline_ns != 0 && options->deadline_ns != WEFT_DEADLINE_NEVER_NS &&
        weft_timer_set(&call->deadline, options->deadline_ns) != WEFT_OK) {
        return weft_error_set_out_of_memory(error);
    }
    if (weft_list_is_empty(&channel->waiting) && has_room(channel)) {
        return open_stream(call, options, error);
    }
    return wait_or_fail(call, options, error);
}

enum weft_status weft_channel_call(struct weft_channel *channel,
                                   const struct weft_client_call_options *options,
                                   const struct weft_client_call_events *events, void *context,
                                   struct weft_client_call **ret_call, struct weft_error **error)
{
    struct weft_client_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    call->channel = channel;
    call->events = events;
    call->context = context;
    call->wait_for_ready = options->wait_for_ready;
    call->patience_ns = options->patience_ns;
    weft_list_init(&call->link);
    weft_list_init(&call->unsent);
    weft_timer_init(&call->deadline, channel->link->loop, on_deadline, call);
    weft_deferred_init(&call->finish, on_finish, call);
    enum weft_status status = start(call, options, error);
    if (status != WEFT_OK) {
        free_call(call);
        return status;
    }
    *ret_call = call;
    return WEFT_OK;
}

/* --- what the caller says --- */

static bool keep_unsent(struct weft_client_call *call, struct weft_slice *take_slices,
                        size_t slices_count)
{
    struct unsent *unsent = malloc(sizeof(*unsent) + slices_count * sizeof(unsent->slices[0]));
    if (unsent == NULL) {
        return false;
    }
    unsent->slices_count = slices_count;
    memcpy(unsent->slices, take_slices, slices_count * sizeof(unsent->slices[0]));
    weft_list_append(&call->unsent, &unsent->link);
    return true;
}

bool weft_client_call_send(struct weft_client_call *call, struct weft_slice *take_slices,
                           size_t slices_count)
{
    if (!call->over && call->wire == NULL) {
        if (keep_unsent(call, take_slices, slices_count)) {
            return true;
        }
        end(call, WEFT_OUT_OF_MEMORY, "out of memory");
    } else if (!call->over &&
               weft_grpc_send(call->wire, take_slices, slices_count, NULL) == WEFT_OK) {
        return true;
    } else if (!call->over) {
        weft_grpc_cancel(call->wire,
                         WEFT_OUT_OF_MEMORY); /* where it is over already, nothing happens */
    }
    drop_slices(take_slices, slices_count);
    return false;
}

void weft_client_call_half_close(struct weft_client_call *call)
{
    call->half_closed = true;
    if (!call->over && call->wire != NULL && weft_grpc_half_close(call->wire, NULL) != WEFT_OK) {
        weft_grpc_cancel(call->wire, WEFT_OUT_OF_MEMORY);
    }
}

void weft_client_call_cancel(struct weft_client_call *call)
{
    end(call, WEFT_CANCELLED, "cancelled");
}

size_t weft_client_call_queued_bytes(const struct weft_client_call *call)
{
    if (call->wire != NULL) {
        return weft_grpc_call_queued_bytes(call->wire);
    }
    size_t sum = 0;
    for (const struct weft_list *link = call->unsent.next; link != &call->unsent;
         link = link->next) {
        const struct unsent *unsent = weft_list_entry(link, struct unsent, link);
        for (size_t i = 0; i < unsent->slices_count; i++) {
            sum += unsent->slices[i].size_bytes;
        }
    }
    return sum;
}

void weft_client_call_pause(struct weft_client_call *call, bool paused)
{
    if (call->wire != NULL && paused) {
        weft_grpc_call_pause(call->wire);
    } else if (call->wire != NULL) {
        weft_grpc_call_resume(call->wire);
    }
}

void *weft_client_call_context(const struct weft_client_call *call)
{
    return call->context;
}

/* --- unary --- */

static void unary_message(void *context, struct weft_client_call *call,
                          const struct weft_slice *message)
{
    (void)context;
    if (call->has_reply) {
        weft_slice_fini(&call->reply);
        weft_grpc_cancel(call->wire, WEFT_INTERNAL); /* a unary method answers once */
        return;
    }
    call->has_reply = true;
    call->reply = weft_slice_ref(message);
}

static void unary_done(void *context, struct weft_client_call *call, const struct weft_error *error,
                       const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)context, (void)trailers, (void)trailers_count;
    struct weft_error *missing = NULL;
    if (error == NULL && !call->has_reply) {
        weft_error_set(&missing, WEFT_INTERNAL, "%s ended the call without an answer",
                       call->channel->address);
        error = missing;
    }
    call->unary_done(call->unary_context, error == NULL ? &call->reply : NULL, error);
    weft_error_unref(missing);
}

static const struct weft_client_call_events unary_events = {
    .message = unary_message,
    .done = unary_done,
};

enum weft_status weft_channel_unary(struct weft_channel *channel,
                                    const struct weft_client_call_options *options,
                                    struct weft_slice *take_slices, size_t slices_count,
                                    weft_unary_done *done, void *context,
                                    struct weft_client_call **ret_call, struct weft_error **error)
{
    struct weft_client_call *call = NULL;
    enum weft_status status =
        weft_channel_call(channel, options, &unary_events, NULL, &call, error);
    if (status != WEFT_OK) {
        return status;
    }
    call->unary_done = done;
    call->unary_context = context;
    weft_client_call_send(call, take_slices, slices_count);
    weft_client_call_half_close(call);
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return WEFT_OK;
}
