/* The image of a state, from a peer or a file. The input is taken as a whole image,
 * as the body of a head, and as the rows of a block whose hashes are right, which the
 * fuzzer could not find by itself. What is accepted must be what was counted. */
#include "store/base/check.h"
#include "tests/unit/store/image_made.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err take_head(void *arg, const struct image_head *head, char why[256]) {
    (void)arg;
    (void)why;
    CHECK(head->members_count <= LIMIT_NODES && head->meta.applied_index > 0);
    return OK;
}

static enum err take_row(void *arg, enum store_table table, struct span key,
                         struct span value, char why[256]) {
    uint64_t *rows = arg;
    (void)why;
    CHECK(table > TABLE_META && table < TABLE_COUNT);
    CHECK(key.len > 0 && key.len <= IMAGE_KEY_MAX && value.len <= IMAGE_VALUE_MAX);
    ++*rows;
    return OK;
}

/* In two pieces: where a stream is cut must not matter. */
static void parse(struct span image, size_t cut) {
    struct image_parser parser;
    char why[256] = "";
    uint64_t rows = 0;
    image_parser_init(&parser);
    parser.on_head = take_head;
    parser.on_row = take_row;
    parser.arg = &rows;
    enum err err = image_parser_feed(&parser, span_of(image.data, cut), why);
    if (err == OK) {
        err =
            image_parser_feed(&parser, span_of(image.data + cut, image.len - cut), why);
    }
    if (err == OK) {
        err = image_parser_end(&parser, why);
    }
    CHECK((err == OK) == (why[0] == '\0'));
    CHECK(err != OK || rows == parser.head.rows);
    image_parser_close(&parser);
}

static void parse_made(struct image_made *made) {
    parse(buf_span(&made->bytes), made->bytes.len / 2);
    image_made_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct image_head head = {.meta = {.applied_index = 1, .applied_term = 1}};
    struct image_made made;
    struct buf encoded;

    parse(span_of(data, size), size > 0 ? data[0] % size : 0);
    image_made_head(
        &made,
        span_of(data, size > STORE_IMAGE_HEAD_MAX ? STORE_IMAGE_HEAD_MAX : size));
    image_made_end(&made, 0, (struct store_digest){0});
    parse_made(&made);
    buf_init(&encoded, STORE_IMAGE_HEAD_MAX);
    image_head_encode(&head, &encoded);
    image_made_head(&made, span_of(encoded.data + 16, encoded.len - 16 - IMAGE_HASH));
    buf_free(&encoded);
    if (size > 0) {
        image_made_block(&made, span_of(data, size));
    }
    image_made_end(&made, 0, (struct store_digest){0});
    parse_made(&made);
    return 0;
}
