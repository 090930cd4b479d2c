/* svc_staff_own: what everybody of the staff may do: the first page, the own sessions and
 * their end, the own password. */
#include "server/svc_staff_internal.h"
#include "store/base/codec.h"

#define PASSWORD_LEN_MIN 15 /* as in svc_admin_staff.c */
#define SESSIONS_SHOWN 100

/* Counts of what a person with these roles looks after. */
void svc_staff_home(struct staff_op *op) {
    svc_staff_view(op, json_pack("{s:I, s:I}", "signed_in_ms",
                                 (json_int_t)op->session.auth_time_ms, "expires_ms",
                                 (json_int_t)op->session.expires_ms));
}

/* ---- sessions */

static json_t *session_json(const struct staff_op *op,
                            const struct staff_session *session) {
    char key[2 * sizeof session->key.b + 1];
    bool here = memcmp(session->key.b, op->session.key.b, sizeof session->key.b) == 0;

    hex_encode(span_of(session->key.b, sizeof session->key.b), key);
    return json_pack("{s:s, s:I, s:I, s:I, s:b}", "id", key, "signed_in_ms",
                     (json_int_t)session->auth_time_ms, "idle_at_ms",
                     (json_int_t)session->idle_at_ms, "expires_ms",
                     (json_int_t)session->expires_ms, "here", here);
}

/* The key after this one, big-endian. False: there is none. */
static bool next_key(struct key_hash *key) {
    size_t i = sizeof key->b;

    while (i > 0 && ++key->b[i - 1] == 0)
        i--;
    return i > 0;
}

/* In the open snapshot. All rows are read: there are as many as staff have signed in
 * within a lifetime. */
static enum err own_sessions(struct staff_op *op, json_t *list) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct key_hash from = {{0}};
    struct staff_session session;
    enum err err;

    do {
        err = store_staff_session_next(svc->read, from, &session);
        if (err)
            return err == ERR_NOT_FOUND ? OK : err;
        from = session.key;
        if (memcmp(session.staff.b, op->account.id.b, sizeof session.staff.b) == 0 &&
            session.generation == op->account.generation &&
            now_ms < store_staff_session_end_ms(&session))
            json_array_append_new(list, session_json(op, &session));
    } while (json_array_size(list) < SESSIONS_SHOWN && next_key(&from));
    return OK;
}

void svc_staff_sessions(struct staff_op *op) {
    json_t *list = json_array();
    enum err err = svc_read_begin(op->base.svc);

    if (!err) {
        err = own_sessions(op, list);
        svc_read_end(op->base.svc);
    }
    if (err) {
        json_decref(list);
        svc_fail(&op->base, err);
        return;
    }
    svc_staff_view(op, json_pack("{s:o}", "sessions", list));
}

static void ended(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    enum outcome_code code = state->request.outcome.code;

    if (code != OUT_OK && code != OUT_NOT_FOUND) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    if (op->staff->signed_out)
        svc_staff_done(op, "/staff/login?notice=signed_out");
    else
        svc_staff_done(op, "/staff/sessions?notice=session_ended");
}

static void end_session(struct staff_op *op, struct key_hash key) {
    struct command command = {.type = CMD_STAFF_SESSION_END};

    command.staff_session_end.session = key;
    svc_submit(&op->base, &command, ended);
}

/* Whose it is never changes, so that it may be read before. Another's is not there. */
void svc_staff_session_end(struct staff_op *op) {
    struct svc *svc = op->base.svc;
    struct staff_session session;
    struct key_hash key;
    enum err err;

    if (hex_decode(svc_staff_field(op, "id"), key.b, sizeof key.b)) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such session"));
        return;
    }
    err = svc_read_begin(svc);
    if (!err) {
        err = store_staff_session_get(svc->read, key, &session);
        svc_read_end(svc);
    }
    if (!err && memcmp(session.staff.b, op->account.id.b, sizeof session.staff.b) != 0)
        err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such session"));
    } else if (err) {
        svc_fail(&op->base, err);
    } else {
        op->staff->signed_out =
            memcmp(key.b, op->session.key.b, sizeof key.b) == 0;
        end_session(op, key);
    }
}

void svc_staff_sign_out(struct staff_op *op) {
    op->staff->signed_out = true;
    end_session(op, op->session.key);
}

/* ---- password */

void svc_staff_password_form(struct staff_op *op) {
    svc_staff_view(op, json_object());
}

/* Every session ends with it, this one too: another generation (W4). */
static void password_changed(struct staff_op *op) {
    op->staff->signed_out = true;
    svc_staff_done(op, "/staff/login?notice=password_changed");
}

void svc_staff_password(struct staff_op *op) {
    struct span password = svc_staff_field(op, "password");
    struct span again = svc_staff_field(op, "password_again");

    op->typed = json_object();
    if (password.len < PASSWORD_LEN_MIN) {
        svc_staff_refuse(op, STAFF_INVALID,
                         span_str("password: 15 characters or more are expected"));
    } else if (!span_equal(password, again)) {
        svc_staff_refuse(op, STAFF_INVALID,
                         span_str("password_again: it is not the same"));
    } else {
        svc_staff_call(op, ADMIN_STAFF_CHANGE,
                       json_pack("{s:o, s:I, s:o}", "id", svc_staff_id(op->account.id),
                                 "generation", (json_int_t)op->account.generation,
                                 "password", svc_staff_text(password)),
                       password_changed);
    }
}
