/* store_member: members by id, and the settings of the cluster.
 *
 *   member:  u8 version | u8 role | u8 settled | u8 was | u64 changed_index |
 *            u8 length, address | u8 length, region
 *   regions: u8 version | u8 count | per region u8 length, name */
#include "store/store_member.h"

#include <arpa/inet.h>

#include "store/store_table.h"

#define MEMBER_VERSION 1
#define REGIONS_VERSION 1
#define REGIONS_KEY "leader_regions"

/* 1 to 65535 in decimal without leading zeros. */
static bool port_ok(const char *text) {
    size_t len = strlen(text);
    unsigned long port = 0;

    if (len == 0 || len > 5 || text[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port <= 65535;
}

bool store_member_address_ok(const char *address) {
    const char *colon = strchr(address, ':');
    char host[INET_ADDRSTRLEN];
    char again[INET_ADDRSTRLEN];
    struct in_addr parsed;
    size_t len;

    if (colon == NULL) {
        return false;
    }
    len = (size_t)(colon - address);
    if (len >= sizeof host) {
        return false;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    return inet_pton(AF_INET, host, &parsed) == 1 &&
           inet_ntop(AF_INET, &parsed, again, sizeof again) != NULL &&
           strcmp(host, again) == 0 && port_ok(colon + 1);
}

bool store_member_region_ok(const char *region) {
    size_t len = strlen(region);

    for (size_t i = 0; i < len; i++) {
        char c = region[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return len > 0 && len < sizeof((struct member *)0)->region;
}

const char *store_member_change(enum member_role role) {
    switch (role) {
    case MEMBER_STANDBY:
        return "added";
    case MEMBER_VOTER:
        return "promoted";
    case MEMBER_GONE:
        return "removed";
    }
    return "changed";
}

static bool role_ok(int role) {
    return role >= MEMBER_STANDBY && role <= MEMBER_GONE;
}

static bool member_ok(const struct member *m) {
    return m->id > 0 && m->id <= STORE_MEMBER_ID_MAX &&
           memchr(m->address, '\0', sizeof m->address) != NULL &&
           memchr(m->region, '\0', sizeof m->region) != NULL &&
           store_member_address_ok(m->address) && store_member_region_ok(m->region) &&
           role_ok((int)m->role) && role_ok((int)m->was) &&
           (!m->settled || m->was == m->role);
}

static void put_text(struct buf *out, const char *text) {
    size_t len = strlen(text);
    put_u8(out, (uint8_t)len);
    buf_put(out, text, len);
}

/* Into an array of `size` bytes, terminated. A NUL inside would name two things. */
static bool read_text(struct reader *in, char *out, size_t size) {
    size_t len = read_u8(in);
    struct span text = read_bytes(in, len);

    if (in->bad || len >= size || memchr(text.data, '\0', len) != NULL) {
        return false;
    }
    memcpy(out, text.data, len);
    out[len] = '\0';
    return true;
}

enum err store_member_encode(const struct member *member,
                             uint8_t ret_key[STORE_MEMBER_KEY], struct buf *out) {
    if (!member_ok(member)) {
        return ERR_INVALID;
    }
    store_key_u64(ret_key, member->id);
    put_u8(out, MEMBER_VERSION);
    put_u8(out, (uint8_t)member->role);
    put_u8(out, member->settled ? 1 : 0);
    put_u8(out, (uint8_t)member->was);
    put_u64(out, member->changed_index);
    put_text(out, member->address);
    put_text(out, member->region);
    return buf_err(out);
}

static enum err member_decode(struct span key, struct span row,
                              struct member *ret_member) {
    struct reader in = reader_of(row);
    struct member member = {0};
    uint8_t settled;

    if (key.len != STORE_MEMBER_KEY || read_u8(&in) != MEMBER_VERSION) {
        return ERR_CORRUPT;
    }
    member.id = store_key_u64_of(key.data);
    member.role = (enum member_role)read_u8(&in);
    settled = read_u8(&in);
    member.settled = settled == 1;
    member.was = (enum member_role)read_u8(&in);
    member.changed_index = read_u64(&in);
    if (settled > 1 || !read_text(&in, member.address, sizeof member.address) ||
        !read_text(&in, member.region, sizeof member.region) || in.bad ||
        reader_left(&in) != 0 || !member_ok(&member)) {
        return ERR_CORRUPT;
    }
    *ret_member = member;
    return OK;
}

enum err store_member_get(struct store_read *read, uint64_t id,
                          struct member *ret_member) {
    uint8_t key[STORE_MEMBER_KEY];
    struct span row;
    enum err err;

    store_key_u64(key, id);
    err = store_table_get(read, TABLE_MEMBER, span_of(key, sizeof key), &row);
    return err == OK ? member_decode(span_of(key, sizeof key), row, ret_member) : err;
}

enum err store_member_put(struct store_write *write, const struct member *member) {
    struct buf *row = store_table_row(write);
    uint8_t key[STORE_MEMBER_KEY];
    enum err err = store_member_encode(member, key, row);

    return err == OK
               ? store_table_put_row(write, TABLE_MEMBER, span_of(key, sizeof key), row)
               : err;
}

enum err store_member_list(struct store_read *read,
                           struct member ret_members[LIMIT_NODES], size_t *ret_count) {
    struct store_cursor cursor;
    struct member member;
    struct span key, row;
    size_t count = 0;
    enum err err =
        store_cursor_open(read, TABLE_MEMBER, span_of(NULL, 0), &cursor, &key, &row);

    if (err == ERR_NOT_FOUND) {
        *ret_count = 0;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    while (err == OK) {
        err = member_decode(key, row, &member);
        if (err == OK && !(member.role == MEMBER_GONE && member.settled)) {
            if (count == LIMIT_NODES) {
                err = ERR_CORRUPT;
                break;
            }
            ret_members[count++] = member;
        }
        if (err == OK) {
            err = store_cursor_next(&cursor, &key, &row);
        }
    }
    store_cursor_close(&cursor);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_count = count;
    return OK;
}

uint64_t store_member_rows(struct store_read *read) {
    return store_table_rows(read, TABLE_MEMBER);
}

static bool region_at_ok(const char region[32]) {
    return memchr(region, '\0', 32) != NULL && store_member_region_ok(region);
}

static enum err regions_decode(struct span row, struct leader_regions *ret_regions) {
    struct reader in = reader_of(row);
    struct leader_regions regions = {0};

    if (read_u8(&in) != REGIONS_VERSION) {
        return ERR_CORRUPT;
    }
    regions.count = read_u8(&in);
    if (regions.count > STORE_REGIONS_MAX) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < regions.count; i++) {
        if (!read_text(&in, regions.region[i], sizeof regions.region[i]) ||
            !store_member_region_ok(regions.region[i])) {
            return ERR_CORRUPT;
        }
    }
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_regions = regions;
    return OK;
}

enum err store_leader_regions_get(struct store_read *read,
                                  struct leader_regions *ret_regions) {
    struct span row;
    enum err err = store_table_get(read, TABLE_CLUSTER, span_str(REGIONS_KEY), &row);

    if (err == ERR_NOT_FOUND) {
        *ret_regions = (struct leader_regions){.count = 0};
        return OK;
    }
    return err == OK ? regions_decode(row, ret_regions) : err;
}

enum err store_leader_regions_put(struct store_write *write,
                                  const struct leader_regions *regions) {
    struct buf *row = store_table_row(write);

    if (regions->count > STORE_REGIONS_MAX) {
        return ERR_INVALID;
    }
    put_u8(row, REGIONS_VERSION);
    put_u8(row, (uint8_t)regions->count);
    for (size_t i = 0; i < regions->count; i++) {
        if (!region_at_ok(regions->region[i])) {
            return ERR_INVALID;
        }
        put_text(row, regions->region[i]);
    }
    return store_table_put_row(write, TABLE_CLUSTER, span_str(REGIONS_KEY), row);
}
