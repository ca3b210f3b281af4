/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/pool.h"
#include "wire/grpc_private.h"

/* Messages in gzip (RFC 1952), by zlib. */

/* zlib's way to ask for the gzip format instead of its own, with the largest window. */
enum { GZIP_WINDOW = 15 + 16 };
/* A first guess where the format's own note of the length says nothing useful. */
enum { GUESS_MIN_BYTES = 4096 };

static void inflate_done(z_stream *inflating)
{
    inflateEnd(inflating);
}

static void deflate_done(z_stream *deflating)
{
    deflateEnd(deflating);
}

static unsigned int clamp(size_t size_bytes)
{
    return size_bytes < UINT_MAX ? (unsigned int)size_bytes : UINT_MAX;
}

/* The last four bytes tell the length modulo 2^32; they may lie, and pages that are not written to
 * cost nothing. */
static size_t guess_bytes(const struct weft_slice *packed, size_t max_bytes)
{
    size_t guess = GUESS_MIN_BYTES;
    if (packed->size_bytes >= 18) {
        const uint8_t *end = packed->data + packed->size_bytes - 4;
        size_t noted =
            (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
        /* Deflate can't do better than about 1032:1. */
        guess =
            noted / 1040 > packed->size_bytes || noted < GUESS_MIN_BYTES ? GUESS_MIN_BYTES : noted;
    }
    return guess < max_bytes ? guess : max_bytes;
}

/* A larger buffer with the same beginning; the guess was wrong. */
static struct weft_buffer *grow(struct weft_buffer *buffer, size_t used_bytes, size_t max_bytes,
                                struct weft_pool *pool)
{
    size_t size_bytes = used_bytes > max_bytes / 2 ? max_bytes : used_bytes * 2;
    struct weft_buffer *grown = weft_pool_buffer(pool, size_bytes);
    if (grown != NULL) {
        weft_copy(grown->data, buffer->data, used_bytes);
        weft_buffer_unref(buffer);
    }
    return grown;
}

WEFT_DEFINE_CLEANUP(struct weft_buffer, weft_buffer_unref)

enum weft_status weft_grpc_inflate(const struct weft_slice *packed, size_t max_bytes,
                                   struct weft_pool *pool, struct weft_slice *ret_slice,
                                   struct weft_error **error)
{
    size_t capacity = guess_bytes(packed, max_bytes);
    WEFT_CLEANUP(weft_buffer_unref_cleanup)
    struct weft_buffer *buffer = weft_pool_buffer(pool, capacity > 0 ? capacity : 1);
    WEFT_CLEANUP(inflate_done) z_stream stream = {0};
    if (buffer == NULL || inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
        return weft_error_set_out_of_memory(error);
    }
    size_t taken_bytes = 0;
    size_t made_bytes = 0;
    int result = Z_OK;
    while (result == Z_OK) {
        if (made_bytes == capacity && made_bytes < max_bytes) {
            struct weft_buffer *grown = grow(buffer, made_bytes, max_bytes, pool);
            if (grown == NULL) {
                return weft_error_set_out_of_memory(error);
            }
            buffer = grown;
            capacity = grown->size_bytes;
        }
        uint8_t beyond = 0; /* where the limit is reached: does anything still come? */
        bool full = made_bytes == capacity;
        unsigned int in_bytes = clamp(packed->size_bytes - taken_bytes);
        unsigned int out_bytes = full ? 1 : clamp(capacity - made_bytes);
        stream.next_in = (Bytef *)(uintptr_t)(packed->data + taken_bytes); /* only read */
        stream.avail_in = in_bytes;
        stream.next_out = full ? &beyond : buffer->data + made_bytes;
        stream.avail_out = out_bytes;
        result = inflate(&stream, Z_NO_FLUSH);
        taken_bytes += in_bytes - stream.avail_in;
        if (full && stream.avail_out == 0) {
            return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                                  "the inflated message is longer than %zu bytes", max_bytes);
        }
        made_bytes += full ? 0 : out_bytes - stream.avail_out;
    }
    if (result == Z_MEM_ERROR) {
        return weft_error_set_out_of_memory(error);
    }
    if (result != Z_STREAM_END || taken_bytes != packed->size_bytes) {
        return weft_error_set(error, WEFT_INTERNAL, "the message is not gzip");
    }
    *ret_slice = weft_slice_of(buffer, 0, made_bytes);
    return WEFT_OK;
}

enum weft_status weft_grpc_deflate(const struct weft_slice *slices, size_t slices_count,
                                   struct weft_slice *ret_slice, struct weft_error **error)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < slices_count; i++) {
        size_bytes += slices[i].size_bytes;
    }
    WEFT_CLEANUP(weft_buffer_unref_cleanup)
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    WEFT_CLEANUP(deflate_done) z_stream stream = {0};
    /* The fastest level: between nodes the time of the higher ones is never won back. */
    if (buffer == NULL || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8,
                                       Z_DEFAULT_STRATEGY) != Z_OK) {
        return weft_error_set_out_of_memory(error);
    }
    size_t made_bytes = 0;
    size_t index = 0;
    size_t taken_bytes = 0; /* of slices[index] */
    int result = Z_OK;
    *ret_slice = (struct weft_slice){0};
    while (result == Z_OK && made_bytes < size_bytes) {
        while (index < slices_count && taken_bytes == slices[index].size_bytes) {
            index++;
            taken_bytes = 0;
        }
        unsigned int in_bytes =
            index < slices_count ? clamp(slices[index].size_bytes - taken_bytes) : 0;
        unsigned int out_bytes = clamp(size_bytes - made_bytes);
        stream.next_in =
            index < slices_count ? (Bytef *)(uintptr_t)(slices[index].data + taken_bytes) : NULL;
        stream.avail_in = in_bytes;
        stream.next_out = buffer->data + made_bytes;
        stream.avail_out = out_bytes;
        result = deflate(&stream, index < slices_count ? Z_NO_FLUSH : Z_FINISH);
        taken_bytes += in_bytes - stream.avail_in;
        made_bytes += out_bytes - stream.avail_out;
    }
    if (result == Z_STREAM_END && made_bytes < size_bytes) {
        *ret_slice = weft_slice_of(buffer, 0, made_bytes);
    }
    return WEFT_OK;
}
