/* store_client: relying parties by client_id. */
#include "store/store_client.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/record.h"
#include "store/record.pb-c.h"
#include "store/store_table.h"

static enum err uris_decode(size_t n, char *const *from, const char **out,
                            size_t *ret_count) {
    if (n > CLIENT_REDIRECTS_MAX) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = from[i];
    }
    *ret_count = n;
    return OK;
}

static bool record_sound(const Tasuki__Record__ClientRecord *record) {
    return record->environment >= ENV_DEMO && record->environment <= ENV_PRODUCTION &&
           record->profile >= CLIENT_GBIZID && record->profile <= CLIENT_FAPI2 &&
           record->auth >= CLIENT_AUTH_NONE &&
           record->auth <= CLIENT_AUTH_SELF_SIGNED_TLS &&
           record->id_token_alg >= CLIENT_RS256 &&
           record->id_token_alg <= CLIENT_PS256 && record->stage >= CLIENT_APPLIED &&
           record->stage <= CLIENT_RETIRED &&
           record->suspended_from <= CLIENT_RETIRED &&
           (record->features & ~CLIENT_FEATURES_ALL) == 0;
}

/* Nothing stands for all zero. */
static bool hash_decode(ProtobufCBinaryData in, uint8_t out[32]) {
    return in.len == 0 || record_fixed(in, out, 32);
}

static enum err client_of_record(const Tasuki__Record__ClientRecord *record,
                                 struct client *client) {
    enum err err;

    if (!record_sound(record)) {
        return ERR_CORRUPT;
    }
    if (!hash_decode(record->secret_hash, client->secret_hash) ||
        !hash_decode(record->old_secret_hash, client->old_secret_hash) ||
        !hash_decode(record->registration_hash, client->registration_hash)) {
        return ERR_CORRUPT;
    }
    client->name = record->name;
    client->ministry = record->ministry;
    client->start_month = record->start_month;
    client->environment = (enum client_environment)record->environment;
    client->profile = (enum client_profile)record->profile;
    client->auth = (enum client_auth)record->auth;
    client->id_token_alg = (enum client_alg)record->id_token_alg;
    client->native = record->native;
    client->government = record->government;
    client->stage = (enum client_stage)record->stage;
    client->suspended_from = (enum client_stage)record->suspended_from;
    client->features = record->features;
    client->old_secret_until_ms = record->old_secret_until_ms;
    client->jwks = record->jwks;
    client->tls_subject = record->tls_subject;
    client->sector = record->sector;
    client->audience = record->audience;
    client->backchannel_logout_uri = record->backchannel_logout_uri;
    client->initiate_login_uri = record->initiate_login_uri;
    client->logo_uri = record->logo_uri;
    client->policy_uri = record->policy_uri;
    client->tos_uri = record->tos_uri;
    client->contacts = record->contacts;
    client->scopes = record->scopes;
    client->account_types = record->account_types;
    client->created_ms = record->created_ms;
    client->revision = record->revision;
    err = uris_decode(record->n_redirect_uris, record->redirect_uris,
                      client->redirect_uris, &client->redirect_uris_count);
    if (err == OK) {
        err = uris_decode(record->n_post_logout_uris, record->post_logout_uris,
                          client->post_logout_uris, &client->post_logout_uris_count);
    }
    return err;
}

enum err store_client_decode(struct span client_id, struct span row,
                             struct arena *arena, struct client *ret_client) {
    struct client client = {0};
    ProtobufCMessage *message;
    enum err err =
        record_unpack(&tasuki__record__client_record__descriptor, row, arena, &message);

    if (err != OK) {
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    client.client_id = arena_strndup(arena, client_id.data, client_id.len);
    if (client.client_id == NULL) {
        return ERR_NOMEM;
    }
    err = client_of_record((const Tasuki__Record__ClientRecord *)(const void *)message,
                           &client);
    if (err == OK) {
        *ret_client = client;
    }
    return err;
}

enum err store_client_get(struct store_read *read, struct arena *arena,
                          struct span client_id, struct client *ret_client) {
    struct span row;
    enum err err;

    if (client_id.len == 0 || client_id.len > LIMIT_CLIENT_ID) {
        return ERR_NOT_FOUND;
    }
    err = store_table_get(read, TABLE_CLIENT, client_id, &row);
    return err == OK ? store_client_decode(client_id, row, arena, ret_client) : err;
}

/* protobuf-c has no const strings; packing does not write through them. */
static char *text(const char *s) {
    return (char *)(uintptr_t)(s == NULL ? "" : s);
}

static ProtobufCBinaryData hash_encode(const uint8_t hash[32]) {
    static const uint8_t zero[32];

    return record_bytes(span_of(hash, memcmp(hash, zero, 32) == 0 ? 0 : 32));
}

static void texts_of_client(const struct client *client,
                            Tasuki__Record__ClientRecord *record) {
    record->name = text(client->name);
    record->ministry = text(client->ministry);
    record->start_month = text(client->start_month);
    record->jwks = text(client->jwks);
    record->tls_subject = text(client->tls_subject);
    record->sector = text(client->sector);
    record->audience = text(client->audience);
    record->backchannel_logout_uri = text(client->backchannel_logout_uri);
    record->initiate_login_uri = text(client->initiate_login_uri);
    record->logo_uri = text(client->logo_uri);
    record->policy_uri = text(client->policy_uri);
    record->tos_uri = text(client->tos_uri);
    record->contacts = text(client->contacts);
}

void store_client_encode(const struct client *client, struct buf *out) {
    Tasuki__Record__ClientRecord record = TASUKI__RECORD__CLIENT_RECORD__INIT;
    char *redirects[CLIENT_REDIRECTS_MAX], *logouts[CLIENT_REDIRECTS_MAX];

    CHECK(client->redirect_uris_count <= CLIENT_REDIRECTS_MAX);
    CHECK(client->post_logout_uris_count <= CLIENT_REDIRECTS_MAX);
    texts_of_client(client, &record);
    record.environment = client->environment;
    record.profile = client->profile;
    record.auth = client->auth;
    record.id_token_alg = client->id_token_alg;
    record.native = client->native;
    record.government = client->government;
    record.stage = client->stage;
    record.suspended_from = client->suspended_from;
    record.features = client->features;
    record.secret_hash = hash_encode(client->secret_hash);
    record.old_secret_hash = hash_encode(client->old_secret_hash);
    record.old_secret_until_ms = client->old_secret_until_ms;
    record.scopes = client->scopes;
    record.account_types = client->account_types;
    for (size_t i = 0; i < client->redirect_uris_count; i++) {
        redirects[i] = text(client->redirect_uris[i]);
    }
    record.redirect_uris = redirects;
    record.n_redirect_uris = client->redirect_uris_count;
    for (size_t i = 0; i < client->post_logout_uris_count; i++) {
        logouts[i] = text(client->post_logout_uris[i]);
    }
    record.post_logout_uris = logouts;
    record.n_post_logout_uris = client->post_logout_uris_count;
    record.created_ms = client->created_ms;
    record.revision = client->revision;
    record.registration_hash = hash_encode(client->registration_hash);
    record_pack(&record.base, out);
}

enum err store_client_put(struct store_write *write, const struct client *client) {
    struct span client_id = span_str(client->client_id);
    struct buf *row = store_table_row(write);

    if (client_id.len == 0 || client_id.len > LIMIT_CLIENT_ID) {
        return ERR_INVALID;
    }
    store_client_encode(client, row);
    return store_table_put_row(write, TABLE_CLIENT, client_id, row);
}

enum err store_client_walk(struct store_read *read, struct arena *arena,
                           bool (*each)(void *arg, const struct client *client),
                           void *arg) {
    struct store_cursor cursor;
    struct client client;
    struct span client_id, row;
    bool more = true;
    enum err err = store_cursor_open(read, TABLE_CLIENT, span_of(NULL, 0), &cursor,
                                     &client_id, &row);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        err = store_client_decode(client_id, row, arena, &client);
        if (err == OK) {
            more = each(arg, &client);
            err = more ? store_cursor_next(&cursor, &client_id, &row) : OK;
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}
