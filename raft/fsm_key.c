/* fsm_key: signing keys (the life of one: store/store_key.h).
 *
 * Each algorithm's keys are a chain: every one but the last knows when its successor
 * begins to sign, and ends to sign just then (K1, K2). A key is added behind the last
 * by the name of the last, so whoever races with another one for the same place finds
 * it taken. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_key.h"

struct keys {
    struct signing_key rows[LIMIT_SIGNING_KEYS];
    size_t count;
    bool too_many;
};

static bool collect(void *arg, const struct signing_key *key) {
    struct keys *keys = arg;

    if (keys->count == LIMIT_SIGNING_KEYS) {
        keys->too_many = true;
        return false;
    }
    keys->rows[keys->count++] = *key;
    return true;
}

/* What the rows hold lives in tx->arena. */
static enum err load(struct fsm_tx *tx, struct keys *keys) {
    enum err err;

    keys->count = 0;
    keys->too_many = false;
    err = store_key_walk(tx->read, tx->arena, collect, keys);
    return err == OK && keys->too_many ? ERR_CORRUPT : err;
}

static bool kid_taken(const struct keys *keys, const char *kid) {
    struct key_hash mark = store_key_mark(kid);

    for (size_t i = 0; i < keys->count; i++) {
        struct key_hash other = store_key_mark(keys->rows[i].kid);
        if (memcmp(other.b, mark.b, sizeof mark.b) == 0) {
            return true;
        }
    }
    return false;
}

/* The key of `alg` that has no successor; NULL: there is none of it at all. */
static struct signing_key *last_of(struct keys *keys, enum key_alg alg) {
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->rows[i].alg == alg && keys->rows[i].retires_ms == 0) {
            return &keys->rows[i];
        }
    }
    return NULL;
}

/* The key of `alg` whose successor `key` is; NULL: it is the oldest, or what it
 * succeeded was revoked. */
static struct signing_key *before(struct keys *keys, const struct signing_key *key) {
    for (size_t i = 0; i < keys->count; i++) {
        struct signing_key *row = &keys->rows[i];
        if (row->alg == key->alg && row != key && row->retires_ms != 0 &&
            row->retires_ms == key->activates_ms) {
            return row;
        }
    }
    return NULL;
}

static enum err retire(struct fsm_tx *tx, struct signing_key *key, uint64_t at_ms,
                       uint32_t keep_ms) {
    key->retires_ms = at_ms;
    key->ends_ms = at_ms + keep_ms;
    return store_key_put(tx->write, key);
}

static enum err tell(struct fsm_tx *tx, enum audit_event what, const char *kid) {
    const struct fsm_audit_event event = {.event = what, .note = span_str(kid)};

    return fsm_audit_add(tx, &event);
}

enum err fsm_key_add(struct fsm_tx *tx, const struct cmd_key_add *cmd,
                     enum outcome_code *ret_code) {
    struct signing_key key = cmd->key;
    struct signing_key *last;
    struct keys keys;
    enum err err = load(tx, &keys);

    if (err != OK) {
        return err;
    }
    last = last_of(&keys, key.alg);
    *ret_code = OUT_OK;
    if (strcmp(last == NULL ? "" : last->kid, cmd->replaces) != 0 ||
        kid_taken(&keys, key.kid)) {
        *ret_code = OUT_EXISTS;
    } else if (last != NULL && store_key_state(last, tx->now_ms) == KEY_PUBLISHED) {
        *ret_code = OUT_CHANGING;
    } else if (keys.count == LIMIT_SIGNING_KEYS) {
        *ret_code = OUT_FULL;
    }
    if (*ret_code != OUT_OK) {
        return OK;
    }
    key.created_ms = tx->now_ms;
    key.activates_ms = tx->now_ms + (last == NULL ? 0 : cmd->delay_ms);
    key.retires_ms = key.ends_ms = 0;
    if (last != NULL) {
        err = retire(tx, last, key.activates_ms, cmd->keep_ms);
    }
    if (err == OK) {
        err = store_key_put(tx->write, &key);
    }
    return err == OK ? tell(tx, AUDIT_KEY_ADDED, key.kid) : err;
}

/* In the place of `old`, which is gone. */
static enum err replace(struct fsm_tx *tx, struct keys *keys,
                        const struct signing_key *old, const struct cmd_key_add *cmd) {
    struct signing_key *earlier = before(keys, old);
    struct signing_key key = cmd->key;
    enum err err = OK;

    key.created_ms = tx->now_ms;
    key.activates_ms = tx->now_ms;
    key.retires_ms = old->retires_ms;
    key.ends_ms = old->ends_ms;
    if (store_key_state(old, tx->now_ms) == KEY_PUBLISHED) {
        key.activates_ms += cmd->delay_ms;
        if (earlier != NULL) {
            err = retire(tx, earlier, key.activates_ms, cmd->keep_ms);
        }
    }
    return err == OK ? store_key_put(tx->write, &key) : err;
}

static struct signing_key *find(struct keys *keys, const char *kid, enum key_alg alg) {
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->rows[i].alg == alg && strcmp(keys->rows[i].kid, kid) == 0) {
            return &keys->rows[i];
        }
    }
    return NULL;
}

enum err fsm_key_revoke(struct fsm_tx *tx, const struct cmd_key_revoke *cmd,
                        enum outcome_code *ret_code) {
    struct signing_key *old;
    struct keys keys;
    enum err err = load(tx, &keys);

    if (err != OK) {
        return err;
    }
    old = find(&keys, cmd->revoked, cmd->replacement.key.alg);
    if (old == NULL || kid_taken(&keys, cmd->replacement.key.kid)) {
        *ret_code = old == NULL ? OUT_NOT_FOUND : OUT_EXISTS;
        return OK;
    }
    *ret_code = OUT_OK;
    err = store_key_del(tx->write, old->kid);
    if (err == OK && store_key_state(old, tx->now_ms) != KEY_RETIRED) {
        err = replace(tx, &keys, old, &cmd->replacement);
    }
    return err == OK ? tell(tx, AUDIT_KEY_REVOKED, cmd->revoked) : err;
}
