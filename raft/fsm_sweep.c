/* fsm_sweep: rows whose time is over, oldest first, a bounded number a frame. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_app.h"
#include "store/store_application.h"
#include "store/store_blob.h"
#include "store/store_correction.h"
#include "store/store_counter.h"
#include "store/store_expiry.h"
#include "store/store_id_change.h"
#include "store/store_job.h"
#include "store/store_key.h"
#include "store/store_outbox.h"
#include "store/store_proof.h"
#include "store/store_recovery.h"
#include "store/store_request.h"
#include "store/store_review.h"
#include "store/store_signin.h"
#include "store/store_staff.h"

static struct id128 id_of(const struct expiry *entry) {
    struct id128 id;

    memcpy(id.b, entry->key.b, sizeof id.b);
    return id;
}

static struct application_id application_of(const struct expiry *entry) {
    struct application_id id = {{0}};

    memcpy(id.text, entry->key.b, sizeof entry->key.b);
    return id;
}

/* row_end of what counts, of what waits for a second step or a confirmation, and of
 * files that were confirmed. */
static enum err counted_end(struct fsm_tx *tx, const struct expiry *entry,
                            uint64_t *ret_ms) {
    struct factor_guard guard;
    struct counter counter;
    struct signin signin;
    struct app_enrolment enrolment;
    struct app_challenge challenge;
    struct id_change id_change;
    struct recovery recovery;
    struct application_id id;
    enum err err;

    if (entry->table == EXPIRY_RECOVERY) {
        err = store_recovery_get(tx->read, id_of(entry), &recovery);
        *ret_ms = err == OK ? recovery.expires_ms : 0;
        return err;
    }
    if (entry->table == EXPIRY_IMPORT) {
        err = store_import_drop_ms(tx->read, id_of(entry), ret_ms);
        return err == OK && *ret_ms == 0 ? ERR_NOT_FOUND : err;
    }
    if (entry->table == EXPIRY_CORRECTION) {
        id = application_of(entry);
        return store_correction_ends_ms(tx->read, &id, ret_ms);
    }
    if (entry->table == EXPIRY_ID_CHANGE) {
        err = store_id_change_get(tx->read, id_of(entry), &id_change);
        *ret_ms = err == OK ? id_change.expires_ms : 0;
        return err;
    }
    if (entry->table == EXPIRY_COUNTER) {
        err = store_counter_get(tx->read, entry->key, &counter);
        *ret_ms = err == OK ? counter.until_ms : 0;
        return err;
    }
    if (entry->table == EXPIRY_SIGNIN) {
        arena_reset(tx->scratch);
        err = store_signin_get(tx->read, tx->scratch, entry->key, &signin);
        *ret_ms = err == OK ? signin.expires_ms : 0;
        return err;
    }
    if (entry->table == EXPIRY_APP_ENROLMENT) {
        err = store_app_enrolment_get(tx->read, entry->key, &enrolment);
        *ret_ms = err == OK ? enrolment.expires_ms : 0;
        return err;
    }
    if (entry->table == EXPIRY_APP_CHALLENGE) {
        arena_reset(tx->scratch);
        err = store_app_challenge_get(tx->read, tx->scratch, id_of(entry), &challenge);
        *ret_ms = err == OK ? challenge.expires_ms : 0;
        return err;
    }
    err = store_factor_guard_get(tx->read, entry->key, &guard);
    *ret_ms = err == OK ? guard.ends_ms : 0;
    return err == OK && guard.ends_ms == 0 ? ERR_NOT_FOUND : err; /* zeroed: no row */
}

/* row_end of the intake's rows. */
static enum err intake_end(struct fsm_tx *tx, const struct expiry *entry,
                           uint64_t *ret_ms) {
    struct application_id id = application_of(entry);
    struct application application;
    struct blob_row blob;
    struct ocr_job job;
    bool ends = false;
    enum err err = ERR_CORRUPT;

    if (entry->table == EXPIRY_BLOB_NODE) {
        return fsm_blob_due_ms(tx, entry->key, ret_ms);
    }
    if (entry->table == EXPIRY_APPLICATION) {
        arena_reset(tx->scratch);
        err = store_application_get(tx->read, tx->scratch, &id, &application);
        *ret_ms = err == OK ? store_application_due_ms(&application) : 0;
        ends = err == OK && *ret_ms != 0;
    } else if (entry->table == EXPIRY_JOB) {
        err = store_job_by_mark(tx->read, entry->key, &job);
        ends = err == OK;
        *ret_ms = ends ? job.at_ms : 0;
    } else if (entry->table == EXPIRY_BLOB) {
        err = store_blob_by_mark(tx->read, entry->key, &blob);
        ends = err == OK && blob.refs == 0;
        *ret_ms = ends ? blob.drop_ms : 0;
    }
    return err == OK && !ends ? ERR_NOT_FOUND : err;
}

static enum err intake_del(struct fsm_tx *tx, const struct expiry *entry) {
    struct application_id id = application_of(entry);
    struct blob_row blob;
    struct ocr_job job;
    enum err err;

    if (entry->table == EXPIRY_APPLICATION) {
        return fsm_application_due(tx, &id);
    }
    if (entry->table == EXPIRY_JOB) {
        err = store_job_by_mark(tx->read, entry->key, &job);
        return err == OK ? store_job_del(tx->write, job.key) : err;
    }
    if (entry->table == EXPIRY_IMPORT) {
        return store_import_del(tx->write, id_of(entry));
    }
    if (entry->table == EXPIRY_CORRECTION) {
        return store_correction_del(tx->write, &id);
    }
    err = store_blob_by_mark(tx->read, entry->key, &blob);
    return err == OK ? store_blob_del(tx->write, &blob.id) : err;
}

/* When the row that the entry names ends. ERR_NOT_FOUND: it is gone. */
static enum err row_end(struct fsm_tx *tx, const struct expiry *entry,
                        uint64_t *ret_ms) {
    struct session session;
    struct staff_session staff_session;
    struct grant grant;
    struct access_token access;
    struct refresh_token refresh;
    struct login_attempts attempts;
    struct pushed_request request;
    struct outbox_message message;
    struct signing_key key;
    enum err err;

    switch (entry->table) {
    case EXPIRY_SESSION:
        err = store_session_get(tx->read, entry->key, &session);
        *ret_ms = err == OK ? store_session_end_ms(&session) : 0;
        break;
    case EXPIRY_GRANT:
        arena_reset(tx->scratch);
        err = store_grant_get(tx->read, tx->scratch, entry->key, &grant);
        *ret_ms = err == OK ? grant.expires_ms : 0;
        break;
    case EXPIRY_ACCESS:
        err = store_access_get(tx->read, entry->key, &access);
        *ret_ms = err == OK ? access.expires_ms : 0;
        break;
    case EXPIRY_REFRESH:
        err = store_refresh_get(tx->read, entry->key, &refresh);
        *ret_ms = err == OK ? refresh.expires_ms : 0;
        break;
    case EXPIRY_ATTEMPTS:
        err = store_attempts_get(tx->read, entry->key, &attempts);
        *ret_ms = err == OK ? attempts.forget_at_ms : 0;
        /* Zeroed: there is no row. */
        err = err == OK && attempts.failures == 0 ? ERR_NOT_FOUND : err;
        break;
    case EXPIRY_PROOF:
        err = store_proof_get(tx->read, entry->key, ret_ms);
        break;
    case EXPIRY_REQUEST:
        err = store_request_get(tx->read, entry->key, &request);
        *ret_ms = err == OK ? request.keep_until_ms : 0;
        break;
    case EXPIRY_OUTBOX:
        arena_reset(tx->scratch);
        err = store_outbox_get(tx->read, tx->scratch, id_of(entry), &message);
        *ret_ms = err == OK ? message.at_ms : 0;
        err = err == OK && message.state != OUTBOX_DEAD ? ERR_NOT_FOUND : err;
        break;
    case EXPIRY_STAFF_SESSION:
        err = store_staff_session_get(tx->read, entry->key, &staff_session);
        *ret_ms = err == OK ? store_staff_session_end_ms(&staff_session) : 0;
        break;
    case EXPIRY_KEY:
        arena_reset(tx->scratch);
        err = store_key_by_mark(tx->read, tx->scratch, entry->key, &key);
        *ret_ms = err == OK ? key.ends_ms : 0;
        err = err == OK && key.ends_ms == 0 ? ERR_NOT_FOUND : err;
        break;
    case EXPIRY_APPLICATION:
    case EXPIRY_JOB:
    case EXPIRY_BLOB:
    case EXPIRY_BLOB_NODE:
        return intake_end(tx, entry, ret_ms);
    default:
        return counted_end(tx, entry, ret_ms);
    }
    return err;
}

static enum err key_del(struct fsm_tx *tx, const struct expiry *entry) {
    struct signing_key key;
    enum err err;

    arena_reset(tx->scratch);
    err = store_key_by_mark(tx->read, tx->scratch, entry->key, &key);
    return err == OK ? store_key_del(tx->write, key.kid) : err;
}

static enum err row_del(struct fsm_tx *tx, const struct expiry *entry) {
    switch (entry->table) {
    case EXPIRY_SESSION:
        return store_session_del(tx->write, entry->key);
    case EXPIRY_GRANT:
        return store_grant_del(tx->write, entry->key);
    case EXPIRY_ACCESS:
        return store_access_del(tx->write, entry->key);
    case EXPIRY_REFRESH:
        return store_refresh_del(tx->write, entry->key);
    case EXPIRY_ATTEMPTS:
        return store_attempts_del(tx->write, entry->key);
    case EXPIRY_PROOF:
        return store_proof_del(tx->write, entry->key);
    case EXPIRY_REQUEST:
        return store_request_del(tx->write, entry->key);
    case EXPIRY_OUTBOX:
        return store_outbox_del(tx->write, id_of(entry));
    case EXPIRY_STAFF_SESSION:
        return store_staff_session_del(tx->write, entry->key);
    case EXPIRY_ID_CHANGE:
        return store_id_change_del(tx->write, id_of(entry));
    case EXPIRY_KEY:
        return key_del(tx, entry);
    case EXPIRY_COUNTER:
        return store_counter_del(tx->write, entry->key);
    case EXPIRY_SIGNIN:
        return store_signin_del(tx->write, entry->key);
    case EXPIRY_FACTOR_GUARD:
        return store_factor_guard_del(tx->write, entry->key);
    case EXPIRY_RECOVERY:
        return store_recovery_del(tx->write, id_of(entry));
    case EXPIRY_APP_ENROLMENT:
        return store_app_enrolment_del(tx->write, entry->key);
    case EXPIRY_APP_CHALLENGE:
        return store_app_challenge_del(tx->write, id_of(entry));
    case EXPIRY_APPLICATION:
    case EXPIRY_JOB:
    case EXPIRY_BLOB:
    case EXPIRY_IMPORT:
    case EXPIRY_CORRECTION:
        return intake_del(tx, entry);
    case EXPIRY_BLOB_NODE: /* no row goes: it is the next one's turn */
        return fsm_blob_due(tx, entry->key);
    }
    return ERR_CORRUPT;
}

static enum err sweep_one(struct fsm_tx *tx, const struct expiry *entry) {
    uint64_t end_ms;
    enum err err = row_end(tx, entry, &end_ms);

    if (err == OK && end_ms <= tx->now_ms) {
        return row_del(tx, entry); /* takes its entry along */
    }
    if (err == OK || err == ERR_NOT_FOUND) {
        return store_expiry_del(tx->write, entry);
    }
    return err;
}

enum err fsm_sweep(struct fsm_tx *tx, uint64_t rows_max) {
    enum err err = OK;

    for (uint64_t i = 0; i < rows_max && err == OK; i++) {
        struct expiry entry;
        err = store_expiry_due(tx->write, tx->now_ms, &entry);
        if (err == ERR_NOT_FOUND) {
            err = OK;
            break;
        }
        if (err == OK) {
            err = sweep_one(tx, &entry);
        }
    }
    return err == OK ? fsm_audit_sweep(tx, rows_max) : err;
}
