/* staff_fixture: a person of the staff, signed in, and what the console's actions answer. */
#include "tests/unit/server/staff_fixture.h"

#include <stdio.h>

#include "server/crypto/digest.h"
#include "server/domain/totp.h"

void text_of(struct span from, char *out, size_t size) {
    assert_true(from.len < size);
    memcpy(out, from.data, from.len);
    out[from.len] = '\0';
}

void add_person(struct fixture *f, const char *name, const char *roles,
                struct person *ret) {
    struct svc_admin admin;
    char body[512], text[4096];

    memset(ret, 0, sizeof *ret);
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"password\":\"" PASSWORD "\",\"roles\":[%s]}", name, roles);
    run_admin(f, ADMIN_STAFF_ADD, body, &admin);
    assert_int_equal(admin.kind, ADMIN_OK);
    json_text(admin.body, "id", text);
    snprintf(ret->id, sizeof ret->id, "%.39s", text);
    json_text(admin.body, "totp_secret", text);
    snprintf(ret->secret, sizeof ret->secret, "%.63s", text);
    snprintf(ret->name, sizeof ret->name, "%.31s", name);
    svc_op_close(&admin.op);
}

void code_now(struct fixture *f, const struct person *person, char out[8]) {
    static const struct totp_mac mac = {digest_hmac_sha1};
    uint8_t seed[TOTP_SEED_LEN];
    size_t len = 0;

    assert_int_equal(base32_decode(span_str(person->secret), seed, sizeof seed, &len), OK);
    snprintf(out, 8, "%06u",
             totp_code(&mac, span_of(seed, len), f->repl.now_ms / TOTP_STEP_MS));
}

/* ---- operations, run to their end */

static bool finished;

static void login_done(struct svc_staff_login *login) {
    (void)login;
    finished = true;
}

struct staff_file staff_file;

static void staff_done(struct svc_staff *staff) {
    staff_file = (struct staff_file){.len = staff->file.len};
    snprintf(staff_file.name, sizeof staff_file.name, "%.*s", (int)staff->file_name.len,
             staff->file_name.len > 0 ? (const char *)staff->file_name.data : "");
    if (staff->file.len >= sizeof staff_file.head - 1)
        memcpy(staff_file.head, staff->file.data, sizeof staff_file.head - 1);
    finished = true;
}

int attempt(struct fixture *f, struct person *person, const char *name,
            const char *password, const char *code, const char *csrf) {
    struct svc_staff_login login = {
        .done = login_done,
        .name = span_str(name),
        .password = span_str(password),
        .code = span_str(code),
        .csrf = span_str(csrf),
        .browser_cookie = span_str(person->browser),
        .session_cookie = span_str(person->cookie),
        .client_address = span_str("192.0.2.1"),
    };

    finished = false;
    svc_staff_login(f->svc, &login);
    fixture_until(f, &finished);
    assert_int_equal(login.op.err, OK);
    if (login.kind == STAFF_LOGIN_OK)
        text_of(login.set_session_cookie, person->cookie, sizeof person->cookie);
    svc_op_close(&login.op);
    return (int)login.kind;
}

void open_form(struct fixture *f, struct person *person) {
    struct span set, csrf;
    struct arena arena;

    arena_init(&arena, 1 << 16);
    assert_int_equal(svc_staff_form(f->svc, &arena, span_str(person->browser), &set, &csrf),
                     OK);
    if (set.len > 0)
        text_of(set, person->browser, sizeof person->browser);
    text_of(csrf, person->csrf, sizeof person->csrf);
    arena_close(&arena);
}

struct svc_staff run_with(struct fixture *f, const struct person *person,
                          enum staff_action action, const struct params *params,
                          struct span upload) {
    static const struct params none;
    struct svc_staff staff = {.done = staff_done,
                              .action = action,
                              .params = params ? params : &none,
                              .session_cookie = span_str(person->cookie),
                              .upload = upload};

    finished = false;
    svc_staff(f->svc, &staff);
    fixture_until(f, &finished);
    return staff;
}

struct svc_staff run(struct fixture *f, const struct person *person,
                     enum staff_action action, const struct params *params) {
    return run_with(f, person, action, params, span_of("", 0));
}

/* Its kind; and what it says, when it says something. */
enum svc_staff_kind act(struct fixture *f, const struct person *person,
                        enum staff_action action, const struct params *params) {
    struct svc_staff staff = run(f, person, action, params);
    enum svc_staff_kind kind = staff.kind;

    assert_int_equal(staff.op.err, OK);
    svc_op_close(&staff.op);
    return kind;
}

void enter(struct fixture *f, struct person *person) {
    struct svc_staff home;
    char code[8], text[4096];

    f->repl.now_ms += TOTP_STEP_MS; /* a code is good once */
    open_form(f, person);
    code_now(f, person, code);
    assert_int_equal(attempt(f, person, person->name, PASSWORD, code, person->csrf),
                     STAFF_LOGIN_OK);
    home = run(f, person, STAFF_DO_HOME, NULL);
    assert_int_equal(home.kind, STAFF_VIEW);
    json_text(home.me, "csrf", text);
    snprintf(person->token, sizeof person->token, "%.63s", text);
    svc_op_close(&home.op);
}
