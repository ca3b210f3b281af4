/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "link/internal.h"

enum {
    LINGER_MS = 1000,
    /* A peer that goes on sending so much will not read the answer either. */
    LINGER_MAX_BYTES = 1024 * 1024,
};

struct lingering {
    struct weft_stream *stream;
    struct weft_list link;
    struct weft_timer timer;
    size_t read_bytes;
};

static void end(void *context)
{
    struct lingering *linger = context;
    weft_timer_cancel(&linger->timer);
    weft_list_remove(&linger->link);
    weft_stream_close(linger->stream);
    free(linger);
}

static void on_readable(void *context)
{
    struct lingering *linger = context;
    char memory[16 * 1024];
    struct iovec entry = {memory, sizeof(memory)};
    ssize_t count = weft_stream_recv(linger->stream, &entry, 1, NULL);
    linger->read_bytes += count > 0 ? (size_t)count : 0;
    if ((count <= 0 && count != WEFT_STREAM_AGAIN) || linger->read_bytes > LINGER_MAX_BYTES) {
        end(linger);
    }
}

static void on_writable(void *context)
{
    (void)context;
}

static const struct weft_stream_handler handler = {on_readable, on_writable};

void weft_linger(struct weft_link *link, struct weft_stream *take_stream)
{
    struct lingering *linger = calloc(1, sizeof(*linger));
    if (linger == NULL) {
        weft_stream_close(take_stream);
        return;
    }
    linger->stream = take_stream;
    weft_list_append(&link->lingers, &linger->link);
    weft_timer_init(&linger->timer, link->loop, end, linger);
    weft_stream_shutdown(take_stream);
    if (weft_timer_set(&linger->timer, weft_loop_now_ns() + LINGER_MS * WEFT_NS_PER_MS) !=
            WEFT_OK ||
        weft_stream_start(take_stream, &handler, linger, NULL) != WEFT_OK) {
        end(linger);
    }
}

void weft_linger_end_all(struct weft_link *link)
{
    while (!weft_list_is_empty(&link->lingers)) {
        end(weft_list_entry(weft_list_first(&link->lingers), struct lingering, link));
    }
}
