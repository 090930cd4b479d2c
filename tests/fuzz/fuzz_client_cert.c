/* Certificates that clients show, and the chains behind them (server/crypto/client_cert):
 *   u16 length of the certificate | certificate | u16 length of the chain | chain |
 *   the rest is a JWK Set. Big-endian; a length beyond the end is the end. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/crypto/client_cert.h"
#include "store/base/check.h"

#define NOW 1800000000

/* The authority that has issued what is in the corpus. */
static const char authority[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdTCCARugAwIBAgIUU+M2k3/U4UsJo3NdPINajul9k2wwCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjgxNDIxMjdaGA8yMTI2MTEwNDE0MjEy\n"
    "N1owDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD0w\n"
    "fnGVsM8M9nw84xNf79d6whML1S8ToBGB9ftyF0+b4zzAYnllJ+gpDa8oe3vm59P3\n"
    "wxcd3L13RYRHatrQmxijUzBRMB0GA1UdDgQWBBR5Xj0t64pYzulnaSbTcvpsGuJw\n"
    "7zAfBgNVHSMEGDAWgBR5Xj0t64pYzulnaSbTcvpsGuJw7zAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDZVFi+bVFfg2q4zr04i68wBTY4s99Yob3d\n"
    "9UPXYPMG1QIgIfSH0ENecAmnatTood3lciAYXiEzI3gPCiGjQpMFdJc=\n"
    "-----END CERTIFICATE-----\n";

static struct client_ca *open_authority(void) {
    char path[] = "/tmp/tasuki-fuzz-ca-XXXXXX";
    struct client_ca *ca;
    int fd = mkstemp(path);

    CHECK(fd >= 0 && write(fd, authority, sizeof authority - 1) ==
                         (ssize_t)(sizeof authority - 1));
    (void)close(fd);
    CHECK(client_ca_open(path, &ca) == OK);
    (void)unlink(path);
    return ca;
}

static struct span take(struct span *in) {
    size_t len;
    struct span part;

    if (in->len < 2)
        return span_of(NULL, 0);
    len = (size_t)in->data[0] << 8 | in->data[1];
    *in = span_of(in->data + 2, in->len - 2);
    part = span_of(in->data, len < in->len ? len : in->len);
    *in = span_of(in->data + part.len, in->len - part.len);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const subjects[] = {"dn:CN=rp", "dns:rp.example",
                                           "uri:https://rp.example/", "ip:192.0.2.7",
                                           "email:a@rp.example"};
    static struct client_ca *ca;
    struct span in = span_of(data, size);
    struct span cert = take(&in), chain = take(&in);
    unsigned sum = 0; /* which kind of subject is looked for follows from the input */

    if (!ca)
        ca = open_authority();
    for (size_t i = 0; i < size; i++)
        sum += data[i];
    (void)client_cert_issued(ca, cert, chain,
                             subjects[sum % (sizeof subjects / sizeof subjects[0])], NOW);
    (void)client_cert_registered(cert, in);
    (void)client_cert_subject_valid(in);
    return 0;
}
