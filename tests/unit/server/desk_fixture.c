#include "tests/unit/server/desk_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/svc_application.h"
#include "store/base/codec.h"
#include "store/store_write.h"

static struct application_id id_of(const char *id) {
    struct application_id key = {{0}};

    snprintf(key.text, sizeof key.text, "%.16s", id);
    return key;
}

static struct store_write *write_begin(struct fixture *f) {
    struct store_write *write;

    assert_int_equal(store_write_begin(f->shared.store, &write), OK);
    return write;
}

static void write_commit(struct fixture *f, struct store_write *write) {
    assert_int_equal(store_write_commit(write, fsm_meta(f->repl.fsm)), OK);
}

void desk_put(struct fixture *f, const char *id, enum application_state state) {
    struct profile profile = {.corp_type = CORP_CORPORATION};
    struct cmd_application_submit cmd = {.id = id_of(id), .kind = APPLICATION_CORPORATION};
    struct application a = {.id = cmd.id,
                            .kind = APPLICATION_CORPORATION,
                            .state = state,
                            .environment = f->config.environment,
                            .form_version = 1,
                            .created_ms = f->repl.now_ms,
                            .state_ms = f->repl.now_ms,
                            .decided_ms = f->repl.now_ms,
                            .revision = 1,
                            .ocr = FARM_REVIEW};
    struct store_write *write;
    struct arena arena;

    profile.fields[PROFILE_CORPORATE_NUMBER] = span_str("7000012050002");
    profile.fields[PROFILE_NAME] = span_str(DESK_COMPANY);
    profile.fields[PROFILE_REP_LAST_NAME] = span_str("山本");
    profile.fields[PROFILE_REP_FIRST_NAME] = span_str("千尋");
    profile.fields[PROFILE_BIRTHDAY] = span_str("19800307");
    profile.fields[PROFILE_USER_TEL] = span_str(DESK_PHONE);
    profile.fields[PROFILE_EMAIL] = span_str(DESK_EMAIL);
    arena_init(&arena, 1 << 20);
    assert_int_equal(svc_application_seal(f->svc, &arena, &profile, &cmd), OK);
    a.account_index = cmd.account_index;
    a.person_index = cmd.person_index;
    a.pair_index = cmd.pair_index;
    a.sealed = cmd.sealed;
    a.defects = state == APPLICATION_DENIED || state == APPLICATION_RETURNED
                    ? DEFECT_CERT_EXPIRED
                    : 0;
    if (state == APPLICATION_APPROVED) {
        a.mails.count = 1;
        a.mails.at[0] = (struct application_mail){
            .kind = APPLICATION_MAIL_EXPIRED,
            .at_ms = f->repl.now_ms + 60ull * 24 * 3600 * 1000,
            .sealed = span_str("sealed")};
    }
    write = write_begin(f);
    assert_int_equal(store_application_put(write, &a), OK);
    write_commit(f, write);
    arena_close(&arena);
}

void desk_get(struct fixture *f, struct arena *arena, const char *id,
              struct application *ret_application) {
    struct application_id key = id_of(id);

    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_application_get(f->svc->read, arena, &key, ret_application),
                     OK);
    svc_read_end(f->svc);
}

enum application_state desk_state(struct fixture *f, const char *id) {
    struct application application;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    desk_get(f, &arena, id, &application);
    arena_close(&arena);
    return application.state;
}

void desk_put_pages(struct fixture *f, struct id128 id, const char *application) {
    struct intake_bundle *bundle = calloc(1, sizeof *bundle);
    struct blob_row blob = {.id = {{id.b[0], 1}},
                            .kind = BLOB_SCAN,
                            .size = 100,
                            .created_ms = f->repl.now_ms,
                            .refs = 1,
                            .holders_count = 1,
                            .holders = {1}};
    struct store_write *write = write_begin(f);

    assert_non_null(bundle);
    bundle->id = id;
    bundle->state = BUNDLE_SORTED;
    bundle->environment = f->config.environment;
    bundle->created_ms = f->repl.now_ms;
    bundle->files_count = 1;
    bundle->files[0] = (struct intake_file){
        .blob = blob.id, .size = 100, .format = SCAN_TIFF, .name = "S0001.tif"};
    bundle->pages_count = 2;
    bundle->pages[0].state = application ? PAGE_ASSIGNED : PAGE_DISCARDED;
    bundle->pages[0].how = application ? PAGE_BY_QR : PAGE_BY_HAND;
    bundle->pages[0].kind = PAGE_FORM;
    if (application)
        bundle->pages[0].id = id_of(application);
    bundle->pages[1].number = 1;
    bundle->pages[1].state = PAGE_OPEN_UNREADABLE;
    assert_int_equal(store_blob_put(write, &blob, false), OK);
    assert_int_equal(store_intake_bundle_put(write, bundle), OK);
    write_commit(f, write);
    free(bundle);
}

void desk_claim(struct fixture *f, const char *id, const char *staff) {
    struct command claim = {.type = CMD_REVIEW_CLAIM};

    claim.review_claim.id = id_of(id);
    claim.review_claim.lease_ms = 3600 * 1000;
    assert_int_equal(hex_decode(span_str(staff), claim.review_claim.staff.b, 16), OK);
    fixture_apply(f, &claim);
}
