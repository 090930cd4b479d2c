/* store_blob_node: nodes by id (the walk's place under id 0), and the rule of places. */
#include "store/store_blob_node.h"

#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_member.h"
#include "store/store_table.h"

#define ROW_VERSION 1

static void version(struct fields *f) {
    uint8_t number = ROW_VERSION;

    field_u8(f, &number);
    field_rule(f, number == ROW_VERSION);
}

static void node_fields(struct fields *f, struct blob_node *node) {
    version(f);
    FIELD_ENUM(f, node->state, BLOB_NODE_KEEPS, BLOB_NODE_LOST);
    field_u32(f, &node->lease_ms);
    field_u64(f, &node->until_ms);
    field_rule(f, (node->state == BLOB_NODE_LOST) == (node->until_ms == 0));
}

static void walk_fields(struct fields *f, struct blob_walk *walk) {
    version(f);
    field_fixed(f, walk->next.b, sizeof walk->next.b);
    field_u64(f, &walk->at_ms);
}

struct key_hash store_blob_node_mark(uint64_t node) {
    struct key_hash mark = {{0}};

    store_key_u64(mark.b, node);
    return mark;
}

uint64_t store_blob_node_of(struct key_hash mark) {
    return store_key_u64_of(mark.b);
}

static enum err row_of(struct store_read *read, uint64_t node, struct span *ret_row) {
    uint8_t key[8];

    store_key_u64(key, node);
    return store_table_get(read, TABLE_BLOB_NODE, span_of(key, sizeof key), ret_row);
}

static enum err row_del(struct store_write *write, uint64_t node) {
    uint8_t key[8];

    store_key_u64(key, node);
    return store_table_del(write, TABLE_BLOB_NODE, span_of(key, sizeof key));
}

static enum err row_put(struct store_write *write, uint64_t node, struct buf *row,
                        const struct fields *f) {
    uint8_t key[8];
    enum err err = fields_end(f);

    store_key_u64(key, node);
    return err == OK ? store_table_put_row(write, TABLE_BLOB_NODE,
                                           span_of(key, sizeof key), row)
                     : err;
}

/* --- nodes --- */

enum err store_blob_node_get(struct store_read *read, uint64_t node,
                             struct blob_node *ret_node) {
    struct blob_node found = {.node = node};
    struct fields f;
    struct span row;
    enum err err = node == 0 ? ERR_NOT_FOUND : row_of(read, node, &row);

    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    node_fields(&f, &found);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    *ret_node = found;
    return OK;
}

enum err store_blob_node_put(struct store_write *write, const struct blob_node *node) {
    struct blob_node row = *node, old = {.until_ms = 0};
    struct buf *out;
    struct fields f;
    enum err err = store_blob_node_get(store_write_reader(write), node->node, &old);

    if (err == ERR_NOT_FOUND) {
        err = OK;
    }
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_BLOB_NODE,
                                store_blob_node_mark(node->node), old.until_ms,
                                row.until_ms);
    }
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    node_fields(&f, &row);
    return row_put(write, node->node, out, &f);
}

enum err store_blob_node_del(struct store_write *write, uint64_t node) {
    struct blob_node old;
    enum err err = store_blob_node_get(store_write_reader(write), node, &old);

    if (err == ERR_NOT_FOUND) {
        return OK;
    }
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_BLOB_NODE, store_blob_node_mark(node),
                                old.until_ms, 0);
    }
    return err == OK ? row_del(write, node) : err;
}

/* --- the walk --- */

enum err store_blob_walk_get(struct store_read *read, struct blob_walk *ret_walk) {
    struct blob_walk walk = {.at_ms = 0};
    struct fields f;
    struct span row;
    enum err err = row_of(read, 0, &row);

    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    walk_fields(&f, &walk);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    *ret_walk = walk;
    return OK;
}

static enum err walk_move(struct store_write *write, uint64_t at_ms) {
    struct blob_walk old = {.at_ms = 0};
    enum err err = store_blob_walk_get(store_write_reader(write), &old);

    return err == OK || err == ERR_NOT_FOUND
               ? store_expiry_move(write, EXPIRY_BLOB_NODE, store_blob_node_mark(0),
                                   old.at_ms, at_ms)
               : err;
}

enum err store_blob_walk_put(struct store_write *write, const struct blob_walk *walk) {
    struct blob_walk row = *walk;
    struct buf *out;
    struct fields f;
    enum err err = walk_move(write, row.at_ms);

    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    walk_fields(&f, &row);
    return row_put(write, 0, out, &f);
}

enum err store_blob_walk_del(struct store_write *write) {
    enum err err = walk_move(write, 0);

    return err == OK ? row_del(write, 0) : err;
}

/* --- places --- */

/* Regions are told apart by the first member that names one. */
static uint64_t region_of(const struct member *members, size_t i) {
    size_t first = 0;

    while (strcmp(members[first].region, members[i].region) != 0) {
        first++;
    }
    return first;
}

enum err store_blob_places(struct store_read *read, struct blob_places *ret_places) {
    struct member members[LIMIT_NODES];
    struct blob_places places = {.any = store_member_rows(read) == 0};
    size_t count = 0;
    enum err err = store_member_list(read, members, &count);

    for (size_t i = 0; i < count && err == OK; i++) {
        struct blob_place *place = &places.at[places.count];
        struct blob_node node = {.state = BLOB_NODE_KEEPS};
        if (members[i].role == MEMBER_GONE) {
            continue;
        }
        err = store_blob_node_get(read, members[i].id, &node);
        err = err == ERR_NOT_FOUND ? OK : err;
        *place = (struct blob_place){members[i].id, region_of(members, i),
                                     node.state == BLOB_NODE_LOST};
        places.count++;
        places.doubted = places.doubted || node.state == BLOB_NODE_DOUBTED;
    }
    if (err == OK) {
        *ret_places = places;
    }
    return err;
}

static const struct blob_place *place_of(const struct blob_places *places,
                                         uint64_t node) {
    for (size_t i = 0; i < places->count; i++) {
        if (places->at[i].node == node) {
            return &places->at[i];
        }
    }
    return NULL;
}

bool store_blob_may_hold(const struct blob_places *places, uint64_t node) {
    return places->any || place_of(places, node) != NULL;
}

size_t store_blob_places_up(const struct blob_places *places) {
    size_t up = 0;

    for (size_t i = 0; i < places->count; i++) {
        up += places->at[i].lost ? 0 : 1;
    }
    return up;
}

/* A bit for each region that has a copy which counts. */
_Static_assert(LIMIT_NODES <= 64, "regions do not fit into a mask");

static size_t copies_of(const struct blob_places *places, const struct blob_row *blob,
                        uint64_t *ret_regions) {
    size_t copies = 0;

    *ret_regions = 0;
    for (size_t i = 0; i < blob->holders_count; i++) {
        const struct blob_place *place = place_of(places, blob->holders[i]);
        if (places->any || (place != NULL && !place->lost)) {
            copies++;
            *ret_regions |= place != NULL ? 1ull << place->region : 1;
        }
    }
    return copies;
}

size_t store_blob_copies(const struct blob_places *places, const struct blob_row *blob,
                         size_t *ret_regions) {
    uint64_t regions;
    size_t copies = copies_of(places, blob, &regions);

    *ret_regions = (size_t)__builtin_popcountll(regions);
    return copies;
}

bool store_blob_is_short(const struct blob_places *places, const struct blob_row *blob) {
    uint64_t held, all = 0;
    size_t copies = copies_of(places, blob, &held);

    for (size_t i = 0; i < places->count; i++) {
        all |= places->at[i].lost ? 0 : 1ull << places->at[i].region;
    }
    return copies < BLOB_COPIES ||
           (__builtin_popcountll(held) < 2 && __builtin_popcountll(all) >= 2);
}

bool store_blob_spare(const struct blob_places *places, const struct blob_row *blob,
                      uint64_t node) {
    struct blob_row without = *blob;
    uint64_t regions;

    if (places->any || places->doubted || !store_blob_held_by(blob, node) ||
        copies_of(places, blob, &regions) <= BLOB_COPIES) {
        return false;
    }
    without.holders_count = 0;
    for (size_t i = 0; i < blob->holders_count; i++) {
        if (blob->holders[i] != node) {
            without.holders[without.holders_count++] = blob->holders[i];
        }
    }
    return copies_of(places, &without, &regions) >= BLOB_COPIES &&
           !store_blob_is_short(places, &without);
}

/* Ids are hashes: any mix of them with the node's number spreads the work. */
static uint64_t weight_of(const struct blob_row *blob, uint64_t node) {
    uint64_t x = store_key_u64_of(blob->id.b) ^ (node * 0x9e3779b97f4a7c15ull);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* Does `a` come before `b`? */
static bool precedes(const struct blob_row *blob, uint64_t regions,
                     const struct blob_place *a, const struct blob_place *b) {
    bool a_new = (regions >> a->region & 1) == 0, b_new = (regions >> b->region & 1) == 0;
    uint64_t a_weight = weight_of(blob, a->node), b_weight = weight_of(blob, b->node);

    if (a_new != b_new) {
        return a_new;
    }
    return a_weight != b_weight ? a_weight > b_weight : a->node < b->node;
}

bool store_blob_turn(const struct blob_places *places, const struct blob_row *blob,
                     uint64_t node, bool (*up)(void *arg, uint64_t node), void *arg,
                     size_t *ret_turn) {
    const struct blob_place *self = place_of(places, node);
    uint64_t regions;
    size_t copies = copies_of(places, blob, &regions), turn = 0;

    if (self == NULL || store_blob_held_by(blob, node) ||
        !store_blob_is_short(places, blob)) {
        return false;
    }
    /* Only another region's copy is wanted. */
    if (copies >= BLOB_COPIES && (regions >> self->region & 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < places->count; i++) {
        const struct blob_place *place = &places->at[i];
        if (place->node != node && !place->lost &&
            !store_blob_held_by(blob, place->node) &&
            precedes(blob, regions, place, self) &&
            (up == NULL || up(arg, place->node))) {
            turn++;
        }
    }
    *ret_turn = turn;
    return true;
}
