/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc_private.h"

/* Where a large message's tensor begins, from the message's first bytes. */

struct walk {
    const uint8_t *data;
    size_t size_bytes;
    size_t offset;
};

static bool read_varint(struct walk *walk, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && walk->offset < walk->size_bytes; shift += 7) {
        uint8_t byte = walk->data[walk->offset++];
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool skip(struct walk *walk, uint64_t size_bytes)
{
    if (size_bytes > walk->size_bytes - walk->offset) {
        return false;
    }
    walk->offset += (size_t)size_bytes;
    return true;
}

size_t weft_grpc_aligned_offset(const uint32_t *path, const uint8_t *data, size_t size_bytes)
{
    struct walk walk = {data, size_bytes, 0};
    uint64_t tag = 0, number = 0;
    while (path != NULL && *path != 0 && read_varint(&walk, &tag)) {
        bool goes_on = false;
        switch (tag & 7) {
        case 0:
            goes_on = read_varint(&walk, &number);
            break;
        case 1:
            goes_on = skip(&walk, 8);
            break;
        case 2:
            if (!read_varint(&walk, &number)) {
                break;
            }
            if (number <= walk.size_bytes - walk.offset) {
                goes_on = skip(&walk, number); /* it is here already, and so not large */
            } else if (tag >> 3 == *path) {
                goes_on = true; /* into it */
                path++;
                if (*path == 0) {
                    return walk.offset;
                }
            }
            break;
        case 5:
            goes_on = skip(&walk, 4);
            break;
        default:
            break;
        }
        if (!goes_on) {
            return 0;
        }
    }
    return 0;
}
