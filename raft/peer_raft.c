#include "raft/peer_raft.h"

#include "store/base/check.h"
#include "store/base/codec.h"

/* Indexes and terms beyond this are nonsense, and would overflow sums. */
#define NUMBER_MAX (UINT64_C(1) << 62)

static void put_entries(const struct raft_append_entries *args, unsigned first,
                        unsigned end, struct buf *out) {
    /* The entry before `first` is the previous one of this part. */
    raft_term prev_term =
        first == 0 ? args->prev_log_term : args->entries[first - 1].term;
    put_u64(out, args->term);
    put_u64(out, args->prev_log_index + first);
    put_u64(out, prev_term);
    put_u64(out, args->leader_commit);
    put_u32(out, end - first);
    for (unsigned i = first; i < end; i++) {
        put_u64(out, args->entries[i].term);
        put_u32(out, (uint32_t)args->entries[i].type);
        put_u32(out, (uint32_t)args->entries[i].buf.len);
    }
    for (unsigned i = first; i < end; i++) {
        buf_put(out, args->entries[i].buf.base, args->entries[i].buf.len);
    }
}

static enum err encode_append(const struct raft_append_entries *args, unsigned first,
                              struct buf *out, unsigned *ret_next) {
    size_t bytes = 0;
    unsigned end = first;
    while (end < args->n_entries && end - first < PEER_RAFT_ENTRIES) {
        size_t len = args->entries[end].buf.len;
        if (len > LIMIT_FRAME || len % 8 != 0 || len == 0) {
            return ERR_TOO_BIG;
        }
        /* A follower's libraft takes a configuration for one at the index of the first
         * new entry, and then never for committed: so each begins a message. */
        if (end > first &&
            (bytes + len > PEER_RAFT_BYTES || args->entries[end].type == RAFT_CHANGE)) {
            break;
        }
        bytes += len;
        end++;
    }
    put_entries(args, first, end, out);
    *ret_next = end;
    return OK;
}

enum err peer_raft_encode(const struct raft_message *message, unsigned first,
                          struct buf *out, unsigned *ret_next) {
    size_t start = peer_message_begin(PEER_RAFT, out);
    enum err err = OK;
    unsigned next = 1;
    put_u8(out, (uint8_t)message->type);
    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        put_u8(out, message->append_entries.version);
        err = encode_append(&message->append_entries, first, out, &next);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        put_u8(out, message->append_entries_result.version);
        put_u64(out, message->append_entries_result.term);
        put_u64(out, message->append_entries_result.rejected);
        put_u64(out, message->append_entries_result.last_log_index);
        put_u16(out, message->append_entries_result.features);
        put_u16(out, message->append_entries_result.capacity);
        break;
    case RAFT_REQUEST_VOTE:
        put_u8(out, message->request_vote.version);
        put_u64(out, message->request_vote.term);
        put_u64(out, message->request_vote.candidate_id);
        put_u64(out, message->request_vote.last_log_index);
        put_u64(out, message->request_vote.last_log_term);
        put_u8(out, (uint8_t)((message->request_vote.disrupt_leader ? 1 : 0) |
                              (message->request_vote.pre_vote ? 2 : 0)));
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        put_u8(out, message->request_vote_result.version);
        put_u64(out, message->request_vote_result.term);
        put_u8(out, (uint8_t)((message->request_vote_result.vote_granted ? 1 : 0) |
                              (message->request_vote_result.pre_vote ? 2 : 0)));
        put_u16(out, message->request_vote_result.features);
        put_u16(out, message->request_vote_result.capacity);
        break;
    case RAFT_TIMEOUT_NOW:
        put_u8(out, message->timeout_now.version);
        put_u64(out, message->timeout_now.term);
        put_u64(out, message->timeout_now.last_log_index);
        put_u64(out, message->timeout_now.last_log_term);
        break;
    default:
        err = ERR_VERSION;
        break;
    }
    if (err != OK) {
        return err;
    }
    if (buf_err(out) != OK) {
        return buf_err(out);
    }
    peer_message_end(start, out);
    *ret_next = next;
    return OK;
}

/* A configuration entry, which libraft decodes without looking at its length:
 * u8 1 | u64 n | n times: u64 id, address and NUL, u8 role | zeros to 8. */
static bool configuration_valid(struct span in) {
    struct reader r = reader_of(in);
    if (read_u8(&r) != 1) {
        return false;
    }
    uint64_t count = read_u64(&r);
    if (r.bad || count == 0 || count > LIMIT_NODES) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t id = read_u64(&r);
        const uint8_t *nul = r.bad ? NULL : memchr(r.at, 0, reader_left(&r));
        if (id == 0 || nul == NULL || nul - r.at > 63) {
            return false;
        }
        (void)read_bytes(&r, (size_t)(nul - r.at) + 1);
        if (read_u8(&r) > RAFT_SPARE || r.bad) {
            return false;
        }
    }
    if (reader_left(&r) >= 8) {
        return false;
    }
    while (reader_left(&r) > 0) {
        if (read_u8(&r) != 0) {
            return false;
        }
    }
    return true;
}

static bool number_ok(uint64_t n) {
    return n <= NUMBER_MAX;
}

/* (index, term): both zero, or neither. */
static bool position_ok(uint64_t index, uint64_t term) {
    return number_ok(index) && number_ok(term) && (index == 0) == (term == 0);
}

/* Read the entries' headers, and check that their bytes are what is left. */
static enum err get_entry_headers(struct reader *r, uint64_t term,
                                  struct raft_entry *entries, unsigned count) {
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        entries[i].term = read_u64(r);
        uint32_t type = read_u32(r);
        uint32_t len = read_u32(r);
        if (type < RAFT_COMMAND || type > RAFT_CHANGE || len == 0 || len % 8 != 0 ||
            len > LIMIT_FRAME || entries[i].term == 0 || entries[i].term > term ||
            (type == RAFT_CHANGE && i > 0)) {
            return ERR_INVALID;
        }
        entries[i].type = (enum raft_entry_type)type;
        entries[i].buf.len = len;
        bytes += len; /* at most PEER_RAFT_ENTRIES * LIMIT_FRAME: no overflow */
    }
    return r->bad || bytes != reader_left(r) ? ERR_INVALID : OK;
}

static enum err get_entries(struct reader *r, struct raft_append_entries *args,
                            unsigned count) {
    enum err err;
    uint8_t *batch = NULL;
    struct raft_entry *entries = raft_calloc(count, sizeof(*entries));
    if (entries == NULL) {
        return ERR_NOMEM;
    }
    err = get_entry_headers(r, args->term, entries, count);
    if (err != OK) {
        goto fail;
    }
    struct span payload = read_bytes(r, reader_left(r));
    batch = raft_malloc(payload.len);
    if (batch == NULL) {
        err = ERR_NOMEM;
        goto fail;
    }
    memcpy(batch, payload.data, payload.len);
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        entries[i].buf.base = batch + at;
        entries[i].batch = batch;
        if (entries[i].type == RAFT_CHANGE &&
            !configuration_valid(span_of(batch + at, entries[i].buf.len))) {
            err = ERR_INVALID;
            goto fail;
        }
        at += entries[i].buf.len;
    }
    args->entries = entries;
    args->n_entries = count;
    return OK;
fail:
    raft_free(batch);
    raft_free(entries);
    return err;
}

static enum err get_append(struct reader *r, struct raft_append_entries *args) {
    args->term = read_u64(r);
    args->prev_log_index = read_u64(r);
    args->prev_log_term = read_u64(r);
    args->leader_commit = read_u64(r);
    uint32_t count = read_u32(r);
    if (r->bad || args->term == 0 || !number_ok(args->term) ||
        !position_ok(args->prev_log_index, args->prev_log_term) ||
        args->prev_log_term > args->term || !number_ok(args->leader_commit) ||
        count > PEER_RAFT_ENTRIES || (size_t)count * 16 > reader_left(r)) {
        return ERR_INVALID;
    }
    return count == 0 ? OK : get_entries(r, args, count);
}

static enum err get_append_result(struct reader *r,
                                  struct raft_append_entries_result *result) {
    result->term = read_u64(r);
    result->rejected = read_u64(r);
    result->last_log_index = read_u64(r);
    result->features = read_u16(r);
    result->capacity = read_u16(r);
    if (!number_ok(result->term) || !number_ok(result->rejected) ||
        !number_ok(result->last_log_index) ||
        (result->rejected > 0 && result->last_log_index >= result->rejected)) {
        return ERR_INVALID;
    }
    return OK;
}

static enum err get_vote(struct reader *r, uint64_t from,
                         struct raft_request_vote *vote) {
    vote->term = read_u64(r);
    vote->candidate_id = read_u64(r);
    vote->last_log_index = read_u64(r);
    vote->last_log_term = read_u64(r);
    uint8_t flags = read_u8(r);
    vote->disrupt_leader = (flags & 1) != 0;
    vote->pre_vote = (flags & 2) != 0;
    if (flags > 3 || vote->term == 0 || !number_ok(vote->term) ||
        vote->candidate_id != from ||
        !position_ok(vote->last_log_index, vote->last_log_term)) {
        return ERR_INVALID;
    }
    return OK;
}

static enum err get_vote_result(struct reader *r,
                                struct raft_request_vote_result *result) {
    result->term = read_u64(r);
    uint8_t flags = read_u8(r);
    result->vote_granted = (flags & 1) != 0;
    result->pre_vote = (flags & 2) != 0;
    result->features = read_u16(r);
    result->capacity = read_u16(r);
    return flags > 3 || !number_ok(result->term) ? ERR_INVALID : OK;
}

static enum err get_timeout_now(struct reader *r, struct raft_timeout_now *now) {
    now->term = read_u64(r);
    now->last_log_index = read_u64(r);
    now->last_log_term = read_u64(r);
    if (now->term == 0 || !number_ok(now->term) ||
        !position_ok(now->last_log_index, now->last_log_term)) {
        return ERR_INVALID;
    }
    return OK;
}

enum err peer_raft_decode(struct span body, uint64_t from,
                          struct raft_message *ret_message) {
    struct raft_message m;
    memset(&m, 0, sizeof(m));
    struct reader r = reader_of(body);
    enum err err = ERR_VERSION;
    uint8_t type = read_u8(&r);
    uint8_t version = read_u8(&r);
    if (type < RAFT_APPEND_ENTRIES || type > RAFT_TIMEOUT_NOW) {
        return ERR_VERSION;
    }
    m.type = (enum raft_message_type)type;
    switch (m.type) {
    case RAFT_APPEND_ENTRIES:
        m.append_entries.version = version;
        err = get_append(&r, &m.append_entries);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        m.append_entries_result.version = version;
        err = get_append_result(&r, &m.append_entries_result);
        break;
    case RAFT_REQUEST_VOTE:
        m.request_vote.version = version;
        err = get_vote(&r, from, &m.request_vote);
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        m.request_vote_result.version = version;
        err = get_vote_result(&r, &m.request_vote_result);
        break;
    case RAFT_TIMEOUT_NOW:
        m.timeout_now.version = version;
        err = get_timeout_now(&r, &m.timeout_now);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        break;
    }
    if (err == OK && (r.bad || reader_left(&r) != 0)) {
        peer_raft_free(&m);
        err = ERR_INVALID;
    }
    if (err == OK) {
        *ret_message = m;
    }
    return err;
}

void peer_raft_free(struct raft_message *message) {
    if (message->type == RAFT_APPEND_ENTRIES && message->append_entries.n_entries > 0) {
        raft_free(message->append_entries.entries[0].batch);
        raft_free(message->append_entries.entries);
        message->append_entries.n_entries = 0;
        message->append_entries.entries = NULL;
    }
}
