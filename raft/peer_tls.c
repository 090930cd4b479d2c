#include "raft/peer_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "raft/peer_wire.h"
#include "store/base/check.h"

struct peer_tls {
    SSL_CTX *ctx;
    struct id128 cluster_id;
};

struct peer_tls_session {
    SSL *ssl;
    BIO *in, *out; /* memory; owned by ssl */
    struct id128 cluster_id;
};

/* One sentence: what failed, and the library's reason, if it gave one. */
static void explain(char why[256], const char *what, const char *subject) {
    char reason[120] = "";
    unsigned long code = ERR_get_error();
    if (code != 0) {
        ERR_error_string_n(code, reason, sizeof(reason));
    }
    snprintf(why, 256, "%s%s%.100s%s%.110s", what, subject[0] ? ": " : "", subject,
             reason[0] ? ": " : "", reason);
    ERR_clear_error();
}

/* The node that a certificate names: exactly one URI of our scheme. */
static enum err cert_node(X509 *cert, struct id128 *ret_cluster_id,
                          uint64_t *ret_node_id) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int found = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        struct span text =
            span_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
        if (peer_name_parse(text, ret_cluster_id, ret_node_id) == OK) {
            found++;
        }
    }
    GENERAL_NAMES_free(names);
    return found == 1 ? OK : ERR_DENIED;
}

static bool cluster_equal(struct id128 a, struct id128 b) {
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static enum err ctx_setup(SSL_CTX *ctx, const struct peer_tls_files *files,
                          char why[256]) {
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1) {
        explain(why, "TLS 1.3 is not available", "");
        return ERR_CONFIG;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ctx, 4);
    if (SSL_CTX_load_verify_file(ctx, files->ca) != 1) {
        explain(why, "the cluster CA cannot be read", files->ca);
        return ERR_CONFIG;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        explain(why, "the peer certificate cannot be read", files->cert);
        return ERR_CONFIG;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        explain(why, "the peer key cannot be read or does not fit its certificate",
                files->key);
        return ERR_CONFIG;
    }
    return OK;
}

enum err peer_tls_load(const struct peer_tls_files *files, struct id128 cluster_id,
                       uint64_t node_id, struct peer_tls **ret_tls, char why[256]) {
    enum err err = ERR_NOMEM;
    struct id128 named_cluster = {{0}};
    uint64_t named_node = 0;
    snprintf(why, 256, "out of memory");
    struct peer_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        return ERR_NOMEM;
    }
    ERR_clear_error();
    tls->cluster_id = cluster_id;
    tls->ctx = SSL_CTX_new(TLS_method());
    if (tls->ctx == NULL) {
        goto fail;
    }
    err = ctx_setup(tls->ctx, files, why);
    if (err != OK) {
        goto fail;
    }
    err = cert_node(SSL_CTX_get0_certificate(tls->ctx), &named_cluster, &named_node);
    if (err != OK || !cluster_equal(named_cluster, cluster_id) ||
        named_node != node_id) {
        snprintf(why, 256,
                 "the peer certificate %.100s does not name this cluster and node %llu "
                 "(subject alternative name URI tasuki://CLUSTER/node/ID)",
                 files->cert, (unsigned long long)node_id);
        err = ERR_CONFIG;
        goto fail;
    }
    *ret_tls = tls;
    return OK;
fail:
    peer_tls_free(tls);
    return err;
}

void peer_tls_free(struct peer_tls *tls) {
    if (tls != NULL) {
        SSL_CTX_free(tls->ctx);
        free(tls);
    }
}

uint64_t peer_tls_stamp(const struct peer_tls_files *files) {
    const char *paths[3] = {files->ca, files->cert, files->key};
    uint64_t stamp = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < 3; i++) {
        struct stat st;
        if (stat(paths[i], &st) != 0) {
            return 0;
        }
        uint64_t parts[4] = {(uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
                             (uint64_t)st.st_ino, (uint64_t)st.st_size};
        for (size_t j = 0; j < 4; j++) {
            stamp = (stamp ^ parts[j]) * UINT64_C(1099511628211);
        }
    }
    return stamp == 0 ? 1 : stamp;
}

enum err peer_tls_session_new(struct peer_tls *tls, bool dial,
                              struct peer_tls_session **ret_session) {
    struct peer_tls_session *s = calloc(1, sizeof(*s));
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL *ssl = SSL_new(tls->ctx);
    if (s == NULL || in == NULL || out == NULL || ssl == NULL) {
        free(s);
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        return ERR_NOMEM;
    }
    SSL_set_bio(ssl, in, out); /* takes both */
    if (dial) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    *s = (struct peer_tls_session){
        .ssl = ssl, .in = in, .out = out, .cluster_id = tls->cluster_id};
    *ret_session = s;
    return OK;
}

void peer_tls_session_free(struct peer_tls_session *session) {
    if (session != NULL) {
        SSL_free(session->ssl);
        free(session);
    }
}

enum err peer_tls_feed(struct peer_tls_session *session, struct span in) {
    if (in.len == 0) {
        return OK;
    }
    CHECK(in.len <= 1u << 30);
    int n = BIO_write(session->in, in.data, (int)in.len);
    return n == (int)in.len ? OK : ERR_NOMEM;
}

static enum err check_peer(struct peer_tls_session *session, uint64_t *ret_peer,
                           char why[256]) {
    X509 *cert = SSL_get0_peer_certificate(session->ssl);
    struct id128 cluster;
    uint64_t node;
    if (cert == NULL || SSL_get_verify_result(session->ssl) != X509_V_OK) {
        snprintf(why, 256, "no verified certificate");
        return ERR_DENIED;
    }
    if (cert_node(cert, &cluster, &node) != OK) {
        snprintf(why, 256, "the certificate names no node");
        return ERR_DENIED;
    }
    if (!cluster_equal(cluster, session->cluster_id)) {
        snprintf(why, 256, "the certificate is of another cluster");
        return ERR_DENIED;
    }
    *ret_peer = node;
    return OK;
}

enum err peer_tls_handshake(struct peer_tls_session *session, uint64_t *ret_peer,
                            char why[256]) {
    ERR_clear_error();
    int rv = SSL_do_handshake(session->ssl);
    if (rv == 1) {
        return check_peer(session, ret_peer, why);
    }
    int reason = SSL_get_error(session->ssl, rv);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
        return ERR_BUSY;
    }
    long verify = SSL_get_verify_result(session->ssl);
    explain(why, "TLS handshake failed",
            verify == X509_V_OK ? "" : X509_verify_cert_error_string(verify));
    return ERR_DENIED;
}

enum err peer_tls_read(struct peer_tls_session *session, uint8_t *out, size_t max,
                       size_t *ret_len) {
    size_t len = 0;
    ERR_clear_error();
    int rv = SSL_read_ex(session->ssl, out, max, &len);
    if (rv == 1) {
        *ret_len = len;
        return OK;
    }
    switch (SSL_get_error(session->ssl, rv)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        *ret_len = 0;
        return OK;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_CLOSED;
    default:
        ERR_clear_error();
        return ERR_CRYPTO;
    }
}

enum err peer_tls_write(struct peer_tls_session *session, struct span in) {
    size_t done = 0;
    if (in.len == 0) {
        return OK;
    }
    ERR_clear_error();
    /* A memory BIO takes everything: a partial write is a broken session. */
    if (SSL_write_ex(session->ssl, in.data, in.len, &done) != 1 || done != in.len) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    return OK;
}

struct span peer_tls_pending(struct peer_tls_session *session) {
    char *data = NULL;
    long len = BIO_get_mem_data(session->out, &data);
    return span_of(data, len > 0 ? (size_t)len : 0);
}

void peer_tls_drop(struct peer_tls_session *session, size_t len) {
    struct span pending = peer_tls_pending(session);
    CHECK(len <= pending.len);
    if (len == pending.len) {
        (void)BIO_reset(session->out);
        return;
    }
    uint8_t scratch[4096];
    while (len > 0) {
        int n = BIO_read(session->out, scratch,
                         (int)(len < sizeof(scratch) ? len : sizeof(scratch)));
        CHECK(n > 0);
        len -= (size_t)n;
    }
}
