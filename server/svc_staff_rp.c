/* svc_staff_rp: the registry of relying parties, to look at: the list with its filter,
 * one of them with its use by month, the table by ministry (DOMAIN T3-1), the export. */
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_rp.h"
#include "server/svc_staff_internal.h"
#include "store/store_usage.h"

#define MONTHS 12
#define CHART_WIDTH 600
#define CHART_HEIGHT 120

/* ---- list */

static bool holds(const json_t *client, const char *member, struct span wanted) {
    const char *text = json_string_value(json_object_get(client, member));

    return wanted.len == 0 || (text && span_is(wanted, text));
}

/* Does a name or an ID hold the text, byte for byte? */
static bool found(const json_t *client, struct span text) {
    static const char *const members[] = {"client_id", "name"};

    for (size_t i = 0; i < sizeof members / sizeof members[0] && text.len > 0; i++) {
        const char *value = json_string_value(json_object_get(client, members[i]));
        struct span in = span_str(value ? value : "");

        for (size_t at = 0; at + text.len <= in.len; at++) {
            if (memcmp(in.data + at, text.data, text.len) == 0)
                return true;
        }
    }
    return text.len == 0;
}

/* Each value once, in the order of the first that has it. */
static json_t *ministries_of(const json_t *clients, struct span chosen) {
    json_t *list = json_array(), *seen = json_object(), *client;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)clients, i, client) {
        const char *name = json_string_value(json_object_get(client, "ministry"));

        if (!name || json_object_get(seen, name))
            continue;
        json_object_set_new(seen, name, json_true());
        json_array_append_new(list, json_pack("{s:s, s:b}", "ministry", name, "on",
                                              span_is(chosen, name)));
    }
    json_decref(seen);
    return list;
}

static json_t *stages_of(const json_t *clients, struct span chosen) {
    json_t *list = json_array(), *client;
    size_t i;

    for (size_t stage = 0; svc_rp_stages[stage]; stage++) {
        json_int_t count = 0;

        json_array_foreach((json_t *)(uintptr_t)clients, i, client) count +=
            holds(client, "stage", span_str(svc_rp_stages[stage]));
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:b}", "stage", svc_rp_stages[stage],
                                        "count", count, "on",
                                        span_is(chosen, svc_rp_stages[stage])));
    }
    return list;
}

static void listed(struct staff_op *op) {
    json_t *answer = svc_staff_answer(op);
    json_t *clients = json_object_get(answer, "clients"), *client;
    json_t *shown = json_array(), *view;
    struct span stage = svc_staff_field(op, "stage");
    struct span ministry = svc_staff_field(op, "ministry");
    struct span environment = svc_staff_field(op, "environment");
    struct span text = svc_staff_field(op, "q");
    size_t i;

    json_array_foreach(clients, i, client) {
        if (holds(client, "stage", stage) && holds(client, "ministry", ministry) &&
            holds(client, "environment", environment) && found(client, text))
            json_array_append(shown, client);
    }
    view = json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:b}", "clients", shown, "shown",
                     (json_int_t)json_array_size(shown), "total",
                     (json_int_t)json_array_size(clients), "q", svc_staff_text(text),
                     "stages", stages_of(clients, stage), "ministries",
                     ministries_of(clients, ministry), "filtered",
                     stage.len + ministry.len + text.len > 0);
    json_decref(answer);
    svc_staff_view(op, view);
}

void svc_staff_rp_list(struct staff_op *op) {
    svc_staff_call(op, ADMIN_CLIENT_LIST, NULL, listed);
}

/* ---- one */

/* What onboarding may come to next. To offer it; raft/fsm_client.c decides. */
static json_t *next_stages(const json_t *client) {
    static const struct {
        const char *from, *to[3];
    } ways[] = {
        {"applied", {"in_verification"}},
        {"in_verification", {"approved", "suspended"}},
        {"approved", {"live", "suspended"}},
        {"live", {"suspended"}},
    };
    const char *stage = json_string_value(json_object_get(client, "stage"));
    const char *back = json_string_value(json_object_get(client, "suspended_from"));
    json_t *list = json_array();

    for (size_t i = 0; stage && i < sizeof ways / sizeof ways[0]; i++) {
        for (size_t j = 0; strcmp(stage, ways[i].from) == 0 && ways[i].to[j]; j++)
            json_array_append_new(list, json_pack("{s:s}", "to", ways[i].to[j]));
    }
    if (back)
        json_array_append_new(list, json_pack("{s:s}", "to", back));
    return list;
}

/* The stages in their order, for the page to show how far it is. */
static json_t *steps_of(const json_t *client) {
    const char *stage = json_string_value(json_object_get(client, "stage"));
    int at = svc_json_find(svc_rp_stages, span_str(stage ? stage : ""));
    json_t *list = json_array();

    for (int i = 1; i <= CLIENT_LIVE; i++)
        json_array_append_new(list, json_pack("{s:s, s:b, s:b}", "stage",
                                              svc_rp_stages[i - 1], "done",
                                              at <= CLIENT_LIVE && i < at, "here",
                                              i == at));
    return list;
}

static json_t *month_json(const struct usage_row *row) {
    char month[STORE_USAGE_MONTH_TEXT];

    store_usage_month_print(row->month, month);
    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "month", month, "logins",
                     (json_int_t)row->counts[USAGE_LOGIN], "userinfo",
                     (json_int_t)row->counts[USAGE_USERINFO], "top",
                     (json_int_t)row->counts[USAGE_TOP], "sms",
                     (json_int_t)row->counts[USAGE_SMS]);
}

/* The last MONTHS of the client, oldest first, as rows and as bars of a chart. In the
 * open snapshot. */
static enum err put_usage(struct staff_op *op, struct span client_id, json_t *view) {
    struct svc *svc = op->base.svc;
    uint32_t now = store_usage_month(repl_now_ms(svc->shared->repl));
    struct usage_row rows[MONTHS];
    json_t *months = json_array(), *bars = json_array();
    uint64_t most = 1;

    json_object_set_new(view, "months", months);
    json_object_set_new(view, "bars", bars);
    for (uint32_t i = 0; i < MONTHS; i++) {
        uint32_t month = now - (MONTHS - 1 - i);
        enum err err = store_usage_get(svc->read, month, client_id, &rows[i]);

        if (err == ERR_NOT_FOUND)
            rows[i] = (struct usage_row){.month = month};
        else if (err)
            return err;
        if (rows[i].counts[USAGE_LOGIN] > most)
            most = rows[i].counts[USAGE_LOGIN];
    }
    for (uint32_t i = 0; i < MONTHS; i++) {
        json_t *row = month_json(&rows[i]);
        const char *month = json_string_value(json_object_get(row, "month"));
        json_int_t height = (json_int_t)((double)rows[i].counts[USAGE_LOGIN] /
                                         (double)most * CHART_HEIGHT);
        json_int_t width = CHART_WIDTH / MONTHS;

        json_array_append_new(
            bars, json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "x",
                            width * (json_int_t)i + 8, "y", CHART_HEIGHT - height + 16,
                            "w", width - 16, "h", height, "middle",
                            width * (json_int_t)i + width / 2, "label", month + 5,
                            "logins", (json_int_t)rows[i].counts[USAGE_LOGIN]));
        json_array_append_new(months, row);
    }
    return OK;
}

static void shown(struct staff_op *op) {
    json_t *answer = svc_staff_answer(op), *client, *view = NULL;
    struct span id = svc_staff_field(op, "id");
    size_t i;
    enum err err;

    json_array_foreach(json_object_get(answer, "clients"), i, client) {
        if (holds(client, "client_id", id) && id.len > 0)
            view = json_deep_copy(client);
    }
    json_decref(answer);
    if (!view) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such client"));
        return;
    }
    json_object_set_new(view, "next", next_stages(view));
    json_object_set_new(view, "steps", steps_of(view));
    json_object_set_new(view, "is_suspended", json_boolean(holds(view, "stage", span_str("suspended"))));
    json_object_set_new(view, "is_retired", json_boolean(holds(view, "stage", span_str("retired"))));
    json_object_set_new(view, "has_secret", json_boolean(holds(view, "auth", span_str("basic")) ||
                                     holds(view, "auth", span_str("post"))));
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = put_usage(op, id, view);
        svc_read_end(op->base.svc);
    }
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    svc_staff_view(op, view);
}

void svc_staff_rp_show(struct staff_op *op) {
    svc_staff_call(op, ADMIN_CLIENT_LIST, NULL, shown);
}

/* ---- by ministry (T3-1) and by month */

struct totals {
    json_t *months;
    uint32_t from;
};

static bool add_month(void *arg, const struct usage_row *row) {
    static const char *const names[USAGE_KINDS] = {"logins", "userinfo", "top", "sms"};
    struct totals *totals = arg;
    char month[STORE_USAGE_MONTH_TEXT];
    json_t *sum;

    if (row->month < totals->from)
        return true;
    store_usage_month_print(row->month, month);
    sum = json_array_get(totals->months, row->month - totals->from);
    if (!sum) {
        while (json_array_size(totals->months) <= row->month - totals->from) {
            uint32_t next = totals->from + (uint32_t)json_array_size(totals->months);
            struct usage_row none = {.month = next};
            json_array_append_new(totals->months, month_json(&none));
        }
        sum = json_array_get(totals->months, row->month - totals->from);
    }
    for (size_t i = 0; i < USAGE_KINDS; i++) {
        json_t *value = json_object_get(sum, names[i]);
        json_integer_set(value,
                         json_integer_value(value) + (json_int_t)row->counts[i]);
    }
    return true;
}

/* Those that are live or were, by ministry: the largest first. */
static json_t *by_ministry(json_t *clients) {
    json_t *groups = json_array(), *client, *group;
    size_t i, j;

    json_array_foreach(clients, i, client) {
        const char *name = json_string_value(json_object_get(client, "ministry"));
        json_t *mine = NULL;

        if (!holds(client, "stage", span_str("live")))
            continue;
        json_array_foreach(groups, j, group) {
            if (holds(group, "ministry", span_str(name ? name : "-")))
                mine = group;
        }
        if (!mine) {
            mine = json_pack("{s:s, s:i, s:[]}", "ministry", name ? name : "-", "count",
                             0, "services");
            json_array_append_new(groups, mine);
        }
        json_array_append(json_object_get(mine, "services"), client);
        json_object_set_new(
            mine, "count",
            json_integer((json_int_t)json_array_size(json_object_get(mine, "services"))));
    }
    return groups;
}

/* A month that services began in, with how many, and how many there were then. */
static json_t *starts_of(json_t *clients) {
    json_t *counts = json_object(), *list = json_array(), *client;
    json_int_t total = 0;
    size_t i;

    json_array_foreach(clients, i, client) {
        const char *month = json_string_value(json_object_get(client, "start_month"));

        if (month && holds(client, "stage", span_str("live")))
            json_object_set_new(
                counts, month,
                json_integer(json_integer_value(json_object_get(counts, month)) + 1));
    }
    for (;;) {
        const char *first = NULL, *key;
        json_t *value;

        json_object_foreach(counts, key, value) {
            if (!first || strcmp(key, first) < 0)
                first = key;
        }
        if (!first)
            break;
        json_int_t started = json_integer_value(json_object_get(counts, first));
        total += started;
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "month", first,
                                              "started", started, "total", total));
        /* `first` ends with its entry. */
        char gone[8];
        snprintf(gone, sizeof gone, "%s", first);
        json_object_del(counts, gone);
    }
    json_decref(counts);
    return list;
}

static void tabled(struct staff_op *op) {
    struct svc *svc = op->base.svc;
    uint32_t now = store_usage_month(repl_now_ms(svc->shared->repl));
    json_t *answer = svc_staff_answer(op), *view;
    json_t *clients = json_object_get(answer, "clients");
    struct totals totals = {.months = json_array(), .from = now - (MONTHS - 1)};
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = store_usage_walk(svc->read, add_month, &totals);
        svc_read_end(svc);
    }
    view = json_pack("{s:o, s:o, s:o}", "ministries", by_ministry(clients), "starts",
                     starts_of(clients), "months", totals.months);
    json_decref(answer);
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    svc_staff_view(op, view);
}

void svc_staff_rp_ministries(struct staff_op *op) {
    svc_staff_call(op, ADMIN_CLIENT_LIST, NULL, tabled);
}

/* ---- export */

static void exported(struct staff_op *op) {
    /* What a registration does not tell. */
    static const char *const own[] = {"created_ms", "old_secret_until_ms", "revision",
                                      "dynamic", "suspended_from"};
    json_t *answer = svc_staff_answer(op), *client;
    json_t *clients = json_object_get(answer, "clients");
    size_t i;
    char *text;

    json_array_foreach(clients, i, client) {
        for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
            json_object_del(client, own[j]);
    }
    text = json_dumps(clients, JSON_INDENT(2));
    json_decref(answer);
    if (text)
        op->staff->file = arena_dup(&op->staff->op.arena, span_str(text));
    free(text);
    if (!op->staff->file.data) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    op->staff->file_name = span_str("relying-parties.json");
    svc_staff_file(op);
}

void svc_staff_rp_export(struct staff_op *op) {
    svc_staff_call(op, ADMIN_CLIENT_LIST, NULL, exported);
}
