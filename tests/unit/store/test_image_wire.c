/* What an image is refused for although all its hashes are right: the head's members,
 * the order and bounds of rows, tables, counts and the digest. */
#include "store/store_image_wire.h"
#include "store/store_lmdb.h"
#include "tests/unit/store/image_made.h"
#include "tests/unit/store/unit.h"

struct row {
    uint8_t table;
    const char *key, *value;
};

static const struct row good_rows[] = {{TABLE_ACCOUNT, "a", "1"},
                                       {TABLE_ACCOUNT, "aa", ""},
                                       {TABLE_ACCOUNT, "b", "3"},
                                       {TABLE_LOGIN, "a", "4"}};
#define GOOD_ROWS (sizeof(good_rows) / sizeof(good_rows[0]))

static struct image_head good_head(void) {
    return (struct image_head){
        .meta = {.applied_index = 9, .applied_term = 2},
        .configuration_index = 9,
        .members = {{.id = 1, .address = "127.0.0.1:7001", .role = 1},
                    {.id = 2, .address = "127.0.0.1:7002", .role = 0},
                    {.id = 3, .address = "127.0.0.1:7003", .role = 2}},
        .members_count = 3};
}

/* The parts of an image that a test may change before it is put together. */
struct draft {
    struct image_head head;
    struct buf rows;
    uint64_t end_rows;
    struct store_digest end_digest;
};

static void add_row(struct draft *draft, uint8_t table, struct span key,
                    struct span value) {
    struct buf scratch;
    buf_init(&scratch, LIMIT_COMMAND + 1024);
    image_made_row(&draft->rows, table, key, value);
    draft->head.rows++;
    draft->end_rows++;
    assert_ok(store_digest_row(&scratch, (enum store_table)table, key, value,
                               &draft->head.meta.digest));
    draft->end_digest = draft->head.meta.digest;
    buf_free(&scratch);
}

static void draft_init(struct draft *draft, const struct row *rows, size_t count) {
    *draft = (struct draft){.head = good_head()};
    buf_init(&draft->rows, 2 * STORE_IMAGE_BLOCK);
    for (size_t i = 0; i < count; i++) {
        add_row(draft, rows[i].table, span_str(rows[i].key), span_str(rows[i].value));
    }
}

/* Puts the image together and verifies it; ends the draft. */
static enum err verdict(struct draft *draft, char why[256]) {
    struct image_made made;
    struct buf head;
    buf_init(&head, STORE_IMAGE_HEAD_MAX);
    image_head_encode(&draft->head, &head);
    assert_ok(buf_err(&head));
    image_made_head(&made, span_of(head.data + 16, head.len - 16 - IMAGE_HASH));
    assert_int_equal(made.bytes.len, head.len);
    assert_memory_equal(made.bytes.data, head.data, head.len);
    if (draft->rows.len > 0) {
        image_made_block(&made, buf_span(&draft->rows));
    }
    image_made_end(&made, draft->end_rows, draft->end_digest);
    why[0] = '\0';
    enum err err = image_made_verify(&made, why);
    image_made_free(&made);
    buf_free(&head);
    buf_free(&draft->rows);
    return err;
}

static void assert_refused(struct draft *draft, enum err want, const char *because) {
    char why[256];
    enum err err = verdict(draft, why);
    assert_int_equal(err, want);
    if (strstr(why, because) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why, because);
    }
}

static void test_sound(void **state) {
    (void)state;
    struct draft draft;
    char why[256];
    draft_init(&draft, good_rows, GOOD_ROWS);
    assert_ok(verdict(&draft, why));
    draft_init(&draft, NULL, 0); /* of an empty state */
    assert_ok(verdict(&draft, why));
}

static void test_order_of_rows(void **state) {
    (void)state;
    static const struct row bad[][2] = {
        {{TABLE_ACCOUNT, "b", ""}, {TABLE_ACCOUNT, "a", ""}},
        {{TABLE_ACCOUNT, "a", ""}, {TABLE_ACCOUNT, "a", ""}},
        {{TABLE_ACCOUNT, "a", ""}, {TABLE_ACCOUNT, "a", "other"}},
        {{TABLE_ACCOUNT, "aa", ""}, {TABLE_ACCOUNT, "a", ""}},
        {{TABLE_LOGIN, "a", ""}, {TABLE_ACCOUNT, "b", ""}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct draft draft;
        draft_init(&draft, bad[i], 2);
        assert_refused(&draft, ERR_INVALID, "row 2 in block 1 of the image is cut");
    }
}

static void test_bounds_of_rows(void **state) {
    (void)state;
    static uint8_t bytes[IMAGE_VALUE_MAX + 1];
    struct draft draft;
    char why[256];
    draft_init(&draft, good_rows, GOOD_ROWS);
    add_row(&draft, TABLE_LOGIN, span_of("zzz", 3), span_of(bytes, IMAGE_VALUE_MAX));
    memset(bytes, 'z', sizeof(bytes));
    add_row(&draft, TABLE_LOGIN, span_of(bytes, IMAGE_KEY_MAX), span_of(NULL, 0));
    assert_ok(verdict(&draft, why));
    draft_init(&draft, good_rows, GOOD_ROWS);
    add_row(&draft, TABLE_LOGIN, span_of(bytes, IMAGE_KEY_MAX + 1), span_of(NULL, 0));
    assert_refused(&draft, ERR_INVALID, "row 5 in block 1 of the image is malformed");
    draft_init(&draft, good_rows, GOOD_ROWS);
    add_row(&draft, TABLE_LOGIN, span_of(NULL, 0), span_of("v", 1));
    assert_refused(&draft, ERR_INVALID, "row 5 in block 1 of the image is malformed");
    draft_init(&draft, good_rows, GOOD_ROWS);
    image_made_row(&draft.rows, TABLE_LOGIN, span_of("z", 1),
                   span_of(bytes, sizeof(bytes)));
    assert_refused(&draft, ERR_INVALID, "row 5 in block 1 of the image is malformed");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.rows.len--; /* the last row's value goes beyond the block */
    assert_refused(&draft, ERR_INVALID, "row 4 in block 1 of the image is cut");
}

static void test_tables(void **state) {
    (void)state;
    struct draft draft;
    draft_init(&draft, NULL, 0);
    add_row(&draft, TABLE_META, span_str("meta"), span_str("x"));
    assert_refused(&draft, ERR_INVALID, "belongs to table 0");
    draft_init(&draft, good_rows, GOOD_ROWS);
    add_row(&draft, TABLE_COUNT, span_str("k"), span_str("x"));
    assert_refused(&draft, ERR_VERSION, "which this release does not know");
}

static void test_counts_and_digest(void **state) {
    (void)state;
    struct draft draft;
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.rows++;
    assert_refused(&draft, ERR_INVALID, "has 4 rows, and was to have 5");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.end_rows = ++draft.head.rows;
    assert_refused(&draft, ERR_INVALID, "has 4 rows, and was to have 5");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.end_rows--;
    assert_refused(&draft, ERR_INVALID, "rows");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.meta.digest.hi ^= 1;
    assert_refused(&draft, ERR_INVALID, "do not add up to its digest");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.end_digest.lo ^= 1;
    assert_refused(&draft, ERR_INVALID, "do not add up to its digest");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.meta.digest.lo ^= 1; /* both agree, and the rows do not */
    draft.end_digest = draft.head.meta.digest;
    assert_refused(&draft, ERR_INVALID, "do not add up to its digest");
}

static void test_head(void **state) {
    (void)state;
    struct draft draft;
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.members[1].id = 1;
    assert_refused(&draft, ERR_INVALID, "member 2 in the image's head");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.members[2].id = 0;
    assert_refused(&draft, ERR_INVALID, "member 3 in the image's head");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.members[2].role = 3;
    assert_refused(&draft, ERR_INVALID, "member 3 in the image's head");
    static const char *const addresses[] = {"", "127.0.0.1:7001", "localhost:7003",
                                            "127.0.0.1", "127.0.0.1:70000"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        draft_init(&draft, good_rows, GOOD_ROWS);
        memset(draft.head.members[2].address, 0, sizeof(draft.head.members[2].address));
        memcpy(draft.head.members[2].address, addresses[i], strlen(addresses[i]));
        assert_refused(&draft, ERR_INVALID, "member 3 in the image's head");
    }
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.configuration_index = 10;
    assert_refused(&draft, ERR_INVALID, "contradicts itself");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.meta.applied_index = 0;
    draft.head.configuration_index = 0;
    assert_refused(&draft, ERR_INVALID, "contradicts itself");
    draft_init(&draft, good_rows, GOOD_ROWS);
    draft.head.meta.applied_term = 0;
    assert_refused(&draft, ERR_INVALID, "contradicts itself");
}

/* Blocks that are left out, doubled or exchanged, each of them sound by itself. */
static void test_order_of_blocks(void **state) {
    (void)state;
    static const uint32_t orders[][3] = {{2, 0, 0}, {1, 1, 0}, {2, 1, 0}, {1, 3, 0}};
    struct draft draft;
    struct buf head;
    char why[256];
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct image_made made;
        draft_init(&draft, good_rows, GOOD_ROWS);
        buf_init(&head, STORE_IMAGE_HEAD_MAX);
        image_head_encode(&draft.head, &head);
        image_made_head(&made, span_of(head.data + 16, head.len - 16 - IMAGE_HASH));
        for (size_t k = 0; orders[i][k] != 0; k++) {
            char key[2] = {'a', (char)('0' + k)};
            struct buf row;
            buf_init(&row, 64);
            image_made_row(&row, TABLE_LOGIN, span_of(key, 2), span_of(NULL, 0));
            made.block = orders[i][k] - 1;
            image_made_block(&made, buf_span(&row));
            buf_free(&row);
        }
        image_made_end(&made, 2, draft.end_digest);
        assert_int_equal(image_made_verify(&made, why), ERR_INVALID);
        assert_non_null(strstr(why, "comes block"));
        image_made_free(&made);
        buf_free(&head);
        buf_free(&draft.rows);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_order_of_rows),
        cmocka_unit_test(test_bounds_of_rows),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_counts_and_digest),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_order_of_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
