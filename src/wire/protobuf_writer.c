/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "base/assert.h"
#include "base/value.h"
#include "wire/protobuf.h"

/*
 * Small fields stand in one growing buffer, large ones are references with the place in it where
 * they belong. The length of a nested message is known when it is closed; one byte was left for it,
 * and where it takes more, room is made by moving what is in the small buffer behind it, which is
 * some hundred bytes.
 */

enum { SMALL_FIRST_BYTES = 320, VARINT_MAX_BYTES = 10 };

void weft_protobuf_writer_init(struct weft_protobuf_writer *writer)
{
    *writer = (struct weft_protobuf_writer){0};
}

static struct weft_protobuf_reference *references_of(struct weft_protobuf_writer *writer)
{
    return writer->references != NULL ? writer->references : writer->few;
}

void weft_protobuf_writer_fini(struct weft_protobuf_writer *writer)
{
    for (size_t i = 0; i < writer->references_count; i++) {
        weft_slice_fini(&references_of(writer)[i].slice);
    }
    free(writer->references);
    weft_buffer_unref(writer->small);
    weft_protobuf_writer_init(writer);
}

static uint8_t *grow(struct weft_protobuf_writer *writer, size_t size_bytes)
{
    size_t needed = 0;
    if (writer->failed || __builtin_add_overflow(writer->small_bytes, size_bytes, &needed)) {
        writer->failed = true;
        return NULL;
    }
    size_t capacity = writer->small == NULL ? SMALL_FIRST_BYTES : writer->small->size_bytes * 2;
    struct weft_buffer *larger = weft_buffer_new(needed > capacity ? needed : capacity);
    if (larger == NULL) {
        writer->failed = true;
        return NULL;
    }
    if (writer->small_bytes > 0) {
        memcpy(larger->data, writer->small->data, writer->small_bytes);
    }
    weft_buffer_unref(writer->small);
    writer->small = larger;
    return larger->data + writer->small_bytes;
}

/* Room for size_bytes more at the end of the small buffer; NULL where there is none. */
static inline uint8_t *reserve(struct weft_protobuf_writer *writer, size_t size_bytes)
{
    const struct weft_buffer *small = writer->small;
    bool fits = small != NULL && size_bytes <= small->size_bytes - writer->small_bytes;
    return fits && !writer->failed ? small->data + writer->small_bytes : grow(writer, size_bytes);
}

static inline size_t varint(uint64_t value, uint8_t bytes[VARINT_MAX_BYTES])
{
    size_t length = 0;
    while (value >= 0x80) {
        bytes[length++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (uint8_t)value;
    return length;
}

static void put_varint(struct weft_protobuf_writer *writer, uint64_t value)
{
    uint8_t *at = reserve(writer, VARINT_MAX_BYTES);
    if (at != NULL) {
        writer->small_bytes += varint(value, at);
    }
}

static inline uint64_t tag(uint32_t number, enum weft_protobuf_wire wire)
{
    return (uint64_t)number << 3 | wire;
}

/* A tag, and the number that follows it: a value, or the length of what comes. */
static void put_two(struct weft_protobuf_writer *writer, uint64_t first, uint64_t second)
{
    uint8_t *at = reserve(writer, 2 * VARINT_MAX_BYTES);
    if (at == NULL) {
        return;
    }
    if ((first | second) < 0x80) { /* most are */
        at[0] = (uint8_t)first;
        at[1] = (uint8_t)second;
        writer->small_bytes += 2;
        return;
    }
    size_t size_bytes = varint(first, at);
    size_bytes += varint(second, at + size_bytes);
    writer->small_bytes += size_bytes;
}

void weft_protobuf_put_uint64(struct weft_protobuf_writer *writer, uint32_t number, uint64_t value)
{
    put_two(writer, tag(number, WEFT_PROTOBUF_VARINT), value);
}

void weft_protobuf_put_int64(struct weft_protobuf_writer *writer, uint32_t number, int64_t value)
{
    weft_protobuf_put_uint64(writer, number, (uint64_t)value);
}

void weft_protobuf_put_fixed64(struct weft_protobuf_writer *writer, uint32_t number, uint64_t value)
{
    uint8_t *at = reserve(writer, VARINT_MAX_BYTES + sizeof(value));
    if (at != NULL) {
        size_t size_bytes = varint(tag(number, WEFT_PROTOBUF_FIXED64), at);
        uint64_t little = htole64(value);
        memcpy(at + size_bytes, &little, sizeof(little));
        writer->small_bytes += size_bytes + sizeof(value);
    }
}

void weft_protobuf_put_double(struct weft_protobuf_writer *writer, uint32_t number, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    weft_protobuf_put_fixed64(writer, number, bits);
}

/* Not through weft_copy: that counts payload, and these are fields. */
static void put_raw(struct weft_protobuf_writer *writer, const void *data, size_t size_bytes)
{
    uint8_t *at = reserve(writer, size_bytes);
    if (at != NULL && size_bytes > 0) {
        memcpy(at, data, size_bytes);
        writer->small_bytes += size_bytes;
    }
}

void weft_protobuf_put_bytes(struct weft_protobuf_writer *writer, uint32_t number, const void *data,
                             size_t size_bytes)
{
    put_two(writer, tag(number, WEFT_PROTOBUF_LENGTH), size_bytes);
    put_raw(writer, data, size_bytes);
}

void weft_protobuf_put_string(struct weft_protobuf_writer *writer, uint32_t number,
                              const char *string)
{
    if (string != NULL) {
        weft_protobuf_put_bytes(writer, number, string, strlen(string));
    }
}

static bool reserve_reference(struct weft_protobuf_writer *writer)
{
    size_t capacity = writer->references != NULL ? writer->references_capacity : WEFT_SLICES_INLINE;
    if (writer->references_count < capacity) {
        return true;
    }
    capacity *= 4;
    struct weft_protobuf_reference *references =
        realloc(writer->references, capacity * sizeof(*references));
    if (references == NULL) {
        writer->failed = true;
        return false;
    }
    if (writer->references == NULL) {
        memcpy(references, writer->few, sizeof(writer->few));
    }
    writer->references = references;
    writer->references_capacity = capacity;
    return true;
}

void weft_protobuf_put_slice(struct weft_protobuf_writer *writer, uint32_t number,
                             const struct weft_slice *slice)
{
    put_two(writer, tag(number, WEFT_PROTOBUF_LENGTH), slice->size_bytes);
    if (slice->size_bytes < WEFT_PROTOBUF_REFER_MIN_BYTES) {
        uint8_t *at = reserve(writer, slice->size_bytes);
        if (at != NULL) {
            weft_copy(at, slice->data, slice->size_bytes);
            writer->small_bytes += slice->size_bytes;
        }
    } else if (!writer->failed && reserve_reference(writer)) {
        references_of(writer)[writer->references_count++] = (struct weft_protobuf_reference){
            .offset = writer->small_bytes, .slice = weft_slice_ref(slice)};
    }
}

/* Opens a gap in the small buffer, before whatever stands at offset. */
static uint8_t *insert(struct weft_protobuf_writer *writer, size_t offset, size_t size_bytes)
{
    if (reserve(writer, size_bytes) == NULL) {
        return NULL;
    }
    uint8_t *at = writer->small->data + offset;
    memmove(at + size_bytes, at, writer->small_bytes - offset);
    writer->small_bytes += size_bytes;
    for (size_t i = writer->references_count; i > 0; i--) {
        struct weft_protobuf_reference *reference = &references_of(writer)[i - 1];
        if (reference->offset < offset) {
            break;
        }
        reference->offset += size_bytes;
    }
    return at;
}

void weft_protobuf_put_packed_one(struct weft_protobuf_writer *writer, uint64_t value)
{
    put_varint(writer, value);
}

void weft_protobuf_put_packed(struct weft_protobuf_writer *writer, uint32_t number,
                              const int64_t *values, size_t count)
{
    size_t opened = weft_protobuf_open(writer, number);
    for (size_t i = 0; i < count; i++) {
        put_varint(writer, (uint64_t)values[i]);
    }
    weft_protobuf_close(writer, opened);
}

/* What close gets is where the content starts in the small buffer. */
size_t weft_protobuf_open(struct weft_protobuf_writer *writer, uint32_t number)
{
    put_two(writer, tag(number, WEFT_PROTOBUF_LENGTH), 0);
    weft_assert(writer->depth < WEFT_PROTOBUF_DEPTH_MAX);
    writer->depth++;
    return writer->small_bytes;
}

void weft_protobuf_close(struct weft_protobuf_writer *writer, size_t opened)
{
    weft_assert(writer->depth > 0);
    writer->depth--;
    if (writer->failed) {
        return;
    }
    size_t length = writer->small_bytes - opened;
    size_t first = writer->references_count;
    /* A reference right before the content's first byte would have the same offset; a tag always
     * stands between, so what is at `opened` or behind is inside. */
    while (first > 0 && references_of(writer)[first - 1].offset >= opened) {
        first--;
        length += references_of(writer)[first].slice.size_bytes;
    }
    uint8_t bytes[VARINT_MAX_BYTES];
    size_t prefix = varint(length, bytes);
    if (prefix == 1 || insert(writer, opened, prefix - 1) != NULL) {
        memcpy(writer->small->data + opened - 1, bytes, prefix);
    }
}

void weft_protobuf_align(struct weft_protobuf_writer *writer, uint32_t number,
                         size_t alignment_bytes)
{
    weft_assert(number > 0 && number <= 15 && alignment_bytes >= 2 && alignment_bytes <= 64);
    if (writer->failed || writer->references_count == 0) {
        return;
    }
    size_t offset = references_of(writer)[0].offset % alignment_bytes;
    size_t padding = offset == 0 ? 0 : alignment_bytes - offset;
    if (padding == 0) {
        return;
    }
    if (padding == 1) {
        padding += alignment_bytes; /* a field takes two bytes at least; still below 128 */
    }
    uint8_t *at = insert(writer, 0, padding);
    if (at != NULL) {
        memset(at, 0, padding);
        at[0] = (uint8_t)(number << 3 | WEFT_PROTOBUF_LENGTH);
        at[1] = (uint8_t)(padding - 2);
    }
}

static bool add_small(struct weft_protobuf_writer *writer, struct weft_slices *slices, size_t from,
                      size_t to)
{
    if (from == to) {
        return true;
    }
    cleanup_slice struct weft_slice part = weft_slice_of(writer->small, from, to - from);
    return weft_slices_add(slices, &part);
}

static bool add_all(struct weft_protobuf_writer *writer, struct weft_slices *slices)
{
    size_t from = 0;
    for (size_t i = 0; i < writer->references_count; i++) {
        struct weft_protobuf_reference *reference = &references_of(writer)[i];
        if (!add_small(writer, slices, from, reference->offset) ||
            !weft_slices_add(slices, &reference->slice)) {
            return false;
        }
        from = reference->offset;
    }
    return add_small(writer, slices, from, writer->small_bytes);
}

enum weft_status weft_protobuf_finish(struct weft_protobuf_writer *writer,
                                      struct weft_slices *slices, struct weft_error **error)
{
    weft_assert(writer->depth == 0);
    size_t count = slices->count;
    bool added = !writer->failed && add_all(writer, slices);
    if (!added) {
        while (slices->count > count) {
            weft_slice_fini(&weft_slices_items(slices)[--slices->count]);
        }
    }
    weft_protobuf_writer_fini(writer);
    return added ? WEFT_OK : weft_error_set_out_of_memory(error);
}
