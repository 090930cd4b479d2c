#include "store/audit_record.h"

#include <stdio.h>
#include <string.h>

#include <sodium/crypto_hash_sha256.h>

#include "store/base/check.h"
#include "store/base/codec.h"

#define RECORD_VERSION 1

enum { HAS_SUB = 1, HAS_LOGIN = 2, HAS_STAFF = 4, HAS_SOURCE = 8, HAS_ALL = 15 };

static uint8_t flags_of(const struct audit_record *record) {
    return (uint8_t)((record->has_sub ? HAS_SUB : 0) |
                     (record->has_login ? HAS_LOGIN : 0) |
                     (record->has_staff ? HAS_STAFF : 0) |
                     (record->has_source ? HAS_SOURCE : 0));
}

static void put_text(struct buf *out, struct span text, size_t max) {
    CHECK(text.len <= max && max <= UINT8_MAX);
    put_u8(out, (uint8_t)text.len);
    buf_put(out, text.data, text.len);
}

static void put_id(struct buf *out, bool has, const uint8_t id[AUDIT_ID_LEN]) {
    if (has) {
        buf_put(out, id, AUDIT_ID_LEN);
    }
}

void audit_record_encode(const struct audit_record *record, struct buf *out) {
    CHECK(record->sealed.len <= LIMIT_SEALED_ORIGIN);
    put_u8(out, RECORD_VERSION);
    put_u64(out, record->seq);
    put_u64(out, record->time_ms);
    put_u16(out, (uint16_t)record->event);
    put_u8(out, (uint8_t)record->actor_kind);
    put_u16(out, record->outcome);
    put_u32(out, record->count);
    put_u8(out, flags_of(record));
    put_text(out, record->actor, LIMIT_AUDIT_ACTOR);
    put_id(out, record->has_sub, record->sub);
    put_id(out, record->has_login, record->login);
    put_id(out, record->has_staff, record->staff);
    put_id(out, record->has_source, record->source);
    put_text(out, record->client_id, LIMIT_CLIENT_ID);
    put_text(out, record->note, LIMIT_AUDIT_NOTE);
    put_u16(out, (uint16_t)record->sealed.len);
    buf_put(out, record->sealed.data, record->sealed.len);
    buf_put(out, record->previous.b, sizeof record->previous.b);
}

static void take(struct reader *in, uint8_t *out, size_t len) {
    struct span bytes = read_bytes(in, len);

    if (bytes.len == len) {
        memcpy(out, bytes.data, len);
    }
}

static bool take_id(struct reader *in, bool has, uint8_t out[AUDIT_ID_LEN]) {
    if (has) {
        take(in, out, AUDIT_ID_LEN);
    }
    return has;
}

static struct span take_text(struct reader *in, size_t max) {
    struct span text = read_bytes(in, read_u8(in));

    in->bad = in->bad || text.len > max;
    return text;
}

enum err audit_record_decode(struct span encoded, struct audit_record *ret_record) {
    struct audit_record record = {0};
    struct reader in = reader_of(encoded);
    uint8_t version = read_u8(&in), flags;

    record.seq = read_u64(&in);
    record.time_ms = read_u64(&in);
    record.event = (enum audit_event)read_u16(&in);
    record.actor_kind = (enum audit_actor)read_u8(&in);
    record.outcome = read_u16(&in);
    record.count = read_u32(&in);
    flags = read_u8(&in);
    record.actor = take_text(&in, LIMIT_AUDIT_ACTOR);
    record.has_sub = take_id(&in, (flags & HAS_SUB) != 0, record.sub);
    record.has_login = take_id(&in, (flags & HAS_LOGIN) != 0, record.login);
    record.has_staff = take_id(&in, (flags & HAS_STAFF) != 0, record.staff);
    record.has_source = take_id(&in, (flags & HAS_SOURCE) != 0, record.source);
    record.client_id = take_text(&in, LIMIT_CLIENT_ID);
    record.note = take_text(&in, LIMIT_AUDIT_NOTE);
    record.sealed = read_bytes(&in, read_u16(&in));
    take(&in, record.previous.b, sizeof record.previous.b);
    if (in.bad || reader_left(&in) != 0 || version != RECORD_VERSION ||
        (flags & ~HAS_ALL) != 0 || record.sealed.len > LIMIT_SEALED_ORIGIN ||
        record.event > AUDIT_EVENT_MAX || record.actor_kind > AUDIT_ACTOR_LAST ||
        record.seq == 0 || record.count == 0 ||
        (record.note.len > 0 && !utf8_valid(record.note))) {
        return ERR_INVALID;
    }
    *ret_record = record;
    return OK;
}

struct audit_hash audit_record_hash(struct span encoded) {
    static const uint8_t domain[] = "tasuki audit 1"; /* with its NUL */
    crypto_hash_sha256_state state;
    struct audit_hash hash;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, domain, sizeof domain);
    crypto_hash_sha256_update(&state, encoded.data, encoded.len);
    crypto_hash_sha256_final(&state, hash.b);
    return hash;
}

static const char *const names[AUDIT_EVENT_MAX + 1] = {
    [AUDIT_SIGNIN] = "signin",
    [AUDIT_SIGNIN_FAILED] = "signin.failed",
    [AUDIT_SIGNIN_LOCKED] = "signin.locked",
    [AUDIT_SIGNIN_REFUSED] = "signin.refused",
    [AUDIT_SIGNOUT] = "signout",
    [AUDIT_SESSION_ENDED] = "session.ended",
    [AUDIT_SESSIONS_ENDED] = "session.others-ended",
    [AUDIT_STEP_UP] = "signin.step-up",
    [AUDIT_LIMITED] = "signin.limited",
    [AUDIT_FACTOR_SENT] = "factor.sent",
    [AUDIT_FACTOR_OK] = "factor.ok",
    [AUDIT_FACTOR_FAILED] = "factor.failed",
    [AUDIT_FACTOR_LOCKED] = "factor.locked",
    [AUDIT_FACTOR_ADDED] = "factor.added",
    [AUDIT_FACTOR_REMOVED] = "factor.removed",
    [AUDIT_FACTOR_CHANGED] = "factor.changed",
    [AUDIT_DEVICE_REMEMBERED] = "device.remembered",
    [AUDIT_DEVICE_FORGOTTEN] = "device.forgotten",
    [AUDIT_FACTOR_DENIED] = "factor.denied",
    [AUDIT_CONSENT] = "consent",
    [AUDIT_CONSENT_WITHDRAWN] = "consent.withdrawn",
    [AUDIT_CODE_REPLAYED] = "code.replayed",
    [AUDIT_REFRESH_REPLAYED] = "refresh.replayed",
    [AUDIT_ACCOUNT_CREATED] = "account.created",
    [AUDIT_ACCOUNT_CHANGED] = "account.changed",
    [AUDIT_ACCOUNT_STATE] = "account.state",
    [AUDIT_PASSWORD_CHANGED] = "password.changed",
    [AUDIT_RESET_ASKED] = "password.reset-asked",
    [AUDIT_PASSWORD_RESET] = "password.reset",
    [AUDIT_ID_CHANGE_ASKED] = "account-id.asked",
    [AUDIT_ID_CHANGED] = "account-id.changed",
    [AUDIT_ID_CHANGE_VOID] = "account-id.void",
    [AUDIT_ACCOUNT_CLOSED] = "account.closed",
    [AUDIT_CLIENT_CREATED] = "client.created",
    [AUDIT_CLIENT_CHANGED] = "client.changed",
    [AUDIT_CLIENT_STAGE] = "client.stage",
    [AUDIT_CLIENT_SECRET] = "client.secret",
    [AUDIT_REGISTRATION_TOKEN] = "client.registration-token",
    [AUDIT_KEY_ADDED] = "key.added",
    [AUDIT_KEY_REVOKED] = "key.revoked",
    [AUDIT_STAFF_CREATED] = "staff.created",
    [AUDIT_STAFF_CHANGED] = "staff.changed",
    [AUDIT_STAFF_SIGNIN] = "staff.signin",
    [AUDIT_STAFF_SIGNIN_FAILED] = "staff.signin.failed",
    [AUDIT_STAFF_LOCKED] = "staff.signin.locked",
    [AUDIT_STAFF_SIGNOUT] = "staff.signout",
    [AUDIT_STAFF_READ] = "staff.read",
    [AUDIT_CLUSTER_INIT] = "cluster.init",
    [AUDIT_CLUSTER_VERSION] = "cluster.version",
    [AUDIT_MEMBER_ADDED] = "node.added",
    [AUDIT_MEMBER_PROMOTED] = "node.promoted",
    [AUDIT_MEMBER_REMOVED] = "node.removed",
    [AUDIT_LEADER_REGIONS] = "leader.regions",
    [AUDIT_RESTORED] = "cluster.restored",
    [AUDIT_RECOVERED] = "cluster.recovered",
    [AUDIT_OUTBOX_RETRY] = "outbox.retry",
    [AUDIT_SEARCHED] = "audit.searched",
    [AUDIT_EXPORTED] = "audit.exported",
    [AUDIT_APPLICATION_SUBMITTED] = "application.submitted",
    [AUDIT_APPLICATION_CONFIRMED] = "application.confirmed",
    [AUDIT_APPLICATION_MOVED] = "application.moved",
    [AUDIT_APPLICATION_APPROVED] = "application.approved",
    [AUDIT_APPLICATION_DENIED] = "application.denied",
    [AUDIT_APPLICATION_ACTIVATED] = "application.activated",
    [AUDIT_ACTIVATION_RENEWED] = "application.activation_renewed",
    [AUDIT_APPLICATION_REMINDED] = "application.reminded",
    [AUDIT_ACTIVATION_CODE_SENT] = "application.code_sent",
    [AUDIT_ACTIVATION_CODE_WRONG] = "application.code_wrong",
    [AUDIT_REVIEW_CLAIMED] = "review.claimed",
    [AUDIT_REVIEW_RELEASED] = "review.released",
    [AUDIT_REVIEW_DECIDED] = "review.decided",
    [AUDIT_IMPORT_PROPOSED] = "import.proposed",
    [AUDIT_IMPORT_APPROVED] = "import.approved",
    [AUDIT_BATCH_ADDED] = "intake.batch_added",
    [AUDIT_PAGE_PLACED] = "intake.page_placed",
    [AUDIT_OCR_RESULT] = "ocr.result",
    [AUDIT_PHONE_PROPOSED] = "application.phone_proposed",
    [AUDIT_PHONE_CHANGED] = "application.phone_changed",
    [AUDIT_PHONE_REFUSED] = "application.phone_refused",
    [AUDIT_STAFF_REFUSED] = "staff.refused",
};

const char *audit_event_str(enum audit_event event) {
    static _Thread_local char unknown[16];

    if ((unsigned)event <= AUDIT_EVENT_MAX && names[event] != NULL) {
        return names[event];
    }
    (void)snprintf(unknown, sizeof unknown, "event.%u", (unsigned)event % 1000);
    return unknown;
}

static bool names_application(enum audit_event event) {
    return event == AUDIT_STAFF_READ ||
           (event >= AUDIT_APPLICATION_SUBMITTED && event <= AUDIT_REVIEW_DECIDED) ||
           (event >= AUDIT_PAGE_PLACED && event <= AUDIT_PHONE_REFUSED);
}

struct span audit_record_application(const struct audit_record *record) {
    struct span note = record->note;
    size_t len = 0;

    while (len < note.len && ((note.data[len] >= 'A' && note.data[len] <= 'Z') ||
                              (note.data[len] >= '0' && note.data[len] <= '9'))) {
        len++;
    }
    bool word = len <= AUDIT_APPLICATION_MAX && (len == note.len || note.data[len] == ' ');
    return span_of(note.data, word && names_application(record->event) ? len : 0);
}

enum audit_event audit_event_find(struct span name) {
    for (unsigned i = 1; i <= AUDIT_EVENT_MAX; i++) {
        if (names[i] != NULL && span_is(name, names[i])) {
            return (enum audit_event)i;
        }
    }
    return (enum audit_event)0;
}

const char *audit_actor_str(enum audit_actor actor) {
    static const char *const kinds[] = {"system", "account",  "client",
                                        "staff",  "operator", "somebody"};

    CHECK((unsigned)actor <= AUDIT_ACTOR_LAST);
    return kinds[actor];
}
