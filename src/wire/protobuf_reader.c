/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "wire/protobuf.h"

static const char out_of_memory[] = "out of memory";
static const char wrong_wire[] = "has a wrong wire type";

void weft_protobuf_reader_init(struct weft_protobuf_reader *reader, const void *data,
                               size_t size_bytes)
{
    /* A pointer that may be added to, where the message is empty. */
    const uint8_t *start = size_bytes > 0 ? data : (const uint8_t *)"";
    *reader = (struct weft_protobuf_reader){.start = start, .at = start, .end = start + size_bytes};
}

void weft_protobuf_fail(struct weft_protobuf_reader *reader, const char *sentence)
{
    if (reader->failure == NULL) {
        reader->failure = sentence;
    }
}

WEFT_COLD static bool fail(struct weft_protobuf_reader *reader, const char *sentence)
{
    weft_protobuf_fail(reader, sentence);
    return false;
}

static bool read_long_varint(struct weft_protobuf_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (reader->at == reader->end) {
            return fail(reader, "is cut short");
        }
        uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1) {
            return fail(reader, "has a number of more than 64 bits");
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return fail(reader, "has a number of more than 64 bits");
}

/* Most are tags and lengths of one byte. */
static inline bool read_varint(struct weft_protobuf_reader *reader, uint64_t *ret_value)
{
    if (reader->at != reader->end && *reader->at < 0x80) {
        *ret_value = *reader->at++;
        return true;
    }
    return read_long_varint(reader, ret_value);
}

static bool read_fixed64(struct weft_protobuf_reader *reader, uint64_t *ret_value)
{
    uint64_t little = 0;
    if ((size_t)(reader->end - reader->at) < sizeof(little)) {
        return fail(reader, "is cut short");
    }
    memcpy(&little, reader->at, sizeof(little));
    reader->at += sizeof(little);
    *ret_value = le64toh(little);
    return true;
}

static bool read_fixed32(struct weft_protobuf_reader *reader, uint64_t *ret_value)
{
    uint32_t little = 0;
    if ((size_t)(reader->end - reader->at) < sizeof(little)) {
        return fail(reader, "is cut short");
    }
    memcpy(&little, reader->at, sizeof(little));
    reader->at += sizeof(little);
    *ret_value = le32toh(little);
    return true;
}

static bool read_length(struct weft_protobuf_reader *reader, struct weft_protobuf_field *field)
{
    uint64_t length = 0;
    if (!read_varint(reader, &length)) {
        return false;
    }
    if (length > (uint64_t)(reader->end - reader->at)) {
        return fail(reader, "is longer than its message");
    }
    field->data = reader->at;
    field->size_bytes = (size_t)length;
    reader->at += length;
    return true;
}

static bool read_content(struct weft_protobuf_reader *reader, struct weft_protobuf_field *field)
{
    switch (field->wire) {
    case WEFT_PROTOBUF_VARINT:
        return read_varint(reader, &field->integer);
    case WEFT_PROTOBUF_FIXED64:
        return read_fixed64(reader, &field->integer);
    case WEFT_PROTOBUF_FIXED32:
        return read_fixed32(reader, &field->integer);
    case WEFT_PROTOBUF_LENGTH:
        return read_length(reader, field);
    }
    return fail(reader, "has an unknown wire type");
}

bool weft_protobuf_next(struct weft_protobuf_reader *reader, struct weft_protobuf_field *ret_field)
{
    if (reader->failure != NULL || reader->at == reader->end) {
        return false;
    }
    uint64_t tag = 0;
    reader->failed_field = 0;
    if (!read_varint(reader, &tag)) {
        return false;
    }
    if (tag >> 3 == 0 || tag >> 3 > WEFT_PROTOBUF_TAG_MAX) {
        return fail(reader, "has an impossible number");
    }
    *ret_field = (struct weft_protobuf_field){.number = (uint32_t)(tag >> 3),
                                              .wire = (enum weft_protobuf_wire)(tag & 7)};
    reader->failed_field = ret_field->number;
    return read_content(reader, ret_field);
}

bool weft_protobuf_next_packed(struct weft_protobuf_reader *reader, uint64_t *ret_value)
{
    return reader->failure == NULL && reader->at != reader->end && read_varint(reader, ret_value);
}

enum weft_status weft_protobuf_end(const struct weft_protobuf_reader *reader, const char *what,
                                   struct weft_error **error)
{
    if (reader->failure == NULL) {
        return WEFT_OK;
    }
    if (reader->failure == out_of_memory) {
        return weft_error_set_out_of_memory(error);
    }
    return weft_error_set(
        error, WEFT_INVALID_ARGUMENT, "%s is malformed: field %" PRIu32 " %s, before byte %zu",
        what, reader->failed_field, reader->failure, (size_t)(reader->at - reader->start));
}

uint64_t weft_protobuf_uint64(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field)
{
    if (field->wire != WEFT_PROTOBUF_VARINT) {
        weft_protobuf_fail(reader, wrong_wire);
        return 0;
    }
    return field->integer;
}

int64_t weft_protobuf_int64(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field)
{
    return (int64_t)weft_protobuf_uint64(reader, field);
}

uint32_t weft_protobuf_uint32(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field)
{
    uint64_t value = weft_protobuf_uint64(reader, field);
    if (value > UINT32_MAX) {
        weft_protobuf_fail(reader, "does not fit 32 bits");
        return 0;
    }
    return (uint32_t)value;
}

bool weft_protobuf_bool(struct weft_protobuf_reader *reader,
                        const struct weft_protobuf_field *field)
{
    return weft_protobuf_uint64(reader, field) != 0;
}

uint64_t weft_protobuf_fixed64(struct weft_protobuf_reader *reader,
                               const struct weft_protobuf_field *field)
{
    if (field->wire != WEFT_PROTOBUF_FIXED64) {
        weft_protobuf_fail(reader, wrong_wire);
        return 0;
    }
    return field->integer;
}

double weft_protobuf_double(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field)
{
    uint64_t bits = weft_protobuf_fixed64(reader, field);
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

bool weft_protobuf_is_bytes(struct weft_protobuf_reader *reader,
                            const struct weft_protobuf_field *field)
{
    return field->wire == WEFT_PROTOBUF_LENGTH || fail(reader, wrong_wire);
}

bool weft_protobuf_is_text(struct weft_protobuf_reader *reader,
                           const struct weft_protobuf_field *field, size_t max_bytes)
{
    if (!weft_protobuf_is_bytes(reader, field)) {
        return false;
    }
    if (field->size_bytes > max_bytes) {
        return fail(reader, "is too long a text");
    }
    if (!weft_utf8_valid((const char *)field->data, field->size_bytes) ||
        memchr(field->data, 0, field->size_bytes) != NULL) {
        return fail(reader, "is not a text in UTF-8");
    }
    return true;
}

char *weft_protobuf_string(struct weft_protobuf_reader *reader,
                           const struct weft_protobuf_field *field, size_t max_bytes)
{
    if (!weft_protobuf_is_text(reader, field, max_bytes)) {
        return NULL;
    }
    char *string = malloc(field->size_bytes + 1);
    if (string == NULL) {
        weft_protobuf_fail(reader, out_of_memory);
        return NULL;
    }
    memcpy(string, field->data, field->size_bytes);
    string[field->size_bytes] = '\0';
    return string;
}

void weft_protobuf_set_string(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field, size_t max_bytes,
                              char **string)
{
    char *copy = weft_protobuf_string(reader, field, max_bytes);
    if (copy != NULL) {
        free(*string);
        *string = copy;
    }
}

bool weft_protobuf_enter(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_field *field,
                         struct weft_protobuf_reader *ret_inner)
{
    if (!weft_protobuf_is_bytes(reader, field)) {
        return false;
    }
    if (reader->depth + 1 >= WEFT_PROTOBUF_DEPTH_MAX) {
        return fail(reader, "is nested too deep");
    }
    weft_protobuf_reader_init(ret_inner, field->data, field->size_bytes);
    ret_inner->start = reader->start;
    ret_inner->depth = reader->depth + 1;
    return true;
}

void weft_protobuf_leave(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_reader *inner)
{
    if (inner->failure != NULL && reader->failure == NULL) {
        reader->failure = inner->failure;
        reader->failed_field = inner->failed_field;
        reader->at = inner->at;
    }
}
