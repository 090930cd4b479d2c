/* svc_app_device: what the second step and the device's own requests must agree about:
 * how a code, a device and a number are derived. Private to server/svc_*.c. */
#ifndef SERVER_SVC_APP_DEVICE_H
#define SERVER_SVC_APP_DEVICE_H

#include "server/domain/app_code.h"
#include "server/svc_app.h"
#include "server/svc_internal.h"

/* How long a device may be registered with a code. */
#define SVC_APP_CODE_TTL_MS (10u * 60 * 1000)

/* How long a question may be answered: raft/fsm_limits.h. */
#define SVC_APP_QUESTION_TTL_MS (2u * 60 * 1000)

/* A code as people read it, and as the path of a QR code that holds it with the server's
 * address. In `arena`. */
struct svc_app_picture {
    struct span code, path, size;
};
enum err svc_app_picture(struct svc *svc, struct arena *arena,
                         const uint8_t code[APP_CODE_BYTES],
                         struct svc_app_picture *ret_picture);

/* A question's two digits, 10 to 99: a keyed hash of its id, so every node knows it and
 * no row holds it. */
unsigned svc_app_number(struct svc *svc, struct id128 challenge);
/* A new id of a question to the account (store_app.h). */
struct id128 svc_app_challenge_id(struct svc *svc, struct id128 sub);

/* Where a device is told that a question waits: its operator's, as the app has it; we hand
 * it to the gateway as it is. Printable ASCII. */
bool svc_app_address_ok(struct span address);

/* What is stored of a code, and how a device is found by its key's thumbprint. */
struct key_hash svc_app_code_hash(struct svc *svc, const uint8_t code[APP_CODE_BYTES]);
struct key_hash svc_app_index(struct svc *svc, const uint8_t thumbprint[32]);

#endif
