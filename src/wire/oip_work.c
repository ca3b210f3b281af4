/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "wire/oip_grpc.h"
#include "wire/protobuf.h"

/* What decoding a ModelInferRequest would cost, seen by its outline alone. */

/* A request of ours has not as many fields, nor one that will be accepted many more. */
enum { FIELDS_MAX = 4 * WEFT_VALUES_MAX };

static bool is_of_bytes(struct weft_protobuf_reader *reader,
                        const struct weft_protobuf_field *tensor, size_t *fields)
{
    struct weft_protobuf_reader inner;
    struct weft_protobuf_field field;
    bool found = false;
    if (!weft_protobuf_enter(reader, tensor, &inner)) {
        return false;
    }
    while (++*fields < FIELDS_MAX && weft_protobuf_next(&inner, &field)) {
        if (field.number == 2 && field.wire == WEFT_PROTOBUF_LENGTH) {
            found = field.size_bytes == 5 && memcmp(field.data, "BYTES", 5) == 0;
        }
    }
    return found;
}

size_t weft_oip_grpc_request_work_bytes(const struct weft_slice *message)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    size_t raw_bytes = 0;
    size_t fields = 0;
    bool walked = false;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (++fields < FIELDS_MAX && weft_protobuf_next(&reader, &field)) {
        if (field.number == 7 && field.wire == WEFT_PROTOBUF_LENGTH) {
            raw_bytes += field.size_bytes;
        } else if (field.number == 5 && field.wire == WEFT_PROTOBUF_LENGTH) {
            walked = is_of_bytes(&reader, &field, &fields) || walked;
        }
    }
    return walked ? message->size_bytes : message->size_bytes - raw_bytes;
}
