/* svc_staff_people: the staff's accounts. What is changed, and that an administrator is
 * left, is decided by raft/fsm_staff.c; nobody changes the own roles or state here. */
#include "server/qr_code.h"
#include "server/svc_staff_internal.h"
#include "store/base/codec.h"

/* All roles, with those of `chosen` (an array of names; NULL: none) marked. */
static json_t *role_choices(const json_t *chosen) {
    json_t *choices = json_array();

    for (size_t i = 0; staff_role_names[i]; i++) {
        bool on = false;
        size_t at;
        json_t *name;

        json_array_foreach((json_t *)(uintptr_t)chosen, at, name)
            on = on || strcmp(json_string_value(name), staff_role_names[i]) == 0;
        json_array_append_new(choices, json_pack("{s:s, s:b}", "role",
                                                 staff_role_names[i], "on", on));
    }
    return choices;
}

/* The names of all fields `role`. */
static json_t *typed_roles(const struct staff_op *op) {
    json_t *roles = json_array();
    const struct params *params = op->staff->params;

    for (size_t i = 0; i < params->count; i++) {
        if (span_is(params->items[i].name, "role"))
            json_array_append_new(roles, svc_staff_text(params->items[i].value));
    }
    return roles;
}

static void listed(struct staff_op *op) {
    json_t *view = svc_staff_answer(op);
    json_t *person;
    size_t i;

    json_array_foreach(json_object_get(view, "staff"), i, person) {
        const char *id = json_string_value(json_object_get(person, "id"));
        json_t *own = svc_staff_id(op->account.id);

        bool here = op->refused && id && span_is(svc_staff_field(op, "id"), id);
        json_t *typed = here && span_is(svc_staff_field(op, "what"), "roles")
                            ? typed_roles(op)
                            : NULL;

        json_object_set_new(person, "choices",
                            role_choices(typed ? typed
                                               : json_object_get(person, "roles")));
        json_object_set_new(person, "typed_here", json_boolean(here));
        json_decref(typed);
        json_object_set_new(person, "self",
                            json_boolean(strcmp(id, json_string_value(own)) == 0));
        json_decref(own);
    }
    svc_staff_view(op, view);
}

void svc_staff_people_list(struct staff_op *op) {
    svc_staff_call(op, ADMIN_STAFF_LIST, NULL, listed);
}

void svc_staff_people_form(struct staff_op *op) {
    svc_staff_view(op, json_pack("{s:s, s:o}", "name", "", "choices",
                                 role_choices(NULL)));
}

/* The seed, once, to be read by an app or typed. */
static void show_seed(struct staff_op *op) {
    json_t *view = svc_staff_answer(op);
    const char *uri = json_string_value(json_object_get(view, "totp_uri"));
    struct qr_code code;
    enum err err;

    if (!uri) {
        svc_staff_view(op, view);
        return;
    }
    buf_reset(&op->base.svc->scratch);
    err = qr_code_path(span_str(uri), &op->base.svc->scratch, &code);
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    json_object_set_new(view, "qr_size", json_integer((json_int_t)code.size));
    json_object_set_new(view, "qr_path",
                        svc_staff_text(buf_span(&op->base.svc->scratch)));
    buf_reset(&op->base.svc->scratch);
    svc_staff_view(op, view);
}

void svc_staff_people_add(struct staff_op *op) {
    json_t *roles = typed_roles(op);

    op->typed = json_pack("{s:o, s:o}", "name",
                          svc_staff_text(svc_staff_field(op, "name")), "choices",
                          role_choices(roles));
    svc_staff_call(op, ADMIN_STAFF_ADD,
                   json_pack("{s:o, s:o, s:o}", "name",
                             svc_staff_text(svc_staff_field(op, "name")), "password",
                             svc_staff_text(svc_staff_field(op, "password")), "roles",
                             roles),
                   show_seed);
}

static void changed(struct staff_op *op) {
    svc_staff_done(op, "/staff/people?notice=changed");
}

/* `what`: roles, disable, enable, password or secret. */
void svc_staff_people_change(struct staff_op *op) {
    struct span what = svc_staff_field(op, "what");
    struct span generation = svc_staff_field(op, "generation");
    struct id128 id;
    json_t *body;
    json_int_t number = 0;

    for (size_t i = 0; i < generation.len && number < (json_int_t)1 << 48; i++) {
        if (generation.data[i] >= '0' && generation.data[i] <= '9')
            number = number * 10 + (generation.data[i] - '0');
    }
    if (hex_decode(svc_staff_field(op, "id"), id.b, sizeof id.b)) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such account"));
        return;
    }
    if (memcmp(id.b, op->account.id.b, sizeof id.b) == 0) {
        svc_staff_refuse(op, STAFF_CONFLICT,
                         span_str("id: another administrator has to change yours"));
        return;
    }
    body = json_pack("{s:o, s:I}", "id", svc_staff_id(id), "generation", number);
    if (span_is(what, "roles"))
        json_object_set_new(body, "roles", typed_roles(op));
    else if (span_is(what, "password"))
        json_object_set_new(body, "password",
                            svc_staff_text(svc_staff_field(op, "password")));
    else if (span_is(what, "secret"))
        json_object_set_new(body, "new_secret", json_true());
    else
        json_object_set_new(body, "state",
                            json_string(span_is(what, "enable") ? "active"
                                                                : "disabled"));
    svc_staff_call(op, ADMIN_STAFF_CHANGE, body,
                   span_is(what, "secret") ? show_seed : changed);
}
