/* store_account: accounts, their log-in index, and attempts. */
#include "store/store_account.h"

#include "store/record.h"
#include "store/record.pb-c.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ATTEMPTS_ROW_VERSION 1

static struct span hash_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

static enum err account_decode(struct span row, struct arena *arena, struct id128 sub,
                               struct account *ret_account) {
    struct account account = {.sub = sub};
    const Tasuki__Record__AccountRecord *record;
    ProtobufCMessage *message;
    enum err err = record_unpack(&tasuki__record__account_record__descriptor, row,
                                 arena, &message);

    if (err != OK) {
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    record = (const Tasuki__Record__AccountRecord *)(const void *)message;
    account.has_parent = record->parent_sub.len > 0;
    if (!record_fixed(record->login_index, account.login_index.b,
                      sizeof account.login_index.b) ||
        (account.has_parent && !record_fixed(record->parent_sub, account.parent_sub.b,
                                             sizeof account.parent_sub.b)) ||
        record->type < ACCOUNT_ENTRY || record->type > ACCOUNT_MEMBER ||
        record->state < ACCOUNT_ACTIVE || record->state > ACCOUNT_DELETED) {
        return ERR_CORRUPT;
    }
    account.type = (enum account_type)record->type;
    account.state = (enum account_state)record->state;
    account.generation = record->generation;
    account.password_hash = record_span(record->password_hash);
    account.sealed_profile = record_span(record->sealed_profile);
    account.created_ms = record->created_ms;
    *ret_account = account;
    return OK;
}

enum err store_account_get(struct store_read *read, struct arena *arena,
                           struct id128 sub, struct account *ret_account) {
    struct span row;
    enum err err =
        store_table_get(read, TABLE_ACCOUNT, span_of(sub.b, sizeof sub.b), &row);

    return err == OK ? account_decode(row, arena, sub, ret_account) : err;
}

enum err store_account_find(struct store_read *read, struct arena *arena,
                            struct key_hash login_index, struct account *ret_account) {
    struct id128 sub;
    struct span row;
    enum err err = store_table_get(read, TABLE_LOGIN, hash_key(&login_index), &row);

    if (err != OK) {
        return err;
    }
    if (row.len != sizeof sub.b) {
        return ERR_CORRUPT;
    }
    memcpy(sub.b, row.data, sizeof sub.b);
    err = store_account_get(read, arena, sub, ret_account);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* A1: free the old log-in index of the account, and take the new one. */
static enum err login_index_put(struct store_write *write,
                                const struct account *account) {
    struct store_read *read = store_write_reader(write);
    struct span sub = span_of(account->sub.b, sizeof account->sub.b);
    struct account old;
    struct span owner;
    enum err err =
        store_table_get(read, TABLE_LOGIN, hash_key(&account->login_index), &owner);

    if (err == OK) {
        return span_equal(owner, sub) ? OK : ERR_EXISTS;
    }
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_account_get(read, store_table_scratch(write), account->sub, &old);
    if (err == OK) {
        err = store_table_del(write, TABLE_LOGIN, hash_key(&old.login_index));
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    return store_table_put(write, TABLE_LOGIN, hash_key(&account->login_index), sub);
}

enum err store_account_put(struct store_write *write, const struct account *account) {
    Tasuki__Record__AccountRecord record = TASUKI__RECORD__ACCOUNT_RECORD__INIT;
    struct buf *row;
    enum err err = login_index_put(write, account);

    if (err != OK) {
        return err;
    }
    record.login_index = record_bytes(hash_key(&account->login_index));
    record.type = account->type;
    record.state = account->state;
    record.generation = account->generation;
    if (account->has_parent) {
        record.parent_sub =
            record_bytes(span_of(account->parent_sub.b, sizeof account->parent_sub.b));
    }
    record.password_hash = record_bytes(account->password_hash);
    record.sealed_profile = record_bytes(account->sealed_profile);
    record.created_ms = account->created_ms;
    row = store_table_row(write);
    record_pack(&record.base, row);
    return store_table_put_row(write, TABLE_ACCOUNT,
                               span_of(account->sub.b, sizeof account->sub.b), row);
}

/* ERR_NOT_FOUND when there is no row. */
static enum err attempts_read(struct store_read *read, const struct key_hash *key,
                              struct login_attempts *ret_attempts) {
    struct login_attempts attempts;
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_ATTEMPTS, hash_key(key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != ATTEMPTS_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    attempts.failures = read_u32(&in);
    attempts.locked_until_ms = read_u64(&in);
    attempts.forget_at_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_attempts = attempts;
    return OK;
}

enum err store_attempts_get(struct store_read *read, struct key_hash login_index,
                            struct login_attempts *ret_attempts) {
    enum err err = attempts_read(read, &login_index, ret_attempts);

    if (err == ERR_NOT_FOUND) {
        *ret_attempts = (struct login_attempts){0};
        return OK;
    }
    return err;
}

enum err store_attempts_put(struct store_write *write, struct key_hash login_index,
                            const struct login_attempts *attempts) {
    struct login_attempts old = {0};
    struct buf *row;
    enum err err = attempts_read(store_write_reader(write), &login_index, &old);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_ATTEMPTS, login_index, old.forget_at_ms,
                            attempts->forget_at_ms);
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, ATTEMPTS_ROW_VERSION);
    put_u32(row, attempts->failures);
    put_u64(row, attempts->locked_until_ms);
    put_u64(row, attempts->forget_at_ms);
    return store_table_put_row(write, TABLE_ATTEMPTS, hash_key(&login_index), row);
}

enum err store_attempts_del(struct store_write *write, struct key_hash login_index) {
    struct login_attempts old;
    enum err err = attempts_read(store_write_reader(write), &login_index, &old);

    if (err == OK) {
        err =
            store_expiry_move(write, EXPIRY_ATTEMPTS, login_index, old.forget_at_ms, 0);
    }
    if (err == OK) {
        err = store_table_del(write, TABLE_ATTEMPTS, hash_key(&login_index));
    }
    return err;
}

enum err store_attempts_count(struct store_read *read, uint64_t *ret_count) {
    *ret_count = store_table_rows(read, TABLE_ATTEMPTS);
    return OK;
}
