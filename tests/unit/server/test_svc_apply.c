/* Who applies for a Prime account: that nothing tells whether there is one already, what
 * a mailed link may do, and that an account is opened with the telephone alone that the
 * application names. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/svc_apply_internal.h"
#include "store/store_factor.h"
#include "store/store_outbox.h"
#include "store/store_write.h"

/* fontconfig keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig";
}

#define PERSON "person@example.jp"
#define PHRASE "seven lamps over the quay"
#define PHONE "+819012345678"
#define DAY_MS (24ull * 3600 * 1000)

static bool finished;

#define DONE(name, type)                                                               \
    static void name(struct type *op) {                                                \
        (void)op;                                                                      \
        finished = true;                                                               \
    }
DONE(on_apply, svc_apply)
DONE(on_confirm, svc_apply_confirm)
DONE(on_status, svc_apply_status)
DONE(on_withdraw, svc_apply_withdraw)
DONE(on_print, svc_apply_print)
DONE(on_activate, svc_activate)

static int setup(void **state) {
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    f->config.second_factor_enrolled = false;
    f->config.application_remind_s = 14 * 86400;
    f->config.application_lapse_s = 90 * 86400;
    f->config.activation_remind_s = 3 * 86400;
    f->config.activation_lapse_s = 60 * 86400;
    return 0;
}

static void text_of(struct span from, char *out, size_t size) {
    assert_true(from.len < size);
    memcpy(out, from.len > 0 ? (const void *)from.data : "", from.len);
    out[from.len] = '\0';
}

/* ---- what was sent */

struct search {
    struct fixture *f;
    struct arena *arena;
    enum message_template template;
    const char *name;
    unsigned count;
    char *out;
    size_t size;
};

static enum outbox_walk see(void *arg, struct span client_id, struct id128 id) {
    struct search *search = arg;
    struct outbox_message row;
    struct message_draft draft;

    (void)client_id;
    assert_int_equal(store_outbox_get(search->f->svc->read, search->arena, id, &row), OK);
    assert_int_equal(svc_message_open(search->f->svc->sealer, id, row.sealed,
                                      search->arena, &draft),
                     OK);
    if (draft.template != search->template)
        return OUTBOX_NEXT;
    search->count++;
    for (size_t i = 0; i < draft.values_count; i++)
        if (strcmp(draft.values[i].name, search->name) == 0)
            text_of(draft.values[i].text, search->out, search->size);
    return OUTBOX_NEXT;
}

/* How many of the template there are; the value of the newest one. Time goes on, so that
 * the next one is newer. */
static unsigned sent(struct fixture *f, enum message_template template, const char *name,
                     char out[1024]) {
    struct arena arena;
    struct search search = {f, &arena, template, name, 0, out, 1024};

    arena_init(&arena, 4u << 20);
    out[0] = '\0';
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_walk_due(f->svc->read, f->repl.now_ms, see, &search), OK);
    svc_read_end(f->svc);
    arena_close(&arena);
    f->repl.now_ms += 1000;
    return search.count;
}

/* The token of the newest link. */
static unsigned token_sent(struct fixture *f, enum message_template template,
                           char token[1024]) {
    char link[1024];
    unsigned count = sent(f, template, "link", link);
    const char *at = strchr(link, '=');

    snprintf(token, 1024, "%s", at ? at + 1 : "");
    return count;
}

/* ---- operations */

static void fill_form(struct svc_apply *apply, const char *email, const char *number,
                      const char *last_name) {
    static const struct {
        enum applicant_input input;
        const char *text;
    } typed[] = {
        {APPLICANT_IN_NAME, "株式会社試験"}, {APPLICANT_IN_PREFECTURE, "13"},
        {APPLICANT_IN_ADDRESS1, "千代田区"}, {APPLICANT_IN_ADDRESS2, "霞が関1-3-1"},
        {APPLICANT_IN_FIRST, "太郎"},        {APPLICANT_IN_LAST_KANA, "ヤマダ"},
        {APPLICANT_IN_FIRST_KANA, "タロウ"}, {APPLICANT_IN_BIRTH_ERA, "showa"},
        {APPLICANT_IN_BIRTH_YEAR, "55"},     {APPLICANT_IN_BIRTH_MONTH, "3"},
        {APPLICANT_IN_BIRTH_DAY, "7"},       {APPLICANT_IN_POST_CODE, "100-8901"},
        {APPLICANT_IN_PHONE, PHONE},         {APPLICANT_IN_AGREE, "yes"},
    };

    *apply = (struct svc_apply){
        .op.from.address = span_str("192.0.2.1"),
        .done = on_apply,
        .step = APPLY_SEND,
        .applicant_kind = APPLICANT_CORPORATION,
    };
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        apply->typed[typed[i].input] = span_str(typed[i].text);
    apply->typed[APPLICANT_IN_EMAIL] = span_str(email);
    apply->typed[APPLICANT_IN_NUMBER] = span_str(number);
    apply->typed[APPLICANT_IN_LAST] = span_str(last_name);
}

static void send_form(struct fixture *f, const char *email, const char *number,
                      const char *last_name) {
    struct svc_apply apply;

    fill_form(&apply, email, number, last_name);
    finished = false;
    svc_apply(f->svc, &apply);
    fixture_until(f, &finished);
    assert_int_equal(apply.op.err, OK);
    assert_int_equal(apply.kind, APPLY_SENT);
    svc_op_close(&apply.op);
}

static enum svc_apply_confirm_kind confirm(struct fixture *f, const char *token,
                                           bool confirms, char id[32]) {
    struct svc_apply_confirm op = {
        .done = on_confirm, .token = span_str(token), .confirms = confirms};

    finished = false;
    svc_apply_confirm(f->svc, &op);
    fixture_until(f, &finished);
    assert_int_equal(op.op.err, OK);
    text_of(op.application_id, id, 32);
    svc_op_close(&op.op);
    return op.kind;
}

/* From the form to its number. */
static void apply_for(struct fixture *f, const char *email, char id[32]) {
    char token[1024], again[32];

    send_form(f, email, "7000012050002", "山田");
    token_sent(f, MESSAGE_APPLICATION_CONFIRM, token);
    assert_int_equal(confirm(f, token, false, id), CONFIRM_ASK);
    assert_int_equal(confirm(f, token, true, id), CONFIRM_DONE);
    assert_int_equal(confirm(f, token, true, again), CONFIRM_REFUSED);
}

static struct svc_apply_status status(struct fixture *f, const char *id,
                                      const char *email, enum svc_apply_act act) {
    struct svc_apply_status op = {.done = on_status,
                                  .application_id = span_str(id),
                                  .account_id = span_str(email),
                                  .act = act};

    finished = false;
    svc_apply_status(f->svc, &op);
    fixture_until(f, &finished);
    assert_int_equal(op.op.err, OK);
    svc_op_close(&op.op); /* what is looked at below does not live in it */
    return op;
}

static enum svc_apply_withdraw_kind withdraw(struct fixture *f, const char *token,
                                             bool confirms) {
    struct svc_apply_withdraw op = {
        .done = on_withdraw, .token = span_str(token), .confirms = confirms};

    finished = false;
    svc_apply_withdraw(f->svc, &op);
    fixture_until(f, &finished);
    assert_int_equal(op.op.err, OK);
    svc_op_close(&op.op);
    return op.kind;
}

static struct svc_activate activate(struct fixture *f, const char *token,
                                    enum svc_activate_act act, const char *code) {
    struct svc_activate op = {.done = on_activate,
                              .token = span_str(token),
                              .code = span_str(code),
                              .password = span_str(PHRASE),
                              .again = span_str(PHRASE),
                              .act = act};

    finished = false;
    svc_activate(f->svc, &op);
    fixture_until(f, &finished);
    assert_int_equal(op.op.err, OK);
    svc_op_close(&op.op);
    return op;
}

/* ---- the desk */

static void get_application(struct fixture *f, struct arena *arena, const char *id,
                            struct application *ret) {
    struct application_id key = {{0}};

    snprintf(key.text, sizeof key.text, "%.16s", id);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_application_get(f->svc->read, arena, &key, ret), OK);
    svc_read_end(f->svc);
}

/* Papers and farm are not this test's: it is at the desk, read and found right. */
static void put_at_desk(struct fixture *f, struct arena *arena, const char *id,
                        struct span sealed) {
    struct application application;
    struct store_write *write;

    get_application(f, arena, id, &application);
    application.state = APPLICATION_STAFF;
    application.ocr = FARM_OK;
    application.mails.count = 0;
    if (sealed.len > 0)
        application.sealed = sealed;
    assert_int_equal(store_write_begin(f->shared.store, &write), OK);
    assert_int_equal(store_application_put(write, &application), OK);
    assert_int_equal(store_write_commit(write, fsm_meta(f->repl.fsm)), OK);
}

static void approve(struct fixture *f, const char *id, char token[1024]) {
    struct command staff = {.type = CMD_STAFF_PUT}, claim = {.type = CMD_REVIEW_CLAIM};
    struct command decide = {.type = CMD_REVIEW_DECIDE};
    struct svc_activation_out out;
    struct application application;
    struct arena arena;

    arena_init(&arena, 1u << 20);
    staff.staff_put.staff = (struct staff){.id = {{(uint8_t)id[5], 1}},
                                           .name = span_str("reviewer"),
                                           .roles = STAFF_REVIEWER,
                                           .state = STAFF_ACTIVE,
                                           .password_hash = span_str("$argon2id$"),
                                           .sealed_seed = span_str("seed")};
    memcpy(staff.staff_put.staff.login_index.b, id, 11);
    fixture_apply(f, &staff);
    get_application(f, &arena, id, &application);
    claim.review_claim.id = decide.review_decide.id = application.id;
    claim.review_claim.staff = decide.review_decide.staff = staff.staff_put.staff.id;
    claim.review_claim.lease_ms = 60000;
    fixture_apply(f, &claim);
    assert_int_equal(svc_activation_out(f->svc, &arena, &application, NULL, &out), OK);
    decide.review_decide.claim = 1;
    decide.review_decide.decision = REVIEW_APPROVE;
    decide.review_decide.token = out.token;
    decide.review_decide.token_ttl_ms = out.token_ttl_ms;
    decide.review_decide.message = out.message;
    decide.review_decide.later = out.later;
    fixture_apply(f, &decide);
    arena_close(&arena);
    token_sent(f, MESSAGE_APPLICATION_APPROVED, token);
}

/* From the form to the link of the approval. */
static void approved(struct fixture *f, const char *email, char id[32],
                     char token[1024]) {
    struct arena arena;

    apply_for(f, email, id);
    arena_init(&arena, 1u << 20);
    put_at_desk(f, &arena, id, span_of("", 0));
    arena_close(&arena);
    approve(f, id, token);
}

static const char *state_of(struct fixture *f, const char *id, const char *email) {
    return status(f, id, email, STATUS_LOOK).state;
}

/* ---- tests */

/* D02: one command, no read of it before, and one answer. */
static void nothing_tells_whether_somebody_has_applied(void **state) {
    struct fixture *f = *state;
    unsigned submits, reads;
    char id[32], token[1024];

    fixture_world(f);
    apply_for(f, PERSON, id);
    const struct {
        const char *email, *last_name;
        bool known;
    } cases[] = {
        {"nobody@example.jp", "佐藤", false}, {PERSON, "佐藤", true}, /* an applicant's */
        {ALICE, "鈴木", true},                                        /* a Prime's */
        {BOB, "高橋", false},                                /* an Entry's: its own */
        {"other@example.jp", "山田", true},                  /* the same person */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned known = token_sent(f, MESSAGE_APPLICATION_KNOWN, token);
        unsigned fresh = token_sent(f, MESSAGE_APPLICATION_CONFIRM, token);
        submits = f->repl.submits;
        reads = f->repl.reads;
        send_form(f, cases[i].email, "7000012050002", cases[i].last_name);
        assert_int_equal(f->repl.submits, submits + 1);
        assert_int_equal(f->repl.reads, reads);
        assert_int_equal(token_sent(f, MESSAGE_APPLICATION_KNOWN, token),
                         known + cases[i].known);
        assert_int_equal(token_sent(f, MESSAGE_APPLICATION_CONFIRM, token),
                         fresh + !cases[i].known);
    }
}

static void a_form_with_faults_sends_nothing(void **state) {
    struct fixture *f = *state;
    unsigned submits = f->repl.submits;
    struct svc_apply apply;

    fill_form(&apply, PERSON, "7000012050003", "山田");
    finished = false;
    svc_apply(f->svc, &apply);
    fixture_until(f, &finished);
    assert_int_equal(apply.kind, APPLY_FORM);
    assert_int_equal(apply.applicant.faults_count, 1);
    assert_int_equal(apply.applicant.faults[APPLICANT_IN_NUMBER],
                     APPLICANT_FAULT_NUMBER_CHECK);
    svc_op_close(&apply.op);
    assert_int_equal(f->repl.submits, submits);
}

static void a_status_is_for_number_and_address_together(void **state) {
    struct fixture *f = *state;
    char id[32];

    apply_for(f, PERSON, id);
    assert_int_equal(status(f, id, PERSON, STATUS_LOOK).kind, STATUS_SHOWN);
    assert_int_equal(status(f, id, "other@example.jp", STATUS_LOOK).kind, STATUS_MISSING);
    assert_int_equal(status(f, "P00000000000", PERSON, STATUS_LOOK).kind, STATUS_MISSING);
    assert_int_equal(status(f, "", "", STATUS_LOOK).kind, STATUS_MISSING);
    /* There is nothing to be sent again. */
    assert_true(status(f, id, PERSON, STATUS_RESEND).act_failed);
}

/* L5: number and account ID stand on an envelope. */
static void an_application_is_given_up_by_the_mailed_link_alone(void **state) {
    struct fixture *f = *state;
    char id[32], token[1024], when[1024];
    struct svc_apply_status asked;

    apply_for(f, PERSON, id);
    asked = status(f, id, PERSON, STATUS_WITHDRAW);
    assert_true(asked.acted);
    assert_string_equal(asked.state, "awaiting");
    assert_string_equal(state_of(f, id, PERSON), "awaiting");
    assert_int_equal(token_sent(f, MESSAGE_APPLICATION_WITHDRAW, token), 1);
    assert_int_equal(withdraw(f, token, false), WITHDRAW_ASK);
    assert_string_equal(state_of(f, id, PERSON), "awaiting");
    assert_int_equal(withdraw(f, "", true), WITHDRAW_REFUSED);
    assert_int_equal(withdraw(f, "AAAA", true), WITHDRAW_REFUSED);
    assert_int_equal(withdraw(f, token, true), WITHDRAW_DONE);
    assert_string_equal(state_of(f, id, PERSON), "withdrawn");
    assert_int_equal(sent(f, MESSAGE_APPLICATION_WITHDRAWN, "when", when), 1);
    assert_int_equal(withdraw(f, token, true), WITHDRAW_OVER);
}

static void a_link_that_gives_up_has_its_time_and_no_other_use(void **state) {
    struct fixture *f = *state;
    char id[32], token[1024], ticket[1024];
    struct svc_apply_print print = {.done = on_print};

    apply_for(f, PERSON, id);
    token_sent(f, MESSAGE_APPLICATION_RECEIVED, ticket);
    assert_int_equal(withdraw(f, ticket, true), WITHDRAW_REFUSED); /* opens the form */
    status(f, id, PERSON, STATUS_WITHDRAW);
    token_sent(f, MESSAGE_APPLICATION_WITHDRAW, token);
    print.ticket = span_str(token);
    finished = false;
    svc_apply_print(f->svc, &print);
    fixture_until(f, &finished);
    assert_int_equal(print.kind, PRINT_REFUSED);
    svc_op_close(&print.op);
    f->repl.now_ms += DAY_MS;
    assert_int_equal(withdraw(f, token, true), WITHDRAW_REFUSED);
    assert_string_equal(state_of(f, id, PERSON), "awaiting");
}

static void the_form_is_printed_until_its_papers_are_looked_at(void **state) {
    struct fixture *f = *state;
    char id[32], ticket[1024];
    struct arena arena;

    apply_for(f, PERSON, id);
    assert_int_equal(token_sent(f, MESSAGE_APPLICATION_RECEIVED, ticket), 1);
    for (int over = 0; over < 2; over++) {
        struct svc_apply_print print = {.done = on_print, .ticket = span_str(ticket)};
        finished = false;
        svc_apply_print(f->svc, &print);
        fixture_until(f, &finished);
        assert_int_equal(print.op.err, OK);
        assert_int_equal(print.kind, over ? PRINT_OVER : PRINT_DONE);
        if (!over)
            assert_memory_equal(print.pdf.data, "%PDF-", 5);
        svc_op_close(&print.op);
        arena_init(&arena, 1u << 20);
        put_at_desk(f, &arena, id, span_of("", 0));
        arena_close(&arena);
    }
}

static struct account account_at(struct fixture *f, struct arena *arena,
                                 const char *id) {
    struct application application;
    struct account account;

    get_application(f, arena, id, &application);
    assert_true(application.has_sub);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_account_get(f->svc->read, arena, application.sub, &account), OK);
    svc_read_end(f->svc);
    return account;
}

/* N1 of raft/fsm_activation.c, from the page's side. */
static void an_account_is_opened_with_the_applications_telephone(void **state) {
    struct fixture *f = *state;
    char id[32], token[1024], code[1024], wrong[8];
    struct svc_activate got;
    struct factor factor;
    struct account account;
    struct arena arena;

    approved(f, PERSON, id, token);
    assert_int_equal(activate(f, token, ACTIVATE_LOOK, "").kind, ACTIVATE_ASK);
    got = activate(f, token, ACTIVATE_SET, "123456");
    assert_int_equal(got.kind, ACTIVATE_FORM);
    assert_int_equal(got.notice, ACTIVATE_CODE_EXPIRED); /* none was sent */
    got = activate(f, token, ACTIVATE_SEND, "");
    assert_int_equal(got.kind, ACTIVATE_FORM);
    assert_int_equal(got.notice, ACTIVATE_SENT);
    assert_int_equal(sent(f, MESSAGE_SMS_CODE, "code", code), 1);
    assert_int_equal(activate(f, token, ACTIVATE_LOOK, "").kind, ACTIVATE_FORM);
    snprintf(wrong, sizeof wrong, "%06u", (unsigned)((strtoul(code, NULL, 10) + 1) % 1000000));
    assert_int_equal(activate(f, token, ACTIVATE_SET, wrong).notice, ACTIVATE_CODE_WRONG);
    assert_int_equal(activate(f, token, ACTIVATE_SET, "12345").notice, ACTIVATE_CODE_WRONG);
    assert_string_equal(state_of(f, id, PERSON), "approved");
    assert_int_equal(activate(f, token, ACTIVATE_SET, code).kind, ACTIVATE_DONE);
    assert_int_equal(activate(f, token, ACTIVATE_SET, code).kind, ACTIVATE_REFUSED);
    assert_string_equal(state_of(f, id, PERSON), "activated");
    /* The number is the second step from now on. */
    arena_init(&arena, 1u << 20);
    account = account_at(f, &arena, id);
    assert_int_equal(account.type, ACCOUNT_PRIME);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_factor_next(f->svc->read, &arena, account.sub, NULL, &factor),
                     OK);
    svc_read_end(f->svc);
    assert_int_equal(factor.kind, FACTOR_SMS);
    arena_close(&arena);
}

static void codes_have_their_time_and_their_number(void **state) {
    struct fixture *f = *state;
    char id[32], token[1024], code[1024];

    approved(f, PERSON, id, token);
    activate(f, token, ACTIVATE_SEND, "");
    sent(f, MESSAGE_SMS_CODE, "code", code);
    f->repl.now_ms += 5ull * 60 * 1000;
    assert_int_equal(activate(f, token, ACTIVATE_SET, code).notice, ACTIVATE_CODE_EXPIRED);
    activate(f, token, ACTIVATE_SEND, "");
    for (int i = 0; i < 9; i++)
        assert_int_equal(activate(f, token, ACTIVATE_SET, "000001").kind, ACTIVATE_FORM);
    /* The tenth wrong one says so itself. */
    assert_int_equal(activate(f, token, ACTIVATE_SET, "000001").notice, ACTIVATE_LOCKED);
    assert_int_equal(activate(f, token, ACTIVATE_SEND, "").notice, ACTIVATE_LOCKED);
    assert_string_equal(state_of(f, id, PERSON), "approved");
}

/* A link that is asked for again does not end the one in use. */
static void the_link_in_use_outlives_a_newer_one(void **state) {
    struct fixture *f = *state;
    char id[32], first[1024], second[1024], code[1024];

    approved(f, PERSON, id, first);
    activate(f, first, ACTIVATE_SEND, "");
    sent(f, MESSAGE_SMS_CODE, "code", code);
    assert_true(status(f, id, PERSON, STATUS_RESEND).acted);
    assert_int_equal(token_sent(f, MESSAGE_APPLICATION_APPROVED, second), 2);
    assert_string_not_equal(first, second);
    assert_int_equal(activate(f, second, ACTIVATE_LOOK, "").kind, ACTIVATE_FORM);
    assert_int_equal(activate(f, first, ACTIVATE_SET, code).kind, ACTIVATE_DONE);
    assert_int_equal(activate(f, second, ACTIVATE_LOOK, "").kind, ACTIVATE_REFUSED);
}

/* Reminders bring links that are good when they come; then the approval lapses. */
static void reminders_bring_good_links_until_it_lapses(void **state) {
    struct fixture *f = *state;
    static const unsigned days[] = {3, 12, 53};
    char id[32], token[1024], name[1024];
    uint64_t from_ms;

    approved(f, PERSON, id, token);
    from_ms = f->repl.now_ms;
    for (unsigned i = 0; i < 3; i++) {
        struct command tick = {.type = CMD_AUDIT_NOTE,
                               .audit_note.event = AUDIT_SEARCHED};
        f->repl.now_ms = from_ms + days[i] * DAY_MS;
        fixture_outcome(f, &tick); /* a frame, which sweeps */
        fixture_outcome(f, &tick);
        assert_int_equal(token_sent(f, MESSAGE_APPLICATION_ACTIVATE, token), i + 1);
        assert_int_equal(activate(f, token, ACTIVATE_LOOK, "").kind, ACTIVATE_ASK);
    }
    f->repl.now_ms = from_ms + 60 * DAY_MS;
    assert_int_equal(activate(f, token, ACTIVATE_LOOK, "").kind, ACTIVATE_REFUSED);
    for (int i = 0; i < 8; i++) {
        struct command tick = {.type = CMD_AUDIT_NOTE,
                               .audit_note.event = AUDIT_SEARCHED};
        fixture_outcome(f, &tick);
    }
    assert_string_equal(state_of(f, id, PERSON), "lapsed");
    assert_int_equal(sent(f, MESSAGE_APPLICATION_EXPIRED, "company", name), 1);
}

/* While the page is filled in the address registers an Entry: no other's account. */
static void register_entry(void *arg) {
    struct fixture *f = arg;
    struct command put = {.type = CMD_ACCOUNT_PUT};
    struct account *account = &put.account_put.account;

    memset(account->sub.b, 0xe1, sizeof account->sub.b);
    account->type = ACCOUNT_ENTRY;
    account->state = ACCOUNT_ACTIVE;
    account->generation = 1;
    account->login_index = svc_hash(f->svc, HASH_ACCOUNT_ID, span_str(PERSON));
    account->password_hash = span_str("$argon2id$");
    account->sealed_profile = span_str("profile");
    fixture_apply(f, &put);
}

static void an_entry_that_comes_meanwhile_becomes_the_prime(void **state) {
    struct fixture *f = *state;
    char id[32], token[1024], code[1024];
    struct account account;
    struct arena arena;

    approved(f, PERSON, id, token);
    activate(f, token, ACTIVATE_SEND, "");
    sent(f, MESSAGE_SMS_CODE, "code", code);
    f->repl.on_submit = register_entry;
    f->repl.on_submit_arg = f;
    assert_int_equal(activate(f, token, ACTIVATE_SET, code).kind, ACTIVATE_DONE);
    arena_init(&arena, 1u << 20);
    account = account_at(f, &arena, id);
    assert_int_equal(account.sub.b[0], 0xe1);
    assert_int_equal(account.type, ACCOUNT_PRIME);
    arena_close(&arena);
}

static void without_a_number_it_is_the_help_desks(void **state) {
    struct fixture *f = *state;
    struct cmd_application_submit made = {.kind = APPLICATION_CORPORATION};
    struct profile profile = {.corp_type = CORP_CORPORATION};
    char id[32], token[1024];
    struct arena arena;

    apply_for(f, PERSON, id);
    arena_init(&arena, 1u << 20);
    snprintf(made.id.text, sizeof made.id.text, "%.16s", id);
    profile.fields[PROFILE_EMAIL] = span_str(PERSON);
    profile.fields[PROFILE_NAME] = span_str("株式会社試験");
    profile.fields[PROFILE_USER_TEL] = span_str("0312345678");
    assert_int_equal(svc_application_seal(f->svc, &arena, &profile, &made), OK);
    put_at_desk(f, &arena, id, made.sealed);
    arena_close(&arena);
    approve(f, id, token);
    assert_int_equal(activate(f, token, ACTIVATE_LOOK, "").kind, ACTIVATE_PHONELESS);
    assert_int_equal(activate(f, token, ACTIVATE_SET, "123456").kind, ACTIVATE_PHONELESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_tells_whether_somebody_has_applied),
        TEST(a_form_with_faults_sends_nothing),
        TEST(a_status_is_for_number_and_address_together),
        TEST(an_application_is_given_up_by_the_mailed_link_alone),
        TEST(a_link_that_gives_up_has_its_time_and_no_other_use),
        TEST(the_form_is_printed_until_its_papers_are_looked_at),
        TEST(an_account_is_opened_with_the_applications_telephone),
        TEST(codes_have_their_time_and_their_number),
        TEST(the_link_in_use_outlives_a_newer_one),
        TEST(reminders_bring_good_links_until_it_lapses),
        TEST(an_entry_that_comes_meanwhile_becomes_the_prime),
        TEST(without_a_number_it_is_the_help_desks),
    };
    return cmocka_run_group_tests_name("svc_apply", tests, NULL, NULL);
}
