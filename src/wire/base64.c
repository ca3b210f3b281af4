/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void weft_base64_encode(const void *data, size_t size_bytes, char *text)
{
    const uint8_t *from = data;
    for (size_t i = 0; i < size_bytes; i += 3) {
        size_t left = size_bytes - i;
        unsigned group = (unsigned)from[i] << 16 | (left > 1 ? (unsigned)from[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)from[i + 2] : 0);
        *text++ = alphabet[group >> 18];
        *text++ = alphabet[group >> 12 & 63];
        *text++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *text++ = left > 2 ? alphabet[group & 63] : '=';
    }
}

static int value_of(char character)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

bool weft_base64_decode(const char *text, size_t length, void *bytes, size_t *ret_size_bytes)
{
    uint8_t *to = bytes;
    size_t size_bytes = 0;
    uint32_t bits = 0;
    if (length % 4 == 0 && length > 0 && text[length - 1] == '=') {
        length -= text[length - 2] == '=' ? 2 : 1;
    }
    if (length % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            unsigned left = 6 - 2 * (unsigned)(i % 4);
            to[size_bytes++] = (uint8_t)(bits >> left);
            bits &= (1u << left) - 1;
        }
    }
    if (bits != 0) { /* bits that no byte takes: not the canonical form */
        return false;
    }
    *ret_size_bytes = size_bytes;
    return true;
}
