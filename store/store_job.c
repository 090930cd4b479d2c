/* store_job: rows by kind and subject, and an index with these keys:
 *
 *   PART_DUE | environment | at_ms | kind | subject -> nothing
 *   PART_COUNT | environment | state -> count
 *   PART_MARK | mark -> kind | subject (as long as there is an expiry entry) */
#include "store/store_job.h"

#include <sodium/crypto_hash_sha256.h>

#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1
#define JOB_KEY_LEN 17
#define KEY_MAX (2 + 8 + JOB_KEY_LEN)

enum part { PART_DUE = 1, PART_COUNT = 2, PART_MARK = 3 };

static struct span key_of(const struct job_key *key, uint8_t out[JOB_KEY_LEN]) {
    out[0] = (uint8_t)key->kind;
    memcpy(out + 1, key->subject.b, sizeof key->subject.b);
    return span_of(out, JOB_KEY_LEN);
}

static bool key_read(struct span in, struct job_key *ret_key) {
    if (in.len != JOB_KEY_LEN || in.data[0] < JOB_SORT || in.data[0] > JOB_READ) {
        return false;
    }
    ret_key->kind = (enum job_kind)in.data[0];
    memcpy(ret_key->subject.b, in.data + 1, sizeof ret_key->subject.b);
    return true;
}

static void each_field(struct fields *f, struct ocr_job *job) {
    uint8_t version = ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == ROW_VERSION);
    FIELD_ENUM(f, job->state, JOB_WAITING, JOB_POISON);
    FIELD_ENUM(f, job->environment, ENV_DEMO, ENV_PRODUCTION);
    field_u32(f, &job->attempt);
    field_u32(f, &job->failures);
    field_u64(f, &job->created_ms);
    field_u64(f, &job->at_ms);
    field_text(f, job->worker, sizeof job->worker);
    field_text(f, job->error, sizeof job->error);
}

enum err store_job_get(struct store_read *read, struct job_key key,
                       struct ocr_job *ret_job) {
    uint8_t bytes[JOB_KEY_LEN];
    struct ocr_job job = {.key = key};
    struct fields f;
    struct span row;
    enum err err = store_table_get(read, TABLE_JOB, key_of(&key, bytes), &row);

    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    each_field(&f, &job);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    *ret_job = job;
    return OK;
}

static bool is_due(const struct ocr_job *job) {
    return job->state == JOB_WAITING || job->state == JOB_LEASED;
}

static struct span due_part(const struct ocr_job *job, uint8_t out[KEY_MAX]) {
    out[0] = PART_DUE;
    out[1] = (uint8_t)job->environment;
    store_key_u64(out + 2, job->at_ms);
    key_of(&job->key, out + 10);
    return span_of(out, 10 + JOB_KEY_LEN);
}

static struct span count_part(enum client_environment environment,
                              enum job_state state, uint8_t out[KEY_MAX]) {
    out[0] = PART_COUNT;
    out[1] = (uint8_t)environment;
    out[2] = (uint8_t)state;
    return span_of(out, 3);
}

enum err store_job_count(struct store_read *read, enum client_environment environment,
                         enum job_state state, uint64_t *ret_count) {
    uint8_t key[KEY_MAX];
    struct reader in;
    struct span value;
    enum err err = store_table_get(read, TABLE_JOB_INDEX,
                                   count_part(environment, state, key), &value);

    if (err == ERR_NOT_FOUND) {
        *ret_count = 0;
        return OK;
    }
    if (err != OK || value.len != 8) {
        return err == OK ? ERR_CORRUPT : err;
    }
    in = reader_of(value);
    *ret_count = read_u64(&in);
    return OK;
}

static enum err count_move(struct store_write *write, const struct ocr_job *job, int by) {
    uint8_t key[KEY_MAX];
    struct buf *row;
    uint64_t count;
    enum err err = store_job_count(store_write_reader(write), job->environment,
                                   job->state, &count);

    if (err != OK || (by < 0 && count == 0)) {
        return err == OK ? ERR_CORRUPT : err;
    }
    row = store_table_row(write);
    put_u64(row, by < 0 ? count - 1 : count + 1);
    return store_table_put_row(write, TABLE_JOB_INDEX,
                               count_part(job->environment, job->state, key), row);
}

struct key_hash store_job_mark(struct job_key key) {
    uint8_t bytes[JOB_KEY_LEN], hash[crypto_hash_sha256_BYTES];
    struct span in = key_of(&key, bytes);
    struct key_hash mark;

    crypto_hash_sha256(hash, in.data, in.len);
    memcpy(mark.b, hash, sizeof mark.b);
    return mark;
}

static struct span mark_part(const struct key_hash *mark, uint8_t out[KEY_MAX]) {
    out[0] = PART_MARK;
    memcpy(out + 1, mark->b, sizeof mark->b);
    return span_of(out, 1 + sizeof mark->b);
}

enum err store_job_by_mark(struct store_read *read, struct key_hash mark,
                           struct ocr_job *ret_job) {
    uint8_t bytes[KEY_MAX];
    struct job_key key;
    struct span value;
    enum err err =
        store_table_get(read, TABLE_JOB_INDEX, mark_part(&mark, bytes), &value);

    if (err != OK) {
        return err;
    }
    if (!key_read(value, &key)) {
        return ERR_CORRUPT;
    }
    err = store_job_get(read, key, ret_job);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* Index, mark and count of a row that comes or goes (J3, J5). */
static enum err forget(struct store_write *write, const struct ocr_job *old) {
    uint8_t key[KEY_MAX];
    struct key_hash mark = store_job_mark(old->key);
    enum err err = store_table_del(write, TABLE_JOB_INDEX,
                                   is_due(old) ? due_part(old, key)
                                               : mark_part(&mark, key));

    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    return count_move(write, old, -1);
}

static enum err remember(struct store_write *write, const struct ocr_job *job) {
    uint8_t key[KEY_MAX], bytes[JOB_KEY_LEN];
    struct key_hash mark = store_job_mark(job->key);
    enum err err =
        is_due(job) ? store_table_put(write, TABLE_JOB_INDEX, due_part(job, key),
                                      span_str(""))
                    : store_table_put(write, TABLE_JOB_INDEX, mark_part(&mark, key),
                                      key_of(&job->key, bytes));

    return err == OK ? count_move(write, job, 1) : err;
}

static uint64_t expiry_ms(const struct ocr_job *job) {
    return is_due(job) ? 0 : job->at_ms;
}

enum err store_job_put(struct store_write *write, const struct ocr_job *job) {
    uint8_t key[JOB_KEY_LEN];
    struct ocr_job row = *job;
    struct ocr_job old;
    struct fields f;
    struct buf *out;
    uint64_t was_ms = 0;
    enum err err = store_job_get(store_write_reader(write), job->key, &old);

    if (err == OK) {
        was_ms = expiry_ms(&old);
        err = forget(write, &old);
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_JOB, store_job_mark(job->key), was_ms,
                            expiry_ms(job));
    if (err == OK) {
        err = remember(write, job);
    }
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    each_field(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_JOB, key_of(&row.key, key), out)
                     : err;
}

enum err store_job_del(struct store_write *write, struct job_key key) {
    uint8_t bytes[JOB_KEY_LEN];
    struct ocr_job old;
    enum err err = store_job_get(store_write_reader(write), key, &old);

    if (err == OK) {
        err = forget(write, &old);
    }
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_JOB, store_job_mark(key),
                                expiry_ms(&old), 0);
    }
    return err == OK ? store_table_del(write, TABLE_JOB, key_of(&key, bytes)) : err;
}

enum err store_job_walk_due(struct store_read *read,
                            enum client_environment environment, uint64_t now_ms,
                            bool (*each)(void *arg, struct job_key key), void *arg) {
    const uint8_t head[2] = {PART_DUE, (uint8_t)environment};
    struct store_cursor cursor;
    struct span key, value;
    bool more = true;
    enum err err = store_cursor_open(read, TABLE_JOB_INDEX, span_of(head, sizeof head),
                                     &cursor, &key, &value);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        struct job_key job;
        if (key.len < sizeof head || memcmp(key.data, head, sizeof head) != 0) {
            break;
        }
        if (key.len != 10 + JOB_KEY_LEN ||
            !key_read(span_of(key.data + 10, JOB_KEY_LEN), &job)) {
            err = ERR_CORRUPT;
            break;
        }
        if (store_key_u64_of(key.data + 2) > now_ms) {
            break;
        }
        more = each(arg, job);
        err = more ? store_cursor_next(&cursor, &key, &value) : OK;
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}
