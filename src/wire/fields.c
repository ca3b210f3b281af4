/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fields.h"

#include <string.h>

static const void *at(const void *structure, size_t offset)
{
    return (const char *)structure + offset;
}

static void *place(void *structure, size_t offset)
{
    return (char *)structure + offset;
}

static size_t count_of(const struct weft_field *field, const void *structure)
{
    return *(const size_t *)at(structure, field->count_offset);
}

/* --- Writing ------------------------------------------------------------------------------------
 */

static void write_message(struct weft_protobuf_writer *writer, uint32_t number,
                          const struct weft_fields *inner, const void *structure,
                          const char **limit)
{
    size_t opened = weft_protobuf_open(writer, number);
    weft_fields_write(writer, inner, structure, limit);
    weft_protobuf_close(writer, opened);
}

static void write_string(struct weft_protobuf_writer *writer, const struct weft_field *field,
                         const char *string, const char **limit)
{
    if (string != NULL && field->max != 0 && strlen(string) > field->max) {
        *limit = "a name is too long";
    }
    weft_protobuf_put_string(writer, field->number, string);
}

static void write_list(struct weft_protobuf_writer *writer, const struct weft_field *field,
                       const void *structure, const char **limit)
{
    size_t count = count_of(field, structure);
    const char *items = *(const char *const *)at(structure, field->offset);
    if (field->max != 0 && count > field->max) {
        *limit = "a list has too many elements";
        return;
    }
    if (field->kind == WEFT_FIELD_UINT32S && count > 0) {
        size_t opened = weft_protobuf_open(writer, field->number);
        for (size_t i = 0; i < count; i++) {
            weft_protobuf_put_packed_one(writer, ((const uint32_t *)(const void *)items)[i]);
        }
        weft_protobuf_close(writer, opened);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (field->kind == WEFT_FIELD_STRINGS) {
            write_string(writer, field, ((char *const *)(const void *)items)[i], limit);
        } else {
            write_message(writer, field->number, field->inner, items + i * field->inner->size_bytes,
                          limit);
        }
    }
}

static uint64_t number_at(const struct weft_field *field, const void *from)
{
    return field->kind == WEFT_FIELD_BOOL     ? *(const bool *)from
           : field->kind == WEFT_FIELD_UINT32 ? *(const uint32_t *)from
                                              : *(const uint64_t *)from;
}

static void write_number(struct weft_protobuf_writer *writer, const struct weft_field *field,
                         const void *from)
{
    uint64_t number = number_at(field, from);
    if (number == 0) {
        return;
    }
    if (field->kind == WEFT_FIELD_FIXED64) {
        weft_protobuf_put_fixed64(writer, field->number, number);
    } else {
        weft_protobuf_put_uint64(writer, field->number, number);
    }
}

static void write_row(struct weft_protobuf_writer *writer, const struct weft_fields *row,
                      const void *structure)
{
    for (size_t i = 0; i < row->fields_count; i++) {
        const struct weft_field *column = &row->fields[i];
        weft_protobuf_put_packed_one(writer, number_at(column, at(structure, column->offset)));
    }
}

static void write_rows(struct weft_protobuf_writer *writer, const struct weft_field *field,
                       const void *structure, const char **limit)
{
    size_t count = count_of(field, structure);
    const char *items = *(const char *const *)at(structure, field->offset);
    if (count > field->max) {
        *limit = "a list has too many elements";
    } else if (count > 0) {
        size_t opened = weft_protobuf_open(writer, field->number);
        for (size_t i = 0; i < count; i++) {
            write_row(writer, field->inner, items + i * field->inner->size_bytes);
        }
        weft_protobuf_close(writer, opened);
    }
}

static void write_field(struct weft_protobuf_writer *writer, const struct weft_field *field,
                        const void *structure, const char **limit)
{
    const void *from = at(structure, field->offset);
    switch (field->kind) {
    case WEFT_FIELD_BOOL:
    case WEFT_FIELD_UINT32:
    case WEFT_FIELD_UINT64:
    case WEFT_FIELD_FIXED64:
        write_number(writer, field, from);
        break;
    case WEFT_FIELD_STRING:
    case WEFT_FIELD_OPTIONAL:
        write_string(writer, field, *(char *const *)from, limit);
        break;
    case WEFT_FIELD_STRINGS:
    case WEFT_FIELD_UINT32S:
    case WEFT_FIELD_MESSAGES:
        write_list(writer, field, structure, limit);
        break;
    case WEFT_FIELD_MESSAGE:
        write_message(writer, field->number, field->inner, from, limit);
        break;
    case WEFT_FIELD_SHAPE: {
        const struct weft_shape *shape = from;
        if (shape->rank > 0) {
            weft_protobuf_put_packed(writer, field->number, shape->dims, shape->rank);
        }
        break;
    }
    case WEFT_FIELD_PARAMETERS:
        weft_part_write_parameters(writer, field->number, from);
        break;
    case WEFT_FIELD_VALUE:
        weft_part_write_value(writer, field->number, *(struct weft_value *const *)from);
        break;
    case WEFT_FIELD_ERROR:
        weft_part_write_error(writer, field->number, *(struct weft_error *const *)from);
        break;
    case WEFT_FIELD_TRACE:
        weft_part_write_trace(writer, field->number, from);
        break;
    case WEFT_FIELD_ROW: {
        size_t opened = weft_protobuf_open(writer, field->number);
        write_row(writer, field->inner, from);
        weft_protobuf_close(writer, opened);
        break;
    }
    case WEFT_FIELD_ROWS:
        write_rows(writer, field, structure, limit);
        break;
    }
}

void weft_fields_write(struct weft_protobuf_writer *writer, const struct weft_fields *fields,
                       const void *structure, const char **limit)
{
    for (size_t i = 0; i < fields->fields_count; i++) {
        write_field(writer, &fields->fields[i], structure, limit);
    }
}

/* --- Reading ------------------------------------------------------------------------------------
 */

/* Room for one more element of a list, zeroed and counted; NULL (and the reader fails) beyond its
 * limit. Grows by doubling: the announced bytes are there, so an element costs a bounded factor. */
static void *append(struct weft_protobuf_reader *reader, const struct weft_field *field,
                    void *structure, size_t element_bytes, struct weft_error **error)
{
    char **items = place(structure, field->offset);
    size_t *count = place(structure, field->count_offset);
    if (field->max != 0 && *count >= field->max) {
        weft_protobuf_fail(reader, "has too many elements");
        return NULL;
    }
    if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        char *larger = realloc(*items, (*count == 0 ? 1 : *count * 2) * element_bytes);
        if (larger == NULL) {
            (void)weft_error_set_out_of_memory(error);
            weft_protobuf_fail(reader, "does not fit memory");
            return NULL;
        }
        *items = larger;
    }
    void *element = *items + *count * element_bytes;
    memset(element, 0, element_bytes);
    (*count)++;
    return element;
}

static void read_message(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_field *seen, const struct weft_fields *inner,
                         void *structure, const struct weft_slice *whole, struct weft_error **error)
{
    struct weft_protobuf_reader message;
    if (weft_protobuf_enter(reader, seen, &message)) {
        weft_fields_read(&message, inner, structure, whole, error);
        weft_protobuf_leave(reader, &message);
    }
}

static void read_uint32s(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_field *seen, const struct weft_field *field,
                         void *structure, struct weft_error **error)
{
    if (seen->wire == WEFT_PROTOBUF_VARINT) { /* not packed is allowed too */
        uint32_t number = weft_protobuf_uint32(reader, seen);
        uint32_t *element = append(reader, field, structure, sizeof(*element), error);
        if (element != NULL) {
            *element = number;
        }
        return;
    }
    struct weft_protobuf_reader packed;
    if (weft_protobuf_enter(reader, seen, &packed)) {
        uint64_t number = 0;
        while (weft_protobuf_next_packed(&packed, &number)) {
            uint32_t *element = append(&packed, field, structure, sizeof(*element), error);
            if (element != NULL) {
                *element = (uint32_t)number;
            }
            if (number > UINT32_MAX) {
                weft_protobuf_fail(&packed, "does not fit 32 bits");
            }
        }
        weft_protobuf_leave(reader, &packed);
    }
}

static void read_list(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                      const struct weft_field *field, void *structure,
                      const struct weft_slice *whole, struct weft_error **error)
{
    if (field->kind == WEFT_FIELD_UINT32S) {
        read_uint32s(reader, seen, field, structure, error);
    } else if (field->kind == WEFT_FIELD_STRINGS) {
        char **element = append(reader, field, structure, sizeof(*element), error);
        if (element != NULL) {
            *element = weft_protobuf_string(reader, seen, WEFT_NAME_MAX);
        }
    } else {
        void *element = append(reader, field, structure, field->inner->size_bytes, error);
        if (element != NULL) {
            read_message(reader, seen, field->inner, element, whole, error);
        }
    }
}

static void store_number(struct weft_protobuf_reader *reader, const struct weft_field *field,
                         uint64_t number, void *to)
{
    if (field->kind == WEFT_FIELD_BOOL) {
        *(bool *)to = number != 0;
    } else if (field->kind != WEFT_FIELD_UINT32) {
        *(uint64_t *)to = number;
    } else if (number > UINT32_MAX) {
        weft_protobuf_fail(reader, "does not fit 32 bits");
    } else if (field->max != 0 && number > field->max) {
        weft_protobuf_fail(reader, "is out of range");
    } else {
        *(uint32_t *)to = (uint32_t)number;
    }
}

static void read_number(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                        const struct weft_field *field, void *to)
{
    uint64_t number = field->kind == WEFT_FIELD_FIXED64 ? weft_protobuf_fixed64(reader, seen)
                                                        : weft_protobuf_uint64(reader, seen);
    store_number(reader, field, number, to);
}

/* Numbers of columns that are not there are 0, and those behind the last column another version's.
 */
static void read_row(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                     const struct weft_fields *row, void *structure)
{
    struct weft_protobuf_reader packed;
    if (!weft_protobuf_enter(reader, seen, &packed)) {
        return;
    }
    uint64_t number = 0;
    for (size_t i = 0; weft_protobuf_next_packed(&packed, &number); i++) {
        if (i < row->fields_count) {
            const struct weft_field *column = &row->fields[i];
            store_number(&packed, column, number, place(structure, column->offset));
        }
    }
    weft_protobuf_leave(reader, &packed);
}

static void read_rows(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                      const struct weft_field *field, void *structure, struct weft_error **error)
{
    const struct weft_fields *row = field->inner;
    struct weft_protobuf_reader packed;
    if (!weft_protobuf_enter(reader, seen, &packed)) {
        return;
    }
    void *element = NULL;
    size_t i = row->fields_count;
    for (uint64_t number = 0; weft_protobuf_next_packed(&packed, &number); i++) {
        if (i == row->fields_count) {
            i = 0;
            element = append(&packed, field, structure, row->size_bytes, error);
        }
        if (element != NULL) {
            store_number(&packed, &row->fields[i], number, place(element, row->fields[i].offset));
        }
    }
    if (i < row->fields_count) {
        weft_protobuf_fail(&packed, "is cut short");
    }
    weft_protobuf_leave(reader, &packed);
}

static void read_field(struct weft_protobuf_reader *reader, const struct weft_protobuf_field *seen,
                       const struct weft_field *field, void *structure,
                       const struct weft_slice *whole, struct weft_error **error)
{
    void *to = place(structure, field->offset);
    switch (field->kind) {
    case WEFT_FIELD_BOOL:
    case WEFT_FIELD_UINT32:
    case WEFT_FIELD_UINT64:
    case WEFT_FIELD_FIXED64:
        read_number(reader, seen, field, to);
        break;
    case WEFT_FIELD_STRING:
    case WEFT_FIELD_OPTIONAL:
        weft_protobuf_set_string(reader, seen, field->max != 0 ? field->max : WEFT_NAME_MAX, to);
        break;
    case WEFT_FIELD_STRINGS:
    case WEFT_FIELD_UINT32S:
    case WEFT_FIELD_MESSAGES:
        read_list(reader, seen, field, structure, whole, error);
        break;
    case WEFT_FIELD_MESSAGE:
        read_message(reader, seen, field->inner, to, whole, error);
        break;
    case WEFT_FIELD_SHAPE:
        weft_part_read_shape(reader, seen, to);
        break;
    case WEFT_FIELD_PARAMETERS:
        weft_part_read_parameter(reader, seen, to, error);
        break;
    case WEFT_FIELD_VALUE:
        weft_part_read_value(reader, seen, whole, to, error);
        break;
    case WEFT_FIELD_ERROR:
        weft_part_read_error(reader, seen, to, error);
        break;
    case WEFT_FIELD_TRACE:
        weft_part_read_trace(reader, seen, to);
        break;
    case WEFT_FIELD_ROW:
        read_row(reader, seen, field->inner, to);
        break;
    case WEFT_FIELD_ROWS:
        read_rows(reader, seen, field, structure, error);
        break;
    }
}

/* proto3 leaves an empty text away, so a name that must be there is at least "". */
static void fill_strings(struct weft_protobuf_reader *reader, const struct weft_fields *fields,
                         void *structure, struct weft_error **error)
{
    for (size_t i = 0; i < fields->fields_count; i++) {
        if (fields->fields[i].kind != WEFT_FIELD_STRING) {
            continue;
        }
        char **string = place(structure, fields->fields[i].offset);
        if (*string == NULL && (*string = strdup("")) == NULL) {
            (void)weft_error_set_out_of_memory(error);
            weft_protobuf_fail(reader, "does not fit memory");
        }
    }
}

/* Index of the field of that number, fields_count if none. Fields mostly come in the order of their
 * table, so the search goes round from the one before. */
static size_t find_field(const struct weft_fields *fields, size_t before, uint32_t number)
{
    for (size_t i = before; i < fields->fields_count; i++) {
        if (fields->fields[i].number == number) {
            return i;
        }
    }
    for (size_t i = 0; i < before; i++) {
        if (fields->fields[i].number == number) {
            return i;
        }
    }
    return fields->fields_count;
}

void weft_fields_read(struct weft_protobuf_reader *reader, const struct weft_fields *fields,
                      void *structure, const struct weft_slice *whole, struct weft_error **error)
{
    struct weft_protobuf_field seen;
    size_t i = 0;
    while (weft_protobuf_next(reader, &seen)) {
        i = find_field(fields, i, seen.number);
        if (i < fields->fields_count) {
            read_field(reader, &seen, &fields->fields[i], structure, whole, error);
        }
    }
    if (reader->failure == NULL) {
        fill_strings(reader, fields, structure, error);
    }
}
