/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/pool.h"
#include "wire/grpc_private.h"

/* Messages out of the bytes of a stream, and the window that lets them come. */

static size_t message_max_bytes(const struct weft_grpc_call *call)
{
    return call->options.message_max_bytes > 0 ? call->options.message_max_bytes
                                               : WEFT_GRPC_MESSAGE_MAX_BYTES;
}

static bool is_over(const struct weft_grpc_call *call)
{
    return call->failed || (call->is_server && call->finished);
}

/* --- The window
 * --------------------------------------------------------------------------------------------------
 */

/* How far ahead the sender may be: as far as the message under way is leased, and behind one that
 * is leased to its end, or where there is none, as far as every stream. */
static size_t wanted_bytes(const struct weft_grpc_call *call)
{
    if (call->message == NULL) {
        return WEFT_HTTP_WINDOW_BYTES;
    }
    size_t leased_bytes = call->lease.leased_bytes;
    size_t ahead_bytes =
        leased_bytes > call->received_bytes ? leased_bytes - call->received_bytes : 0;
    return leased_bytes >= call->message_bytes ? ahead_bytes + WEFT_HTTP_WINDOW_BYTES : ahead_bytes;
}

/* Opens the window as far as is wanted. Credit that was given can't be taken back, so none is given
 * that no lease stands for: a window that was wide closes by itself while its message comes, to
 * what every stream has. Small steps are put together, but not while the sender may come to wait.
 */
static void reopen(struct weft_grpc_call *call)
{
    size_t wanted = wanted_bytes(call);
    if (call->paused || wanted <= call->open_bytes) {
        return;
    }
    size_t more_bytes = wanted - call->open_bytes;
    size_t half_bytes = WEFT_HTTP_WINDOW_BYTES / 2;
    size_t step_bytes = wanted / 4 > half_bytes ? wanted / 4 : half_bytes;
    if (call->open_bytes >= half_bytes && more_bytes < step_bytes) {
        return;
    }
    call->open_bytes += more_bytes;
    weft_http_stream_allow(call->stream, more_bytes);
}

static void came(struct weft_grpc_call *call, size_t size_bytes)
{
    call->open_bytes -= size_bytes < call->open_bytes ? size_bytes : call->open_bytes;
}

static void ask_lease(struct weft_grpc_call *call)
{
    size_t wanted = call->message_bytes - call->received_bytes;
    wanted = wanted < WEFT_HTTP_WINDOW_MAX_BYTES ? wanted : WEFT_HTTP_WINDOW_MAX_BYTES;
    weft_receive_lease_ask(&call->lease, call->received_bytes + wanted, call->received_bytes);
    reopen(call);
}

void weft_grpc_receive_grown(struct weft_receive_lease *lease)
{
    struct weft_grpc_call *call =
        (struct weft_grpc_call *)((char *)lease - offsetof(struct weft_grpc_call, lease));
    if (call->message != NULL) {
        reopen(call);
    }
}

void weft_grpc_call_pause(struct weft_grpc_call *call)
{
    call->paused = true;
}

void weft_grpc_call_resume(struct weft_grpc_call *call)
{
    call->paused = false;
    reopen(call);
}

/* --- Messages
 * ----------------------------------------------------------------------------------------------------
 */

bool weft_grpc_call_is_packed(const struct weft_grpc_call *call)
{
    return call->prefix[0] != 0;
}

static void deliver(struct weft_grpc_call *call, const struct weft_slice *message)
{
    if (call->prefix[0] == 0 || call->options.pack_max_bytes > 0) {
        call->events->on_message(call->context, call, message);
        return;
    }
    struct weft_slice inflated = {0};
    struct weft_error *error = NULL;
    enum weft_status status =
        weft_grpc_inflate(message, message_max_bytes(call), call->options.pool, &inflated, &error);
    if (status != WEFT_OK) {
        weft_grpc_fail(call, status, "%s", weft_error_message(error));
        weft_error_unref(error);
        return;
    }
    call->events->on_message(call->context, call, &inflated);
    weft_slice_fini(&inflated);
}

/* The length that the prefix tells; false where the call failed with it. */
static bool read_prefix(struct weft_grpc_call *call, size_t *ret_size_bytes)
{
    const uint8_t *prefix = call->prefix;
    size_t size_bytes =
        (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
    if (prefix[0] > 1) {
        weft_grpc_fail(call, WEFT_INTERNAL, "a message with the unknown flags 0x%02x", prefix[0]);
        return false;
    }
    if (prefix[0] == 1 && call->encoding_in == WEFT_GRPC_IDENTITY) {
        weft_grpc_fail(call, WEFT_INTERNAL, "a compressed message without grpc-encoding");
        return false;
    }
    if (size_bytes > message_max_bytes(call)) {
        weft_grpc_fail(call, WEFT_RESOURCE_EXHAUSTED, "a message of %zu bytes; the limit is %zu",
                       size_bytes, message_max_bytes(call));
        return false;
    }
    *ret_size_bytes = size_bytes;
    return true;
}

/* A message that goes on behind this slice. */
static void start_large(struct weft_grpc_call *call, size_t size_bytes, const uint8_t *data,
                        size_t data_bytes)
{
    size_t aligned = call->prefix[0] == 0
                         ? weft_grpc_aligned_offset(call->options.aligned, data, data_bytes)
                         : 0;
    call->message_offset = (0 - aligned) % WEFT_GRPC_ALIGNMENT_BYTES;
    call->message_bytes = size_bytes;
    /* Untouched pages of it cost nothing, so the announced length commits no memory. */
    call->message = weft_pool_buffer(call->options.pool, call->message_offset + size_bytes);
    if (call->message == NULL) {
        weft_grpc_fail(call, WEFT_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes",
                       size_bytes);
        return;
    }
    weft_copy(call->message->data + call->message_offset, data, data_bytes);
    call->received_bytes = data_bytes;
    weft_http_stream_land(call->stream, call->message, call->message_offset + data_bytes,
                          size_bytes - data_bytes);
    ask_lease(call);
}

/* Takes what it can of the bytes; returns how many. */
static size_t receive_some(struct weft_grpc_call *call, const struct weft_slice *data,
                           size_t offset)
{
    size_t left_bytes = data->size_bytes - offset;
    size_t missing_bytes = (size_t)(WEFT_GRPC_PREFIX_BYTES - call->prefix_bytes);
    size_t part_bytes = left_bytes < missing_bytes ? left_bytes : missing_bytes;
    memcpy(call->prefix + call->prefix_bytes, data->data + offset, part_bytes);
    call->prefix_bytes = (uint8_t)(call->prefix_bytes + part_bytes);
    size_t size_bytes = 0;
    if (call->prefix_bytes < WEFT_GRPC_PREFIX_BYTES || !read_prefix(call, &size_bytes)) {
        return part_bytes;
    }
    offset += part_bytes;
    left_bytes -= part_bytes;
    if (size_bytes > left_bytes) {
        start_large(call, size_bytes, data->data + offset, left_bytes);
        return part_bytes + left_bytes;
    }
    call->prefix_bytes = 0;
    struct weft_slice message = {data->buffer, data->data + offset, size_bytes};
    deliver(call, &message);
    return part_bytes + size_bytes;
}

void weft_grpc_receive_data(struct weft_grpc_call *call, const struct weft_slice *data)
{
    came(call, data->size_bytes);
    for (size_t offset = 0; offset < data->size_bytes && !is_over(call);) {
        offset += receive_some(call, data, offset);
    }
    reopen(call);
}

void weft_grpc_receive_landed(struct weft_grpc_call *call, size_t size_bytes, bool complete)
{
    came(call, size_bytes);
    call->received_bytes += size_bytes;
    if (is_over(call) || call->message == NULL) {
        weft_grpc_receive_fini(call);
        reopen(call);
        return;
    }
    if (!complete) {
        ask_lease(call);
        return;
    }
    struct weft_slice message = {call->message, call->message->data + call->message_offset,
                                 call->message_bytes};
    call->message = NULL;
    call->prefix_bytes = 0;
    call->received_bytes = 0;
    weft_receive_lease_return(&call->lease);
    reopen(call);
    deliver(call, &message);
    weft_slice_fini(&message);
}

bool weft_grpc_receive_is_partial(const struct weft_grpc_call *call)
{
    return call->prefix_bytes > 0 || call->message != NULL;
}

void weft_grpc_receive_fini(struct weft_grpc_call *call)
{
    weft_buffer_unref(call->message);
    call->message = NULL;
    weft_receive_lease_return(&call->lease);
}
