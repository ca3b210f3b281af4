/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_GZIP_H
#define WEFT_WIRE_GZIP_H

/*
 * Bodies and messages in gzip (RFC 1952) and in zlib's format (RFC 1950), which is what HTTP's and
 * gRPC's `deflate` mean. Inflating takes pieces as they come, and stops at a limit or when the
 * output is out of proportion to the input. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <weft/error.h>

#include "wire/slices.h"

enum weft_coding {
    WEFT_CODING_IDENTITY = 0,
    WEFT_CODING_GZIP = 1,
    WEFT_CODING_DEFLATE = 2,
};

enum {
    /* deflate reaches 1032:1 on zeroes (zlib's own figure); pictures and tensors stay far below. A
     * small body may still be zeroes, so the ratio counts from where the output gets large. */
    WEFT_GZIP_RATIO_MAX = 200,
    WEFT_GZIP_RATIO_FREE_BYTES = 4 * 1024 * 1024,
    /* Output is made in pieces that grow from the first to the second size. */
    WEFT_GZIP_PIECE_MIN_BYTES = 16 * 1024,
    WEFT_GZIP_PIECE_MAX_BYTES = 1024 * 1024,
};

/* "gzip", "x-gzip", "deflate", "identity", without regard to case. False for others. */
WEFT_MUST_CHECK bool weft_coding_from_name(const char *name, size_t length,
                                           enum weft_coding *ret_coding);
const char *weft_coding_name(enum weft_coding coding);

/* What an Accept-Encoding field lets us answer with: gzip where its weight is not 0 and not below
 * identity's, else deflate likewise, else identity (RFC 9110, 12.5.3). NULL field: identity. */
enum weft_coding weft_coding_choose(const char *accept_encoding, size_t length);

/* What the end of a gzip body (of its last member) tells of its length inflated, which may be a
 * lie; modulo 2^32. 0 where the body is too short to be one. */
size_t weft_gzip_told_bytes(const void *data, size_t size_bytes);

struct weft_inflate;

/* limit_bytes bounds the output. NULL if out of memory. */
struct weft_inflate *weft_inflate_new(enum weft_coding coding, size_t limit_bytes);
void weft_inflate_free(struct weft_inflate *inflate);
/* Takes a piece of input. RESOURCE_EXHAUSTED at the limit or the ratio, INVALID_ARGUMENT for bytes
 * that are not of the coding or go on behind its end (several gzip members are fine). */
enum weft_status weft_inflate_feed(struct weft_inflate *inflate, const void *data,
                                   size_t size_bytes, struct weft_error **error) WEFT_MUST_CHECK;
/* The end of the input: appends the output to slices. INVALID_ARGUMENT where it is cut short. */
enum weft_status weft_inflate_finish(struct weft_inflate *inflate, struct weft_slices *slices,
                                     struct weft_error **error) WEFT_MUST_CHECK;

/* All at once: appends the coded form of the input slices to `slices`. level 1 to 9; on failure
 * slices is as before. */
enum weft_status weft_deflate(enum weft_coding coding, int level, const struct weft_slice *input,
                              size_t input_count, struct weft_slices *slices,
                              struct weft_error **error) WEFT_MUST_CHECK;

WEFT_DEFINE_CLEANUP(struct weft_inflate, weft_inflate_free)
#define cleanup_inflate WEFT_CLEANUP(weft_inflate_free_cleanup)

#endif
