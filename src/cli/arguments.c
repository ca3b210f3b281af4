/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "client/client.h"

/* Options of one verb: as many as a help page can hold. */
enum { OPTIONS_MAX = 64 };

static int unknown(const struct weft_arguments *arguments, const char *name, size_t length)
{
    const char *names[OPTIONS_MAX];
    char wrong[64];
    size_t count = 0;
    while (count < OPTIONS_MAX && arguments->options[count].name != NULL) {
        names[count] = arguments->options[count].name;
        count++;
    }
    snprintf(wrong, sizeof(wrong), "%.*s", (int)(length < 63 ? length : 63), name);
    const char *meant = weft_suggest(wrong, names, count);
    if (meant != NULL) {
        weft_cli_usage(arguments->verb, "unknown option %s; did you mean %s?", wrong, meant);
    } else {
        weft_cli_usage(arguments->verb, "unknown option %s", wrong);
    }
    return WEFT_ARGUMENTS_WRONG;
}

static int option_value(struct weft_arguments *arguments, int index, const char *equals)
{
    const struct weft_option *option = &arguments->options[index];
    if (option->is_switch) {
        if (equals != NULL) {
            weft_cli_usage(arguments->verb, "%s takes no value", option->name);
            return WEFT_ARGUMENTS_WRONG;
        }
    } else if (equals != NULL) {
        arguments->value = equals + 1;
    } else if (arguments->next + 1 < arguments->count) {
        arguments->value = arguments->items[++arguments->next];
    } else {
        weft_cli_usage(arguments->verb, "%s needs a value", option->name);
        return WEFT_ARGUMENTS_WRONG;
    }
    return index;
}

int weft_arguments_next(struct weft_arguments *arguments)
{
    arguments->value = NULL;
    if (++arguments->next >= arguments->count) {
        return WEFT_ARGUMENTS_END;
    }
    const char *item = arguments->items[arguments->next];
    if (!arguments->words_only && strcmp(item, "--") == 0) {
        arguments->words_only = true;
        return weft_arguments_next(arguments);
    }
    if (arguments->words_only || item[0] != '-' || item[1] == '\0') {
        arguments->value = item;
        return WEFT_ARGUMENTS_WORD;
    }
    const char *equals = strchr(item, '=');
    size_t length = equals != NULL ? (size_t)(equals - item) : strlen(item);
    for (int i = 0; arguments->options[i].name != NULL; i++) {
        const char *name = arguments->options[i].name;
        if (strlen(name) == length && memcmp(name, item, length) == 0) {
            return option_value(arguments, i, equals);
        }
    }
    return unknown(arguments, item, length);
}

bool weft_argument_number(const struct weft_arguments *arguments, const char *option, uint64_t min,
                          uint64_t max, uint64_t *ret_number)
{
    char *end = NULL;
    const char *text = arguments->value;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < min ||
        number > max) {
        weft_cli_usage(arguments->verb, "%s is a number from %llu to %llu, not \"%s\"", option,
                       (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *ret_number = number;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool with_unit(const char *text, const struct unit *units, uint64_t *ret_amount)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0) {
        return false;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0) {
            return !__builtin_mul_overflow(number, units->factor, ret_amount);
        }
    }
    return false;
}

bool weft_argument_size(const struct weft_arguments *arguments, const char *option,
                        uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
    if (!with_unit(arguments->value, units, ret_bytes)) {
        weft_cli_usage(arguments->verb, "%s is a size, as 512MiB or 4GiB, not \"%s\"", option,
                       arguments->value);
        return false;
    }
    return true;
}

bool weft_argument_duration_ms(const struct weft_arguments *arguments, const char *option,
                               uint64_t *ret_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {NULL, 0}};
    if (!with_unit(arguments->value, units, ret_ms) || *ret_ms == 0) {
        weft_cli_usage(arguments->verb, "%s is a duration, as 500ms or 30s, not \"%s\"", option,
                       arguments->value);
        return false;
    }
    return true;
}

bool weft_argument_address(const struct weft_arguments *arguments, const char *option,
                           const char **ret_address)
{
    if (!weft_client_is_address(arguments->value)) {
        weft_cli_usage(arguments->verb,
                       "%s is HOST:PORT, as 127.0.0.1:8000, [::1]:8000 or node-a:8000, not \"%s\"",
                       option, arguments->value);
        return false;
    }
    *ret_address = arguments->value;
    return true;
}

bool weft_argument_word(const struct weft_arguments *arguments, const char *option,
                        const char *const *words, size_t *ret_index)
{
    cleanup_text struct weft_text list = {0};
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        if (strcmp(words[count], arguments->value) == 0) {
            *ret_index = count;
            return true;
        }
        weft_text_printf(&list, "%s%s", count > 0 ? ", " : "", words[count]);
    }
    const char *meant = weft_suggest(arguments->value, words, count);
    if (meant != NULL) {
        weft_cli_usage(arguments->verb, "%s can't be \"%s\"; did you mean \"%s\"?", option,
                       arguments->value, meant);
    } else {
        weft_cli_usage(arguments->verb, "%s can't be \"%s\"; it is one of %s", option,
                       arguments->value, weft_text_string(&list));
    }
    return false;
}
