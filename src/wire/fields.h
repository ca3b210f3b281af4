/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_FIELDS_H
#define WEFT_WIRE_FIELDS_H

/*
 * Structures of base/message.h as tables of their fields, and one encoder and one decoder that
 * follow such a table. Internal to the control codec; constant data, any thread.
 */

#include "base/message.h"
#include "wire/protobuf.h"

enum weft_field_kind {
    WEFT_FIELD_BOOL,
    WEFT_FIELD_UINT32, /* enums too */
    WEFT_FIELD_UINT64,
    WEFT_FIELD_FIXED64,
    WEFT_FIELD_STRING,     /* char *, never NULL */
    WEFT_FIELD_OPTIONAL,   /* char *, NULL = not there */
    WEFT_FIELD_STRINGS,    /* char **, count */
    WEFT_FIELD_UINT32S,    /* uint32_t *, count */
    WEFT_FIELD_MESSAGE,    /* a structure within */
    WEFT_FIELD_MESSAGES,   /* an array of structures, count */
    WEFT_FIELD_SHAPE,      /* struct weft_shape */
    WEFT_FIELD_PARAMETERS, /* struct weft_parameters */
    WEFT_FIELD_VALUE,      /* struct weft_value *, NULL = not there */
    WEFT_FIELD_ERROR,      /* struct weft_error *, NULL = not there */
    WEFT_FIELD_TRACE,      /* struct weft_trace, all zeroes = not there */
    WEFT_FIELD_ROW,        /* numbers of this structure, packed in the order of the inner table */
    WEFT_FIELD_ROWS,       /* an array of structures, count, that are nothing but such rows */
};

struct weft_field {
    uint32_t number;
    enum weft_field_kind kind;
    size_t offset;
    size_t count_offset; /* of the size_t count of a list */
    size_t max;          /* elements of a list, value of a number, bytes of a text; 0 = any */
    const struct weft_fields *inner;
};

struct weft_fields {
    const char *name; /* the message's, for errors */
    size_t size_bytes;
    const struct weft_field *fields;
    size_t fields_count;
};

/* Fails the writer only for want of memory; ret_limit names what exceeds a limit, else NULL. */
void weft_fields_write(struct weft_protobuf_writer *writer, const struct weft_fields *fields,
                       const void *structure, const char **limit);
/* Fills a zeroed structure; what was read before a failure is in it, for its fini. whole is the
 * message that values become parts of. Errors other than the reader's own are set in *error, and
 * the reader fails. */
void weft_fields_read(struct weft_protobuf_reader *reader, const struct weft_fields *fields,
                      void *structure, const struct weft_slice *whole, struct weft_error **error);

/* The parts that are not tables (control_parts.c). */
void weft_part_write_parameters(struct weft_protobuf_writer *writer, uint32_t number,
                                const struct weft_parameters *parameters);
void weft_part_write_value(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_value *value);
void weft_part_write_error(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_error *value);
void weft_part_write_trace(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_trace *trace);
void weft_part_read_parameter(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field,
                              struct weft_parameters *parameters, struct weft_error **error);
void weft_part_read_value(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, const struct weft_slice *whole,
                          struct weft_value **value, struct weft_error **error);
void weft_part_read_error(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_error **value,
                          struct weft_error **error);
void weft_part_read_trace(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_trace *trace);
void weft_part_read_shape(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_shape *shape);

#endif
