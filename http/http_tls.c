#include "http/http_tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/codec.h"

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg) {
    static const unsigned char http11[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* The name that the client's certificate must carry, kept with the context. */
struct wanted_name {
    char uri[128];
};

static void wanted_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                        void *argp) {
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    OPENSSL_free(ptr);
}

static int wanted_index(void) {
    static int index = -1;
    if (index < 0) {
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, wanted_free);
    }
    return index;
}

/* The very name, or (where that ends with a slash) one below it. */
static bool is_wanted(struct span name, const char *uri) {
    size_t len = strlen(uri);
    return uri[len - 1] == '/'
               ? name.len > len && memcmp(name.data, uri, len) == 0
               : span_is(name, uri);
}

static bool has_uri(X509 *cert, const char *uri) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *s = name->d.uniformResourceIdentifier;
            found |= is_wanted(
                span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), uri);
        }
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* Called per certificate of the chain; ours is the leaf's name. */
static int verify_client(int ok, X509_STORE_CTX *store) {
    if (!ok || X509_STORE_CTX_get_error_depth(store) != 0) {
        return ok;
    }
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct wanted_name *wanted =
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), wanted_index());
    if (wanted == NULL ||
        !has_uri(X509_STORE_CTX_get_current_cert(store), wanted->uri)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return 1;
}

static enum err require_client(const struct config *config, SSL_CTX *ctx,
                               const char *role, char why[256]) {
    struct wanted_name *wanted = OPENSSL_zalloc(sizeof(*wanted));
    if (wanted == NULL || SSL_CTX_set_ex_data(ctx, wanted_index(), wanted) != 1) {
        OPENSSL_free(wanted);
        return ERR_NOMEM;
    }
    char cluster[33];
    hex_encode(span_of(config->cluster_id.b, sizeof(config->cluster_id.b)), cluster);
    snprintf(wanted->uri, sizeof(wanted->uri), "tasuki://%s/%s", cluster, role);
    if (SSL_CTX_load_verify_locations(ctx, config->ca, NULL) != 1) {
        snprintf(why, 256, "ca = %.200s: not a readable PEM certificate", config->ca);
        return ERR_CONFIG;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       verify_client);
    return OK;
}

/* The handshake proves the key; whose certificate it is, is not TLS's to say. */
static int take_any(int ok, X509_STORE_CTX *store) {
    (void)ok;
    (void)store;
    return 1;
}

static int told_index(void) {
    static int index = -1;
    if (index < 0) {
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    }
    return index;
}

static void on_info(const SSL *ssl, int where, int value) {
    (void)value;
    void *told = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), told_index());
    X509 *cert = where & SSL_CB_HANDSHAKE_DONE ? SSL_get1_peer_certificate(ssl) : NULL;
    if (cert != NULL) {
        http_tls_told *call;
        memcpy(&call, &told, sizeof(call)); /* ISO C has no such cast */
        /* A server's has the others alone. */
        call((SSL *)(uintptr_t)ssl, cert, SSL_get_peer_cert_chain(ssl));
        X509_free(cert);
    }
}

void http_tls_on_certificate(SSL_CTX *ctx, http_tls_told *told) {
    void *kept;
    memcpy(&kept, &told, sizeof(kept));
    if (SSL_CTX_set_ex_data(ctx, told_index(), kept) == 1) {
        SSL_CTX_set_info_callback(ctx, on_info);
    }
}

static bool set_protocol(SSL_CTX *ctx) {
    static const unsigned char session_context[] = "tasuki";
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_session_id_context(ctx, session_context,
                                          sizeof(session_context) - 1) == 1;
}

enum err http_tls_new(const struct config *config, enum http_door door,
                      SSL_CTX **ret_ctx, char why[256]) {
    enum err err = ERR_CONFIG;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || !set_protocol(ctx)) {
        snprintf(why, 256, "TLS cannot be set up");
        goto done;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, config->http_cert) != 1) {
        snprintf(why, 256, "http_cert = %.200s: not a readable PEM certificate chain",
                 config->http_cert);
        goto done;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, config->http_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        snprintf(why, 256, "http_key = %.200s: not the PEM private key of http_cert",
                 config->http_key);
        goto done;
    }
    err = OK;
    if (door == DOOR_MTLS) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
        SSL_CTX_set_max_cert_list(ctx, LIMIT_CLIENT_CERT + LIMIT_CLIENT_CHAIN);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
    } else if (door == DOOR_WORKER) {
        /* A farm works for one environment: its workers' certificates say which. */
        char role[48];
        snprintf(role, sizeof(role), "worker/%s/",
                 config_environment_name(config->environment));
        err = require_client(config, ctx, role, why);
    } else if (door != DOOR_DIRECT) {
        err = require_client(config, ctx,
                             door == DOOR_OPERATOR ? "operator" : "balancer", why);
    }
done:
    ERR_clear_error();
    if (err != OK) {
        SSL_CTX_free(ctx);
        return err;
    }
    *ret_ctx = ctx;
    return OK;
}

static uint64_t mix(uint64_t stamp, uint64_t value) {
    return (stamp ^ value) * 1099511628211u; /* FNV-1a, a word at a time */
}

uint64_t http_tls_stamp(const struct config *config) {
    const char *files[] = {config->http_cert, config->http_key, config->ca};
    uint64_t stamp = 1469598103934665603u;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct stat st;
        if (stat(files[i], &st) == 0) {
            stamp = mix(stamp, (uint64_t)st.st_mtim.tv_sec);
            stamp = mix(stamp, (uint64_t)st.st_mtim.tv_nsec);
            stamp = mix(stamp, (uint64_t)st.st_ino);
            stamp = mix(stamp, (uint64_t)st.st_size);
        }
    }
    return stamp;
}
