/* Strangers at the peer port: what they must not get, and that the node stays up.
 * One node of a cluster of three runs; this test plays everybody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "raft/peer_wire.h"
#include "tests/unit/raft/repl_cluster.h"

static struct cluster c;
static char cert[96], key[96], ca[96];

static int setup(void **state) {
    (void)state;
    cluster_init(&c, 3);
    snprintf(cert, sizeof(cert), "%s/own.pem", c.dir);
    snprintf(key, sizeof(key), "%s/own.key", c.dir);
    snprintf(ca, sizeof(ca), "%s/ca1.pem", c.dir);
    return cluster_start(&c, 1, NULL) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    cluster_close(&c);
    return 0;
}

static void assert_node_is_up(void) {
    struct node_view view;
    assert_true(cluster_view(&c, 1, &view));
}

static int dial(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(c.port[1])};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

struct tls {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

/* A TLS client; with a certificate unless `bare`. */
static struct tls tls_dial(bool bare, int version_max) {
    struct tls t = {.fd = dial(), .ctx = SSL_CTX_new(TLS_client_method())};
    assert_non_null(t.ctx);
    assert_int_equal(SSL_CTX_set_max_proto_version(t.ctx, version_max), 1);
    if (!bare) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(t.ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(t.ctx, key, SSL_FILETYPE_PEM), 1);
    }
    t.ssl = SSL_new(t.ctx);
    assert_non_null(t.ssl);
    assert_int_equal(SSL_set_fd(t.ssl, t.fd), 1);
    return t;
}

static void tls_close(struct tls *t) {
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    close(t->fd);
    ERR_clear_error();
}

static void tls_send(struct tls *t, const struct peer_message *message) {
    struct buf out;
    buf_init(&out, LIMIT_PEER_MESSAGE);
    peer_message_encode(message, &out);
    assert_int_equal(SSL_write(t->ssl, out.data, (int)out.len), (int)out.len);
    buf_free(&out);
}

static void say_hello(struct tls *t, uint64_t from) {
    struct peer_message hello = {
        .type = PEER_HELLO,
        .hello = {.cluster_id = c.cluster_id, .from = from, .to = 1}};
    tls_send(t, &hello);
}

/* The node must end the connection; a silent one would time out instead. */
static bool is_closed_by_peer(struct tls *t) {
    char byte;
    int rv;
    do {
        rv = SSL_read(t->ssl, &byte, 1); /* it may say why */
    } while (rv > 0);
    int reason = SSL_get_error(t->ssl, rv);
    return rv <= 0 && reason != SSL_ERROR_WANT_READ;
}

/* Handshake (TLS 1.3 lets a client finish before it is refused), HELLO, closed. */
static void assert_refused(bool bare, int version_max, uint64_t from) {
    struct tls t = tls_dial(bare, version_max);
    if (SSL_connect(t.ssl) == 1) {
        say_hello(&t, from);
        assert_true(is_closed_by_peer(&t));
    }
    tls_close(&t);
    assert_node_is_up();
}

/* The same steps with a good certificate: the connection stays open. */
static void test_a_node_of_the_cluster_is_heard(void **state) {
    (void)state;
    struct timeval limit = {.tv_usec = 300000};
    repl_pki_issue(c.pki, c.cluster_id, 2, 30, cert, key);
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    assert_int_equal(SSL_connect(t.ssl), 1);
    say_hello(&t, 2);
    struct peer_message status = {.type = PEER_STATUS};
    tls_send(&t, &status);
    assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
                     0);
    assert_false(is_closed_by_peer(&t));
    tls_close(&t);
}

static void test_certificates(void **state) {
    (void)state;
    struct id128 foreign = {{9}};
    struct repl_pki *other = repl_pki_new();
    assert_refused(true, TLS1_3_VERSION, 2); /* none at all */
    repl_pki_issue(other, c.cluster_id, 2, 30, cert, key);
    assert_refused(false, TLS1_3_VERSION, 2); /* another CA */
    repl_pki_issue(c.pki, c.cluster_id, 2, -5, cert, key);
    assert_refused(false, TLS1_3_VERSION, 2); /* expired */
    repl_pki_issue(c.pki, foreign, 2, 30, cert, key);
    assert_refused(false, TLS1_3_VERSION, 2); /* of another cluster */
    repl_pki_issue(c.pki, c.cluster_id, 9, 30, cert, key);
    assert_refused(false, TLS1_3_VERSION, 9); /* of a node that is not configured */
    repl_pki_issue(c.pki, c.cluster_id, 1, 30, cert, key);
    assert_refused(false, TLS1_3_VERSION, 1); /* its own name */
    repl_pki_issue(c.pki, c.cluster_id, 2, 30, cert, key);
    assert_refused(false, TLS1_3_VERSION, 3); /* says to be another than it is */
    assert_refused(false, TLS1_2_VERSION, 2); /* an older TLS */
    repl_pki_free(other);
}

/* Raw bytes after a good handshake and HELLO. */
static void assert_bytes_close(const void *bytes, size_t len) {
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    assert_int_equal(SSL_connect(t.ssl), 1);
    say_hello(&t, 2);
    assert_int_equal(SSL_write(t.ssl, bytes, (int)len), (int)len);
    assert_true(is_closed_by_peer(&t));
    tls_close(&t);
    assert_node_is_up();
}

static void test_messages_of_a_mad_node(void **state) {
    (void)state;
    static const uint8_t four_gib[] = {0xff, 0xff, 0xff, 0xff, PEER_RAFT, 0, 0, 0};
    static const uint8_t no_type[] = {0, 0, 0, 0, 77, 0, 0, 0};
    static const uint8_t empty_raft[] = {0, 0, 0, 0, PEER_RAFT, 0, 0, 0};
    /* AppendEntries that announces 4 Gi entries. */
    static const uint8_t many[8 + 38] = {38, 0, 0, 0,           PEER_RAFT, 0,    0,   0,
                                         1,  0, 1, [42] = 0xff, 0xff,      0xff, 0xff};
    static const uint8_t forward[8 + 27] = {27, 0, 0, 0, PEER_FORWARD, [32] = 1, 0, 7};
    repl_pki_issue(c.pki, c.cluster_id, 2, 30, cert, key);
    assert_bytes_close(four_gib, sizeof(four_gib));
    assert_bytes_close(no_type, sizeof(no_type));
    assert_bytes_close(empty_raft, sizeof(empty_raft));
    assert_bytes_close(many, sizeof(many));
    /* A node that does not lead takes no commands, so it does not look at them:
     * it must survive them all the same. */
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    assert_int_equal(SSL_connect(t.ssl), 1);
    say_hello(&t, 2);
    assert_int_equal(SSL_write(t.ssl, forward, sizeof(forward)), sizeof(forward));
    tls_close(&t);
    assert_node_is_up();
    /* Before HELLO even a status is too much. */
    t = tls_dial(false, TLS1_3_VERSION);
    assert_int_equal(SSL_connect(t.ssl), 1);
    struct peer_message status = {.type = PEER_STATUS};
    tls_send(&t, &status);
    assert_true(is_closed_by_peer(&t));
    tls_close(&t);
}

/* What a node with a good certificate is told when its HELLO is refused. */
static int told_by_hello(uint64_t from, uint64_t epoch) {
    uint8_t answer[PEER_HEADER_LEN + 1] = {0};
    repl_pki_issue(c.pki, c.cluster_id, from, 30, cert, key);
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    struct peer_message hello = {
        .type = PEER_HELLO,
        .hello = {.cluster_id = c.cluster_id, .from = from, .to = 1, .epoch = epoch}};
    assert_int_equal(SSL_connect(t.ssl), 1);
    tls_send(&t, &hello);
    assert_int_equal(SSL_read(t.ssl, answer, sizeof(answer)), sizeof(answer));
    assert_int_equal(answer[4], PEER_TURNED_AWAY);
    assert_true(is_closed_by_peer(&t));
    tls_close(&t);
    assert_node_is_up();
    return answer[PEER_HEADER_LEN];
}

static void test_no_member_is_told(void **state) {
    (void)state;
    assert_int_equal(told_by_hello(7, 0), PEER_TURNED_NO_MEMBER);
}

/* Nobody leads here: a node that says where it listens is taken for a peer, and for one
 * until somebody leads (raft/repl_member.h, M4). */
static void test_a_stranger_is_met(void **state) {
    (void)state;
    struct timeval limit = {.tv_usec = 300000};
    repl_pki_issue(c.pki, c.cluster_id, 8, 30, cert, key);
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    struct peer_message hello = {.type = PEER_HELLO,
                                 .hello = {.cluster_id = c.cluster_id,
                                           .from = 8,
                                           .to = 1,
                                           .address = "127.0.0.1:9"}};
    assert_int_equal(SSL_connect(t.ssl), 1);
    tls_send(&t, &hello);
    struct peer_message status = {.type = PEER_STATUS};
    tls_send(&t, &status);
    assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
                     0);
    assert_false(is_closed_by_peer(&t));
    tls_close(&t);
    assert_node_is_up();
}

static void test_noise(void **state) {
    (void)state;
    uint8_t noise[2048];
    uint32_t x = 12345;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(noise); i++) {
            x = x * 1664525 + 1013904223;
            noise[i] = (uint8_t)(x >> 24);
        }
        if (round % 2 == 0) {
            memcpy(noise, "\x16\x03\x01\x02\x00\x01", 6); /* like a ClientHello */
        }
        int fd = dial();
        (void)!write(fd, noise, sizeof(noise));
        char byte;
        (void)!read(fd, &byte, 1);
        close(fd);
    }
    assert_node_is_up();
}

/* Many connections that say nothing: others still get in once they time out. */
static void test_silent_connections(void **state) {
    (void)state;
    int fds[100];
    for (size_t i = 0; i < 100; i++) {
        fds[i] = dial();
    }
    usleep(3500000);
    test_a_node_of_the_cluster_is_heard(NULL);
    for (size_t i = 0; i < 100; i++) {
        close(fds[i]);
    }
    assert_node_is_up();
}

/* The serial number of the certificate that the node shows. */
static long shown_serial(void) {
    repl_pki_issue(c.pki, c.cluster_id, 2, 30, cert, key);
    struct tls t = tls_dial(false, TLS1_3_VERSION);
    assert_int_equal(SSL_connect(t.ssl), 1);
    X509 *shown = SSL_get0_peer_certificate(t.ssl);
    assert_non_null(shown);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(shown));
    tls_close(&t);
    return serial;
}

static void test_certificate_is_renewed(void **state) {
    (void)state;
    char own_cert[96], own_key[96];
    long before = shown_serial();
    bool renewed = false;
    snprintf(own_cert, sizeof(own_cert), "%s/node1.pem", c.dir);
    snprintf(own_key, sizeof(own_key), "%s/node1.key", c.dir);
    /* One that is not for this node is not taken. */
    repl_pki_issue(c.pki, c.cluster_id, 3, 30, own_cert, own_key);
    usleep(2500000);
    assert_int_equal(shown_serial(), before);
    repl_pki_issue(c.pki, c.cluster_id, 1, 30, own_cert, own_key);
    for (int i = 0; i < 60 && !renewed; i++) {
        usleep(100000);
        renewed = shown_serial() != before;
    }
    assert_true(renewed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_of_the_cluster_is_heard),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_messages_of_a_mad_node),
        cmocka_unit_test(test_no_member_is_told),
        cmocka_unit_test(test_a_stranger_is_met),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_certificate_is_renewed),
        cmocka_unit_test(test_silent_connections),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
