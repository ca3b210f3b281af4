/* SPDX-License-Identifier: Apache-2.0 */
#include "model/pbtxt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct reader {
    const char *file;
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
    size_t fields_count;
    struct weft_error **error;
};

void weft_pbtxt_fini(struct weft_pbtxt *tree)
{
    for (size_t i = 0; i < tree->fields_count; i++) {
        weft_pbtxt_fini(&tree->fields[i]); /* as deep as the parser went */
    }
    free(tree->fields);
    free(tree->name);
    free(tree->text);
    *tree = (struct weft_pbtxt){0};
}

static struct weft_pbtxt_place here(const struct reader *reader)
{
    return (struct weft_pbtxt_place){reader->line, (uint32_t)(reader->at - reader->line_start) + 1};
}

#define fail(reader, ...) fail_at(reader, here(reader), __VA_ARGS__)
#define fail_at(reader, place, format, ...)                                                        \
    weft_error_set((reader)->error, WEFT_INVALID_ARGUMENT, "%s:%u:%u: " format, (reader)->file,    \
                   (place).line, (place).column __VA_OPT__(, ) __VA_ARGS__)

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end) {
        if (*reader->at == '#') {
            while (reader->at < reader->end && *reader->at != '\n') {
                reader->at++;
            }
        } else if (*reader->at == '\n') {
            reader->at++;
            reader->line++;
            reader->line_start = reader->at;
        } else if (strchr(" \t\r\v\f", *reader->at) != NULL && *reader->at != '\0') {
            reader->at++;
        } else {
            return;
        }
    }
}

/* The next character that is no space, '\0' at the end. */
static char peek(struct reader *reader)
{
    skip_space(reader);
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool accept(struct reader *reader, char wanted)
{
    if (peek(reader) != wanted || reader->at == reader->end) {
        return false;
    }
    reader->at++;
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '+';
}

/* What stands here, for a message: one character, or "the end". */
static const char *seen(const struct reader *reader, char text[static 8])
{
    if (reader->at == reader->end) {
        return "the end";
    }
    unsigned char c = (unsigned char)*reader->at;
    if (c < 0x20 || c >= 0x7f) {
        return "a byte that is no text";
    }
    text[0] = text[2] = '"';
    text[1] = (char)c;
    text[3] = '\0';
    return text;
}

/* A word; a minus may stand before it, with space between. */
static enum weft_status read_word(struct reader *reader, bool may_be_negative, const char *what,
                                  char **ret_word)
{
    char text[8];
    bool negative = may_be_negative && accept(reader, '-');
    skip_space(reader);
    const char *start = reader->at;
    while (reader->at < reader->end &&
           (is_word(*reader->at) || (reader->at > start && *reader->at == '-' &&
                                     (reader->at[-1] == 'e' || reader->at[-1] == 'E')))) {
        reader->at++;
    }
    size_t length = (size_t)(reader->at - start);
    if (length == 0) {
        return fail(reader, "%s is wanted here, not %s", what, seen(reader, text));
    }
    char *word = malloc(length + 2);
    if (word == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    word[0] = '-';
    memcpy(word + negative, start, length);
    word[length + negative] = '\0';
    *ret_word = word;
    return WEFT_OK;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* The number of an escape: up to digits_max digits of base; -1 where there is none. */
static int read_escaped(struct reader *reader, int base, int digits_max)
{
    int number = -1;
    while (digits_max-- > 0 && reader->at < reader->end && digit(*reader->at) < base) {
        number = (number < 0 ? 0 : number * base) + digit(*reader->at++);
    }
    return number;
}

static enum weft_status read_escape(struct reader *reader, struct weft_text *text)
{
    static const char letters[] = "abfnrtv\\'\"?";
    static const char meanings[] = "\a\b\f\n\r\t\v\\'\"?";
    char c = reader->at < reader->end ? *reader->at : '\0';
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    int number = -1;
    if (letter != NULL) {
        reader->at++;
        number = (unsigned char)meanings[letter - letters];
    } else if (c == 'x' || c == 'X') {
        reader->at++;
        number = read_escaped(reader, 16, 2);
    } else {
        number = read_escaped(reader, 8, 3);
    }
    if (number <= 0 || number > 255) {
        return fail(reader, "this escape is none that a string may have");
    }
    char byte = (char)number;
    weft_text_append(text, &byte, 1);
    return WEFT_OK;
}

static enum weft_status read_quoted(struct reader *reader, struct weft_text *text)
{
    struct weft_pbtxt_place start = here(reader);
    char quote = *reader->at++;
    while (reader->at < reader->end && *reader->at != quote && *reader->at != '\n') {
        const char *plain = reader->at;
        while (reader->at < reader->end && *reader->at != quote && *reader->at != '\\' &&
               *reader->at != '\n') {
            reader->at++;
        }
        if (reader->at > plain) {
            weft_text_append(text, plain, (size_t)(reader->at - plain));
        }
        if (reader->at < reader->end && *reader->at == '\\') {
            reader->at++;
            enum weft_status status = read_escape(reader, text);
            if (status != WEFT_OK) {
                return status;
            }
        }
    }
    if (reader->at == reader->end || *reader->at != quote) {
        return fail_at(reader, start, "this string does not end on its line");
    }
    reader->at++;
    return WEFT_OK;
}

/* Strings that stand side by side are one. */
static enum weft_status read_string(struct reader *reader, char **ret_string)
{
    cleanup_text struct weft_text text = {0};
    struct weft_pbtxt_place start = here(reader);
    while (peek(reader) == '"' || peek(reader) == '\'') {
        enum weft_status status = read_quoted(reader, &text);
        if (status != WEFT_OK) {
            return status;
        }
    }
    if (!weft_utf8_valid(weft_text_string(&text), text.length)) {
        return fail_at(reader, start, "this string is not UTF-8");
    }
    bool empty = text.data == NULL && !text.failed;
    char *string = empty ? strdup("") : weft_text_steal(&text);
    if (string == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    *ret_string = string;
    return WEFT_OK;
}

/* A new field at the end of message. */
static struct weft_pbtxt *add_field(struct weft_pbtxt *message)
{
    if (message->fields_count == message->fields_capacity) {
        size_t capacity = message->fields_capacity == 0 ? 4 : message->fields_capacity * 2;
        struct weft_pbtxt *fields = realloc(message->fields, capacity * sizeof(*fields));
        if (fields == NULL) {
            return NULL;
        }
        message->fields = fields;
        message->fields_capacity = capacity;
    }
    struct weft_pbtxt *field = &message->fields[message->fields_count++];
    *field = (struct weft_pbtxt){0};
    return field;
}

static enum weft_status read_fields(struct reader *reader, struct weft_pbtxt *message, char close,
                                    int depth);

static enum weft_status read_value(struct reader *reader, struct weft_pbtxt *field, bool scalar_too,
                                   int depth)
{
    char c = peek(reader);
    field->value_place = here(reader);
    if (c == '{' || c == '<') {
        reader->at++;
        field->kind = WEFT_PBTXT_MESSAGE;
        return read_fields(reader, field, c == '{' ? '}' : '>', depth + 1);
    }
    if (!scalar_too) {
        return fail(reader, "\":\" or \"{\" is wanted after \"%s\"", field->name);
    }
    if (c == '"' || c == '\'') {
        field->kind = WEFT_PBTXT_STRING;
        return read_string(reader, &field->text);
    }
    field->kind = WEFT_PBTXT_WORD;
    return read_word(reader, true, "a value", &field->text);
}

static enum weft_status add_named(struct reader *reader, struct weft_pbtxt *message,
                                  const char *name, struct weft_pbtxt_place place,
                                  struct weft_pbtxt **ret_field)
{
    if (reader->fields_count++ == WEFT_PBTXT_FIELDS_MAX) {
        return fail(reader, "more than %d fields", WEFT_PBTXT_FIELDS_MAX);
    }
    struct weft_pbtxt *field = add_field(message);
    if (field == NULL || (field->name = strdup(name)) == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    field->place = place;
    *ret_field = field;
    return WEFT_OK;
}

static enum weft_status read_list(struct reader *reader, struct weft_pbtxt *message,
                                  const char *name, struct weft_pbtxt_place place, bool scalar_too,
                                  int depth)
{
    char text[8];
    if (accept(reader, ']')) {
        return WEFT_OK;
    }
    for (;;) {
        struct weft_pbtxt *field = NULL;
        enum weft_status status = add_named(reader, message, name, place, &field);
        if (status == WEFT_OK) {
            status = read_value(reader, field, scalar_too, depth);
        }
        if (status != WEFT_OK || accept(reader, ']')) {
            return status;
        }
        if (!accept(reader, ',')) {
            return fail(reader, "\",\" or \"]\" is wanted in the list \"%s\", not %s", name,
                        seen(reader, text));
        }
    }
}

static enum weft_status read_field(struct reader *reader, struct weft_pbtxt *message, int depth)
{
    cleanup_free char *name = NULL;
    (void)peek(reader);
    struct weft_pbtxt_place place = here(reader);
    enum weft_status status = read_word(reader, false, "a field's name", &name);
    if (status != WEFT_OK) {
        return status;
    }
    bool colon = accept(reader, ':');
    if (accept(reader, '[')) {
        return read_list(reader, message, name, place, colon, depth);
    }
    struct weft_pbtxt *field = NULL;
    status = add_named(reader, message, name, place, &field);
    return status == WEFT_OK ? read_value(reader, field, colon, depth) : status;
}

/* Up to close, or to the end of the text where close is '\0'. */
static enum weft_status read_fields(struct reader *reader, struct weft_pbtxt *message, char close,
                                    int depth)
{
    struct weft_pbtxt_place start = here(reader);
    if (depth > WEFT_PBTXT_DEPTH_MAX) {
        return fail(reader, "messages are nested more than %d deep", WEFT_PBTXT_DEPTH_MAX);
    }
    for (;;) {
        skip_space(reader);
        if (reader->at == reader->end) {
            return close == '\0'
                       ? WEFT_OK
                       : fail_at(reader, start, "\"%c\" is missing for what begins here", close);
        }
        if (close != '\0' && accept(reader, close)) {
            return WEFT_OK;
        }
        enum weft_status status = read_field(reader, message, depth);
        if (status != WEFT_OK) {
            return status;
        }
        (void)(accept(reader, ',') || accept(reader, ';'));
    }
}

enum weft_status weft_pbtxt_parse(const char *file, const char *text, size_t length,
                                  struct weft_pbtxt *ret_tree, struct weft_error **error)
{
    struct reader reader = {.file = file,
                            .at = text,
                            .end = text + length,
                            .line_start = text,
                            .line = 1,
                            .error = error};
    struct weft_pbtxt tree = {.kind = WEFT_PBTXT_MESSAGE};
    enum weft_status status = read_fields(&reader, &tree, '\0', 0);
    if (status != WEFT_OK) {
        weft_pbtxt_fini(&tree);
        return status;
    }
    *ret_tree = tree;
    return WEFT_OK;
}
