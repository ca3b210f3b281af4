/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/assert.h"
#include "serve/serve_parts.h"

/*
 * Inputs stay in memory until their request has ended, and requests may be slow: the receive budget
 * bounds only what is arriving. Answers stay until their reader has taken them, and readers may be
 * slow. What finds no room is refused at once; to wait would hold its bytes all the same.
 */

static enum weft_status hold(struct weft_serve *serve, struct serve_infer *infer, size_t bytes,
                             const char *what, struct weft_error **error)
{
    size_t max_bytes = serve->options.held_max_bytes;
    bool alone = serve->held_bytes == infer->held_bytes;
    if (!alone && (serve->held_bytes > max_bytes || bytes > max_bytes - serve->held_bytes)) {
        enum weft_status status = weft_error_set(
            error, WEFT_RESOURCE_EXHAUSTED,
            "this node has no room for the request's %s: open requests and answers that are not "
            "read yet hold %zu of %zu bytes",
            what, serve->held_bytes, max_bytes);
        weft_error_set_hint(error, "try again when others have ended (weft node --held-budget)");
        return status;
    }
    serve->held_bytes += bytes;
    infer->held_bytes += bytes;
    return WEFT_OK;
}

enum weft_status serve_hold_bytes(struct weft_serve *serve, struct serve_infer *infer, size_t bytes,
                                  struct weft_error **error)
{
    return hold(serve, infer, bytes, "inputs", error);
}

enum weft_status serve_hold_answer(struct weft_serve *serve, struct serve_infer *infer,
                                   size_t bytes, struct weft_error **error)
{
    serve_let_go(serve, infer);
    return hold(serve, infer, bytes, "answer", error);
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

/* --- answers on their way to the reader --- */

/* Less costs not more than the connection, the stream and the head that it belongs to. */
enum { ANSWER_MIN_BYTES = 4096 };

/* What the slices of an answer refer to instead of their own buffers, which go when the last slice
 * has. */
struct answer {
    struct weft_buffer buffer;
    struct weft_serve *serve;
    size_t held_bytes;
    size_t count;
    struct weft_buffer *buffers[];
};

static void release(struct weft_buffer *buffer)
{
    struct answer *answer = weft_list_entry(buffer, struct answer, buffer);
    struct weft_serve *serve = answer->serve;
    for (size_t i = 0; i < answer->count; i++) {
        weft_buffer_unref(answer->buffers[i]);
    }
    weft_assert(serve->held_bytes >= answer->held_bytes);
    serve->held_bytes -= answer->held_bytes;
    free(answer);
    serve_release(serve);
}

enum weft_status serve_hold_slices(struct weft_serve *serve, struct serve_infer *infer, bool last,
                                   struct weft_slice *slices, size_t count,
                                   struct weft_error **error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += slices[i].size_bytes;
    }
    if (last) {
        serve_let_go(serve, infer);
    }
    if (bytes < ANSWER_MIN_BYTES) {
        return WEFT_OK;
    }
    enum weft_status status = hold(serve, infer, bytes, "answer", error);
    if (status != WEFT_OK) {
        return status;
    }
    struct answer *answer = malloc(sizeof(*answer) + count * sizeof(answer->buffers[0]));
    if (answer == NULL) {
        return weft_error_set_out_of_memory(error); /* the bytes are let go with the request */
    }
    *answer = (struct answer){.serve = serve, .held_bytes = bytes, .count = count};
    infer->held_bytes -= bytes;
    answer->buffer.release = release;
    atomic_init(&answer->buffer.references, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        answer->buffers[i] = slices[i].buffer;
        slices[i].buffer = &answer->buffer;
    }
    serve_hold(serve);
    return WEFT_OK;
}
