/* store_intake: batches and bundles by id, and an index with these keys:
 *
 *   PART_FILE | SHA-256 -> bundle
 *   PART_PAGE | application | bundle | page -> nothing
 *   PART_OPEN | state | created_ms | bundle | page -> nothing
 *   PART_BATCH | UINT64_MAX - created_ms | batch -> nothing
 *   PART_BUNDLE | batch | position | bundle -> nothing */
#include "store/store_intake.h"

#include <sodium/crypto_hash_sha256.h>

#include "store/base/fields.h"
#include "store/store_table.h"

#define BATCH_ROW_VERSION 1
#define BUNDLE_ROW_VERSION 1

enum part {
    PART_FILE = 1,
    PART_PAGE = 2,
    PART_OPEN = 3,
    PART_BATCH = 4,
    PART_BUNDLE = 5,
};

#define ID_LEN 16
#define KEY_MAX 64

struct id128 store_intake_bundle_id(const struct intake_file *files, size_t count) {
    static const uint8_t domain[] = "tasuki bundle 1";
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct id128 id;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, domain, sizeof domain);
    for (size_t i = 0; i < count; i++) {
        crypto_hash_sha256_update(&state, files[i].blob.b, sizeof files[i].blob.b);
    }
    crypto_hash_sha256_final(&state, hash);
    memcpy(id.b, hash, sizeof id.b);
    return id;
}

static struct span id_key(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

/* --- batches --- */

static void batch_fields(struct fields *f, struct intake_batch *batch) {
    uint8_t version = BATCH_ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == BATCH_ROW_VERSION);
    field_text(f, batch->label, sizeof batch->label);
    FIELD_ENUM(f, batch->environment, ENV_DEMO, ENV_PRODUCTION);
    field_fixed(f, batch->staff.b, sizeof batch->staff.b);
    field_u32(f, &batch->received_day);
    field_u64(f, &batch->created_ms);
    field_u32(f, &batch->bundles);
    field_u32(f, &batch->sorted);
    field_u32(f, &batch->pages);
    field_u32(f, &batch->open_pages);
}

enum err store_intake_batch_get(struct store_read *read, struct id128 id,
                                struct intake_batch *ret_batch) {
    struct intake_batch batch = {.id = id};
    struct fields f;
    struct span row;
    enum err err = store_table_get(read, TABLE_BATCH, id_key(&id), &row);

    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    batch_fields(&f, &batch);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    *ret_batch = batch;
    return OK;
}

enum err store_intake_batch_put(struct store_write *write,
                                const struct intake_batch *batch) {
    struct intake_batch row = *batch;
    uint8_t key[KEY_MAX] = {PART_BATCH};
    struct fields f;
    struct buf *out;
    enum err err;

    store_key_u64(key + 1, UINT64_MAX - batch->created_ms);
    memcpy(key + 9, batch->id.b, ID_LEN);
    err = store_table_put(write, TABLE_INTAKE_INDEX, span_of(key, 9 + ID_LEN),
                          span_str(""));
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    batch_fields(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_BATCH, id_key(&row.id), out)
                     : err;
}

/* --- bundles --- */

static void bundle_fields(struct fields *f, struct intake_bundle *bundle) {
    uint8_t version = BUNDLE_ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == BUNDLE_ROW_VERSION);
    field_fixed(f, bundle->batch.b, sizeof bundle->batch.b);
    field_u32(f, &bundle->position);
    FIELD_ENUM(f, bundle->state, BUNDLE_SORTING, BUNDLE_SORTED);
    FIELD_ENUM(f, bundle->environment, ENV_DEMO, ENV_PRODUCTION);
    field_u64(f, &bundle->created_ms);
    field_count(f, &bundle->files_count, LIMIT_BUNDLE_FILES);
    for (size_t i = 0; i < bundle->files_count; i++) {
        struct intake_file *file = &bundle->files[i];
        field_fixed(f, file->blob.b, sizeof file->blob.b);
        field_u64(f, &file->size);
        FIELD_ENUM(f, file->format, SCAN_TIFF, SCAN_PNG);
        field_text(f, file->name, sizeof file->name);
    }
    field_count(f, &bundle->pages_count, LIMIT_BUNDLE_PAGES);
    for (size_t i = 0; i < bundle->pages_count; i++) {
        struct intake_page *page = &bundle->pages[i];
        field_u8(f, &page->file);
        field_u16(f, &page->number);
        FIELD_ENUM(f, page->kind, PAGE_UNKNOWN, PAGE_KIND_LAST);
        FIELD_ENUM(f, page->how, PAGE_BY_NOTHING, PAGE_BY_HAND);
        FIELD_ENUM(f, page->state, PAGE_ASSIGNED, PAGE_STATE_LAST);
        field_text(f, page->id.text, sizeof page->id.text);
        field_rule(f, page->file < bundle->files_count);
    }
}

enum err store_intake_bundle_get(struct store_read *read, struct id128 id,
                                 struct intake_bundle *ret_bundle) {
    struct fields f;
    struct span row;
    enum err err = store_table_get(read, TABLE_BUNDLE, id_key(&id), &row);

    if (err != OK) {
        return err;
    }
    memset(ret_bundle, 0, sizeof *ret_bundle);
    ret_bundle->id = id;
    f = fields_from(row);
    bundle_fields(&f, ret_bundle);
    return fields_end(&f) == OK ? OK : ERR_CORRUPT;
}

/* --- the index of a bundle --- */

/* Where the page is to be found (I2); an empty key: nowhere, it is discarded. */
static struct span page_key(const struct intake_bundle *bundle, size_t i,
                            uint8_t out[KEY_MAX]) {
    const struct intake_page *page = &bundle->pages[i];
    size_t len = 1;

    if (page->state == PAGE_DISCARDED) {
        return span_of(out, 0);
    }
    if (page->state == PAGE_ASSIGNED) {
        struct id128 id = store_application_key(&page->id);
        out[0] = PART_PAGE;
        memcpy(out + len, id.b, ID_LEN);
        len += ID_LEN;
    } else {
        out[0] = PART_OPEN;
        out[len++] = (uint8_t)page->state;
        store_key_u64(out + len, bundle->created_ms);
        len += 8;
    }
    memcpy(out + len, bundle->id.b, ID_LEN);
    len += ID_LEN;
    out[len++] = (uint8_t)(i >> 8);
    out[len++] = (uint8_t)i;
    return span_of(out, len);
}

static enum err pages_index(struct store_write *write,
                            const struct intake_bundle *bundle, bool add) {
    enum err err = OK;

    for (size_t i = 0; i < bundle->pages_count && err == OK; i++) {
        uint8_t bytes[KEY_MAX];
        struct span key = page_key(bundle, i, bytes);
        if (key.len > 0) {
            err = add ? store_table_put(write, TABLE_INTAKE_INDEX, key, span_str(""))
                      : store_table_del(write, TABLE_INTAKE_INDEX, key);
        }
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static struct span file_key(const struct blob_id *blob, uint8_t out[KEY_MAX]) {
    out[0] = PART_FILE;
    memcpy(out + 1, blob->b, sizeof blob->b);
    return span_of(out, 1 + sizeof blob->b);
}

enum err store_intake_file_find(struct store_read *read, const struct blob_id *blob,
                                struct id128 *ret_bundle) {
    uint8_t bytes[KEY_MAX];
    struct span value;
    enum err err =
        store_table_get(read, TABLE_INTAKE_INDEX, file_key(blob, bytes), &value);

    if (err == OK && value.len != ID_LEN) {
        return ERR_CORRUPT;
    }
    if (err == OK) {
        memcpy(ret_bundle->b, value.data, ID_LEN);
    }
    return err;
}

/* I3, and the bundle's place in its batch. */
static enum err files_index(struct store_write *write,
                            const struct intake_bundle *bundle) {
    uint8_t key[KEY_MAX] = {PART_BUNDLE};
    enum err err;

    memcpy(key + 1, bundle->batch.b, ID_LEN);
    for (int i = 0; i < 4; i++) {
        key[1 + ID_LEN + i] = (uint8_t)(bundle->position >> (24 - 8 * i));
    }
    memcpy(key + 5 + ID_LEN, bundle->id.b, ID_LEN);
    err = store_table_put(write, TABLE_INTAKE_INDEX, span_of(key, 5 + 2 * ID_LEN),
                          span_str(""));
    for (size_t i = 0; i < bundle->files_count && err == OK; i++) {
        struct id128 owner;
        const struct blob_id *blob = &bundle->files[i].blob;
        err = store_intake_file_find(store_write_reader(write), blob, &owner);
        if (err == ERR_NOT_FOUND) {
            err = store_table_put(write, TABLE_INTAKE_INDEX, file_key(blob, key),
                                  id_key(&bundle->id));
        }
    }
    return err;
}

enum err store_intake_bundle_put(struct store_write *write,
                                 const struct intake_bundle *bundle) {
    /* Fields are named for both directions; writing changes none. */
    struct intake_bundle *row = (struct intake_bundle *)(uintptr_t)bundle;
    struct intake_bundle *old =
        arena_alloc(store_table_scratch(write), sizeof *old);
    struct fields f;
    struct buf *out;
    enum err err = old == NULL ? ERR_NOMEM
                               : store_intake_bundle_get(store_write_reader(write),
                                                         bundle->id, old);

    if (err == OK) {
        err = pages_index(write, old, false);
    } else if (err == ERR_NOT_FOUND) {
        err = files_index(write, bundle);
    }
    if (err == OK) {
        err = pages_index(write, bundle, true);
    }
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    bundle_fields(&f, row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_BUNDLE, id_key(&row->id), out)
                     : err;
}

/* --- walks --- */

/* Index keys that begin with `head`; `each_key` gets what stands behind it. */
static enum err walk(struct store_read *read, struct span head,
                     bool (*each_key)(void *arg, struct span rest), void *arg) {
    struct store_cursor cursor;
    struct span key, value;
    bool more = true;
    enum err err =
        store_cursor_open(read, TABLE_INTAKE_INDEX, head, &cursor, &key, &value);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        if (key.len < head.len || memcmp(key.data, head.data, head.len) != 0) {
            break;
        }
        more = each_key(arg, span_of(key.data + head.len, key.len - head.len));
        err = more ? store_cursor_next(&cursor, &key, &value) : OK;
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}

struct page_walk {
    size_t skip; /* bytes before the bundle's id */
    store_intake_each_page *each;
    void *arg;
    bool corrupt;
};

static bool page_walk_key(void *arg, struct span rest) {
    struct page_walk *walk_of = arg;
    struct id128 bundle;
    const uint8_t *at = rest.data + walk_of->skip;

    if (rest.len != walk_of->skip + ID_LEN + 2) {
        walk_of->corrupt = true;
        return false;
    }
    memcpy(bundle.b, at, ID_LEN);
    return walk_of->each(walk_of->arg, bundle,
                         (uint16_t)(at[ID_LEN] << 8 | at[ID_LEN + 1]));
}

enum err store_intake_walk_application(struct store_read *read,
                                       const struct application_id *id,
                                       store_intake_each_page *each, void *arg) {
    struct page_walk pages = {0, each, arg, false};
    struct id128 key = store_application_key(id);
    uint8_t head[1 + ID_LEN] = {PART_PAGE};
    enum err err;

    memcpy(head + 1, key.b, ID_LEN);
    err = walk(read, span_of(head, sizeof head), page_walk_key, &pages);
    return err == OK && pages.corrupt ? ERR_CORRUPT : err;
}

enum err store_intake_walk_open(struct store_read *read, enum page_state state,
                                store_intake_each_page *each, void *arg) {
    struct page_walk pages = {8, each, arg, false};
    const uint8_t head[2] = {PART_OPEN, (uint8_t)state};
    enum err err = walk(read, span_of(head, sizeof head), page_walk_key, &pages);

    return err == OK && pages.corrupt ? ERR_CORRUPT : err;
}

struct id_walk {
    size_t skip;
    bool (*each)(void *arg, struct id128 id);
    void *arg;
    bool corrupt;
};

static bool id_walk_key(void *arg, struct span rest) {
    struct id_walk *walk_of = arg;
    struct id128 id;

    if (rest.len != walk_of->skip + ID_LEN) {
        walk_of->corrupt = true;
        return false;
    }
    memcpy(id.b, rest.data + walk_of->skip, ID_LEN);
    return walk_of->each(walk_of->arg, id);
}

enum err store_intake_walk_batches(struct store_read *read,
                                   bool (*each)(void *arg, struct id128 batch),
                                   void *arg) {
    struct id_walk ids = {8, each, arg, false};
    const uint8_t head[1] = {PART_BATCH};
    enum err err = walk(read, span_of(head, sizeof head), id_walk_key, &ids);

    return err == OK && ids.corrupt ? ERR_CORRUPT : err;
}

enum err store_intake_walk_bundles(struct store_read *read, struct id128 batch,
                                   bool (*each)(void *arg, struct id128 bundle),
                                   void *arg) {
    struct id_walk ids = {4, each, arg, false};
    uint8_t head[1 + ID_LEN] = {PART_BUNDLE};
    enum err err;

    memcpy(head + 1, batch.b, ID_LEN);
    err = walk(read, span_of(head, sizeof head), id_walk_key, &ids);
    return err == OK && ids.corrupt ? ERR_CORRUPT : err;
}
