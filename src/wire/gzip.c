/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/value.h"

/* zlib's window sizes: 15 is zlib's format, 16 more is gzip's. */
enum { WINDOW_BITS = 15, GZIP_BITS = 16, MEMORY_LEVEL = 8 };

static const struct {
    const char *name;
    enum weft_coding coding;
} names[] = {
    {"gzip", WEFT_CODING_GZIP},
    {"deflate", WEFT_CODING_DEFLATE},
    {"identity", WEFT_CODING_IDENTITY},
    {"x-gzip", WEFT_CODING_GZIP},
};

bool weft_coding_from_name(const char *name, size_t length, enum weft_coding *ret_coding)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i].name) == length && strncasecmp(names[i].name, name, length) == 0) {
            *ret_coding = names[i].coding;
            return true;
        }
    }
    return false;
}

const char *weft_coding_name(enum weft_coding coding)
{
    return coding == WEFT_CODING_GZIP      ? "gzip"
           : coding == WEFT_CODING_DEFLATE ? "deflate"
                                           : "identity";
}

/* RFC 1952: a header of ten bytes, some data, a checksum and the length. */
enum { GZIP_MIN_BYTES = 18, GZIP_LENGTH_BYTES = 4 };

size_t weft_gzip_told_bytes(const void *data, size_t size_bytes)
{
    if (size_bytes < GZIP_MIN_BYTES) {
        return 0;
    }
    const uint8_t *end = (const uint8_t *)data + size_bytes - GZIP_LENGTH_BYTES;
    return (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
}

static size_t trim(const char **text, size_t length)
{
    while (length > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        length--;
    }
    while (length > 0 && ((*text)[length - 1] == ' ' || (*text)[length - 1] == '\t')) {
        length--;
    }
    return length;
}

/* The weight in thousandths of "; q=0.5"; 1000 where there is none, 0 where it is malformed. */
static int weight_of(const char *text, size_t length)
{
    length = trim(&text, length);
    if (length == 0) {
        return 1000;
    }
    if (length < 3 || (text[0] | 0x20) != 'q' || text[1] != '=' || text[2] < '0' || text[2] > '1') {
        return 0;
    }
    int weight = (text[2] - '0') * 1000;
    int unit = 100;
    for (size_t i = 4; i < length && text[3] == '.'; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        weight += (text[i] - '0') * unit;
        unit /= 10;
    }
    return weight > 1000 ? 1000 : weight;
}

struct weights {
    int of[3]; /* by coding; -1 = not named */
    int any;
};

static void weigh(struct weights *weights, const char *item, size_t length)
{
    const char *semicolon = memchr(item, ';', length);
    size_t name_length = semicolon != NULL ? (size_t)(semicolon - item) : length;
    int weight = semicolon != NULL ? weight_of(semicolon + 1, length - name_length - 1) : 1000;
    name_length = trim(&item, name_length);
    enum weft_coding coding = WEFT_CODING_IDENTITY;
    if (name_length == 1 && *item == '*') {
        weights->any = weight;
    } else if (weft_coding_from_name(item, name_length, &coding)) {
        weights->of[coding] = weight;
    }
}

enum weft_coding weft_coding_choose(const char *accept_encoding, size_t length)
{
    struct weights weights = {{-1, -1, -1}, -1};
    while (accept_encoding != NULL && length > 0) {
        const char *comma = memchr(accept_encoding, ',', length);
        size_t item = comma != NULL ? (size_t)(comma - accept_encoding) : length;
        weigh(&weights, accept_encoding, item);
        length -= comma != NULL ? item + 1 : item;
        accept_encoding += comma != NULL ? item + 1 : item;
    }
    for (int i = WEFT_CODING_GZIP; i <= WEFT_CODING_DEFLATE; i++) {
        int weight = weights.of[i] >= 0 ? weights.of[i] : weights.any;
        if (weight > 0 && weight >= weights.of[WEFT_CODING_IDENTITY]) {
            return (enum weft_coding)i;
        }
    }
    return WEFT_CODING_IDENTITY;
}

/* --- Pieces of output ---------------------------------------------------------------------------
 */

struct pieces {
    struct weft_slices slices;
    struct weft_buffer *buffer; /* being filled; NULL = none */
    size_t filled_bytes;
    size_t next_bytes;
};

static bool pieces_close(struct pieces *pieces)
{
    if (pieces->buffer == NULL) {
        return true;
    }
    cleanup_slice struct weft_slice slice = weft_slice_of(pieces->buffer, 0, pieces->filled_bytes);
    weft_buffer_unref(pieces->buffer);
    pieces->buffer = NULL;
    return weft_slices_add(&pieces->slices, &slice);
}

/* Makes room for zlib to write to. */
static bool pieces_room(struct pieces *pieces, z_stream *stream)
{
    if (pieces->buffer == NULL || pieces->filled_bytes == pieces->buffer->size_bytes) {
        if (!pieces_close(pieces)) {
            return false;
        }
        if (pieces->next_bytes < WEFT_GZIP_PIECE_MIN_BYTES) {
            pieces->next_bytes = WEFT_GZIP_PIECE_MIN_BYTES;
        }
        pieces->buffer = weft_buffer_new(pieces->next_bytes);
        pieces->filled_bytes = 0;
        if (pieces->buffer == NULL) {
            return false;
        }
        if (pieces->next_bytes < WEFT_GZIP_PIECE_MAX_BYTES) {
            pieces->next_bytes *= 2;
        }
    }
    stream->next_out = pieces->buffer->data + pieces->filled_bytes;
    stream->avail_out = (uInt)(pieces->buffer->size_bytes - pieces->filled_bytes);
    return true;
}

static void pieces_fini(struct pieces *pieces)
{
    weft_buffer_unref(pieces->buffer);
    weft_slices_fini(&pieces->slices);
}

/* Moves all pieces behind what slices has; on failure slices is as before. */
static bool pieces_give(struct pieces *pieces, struct weft_slices *slices)
{
    size_t count = slices->count;
    if (!pieces_close(pieces)) {
        return false;
    }
    for (size_t i = 0; i < pieces->slices.count; i++) {
        if (!weft_slices_add(slices, &weft_slices_items(&pieces->slices)[i])) {
            while (slices->count > count) {
                weft_slice_fini(&weft_slices_items(slices)[--slices->count]);
            }
            return false;
        }
    }
    return true;
}

/* --- Inflating ----------------------------------------------------------------------------------
 */

struct weft_inflate {
    z_stream stream;
    enum weft_coding coding;
    size_t limit_bytes;
    uint64_t in_bytes;
    uint64_t out_bytes;
    bool ended; /* the coding's own end was seen */
    struct pieces pieces;
};

struct weft_inflate *weft_inflate_new(enum weft_coding coding, size_t limit_bytes)
{
    struct weft_inflate *inflater = calloc(1, sizeof(*inflater));
    if (inflater == NULL) {
        return NULL;
    }
    inflater->coding = coding;
    inflater->limit_bytes = limit_bytes;
    int bits = coding == WEFT_CODING_GZIP ? WINDOW_BITS + GZIP_BITS : WINDOW_BITS;
    if (coding != WEFT_CODING_IDENTITY && inflateInit2(&inflater->stream, bits) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void weft_inflate_free(struct weft_inflate *inflater)
{
    if (inflater != NULL) {
        if (inflater->coding != WEFT_CODING_IDENTITY) {
            inflateEnd(&inflater->stream);
        }
        pieces_fini(&inflater->pieces);
        free(inflater);
    }
}

static enum weft_status check_size(const struct weft_inflate *inflater, struct weft_error **error)
{
    if (inflater->out_bytes > inflater->limit_bytes) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the body is larger than %zu bytes when inflated",
                              inflater->limit_bytes);
    }
    if (inflater->out_bytes > WEFT_GZIP_RATIO_FREE_BYTES &&
        inflater->out_bytes / WEFT_GZIP_RATIO_MAX > inflater->in_bytes) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the body inflates to more than %d times its size",
                              WEFT_GZIP_RATIO_MAX);
    }
    return WEFT_OK;
}

static enum weft_status feed_plain(struct weft_inflate *inflater, const uint8_t *data,
                                   size_t size_bytes, struct weft_error **error)
{
    inflater->in_bytes += size_bytes;
    inflater->out_bytes += size_bytes;
    enum weft_status status = check_size(inflater, error);
    cleanup_slice struct weft_slice slice = {0};
    if (status == WEFT_OK && (!weft_slice_copy(data, size_bytes, &slice) ||
                              !weft_slices_add(&inflater->pieces.slices, &slice))) {
        status = weft_error_set_out_of_memory(error);
    }
    return status;
}

static enum weft_status step(struct weft_inflate *inflater, struct weft_error **error)
{
    z_stream *stream = &inflater->stream;
    if (inflater->ended) { /* another gzip member follows (RFC 1952, 2.2) */
        if (inflater->coding != WEFT_CODING_GZIP || inflateReset(stream) != Z_OK) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "bytes follow behind the end of the %s body",
                                  weft_coding_name(inflater->coding));
        }
        inflater->ended = false;
    }
    if (!pieces_room(&inflater->pieces, stream)) {
        return weft_error_set_out_of_memory(error);
    }
    uInt in_before = stream->avail_in;
    uInt out_before = stream->avail_out;
    int result = inflate(stream, Z_NO_FLUSH);
    size_t made = out_before - stream->avail_out;
    inflater->in_bytes += in_before - stream->avail_in;
    inflater->out_bytes += made;
    inflater->pieces.filled_bytes += made;
    if (result == Z_MEM_ERROR) {
        return weft_error_set_out_of_memory(error);
    }
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "the body is not valid %s: %s",
                              weft_coding_name(inflater->coding),
                              stream->msg != NULL ? stream->msg : "unknown data");
    }
    inflater->ended = result == Z_STREAM_END;
    return check_size(inflater, error);
}

enum weft_status weft_inflate_feed(struct weft_inflate *inflater, const void *data,
                                   size_t size_bytes, struct weft_error **error)
{
    if (inflater->coding == WEFT_CODING_IDENTITY) {
        return feed_plain(inflater, data, size_bytes, error);
    }
    const uint8_t *at = data;
    while (size_bytes > 0) {
        uInt part = size_bytes > UINT_MAX ? UINT_MAX : (uInt)size_bytes;
        inflater->stream.next_in = (Bytef *)(uintptr_t)at;
        inflater->stream.avail_in = part;
        at += part;
        size_bytes -= part;
        bool full = true;
        /* Until the input is used up, and what zlib still holds is out. */
        while (inflater->stream.avail_in > 0 || (full && !inflater->ended)) {
            enum weft_status status = step(inflater, error);
            if (status != WEFT_OK) {
                return status;
            }
            full = inflater->stream.avail_out == 0;
        }
    }
    return WEFT_OK;
}

enum weft_status weft_inflate_finish(struct weft_inflate *inflater, struct weft_slices *slices,
                                     struct weft_error **error)
{
    if (inflater->coding != WEFT_CODING_IDENTITY && !inflater->ended) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "the %s body is cut short",
                              weft_coding_name(inflater->coding));
    }
    return pieces_give(&inflater->pieces, slices) ? WEFT_OK : weft_error_set_out_of_memory(error);
}

/* --- Deflating ----------------------------------------------------------------------------------
 */

static bool deflate_part(z_stream *stream, struct pieces *pieces, const uint8_t *data,
                         size_t size_bytes, bool last)
{
    do {
        uInt part = size_bytes > UINT_MAX ? UINT_MAX : (uInt)size_bytes;
        stream->next_in = (Bytef *)(uintptr_t)data;
        stream->avail_in = part;
        data = part > 0 ? data + part : data; /* an empty body may be NULL */
        size_bytes -= part;
        int flush = last && size_bytes == 0 ? Z_FINISH : Z_NO_FLUSH;
        int result = Z_OK;
        do {
            if (!pieces_room(pieces, stream)) {
                return false;
            }
            uInt before = stream->avail_out;
            result = deflate(stream, flush);
            pieces->filled_bytes += before - stream->avail_out;
        } while (stream->avail_out == 0 || (flush == Z_FINISH && result == Z_OK));
    } while (size_bytes > 0);
    return true;
}

enum weft_status weft_deflate(enum weft_coding coding, int level, const struct weft_slice *input,
                              size_t input_count, struct weft_slices *slices,
                              struct weft_error **error)
{
    z_stream stream = {0};
    struct pieces pieces = {0};
    bool done = true;
    if (coding == WEFT_CODING_IDENTITY) {
        for (size_t i = 0; done && i < input_count; i++) {
            cleanup_slice struct weft_slice slice = weft_slice_ref(&input[i]);
            done = weft_slices_add(&pieces.slices, &slice);
        }
    } else {
        int bits = coding == WEFT_CODING_GZIP ? WINDOW_BITS + GZIP_BITS : WINDOW_BITS;
        if (deflateInit2(&stream, level, Z_DEFLATED, bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
            return weft_error_set_out_of_memory(error);
        }
        for (size_t i = 0; done && i < input_count; i++) {
            done = deflate_part(&stream, &pieces, input[i].data, input[i].size_bytes, false);
        }
        done = done && deflate_part(&stream, &pieces, NULL, 0, true);
        deflateEnd(&stream);
    }
    done = done && pieces_give(&pieces, slices);
    pieces_fini(&pieces);
    return done ? WEFT_OK : weft_error_set_out_of_memory(error);
}
