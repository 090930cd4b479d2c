#include "server/svc_device.h"

#include "server/oidc/acr.h"
#include "store/base/codec.h"

#define DEVICE_VERSION 1

static void read_id(struct reader *in, struct id128 *id) {
    struct span bytes = read_bytes(in, sizeof id->b);

    if (bytes.len == sizeof id->b)
        memcpy(id->b, bytes.data, sizeof id->b);
}

size_t svc_device_decode(struct span plain,
                         struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS]) {
    struct reader in = reader_of(plain);
    size_t count;

    if (read_u8(&in) != DEVICE_VERSION)
        return 0;
    count = read_u8(&in);
    if (count > SVC_DEVICE_ACCOUNTS)
        return 0;
    for (size_t i = 0; i < count; i++) {
        read_id(&in, &entries[i].sub);
        read_id(&in, &entries[i].nonce);
        entries[i].generation = read_u64(&in);
        entries[i].trusted_until_ms = read_u64(&in);
    }
    return in.bad || reader_left(&in) != 0 ? 0 : count;
}

enum err svc_device_encode(const struct svc_device_entry *entries, size_t count,
                           struct buf *out) {
    put_u8(out, DEVICE_VERSION);
    put_u8(out, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_put(out, entries[i].sub.b, sizeof entries[i].sub.b);
        buf_put(out, entries[i].nonce.b, sizeof entries[i].nonce.b);
        put_u64(out, entries[i].generation);
        put_u64(out, entries[i].trusted_until_ms);
    }
    return buf_err(out);
}

/* How many there are; 0 for a cookie that is none of ours. */
static size_t read_cookie(struct svc *svc, struct span cookie,
                          struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS]) {
    struct span plain;

    return svc_open_text(svc, SEAL_DEVICE_COOKIE, cookie, SVC_DEVICE_PLAIN_MAX, &plain)
               ? 0
               : svc_device_decode(plain, entries);
}

static bool same(struct id128 a, struct id128 b) {
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool svc_device_find(struct svc *svc, struct span cookie, struct id128 sub,
                     uint64_t generation, struct svc_device_entry *ret_entry) {
    struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS];
    size_t count = read_cookie(svc, cookie, entries);

    for (size_t i = 0; i < count; i++) {
        if (!same(entries[i].sub, sub) || entries[i].generation != generation)
            continue;
        *ret_entry = entries[i];
        return true;
    }
    return false;
}

struct key_hash svc_device_counter(struct svc *svc,
                                   const struct svc_device_entry *entry) {
    uint8_t bytes[32];

    memcpy(bytes, entry->sub.b, 16);
    memcpy(bytes + 16, entry->nonce.b, 16);
    return svc_hash(svc, HASH_DEVICE, span_of(bytes, sizeof bytes));
}

bool svc_device_proven(const struct svc_device_entry *entry) {
    return (entry->nonce.b[0] & SVC_DEVICE_PROVEN) != 0;
}

bool svc_device_trusted(const struct svc_device_entry *entry, uint64_t now_ms) {
    return now_ms < entry->trusted_until_ms;
}

/* The account's entry as it is, where that is good enough; else a new one. */
static struct svc_device_entry make_entry(struct svc *svc, struct span cookie,
                                          struct id128 sub, uint64_t generation,
                                          bool second) {
    struct svc_device_entry entry;

    if (svc_device_find(svc, cookie, sub, generation, &entry) &&
        (svc_device_proven(&entry) || !second))
        return entry;
    entry = (struct svc_device_entry){
        .sub = sub, .nonce = svc_random_id(svc), .generation = generation};
    entry.nonce.b[0] &= (uint8_t)~SVC_DEVICE_PROVEN;
    entry.nonce.b[0] |= second ? SVC_DEVICE_PROVEN : 0;
    return entry;
}

enum err svc_device_add(struct svc *svc, struct span cookie, struct id128 sub,
                        uint64_t generation, bool second, uint64_t trusted_until_ms,
                        struct arena *arena, struct span *ret_cookie) {
    struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS], next[SVC_DEVICE_ACCOUNTS];
    size_t count = read_cookie(svc, cookie, entries), kept = 1;
    struct buf plain;
    enum err err;

    next[0] = make_entry(svc, cookie, sub, generation, second);
    if (trusted_until_ms != 0)
        next[0].trusted_until_ms = trusted_until_ms;
    for (size_t i = 0; i < count && kept < SVC_DEVICE_ACCOUNTS; i++)
        if (!same(entries[i].sub, sub))
            next[kept++] = entries[i];
    buf_init(&plain, SVC_DEVICE_PLAIN_MAX);
    err = svc_device_encode(next, kept, &plain);
    if (!err)
        err = svc_seal_text(svc, SEAL_DEVICE_COOKIE, buf_span(&plain), arena, ret_cookie);
    buf_free(&plain);
    return err;
}

enum err svc_device_renew(struct svc *svc, struct span cookie, const struct session *was,
                          struct arena *arena, struct span *ret_cookie) {
    struct session now;
    enum err err = store_session_get(svc->read, was->key, &now);

    if (err == ERR_NOT_FOUND || (!err && now.generation <= was->generation))
        return OK;
    return err ? err
               : svc_device_add(svc, cookie, now.sub, now.generation,
                                (now.methods & ACR_SECOND) != 0, 0, arena, ret_cookie);
}
