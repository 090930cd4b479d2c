/* svc_admin_usage: what relying parties used, by month (store/store_usage.h). */
#include "server/svc_admin_internal.h"
#include "store/store_usage.h"

#define USAGE_LIST_MAX (8u * 1024 * 1024)

static bool put_row(void *arg, const struct usage_row *row) {
    static const char *const names[USAGE_KINDS] = {"logins",      "userinfo",
                                                   "top",         "sms",
                                                   "app_android", "app_ios"};
    struct buf *out = arg;
    char month[STORE_USAGE_MONTH_TEXT];

    store_usage_month_print(row->month, month);
    buf_str(out, out->data[out->len - 1] == '}' ? ",{" : "{");
    buf_json_member(out, "month", span_str(month));
    buf_json_member(out, "client_id", row->client_id);
    for (size_t i = 0; i < USAGE_KINDS; i++)
        buf_json_u64(out, names[i], row->counts[i]);
    buf_str(out, "}");
    return buf_err(out) == OK;
}

void svc_admin_usage(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    enum err err;

    buf_init(&out, USAGE_LIST_MAX);
    buf_str(&out, "{\"usage\":[");
    err = svc_read_begin(svc);
    if (!err) {
        err = store_usage_walk(svc->read, put_row, &out);
        svc_read_end(svc);
    }
    buf_str(&out, "]}");
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}
