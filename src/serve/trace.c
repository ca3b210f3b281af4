/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "serve/serve_parts.h"

static bool find_parent(const struct weft_http_head *head, struct weft_trace *ret_parent)
{
    const struct weft_http_field *given =
        head != NULL ? weft_http_field_find(head->fields, head->fields_count, "traceparent") : NULL;
    return given != NULL && weft_trace_parse(given->value, given->value_length, ret_parent);
}

void serve_trace_begin(struct weft_serve *serve, const struct weft_http_head *head,
                       struct weft_trace *ret_trace)
{
    struct weft_random *random = weft_link_random(serve->options.link);
    struct weft_trace parent;
    if (find_parent(head, &parent)) {
        weft_trace_child(&parent, ret_trace, random);
    } else {
        weft_trace_start(ret_trace, random);
    }
}

static bool is_tracestate(const struct weft_http_field *field)
{
    static const char name[] = "tracestate";
    return field->name_length == sizeof(name) - 1 &&
           memcmp(field->name, name, sizeof(name) - 1) == 0;
}

size_t serve_tracestate(const struct weft_http_head *head,
                        char text[WEFT_TRACESTATE_MAX_LENGTH + 1])
{
    struct weft_trace parent;
    size_t length = 0;
    for (size_t i = 0; head != NULL && i < head->fields_count; i++) {
        const struct weft_http_field *field = &head->fields[i];
        if (!is_tracestate(field)) {
            continue;
        }
        size_t comma_length = length > 0 ? 1 : 0;
        if (comma_length + field->value_length > WEFT_TRACESTATE_MAX_LENGTH - length) {
            return 0;
        }
        if (comma_length > 0) {
            text[length++] = ',';
        }
        memcpy(text + length, field->value, field->value_length);
        length += field->value_length;
    }
    text[length] = '\0';
    return length > 0 && find_parent(head, &parent) && weft_tracestate_is_valid(text, length)
               ? length
               : 0;
}
