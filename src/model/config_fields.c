/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "model/config_parts.h"

/* Fields of the largest message of the tables. */
enum { TABLE_MAX = 64 };

enum weft_status weft_config_complain(const struct weft_config *config,
                                      struct weft_pbtxt_place place, struct weft_error **error,
                                      const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s:%u:%u: %s", config->file, place.line,
                          place.column, text);
}

bool weft_config_read_bool(const char *text, bool *ret_boolean)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0) {
        *ret_boolean = true;
        return true;
    }
    if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0) {
        *ret_boolean = false;
        return true;
    }
    return false;
}

bool weft_config_read_int64(const char *text, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 0);
    bool digit_first =
        (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    if (!digit_first || *end != '\0' || errno != 0) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool weft_config_read_size(const char *text, uint64_t *ret_size_bytes)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0) {
            *ret_size_bytes = (uint64_t)number << units[i].shift;
            return number <= UINT64_MAX >> units[i].shift;
        }
    }
    return false;
}

static const struct config_field *find(const struct config_field *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

static enum weft_status unknown(struct config_reader *reader, const struct weft_pbtxt *field,
                                const char *what, const struct config_field *table)
{
    const char *names[TABLE_MAX];
    size_t count = 0;
    for (; table->name != NULL && count < TABLE_MAX; table++) {
        names[count++] = table->name;
    }
    const char *nearest = weft_suggest(field->name, names, count);
    return weft_config_complain(reader->config, field->place, reader->error,
                                "%s has no field \"%s\"%s%s%s", what, field->name,
                                nearest != NULL ? "; did you mean \"" : "",
                                nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static void warn(struct config_reader *reader, const struct weft_pbtxt *field, const char *what)
{
    if (reader->warnings != NULL) {
        weft_text_printf(reader->warnings, "%s:%u:%u: \"%s\" of %s changes nothing here\n",
                         reader->config->file, field->place.line, field->place.column, field->name,
                         what);
    }
}

static bool is_twice(const struct weft_pbtxt *message, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(message->fields[i].name, message->fields[index].name) == 0) {
            return true;
        }
    }
    return false;
}

enum weft_status config_read_message(struct config_reader *reader, const struct weft_pbtxt *message,
                                     const char *what, const struct config_field *table,
                                     void *target)
{
    if (message->kind != WEFT_PBTXT_MESSAGE) {
        return config_wrong_kind(reader, message, "a message in braces");
    }
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < message->fields_count; i++) {
        const struct weft_pbtxt *field = &message->fields[i];
        const struct config_field *known = find(table, field->name);
        if (known == NULL) {
            status = unknown(reader, field, what, table);
        } else if (known->kind == CONFIG_IGNORED) {
            warn(reader, field, what);
        } else if (known->kind == CONFIG_REFUSED) {
            status = weft_config_complain(reader->config, field->place, reader->error,
                                          "\"%s\" of %s is not supported", field->name, what);
        } else if (!known->repeated && is_twice(message, i)) {
            status = weft_config_complain(reader->config, field->place, reader->error,
                                          "\"%s\" is given twice", field->name);
        } else {
            status = known->take(reader, field, target);
        }
    }
    return status;
}

enum weft_status config_wrong_kind(struct config_reader *reader, const struct weft_pbtxt *field,
                                   const char *wanted)
{
    return weft_config_complain(reader->config, field->value_place, reader->error,
                                "\"%s\" must be %s", field->name, wanted);
}

enum weft_status config_take_string(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target)
{
    if (field->kind != WEFT_PBTXT_STRING) {
        return config_wrong_kind(reader, field, "a string in quotes");
    }
    char *copy = strdup(field->text);
    if (copy == NULL) {
        return weft_error_set_out_of_memory(reader->error);
    }
    free(*(char **)target);
    *(char **)target = copy;
    return WEFT_OK;
}

enum weft_status config_take_bool(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target)
{
    if (field->kind != WEFT_PBTXT_WORD || !weft_config_read_bool(field->text, target)) {
        return config_wrong_kind(reader, field, "true or false");
    }
    return WEFT_OK;
}

enum weft_status config_take_int64(struct config_reader *reader, const struct weft_pbtxt *field,
                                   int64_t minimum, int64_t maximum, int64_t *ret_number)
{
    int64_t number = 0;
    if (field->kind != WEFT_PBTXT_WORD || !weft_config_read_int64(field->text, &number)) {
        return config_wrong_kind(reader, field, "a whole number");
    }
    if (number < minimum || number > maximum) {
        return weft_config_complain(reader->config, field->value_place, reader->error,
                                    "\"%s\" must be from %" PRId64 " to %" PRId64 ", not %" PRId64,
                                    field->name, minimum, maximum, number);
    }
    *ret_number = number;
    return WEFT_OK;
}
