/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_PROTOBUF_H
#define WEFT_WIRE_PROTOBUF_H

/*
 * Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding) without copies: a reader
 * that gives views of the received bytes, and a writer that copies small fields into one buffer and
 * refers to large ones. Both live on their caller's stack; one thread at a time.
 *
 * Both remember their first failure and do nothing afterwards, so a codec is a plain sequence of
 * calls with one check at its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/error.h>

#include "wire/slices.h"

enum {
    /* Messages within messages, when reading and when writing; ours and OIP's need 6. */
    WEFT_PROTOBUF_DEPTH_MAX = 16,
    /* Fields shorter than this are copied by weft_protobuf_put_slice: a reference of its own costs
     * an entry in the list and in the kernel's vector, which is more than the copy. */
    WEFT_PROTOBUF_REFER_MIN_BYTES = 1024,
    WEFT_PROTOBUF_TAG_MAX = 536870911, /* 2^29 - 1, the format's own limit */
};

enum weft_protobuf_wire {
    WEFT_PROTOBUF_VARINT = 0,
    WEFT_PROTOBUF_FIXED64 = 1,
    WEFT_PROTOBUF_LENGTH = 2,
    WEFT_PROTOBUF_FIXED32 = 5,
};

struct weft_protobuf_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *failure; /* a constant sentence; NULL = none */
    uint32_t failed_field;
    unsigned depth;
};

struct weft_protobuf_field {
    uint32_t number;
    enum weft_protobuf_wire wire;
    uint64_t integer;    /* VARINT, FIXED64, FIXED32 */
    const uint8_t *data; /* LENGTH: a view of the message */
    size_t size_bytes;
};

void weft_protobuf_reader_init(struct weft_protobuf_reader *reader, const void *data,
                               size_t size_bytes);
/* The next field; false at the end and after a failure. Groups, field number 0, and lengths that
 * run over are failures. Fields of unknown numbers are the caller's to ignore. */
bool weft_protobuf_next(struct weft_protobuf_reader *reader, struct weft_protobuf_field *ret_field);
/* Records a failure of the caller's own; sentence must be constant. */
void weft_protobuf_fail(struct weft_protobuf_reader *reader, const char *sentence) WEFT_COLD;
/* OK, or INVALID_ARGUMENT that names `what` ("ModelInferRequest"), the field and the byte. */
enum weft_status weft_protobuf_end(const struct weft_protobuf_reader *reader, const char *what,
                                   struct weft_error **error) WEFT_MUST_CHECK;

/* The field as a type; where its wire type does not fit, the reader fails and 0 comes back. */
uint64_t weft_protobuf_uint64(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field);
int64_t weft_protobuf_int64(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field);
/* Fails where the number does not fit 32 bits. */
uint32_t weft_protobuf_uint32(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field);
bool weft_protobuf_bool(struct weft_protobuf_reader *reader,
                        const struct weft_protobuf_field *field);
uint64_t weft_protobuf_fixed64(struct weft_protobuf_reader *reader,
                               const struct weft_protobuf_field *field);
double weft_protobuf_double(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field);
/* Checks that the field is bytes. */
bool weft_protobuf_is_bytes(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field);
/* Checks that the field is a string: UTF-8 without a zero byte, not longer than max_bytes. */
bool weft_protobuf_is_text(struct weft_protobuf_reader *reader,
                           const struct weft_protobuf_field *field, size_t max_bytes);
/* A terminated copy of a string. Fails (NULL) where weft_protobuf_is_text is false, or where there
 * is no memory (weft_protobuf_end then says OUT_OF_MEMORY). */
char *weft_protobuf_string(struct weft_protobuf_reader *reader,
                           const struct weft_protobuf_field *field, size_t max_bytes);
/* Replaces *string by weft_protobuf_string of the field: the last one counts, as the format says.
 */
void weft_protobuf_set_string(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field, size_t max_bytes,
                              char **string);
/* The next element of a reader that entered a packed field of varints; false at its end. */
bool weft_protobuf_next_packed(struct weft_protobuf_reader *reader, uint64_t *ret_value);
/* A reader of a message field; its failure must be handed back by weft_protobuf_leave. */
bool weft_protobuf_enter(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_field *field,
                         struct weft_protobuf_reader *ret_inner);
void weft_protobuf_leave(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_reader *inner);

struct weft_protobuf_reference {
    size_t offset; /* in small: this slice comes before the byte there */
    struct weft_slice slice;
};

struct weft_protobuf_writer {
    struct weft_buffer *small;
    size_t small_bytes;
    struct weft_protobuf_reference *references;
    size_t references_count;
    size_t references_capacity;
    struct weft_protobuf_reference few[WEFT_SLICES_INLINE];
    unsigned depth;
    bool failed; /* out of memory */
};

void weft_protobuf_writer_init(struct weft_protobuf_writer *writer);
void weft_protobuf_writer_fini(struct weft_protobuf_writer *writer);
/* Scalars of value 0 are written too: leave the call away where the default means the same. */
void weft_protobuf_put_uint64(struct weft_protobuf_writer *writer, uint32_t number, uint64_t value);
void weft_protobuf_put_int64(struct weft_protobuf_writer *writer, uint32_t number, int64_t value);
void weft_protobuf_put_fixed64(struct weft_protobuf_writer *writer, uint32_t number,
                               uint64_t value);
void weft_protobuf_put_double(struct weft_protobuf_writer *writer, uint32_t number, double value);
void weft_protobuf_put_bytes(struct weft_protobuf_writer *writer, uint32_t number, const void *data,
                             size_t size_bytes);
/* NULL writes nothing. */
void weft_protobuf_put_string(struct weft_protobuf_writer *writer, uint32_t number,
                              const char *string);
/* Bytes by reference (by copy where they are few). */
void weft_protobuf_put_slice(struct weft_protobuf_writer *writer, uint32_t number,
                             const struct weft_slice *slice);
/* repeated int64, packed. */
void weft_protobuf_put_packed(struct weft_protobuf_writer *writer, uint32_t number,
                              const int64_t *values, size_t count);
/* One element of a packed field of varints, between open and close. */
void weft_protobuf_put_packed_one(struct weft_protobuf_writer *writer, uint64_t value);
/* A message within: everything until the matching close. Returns what close wants. */
size_t weft_protobuf_open(struct weft_protobuf_writer *writer, uint32_t number);
void weft_protobuf_close(struct weft_protobuf_writer *writer, size_t opened);
/* Puts a field `number` (at most 15) of zeroes in front of the whole message, of such a length that
 * the first referred slice starts at a multiple of alignment_bytes: a receiver that reads the
 * message into aligned memory then has an aligned tensor. Last call before finish. */
void weft_protobuf_align(struct weft_protobuf_writer *writer, uint32_t number,
                         size_t alignment_bytes);
/* Appends the message to slices and empties the writer. OUT_OF_MEMORY if anything before failed. */
enum weft_status weft_protobuf_finish(struct weft_protobuf_writer *writer,
                                      struct weft_slices *slices,
                                      struct weft_error **error) WEFT_MUST_CHECK;

#define cleanup_protobuf_writer WEFT_CLEANUP(weft_protobuf_writer_fini)

#endif
