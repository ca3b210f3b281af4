/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void weft_json_init(struct weft_json *json, const void *text, size_t length)
{
    const char *start = length > 0 ? text : "";
    *json = (struct weft_json){.start = start, .at = start, .end = start + length};
}

void weft_json_fail(struct weft_json *json, const char *sentence)
{
    if (json->failure == NULL) {
        json->failure = sentence;
    }
}

char weft_json_peek(struct weft_json *json)
{
    if (json->failure != NULL) {
        return 0;
    }
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t')) {
        json->at++;
    }
    return json->at < json->end ? *json->at : 0;
}

bool weft_json_take(struct weft_json *json, char character)
{
    if (character == 0 || weft_json_peek(json) != character) {
        return false;
    }
    json->at++;
    return true;
}

/* Enters on first, and leaves at the closing bracket. */
static bool next(struct weft_json *json, bool *first, char opening, char closing)
{
    if (*first) {
        *first = false;
        if (!weft_json_take(json, opening)) {
            weft_json_fail(json, opening == '{' ? "an object is expected" : "an array is expected");
            return false;
        }
        if (++json->depth > WEFT_JSON_DEPTH_MAX) {
            weft_json_fail(json, "it is nested too deep");
            return false;
        }
        if (!weft_json_take(json, closing)) {
            return json->failure == NULL;
        }
    } else if (!weft_json_take(json, closing)) {
        if (!weft_json_take(json, ',')) {
            weft_json_fail(json, "a comma or a closing bracket is expected");
        }
        return json->failure == NULL;
    }
    json->depth--;
    return false;
}

bool weft_json_element(struct weft_json *json, bool *first)
{
    return next(json, first, '[', ']');
}

static int hex(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    char lower = (char)(character | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool hex4(struct weft_json *json, unsigned *ret_code)
{
    unsigned code = 0;
    if (json->end - json->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex(json->at[i]);
        if (digit < 0) {
            return false;
        }
        code = code << 4 | (unsigned)digit;
    }
    json->at += 4;
    *ret_code = code;
    return true;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* \uXXXX, behind the u; surrogates must come in pairs. Returns the bytes written, 0 on failure. */
static size_t unicode(struct weft_json *json, char *to)
{
    unsigned code = 0;
    unsigned low = 0;
    if (!hex4(json, &code)) {
        return 0;
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code > 0xDBFF || json->end - json->at < 2 || json->at[0] != '\\' ||
            json->at[1] != 'u') {
            return 0;
        }
        json->at += 2;
        if (!hex4(json, &low) || low < 0xDC00 || low > 0xDFFF) {
            return 0;
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_utf8(to, code);
}

static size_t escape(struct weft_json *json, char *to)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end) {
        return 0;
    }
    char character = *json->at++;
    if (character == 'u') {
        return unicode(json, to);
    }
    const char *found = character != 0 ? strchr(from, character) : NULL;
    if (found == NULL) {
        return 0;
    }
    *to = into[found - from];
    return 1;
}

bool weft_json_bytes(struct weft_json *json, char *to, size_t *ret_length)
{
    if (!weft_json_take(json, '"')) {
        weft_json_fail(json, "a string is expected");
        return false;
    }
    size_t length = 0;
    while (json->at < json->end && *json->at != '"') {
        const char *plain = json->at;
        while (json->at < json->end && *json->at != '"' && *json->at != '\\' &&
               (unsigned char)*json->at >= 0x20) {
            json->at++;
        }
        size_t run = (size_t)(json->at - plain);
        if (!weft_utf8_valid(plain, run)) {
            weft_json_fail(json, "a string is not UTF-8");
            return false;
        }
        memcpy(to + length, plain, run);
        length += run;
        if (json->at == json->end || *json->at == '"') {
            break;
        }
        if (*json->at != '\\') {
            weft_json_fail(json, "a control character stands in a string");
            return false;
        }
        json->at++;
        size_t written = escape(json, to + length);
        if (written == 0) {
            weft_json_fail(json, "an escape in a string is not one");
            return false;
        }
        length += written;
    }
    if (json->at == json->end) {
        weft_json_fail(json, "a string does not end");
        return false;
    }
    json->at++;
    *ret_length = length;
    return true;
}

/* Where the string that begins at `at` ends, or the text's end. */
static const char *string_end(const struct weft_json *json)
{
    const char *at = json->at + 1;
    while (at < json->end && *at != '"') {
        at += *at == '\\' && json->end - at > 1 ? 2 : 1;
    }
    return at;
}

char *weft_json_string(struct weft_json *json, size_t max_bytes)
{
    if (weft_json_peek(json) != '"') {
        weft_json_fail(json, "a string is expected");
        return NULL;
    }
    size_t raw_length = (size_t)(string_end(json) - json->at);
    if (raw_length / 6 > max_bytes) {
        weft_json_fail(json, "a string is too long");
        return NULL;
    }
    cleanup_free char *string = malloc(raw_length + 1);
    if (string == NULL) {
        json->out_of_memory = true;
        weft_json_fail(json, "out of memory");
        return NULL;
    }
    size_t length = 0;
    if (!weft_json_bytes(json, string, &length)) {
        return NULL;
    }
    if (length > max_bytes || memchr(string, 0, length) != NULL) {
        weft_json_fail(json, "a string is too long or holds a zero byte");
        return NULL;
    }
    string[length] = '\0';
    return steal(&string);
}

bool weft_json_member(struct weft_json *json, bool *first, char *key, size_t capacity)
{
    if (!next(json, first, '{', '}')) {
        return false;
    }
    cleanup_free char *name = weft_json_string(json, (size_t)(json->end - json->at));
    if (name == NULL) {
        return false;
    }
    if (!weft_json_take(json, ':')) {
        weft_json_fail(json, "a colon is expected");
        return false;
    }
    size_t length = strlen(name);
    key[0] = '\0';
    if (length < capacity) {
        memcpy(key, name, length + 1);
    }
    return true;
}

static bool take_word(struct weft_json *json, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) {
        return false;
    }
    json->at += length;
    return true;
}

bool weft_json_bool(struct weft_json *json)
{
    (void)weft_json_peek(json);
    if (json->failure == NULL) {
        if (take_word(json, "true")) {
            return true;
        }
        if (!take_word(json, "false")) {
            weft_json_fail(json, "true or false is expected");
        }
    }
    return false;
}

static size_t digits(struct weft_json *json)
{
    const char *start = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        json->at++;
    }
    return (size_t)(json->at - start);
}

static bool take_number(struct weft_json *json, bool *ret_whole)
{
    bool whole = true;
    if (json->at < json->end && *json->at == '-') {
        json->at++;
    }
    const char *integer = json->at;
    size_t count = digits(json);
    if (count == 0 || (count > 1 && *integer == '0')) {
        return false;
    }
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        whole = false;
        if (digits(json) == 0) {
            return false;
        }
    }
    if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
        json->at++;
        whole = false;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) {
            json->at++;
        }
        if (digits(json) == 0) {
            return false;
        }
    }
    *ret_whole = whole;
    return true;
}

bool weft_json_number(struct weft_json *json, char text[WEFT_JSON_NUMBER_MAX + 1], bool *ret_whole)
{
    (void)weft_json_peek(json);
    if (json->failure != NULL) {
        return false;
    }
    const char *start = json->at;
    if (!take_number(json, ret_whole)) {
        weft_json_fail(json, "a number is expected");
        return false;
    }
    size_t length = (size_t)(json->at - start);
    if (length > WEFT_JSON_NUMBER_MAX) {
        weft_json_fail(json, "a number has too many digits");
        return false;
    }
    memcpy(text, start, length);
    text[length] = '\0';
    return true;
}

int64_t weft_json_int64(struct weft_json *json)
{
    char text[WEFT_JSON_NUMBER_MAX + 1];
    bool whole = false;
    if (!weft_json_number(json, text, &whole)) {
        return 0;
    }
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (!whole || errno == ERANGE) {
        weft_json_fail(json, "a whole number of 64 bits is expected");
        return 0;
    }
    return number;
}

static void skip_string(struct weft_json *json)
{
    const char *start = json->at;
    const char *end = string_end(json);
    if (end == json->end) {
        weft_json_fail(json, "a string does not end");
        return;
    }
    if (!weft_utf8_valid(start, (size_t)(end - start))) {
        weft_json_fail(json, "a string is not UTF-8");
        return;
    }
    json->at = end + 1;
}

static void skip_scalar(struct weft_json *json, char first)
{
    char text[WEFT_JSON_NUMBER_MAX + 1];
    bool whole = false;
    if (first == '"') {
        skip_string(json);
    } else if (first == 't' || first == 'f') {
        (void)weft_json_bool(json);
    } else if (first == 'n') {
        if (!take_word(json, "null")) {
            weft_json_fail(json, "a value is expected");
        }
    } else {
        (void)weft_json_number(json, text, &whole);
    }
}

void weft_json_skip(struct weft_json *json)
{
    char key[2];
    char first = weft_json_peek(json);
    bool begin = true;
    if (first == '{') {
        while (weft_json_member(json, &begin, key, sizeof(key))) {
            weft_json_skip(json);
        }
    } else if (first == '[') {
        while (weft_json_element(json, &begin)) {
            weft_json_skip(json);
        }
    } else {
        skip_scalar(json, first);
    }
}

enum weft_status weft_json_status(const struct weft_json *json, const char *what,
                                  struct weft_error **error)
{
    if (json->failure == NULL) {
        return WEFT_OK;
    }
    if (json->out_of_memory) {
        return weft_error_set_out_of_memory(error);
    }
    size_t line = 1;
    const char *line_start = json->start;
    for (const char *at = json->start; at < json->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                          "%s is malformed: %s, at line %zu column %zu", what, json->failure, line,
                          (size_t)(json->at - line_start) + 1);
}

enum weft_status weft_json_end(struct weft_json *json, const char *what, struct weft_error **error)
{
    if (json->failure == NULL) {
        (void)weft_json_peek(json);
        if (json->at != json->end) {
            weft_json_fail(json, "something stands behind its end");
        }
    }
    return weft_json_status(json, what, error);
}
