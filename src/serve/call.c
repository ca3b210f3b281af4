/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "serve/serve_parts.h"

/* --- arrival --- */

/* The trace goes back to the client with the response's head, so it is set before anything is
 * sent; without memory for it the client does without. */
static void return_trace(const struct talk *talk)
{
    char traceparent[WEFT_TRACEPARENT_LENGTH + 1];
    weft_trace_format(&talk->trace, traceparent);
    char tracestate[WEFT_TRACESTATE_MAX_LENGTH + 1];
    struct weft_grpc_metadata metadata[] = {
        {"traceparent", traceparent, WEFT_TRACEPARENT_LENGTH},
        {"tracestate", tracestate, serve_tracestate(weft_server_call_head(talk->call), tracestate)},
    };
    (void)!weft_server_call_set_metadata(talk->call, metadata,
                                         metadata[1].value_size_bytes > 0 ? 2 : 1, NULL);
}

static void begin(struct serve_entry *entry, struct weft_server_call *call, struct talk *ret_talk)
{
    *ret_talk = (struct talk){.entry = entry, .call = call, .started_ns = weft_loop_now_ns()};
    serve_trace_begin(entry->serve, weft_server_call_head(call), &ret_talk->trace);
    return_trace(ret_talk);
    const char *encoding = weft_server_call_metadata(call, "grpc-encoding");
    if (encoding != NULL && strcmp(encoding, "gzip") == 0) {
        weft_server_call_set_encoding(call, WEFT_GRPC_GZIP); /* answered in kind */
    }
}

void serve_talk_unary(void *context, struct weft_server_call *call,
                      const struct weft_slice *message)
{
    struct serve_entry *entry = context;
    struct talk talk;
    begin(entry, call, &talk);
    entry->method->unary(entry->serve, &talk, message);
}

void serve_talk_start(void *context, struct weft_server_call *call)
{
    struct serve_entry *entry = context;
    struct talk talk;
    begin(entry, call, &talk);
    entry->method->start(entry->serve, &talk);
}

/* --- the end --- */

static enum weft_log_level level_of(enum weft_status status)
{
    switch (status) {
    case WEFT_OK:
        return WEFT_LOG_DEBUG;
    case WEFT_INTERNAL:
    case WEFT_UNKNOWN:
    case WEFT_DATA_LOSS:
    case WEFT_UNAVAILABLE:
    case WEFT_OUT_OF_MEMORY:
    case WEFT_DEADLINE_EXCEEDED:
        return WEFT_LOG_WARNING;
    default:
        return WEFT_LOG_INFO;
    }
}

static void account(const struct talk *talk, const struct weft_error *error)
{
    const struct weft_log *log = talk->entry->serve->options.log;
    enum weft_status status = weft_error_status(error);
    if (status == WEFT_OK && weft_server_call_is_cancelled(talk->call)) {
        status = WEFT_CANCELLED;
    }
    uint64_t duration_ns = weft_loop_now_ns() - talk->started_ns;
    serve_count_grpc(talk->entry, status, duration_ns);
    enum weft_log_level level = level_of(status);
    if (log != NULL && level >= log->level_min) {
        char words[512] = "";
        if (error != NULL) {
            weft_error_format(error, words, sizeof(words));
        }
        weft_log(log, level, &talk->trace, "%s from %s: %s in %llu us%s%s",
                 talk->entry->method->path, weft_server_call_peer(talk->call),
                 weft_status_name(status), (unsigned long long)(duration_ns / WEFT_NS_PER_US),
                 error != NULL ? ": " : "", words);
    }
}

void serve_reply(struct talk *talk, struct weft_slices *slices)
{
    account(talk, NULL);
    weft_server_call_reply(talk->call, weft_slices_items(slices), slices->count);
    weft_slices_forget(slices);
}

void serve_finish(struct talk *talk, const struct weft_error *error)
{
    account(talk, error);
    weft_server_call_finish(talk->call, error);
}

enum weft_status serve_send(struct talk *talk, struct serve_infer *infer, bool last,
                            struct weft_slices *slices, struct weft_slice *packed,
                            struct weft_error **error)
{
    size_t size_bytes = weft_slices_size_bytes(slices);
    cleanup_slice struct weft_slice own = {0};
    if (packed == NULL && size_bytes <= SERVE_INLINE_BYTES &&
        weft_server_call_packs(talk->call, size_bytes) &&
        weft_grpc_deflate(weft_slices_items(slices), slices->count, &own, NULL) == WEFT_OK) {
        packed = &own;
    }
    bool is_packed = packed != NULL && packed->size_bytes > 0; /* else it would gain nothing */
    struct weft_slice *items = is_packed ? packed : weft_slices_items(slices);
    enum weft_status status = serve_hold_slices(talk->entry->serve, infer, last, items,
                                                is_packed ? 1 : slices->count, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (is_packed) {
        weft_server_call_send_packed(talk->call, packed);
        *packed = (struct weft_slice){0};
    } else {
        weft_server_call_send(talk->call, items, slices->count);
        weft_slices_forget(slices);
    }
    return WEFT_OK;
}

void serve_conclude(struct talk *talk, enum weft_status status, struct weft_slices *slices,
                    const struct weft_error *error)
{
    if (status == WEFT_OK) {
        serve_reply(talk, slices);
    } else {
        serve_finish(talk, error);
    }
}
