/* store_image_source: a snapshot as a stream of bytes. */
#include <stdlib.h>
#include <string.h>

#include "store/base/codec.h"
#include "store/store_image_wire.h"
#include "store/store_lmdb.h"

struct image_source {
    struct store_read *read;
    struct image_head head;
    enum { SOURCE_HEAD, SOURCE_ROWS, SOURCE_END } next;
    struct store_cursor cursor;
    bool open; /* the cursor stands at a row that was not sent */
    enum store_table table;
    struct span key, value;
    uint32_t block;
    uint64_t rows;
    struct store_digest digest;
    crypto_hash_sha256_state all;
    struct buf out, hashed;
};

static void source_close(struct image_source *source) {
    if (source->open) {
        store_cursor_close(&source->cursor);
    }
    store_read_end(source->read);
    store_read_free(source->read);
    buf_free(&source->out);
    buf_free(&source->hashed);
    free(source);
}

static uint64_t count_rows(struct store_read *read) {
    uint64_t rows = 0;
    for (size_t i = TABLE_META + 1; i < TABLE_COUNT; i++) {
        rows += store_table_rows(read, (enum store_table)i);
    }
    return rows;
}

enum err store_image_source_new(struct store_read *read, const struct image_head *head,
                                struct image_source **ret_source) {
    struct image_source *source = calloc(1, sizeof(*source));
    if (source == NULL) {
        store_read_end(read);
        store_read_free(read);
        return ERR_NOMEM;
    }
    source->read = read;
    source->head = *head;
    source->table = TABLE_META;
    buf_init(&source->out, 2 * STORE_IMAGE_BLOCK);
    buf_init(&source->hashed, LIMIT_COMMAND + 1024);
    crypto_hash_sha256_init(&source->all);
    enum err err = store_read_meta(read, &source->head.meta);
    if (err != OK) {
        source_close(source);
        return err;
    }
    source->head.rows = count_rows(read);
    *ret_source = source;
    return OK;
}

void store_image_source_free(struct image_source *source) {
    if (source != NULL) {
        source_close(source);
    }
}

const struct image_head *store_image_source_head(const struct image_source *source) {
    return &source->head;
}

uint64_t store_image_source_rows(const struct image_source *source) {
    return source->rows;
}

/* Stand at the next row, of this table or of a later one. ERR_NOT_FOUND: no more. */
static enum err advance(struct image_source *source) {
    enum err err = ERR_NOT_FOUND;
    if (source->open) {
        err = store_cursor_next(&source->cursor, &source->key, &source->value);
        if (err == OK) {
            return OK;
        }
        store_cursor_close(&source->cursor);
        source->open = false;
    }
    while (err == ERR_NOT_FOUND && source->table + 1 < TABLE_COUNT) {
        source->table++;
        err = store_cursor_open(source->read, source->table, span_of(NULL, 0),
                                &source->cursor, &source->key, &source->value);
        source->open = err == OK;
    }
    return err;
}

static enum err put_row(struct image_source *source) {
    struct buf *out = &source->out;
    if (source->key.len > IMAGE_KEY_MAX || source->value.len > IMAGE_VALUE_MAX) {
        return ERR_CORRUPT;
    }
    put_u8(out, (uint8_t)source->table);
    put_u16(out, (uint16_t)source->key.len);
    put_u32(out, (uint32_t)source->value.len);
    buf_put(out, source->key.data, source->key.len);
    buf_put(out, source->value.data, source->value.len);
    source->rows++;
    enum err err = store_digest_row(&source->hashed, source->table, source->key,
                                    source->value, &source->digest);
    return err != OK ? err : buf_err(out);
}

static void set_u32(uint8_t *at, uint32_t value) {
    for (size_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* As many rows as a block takes. ERR_NOT_FOUND: there are none left. */
static enum err put_block(struct image_source *source) {
    struct buf *out = &source->out;
    uint8_t hash[IMAGE_HASH];
    enum err err = source->open ? OK : advance(source);
    if (err != OK) {
        return err;
    }
    put_u32(out, 0);
    put_u32(out, ++source->block);
    while (err == OK &&
           out->len - 8 + IMAGE_ROW_HEAD + source->key.len + source->value.len <=
               STORE_IMAGE_BLOCK) {
        err = put_row(source);
        if (err == OK) {
            err = advance(source);
        }
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (out->len == 8) {
        return ERR_CORRUPT; /* a row that no command can have made */
    }
    set_u32(out->data, (uint32_t)(out->len - 8));
    image_hash(buf_span(out), hash);
    buf_put(out, hash, sizeof(hash));
    return buf_err(out);
}

/* I1: what the rows add up to is what the state machine says. */
static enum err put_end(struct image_source *source) {
    struct buf *out = &source->out;
    uint8_t sha[crypto_hash_sha256_BYTES];
    if (source->rows != source->head.rows ||
        memcmp(&source->digest, &source->head.meta.digest, sizeof(source->digest)) !=
            0) {
        return ERR_CORRUPT;
    }
    put_u32(out, 0);
    put_u32(out, ++source->block);
    put_u64(out, source->rows);
    put_u64(out, source->digest.lo);
    put_u64(out, source->digest.hi);
    if (buf_err(out) != OK) {
        return buf_err(out);
    }
    crypto_hash_sha256_update(&source->all, out->data, out->len);
    crypto_hash_sha256_final(&source->all, sha);
    buf_put(out, sha, sizeof(sha));
    return buf_err(out);
}

enum err store_image_source_next(struct image_source *source, struct span *ret_bytes) {
    enum err err = OK;
    bool ended = source->next == SOURCE_END;
    buf_reset(&source->out);
    if (ended) {
        *ret_bytes = span_of(NULL, 0);
        return OK;
    }
    if (source->next == SOURCE_HEAD) {
        image_head_encode(&source->head, &source->out);
        err = buf_err(&source->out);
        source->next = SOURCE_ROWS;
    } else {
        err = put_block(source);
        if (err == ERR_NOT_FOUND) {
            err = put_end(source);
            source->next = SOURCE_END;
        }
    }
    if (err != OK) {
        return err;
    }
    if (source->next != SOURCE_END) { /* a part ends with its hash */
        crypto_hash_sha256_update(
            &source->all, source->out.data + source->out.len - IMAGE_HASH, IMAGE_HASH);
    }
    *ret_bytes = buf_span(&source->out);
    return OK;
}
