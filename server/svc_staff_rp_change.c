/* svc_staff_rp_change: the registry of relying parties, to be changed. A form becomes the
 * operator's JSON (svc_admin.h), whose rules say what is wrong with it (svc_rp.h). */
#include <stdio.h>
#include <stdlib.h>

#include "server/oidc/scope.h"
#include "server/svc_rp.h"
#include "server/svc_staff_internal.h"

/* ---- the form */

static bool has(const json_t *array, const char *value) {
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)array, i, item) {
        if (json_is_string(item) && strcmp(json_string_value(item), value) == 0)
            return true;
    }
    return false;
}

/* [{value, on}] of a list that may be chosen from: several, or one. */
static json_t *choices(const char *const names[], const json_t *chosen) {
    json_t *list = json_array();

    for (size_t i = 0; names[i]; i++) {
        bool on = json_is_array(chosen)
                      ? has(chosen, names[i])
                      : json_is_string(chosen) &&
                            strcmp(json_string_value(chosen), names[i]) == 0;
        json_array_append_new(list,
                              json_pack("{s:s, s:b}", "value", names[i], "on", on));
    }
    return list;
}

static json_t *scope_choices(struct svc *svc, const json_t *chosen) {
    const char *names[65] = {NULL};
    char texts[64][32];
    size_t count = 0;
    struct buf *out = &svc->scratch;

    for (uint64_t bit = 1; bit != 0 && bit <= SCOPE_ALL; bit <<= 1) {
        buf_reset(out);
        scope_print(bit, out);
        if (out->len == 0 || out->len >= sizeof texts[0])
            continue;
        memcpy(texts[count], out->data, out->len);
        texts[count][out->len] = '\0';
        names[count] = texts[count];
        count++;
    }
    return choices(names, chosen);
}

/* One a line. */
static json_t *lines_of(const json_t *array) {
    struct buf text;
    size_t i;
    json_t *item, *joined;

    buf_init(&text, 64 * 1024);
    json_array_foreach((json_t *)(uintptr_t)array, i, item) {
        buf_str(&text, i > 0 ? "\n" : "");
        buf_str(&text, json_is_string(item) ? json_string_value(item) : "");
    }
    joined = svc_staff_text(buf_span(&text));
    buf_free(&text);
    return joined;
}

static json_t *with_default(const json_t *rp, const char *name, const char *value) {
    json_t *found = json_object_get(rp, name);

    return found ? json_incref(found) : json_string(value);
}

/* What the form shows for a registration in the operator's form. */
static json_t *form_view(struct svc *svc, const json_t *rp, bool is_new) {
    static const char *const lists[] = {"redirect_uris", "post_logout_uris", "contacts"};
    json_t *view = json_deep_copy(rp), *keys = json_object_get(rp, "jwks");
    json_t *profile = with_default(rp, "profile", "gbizid");
    json_t *auth = with_default(rp, "auth", "basic");
    json_t *alg = with_default(rp, "alg", "RS256");
    json_t *stage = with_default(rp, "stage", "applied");

    json_object_set_new(view, "is_new", json_boolean(is_new));
    json_object_set_new(view, "profiles", choices(svc_rp_profiles, profile));
    json_object_set_new(view, "auths", choices(svc_rp_auths, auth));
    json_object_set_new(view, "algs", choices(svc_rp_algs, alg));
    json_object_set_new(view, "stages", choices(svc_rp_stages, stage));
    json_object_set_new(view, "scope_choices",
                        scope_choices(svc, json_object_get(rp, "scopes")));
    json_object_set_new(view, "type_choices",
                        choices(svc_rp_account_types, json_object_get(rp, "account_types")));
    json_object_set_new(view, "feature_choices",
                        choices(svc_rp_features, json_object_get(rp, "features")));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        json_object_set_new(view, lists[i], lines_of(json_object_get(rp, lists[i])));
    if (json_is_object(keys)) {
        char *text = json_dumps(keys, JSON_INDENT(1));
        json_object_set_new(view, "jwks", json_string(text ? text : ""));
        free(text);
    }
    json_decref(profile);
    json_decref(auth);
    json_decref(alg);
    json_decref(stage);
    return view;
}

static void formed(struct staff_op *op) {
    json_t *answer = svc_staff_answer(op), *client, *view = NULL;
    struct span id = svc_staff_field(op, "id");
    size_t i;

    json_array_foreach(json_object_get(answer, "clients"), i, client) {
        const char *text = json_string_value(json_object_get(client, "client_id"));
        if (text && span_is(id, text))
            view = form_view(op->base.svc, client, false);
    }
    json_decref(answer);
    if (view)
        svc_staff_view(op, view);
    else
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such client"));
}

void svc_staff_rp_form(struct staff_op *op) {
    if (svc_staff_field(op, "id").len > 0) {
        svc_staff_call(op, ADMIN_CLIENT_LIST, NULL, formed);
        return;
    }
    json_t *fresh = json_pack("{s:[s], s:[s,s,s]}", "scopes", "openid", "account_types",
                              "entry", "prime", "member");
    svc_staff_view(op, form_view(op->base.svc, fresh, true));
    json_decref(fresh);
}

/* ---- save */

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trimmed(struct span text) {
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static void put_lines(json_t *rp, const char *name, struct span text) {
    json_t *list = json_array();

    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        struct span line = trimmed(span_of(text.data, len));

        if (line.len > 0)
            json_array_append_new(list, svc_staff_text(line));
        len += end ? 1 : 0;
        text = span_of(text.data + len, text.len - len);
    }
    if (json_array_size(list) > 0)
        json_object_set(rp, name, list);
    json_decref(list);
}

/* Every field of that name. */
static void put_all(json_t *rp, const char *name, const struct params *params) {
    json_t *list = json_array();

    for (size_t i = 0; i < params->count; i++) {
        if (span_is(params->items[i].name, name))
            json_array_append_new(list, svc_staff_text(params->items[i].value));
    }
    if (json_array_size(list) > 0)
        json_object_set(rp, name, list);
    json_decref(list);
}

static json_int_t number_of(struct span text) {
    json_int_t number = 0;

    for (size_t i = 0; i < text.len && number < (json_int_t)1 << 48; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9')
            number = number * 10 + (text.data[i] - '0');
    }
    return number;
}

/* The form as the operator's JSON. False: the keys are no JSON. */
static bool read_form(struct staff_op *op, bool is_new, json_t *rp) {
    static const char *const texts[] = {
        "client_id", "name", "ministry", "start_month", "profile", "auth", "alg",
        "backchannel_logout_uri", "initiate_login_uri", "logo_uri", "policy_uri",
        "tos_uri", "sector", "tls_subject", "audience"};
    static const char *const flags[] = {"native", "government"};
    struct span keys = trimmed(svc_staff_field(op, "jwks"));
    json_t *jwks = NULL;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct span value = trimmed(svc_staff_field(op, texts[i]));
        if (value.len > 0)
            json_object_set_new(rp, texts[i], svc_staff_text(value));
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (svc_staff_field(op, flags[i]).len > 0)
            json_object_set_new(rp, flags[i], json_true());
    }
    if (is_new && svc_staff_field(op, "stage").len > 0)
        json_object_set_new(rp, "stage", svc_staff_text(svc_staff_field(op, "stage")));
    put_all(rp, "scopes", op->staff->params);
    put_all(rp, "account_types", op->staff->params);
    put_all(rp, "features", op->staff->params);
    put_lines(rp, "redirect_uris", svc_staff_field(op, "redirect_uris"));
    put_lines(rp, "post_logout_uris", svc_staff_field(op, "post_logout_uris"));
    put_lines(rp, "contacts", svc_staff_field(op, "contacts"));
    if (keys.len == 0)
        return true;
    jwks = json_loadb((const char *)keys.data, keys.len, JSON_REJECT_DUPLICATES, NULL);
    if (!jwks) {
        json_object_set_new(rp, "jwks", svc_staff_text(keys));
        return false;
    }
    json_object_set_new(rp, "jwks", jwks);
    return true;
}

/* The secret, when one was drawn: shown now or never. */
static void show_secret(struct staff_op *op) {
    json_t *answer = svc_staff_answer(op);
    const char *id = json_string_value(json_object_get(answer, "client_id"));
    char text[LIMIT_CLIENT_ID + 1];

    if (json_object_get(answer, "client_secret") || !id) {
        svc_staff_view(op, answer);
        return;
    }
    snprintf(text, sizeof text, "%s", id);
    json_decref(answer);
    svc_staff_done(op, "/staff/rp?id=%s&notice=saved", text);
}

void svc_staff_rp_save(struct staff_op *op) {
    bool is_new = svc_staff_field(op, "revision").len == 0;
    json_t *rp = json_object();
    bool good = read_form(op, is_new, rp);

    op->typed = form_view(op->base.svc, rp, is_new);
    if (!is_new) {
        json_int_t revision = number_of(svc_staff_field(op, "revision"));
        json_object_set_new(op->typed, "revision", json_integer(revision));
        json_object_set_new(rp, "revision", json_integer(revision));
        json_object_set_new(rp, "replace", json_true());
    }
    if (!good) {
        json_decref(rp);
        svc_staff_refuse(op, STAFF_INVALID, span_str("jwks: it is not JSON"));
        return;
    }
    svc_staff_call(op, ADMIN_CLIENT_ADD, rp, show_secret);
}

/* ---- stage and secret */

static void staged(struct staff_op *op) {
    show_secret(op);
}

void svc_staff_rp_stage(struct staff_op *op) {
    const char *to = "retired";
    char text[32];
    struct span stage = svc_staff_field(op, "to");

    if (op->staff->action == STAFF_DO_RP_STAGE) {
        snprintf(text, sizeof text, "%.*s", (int)(stage.len < 31 ? stage.len : 31),
                 (const char *)stage.data);
        to = text;
    }
    /* For ever, and so by its own action. */
    if (op->staff->action == STAFF_DO_RP_STAGE && strcmp(to, "retired") == 0) {
        svc_staff_refuse(op, STAFF_INVALID, span_str("to: that is another form's"));
        return;
    }
    svc_staff_call(op, ADMIN_CLIENT_CHANGE,
                   json_pack("{s:o, s:s, s:I}", "client_id",
                             svc_staff_text(svc_staff_field(op, "id")), "stage", to,
                             "revision", number_of(svc_staff_field(op, "revision"))),
                   staged);
}

void svc_staff_rp_secret(struct staff_op *op) {
    json_int_t days = number_of(svc_staff_field(op, "overlap_days"));

    svc_staff_call(op, ADMIN_CLIENT_CHANGE,
                   json_pack("{s:o, s:b, s:I, s:I}", "client_id",
                             svc_staff_text(svc_staff_field(op, "id")), "rotate_secret",
                             1, "overlap_s", (days < 1000 ? days : 1000) * 86400,
                             "revision", number_of(svc_staff_field(op, "revision"))),
                   show_secret);
}
