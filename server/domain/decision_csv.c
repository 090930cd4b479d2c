#include "server/domain/decision_csv.h"

#include "server/domain/defect.h"
#include "store/base/codec.h"

#define COLUMNS_MAX 3
#define CELL_MAX 512

struct cell {
    char text[CELL_MAX + 1];
    size_t len;
};
struct row {
    struct cell cells[COLUMNS_MAX];
    size_t count; /* beyond COLUMNS_MAX: too many */
    bool broken;
};

const char *decision_fault_name(enum decision_fault fault) {
    static const char *const names[] = {"good",     "columns",    "bad_id",
                                        "bad_word", "bad_defect", "twice"};

    return fault <= DECISION_FAULT_LAST ? names[fault] : "";
}

/* ---- from bytes to cells */

struct reader_at {
    struct span text;
    size_t at;
    uint32_t line;
};

static void put(struct row *row, uint8_t c) {
    struct cell *cell;

    if (row->count >= COLUMNS_MAX)
        return;
    cell = &row->cells[row->count];
    if (cell->len == CELL_MAX)
        row->broken = true;
    else
        cell->text[cell->len++] = (char)c;
}

/* Behind the opening quote, to the one that ends it. */
static void read_quoted(struct reader_at *in, struct row *row) {
    while (in->at < in->text.len) {
        uint8_t c = in->text.data[in->at++];
        if (c == '\n')
            in->line++;
        if (c != '"') {
            put(row, c);
        } else if (in->at < in->text.len && in->text.data[in->at] == '"') {
            put(row, c);
            in->at++;
        } else {
            return;
        }
    }
    row->broken = true;
}

/* False: the text is over. */
static bool read_row(struct reader_at *in, struct row *row, uint32_t *ret_line) {
    bool begun = true; /* of a cell */

    if (in->at >= in->text.len)
        return false;
    memset(row, 0, sizeof *row);
    *ret_line = in->line;
    while (in->at < in->text.len) {
        uint8_t c = in->text.data[in->at++];
        if (c == '\n') {
            in->line++;
            break;
        }
        if (c == ',') {
            row->count++;
            begun = true;
        } else if (c == '"' && begun) {
            read_quoted(in, row);
            begun = false;
        } else if (c != '\r' || (in->at < in->text.len && in->text.data[in->at] != '\n')) {
            put(row, c);
            begun = false;
        }
    }
    row->count++;
    return true;
}

/* ---- from cells to a decision */

static struct span trimmed(const struct row *row, size_t i) {
    struct span text = i < row->count && i < COLUMNS_MAX
                           ? span_of(row->cells[i].text, row->cells[i].len)
                           : span_of("", 0);

    while (text.len > 0 && text.data[0] == ' ')
        text = span_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

static bool is_id(struct span text) {
    if (text.len < 4 || text.len > DECISION_ID_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return true;
}

/* Names with a semicolon between them. */
static bool read_defects(struct span text, uint32_t *ret_defects) {
    *ret_defects = 0;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, ';', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        uint32_t bit = defect_bit(span_of(text.data, len));
        if (bit == 0)
            return false;
        *ret_defects |= bit;
        text = end ? span_of(end + 1, text.len - len - 1) : span_of("", 0);
    }
    return true;
}

static enum decision_fault judge(const struct row *row, struct decision_line *line) {
    struct span id = trimmed(row, 0), word = trimmed(row, 1);

    if (row->broken || row->count < 2 || row->count > COLUMNS_MAX)
        return DECISION_COLUMNS;
    if (!is_id(id))
        return DECISION_BAD_ID;
    memcpy(line->id, id.data, id.len);
    line->ok = span_is(word, "OK");
    if (!line->ok && !span_is(word, "NG"))
        return DECISION_BAD_WORD;
    if (!read_defects(trimmed(row, 2), &line->defects) || (line->ok && line->defects))
        return DECISION_BAD_DEFECT;
    return DECISION_GOOD;
}

static bool is_heading(const struct row *row) {
    struct span first = trimmed(row, 0);

    return span_is(first, "申請書ID") || span_is(first, "application_id");
}

static bool is_empty(const struct row *row) {
    return row->count == 1 && trimmed(row, 0).len == 0 && !row->broken;
}

/* Ids that were before, in an open table as large as the maximum asks for. */
#define SLOTS 16384u
_Static_assert(SLOTS > 2 * DECISION_CSV_LINES_MAX, "slots stay free");

static bool seen(uint16_t slots[SLOTS], const struct decision_csv *csv, const char *id) {
    uint32_t hash = 2166136261u;

    for (const char *c = id; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    for (uint32_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        if (slots[i] == 0) {
            slots[i] = (uint16_t)(csv->count + 1);
            return false;
        }
        if (strcmp(csv->lines[slots[i] - 1].id, id) == 0)
            return true;
    }
}

enum err decision_csv_parse(struct span text, struct decision_csv *csv) {
    static const char mark[] = "\xef\xbb\xbf";
    struct reader_at in = {.text = text, .line = 1};
    uint16_t slots[SLOTS] = {0};
    struct row row;
    uint32_t number;
    bool first = true;

    csv->count = 0;
    if (text.len > DECISION_CSV_BYTES_MAX)
        return ERR_TOO_BIG;
    if (!utf8_valid(text))
        return ERR_INVALID;
    if (text.len >= 3 && memcmp(text.data, mark, 3) == 0)
        in.at = 3;
    while (read_row(&in, &row, &number)) {
        struct decision_line *line = &csv->lines[csv->count];
        if (is_empty(&row) || (first && is_heading(&row))) {
            first = first && is_empty(&row);
            continue;
        }
        first = false;
        if (csv->count == csv->max || csv->count == DECISION_CSV_LINES_MAX)
            return ERR_TOO_BIG;
        memset(line, 0, sizeof *line);
        line->number = number;
        line->fault = judge(&row, line);
        if (line->id[0] && seen(slots, csv, line->id))
            line->fault = DECISION_TWICE;
        csv->count++;
    }
    return OK;
}

void decision_csv_put(const char *id, bool ok, uint32_t defects, struct buf *out) {
    bool first = true;

    buf_printf(out, "%s,%s,", id, ok ? "OK" : "NG");
    for (size_t i = 0; i < DEFECTS; i++) {
        if (defects & (1u << i)) {
            buf_printf(out, "%s%s", first ? "" : ";", defect_name(i));
            first = false;
        }
    }
    buf_str(out, "\r\n");
}
