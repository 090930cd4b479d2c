#include "tests/unit/server/svc_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/base/codec.h"
#include "tests/unit/store/test_dir.h"

/* ---- the loop */

static void loop_post(struct port_loop *loop, struct port_task *task) {
    struct fixture_loop *l = (struct fixture_loop *)loop;

    pthread_mutex_lock(&l->mutex);
    task->next = NULL;
    *l->tail = task;
    l->tail = &task->next;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void fixture_until(struct fixture *f, const bool *done) {
    struct fixture_loop *l = &f->loop;

    while (!*done) {
        struct port_task *task;

        pthread_mutex_lock(&l->mutex);
        while (!l->head)
            pthread_cond_wait(&l->changed, &l->mutex);
        task = l->head;
        l->head = task->next;
        if (!l->head)
            l->tail = &l->head;
        pthread_mutex_unlock(&l->mutex);
        task->run(task);
    }
}

/* ---- the double of raft/repl.h */

static void take_outcome(void *arg, const struct envelope *envelope,
                         const struct outcome *outcome) {
    struct repl_request *request = arg;

    (void)envelope;
    request->outcome = *outcome;
    request->detail = malloc(outcome->detail.len + 1);
    assert_non_null(request->detail);
    if (outcome->detail.len > 0)
        memcpy(request->detail, outcome->detail.data, outcome->detail.len);
    request->outcome.detail = span_of(request->detail, outcome->detail.len);
}

double fixture_cpu_us(void) {
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void apply(struct repl *repl, struct repl_request *request) {
    struct envelope envelope = {.node = 1,
                                .boot = 1,
                                .seq = ++repl->seq,
                                .low = repl->seq,
                                .type = request->type,
                                .payload = request->payload};
    double begun = fixture_cpu_us();
    struct buf inner, frame;

    buf_init(&inner, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    envelope_encode(&envelope, &inner);
    assert_int_equal(buf_err(&inner), OK);
    assert_int_equal(frame_encode(1, repl->now_ms, 1, buf_span(&inner), &frame), OK);
    assert_int_equal(
        fsm_apply(repl->fsm, ++repl->index, buf_span(&frame), take_outcome, request),
        OK);
    buf_free(&inner);
    buf_free(&frame);
    repl->apply_us += fixture_cpu_us() - begun;
}

static void request_run(struct port_task *task) {
    struct repl_request *request =
        (struct repl_request *)(void *)((char *)task -
                                        offsetof(struct repl_request, task));

    request->done(request);
}

enum err repl_submit(struct repl *repl, struct repl_request *request) {
    if (repl->submit)
        return repl->submit;
    repl->submits++;
    request->err = OK;
    if (repl->on_submit) {
        void (*first)(void *arg) = repl->on_submit;
        repl->on_submit = NULL;
        first(repl->on_submit_arg);
    }
    apply(repl, request);
    request->task.run = request_run;
    request->loop->post(request->loop, &request->task);
    return OK;
}

void repl_request_close(struct repl_request *request) {
    free(request->detail);
    request->detail = NULL;
}

bool repl_applied(const struct repl *repl, uint64_t index) {
    return index <= repl->hide_above && index <= repl->index;
}

static void wait_run(struct port_task *task) {
    struct repl_wait *wait =
        (struct repl_wait *)(void *)((char *)task - offsetof(struct repl_wait, task));

    wait->done(wait);
}

/* Hidden indices never come: the deadline has passed, as far as the test goes. */
enum err repl_wait_index(struct repl *repl, struct repl_wait *wait) {
    repl->waits++;
    wait->err = repl_applied(repl, wait->index) ? OK : ERR_TIMEOUT;
    wait->task.run = wait_run;
    wait->loop->post(wait->loop, &wait->task);
    return OK;
}

enum err repl_read(struct repl *repl, struct repl_wait *wait) {
    repl->reads++;
    if (repl->read)
        return repl->read;
    if (repl->on_read)
        repl->on_read(repl->on_read_arg);
    wait->err = repl->fresh;
    wait->task.run = wait_run;
    wait->loop->post(wait->loop, &wait->task);
    return OK;
}

enum err repl_fresh(const struct repl *repl) {
    return repl->fresh;
}

uint64_t repl_now_ms(const struct repl *repl) {
    return repl->now_ms;
}

size_t repl_images(struct repl *repl, struct repl_image_status ret_images[REPL_IMAGES]) {
    (void)repl;
    ret_images[0] = (struct repl_image_status){
        .peer = 3, .index = 70, .rows = 5, .rows_total = 10, .bytes = 1000};
    return 1;
}

void repl_status(struct repl *repl, struct repl_status *ret_status) {
    *ret_status = (struct repl_status){
        .node_id = 1,
        .leader_id = 1,
        .term = 7,
        .applied_index = repl->index,
        .staleness_ms = UINT64_MAX,
        .clock_ms = repl->now_ms,
        .ready = repl->ready,
        .nodes_count = 2,
    };
    ret_status->nodes[0] = (struct repl_node_status){.id = 1,
                                                     .address = "127.0.0.1:7101",
                                                     .region = "tokyo",
                                                     .self = true,
                                                     .leader = true,
                                                     .clock_offset_ms = -5};
    ret_status->nodes[1] = (struct repl_node_status){.id = 2,
                                                     .address = "127.0.0.1:7102",
                                                     .region = "osaka",
                                                     .wanted = MEMBER_STANDBY,
                                                     .seen_age_ms = UINT64_MAX};
    snprintf(ret_status->why_not_ready, sizeof ret_status->why_not_ready, "%s",
             repl->ready ? "" : "no proof of freshness");
}

enum err repl_transfer(struct repl *repl, uint64_t to, struct repl_wait *wait) {
    (void)repl;
    wait->err = to == 3 ? ERR_TIMEOUT : OK;
    wait->task.run = wait_run;
    wait->loop->post(wait->loop, &wait->task);
    return OK;
}

/* ---- set up */

enum outcome_code fixture_outcome(struct fixture *f, const struct command *command) {
    struct repl_request request = {.type = command->type};
    enum outcome_code code;
    struct buf payload;

    buf_init(&payload, LIMIT_COMMAND);
    assert_int_equal(command_encode(command, &payload), OK);
    request.payload = buf_span(&payload);
    apply(&f->repl, &request);
    code = request.outcome.code;
    repl_request_close(&request);
    buf_free(&payload);
    return code;
}

void fixture_apply(struct fixture *f, const struct command *command) {
    assert_int_equal(fixture_outcome(f, command), OUT_OK);
}

/* Made once for all tests, since an RSA key takes its time; every fixture has the
 * same cluster key, under which it is sealed. */
static const struct signing_key *made_key(struct fixture *f, enum key_alg alg) {
    static struct signing_key keys[KEY_ALG_LAST];
    static struct arena arena;
    struct signing_key *key = &keys[alg - KEY_RS256];
    struct sealer *sealer;

    if (key->kid)
        return key;
    if (!arena.max)
        arena_init(&arena, 1 << 20);
    assert_int_equal(sealer_new(f->shared.keyring, &f->shared.random, &sealer), OK);
    assert_int_equal(jwt_key_generate(alg, sealer, &arena, key), OK);
    sealer_free(sealer);
    return key;
}

void fixture_add_key(struct fixture *f, enum key_alg alg) {
    struct command command = {.type = CMD_KEY_ADD};

    command.key_add.key = *made_key(f, alg);
    fixture_apply(f, &command);
}

static void begin_cluster(struct fixture *f) {
    struct command init = {.type = CMD_CLUSTER_INIT};

    memset(init.cluster_init.cluster_id.b, 0xc1, 16);
    fixture_apply(f, &init);
    fixture_add_key(f, KEY_RS256);
    fixture_add_key(f, KEY_ES256);
    fixture_add_key(f, KEY_PS256);
}

static void fill_config(struct config *config) {
    config->node_id = 1;
    memset(config->cluster_id.b, 0xc1, 16);
    config->peers_count = 3;
    for (size_t i = 0; i < 3; i++)
        config->peers[i].id = i + 1;
    snprintf(config->issuer, sizeof config->issuer, "%s", FIXTURE_ISSUER);
    config->environment = ENV_DEMO;
    config->session_idle_s = 1800;
    config->second_factor_enrolled = true; /* tests of it say otherwise */
    config->session_lifetime_s = 43200;
    /* Tests of the caps set the one that they are about. */
    config->sms_cap_number = config->sms_cap_burst = config->sms_cap_prefix = 1000000;
    config->sms_cap_source = config->sms_cap_client = config->sms_cap_foreign = 1000000;
    config->sms_cap_all = config->mail_cap_address = config->mail_cap_source = 1000000;
    config->mail_cap_all = config->sms_cap_site = config->mail_cap_site = 1000000;
    config->staff_idle_s = 900;
    config->staff_lifetime_s = 36000;
    config->review_claim_s = 1200;
    config->job_lease_s = 120;
}

int fixture_setup_empty(void **state) {
    struct command boot = {.type = CMD_BOOT_REGISTER, .boot_register = {1, 1}};
    struct fixture *f = calloc(1, sizeof *f);
    struct store_config store_config = {.map_bytes = 64u << 20, .readers_max = 16};
    uint8_t key[32];

    assert_non_null(f);
    memset(key, 7, sizeof key);
    snprintf(f->dir, sizeof f->dir, "%s/tasuki-svc-XXXXXX", test_dir_base());
    assert_non_null(mkdtemp(f->dir));
    store_config.dir = f->dir;
    fill_config(&f->config);
    pthread_mutex_init(&f->loop.mutex, NULL);
    pthread_cond_init(&f->loop.changed, NULL);
    f->loop.loop.post = loop_post;
    f->loop.tail = &f->loop.head;
    f->shared.config = &f->config;
    f->shared.repl = &f->repl;
    f->shared.clock = port_system_clock;
    f->shared.random = port_system_random;
    f->shared.counters = &f->counters;
    assert_int_equal(store_open(&store_config, &f->shared.store), OK);
    assert_int_equal(keyring_from_bytes(key, &f->shared.keyring), OK);
    assert_int_equal(hash_pool_new(1, &f->shared.hash_pool), OK);
    assert_int_equal(hash_pool_new(1, &f->shared.disk_pool), OK);
    f->repl.store = f->shared.store;
    f->repl.now_ms = FIXTURE_START_MS;
    f->repl.hide_above = UINT64_MAX;
    f->repl.ready = true;
    assert_int_equal(fsm_new(f->shared.store, &f->repl.fsm), OK);
    fixture_apply(f, &boot);
    assert_int_equal(svc_new(&f->shared, &f->loop.loop, &f->svc), OK);
    *state = f;
    return 0;
}

int fixture_setup(void **state) {
    fixture_setup_empty(state);
    begin_cluster(*state);
    return 0;
}

int fixture_setup_blobs(void **state) {
    struct fixture *f;
    char why[256];

    fixture_setup(state);
    f = *state;
    assert_int_equal(blob_open(f->dir, 0, &f->shared.blobs, why), OK);
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    char path[128];

    svc_free(f->svc);
    if (f->shared.blobs)
        blob_close(f->shared.blobs);
    hash_pool_free(f->shared.hash_pool);
    hash_pool_free(f->shared.disk_pool);
    if (f->shared.login_limit)
        rate_limit_free(f->shared.login_limit);
    fsm_free(f->repl.fsm);
    store_close(f->shared.store);
    keyring_free(f->shared.keyring);
    snprintf(path, sizeof path, "%s/data.mdb", f->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", f->dir);
    unlink(path);
    rmdir(f->dir);
    pthread_cond_destroy(&f->loop.changed);
    pthread_mutex_destroy(&f->loop.mutex);
    free(f);
    return 0;
}

struct params params_make(const char *name, ...) {
    struct params params = {.count = 0};
    va_list args;

    va_start(args, name);
    while (name) {
        params.items[params.count].name = span_str(name);
        params.items[params.count].value = span_str(va_arg(args, const char *));
        params.count++;
        name = va_arg(args, const char *);
    }
    va_end(args);
    return params;
}

static void add(struct fixture *f, enum svc_admin_action action, const char *body) {
    struct svc_admin admin;

    run_admin(f, action, body, &admin);
    if (admin.kind != ADMIN_OK)
        fail_msg("%.*s", (int)admin.message.len, (const char *)admin.message.data);
    svc_op_close(&admin.op);
}

void fixture_world(struct fixture *f) {
    add(f, ADMIN_ACCOUNT_ADD,
        "{\"account_id\":\"" ALICE "\",\"password\":\"" FIXTURE_PASSWORD
        "\",\"type\":\"prime\",\"profile\":{\"corp_type\":1,"
        "\"corporate_number\":\"7000012050002\",\"name\":\"国税商事\","
        "\"user_last_nm\":\"高橋\",\"rep_last_nm\":\"高橋\"}}");
    add(f, ADMIN_ACCOUNT_ADD,
        "{\"account_id\":\"" BOB "\",\"password\":\"" FIXTURE_PASSWORD
        "\",\"type\":\"entry\"}");
    add(f, ADMIN_ACCOUNT_ADD,
        "{\"account_id\":\"" CAROL "\",\"password\":\"" FIXTURE_PASSWORD
        "\",\"type\":\"member\",\"parent\":\"" ALICE "\"}");
#define SCOPES                                                                         \
    "\"scopes\":[\"openid\",\"profile\",\"user\",\"email\",\"offline_access\"]"
#define SECRET "\"client_secret\":\"" FIXTURE_SECRET "\","
    add(f, ADMIN_CLIENT_ADD,
        "{\"client_id\":\"conf\",\"name\":\"補助金\",\"government\":true," SECRET SCOPES
        ",\"redirect_uris\":[\"https://conf.test/cb\"]}");
    add(f, ADMIN_CLIENT_ADD,
        "{\"client_id\":\"shop\",\"name\":\"Shop\"," SECRET SCOPES
        ",\"redirect_uris\":[\"https://shop.test/cb?x=1\"]}");
    add(f, ADMIN_CLIENT_ADD,
        "{\"client_id\":\"pub\",\"name\":\"Pub\",\"auth\":\"none\",\"native\":true,"
        "\"government\":true," SCOPES ",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}");
    add(f, ADMIN_CLIENT_ADD,
        "{\"client_id\":\"es\",\"name\":\"ES\",\"alg\":\"ES256\",\"auth\":\"post\","
        "\"profile\":\"standard\",\"government\":true," SECRET SCOPES
        ",\"redirect_uris\":[\"https://es.test/cb\"]}");
    add(f, ADMIN_CLIENT_ADD,
        "{\"client_id\":\"primeonly\",\"name\":\"P\",\"government\":true,"
        "\"account_types\":[\"prime\"]," SECRET SCOPES
        ",\"redirect_uris\":[\"https://primeonly.test/cb\"]}");
}

/* ---- operations */

#define ENDED(type)                                                                    \
    static void type##_ended(struct type *op) {                                        \
        *(bool *)op->arg = true;                                                       \
    }
ENDED(svc_authorize)
ENDED(svc_login)
ENDED(svc_consent)
ENDED(svc_token)
ENDED(svc_userinfo)
ENDED(svc_logout)
ENDED(svc_admin)

static void keep(char *to, size_t size, struct span value) {
    if (value.len == 0)
        return;
    assert_true(value.len < size);
    memcpy(to, value.data, value.len);
    to[value.len] = '\0';
}

static void see_page(struct browser *browser, const struct svc_authorize *page) {
    keep(browser->binding, sizeof browser->binding, page->set_browser_cookie);
    keep(browser->login_state, sizeof browser->login_state, page->login_state);
}

/* As a route sets it. */
static const struct svc_origin from = {.address = {(const uint8_t *)"192.0.2.7", 9},
                                       .browser = {(const uint8_t *)"Unit/1.0", 8}};

void run_authorize(struct fixture *f, struct browser *browser,
                   const struct params *params, struct svc_authorize *ret) {
    bool done = false;

    memset(ret, 0xa5, sizeof *ret); /* nothing may depend on a caller's zeroes */
    ret->op.from = from;
    ret->done = svc_authorize_ended;
    ret->arg = &done;
    ret->params = params;
    ret->session_cookie = span_str(browser->session);
    ret->browser_cookie = span_str(browser->binding);
    svc_authorize(f->svc, ret);
    fixture_until(f, &done);
    if (!ret->op.err)
        see_page(browser, ret);
}

void run_login(struct fixture *f, struct browser *browser, const char *account,
               const char *password, struct svc_login *ret) {
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_login_ended;
    ret->arg = &done;
    ret->account_id = span_str(account);
    ret->password = span_str(password);
    ret->login_state = span_str(browser->login_state);
    ret->session_cookie = span_str(browser->session);
    ret->browser_cookie = span_str(browser->binding);
    ret->client_address = span_str("192.0.2.1");
    ret->device_cookie = span_str("");
    ret->english = false;
    svc_login(f->svc, ret);
    fixture_until(f, &done);
    if (ret->op.err || ret->kind == LOGIN_REFUSED)
        return;
    keep(browser->session, sizeof browser->session, ret->next.set_session_cookie);
    see_page(browser, &ret->next);
}

void run_consent(struct fixture *f, struct browser *browser, bool allow,
                 struct svc_consent *ret) {
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_consent_ended;
    ret->arg = &done;
    ret->allow = allow;
    ret->login_state = span_str(browser->login_state);
    ret->session_cookie = span_str(browser->session);
    ret->browser_cookie = span_str(browser->binding);
    svc_consent(f->svc, ret);
    fixture_until(f, &done);
    if (!ret->op.err)
        see_page(browser, &ret->next);
}

static size_t base64(const char *in, size_t len, char *out) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)(uint8_t)in[i] << 16;

        if (i + 1 < len)
            v |= (uint32_t)(uint8_t)in[i + 1] << 8;
        if (i + 2 < len)
            v |= (uint8_t)in[i + 2];
        out[at++] = digits[v >> 18];
        out[at++] = digits[v >> 12 & 63];
        out[at++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
        out[at++] = i + 2 < len ? digits[v & 63] : '=';
    }
    out[at] = '\0';
    return at;
}

void run_token(struct fixture *f, const char *client, const char *secret,
               const struct params *params, struct svc_token *ret) {
    char pair[512], header[1024] = "Basic ";
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_token_ended;
    ret->arg = &done;
    ret->in = (struct svc_caller_in){.params = params, .endpoint = "token"};
    ret->in.authorization = span_of(NULL, 0);
    if (client) {
        int len = snprintf(pair, sizeof pair, "%s:%s", client, secret);

        base64(pair, (size_t)len, header + 6);
        ret->in.authorization = span_str(header);
    }
    svc_token(f->svc, ret);
    fixture_until(f, &done);
}

void run_userinfo(struct fixture *f, const char *token, struct svc_userinfo *ret) {
    char header[2048];
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_userinfo_ended;
    ret->arg = &done;
    ret->params = NULL;
    ret->token_in_query = false;
    ret->dpop = span_of(NULL, 0);
    ret->dpop_twice = false;
    ret->method = "GET";
    snprintf(header, sizeof header, "Bearer %s", token);
    ret->authorization = token ? span_str(header) : span_of(NULL, 0);
    svc_userinfo(f->svc, ret);
    fixture_until(f, &done);
}

void run_logout(struct fixture *f, struct browser *browser, const struct params *params,
                bool confirm, const char *csrf, struct svc_logout *ret) {
    static const struct params plain;
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_logout_ended;
    ret->arg = &done;
    ret->params = params ? params : &plain;
    ret->confirm = confirm;
    ret->csrf = span_str(csrf);
    ret->session_cookie = span_str(browser->session);
    svc_logout(f->svc, ret);
    fixture_until(f, &done);
}

void run_admin(struct fixture *f, enum svc_admin_action action, const char *body,
               struct svc_admin *ret) {
    bool done = false;

    memset(ret, 0xa5, sizeof *ret);
    ret->op.from = from;
    ret->done = svc_admin_ended;
    ret->arg = &done;
    ret->action = action;
    ret->by_staff = span_of(NULL, 0);
    ret->body_in = span_str(body);
    svc_admin(f->svc, ret);
    fixture_until(f, &done);
    assert_int_equal(ret->op.err, OK);
}

/* ---- shorthand */

const char *redirect_of(const char *client) {
    if (strcmp(client, "shop") == 0)
        return "https://shop.test/cb?x=1";
    if (strcmp(client, "pub") == 0)
        return "http://127.0.0.1:9/cb";
    if (strcmp(client, "es") == 0)
        return "https://es.test/cb";
    if (strcmp(client, "primeonly") == 0)
        return "https://primeonly.test/cb";
    return "https://conf.test/cb";
}

struct params usual(const char *client, const char *scope) {
    return params_make("response_type", "code", "client_id", client, "redirect_uri",
                       redirect_of(client), "scope", scope ? scope : "openid", "state",
                       "s t&\xe5\xb7\x9e", "nonce", "n-1", "code_challenge", CHALLENGE,
                       "code_challenge_method", "S256", NULL);
}

static int hex_of(char c) {
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

bool location_param(struct span location, const char *name, char out[4096]) {
    char text[8192], needle[64];
    char *at = NULL;
    size_t len = 0;

    assert_true(location.len > 0 && location.len < sizeof text);
    memcpy(text, location.data, location.len);
    text[location.len] = '\0';
    for (const char *before = "?&"; *before && !at; before++) {
        snprintf(needle, sizeof needle, "%c%s=", *before, name);
        at = strstr(text, needle);
    }
    if (!at)
        return false;
    for (at += strlen(needle); *at && *at != '&'; at++) {
        if (*at == '%') {
            out[len++] = (char)(hex_of(at[1]) * 16 + hex_of(at[2]));
            at += 2;
        } else {
            out[len++] = *at;
        }
    }
    out[len] = '\0';
    return true;
}

static void take_code(const char *text, char code[FIXTURE_CODE]) {
    size_t len = strlen(text);

    assert_true(len < FIXTURE_CODE);
    memcpy(code, text, len + 1);
}

void sign_in(struct fixture *f, struct browser *browser, const char *account,
             const struct params *params, char code[FIXTURE_CODE]) {
    struct svc_authorize authorize;
    struct svc_login login;
    char text[4096];

    run_authorize(f, browser, params, &authorize);
    assert_int_equal(authorize.op.err, OK);
    assert_int_equal(authorize.kind, AUTHORIZE_LOGIN);
    svc_op_close(&authorize.op);
    run_login(f, browser, account, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.op.err, OK);
    assert_int_equal(login.kind, LOGIN_CONTINUE);
    if (login.next.kind == AUTHORIZE_REDIRECT) {
        assert_true(location_param(login.next.location, "code", text));
        take_code(text, code);
    }
    svc_op_close(&login.op);
}

void get_code(struct fixture *f, struct browser *browser, const struct params *params,
              char code[FIXTURE_CODE]) {
    struct svc_authorize authorize;
    char text[4096];

    run_authorize(f, browser, params, &authorize);
    assert_int_equal(authorize.op.err, OK);
    assert_int_equal(authorize.kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(authorize.location, "code", text));
    take_code(text, code);
    svc_op_close(&authorize.op);
}

static json_t *parse(struct span body) {
    json_t *root =
        json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(root);
    return root;
}

void json_text(struct span body, const char *name, char out[4096]) {
    json_t *root = parse(body);
    json_t *value = json_object_get(root, name);

    assert_non_null(value);
    if (json_is_integer(value))
        snprintf(out, 4096, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(out, 4096, "%s", json_string_value(value));
    json_decref(root);
}

bool json_has(struct span body, const char *name) {
    json_t *root = parse(body);
    bool has = json_object_get(root, name) != NULL;

    json_decref(root);
    return has;
}
