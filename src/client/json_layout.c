/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "client/document.h"

enum { COLUMNS = 100, INDENT = 2 };

/* Where the string that begins at `at` ends, behind its closing quote. */
static size_t string_end(const char *json, size_t at, size_t length)
{
    for (at++; at < length && json[at] != '"'; at++) {
        at += json[at] == '\\';
    }
    return at < length ? at + 1 : length;
}

/* The length of the array or object that begins at `at` if it fits into `room` characters, else 0.
 */
static size_t short_one(const char *json, size_t at, size_t length, size_t room)
{
    size_t depth = 0;
    for (size_t i = at; i < length && i - at < room; i++) {
        if (json[i] == '"') {
            i = string_end(json, i, length) - 1;
        } else if (json[i] == '[' || json[i] == '{') {
            depth++;
        } else if (json[i] == ']' || json[i] == '}') {
            if (--depth == 0) {
                return i + 1 - at <= room ? i + 1 - at : 0;
            }
        }
    }
    return 0;
}

static void new_line(struct weft_text *text, size_t depth, size_t *line)
{
    weft_text_printf(text, "\n%*s", (int)(depth * INDENT), "");
    *line = text->length - depth * INDENT;
}

/* One token, with a space behind colon and comma. */
static size_t token(const char *json, size_t at, size_t length, struct weft_text *text)
{
    size_t end = json[at] == '"' ? string_end(json, at, length) : at + 1;
    if (strchr(" \n\r\t", json[at]) == NULL) {
        weft_text_append(text, json + at, end - at);
    }
    if (json[at] == ':' || json[at] == ',') {
        weft_text_append_string(text, " ");
    }
    return end;
}

void weft_json_layout(const char *json, size_t length, struct weft_text *text)
{
    size_t depth = 0;
    size_t line = text->length;
    for (size_t at = 0; at < length;) {
        char character = json[at];
        if (character == '[' || character == '{') {
            size_t used = text->length - line;
            size_t whole = short_one(json, at, length, used < COLUMNS ? COLUMNS - used : 0);
            for (size_t end = at + whole; at < end;) {
                at = token(json, at, length, text);
            }
            if (whole == 0) {
                weft_text_append(text, json + at++, 1);
                new_line(text, ++depth, &line);
            }
        } else if (character == ']' || character == '}') {
            depth -= depth > 0;
            new_line(text, depth, &line);
            weft_text_append(text, json + at++, 1);
        } else if (character == ',') {
            weft_text_append(text, json + at++, 1);
            new_line(text, depth, &line);
        } else {
            at = token(json, at, length, text);
        }
    }
}
