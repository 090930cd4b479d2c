/* route_apply: the pages of who applies for a Prime account: the form, the link that
 * confirms it, how an application stands, and the link that activates an account
 * (server/svc_apply.h). Looking at one changes nothing. */
#include <stdio.h>

#include "http/http_respond.h"
#include "http/http_router.h"
#include "store/base/codec.h"

#define KEY_MAX 64

/* "is_corporation" and so on, and the name itself. */
static void set_kind(struct http_page_data *data, enum applicant_kind kind) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, "is_%s", applicant_kind_name(kind));
    http_page_set_bool(data, key, true);
    http_page_set(data, "kind", span_str(applicant_kind_name(kind)));
}

/* ---- the form */

/* JIS X 0401. */
static const char *const prefectures[][2] = {
    {"北海道", "Hokkaido"}, {"青森県", "Aomori"},    {"岩手県", "Iwate"},
    {"宮城県", "Miyagi"},   {"秋田県", "Akita"},     {"山形県", "Yamagata"},
    {"福島県", "Fukushima"}, {"茨城県", "Ibaraki"},  {"栃木県", "Tochigi"},
    {"群馬県", "Gunma"},    {"埼玉県", "Saitama"},   {"千葉県", "Chiba"},
    {"東京都", "Tokyo"},    {"神奈川県", "Kanagawa"}, {"新潟県", "Niigata"},
    {"富山県", "Toyama"},   {"石川県", "Ishikawa"},  {"福井県", "Fukui"},
    {"山梨県", "Yamanashi"}, {"長野県", "Nagano"},   {"岐阜県", "Gifu"},
    {"静岡県", "Shizuoka"}, {"愛知県", "Aichi"},     {"三重県", "Mie"},
    {"滋賀県", "Shiga"},    {"京都府", "Kyoto"},     {"大阪府", "Osaka"},
    {"兵庫県", "Hyogo"},    {"奈良県", "Nara"},      {"和歌山県", "Wakayama"},
    {"鳥取県", "Tottori"},  {"島根県", "Shimane"},   {"岡山県", "Okayama"},
    {"広島県", "Hiroshima"}, {"山口県", "Yamaguchi"}, {"徳島県", "Tokushima"},
    {"香川県", "Kagawa"},   {"愛媛県", "Ehime"},     {"高知県", "Kochi"},
    {"福岡県", "Fukuoka"},  {"佐賀県", "Saga"},      {"長崎県", "Nagasaki"},
    {"熊本県", "Kumamoto"}, {"大分県", "Oita"},      {"宮崎県", "Miyazaki"},
    {"鹿児島県", "Kagoshima"}, {"沖縄県", "Okinawa"},
};
#define PREFECTURES (sizeof prefectures / sizeof *prefectures)

static void add_option(struct http_request *request, struct http_page_data *data,
                       const char *list, struct span chosen, const char *value,
                       const char *text, const char *message) {
    const struct http_page_cell cells[] = {
        {"value", span_str(value), NULL},
        {"text", span_str(text), message},
        {"selected", span_str(span_is(chosen, value) ? "yes" : ""), NULL},
    };
    http_page_add_row(data, list, request->lang, cells, sizeof cells / sizeof *cells);
}

static void add_prefectures(struct http_request *request, struct http_page_data *data,
                            const char *list, struct span chosen) {
    for (size_t i = 0; i < PREFECTURES; i++) {
        char value[8], text[KEY_MAX];
        snprintf(value, sizeof value, "%02u", (unsigned)(i + 1) % 100);
        snprintf(text, sizeof text, "%s %s", prefectures[i][0], prefectures[i][1]);
        add_option(request, data, list, chosen, value, text, NULL);
    }
}

/* The eras of people who live, the most common first. */
static void add_eras(struct http_request *request, struct http_page_data *data,
                     struct span chosen) {
    static const enum era order[] = {ERA_SHOWA, ERA_HEISEI, ERA_WESTERN,
                                     ERA_REIWA, ERA_TAISHO, ERA_MEIJI};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        char message[KEY_MAX];
        snprintf(message, sizeof message, "apply_era_%s", era_name(order[i]));
        add_option(request, data, "eras", chosen, era_name(order[i]), "", message);
    }
}

static struct span number_text(struct http_request *request, unsigned number) {
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return arena_dup(&request->arena, span_str(text));
}

/* What would explain a number that does not fit, a line each. */
static void add_slips(struct http_request *request, struct http_page_data *data,
                      const struct corporate_finding *finding) {
    char check[2] = {finding->check, '\0'};
    http_page_set(data, "number_check", arena_dup(&request->arena, span_str(check)));
    http_page_set(data, "number_count", number_text(request, finding->count));
    http_page_set(data, "number_position", number_text(request, finding->position));
    for (size_t i = 0; i < finding->slips_count; i++) {
        const struct corporate_slip *slip = &finding->slips[i];
        const struct http_page_cell cells[] = {
            {"position", number_text(request, slip->position), NULL},
            {"typed", span_str(slip->typed), NULL},
            {"meant", span_str(slip->meant), NULL},
        };
        http_page_add_row(data, "number_slips", request->lang, cells,
                          sizeof cells / sizeof *cells);
    }
}

/* The message of a fault: of a day outside its era, what the era is. */
static const char *fault_message(const struct applicant *applicant,
                                 enum applicant_fault fault, char out[KEY_MAX]) {
    if (fault == APPLICANT_FAULT_BIRTH_OUTSIDE)
        snprintf(out, KEY_MAX, "apply_outside_%s", era_name(applicant->era));
    else
        snprintf(out, KEY_MAX, "apply_fault_%s", applicant_fault_word(fault));
    return out;
}

static void add_faults(struct http_request *request, struct http_page_data *data,
                       const struct applicant *applicant) {
    for (size_t i = 0; i < APPLICANT_INPUTS; i++) {
        const char *name = applicant_input_name((enum applicant_input)i);
        char list[KEY_MAX], label[KEY_MAX], message[KEY_MAX];
        if (applicant->faults[i] == APPLICANT_FAULT_GOOD) {
            continue;
        }
        snprintf(list, sizeof list, "fault_%s", name);
        snprintf(label, sizeof label, "apply_%s", name);
        fault_message(applicant, applicant->faults[i], message);
        http_page_add_message(data, list, request->lang, message);
        const struct http_page_cell cells[] = {
            {"id", span_str(name), NULL},
            {"label", span_of("", 0), label},
            {"text", span_of("", 0), message},
        };
        http_page_add_row(data, "faults", request->lang, cells,
                          sizeof cells / sizeof *cells);
    }
    http_page_set_bool(data, "has_faults", applicant->faults_count > 0);
    if (applicant->number.fault != CORPORATE_OK) {
        char word[KEY_MAX];
        snprintf(word, sizeof word, "has_%s",
                 applicant_fault_word(applicant->faults[APPLICANT_IN_NUMBER]));
        http_page_set_bool(data, word, true);
        add_slips(request, data, &applicant->number);
    }
}

/* What was typed, for inputs (`in_<name>`) and as hidden fields. */
static void set_typed(struct http_page_data *data,
                      const struct span typed[APPLICANT_INPUTS]) {
    for (size_t i = 0; i < APPLICANT_INPUTS; i++) {
        const char *name = applicant_input_name((enum applicant_input)i);
        char key[KEY_MAX];
        snprintf(key, sizeof key, "in_%s", name);
        http_page_set(data, key, typed[i]);
        if (typed[i].len > 0) {
            http_page_add_field(data, "typed", name, typed[i]);
        }
    }
}

static void set_documents(struct http_request *request, struct http_page_data *data) {
    http_page_set(data, "other_documents",
                  svc_apply_documents(request->thread->svc, request->lang == LANG_EN));
}

static void show_form(struct http_request *request, int status,
                      enum applicant_kind kind,
                      const struct span typed[APPLICANT_INPUTS],
                      const struct applicant *applicant) {
    struct http_page_data *data = http_page_data_new();
    set_kind(data, kind);
    set_documents(request, data);
    set_typed(data, typed);
    add_prefectures(request, data, "prefectures", typed[APPLICANT_IN_PREFECTURE]);
    add_prefectures(request, data, "contact_prefectures",
                    typed[APPLICANT_IN_CONTACT_PREFECTURE]);
    add_eras(request, data, typed[APPLICANT_IN_BIRTH_ERA]);
    http_page_set_bool(data, "agreed", span_is(typed[APPLICANT_IN_AGREE], "yes"));
    if (applicant != NULL) {
        add_faults(request, data, applicant);
    }
    http_respond_section(request, status, PAGE_APPLY, "asks_form", data);
}

static void show_kinds(struct http_request *request, int status) {
    struct http_page_data *data = http_page_data_new();
    set_documents(request, data);
    http_page_set_bool(data, "takes_other",
                       svc_apply_open(request->thread->svc, APPLICANT_OTHER));
    http_respond_section(request, status, PAGE_APPLY, "asks_kind", data);
}

void route_apply_get(struct http_request *request) {
    static const struct span nothing[APPLICANT_INPUTS];
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    enum applicant_kind kind = applicant_kind_find(http_request_field(request, "kind"));
    if (svc_apply_open(request->thread->svc, kind)) {
        show_form(request, 200, kind, nothing, NULL);
    } else {
        show_kinds(request, 200);
    }
    http_request_end(request);
}

static struct span prefecture_text(struct span code) {
    unsigned number = 0;
    for (size_t i = 0; i < code.len; i++) {
        number = number * 10 + (unsigned)(code.data[i] - '0');
    }
    return span_str(number >= 1 && number <= PREFECTURES ? prefectures[number - 1][0]
                                                         : "");
}

static struct span birth_text(struct http_request *request, struct span day) {
    char era[ERA_TEXT_MAX], text[ERA_TEXT_MAX + 32] = "";
    struct date date;
    if (date_parse(day, &date)) {
        era_date_print(&date, era);
        snprintf(text, sizeof text, "%s (%04u-%02u-%02u)", era, date.year, date.month,
                 date.day);
    }
    return arena_dup(&request->arena, span_str(text));
}

/* One row of what is looked over; an empty value is not shown. */
static void add_value(struct http_request *request, struct http_page_data *data,
                      const char *message, struct span value) {
    const struct http_page_cell cells[] = {
        {"label", span_of("", 0), message},
        {"value", value, NULL},
    };
    if (value.len > 0) {
        http_page_add_row(data, "values", request->lang, cells,
                          sizeof cells / sizeof *cells);
    }
}

static void show_check(struct http_request *request, const struct svc_apply *apply) {
    static const struct {
        const char *message;
        enum profile_field field;
    } rows[] = {
        {"apply_corporate_number", PROFILE_CORPORATE_NUMBER},
        {"apply_company", PROFILE_NAME},
        {"apply_prefecture", PROFILE_PREFECTURE},
        {"apply_address1", PROFILE_ADDRESS1},
        {"apply_address2", PROFILE_ADDRESS2},
        {"apply_last_name", PROFILE_REP_LAST_NAME},
        {"apply_first_name", PROFILE_REP_FIRST_NAME},
        {"apply_last_kana", PROFILE_REP_LAST_KANA},
        {"apply_first_kana", PROFILE_REP_FIRST_KANA},
        {"apply_birth_era", PROFILE_BIRTHDAY},
        {"apply_post_code", PROFILE_USER_POST_CODE},
        {"apply_contact_prefecture", PROFILE_USER_PREFECTURE},
        {"apply_contact_address1", PROFILE_USER_ADDRESS1},
        {"apply_contact_address2", PROFILE_USER_ADDRESS2},
        {"apply_department", PROFILE_USER_DEPARTMENT},
        {"apply_phone", PROFILE_USER_TEL},
        {"apply_email", PROFILE_EMAIL},
    };
    struct http_page_data *data = http_page_data_new();
    set_kind(data, apply->applicant_kind);
    set_typed(data, apply->typed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span value = apply->applicant.profile.fields[rows[i].field];
        if (rows[i].field == PROFILE_PREFECTURE ||
            rows[i].field == PROFILE_USER_PREFECTURE) {
            value = prefecture_text(value);
        } else if (rows[i].field == PROFILE_BIRTHDAY) {
            value = birth_text(request, value);
        }
        add_value(request, data, rows[i].message, value);
    }
    http_respond_section(request, 200, PAGE_APPLY, "asks_check", data);
}

static void on_apply(struct svc_apply *apply) {
    struct http_request *request = apply->arg;
    struct http_page_data *data;
    if (apply->op.err != OK) {
        http_respond_failure(request, apply->op.err, false);
    } else if (apply->kind == APPLY_FORM) {
        bool edits = apply->step == APPLY_EDIT;
        show_form(request, edits ? 200 : 400, apply->applicant_kind, apply->typed,
                  edits ? NULL : &apply->applicant);
    } else if (apply->kind == APPLY_CHECKED) {
        show_check(request, apply);
    } else if (apply->kind == APPLY_CLOSED) {
        show_kinds(request, 400);
    } else {
        data = http_page_data_new();
        http_page_set(data, "email", apply->applicant.profile.fields[PROFILE_EMAIL]);
        http_respond_section(request, apply->kind == APPLY_SENT ? 200 : 429, PAGE_APPLY,
             apply->kind == APPLY_SENT ? "sent" : "limited", data);
    }
    svc_op_close(&apply->op);
    http_request_end(request);
}

static enum svc_apply_step step_of(struct span step) {
    return span_is(step, "send")   ? APPLY_SEND
           : span_is(step, "edit") ? APPLY_EDIT
                                   : APPLY_CHECK;
}

void route_apply_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_apply *apply = &request->op.apply;
    http_request_choose_lang(request);
    *apply = (struct svc_apply){
        .op.from = http_request_origin(request),
        .done = on_apply,
        .arg = request,
        .step = step_of(http_request_field(request, "step")),
        .applicant_kind = applicant_kind_find(http_request_field(request, "kind")),
        .english = request->lang == LANG_EN,
    };
    for (size_t i = 0; i < APPLICANT_INPUTS; i++) {
        const char *name = applicant_input_name((enum applicant_input)i);
        apply->typed[i] = http_request_field(request, name);
    }
    svc_apply(request->thread->svc, apply);
}

/* ---- the link that confirms */

static void on_confirm(struct svc_apply_confirm *confirm) {
    static const char *const sections[] = {
        [CONFIRM_REFUSED] = "confirm_refused", [CONFIRM_ASK] = "asks_confirm",
        [CONFIRM_TAKEN] = "confirm_taken",     [CONFIRM_LIMITED] = "confirm_limited",
        [CONFIRM_DONE] = "confirmed",
    };
    static const int statuses[] = {
        [CONFIRM_REFUSED] = 400, [CONFIRM_ASK] = 200,  [CONFIRM_TAKEN] = 409,
        [CONFIRM_LIMITED] = 429, [CONFIRM_DONE] = 200,
    };
    struct http_request *request = confirm->arg;
    struct http_page_data *data = http_page_data_new();
    if (confirm->op.err != OK) {
        http_page_data_free(data);
        http_respond_failure(request, confirm->op.err, false);
    } else {
        http_page_set(data, "token", confirm->token);
        http_page_set(data, "company", confirm->company);
        http_page_set(data, "email", confirm->email);
        http_page_set(data, "ticket", confirm->ticket);
        if (confirm->kind == CONFIRM_DONE) {
            http_page_set(data, "application_id", confirm->application_id);
            set_kind(data, confirm->of);
            set_documents(request, data);
        }
        http_respond_section(request, statuses[confirm->kind], PAGE_APPLY, sections[confirm->kind],
             data);
    }
    svc_op_close(&confirm->op);
    http_request_end(request);
}

static void start_confirm(struct http_request *request, bool confirms) {
    struct svc_apply_confirm *confirm = &request->op.apply_confirm;
    http_request_choose_lang(request);
    *confirm = (struct svc_apply_confirm){
        .op.from = http_request_origin(request),
        .done = on_confirm,
        .arg = request,
        .token = http_request_field(request, "token"),
        .confirms = confirms,
    };
    svc_apply_confirm(request->thread->svc, confirm);
}

void route_apply_confirm_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start_confirm(request, false);
    }
}

void route_apply_confirm_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start_confirm(request, true);
    }
}

/* ---- the form on paper */

static void on_print(struct svc_apply_print *print) {
    struct http_request *request = print->arg;
    char name[KEY_MAX];
    if (print->op.err != OK) {
        http_respond_failure(request, print->op.err, false);
    } else if (print->kind == PRINT_DONE) {
        snprintf(name, sizeof name, "tasuki-%.*s.pdf", (int)print->application_id.len,
                 (const char *)print->application_id.data);
        http_respond_file(request, "application/pdf", span_str(name), print->pdf);
    } else {
        http_respond_section(request, print->kind == PRINT_OVER ? 410 : 400, PAGE_APPLY,
             print->kind == PRINT_OVER ? "print_over" : "confirm_refused",
             http_page_data_new());
    }
    svc_op_close(&print->op);
    http_request_end(request);
}

void route_apply_document(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    struct svc_apply_print *print = &request->op.apply_print;
    http_request_choose_lang(request);
    *print = (struct svc_apply_print){
        .op.from = http_request_origin(request),
        .done = on_print,
        .arg = request,
        .ticket = http_request_field(request, "ticket"),
    };
    svc_apply_print(request->thread->svc, print);
}
