#include "store/store_image_wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_lmdb.h"
#include "store/store_member.h"

#define PREFIX_LEN 16u
#define BLOCK_HEAD_LEN 8u
/* rows, digest, hash of the whole, after the block head with length 0 */
#define END_LEN (8u + 16u + crypto_hash_sha256_BYTES)

static const char magic[8] = {'T', 'A', 'S', 'U', 'K', 'I', 'I', 'M'};

static enum err refuse(enum err err, char why[256], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err refuse(enum err err, char why[256], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, 256, format, args);
    va_end(args);
    return err;
}

void image_hash(struct span bytes, uint8_t out[IMAGE_HASH]) {
    uint8_t whole[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(whole, bytes.data, bytes.len);
    memcpy(out, whole, IMAGE_HASH);
}

/* --- head --- */

static void put_head(const struct image_head *head, struct buf *out) {
    const struct store_meta *meta = &head->meta;
    put_u64(out, meta->applied_index);
    put_u64(out, meta->applied_term);
    put_u64(out, meta->clock_ms);
    put_u64(out, meta->fsm_version);
    put_u64(out, meta->epoch);
    buf_put(out, meta->cluster_id.b, sizeof(meta->cluster_id.b));
    put_u64(out, meta->digest.lo);
    put_u64(out, meta->digest.hi);
    put_u64(out, head->created_ms);
    put_u64(out, head->node);
    put_u64(out, head->configuration_index);
    put_u64(out, head->rows);
    put_u16(out, (uint16_t)head->members_count);
    for (size_t i = 0; i < head->members_count; i++) {
        const struct image_member *member = &head->members[i];
        size_t len = strlen(member->address);
        put_u64(out, member->id);
        put_u8(out, member->role);
        put_u8(out, (uint8_t)len);
        buf_put(out, member->address, len);
    }
}

void image_head_encode(const struct image_head *head, struct buf *out) {
    size_t start = out->len;
    uint8_t hash[IMAGE_HASH];
    CHECK(head->members_count <= LIMIT_NODES);
    buf_put(out, magic, sizeof(magic));
    put_u32(out, STORE_IMAGE_VERSION);
    put_u32(out, 0);
    put_head(head, out);
    if (buf_err(out) != OK) {
        return;
    }
    size_t len = out->len - start - PREFIX_LEN;
    for (size_t i = 0; i < 4; i++) {
        out->data[start + 12 + i] = (uint8_t)(len >> (8 * i));
    }
    image_hash(span_of(out->data + start, out->len - start), hash);
    buf_put(out, hash, sizeof(hash));
}

static bool get_member(struct reader *in, struct image_member *member) {
    member->id = read_u64(in);
    member->role = read_u8(in);
    uint8_t len = read_u8(in);
    struct span address = read_bytes(in, len);
    if (in->bad || member->id == 0 || member->role > 2 || len == 0 ||
        len >= sizeof(member->address)) {
        return false;
    }
    memcpy(member->address, address.data, len);
    return strlen(member->address) == len && store_member_address_ok(member->address);
}

/* The latest member has an id or an address that another one has as well. */
static bool member_doubled(const struct image_head *head, size_t count) {
    const struct image_member *latest = &head->members[count - 1];
    for (size_t i = 0; i + 1 < count; i++) {
        if (head->members[i].id == latest->id ||
            strcmp(head->members[i].address, latest->address) == 0) {
            return true;
        }
    }
    return false;
}

enum err image_head_decode(struct span in, struct image_head *ret_head, char why[256]) {
    struct reader r = reader_of(in);
    struct image_head head = {0};
    struct store_meta *meta = &head.meta;
    meta->applied_index = read_u64(&r);
    meta->applied_term = read_u64(&r);
    meta->clock_ms = read_u64(&r);
    meta->fsm_version = read_u64(&r);
    meta->epoch = read_u64(&r);
    struct span cluster_id = read_bytes(&r, sizeof(meta->cluster_id.b));
    meta->digest.lo = read_u64(&r);
    meta->digest.hi = read_u64(&r);
    head.created_ms = read_u64(&r);
    head.node = read_u64(&r);
    head.configuration_index = read_u64(&r);
    head.rows = read_u64(&r);
    head.members_count = read_u16(&r);
    if (r.bad || head.members_count > LIMIT_NODES) {
        return refuse(ERR_INVALID, why, "the image's head is malformed");
    }
    memcpy(meta->cluster_id.b, cluster_id.data, cluster_id.len);
    for (size_t i = 0; i < head.members_count; i++) {
        if (!get_member(&r, &head.members[i]) || member_doubled(&head, i + 1)) {
            return refuse(ERR_INVALID, why,
                          "member %zu in the image's head is malformed or doubled",
                          i + 1);
        }
    }
    if (r.bad || reader_left(&r) != 0 || meta->applied_index == 0 ||
        meta->applied_term == 0 || head.configuration_index > meta->applied_index) {
        return refuse(ERR_INVALID, why, "the image's head contradicts itself");
    }
    *ret_head = head;
    return OK;
}

/* --- parser --- */

void image_parser_init(struct image_parser *parser) {
    *parser = (struct image_parser){.part = IMAGE_PREFIX, .need = PREFIX_LEN};
    buf_init(&parser->part_bytes,
             BLOCK_HEAD_LEN + STORE_IMAGE_BLOCK + IMAGE_HASH + STORE_IMAGE_HEAD_MAX);
    buf_init(&parser->hashed, LIMIT_COMMAND + 1024);
    crypto_hash_sha256_init(&parser->all);
}

void image_parser_close(struct image_parser *parser) {
    buf_free(&parser->part_bytes);
    buf_free(&parser->hashed);
}

static struct span part_of(const struct image_parser *parser) {
    return buf_span(&parser->part_bytes);
}

/* Does the part end with the hash of what precedes it? Then that hash stands for the
 * part in the hash of the whole. */
static bool hash_good(struct image_parser *parser) {
    struct span part = part_of(parser);
    uint8_t hash[IMAGE_HASH];
    image_hash(span_of(part.data, part.len - IMAGE_HASH), hash);
    crypto_hash_sha256_update(&parser->all, hash, sizeof(hash));
    return memcmp(hash, part.data + part.len - IMAGE_HASH, IMAGE_HASH) == 0;
}

/* The next part begins with nothing read of it. */
static void begin(struct image_parser *parser, enum image_part part, size_t need) {
    parser->part = part;
    parser->need = need;
    buf_reset(&parser->part_bytes);
}

static enum err take_prefix(struct image_parser *parser, char why[256]) {
    struct reader r = reader_of(part_of(parser));
    struct span word = read_bytes(&r, sizeof(magic));
    uint32_t version = read_u32(&r);
    uint32_t len = read_u32(&r);
    if (memcmp(word.data, magic, sizeof(magic)) != 0) {
        return refuse(ERR_INVALID, why, "not an image of Tasuki's state");
    }
    if (version != STORE_IMAGE_VERSION) {
        return refuse(ERR_VERSION, why,
                      "the image has format %u, this release reads format %d", version,
                      STORE_IMAGE_VERSION);
    }
    if (len > STORE_IMAGE_HEAD_MAX) {
        return refuse(ERR_INVALID, why, "the image's head says that it has %u bytes",
                      len);
    }
    parser->part = IMAGE_HEAD; /* the prefix stays: the hash covers it */
    parser->need = PREFIX_LEN + len + IMAGE_HASH;
    return OK;
}

static enum err take_head(struct image_parser *parser, char why[256]) {
    struct span part = part_of(parser);
    if (!hash_good(parser)) {
        return refuse(ERR_INVALID, why,
                      "the image's head was changed: its hash differs");
    }
    enum err err = image_head_decode(
        span_of(part.data + PREFIX_LEN, part.len - PREFIX_LEN - IMAGE_HASH),
        &parser->head, why);
    if (err == OK) {
        err = parser->on_head(parser->arg, &parser->head, why);
    }
    begin(parser, IMAGE_BLOCK_HEAD, BLOCK_HEAD_LEN);
    return err;
}

static enum err take_block_head(struct image_parser *parser, char why[256]) {
    struct reader r = reader_of(part_of(parser));
    uint32_t len = read_u32(&r);
    uint32_t number = read_u32(&r);
    if (number != parser->block + 1) {
        return refuse(ERR_INVALID, why, "after block %u of the image comes block %u",
                      parser->block, number);
    }
    if (len > STORE_IMAGE_BLOCK) {
        return refuse(ERR_INVALID, why,
                      "block %u of the image says that it has %u bytes", number, len);
    }
    parser->block = number;
    parser->part = len == 0 ? IMAGE_END : IMAGE_BLOCK; /* hashed with its head */
    parser->need = BLOCK_HEAD_LEN + (len == 0 ? END_LEN : len + IMAGE_HASH);
    return OK;
}

static int order_of(const struct image_parser *parser, uint8_t table, struct span key) {
    if (table != parser->last_table) {
        return table < parser->last_table ? -1 : 1;
    }
    size_t shorter = key.len < parser->last_key_len ? key.len : parser->last_key_len;
    int order = memcmp(key.data, parser->last_key, shorter);
    return order != 0 ? order : key.len > parser->last_key_len ? 1 : -1;
}

static enum err take_row(struct image_parser *parser, struct reader *r, char why[256]) {
    uint8_t table = read_u8(r);
    uint16_t key_len = read_u16(r);
    uint32_t value_len = read_u32(r);
    unsigned long long row = (unsigned long long)parser->rows + 1;
    if (r->bad || key_len == 0 || key_len > IMAGE_KEY_MAX ||
        value_len > IMAGE_VALUE_MAX) {
        return refuse(ERR_INVALID, why,
                      "row %llu in block %u of the image is malformed", row,
                      parser->block);
    }
    if (table <= TABLE_META || table >= TABLE_COUNT) {
        return refuse(table == TABLE_META ? ERR_INVALID : ERR_VERSION, why,
                      "row %llu of the image belongs to table %u, which this release "
                      "does not know",
                      row, table);
    }
    struct span key = read_bytes(r, key_len);
    struct span value = read_bytes(r, value_len);
    if (r->bad || order_of(parser, table, key) <= 0) {
        return refuse(
            ERR_INVALID, why,
            "row %llu in block %u of the image is cut, doubled or out of order", row,
            parser->block);
    }
    parser->last_table = table;
    parser->last_key_len = key.len;
    memcpy(parser->last_key, key.data, key.len);
    parser->rows++;
    enum err err = store_digest_row(&parser->hashed, (enum store_table)table, key,
                                    value, &parser->digest);
    return err == OK
               ? parser->on_row(parser->arg, (enum store_table)table, key, value, why)
               : refuse(err, why, "%s", err_str(err));
}

static enum err take_block(struct image_parser *parser, char why[256]) {
    struct span part = part_of(parser);
    enum err err = OK;
    if (!hash_good(parser)) {
        return refuse(ERR_INVALID, why,
                      "block %u of the image was changed: its hash differs",
                      parser->block);
    }
    struct reader r = reader_of(
        span_of(part.data + BLOCK_HEAD_LEN, part.len - BLOCK_HEAD_LEN - IMAGE_HASH));
    while (err == OK && reader_left(&r) > 0) {
        err = take_row(parser, &r, why);
    }
    begin(parser, IMAGE_BLOCK_HEAD, BLOCK_HEAD_LEN);
    return err;
}

static enum err take_end(struct image_parser *parser, char why[256]) {
    struct span part = part_of(parser);
    struct reader r = reader_of(part);
    uint8_t sha[crypto_hash_sha256_BYTES];
    (void)read_bytes(&r, BLOCK_HEAD_LEN);
    uint64_t rows = read_u64(&r);
    struct store_digest digest;
    digest.lo = read_u64(&r);
    digest.hi = read_u64(&r);
    struct span stored = read_bytes(&r, sizeof(sha));
    crypto_hash_sha256_update(&parser->all, part.data, part.len - sizeof(sha));
    crypto_hash_sha256_final(&parser->all, sha);
    if (memcmp(stored.data, sha, sizeof(sha)) != 0) {
        return refuse(ERR_INVALID, why,
                      "the image was changed: the hash of the whole differs");
    }
    if (rows != parser->rows || rows != parser->head.rows) {
        return refuse(ERR_INVALID, why, "the image has %llu rows, and was to have %llu",
                      (unsigned long long)parser->rows,
                      (unsigned long long)parser->head.rows);
    }
    if (memcmp(&digest, &parser->digest, sizeof(digest)) != 0 ||
        memcmp(&digest, &parser->head.meta.digest, sizeof(digest)) != 0) {
        return refuse(ERR_INVALID, why,
                      "the rows of the image do not add up to its digest");
    }
    begin(parser, IMAGE_DONE, 0);
    return OK;
}

static enum err take_part(struct image_parser *parser, char why[256]) {
    switch (parser->part) {
    case IMAGE_PREFIX:
        return take_prefix(parser, why);
    case IMAGE_HEAD:
        return take_head(parser, why);
    case IMAGE_BLOCK_HEAD:
        return take_block_head(parser, why);
    case IMAGE_BLOCK:
        return take_block(parser, why);
    case IMAGE_END:
        return take_end(parser, why);
    case IMAGE_DONE:
        break;
    }
    return refuse(ERR_INVALID, why, "bytes follow after the image's end");
}

enum err image_parser_feed(struct image_parser *parser, struct span in, char why[256]) {
    enum err err = OK;
    parser->bytes += in.len;
    while (err == OK && in.len > 0) {
        size_t lacks = parser->need - parser->part_bytes.len;
        size_t take = lacks < in.len ? lacks : in.len;
        if (parser->part == IMAGE_DONE) {
            return take_part(parser, why);
        }
        buf_put(&parser->part_bytes, in.data, take);
        if (buf_err(&parser->part_bytes) != OK) {
            return refuse(ERR_NOMEM, why, "out of memory");
        }
        in = span_of(in.data + take, in.len - take);
        if (parser->part_bytes.len == parser->need) {
            err = take_part(parser, why);
        }
    }
    return err;
}

enum err image_parser_end(const struct image_parser *parser, char why[256]) {
    return parser->part == IMAGE_DONE
               ? OK
               : refuse(ERR_INVALID, why,
                        "the image is cut short after %llu bytes, in block %u",
                        (unsigned long long)parser->bytes, parser->block);
}
