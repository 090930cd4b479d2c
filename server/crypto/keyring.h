/* keyring: all keys derived from the cluster key, and what is made with them.
 *
 * The cluster key (32 random bytes, the same on every node) is read from a file
 * of mode 0600 or stricter. Per-purpose keys come from it by HKDF-SHA256, so that
 * no key serves two purposes. The keyring is immutable after keyring_open and
 * shared by all threads; each thread makes its own `struct sealer` (cipher and
 * MAC contexts are reused, not rebuilt, per call).
 *
 * Never logs, never returns key bytes. */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/port.h"
#include "store/base/secret.h"
#include "store/base/span.h"

struct keyring;
struct sealer;

/* Purposes are part of the derivation: never rename one that was released. */
enum seal_purpose {
    SEAL_SESSION_COOKIE,
    SEAL_BROWSER_COOKIE, /* the browser's binding before sign-in */
    SEAL_ACCESS_TOKEN,
    SEAL_LOGIN_STATE, /* authorization request inside the login form */
    SEAL_PROFILE,     /* personal data of an account */
    SEAL_ACCOUNT_ID, /* that is to be an account's */
    SEAL_SIGNING_KEY,
    SEAL_STAFF_SEED, /* of a staff account's one-time codes */
    SEAL_ENROL, /* form of svc_enrol */
    SEAL_REQUEST_URI, /* of a pushed request */
    SEAL_DPOP_NONCE,  /* a moment of replicated time */
    SEAL_INITIAL_ACCESS, /* tokens of dynamic registration (RFC 7591 §1.2) */
    SEAL_REGISTRATION,
    SEAL_MESSAGE, /* what a person is told, and where (svc_message) */
    SEAL_ORIGIN, /* network address and browser (svc_origin) */
    SEAL_FACTOR, /* number, seed or key of a second factor; AAD: sub and id */
    SEAL_SIGNIN, /* what a sign-in in progress keeps for its method; AAD: its key */
    SEAL_DEVICE_COOKIE, /* browsers that accounts have signed in with */
    SEAL_STAFF_COOKIE, /* session of the staff's realm */
    SEAL_APPLICATION, /* what an applicant typed; AAD: the application */
    SEAL_BLOB, /* chunks of scans and evidence (server/blob) */
    SEAL_RECOVERY, /* links for a new password */
    SEAL_ENTRY, /* link that confirms the address of a registration */
    SEAL_REVIEW_NOTE, /* what a reviewer wrote; AAD: the application */
    SEAL_TICKET, /* opens an application's form to who applied (svc_apply) */
    SEAL_WITHDRAWAL, /* link that gives an application up */
    SEAL_CODE, /* authorization codes that no command has stored; AAD: the client_id */
    SEAL_PURPOSES
};
enum hash_purpose {
    HASH_ACCOUNT_ID, /* blind index */
    HASH_ACCOUNT_TOKEN, /* of a link that was mailed */
    HASH_SESSION,
    HASH_CODE,
    HASH_ACCESS,
    HASH_REFRESH,
    HASH_CLIENT_SECRET,
    HASH_NEXT_REFRESH, /* successor of a refresh token (svc_token) */
    HASH_NEXT_ACCESS,
    HASH_PASSKEY_PAGE, /* challenge of a login page */
    HASH_CSRF,
    HASH_STAFF_NAME, /* blind index of the staff's realm */
    HASH_PROOF, /* client_id and jti of what may be used once */
    HASH_REQUEST, /* pushed request */
    HASH_SUBJECT, /* pairwise `sub` (svc_subject) */
    HASH_REGISTRATION,
    HASH_RECIPIENT, /* address or number of a message */
    HASH_COUNTER,   /* what is counted, and of whom (raft/fsm_counter) */
    HASH_ORIGIN, /* network address */
    HASH_APP_CODE, /* that a device is registered with */
    HASH_APP_DEVICE, /* thumbprint of its key */
    HASH_APP_NUMBER, /* of a question (svc_app_device.h) */
    HASH_CREDENTIAL, /* id of a passkey */
    HASH_PASSKEY, /* challenges and user handles (svc_passkey.h) */
    HASH_SIGNIN,
    HASH_FACTOR, /* blind index of a number */
    HASH_OTP,    /* codes that are sent */
    HASH_DEVICE, /* counter of an account on a device */
    HASH_STAFF_SESSION,
    HASH_STAFF_FORM, /* binds the staff's forms to session or browser */
    HASH_APPLICANT, /* blind index of a corporation's person (svc_application) */
    HASH_APPLICATION_TOKEN, /* confirms a mail address, or activates */
    HASH_RECOVERY,
    HASH_ENTRY, /* nonce of such a link, used once */
    HASH_PURPOSES
};

/* ERR_CONFIG with a sentence in `why`: missing, wrong mode or owner, not 32
 * bytes as 64 hex digits. */
enum err keyring_open(const char *path, struct keyring **ret_keyring, char why[256]);
enum err keyring_from_bytes(const uint8_t key[32], struct keyring **ret_keyring);
void keyring_free(struct keyring *keyring);

enum err sealer_new(const struct keyring *keyring, const struct port_random *random,
                    struct sealer **ret_sealer);
void sealer_free(struct sealer *sealer);

/* HMAC-SHA256 under the purpose's key. */
void sealer_hash(struct sealer *sealer, enum hash_purpose purpose, struct span in,
                 uint8_t out[32]);

/* AES-256-GCM: 12 random nonce bytes, ciphertext, 16 tag bytes are appended to
 * `out`. `aad` is bound, not stored. */
#define SEAL_OVERHEAD 28
enum err sealer_seal(struct sealer *sealer, enum seal_purpose purpose, struct span aad,
                     struct span plain, struct buf *out);
/* Appends the plain text. ERR_FORGED: not sealed by this cluster for this purpose
 * and aad (and `out` is unchanged). */
enum err sealer_open(struct sealer *sealer, enum seal_purpose purpose, struct span aad,
                     struct span sealed, struct buf *out);

#endif
