/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <stdbool.h>

/* Of a whole EXIF block (EXIF 2.32 section 4.5, TIFF 6.0 section 2) only one number matters here,
 * so this reads the first directory and nothing else. */

#define ENTRY_BYTES 12
#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

struct reader {
    const uint8_t *data;
    size_t size_bytes;
    bool big_endian;
};

static uint32_t read_u16(const struct reader *reader, size_t at)
{
    const uint8_t *p = reader->data + at;
    return reader->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read_u32(const struct reader *reader, size_t at)
{
    uint32_t first = read_u16(reader, at);
    uint32_t second = read_u16(reader, at + 2);
    return reader->big_endian ? first << 16 | second : second << 16 | first;
}

uint32_t weft_image_exif_orientation(const uint8_t *tiff, size_t size_bytes)
{
    struct reader reader = {.data = tiff, .size_bytes = size_bytes};
    if (size_bytes < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) {
        return 1;
    }
    reader.big_endian = tiff[0] == 'M';
    size_t directory = read_u32(&reader, 4);
    if (read_u16(&reader, 2) != 42 || directory > size_bytes - 2) {
        return 1;
    }
    size_t count = read_u16(&reader, directory);
    size_t at = directory + 2;
    for (size_t i = 0; i < count && size_bytes - at >= ENTRY_BYTES; i++, at += ENTRY_BYTES) {
        if (read_u16(&reader, at) == TAG_ORIENTATION && read_u16(&reader, at + 2) == TYPE_SHORT &&
            read_u32(&reader, at + 4) == 1) {
            uint32_t orientation = read_u16(&reader, at + 8);
            return orientation >= 1 && orientation <= 8 ? orientation : 1;
        }
    }
    return 1;
}
