/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace.h"

#include <string.h>

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    return -1; /* capitals are not allowed (section 3.2.1) */
}

static bool parse_hex(const char *text, uint8_t *ret_bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool weft_trace_parse(const char *text, size_t length, struct weft_trace *ret_trace)
{
    uint8_t version = 0;
    struct weft_trace trace;
    if (length < WEFT_TRACEPARENT_LENGTH || !parse_hex(text, &version, 1) || version == 0xFF ||
        text[2] != '-' || text[35] != '-' || text[52] != '-') {
        return false;
    }
    bool longer = length > WEFT_TRACEPARENT_LENGTH;
    if (longer && (version == 0 || text[WEFT_TRACEPARENT_LENGTH] != '-')) {
        return false;
    }
    if (!parse_hex(text + 3, trace.trace_id, sizeof(trace.trace_id)) ||
        !parse_hex(text + 36, trace.span_id, sizeof(trace.span_id)) ||
        !parse_hex(text + 53, &trace.flags, 1) ||
        all_zero(trace.trace_id, sizeof(trace.trace_id)) ||
        all_zero(trace.span_id, sizeof(trace.span_id))) {
        return false;
    }
    *ret_trace = trace;
    return true;
}

static char *format_hex(char *to, const uint8_t *bytes, size_t size_bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size_bytes; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

void weft_trace_format(const struct weft_trace *trace, char text[WEFT_TRACEPARENT_LENGTH + 1])
{
    *text++ = '0';
    *text++ = '0';
    *text++ = '-';
    text = format_hex(text, trace->trace_id, sizeof(trace->trace_id));
    *text++ = '-';
    text = format_hex(text, trace->span_id, sizeof(trace->span_id));
    *text++ = '-';
    text = format_hex(text, &trace->flags, 1);
    *text = '\0';
}

static void draw(uint8_t *bytes, size_t size_bytes, struct weft_random *random)
{
    do {
        for (size_t i = 0; i < size_bytes; i += sizeof(uint64_t)) {
            uint64_t drawn = weft_random_next(random);
            memcpy(bytes + i, &drawn, sizeof(drawn));
        }
    } while (all_zero(bytes, size_bytes));
}

void weft_trace_start(struct weft_trace *ret_trace, struct weft_random *random)
{
    draw(ret_trace->trace_id, sizeof(ret_trace->trace_id), random);
    draw(ret_trace->span_id, sizeof(ret_trace->span_id), random);
    ret_trace->flags = 1;
}

void weft_trace_child(const struct weft_trace *parent, struct weft_trace *ret_trace,
                      struct weft_random *random)
{
    *ret_trace = *parent;
    draw(ret_trace->span_id, sizeof(ret_trace->span_id), random);
}

bool weft_trace_is_set(const struct weft_trace *trace)
{
    return !all_zero(trace->trace_id, sizeof(trace->trace_id));
}

/* --- tracestate --- */

enum { MEMBER_PART_MAX_LENGTH = 256 };

static bool is_letter_or_digit(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

/* A vendor's name, or tenant@vendor. */
static bool is_key(const char *text, size_t length)
{
    bool well = length > 0 && length <= MEMBER_PART_MAX_LENGTH && is_letter_or_digit(text[0]);
    for (size_t i = 1; well && i < length; i++) {
        well = is_letter_or_digit(text[i]) || memchr("_-*/@", text[i], 5) != NULL;
    }
    return well;
}

static bool is_value(const char *text, size_t length)
{
    bool well = length > 0 && length <= MEMBER_PART_MAX_LENGTH;
    for (size_t i = 0; well && i < length; i++) {
        well = text[i] >= ' ' && text[i] <= '~' && text[i] != '=';
    }
    return well;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

/* Without the blanks around it. */
static bool is_member(const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    return equals != NULL && is_key(text, (size_t)(equals - text)) &&
           is_value(equals + 1, length - (size_t)(equals - text) - 1);
}

bool weft_tracestate_is_valid(const char *text, size_t length)
{
    size_t members = 0;
    for (size_t at = 0; at < length && length <= WEFT_TRACESTATE_MAX_LENGTH;) {
        const char *comma = memchr(text + at, ',', length - at);
        size_t next = comma != NULL ? (size_t)(comma - text) : length;
        size_t end = next;
        while (at < end && is_blank(text[at])) {
            at++;
        }
        while (end > at && is_blank(text[end - 1])) {
            end--;
        }
        if (at < end) { /* members may be empty */
            if (!is_member(text + at, end - at)) {
                return false;
            }
            members++;
        }
        at = next + 1;
    }
    return members > 0 && members <= WEFT_TRACESTATE_MEMBERS_MAX;
}
