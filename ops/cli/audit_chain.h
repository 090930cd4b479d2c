/* audit_chain: records of the audit as JSON, checked one after the other. What is
 * checked is what was hashed: each record's bytes are made again from its members
 * (store/audit_record.h), so a change of any of them is found. */
#ifndef CLI_AUDIT_CHAIN_H
#define CLI_AUDIT_CHAIN_H

#include <jansson.h>
#include <stdio.h>

#include "store/audit_record.h"

#define AUDIT_KNOWN_MAX 64

/* A place in the chain that is known from elsewhere: a node's head, or a head that was
 * written down earlier. */
struct audit_known {
    uint64_t seq;
    struct audit_hash hash;
    char whose[256];
    bool met; /* the chain came by it */
};

struct audit_chain {
    uint64_t begin_seq; /* the records before and with it were pruned */
    uint64_t seq;       /* of the last one that was taken */
    struct audit_hash hash;
    struct audit_known known[AUDIT_KNOWN_MAX];
    size_t known_count;
    char why[512]; /* what is wrong; empty: nothing so far */
};

/* From `head` {seq, hash, pruned_seq, pruned_hash} of an answer or an export, whose end
 * the chain has to reach. False: it is none. */
bool audit_chain_begin(struct audit_chain *chain, const json_t *head, const char *whose);
/* The chain has to come by here. False: too many. */
bool audit_chain_expect(struct audit_chain *chain, uint64_t seq,
                        const struct audit_hash *hash, const char *whose);
/* False: `why` says what is wrong with it, or with its place. */
bool audit_chain_add(struct audit_chain *chain, const json_t *record);
/* At the end: is something that is known missing? */
bool audit_chain_end(struct audit_chain *chain);

bool audit_hash_read(const char *text, struct audit_hash *ret_hash);
/* Terminated. */
void audit_hash_print(const struct audit_hash *hash, char out[2 * AUDIT_HASH_LEN + 1]);

#endif
