#include "raft/repl_marker.h"

#include <string.h>

#include "store/base/codec.h"

static const uint8_t magic[8] = {'T', 'A', 'S', 'U', 'K', 'I', 'M', '1'};

static void put(uint8_t *out, uint64_t value) {
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void repl_marker_encode(const struct repl_marker *marker,
                        uint8_t out[REPL_MARKER_LEN]) {
    memcpy(out, magic, sizeof(magic));
    put(out + 8, marker->index);
    put(out + 16, marker->term);
    memcpy(out + 24, marker->cluster_id.b, sizeof(marker->cluster_id.b));
}

enum err repl_marker_decode(struct span in, struct repl_marker *ret_marker) {
    struct reader r = reader_of(in);
    struct span word = read_bytes(&r, sizeof(magic));
    ret_marker->index = read_u64(&r);
    ret_marker->term = read_u64(&r);
    struct span cluster = read_bytes(&r, sizeof(ret_marker->cluster_id.b));
    if (r.bad || reader_left(&r) != 0 ||
        !span_equal(word, span_of(magic, sizeof(magic)))) {
        return ERR_INVALID;
    }
    memcpy(ret_marker->cluster_id.b, cluster.data, cluster.len);
    return OK;
}
