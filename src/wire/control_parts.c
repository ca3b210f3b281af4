/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "wire/fields.h"

/* Parts of control messages that are objects of their own: parameters, values, errors, traces. */

enum {
    PARAMETER_TEXT_MAX_BYTES = 64 * 1024,
    SENTENCE_MAX_BYTES = 4 * 1024,
    SENTENCES_MAX = 32, /* base/error.c keeps 17 */
    ALL_STATUS_MAX = WEFT_OUT_OF_MEMORY,
};

/* An error was set for the caller; the reader only has to stop. */
static void stop(struct weft_protobuf_reader *reader, enum weft_status status)
{
    if (status != WEFT_OK) {
        weft_protobuf_fail(reader, "is not valid");
    }
}

void weft_part_write_parameters(struct weft_protobuf_writer *writer, uint32_t number,
                                const struct weft_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const struct weft_parameter *parameter = &parameters->items[i];
        size_t opened = weft_protobuf_open(writer, number);
        weft_protobuf_put_string(writer, 1, parameter->name);
        switch (parameter->kind) {
        case WEFT_PARAMETER_BOOL:
            weft_protobuf_put_uint64(writer, 2, parameter->boolean);
            break;
        case WEFT_PARAMETER_INT64:
            weft_protobuf_put_int64(writer, 3, parameter->int64);
            break;
        case WEFT_PARAMETER_DOUBLE:
            weft_protobuf_put_double(writer, 4, parameter->number);
            break;
        case WEFT_PARAMETER_STRING:
            weft_protobuf_put_bytes(writer, 5, parameter->string, parameter->string_length);
            break;
        }
        weft_protobuf_close(writer, opened);
    }
}

static void read_parameter(struct weft_protobuf_reader *reader, struct weft_parameter *parameter,
                           char **name, char **string)
{
    struct weft_protobuf_field field;
    while (weft_protobuf_next(reader, &field)) {
        switch (field.number) {
        case 1:
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, name);
            break;
        case 2:
            parameter->kind = WEFT_PARAMETER_BOOL;
            parameter->boolean = weft_protobuf_bool(reader, &field);
            break;
        case 3:
            parameter->kind = WEFT_PARAMETER_INT64;
            parameter->int64 = weft_protobuf_int64(reader, &field);
            break;
        case 4:
            parameter->kind = WEFT_PARAMETER_DOUBLE;
            parameter->number = weft_protobuf_double(reader, &field);
            break;
        case 5:
            parameter->kind = WEFT_PARAMETER_STRING;
            weft_protobuf_set_string(reader, &field, PARAMETER_TEXT_MAX_BYTES, string);
            break;
        default:
            break;
        }
    }
    if (reader->failure == NULL && (*name == NULL || parameter->kind == 0)) {
        weft_protobuf_fail(reader, "is a parameter without name or value");
    }
}

void weft_part_read_parameter(struct weft_protobuf_reader *reader,
                              const struct weft_protobuf_field *field,
                              struct weft_parameters *parameters, struct weft_error **error)
{
    struct weft_protobuf_reader inner;
    if (!weft_protobuf_enter(reader, field, &inner)) {
        return;
    }
    struct weft_parameter parameter = {0};
    cleanup_free char *name = NULL;
    cleanup_free char *string = NULL;
    read_parameter(&inner, &parameter, &name, &string);
    weft_protobuf_leave(reader, &inner);
    if (reader->failure == NULL) {
        parameter.name = name;
        parameter.string = string;
        parameter.string_length = string != NULL ? strlen(string) : 0;
        stop(reader, weft_parameters_set(parameters, &parameter, error));
    }
}

void weft_part_write_value(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_value *value)
{
    if (value == NULL) {
        return;
    }
    const struct weft_shape *shape = weft_value_shape(value);
    size_t opened = weft_protobuf_open(writer, number);
    weft_protobuf_put_uint64(writer, 1, weft_value_datatype(value));
    if (shape->rank > 0) {
        weft_protobuf_put_packed(writer, 2, shape->dims, shape->rank);
    }
    weft_part_write_parameters(writer, 3, weft_value_parameters(value));
    if (weft_value_size_bytes(value) > 0) {
        weft_protobuf_put_slice(writer, 4, weft_value_slice(value));
    }
    weft_protobuf_close(writer, opened);
}

void weft_part_read_shape(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_shape *shape)
{
    struct weft_protobuf_reader packed;
    uint64_t dimension = 0;
    if (field->wire == WEFT_PROTOBUF_VARINT) { /* not packed is allowed too */
        if (shape->rank == WEFT_RANK_MAX) {
            weft_protobuf_fail(reader, "has too many dimensions");
            return;
        }
        shape->dims[shape->rank++] = weft_protobuf_int64(reader, field);
    } else if (weft_protobuf_enter(reader, field, &packed)) {
        while (weft_protobuf_next_packed(&packed, &dimension)) {
            if (shape->rank == WEFT_RANK_MAX) {
                weft_protobuf_fail(&packed, "has too many dimensions");
                break;
            }
            shape->dims[shape->rank++] = (int64_t)dimension;
        }
        weft_protobuf_leave(reader, &packed);
    }
}

struct parts {
    uint32_t datatype;
    struct weft_shape shape;
    struct weft_parameters parameters;
    const uint8_t *data;
    size_t size_bytes;
};

static void read_value_parts(struct weft_protobuf_reader *reader, struct parts *parts,
                             struct weft_error **error)
{
    struct weft_protobuf_field field;
    while (weft_protobuf_next(reader, &field)) {
        switch (field.number) {
        case 1:
            parts->datatype = weft_protobuf_uint32(reader, &field);
            if (parts->datatype == 0 || parts->datatype > WEFT_BF16) {
                weft_protobuf_fail(reader, "is no datatype");
            }
            break;
        case 2:
            weft_part_read_shape(reader, &field, &parts->shape);
            break;
        case 3:
            weft_part_read_parameter(reader, &field, &parts->parameters, error);
            break;
        case 4:
            if (weft_protobuf_is_bytes(reader, &field)) {
                parts->data = field.data;
                parts->size_bytes = field.size_bytes;
            }
            break;
        default:
            break;
        }
    }
    if (reader->failure == NULL && parts->datatype == 0) {
        weft_protobuf_fail(reader, "has no datatype");
    }
}

static enum weft_status make_value(const struct parts *parts, const struct weft_slice *whole,
                                   struct weft_value **ret_value, struct weft_error **error)
{
    cleanup_slice struct weft_slice data = {0};
    if (parts->size_bytes > 0) {
        data = weft_slice_sub(whole, (size_t)(parts->data - whole->data), parts->size_bytes);
    } else {
        data = weft_slice_static("", 0);
    }
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status = weft_value_new_slice((enum weft_datatype)parts->datatype,
                                                   &parts->shape, &data, &value, error);
    for (size_t i = 0; status == WEFT_OK && i < parts->parameters.count; i++) {
        status = weft_value_set_parameter(value, &parts->parameters.items[i], error);
    }
    if (status == WEFT_OK) {
        weft_value_unref(*ret_value);
        *ret_value = steal(&value);
    }
    return status;
}

void weft_part_read_value(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, const struct weft_slice *whole,
                          struct weft_value **value, struct weft_error **error)
{
    struct weft_protobuf_reader inner;
    if (!weft_protobuf_enter(reader, field, &inner)) {
        return;
    }
    struct parts parts = {0};
    read_value_parts(&inner, &parts, error);
    weft_protobuf_leave(reader, &inner);
    if (reader->failure == NULL) {
        stop(reader, make_value(&parts, whole, value, error));
    }
    weft_parameters_fini(&parts.parameters);
}

/* A model may say anything, and a long sentence was cut anywhere: the peer would refuse the
 * message, and whoever waits for the failure would wait on. */
static void put_sentence(struct weft_protobuf_writer *writer, uint32_t number, const char *text)
{
    if (text == NULL || weft_utf8_valid(text, strlen(text))) {
        weft_protobuf_put_string(writer, number, text);
        return;
    }
    char plain[SENTENCE_MAX_BYTES];
    size_t length = strnlen(text, sizeof(plain));
    for (size_t i = 0; i < length; i++) {
        plain[i] = text[i];
        if ((uint8_t)text[i] >= 0x80) {
            plain[i] = '?';
        }
    }
    weft_protobuf_put_bytes(writer, number, plain, length);
}

void weft_part_write_error(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_error *value)
{
    if (value == NULL) {
        return;
    }
    struct weft_error_place place = weft_error_place(value);
    size_t opened = weft_protobuf_open(writer, number);
    for (const struct weft_error *link = value; link != NULL; link = weft_error_cause(link)) {
        const struct weft_error *cause = weft_error_cause(link);
        size_t sentence = weft_protobuf_open(writer, 1);
        weft_protobuf_put_uint64(writer, 1, weft_error_status(link));
        put_sentence(writer, 2, weft_error_message(link));
        /* weft_error_hint gives the nearest of the chain; it is this one's own where the cause
         * has another or none. */
        const char *hint = weft_error_hint(link);
        if (cause == NULL || hint != weft_error_hint(cause)) {
            put_sentence(writer, 3, hint);
        }
        weft_protobuf_close(writer, sentence);
    }
    weft_protobuf_put_string(writer, 2, place.pipeline);
    weft_protobuf_put_string(writer, 3, place.step);
    weft_protobuf_put_string(writer, 4, place.node);
    if (place.attempt != 0) {
        weft_protobuf_put_uint64(writer, 5, place.attempt);
    }
    weft_protobuf_close(writer, opened);
}

struct sentence {
    uint32_t status;
    char *message;
    char *hint;
};

struct chain {
    struct sentence sentences[SENTENCES_MAX];
    size_t count;
    char *pipeline, *step, *node;
    uint32_t attempt;
};

static void chain_fini(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        free(chain->sentences[i].message);
        free(chain->sentences[i].hint);
    }
    free(chain->pipeline);
    free(chain->step);
    free(chain->node);
}

static void read_sentence(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *seen, struct chain *chain)
{
    struct weft_protobuf_reader inner;
    if (chain->count == SENTENCES_MAX) {
        weft_protobuf_fail(reader, "has too many causes");
        return;
    }
    if (!weft_protobuf_enter(reader, seen, &inner)) {
        return;
    }
    struct sentence *sentence = &chain->sentences[chain->count++];
    struct weft_protobuf_field field;
    while (weft_protobuf_next(&inner, &field)) {
        if (field.number == 1) {
            sentence->status = weft_protobuf_uint32(&inner, &field);
        } else if (field.number == 2) {
            weft_protobuf_set_string(&inner, &field, SENTENCE_MAX_BYTES, &sentence->message);
        } else if (field.number == 3) {
            weft_protobuf_set_string(&inner, &field, SENTENCE_MAX_BYTES, &sentence->hint);
        }
    }
    if (inner.failure == NULL && (sentence->status == 0 || sentence->status > ALL_STATUS_MAX)) {
        weft_protobuf_fail(&inner, "has no status of an error");
    }
    weft_protobuf_leave(reader, &inner);
}

static void read_chain(struct weft_protobuf_reader *reader, struct chain *chain)
{
    struct weft_protobuf_field field;
    while (weft_protobuf_next(reader, &field)) {
        switch (field.number) {
        case 1:
            read_sentence(reader, &field, chain);
            break;
        case 2:
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, &chain->pipeline);
            break;
        case 3:
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, &chain->step);
            break;
        case 4:
            weft_protobuf_set_string(reader, &field, WEFT_NAME_MAX, &chain->node);
            break;
        case 5:
            chain->attempt = weft_protobuf_uint32(reader, &field);
            break;
        default:
            break;
        }
    }
    if (reader->failure == NULL && chain->count == 0) {
        weft_protobuf_fail(reader, "is an error without words");
    }
}

static struct weft_error *make_error(const struct chain *chain)
{
    struct weft_error *made = NULL;
    for (size_t i = chain->count; i > 0; i--) {
        const struct sentence *sentence = &chain->sentences[i - 1];
        (void)weft_error_set(&made, (enum weft_status)sentence->status, "%s",
                             sentence->message != NULL ? sentence->message : "");
        if (sentence->hint != NULL) {
            weft_error_set_hint(&made, "%s", sentence->hint);
        }
    }
    struct weft_error_place place = {chain->pipeline, chain->step, chain->node, chain->attempt};
    weft_error_set_place(&made, &place);
    return made;
}

void weft_part_read_error(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_error **value,
                          struct weft_error **error)
{
    (void)error;
    struct weft_protobuf_reader inner;
    if (!weft_protobuf_enter(reader, field, &inner)) {
        return;
    }
    struct chain chain = {0};
    read_chain(&inner, &chain);
    weft_protobuf_leave(reader, &inner);
    if (reader->failure == NULL) {
        weft_error_unref(*value);
        *value = make_error(&chain);
    }
    chain_fini(&chain);
}

static uint64_t load_be64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void store_be64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

void weft_part_write_trace(struct weft_protobuf_writer *writer, uint32_t number,
                           const struct weft_trace *trace)
{
    if (!weft_trace_is_set(trace)) {
        return;
    }
    size_t opened = weft_protobuf_open(writer, number);
    weft_protobuf_put_fixed64(writer, 1, load_be64(trace->trace_id));
    weft_protobuf_put_fixed64(writer, 2, load_be64(trace->trace_id + 8));
    weft_protobuf_put_fixed64(writer, 3, load_be64(trace->span_id));
    weft_protobuf_put_uint64(writer, 4, trace->flags);
    weft_protobuf_close(writer, opened);
}

void weft_part_read_trace(struct weft_protobuf_reader *reader,
                          const struct weft_protobuf_field *field, struct weft_trace *trace)
{
    struct weft_protobuf_reader inner;
    if (!weft_protobuf_enter(reader, field, &inner)) {
        return;
    }
    struct weft_protobuf_field part;
    while (weft_protobuf_next(&inner, &part)) {
        if (part.number == 1) {
            store_be64(trace->trace_id, weft_protobuf_fixed64(&inner, &part));
        } else if (part.number == 2) {
            store_be64(trace->trace_id + 8, weft_protobuf_fixed64(&inner, &part));
        } else if (part.number == 3) {
            store_be64(trace->span_id, weft_protobuf_fixed64(&inner, &part));
        } else if (part.number == 4) {
            trace->flags = (uint8_t)weft_protobuf_uint64(&inner, &part);
        }
    }
    weft_protobuf_leave(reader, &inner);
}
