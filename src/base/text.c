/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void weft_text_fini(struct weft_text *text)
{
    free(text->data);
    *text = (struct weft_text){0};
}

/* Room for length more bytes and the terminator. */
static bool reserve(struct weft_text *text, size_t length)
{
    size_t needed = 0;
    if (text->failed || __builtin_add_overflow(text->length, length, &needed) ||
        needed == SIZE_MAX) {
        text->failed = true;
        return false;
    }
    if (needed + 1 <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < needed + 1) {
        capacity = capacity > SIZE_MAX / 2 ? needed + 1 : capacity * 2;
    }
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void weft_text_append(struct weft_text *text, const char *bytes, size_t length)
{
    if (length > 0 && reserve(text, length)) {
        memcpy(text->data + text->length, bytes, length);
        text->length += length;
        text->data[text->length] = '\0';
    }
}

void weft_text_append_string(struct weft_text *text, const char *string)
{
    weft_text_append(text, string, strlen(string));
}

void weft_text_printf(struct weft_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(text, (size_t)length)) {
        text->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

/* The length of the well-formed sequence at the start of bytes, 0 if it is not one. */
static size_t utf8_sequence(const unsigned char *bytes, size_t length)
{
    unsigned char first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    size_t needed = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length < needed) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < needed; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF) {
            return 0;
        }
    }
    return needed;
}

/* Whether eight bytes are all ASCII. */
static bool eight_ascii(const char *bytes)
{
    uint64_t eight = 0;
    memcpy(&eight, bytes, sizeof(eight));
    return (eight & UINT64_C(0x8080808080808080)) == 0;
}

bool weft_utf8_valid(const char *bytes, size_t length)
{
    for (size_t offset = 0; offset < length;) {
        if (length - offset >= 8 && eight_ascii(bytes + offset)) {
            offset += 8;
            continue;
        }
        size_t sequence = utf8_sequence((const unsigned char *)bytes + offset, length - offset);
        if (sequence == 0) {
            return false;
        }
        offset += sequence;
    }
    return true;
}

static void append_json_ascii(struct weft_text *text, char character)
{
    switch (character) {
    case '"':
        weft_text_append_string(text, "\\\"");
        break;
    case '\\':
        weft_text_append_string(text, "\\\\");
        break;
    case '\n':
        weft_text_append_string(text, "\\n");
        break;
    case '\t':
        weft_text_append_string(text, "\\t");
        break;
    case '\r':
        weft_text_append_string(text, "\\r");
        break;
    default:
        if ((unsigned char)character < 0x20) {
            weft_text_printf(text, "\\u%04x", (unsigned)(unsigned char)character);
        } else {
            weft_text_append(text, &character, 1);
        }
    }
}

void weft_text_append_json(struct weft_text *text, const char *bytes, size_t length)
{
    weft_text_append_string(text, "\"");
    for (size_t offset = 0; offset < length;) {
        size_t sequence = utf8_sequence((const unsigned char *)bytes + offset, length - offset);
        if (sequence == 0) {
            weft_text_append_string(text, "\xEF\xBF\xBD");
            offset++;
        } else if (sequence == 1) {
            append_json_ascii(text, bytes[offset++]);
        } else {
            weft_text_append(text, bytes + offset, sequence);
            offset += sequence;
        }
    }
    weft_text_append_string(text, "\"");
}

void weft_text_clear(struct weft_text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
}

const char *weft_text_string(const struct weft_text *text)
{
    return text->data != NULL ? text->data : "";
}

char *weft_text_steal(struct weft_text *text)
{
    if (text->failed || (text->data == NULL && !reserve(text, 0))) {
        return NULL;
    }
    text->data[text->length] = '\0';
    char *data = text->data;
    *text = (struct weft_text){0};
    return data;
}

void weft_text_make_printable(char *string)
{
    for (unsigned char *at = (unsigned char *)string; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            *at = '?';
        } else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
            *at++ = '?';
            *at = '?';
        }
    }
}
