/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/stream.h"

ssize_t weft_stream_recv(struct weft_stream *stream, const struct iovec *entries, size_t count,
                         struct weft_error **error)
{
    return stream->methods->recv(stream, entries, count, error);
}

ssize_t weft_stream_send(struct weft_stream *stream, const struct iovec *entries, size_t count,
                         struct weft_error **error)
{
    return stream->methods->send(stream, entries, count, error);
}

enum weft_status weft_stream_start(struct weft_stream *stream,
                                   const struct weft_stream_handler *handler, void *context,
                                   struct weft_error **error)
{
    stream->handler = handler;
    stream->context = context;
    return stream->methods->start(stream, error);
}

void weft_stream_pause(struct weft_stream *stream, bool paused)
{
    stream->methods->pause(stream, paused);
}

void weft_stream_shutdown(struct weft_stream *stream)
{
    stream->methods->shutdown(stream);
}

uint64_t weft_stream_round_trip_ns(const struct weft_stream *stream)
{
    return stream->methods->round_trip_ns != NULL ? stream->methods->round_trip_ns(stream) : 0;
}

void weft_stream_close(struct weft_stream *stream)
{
    stream->methods->close(stream);
}
