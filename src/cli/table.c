/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct weft_table {
    const struct weft_table_column *columns;
    size_t columns_count;
    char **cells; /* row after row */
    size_t rows;
};

struct weft_table *weft_table_new(const struct weft_table_column *columns, size_t columns_count)
{
    weft_assert(columns_count > 0 && columns_count <= WEFT_TABLE_COLUMNS_MAX);
    struct weft_table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        table->columns = columns;
        table->columns_count = columns_count;
    }
    return table;
}

void weft_table_free(struct weft_table *table)
{
    if (table != NULL) {
        for (size_t i = 0; i < table->rows * table->columns_count; i++) {
            free(table->cells[i]);
        }
        free(table->cells);
        free(table);
    }
}

bool weft_table_add(struct weft_table *table, const char *const *cells)
{
    size_t count = table->columns_count;
    char **grown = realloc(table->cells, (table->rows + 1) * count * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    table->cells = grown;
    for (size_t i = 0; i < count; i++) {
        char *copy = strdup(cells[i] != NULL ? cells[i] : "");
        for (char *at = copy; at != NULL && *at != '\0'; at++) {
            *at = (unsigned char)*at < ' ' || *at == 0x7F ? ' ' : *at;
        }
        grown[table->rows * count + i] = copy;
        if (copy == NULL) {
            while (i > 0) {
                free(grown[table->rows * count + --i]);
            }
            return false;
        }
    }
    table->rows++;
    return true;
}

/* --- widths --- */

struct range {
    uint32_t first;
    uint32_t last;
};

/* The blocks of combining marks and of invisible joiners that texts really have. */
static const struct range no_width[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
    {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

/* UAX 11: W and F, in whole blocks. */
static const struct range two_wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97C},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
    {0x20000, 0x3FFFD},
};

static bool is_in(uint32_t point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* The code point that begins at `at`; a byte that begins none stands for itself. */
static uint32_t next_point(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    size_t length = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : bytes[0] >= 0xC0 ? 2 : 1;
    uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> length);
    if (strnlen(*at, length) < length || !weft_utf8_valid(*at, length)) {
        *at += 1;
        return bytes[0];
    }
    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (bytes[i] & 0x3F);
    }
    *at += length;
    return point;
}

size_t weft_text_width(const char *string)
{
    size_t width = 0;
    while (*string != '\0') {
        uint32_t point = next_point(&string);
        if (is_in(point, two_wide, sizeof(two_wide) / sizeof(two_wide[0]))) {
            width += 2;
        } else if (!is_in(point, no_width, sizeof(no_width) / sizeof(no_width[0]))) {
            width += 1;
        }
    }
    return width;
}

void weft_text_append_padded(struct weft_text *text, const char *string, size_t width, bool right)
{
    size_t used = weft_text_width(string);
    int blanks = used < width ? (int)(width - used) : 0;
    weft_text_printf(text, "%*s", right ? blanks : 0, "");
    weft_text_append_string(text, string);
    weft_text_printf(text, "%*s", right ? 0 : blanks, "");
}

/* --- lines --- */

static const char *cell(const struct weft_table *table, size_t row, size_t column)
{
    return row == 0 ? table->columns[column].title
                    : table->cells[(row - 1) * table->columns_count + column];
}

void weft_table_write(const struct weft_table *table, struct weft_text *text)
{
    size_t widths[WEFT_TABLE_COLUMNS_MAX] = {0};
    for (size_t row = 0; row <= table->rows; row++) {
        for (size_t i = 0; i < table->columns_count; i++) {
            size_t width = weft_text_width(cell(table, row, i));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t row = 0; row <= table->rows; row++) {
        for (size_t i = 0; i < table->columns_count; i++) {
            weft_text_append_string(text, i > 0 ? "  " : "");
            weft_text_append_padded(text, cell(table, row, i), widths[i], table->columns[i].right);
        }
        while (!text->failed && text->length > 0 && text->data[text->length - 1] == ' ') {
            text->data[--text->length] = '\0';
        }
        weft_text_append_string(text, "\n");
    }
}
