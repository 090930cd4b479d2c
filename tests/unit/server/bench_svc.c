/* bench_svc: CPU time of one userinfo call and of one code exchange inside the
 * services, with the double of raft/repl.h: no network, no log, one commit of the
 * store per command. Prints; asserts nothing about time. Arguments: userinfo calls,
 * exchanges. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void exchange(struct fixture *f, const char *client, const char *code,
                     char access[4096]) {
    struct params params =
        params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                    redirect_of(client), "code_verifier", VERIFIER, "client_id", client,
                    "client_secret", FIXTURE_SECRET, NULL);
    bool basic = strcmp(client, "conf") == 0;
    struct svc_token got;

    if (basic)
        params.count -= 2;
    run_token(f, basic ? client : NULL, FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_OK);
    json_text(got.body, "access_token", access);
    svc_op_close(&got.op);
}

static void bench_userinfo(struct fixture *f, const char *access, unsigned calls) {
    struct svc_userinfo got;
    double begun = fixture_cpu_us();

    for (unsigned i = 0; i < calls; i++) {
        run_userinfo(f, access, &got);
        assert_int_equal(got.error, OIDC_OK);
        svc_op_close(&got.op);
    }
    printf("userinfo: %.2f us CPU a call\n", (fixture_cpu_us() - begun) / calls);
}

/* The state machine's part is the raft thread's in the server: told apart. */
static void bench_exchange(struct fixture *f, const char *client, unsigned count) {
    struct browser browser = {0};
    struct params params = usual(client, "openid profile email");
    char code[64], access[4096];
    double authorize_us = 0, token_us = 0, apply_us[2] = {0, 0}, at, applied;

    sign_in(f, &browser, ALICE, &params, code);
    for (unsigned i = 0; i < count; i++) {
        applied = f->repl.apply_us;
        at = fixture_cpu_us();
        get_code(f, &browser, &params, code);
        authorize_us += fixture_cpu_us() - at;
        apply_us[0] += f->repl.apply_us - applied;
        applied = f->repl.apply_us;
        at = fixture_cpu_us();
        exchange(f, client, code, access);
        token_us += fixture_cpu_us() - at;
        apply_us[1] += f->repl.apply_us - applied;
    }
    printf("%s: authorize %.1f us + apply %.1f us, token %.1f us + apply %.1f us CPU\n",
           client, (authorize_us - apply_us[0]) / count, apply_us[0] / count,
           (token_us - apply_us[1]) / count, apply_us[1] / count);
}

int main(int argc, char **argv) {
    unsigned calls = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    unsigned exchanges = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000;
    struct browser browser = {0};
    struct params params;
    struct fixture *f;
    void *state = NULL;
    char code[64], access[4096];

    fixture_setup(&state);
    f = state;
    fixture_world(f);
    params = usual("conf", "openid profile user email");
    sign_in(f, &browser, ALICE, &params, code);
    exchange(f, "conf", code, access);
    bench_userinfo(f, access, calls);
    bench_exchange(f, "conf", exchanges);
    bench_exchange(f, "es", exchanges);
    fixture_teardown(&state);
    return 0;
}
