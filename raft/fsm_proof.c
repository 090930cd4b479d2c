/* fsm_proof: assertions and proofs that may be used once (RFC 7523 §3, RFC 9449 §11.1).
 * Used by the command that they came with, so that no node and no leader can take one
 * of them twice. */
#include "raft/fsm_internal.h"

static enum err proof_fresh(struct fsm_tx *tx, const struct proof *proof,
                            bool *ret_fresh) {
    uint64_t until_ms;
    enum err err = store_proof_get(tx->read, proof->key, &until_ms);

    *ret_fresh = err == ERR_NOT_FOUND || (err == OK && until_ms <= tx->now_ms);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_proof_use(struct fsm_tx *tx, const struct proofs *proofs,
                       enum outcome_code *ret_code) {
    bool fresh = true;
    enum err err = OK;

    for (size_t i = 0; i < proofs->count && fresh && err == OK; i++) {
        err = proof_fresh(tx, &proofs->at[i], &fresh);
        for (size_t j = 0; j < i; j++) {
            fresh = fresh && memcmp(proofs->at[i].key.b, proofs->at[j].key.b,
                                    sizeof proofs->at[i].key.b) != 0;
        }
    }
    *ret_code = fresh ? OUT_OK : OUT_PROOF_REPLAYED;
    for (size_t i = 0; i < proofs->count && fresh && err == OK; i++) {
        err = store_proof_put(tx->write, proofs->at[i].key,
                              tx->now_ms + proofs->at[i].ttl_ms);
    }
    return err;
}
