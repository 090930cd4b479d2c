/* repl_pki: certificates for tests: a CA, and node certificates signed by it. */
#ifndef TESTS_UNIT_RAFT_REPL_PKI_H
#define TESTS_UNIT_RAFT_REPL_PKI_H

#include <stdint.h>

#include "store/store.h"

struct repl_pki; /* a CA with its key */

struct repl_pki *repl_pki_new(void);
void repl_pki_free(struct repl_pki *pki);
/* Write the CA's certificate. */
void repl_pki_write_ca(const struct repl_pki *pki, const char *path);
/* Write a node's certificate and key. `days` < 0: expired already. */
void repl_pki_issue(const struct repl_pki *pki, struct id128 cluster_id,
                    uint64_t node_id, int days, const char *cert_path,
                    const char *key_path);

#endif
