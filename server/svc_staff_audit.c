/* svc_staff_audit: the audit in the staff console, for those who may search it. A search
 * leaves a record of its own (svc_admin_audit). */
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_staff_internal.h"
#include "store/base/japan.h"

#define SHOWN 50

/* What was asked for, to be shown in the form again. */
static json_t *asked(const struct staff_op *op) {
    static const char *const names[] = {"account", "client_id", "staff", "application",
                                        "event", "address", "from", "to"};
    json_t *view = json_object();
    char name[16];

    /* A name of its own: a record that lacks the member would show the form's. */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s%s", i < 6 ? "q_" : "", names[i]);
        json_object_set_new(view, name, svc_staff_text(svc_staff_field(op, names[i])));
    }
    return view;
}

static void found(struct staff_op *op) {
    json_t *view = svc_staff_answer(op), *form = asked(op);
    json_int_t next = json_integer_value(json_object_get(view, "next"));

    json_object_update(view, form);
    json_decref(form);
    json_object_set_new(view, "searched", json_true());
    if (next == 0)
        json_object_del(view, "next");
    svc_staff_view(op, view);
}

/* The field's day goes into the question, as its first or its last moment; false: it is
 * no day. */
static bool put_day(const struct staff_op *op, const char *field, json_t *query) {
    struct span text = svc_staff_field(op, field);
    uint64_t first_ms, last_ms;

    if (text.len == 0)
        return true;
    if (!japan_read_day(text, &first_ms, &last_ms))
        return false;
    if (strcmp(field, "from") == 0)
        json_object_set_new(query, "from_ms", json_integer((json_int_t)first_ms));
    else
        json_object_set_new(query, "to_ms", json_integer((json_int_t)last_ms));
    return true;
}

void svc_staff_audit(struct staff_op *op) {
    static const char *const names[] = {"account", "client_id", "staff",
                                        "application", "event", "address"};
    struct span at = svc_staff_field(op, "at");
    json_t *query;

    if (svc_staff_field(op, "search").len == 0) {
        svc_staff_view(op, asked(op));
        return;
    }
    query = json_pack("{s:i}", "limit", SHOWN);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct span value = svc_staff_field(op, names[i]);
        if (value.len > 0)
            json_object_set_new(query, names[i], svc_staff_text(value));
    }
    op->typed = asked(op);
    if (!put_day(op, "from", query) || !put_day(op, "to", query)) {
        json_decref(query);
        svc_staff_refuse(op, STAFF_INVALID, span_str("from: yyyy-mm-dd is expected"));
        return;
    }
    if (at.len > 0 && at.len < 19) {
        char text[20];
        memcpy(text, at.data, at.len);
        text[at.len] = '\0';
        json_object_set_new(query, "at", json_integer(strtoll(text, NULL, 10)));
    }
    svc_staff_call(op, ADMIN_AUDIT, query, found);
}
