/* table: rows of text in aligned columns on a terminal, where Japanese characters
 * take two cells. Control characters of values are shown as '?': what a node says
 * must not move the cursor. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_MAX 512

struct table {
    size_t columns;
    size_t rows;
    size_t cap;
    char **cells; /* rows * columns; owned */
};

/* Begins with a row of `columns` heads. */
void table_begin(struct table *table, const char *const heads[], size_t columns);
void table_free(struct table *table);
/* The next cell, left to right, row by row; cut at TABLE_CELL_MAX bytes. */
void table_cell(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* On stdout. Requires whole rows. */
void table_print(const struct table *table);

#endif
