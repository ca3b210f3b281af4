/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/yaml_tree.h"

static bool is_plain(const struct weft_yaml_node *node)
{
    return node != NULL && node->kind == WEFT_YAML_SCALAR && !node->quoted && node->length > 0;
}

/* The core schema writes each of its words in three ways. */
static bool is_word(const char *text, const char *lower, const char *title, const char *upper)
{
    return strcmp(text, lower) == 0 || strcmp(text, title) == 0 || strcmp(text, upper) == 0;
}

bool weft_yaml_is_null(const struct weft_yaml_node *node)
{
    return node != NULL && node->kind == WEFT_YAML_SCALAR && !node->quoted &&
           (node->length == 0 || strcmp(node->text, "~") == 0 ||
            is_word(node->text, "null", "Null", "NULL"));
}

bool weft_yaml_bool(const struct weft_yaml_node *node, bool *ret_boolean)
{
    if (!is_plain(node)) {
        return false;
    }
    bool yes = is_word(node->text, "true", "True", "TRUE");
    if (!yes && !is_word(node->text, "false", "False", "FALSE")) {
        return false;
    }
    *ret_boolean = yes;
    return true;
}

static int base_of(const char *text)
{
    return strncmp(text, "0x", 2) == 0 ? 16 : 10;
}

bool weft_yaml_int64(const struct weft_yaml_node *node, int64_t *ret_number)
{
    if (!is_plain(node) || strchr(" \t\n", node->text[0]) != NULL) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    long long number = strtoll(node->text, &end, base_of(node->text));
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *ret_number = number;
    return true;
}

bool weft_yaml_uint64(const struct weft_yaml_node *node, uint64_t *ret_number)
{
    if (!is_plain(node) || node->text[0] < '0' || node->text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(node->text, &end, base_of(node->text));
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *ret_number = number;
    return true;
}

bool weft_yaml_double(const struct weft_yaml_node *node, double *ret_number)
{
    if (!is_plain(node)) {
        return false;
    }
    if (is_word(node->text, ".nan", ".NaN", ".NAN")) {
        *ret_number = (double)NAN;
        return true;
    }
    const char *unsigned_text = node->text + (node->text[0] == '-' || node->text[0] == '+');
    if (is_word(unsigned_text, ".inf", ".Inf", ".INF")) {
        *ret_number = node->text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (strspn(node->text, "0123456789+-.eE") != node->length) {
        return false; /* strtod would take words and hexadecimals too */
    }
    char *end = NULL;
    double number = strtod(node->text, &end);
    if (end == node->text || *end != '\0' || isinf(number)) {
        return false; /* infinity is written .inf, and not as a number too large */
    }
    *ret_number = number;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number and a unit of the table, as one word. */
static bool with_unit(const struct weft_yaml_node *node, const struct unit *units,
                      size_t units_count, uint64_t *ret_amount)
{
    if (node == NULL || node->kind != WEFT_YAML_SCALAR || node->text[0] < '0' ||
        node->text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(node->text, &end, 10);
    for (size_t i = 0; errno == 0 && i < units_count; i++) {
        uint64_t amount = 0;
        if (strcmp(end, units[i].name) == 0 &&
            !__builtin_mul_overflow(number, units[i].factor, &amount)) {
            *ret_amount = amount;
            return true;
        }
    }
    return false;
}

bool weft_yaml_duration_ns(const struct weft_yaml_node *node, uint64_t *ret_ns)
{
    static const struct unit units[] = {
        {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"us", 1000}};
    return with_unit(node, units, sizeof(units) / sizeof(units[0]), ret_ns);
}

bool weft_yaml_size_bytes(const struct weft_yaml_node *node, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    return with_unit(node, units, sizeof(units) / sizeof(units[0]), ret_bytes);
}
