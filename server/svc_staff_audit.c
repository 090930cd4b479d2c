/* svc_staff_audit: the audit in the staff console, for those who may search it. A search
 * leaves a record of its own (svc_admin_audit). */
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_staff_internal.h"

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

/* -1: it is none. */
static json_int_t day_ms(struct span text) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    char copy[11];
    int year, month, day;
    json_int_t days;

    if (text.len != 10)
        return -1;
    memcpy(copy, text.data, 10);
    copy[10] = '\0';
    if (sscanf(copy, "%4d-%2d-%2d", &year, &month, &day) != 3 || year < 1970 ||
        month < 1 || month > 12 || day < 1 || day > 31)
        return -1;
    days = (json_int_t)(year - 1970) * 365 + (year - 1969) / 4 - (year - 1901) / 100 +
           (year - 1601) / 400 + before[month - 1] + day - 1;
    if (month > 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
        days++;
    return (days * 24 - 9) * 3600 * 1000;
}

uint64_t svc_staff_day_ms(struct span text) {
    json_int_t ms = day_ms(text);

    return ms > 0 ? (uint64_t)ms : 0;
}

void svc_staff_audit(struct staff_op *op) {
    static const char *const names[] = {"account", "client_id", "staff",
                                        "application", "event", "address"};
    struct span from = svc_staff_field(op, "from"), to = svc_staff_field(op, "to");
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
    if ((from.len > 0 && day_ms(from) < 0) || (to.len > 0 && day_ms(to) < 0)) {
        json_decref(query);
        svc_staff_refuse(op, STAFF_INVALID, span_str("from: yyyy-mm-dd is expected"));
        return;
    }
    if (from.len > 0)
        json_object_set_new(query, "from_ms", json_integer(day_ms(from)));
    if (to.len > 0)
        json_object_set_new(query, "to_ms",
                            json_integer(day_ms(to) + 24 * 3600 * 1000 - 1));
    if (at.len > 0 && at.len < 19) {
        char text[20];
        memcpy(text, at.data, at.len);
        text[at.len] = '\0';
        json_object_set_new(query, "at", json_integer(strtoll(text, NULL, 10)));
    }
    svc_staff_call(op, ADMIN_AUDIT, query, found);
}
