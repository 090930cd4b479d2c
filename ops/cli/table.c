#include "ops/cli/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/check.h"

void table_free(struct table *table) {
    for (size_t i = 0; i < table->rows; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

static void make_visible(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void table_cell(struct table *table, const char *format, ...) {
    char text[TABLE_CELL_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_visible(text);
    if (table->rows == table->cap) {
        table->cap = table->cap ? table->cap * 2 : 64;
        table->cells = realloc(table->cells, table->cap * sizeof *table->cells);
        CHECK(table->cells != NULL);
    }
    table->cells[table->rows] = strdup(text);
    CHECK(table->cells[table->rows] != NULL);
    table->rows++;
}

void table_begin(struct table *table, const char *const heads[], size_t columns) {
    CHECK(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        table_cell(table, "%s", heads[i]);
}

/* The next character of UTF-8; bytes that are none count as one each. */
static uint32_t next_char(const char **text) {
    const unsigned char *s = (const unsigned char *)*text;
    unsigned len = s[0] < 0x80   ? 1
                   : s[0] < 0xc0 ? 1
                   : s[0] < 0xe0 ? 2
                   : s[0] < 0xf0 ? 3
                                 : 4;
    uint32_t c = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));

    for (unsigned i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *text += 1;
            return '?';
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    *text += len;
    return c;
}

/* East Asian Width W and F (Unicode Annex 11), by its large blocks. */
static bool wide(uint32_t c) {
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0x303e) ||
           (c >= 0x3041 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
           (c >= 0xff01 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) ||
           (c >= 0x20000 && c <= 0x3fffd);
}

static size_t width(const char *text) {
    size_t cells = 0;

    while (*text)
        cells += wide(next_char(&text)) ? 2 : 1;
    return cells;
}

void table_print(const struct table *table) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    CHECK(table->rows % table->columns == 0);
    for (size_t i = 0; i < table->rows; i++) {
        size_t w = width(table->cells[i]);
        size_t *max = &widths[i % table->columns];

        *max = w > *max ? w : *max;
    }
    for (size_t i = 0; i < table->rows; i++) {
        size_t column = i % table->columns;
        size_t pad = widths[column] - width(table->cells[i]) + 2;

        if (column + 1 == table->columns)
            printf("%s\n", table->cells[i]);
        else
            printf("%s%*s", table->cells[i], (int)pad, "");
    }
}
