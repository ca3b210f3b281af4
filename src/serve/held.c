/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "serve/serve_parts.h"

/*
 * Inputs stay in memory until their request has ended, and requests may be slow: the receive budget
 * bounds only what is arriving. A request that finds no room is refused at once; to wait would hold
 * its bytes all the same.
 */

enum weft_status serve_hold_bytes(struct weft_serve *serve, struct serve_infer *infer, size_t bytes,
                                  struct weft_error **error)
{
    size_t max_bytes = serve->options.held_max_bytes;
    bool alone = serve->held_bytes == infer->held_bytes;
    if (!alone && (serve->held_bytes > max_bytes || bytes > max_bytes - serve->held_bytes)) {
        enum weft_status status = weft_error_set(
            error, WEFT_RESOURCE_EXHAUSTED,
            "this node has no room for the request's inputs: open requests hold %zu of %zu bytes",
            serve->held_bytes, max_bytes);
        weft_error_set_hint(error, "try again when others have ended (weft node --held-budget)");
        return status;
    }
    serve->held_bytes += bytes;
    infer->held_bytes += bytes;
    return WEFT_OK;
}

size_t serve_own_bytes(const struct weft_values *inputs, const struct weft_slice *message)
{
    size_t bytes = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        const struct weft_slice *slice = weft_value_slice(inputs->items[i].value);
        if (message->buffer == NULL || slice->buffer != message->buffer) {
            bytes += slice->size_bytes;
        }
    }
    return bytes;
}

enum weft_status serve_hold_message(struct weft_serve *serve, struct serve_infer *infer,
                                    const struct weft_slice *message, struct weft_error **error)
{
    size_t own_bytes = serve_own_bytes(&infer->request.inputs, message);
    size_t all_bytes = message->size_bytes + own_bytes;
    size_t more_bytes = all_bytes > infer->held_bytes ? all_bytes - infer->held_bytes : 0;
    return serve_hold_bytes(serve, infer, more_bytes, error);
}

void serve_let_go(struct weft_serve *serve, struct serve_infer *infer)
{
    weft_assert(serve->held_bytes >= infer->held_bytes);
    serve->held_bytes -= infer->held_bytes;
    infer->held_bytes = 0;
}
