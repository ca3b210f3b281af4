/* SPDX-License-Identifier: Apache-2.0 */
#include "link/url.h"

#include <string.h>

#include "base/text.h"

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static bool decode(const char *encoded, size_t length, bool plus, char *text, size_t capacity,
                   size_t *ret_length)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        char c = encoded[i];
        if (c == '%') {
            if (length - i < 3 || hex(encoded[i + 1]) < 0 || hex(encoded[i + 2]) < 0) {
                return false;
            }
            c = (char)(hex(encoded[i + 1]) * 16 + hex(encoded[i + 2]));
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == '\0' || written + 1 >= capacity) {
            return false;
        }
        text[written++] = c;
    }
    if (written >= capacity || !weft_utf8_valid(text, written)) {
        return false;
    }
    text[written] = '\0';
    *ret_length = written;
    return true;
}

bool weft_url_decode(const char *encoded, size_t length, char *text, size_t capacity,
                     size_t *ret_length)
{
    return decode(encoded, length, false, text, capacity, ret_length);
}

bool weft_url_query(const char *query, const char *name, char *text, size_t capacity)
{
    size_t name_length = strlen(name);
    while (*query != '\0' && *query != '#') {
        size_t length = strcspn(query, "&#");
        if (length >= name_length && memcmp(query, name, name_length) == 0 &&
            (length == name_length || query[name_length] == '=')) {
            size_t skip = length == name_length ? name_length : name_length + 1;
            size_t written = 0;
            return decode(query + skip, length - skip, true, text, capacity, &written);
        }
        query += length;
        query += *query == '&';
    }
    return false;
}
