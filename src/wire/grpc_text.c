/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/grpc_private.h"

/* The texts of grpc/doc/PROTOCOL-HTTP2.md: Timeout, Status-Message, Path, Binary-Header. */

/* --- Timeout
 * -----------------------------------------------------------------------------------------------------
 */

static const struct {
    char unit;
    uint64_t ns;
} units[] = {
    {'n', 1},
    {'u', WEFT_NS_PER_US},
    {'m', WEFT_NS_PER_MS},
    {'S', WEFT_NS_PER_S},
    {'M', 60 * WEFT_NS_PER_S},
    {'H', 3600 * WEFT_NS_PER_S},
};

enum { UNITS_COUNT = sizeof(units) / sizeof(units[0]), DIGITS_MAX = 8, VALUE_MAX = 99999999 };

bool weft_grpc_timeout_parse(const char *text, uint64_t *ret_timeout_ns)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (text[digits] >= '0' && text[digits] <= '9' && digits < DIGITS_MAX) {
        value = value * 10 + (uint64_t)(text[digits] - '0');
        digits++;
    }
    if (digits == 0 || text[digits] == '\0' || text[digits + 1] != '\0') {
        return false;
    }
    for (size_t i = 0; i < UNITS_COUNT; i++) {
        if (units[i].unit == text[digits]) {
            uint64_t timeout_ns = 0;
            bool over =
                __builtin_mul_overflow(value, units[i].ns, &timeout_ns) || timeout_ns == UINT64_MAX;
            *ret_timeout_ns = over ? UINT64_MAX - 1 : timeout_ns;
            return true;
        }
    }
    return false;
}

void weft_grpc_timeout_format(uint64_t timeout_ns, char text[WEFT_GRPC_TIMEOUT_TEXT_BYTES])
{
    for (size_t i = 0; i < UNITS_COUNT; i++) {
        uint64_t value = timeout_ns / units[i].ns + (timeout_ns % units[i].ns > 0 ? 1 : 0);
        if (value <= VALUE_MAX) {
            snprintf(text, WEFT_GRPC_TIMEOUT_TEXT_BYTES, "%u%c", (unsigned)value, units[i].unit);
            return;
        }
    }
    snprintf(text, WEFT_GRPC_TIMEOUT_TEXT_BYTES, "%uH", (unsigned)VALUE_MAX);
}

/* --- Status-Message
 * ---------------------------------------------------------------------------------------------- */

size_t weft_grpc_message_encode(const char *text, char *encoded, size_t capacity)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = 0;
    size_t whole = 0; /* up to where the last whole character reaches */
    for (const char *next = text; *next != '\0'; next++) {
        unsigned char byte = (unsigned char)*next;
        if ((byte & 0xC0) != 0x80) {
            whole = length;
        }
        bool plain = byte >= 0x20 && byte <= 0x7e && byte != '%';
        if (length + (plain ? 1 : 3) >= capacity) {
            encoded[whole] = '\0';
            return whole;
        }
        if (plain) {
            encoded[length++] = (char)byte;
        } else {
            encoded[length++] = '%';
            encoded[length++] = digits[byte >> 4];
            encoded[length++] = digits[byte & 15];
        }
    }
    encoded[length] = '\0';
    return length;
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

size_t weft_grpc_message_decode(const char *encoded, size_t length, char *text, size_t capacity)
{
    size_t written = 0;
    for (size_t i = 0; i < length && written + 1 < capacity; i++) {
        char byte = encoded[i];
        if (byte == '%' && length - i > 2) {
            int high = hex_digit(encoded[i + 1]);
            int low = hex_digit(encoded[i + 2]);
            if (high >= 0 && low >= 0 && high * 16 + low != 0) {
                byte = (char)(high * 16 + low);
                i += 2;
            }
        }
        text[written++] = byte;
    }
    text[written] = '\0';
    return written;
}

/* --- Path
 * --------------------------------------------------------------------------------------------------------
 */

bool weft_grpc_path_split(const char *path, const char **ret_service, size_t *ret_service_length,
                          const char **ret_method, size_t *ret_method_length)
{
    if (path[0] != '/') {
        return false;
    }
    const char *slash = strchr(path + 1, '/');
    if (slash == NULL || slash == path + 1 || slash[1] == '\0' || strchr(slash + 1, '/') != NULL) {
        return false;
    }
    *ret_service = path + 1;
    *ret_service_length = (size_t)(slash - path - 1);
    *ret_method = slash + 1;
    *ret_method_length = strlen(slash + 1);
    return true;
}

/* --- Metadata
 * ----------------------------------------------------------------------------------------------------
 */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char digit)
{
    return digit >= 'A' && digit <= 'Z'   ? digit - 'A'
           : digit >= 'a' && digit <= 'z' ? digit - 'a' + 26
           : digit >= '0' && digit <= '9' ? digit - '0' + 52
           : digit == '+'                 ? 62
           : digit == '/'                 ? 63
                                          : -1;
}

bool weft_grpc_binary_decode(const struct weft_http_field *field, void *bytes, size_t capacity,
                             size_t *ret_size_bytes)
{
    uint8_t *to = bytes;
    size_t written = 0;
    uint32_t bits = 0;
    unsigned bits_count = 0;
    size_t length = 0;
    while (length < field->value_length && field->value[length] != ',') {
        length++;
    }
    while (length > 0 && field->value[length - 1] == '=') {
        length--;
    }
    if (length % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int value = base64_value(field->value[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffffff;
        bits_count += 6;
        if (bits_count >= 8) {
            bits_count -= 8;
            if (written == capacity) {
                return false;
            }
            to[written++] = (uint8_t)(bits >> bits_count);
        }
    }
    *ret_size_bytes = written;
    return true;
}

/* Without padding, as the protocol asks of senders. */
static void append_base64(struct weft_text *text, const uint8_t *bytes, size_t size_bytes)
{
    uint32_t bits = 0;
    unsigned bits_count = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        bits = bits << 8 | bytes[i];
        bits_count += 8;
        while (bits_count >= 6) {
            bits_count -= 6;
            weft_text_append(text, &base64_digits[bits >> bits_count & 63], 1);
        }
    }
    if (bits_count > 0) {
        weft_text_append(text, &base64_digits[bits << (6 - bits_count) & 63], 1);
    }
}

static bool is_binary(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && memcmp(name + length - 4, "-bin", 4) == 0;
}

/* Names that begin with grpc- are the protocol's own, but for the one that carries a
 * google.rpc.Status. */
static bool is_name(const char *name)
{
    for (const char *next = name; *next != '\0'; next++) {
        if ((*next < 'a' || *next > 'z') && (*next < '0' || *next > '9') &&
            strchr("_-.", *next) == NULL) {
            return false;
        }
    }
    return name[0] != '\0' &&
           (strncmp(name, "grpc-", 5) != 0 || strcmp(name, "grpc-status-details-bin") == 0);
}

static bool is_printable(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] < 0x20 || bytes[i] > 0x7e) {
            return false;
        }
    }
    return size_bytes == 0 || (bytes[0] != ' ' && bytes[size_bytes - 1] != ' ');
}

enum weft_status weft_grpc_metadata_to_fields(const struct weft_grpc_metadata *metadata,
                                              size_t count, struct weft_http_field *fields,
                                              size_t capacity, struct weft_text *scratch,
                                              struct weft_error **error)
{
    if (count > capacity) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "more than %zu items of metadata",
                              capacity);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_name(metadata[i].name)) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" is no name for metadata",
                                  metadata[i].name);
        }
        if (is_binary(metadata[i].name)) {
            append_base64(scratch, metadata[i].value, metadata[i].value_size_bytes);
        } else if (!is_printable(metadata[i].value, metadata[i].value_size_bytes)) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "the value of metadata \"%s\" is not printable ASCII",
                                  metadata[i].name);
        }
    }
    if (scratch->failed) {
        return weft_error_set_out_of_memory(error);
    }
    /* The scratch does not move any more. */
    const char *encoded = weft_text_string(scratch);
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct weft_http_field){
            .name = metadata[i].name,
            .name_length = (uint32_t)strlen(metadata[i].name),
            .value = metadata[i].value_size_bytes > 0 ? metadata[i].value : "",
            .value_length = (uint32_t)metadata[i].value_size_bytes,
            .unindexed = true, /* a trace or a token: it hardly comes twice, or is secret */
        };
        if (is_binary(metadata[i].name)) {
            fields[i].value = encoded;
            fields[i].value_length = (uint32_t)((metadata[i].value_size_bytes * 4 + 2) / 3);
            encoded += fields[i].value_length;
        }
    }
    return WEFT_OK;
}

bool weft_grpc_encoding_parse(const char *name, enum weft_grpc_encoding *ret_encoding)
{
    if (strcmp(name, "identity") == 0) {
        *ret_encoding = WEFT_GRPC_IDENTITY;
        return true;
    }
    if (strcmp(name, "gzip") == 0) {
        *ret_encoding = WEFT_GRPC_GZIP;
        return true;
    }
    return false;
}
