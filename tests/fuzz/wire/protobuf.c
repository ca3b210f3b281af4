/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "wire/protobuf.h"

/* Any bytes as a message: the fields that the reader gives, written again with the fewest bytes,
 * are read again as the same fields. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void copy(const struct weft_protobuf_field *field, struct weft_protobuf_writer *writer)
{
    if (field->wire == WEFT_PROTOBUF_VARINT) {
        weft_protobuf_put_uint64(writer, field->number, field->integer);
    } else if (field->wire == WEFT_PROTOBUF_LENGTH && field->number % 2 == 0) {
        size_t opened = weft_protobuf_open(writer, field->number);
        struct weft_slice slice = weft_slice_static(field->data, field->size_bytes);
        weft_protobuf_put_slice(writer, 1, &slice);
        weft_protobuf_close(writer, opened);
    } else if (field->wire == WEFT_PROTOBUF_LENGTH) {
        struct weft_slice slice = weft_slice_static(field->data, field->size_bytes);
        weft_protobuf_put_slice(writer, field->number, &slice);
    } else {
        weft_protobuf_put_fixed64(writer, field->number, field->integer);
    }
}

static void compare(const struct weft_protobuf_field *field, struct weft_protobuf_reader *written)
{
    struct weft_protobuf_field seen;
    if (!weft_protobuf_next(written, &seen) || seen.number != field->number) {
        abort();
    }
    if (field->wire != WEFT_PROTOBUF_LENGTH) {
        if (seen.integer != field->integer) {
            abort();
        }
        return;
    }
    struct weft_protobuf_reader inner;
    if (field->number % 2 == 0 && (!weft_protobuf_enter(written, &seen, &inner) ||
                                   !weft_protobuf_next(&inner, &seen) || inner.at != inner.end)) {
        abort();
    }
    if (seen.size_bytes != field->size_bytes ||
        (seen.size_bytes > 0 && memcmp(seen.data, field->data, seen.size_bytes) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice bytes = {0};
    weft_protobuf_writer_init(&writer);
    weft_protobuf_reader_init(&reader, data, size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        copy(&field, &writer);
    }
    weft_protobuf_align(&writer, 15, 64);
    if (weft_protobuf_finish(&writer, &slices, NULL) != WEFT_OK ||
        !weft_slices_join(&slices, &bytes)) {
        abort();
    }
    struct weft_protobuf_reader written;
    weft_protobuf_reader_init(&reader, data, size_bytes);
    weft_protobuf_reader_init(&written, bytes.data, bytes.size_bytes);
    /* A padding in front, where a large field was there: it holds zeroes only. */
    if (slices.count > 1) {
        size_t ahead = weft_slices_items(&slices)[0].size_bytes;
        if (ahead % 64 != 0) {
            abort();
        }
        struct weft_protobuf_reader after = written;
        if (weft_protobuf_next(&after, &field) && field.number == 15 &&
            field.wire == WEFT_PROTOBUF_LENGTH && field.size_bytes <= 63 + 64 &&
            (field.size_bytes == 0 || field.data[0] == 0)) {
            struct weft_protobuf_reader original = reader;
            struct weft_protobuf_field own;
            bool same = weft_protobuf_next(&original, &own) && own.number == 15 &&
                        own.wire == WEFT_PROTOBUF_LENGTH && own.size_bytes == field.size_bytes;
            if (!same) {
                written = after;
            } else {
                return 0; /* which of the two it is can't be told */
            }
        }
    }
    while (weft_protobuf_next(&reader, &field)) {
        compare(&field, &written);
    }
    if (weft_protobuf_next(&written, &field)) {
        abort();
    }
    return 0;
}
