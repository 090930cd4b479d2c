#include "chaos/drill/report.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MAX (8 * 1024 * 1024)
#define SLICE_US 250000u

static enum err write_file(const struct buf *text, const char *path) {
    char next[LAB_PATH + 8];
    if (buf_err(text) != OK) {
        return buf_err(text);
    }
    snprintf(next, sizeof(next), "%s.new", path);
    FILE *to = fopen(next, "w");
    bool good = to != NULL && fwrite(text->data, 1, text->len, to) == text->len;
    good = to != NULL && fclose(to) == 0 && good;
    return good && rename(next, path) == 0 ? OK : ERR_IO;
}

static void json_ms(struct buf *out, const char *name, uint64_t us) {
    buf_json_name(out, name);
    if (us == UINT64_MAX) {
        buf_str(out, "null");
    } else {
        buf_printf(out, "%llu", (unsigned long long)us / 1000);
    }
}

static uint64_t since(const struct drill *drill, uint64_t us) {
    return us > drill->load_us ? us - drill->load_us : 0;
}

static void json_lines(struct buf *out, const struct drill *drill) {
    buf_json_name(out, "checks");
    buf_str(out, "[");
    for (size_t i = 0; i < drill->lines_count; i++) {
        const struct drill_line *line = &drill->lines[i];
        buf_str(out, i > 0 ? ",{" : "{");
        buf_json_member(out, "name", span_str(line->name));
        buf_json_member(out, "text", span_str(line->text));
        buf_json_bool(out, "good", line->good);
        buf_json_bool(out, "invariant", line->hard);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

static void json_bands(struct buf *out, const struct drill *drill) {
    buf_json_name(out, "actions");
    buf_str(out, "[");
    for (size_t i = 0; i < drill->faults.bands_count; i++) {
        const struct fault_band *band = &drill->faults.bands[i];
        buf_str(out, i > 0 ? ",{" : "{");
        buf_json_member(out, "name", span_str(band->name));
        buf_json_bool(out, "fault", band->fault);
        json_ms(out, "from_ms", since(drill, band->from_us));
        json_ms(out, "to_ms", band->to_us != 0 ? since(drill, band->to_us) : UINT64_MAX);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

static void json_slices(struct buf *out, struct drill *drill) {
    buf_json_name(out, "slices");
    buf_str(out, "[");
    for (uint64_t at = drill->load_us; at < drill->ended_us; at += SLICE_US) {
        struct tally_slice slice;
        tally_slice(&drill->tally, at, at + SLICE_US, &slice);
        buf_str(out, at > drill->load_us ? ",{" : "{");
        json_ms(out, "from_ms", since(drill, at));
        buf_json_u64(out, "good", slice.good);
        buf_json_u64(out, "failed", slice.bad);
        buf_json_u64(out, "p50_us", slice.p50_us);
        buf_json_u64(out, "p99_us", slice.p99_us);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

/* Status of the last answer; 0: none came; -1: nobody was reached. */
static void json_ways(struct buf *out, struct drill *drill, enum load_kind kind) {
    struct tally_way ways[TALLY_WAYS];
    size_t count = tally_ways(&drill->tally, kind, ways);
    buf_json_name(out, "failures");
    buf_str(out, "[");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s{\"status\":%d,\"count\":%u}", i > 0 ? "," : "",
                   ways[i].status, ways[i].count);
    }
    buf_str(out, "]");
}

static void json_kinds(struct buf *out, struct drill *drill) {
    bool first = true;
    buf_json_name(out, "kinds");
    buf_str(out, "[");
    for (int kind = 0; kind < LOAD_KINDS; kind++) {
        struct tally_slice slice;
        tally_kind(&drill->tally, (enum load_kind)kind, &slice);
        if (slice.good + slice.bad == 0) {
            continue;
        }
        buf_str(out, first ? "{" : ",{");
        first = false;
        buf_json_member(out, "kind", span_str(load_kind_name((enum load_kind)kind)));
        buf_json_u64(out, "good", slice.good);
        buf_json_u64(out, "failed", slice.bad);
        buf_json_u64(out, "p50_us", slice.p50_us);
        buf_json_u64(out, "p99_us", slice.p99_us);
        json_ways(out, drill, (enum load_kind)kind);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

enum err report_json(struct drill *drill, const char *path) {
    struct buf out;
    buf_init(&out, REPORT_MAX);
    buf_str(&out, "{");
    buf_json_member(&out, "title", span_str(drill->experiment->title));
    buf_json_member(&out, "file", span_str(drill->file));
    buf_json_member(&out, "verdict", span_str(drill_verdict_name(drill->verdict)));
    buf_json_member(&out, "stopped", span_str(drill->stopped));
    buf_json_u64(&out, "seed", drill->seed);
    buf_json_member(&out, "version", span_str(drill->versions));
    /* null: no fault, or it was not over when the load ended. */
    json_ms(&out, "rto_ms", drill->fault_us != 0 ? drill->recovery_us : UINT64_MAX);
    buf_json_bool(&out, "recovered",
                  drill->fault_us != 0 && drill->recovery_us != UINT64_MAX);
    buf_json_u64(&out, "rto_allowed_ms", drill->experiment->rto_ms);
    buf_json_name(&out, "error_share");
    buf_printf(&out, "%.6f", drill->good + drill->bad > 0
                                 ? (double)drill->bad / (double)(drill->good + drill->bad)
                                 : 0.0);
    buf_json_u64(&out, "rpo", drill->checked.broken);
    json_ms(&out, "longest_silence_ms", drill->outage_us);
    buf_json_u64(&out, "good", drill->good);
    buf_json_u64(&out, "failed", drill->bad);
    buf_json_u64(&out, "failed_in_hand", drill->in_hand);
    buf_json_u64(&out, "failed_later", drill->later);
    json_lines(&out, drill);
    json_bands(&out, drill);
    json_kinds(&out, drill);
    json_slices(&out, drill);
    buf_str(&out, "}\n");
    enum err err = write_file(&out, path);
    buf_free(&out);
    return err;
}

/* ---- the page */

#define WIDTH 960.0
#define LEFT 56.0
#define RIGHT 12.0
#define HEIGHT 180.0

static void html_text(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<': buf_str(out, "&lt;"); break;
        case '>': buf_str(out, "&gt;"); break;
        case '&': buf_str(out, "&amp;"); break;
        case '"': buf_str(out, "&quot;"); break;
        default: buf_put(out, text, 1); break;
        }
    }
}

static double x_of(const struct drill *drill, uint64_t us) {
    double all = (double)(drill->ended_us - drill->load_us);
    return LEFT + (WIDTH - LEFT - RIGHT) * (double)since(drill, us) / (all > 0 ? all : 1);
}

static void bands(struct buf *out, const struct drill *drill) {
    for (size_t i = 0; i < drill->faults.bands_count; i++) {
        const struct fault_band *band = &drill->faults.bands[i];
        double from = x_of(drill, band->from_us);
        double to = x_of(drill, band->to_us != 0 ? band->to_us : drill->ended_us);
        buf_printf(out,
                   "<rect class=\"%s\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\">"
                   "<title>",
                   band->fault ? "fault" : "work", from, to - from < 2 ? 2 : to - from,
                   HEIGHT);
        html_text(out, band->name);
        buf_str(out, "</title></rect>\n");
    }
}

static void axis(struct buf *out, const struct drill *drill, const char *top,
                 const char *bottom) {
    double seconds = (double)(drill->ended_us - drill->load_us) / 1e6;
    double step = seconds > 120 ? 20 : seconds > 40 ? 10 : 5;

    buf_printf(out,
               "<text x=\"%.0f\" y=\"12\" class=\"label end\">%s</text>"
               "<text x=\"%.0f\" y=\"%.0f\" class=\"label end\">%s</text>"
               "<line class=\"axis\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/>\n",
               LEFT - 6, top, LEFT - 6, HEIGHT, bottom, LEFT, HEIGHT, WIDTH - RIGHT,
               HEIGHT);
    for (double s = 0; s <= seconds; s += step) {
        buf_printf(out, "<text x=\"%.1f\" y=\"%.0f\" class=\"label mid\">%.0f s</text>",
                   x_of(drill, drill->load_us + (uint64_t)(s * 1e6)), HEIGHT + 16, s);
    }
}

static void begin_chart(struct buf *out, const char *label) {
    buf_printf(out,
               "<h2>%s</h2>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
               "aria-label=\"%s\">\n",
               label, WIDTH, HEIGHT + 24, label);
}

/* Good and failed operations, one bar a slice. */
static void chart_rate(struct buf *out, struct drill *drill) {
    unsigned most = 1;
    char top[32];
    for (uint64_t at = drill->load_us; at < drill->ended_us; at += SLICE_US) {
        struct tally_slice slice;
        tally_slice(&drill->tally, at, at + SLICE_US, &slice);
        most = slice.good + slice.bad > most ? slice.good + slice.bad : most;
    }
    begin_chart(out, "操作の成否 / Operations that succeeded and failed");
    bands(out, drill);
    for (uint64_t at = drill->load_us; at < drill->ended_us; at += SLICE_US) {
        struct tally_slice slice;
        tally_slice(&drill->tally, at, at + SLICE_US, &slice);
        double x = x_of(drill, at), width = x_of(drill, at + SLICE_US) - x;
        double good = HEIGHT * slice.good / most, bad = HEIGHT * slice.bad / most;
        buf_printf(out,
                   "<rect class=\"good\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                   "height=\"%.1f\"/><rect class=\"bad\" x=\"%.1f\" y=\"%.1f\" "
                   "width=\"%.1f\" height=\"%.1f\"/>\n",
                   x, HEIGHT - good, width * 0.9, good, x, HEIGHT - good - bad,
                   width * 0.9, bad);
    }
    snprintf(top, sizeof(top), "%.0f/s", most * 1e6 / SLICE_US);
    axis(out, drill, top, "0");
    buf_str(out, "</svg>\n");
}

static void line_of(struct buf *out, struct drill *drill, const char *class,
                    uint64_t most, bool p99) {
    bool open = false;
    buf_printf(out, "<path class=\"%s\" d=\"", class);
    for (uint64_t at = drill->load_us; at < drill->ended_us; at += SLICE_US) {
        struct tally_slice slice;
        tally_slice(&drill->tally, at, at + SLICE_US, &slice);
        uint64_t us = p99 ? slice.p99_us : slice.p50_us;
        if (slice.good == 0) {
            open = false; /* a gap in the line */
            continue;
        }
        buf_printf(out, "%s%.1f %.1f ", open ? "L" : "M", x_of(drill, at + SLICE_US / 2),
                   HEIGHT - HEIGHT * (double)us / (double)most);
        open = true;
    }
    buf_str(out, "\"/>\n");
}

static void chart_latency(struct buf *out, struct drill *drill) {
    uint64_t most = 1000;
    char top[32];
    for (uint64_t at = drill->load_us; at < drill->ended_us; at += SLICE_US) {
        struct tally_slice slice;
        tally_slice(&drill->tally, at, at + SLICE_US, &slice);
        most = slice.p99_us > most ? slice.p99_us : most;
    }
    begin_chart(out, "応答時間 / Latency of what succeeded (p50, p99)");
    bands(out, drill);
    line_of(out, drill, "p99", most, true);
    line_of(out, drill, "p50", most, false);
    snprintf(top, sizeof(top), "%.0f ms", (double)most / 1000);
    axis(out, drill, top, "0");
    buf_str(out, "</svg>\n");
}

static const char style[] =
    "body{font:16px/1.7 'Noto Sans JP',sans-serif;color:#1a1a1c;max-width:60rem;margin:2rem "
    "auto;padding:0 1rem}h1{font-size:1.6rem}h2{font-size:1.1rem;margin:2rem 0 .4rem}"
    "svg{width:100%;height:auto;border:1px solid #d8d8db;border-radius:4px;background:#fff}"
    ".good{fill:#4979f5}.bad{fill:#ec0000}.fault{fill:#ffc7c2;opacity:.55}.work{fill:#ffe8a3;"
    "opacity:.6}.p50{fill:none;stroke:#0017c1;stroke-width:2}.p99{fill:none;stroke:#7096f8;"
    "stroke-width:1.5}.axis{stroke:#767676}.label{font-size:12px;fill:#4d4d4d}.end{text-"
    "anchor:end}.mid{text-anchor:middle}table{border-collapse:collapse;width:100%}td,th{text-"
    "align:left;padding:.4rem .6rem;border-bottom:1px solid #d8d8db;vertical-align:top}.ok{"
    "color:#197a4b;font-weight:700}.no{color:#ec0000;font-weight:700}.late{color:#927200;"
    "font-weight:700}.verdict{font-size:1.3rem;font-weight:700}"
    "td.ok,td.no,td.late{white-space:nowrap}.legend{display:flex;flex-wrap:wrap;gap:.2rem "
    "1.5rem;font-size:.9rem}.legend span{opacity:1}.legend span::before{content:'';display:inline-block;width:1em;"
    "height:1em;margin-right:.4em;vertical-align:-.15em}.legend .good::before{background:"
    "#4979f5}.legend .bad::before{background:#ec0000}.legend .fault::before{background:"
    "#ffc7c2}.legend .work::before{background:#ffe8a3}";

static const char legend[] =
    "<p class=\"legend\"><span class=\"good\">成功 / succeeded</span><span class=\"bad\">失敗 / "
    "failed</span><span class=\"fault\">障害の間 / while a fault lasts</span><span "
    "class=\"work\">操作の間 / while something is done</span></p>\n";

static void table_of_checks(struct buf *out, const struct drill *drill) {
    buf_str(out, "<h2>判定 / Verdicts</h2>\n<table><tr><th>項目 / check</th><th></th>"
                 "<th>結果 / result</th></tr>\n");
    for (size_t i = 0; i < drill->lines_count; i++) {
        const struct drill_line *line = &drill->lines[i];
        buf_str(out, "<tr><td>");
        html_text(out, line->name);
        buf_printf(out, "</td><td class=\"%s\">%s</td><td>",
                   line->good ? "ok" : line->hard ? "no" : "late",
                   line->good ? "✓ 合格 ok" : line->hard ? "✗ 違反 broken" : "△ 未達 missed");
        html_text(out, line->text);
        buf_str(out, "</td></tr>\n");
    }
    buf_str(out, "</table>\n");
}

static void table_of_actions(struct buf *out, const struct drill *drill) {
    buf_str(out, "<h2>障害と操作 / Faults and actions</h2>\n<table><tr><th>開始 / from</th>"
                 "<th>終了 / to</th><th></th></tr>\n");
    for (size_t i = 0; i < drill->faults.bands_count; i++) {
        const struct fault_band *band = &drill->faults.bands[i];
        buf_printf(out, "<tr><td>%.1f s</td><td>%.1f s</td><td>",
                   (double)since(drill, band->from_us) / 1e6,
                   (double)since(drill, band->to_us != 0 ? band->to_us
                                                         : drill->ended_us) /
                       1e6);
        html_text(out, band->name);
        buf_str(out, "</td></tr>\n");
    }
    buf_str(out, "</table>\n");
}

static void html_ways(struct buf *out, struct drill *drill, enum load_kind kind) {
    struct tally_way ways[TALLY_WAYS];
    size_t count = tally_ways(&drill->tally, kind, ways);
    for (size_t i = 0; i < count; i++) {
        const char *name = ways[i].status == 0    ? "応答なし / none"
                           : ways[i].status == -1 ? "接続できず / no connection"
                                                  : NULL;
        buf_str(out, i > 0 ? ", " : "");
        if (name != NULL) {
            buf_str(out, name);
        } else {
            buf_printf(out, "%d", ways[i].status);
        }
        buf_printf(out, " ×%u", ways[i].count);
    }
}

static void table_of_kinds(struct buf *out, struct drill *drill) {
    static const char *const names[LOAD_KINDS] = {
        [LOAD_SIGN_IN] = "ログイン / sign-in",
        [LOAD_CODE] = "コードの引換え / redemption",
        [LOAD_REFRESH] = "更新 / refresh",
        [LOAD_SESSION] = "セッションの確認 / session",
        [LOAD_SIGN_OUT] = "ログアウト / sign-out",
        [LOAD_REGISTER] = "登録 / registration",
        [LOAD_LATE_CODE] = "期限後のコード / late code",
        [LOAD_PASSWORD] = "パスワードの変更 / new password",
        [LOAD_INTAKE] = "申請と書類の受付 / application and paper",
        [LOAD_OCR_JOB] = "OCRの結果 / OCR verdict",
        [LOAD_DECISION] = "審査の決定 / review decision",
    };
    buf_str(out, "<h2>負荷 / Load</h2>\n<table><tr><th></th><th>成功 / good</th>"
                 "<th>失敗 / failed</th><th>失敗時の応答 / its answers</th><th>p50</th>"
                 "<th>p99</th></tr>\n");
    for (int kind = 0; kind < LOAD_KINDS; kind++) {
        struct tally_slice slice;
        tally_kind(&drill->tally, (enum load_kind)kind, &slice);
        if (slice.good + slice.bad > 0) {
            buf_printf(out,
                       "<tr><td>%s</td><td>%u</td><td>%u</td><td>",
                       names[kind], slice.good, slice.bad);
            html_ways(out, drill, (enum load_kind)kind);
            buf_printf(out, "</td><td>%.1f ms</td><td>%.1f ms</td></tr>\n",
                       (double)slice.p50_us / 1000, (double)slice.p99_us / 1000);
        }
    }
    buf_str(out, "</table>\n");
}

enum err report_html(struct drill *drill, const char *path) {
    struct buf out;
    static const char *const verdicts[] = {"合格 passed", "目標未達 missed",
                                           "不変条件の違反 broken", "中断 aborted",
                                           "開始せず degraded"};

    buf_init(&out, REPORT_MAX);
    buf_str(&out, "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    html_text(&out, drill->experiment->title);
    buf_printf(&out, "</title><style>%s</style></head><body>\n<h1>", style);
    html_text(&out, drill->experiment->title);
    buf_printf(&out, "</h1>\n<p class=\"verdict %s\">%s</p>\n<p>",
               drill->verdict == DRILL_PASSED ? "ok" : "no", verdicts[drill->verdict]);
    html_text(&out, drill->stopped[0] != '\0' ? drill->stopped
                                              : drill->experiment->description);
    buf_str(&out, "</p>\n");
    if (drill->ended_us > drill->load_us && drill->load_us > 0) {
        chart_rate(&out, drill);
        chart_latency(&out, drill);
        buf_str(&out, legend);
    }
    table_of_checks(&out, drill);
    table_of_actions(&out, drill);
    table_of_kinds(&out, drill);
    buf_printf(&out, "<p class=\"label\">seed %llu · ", (unsigned long long)drill->seed);
    html_text(&out, drill->versions);
    buf_str(&out, " · ");
    html_text(&out, drill->file);
    buf_str(&out, "</p>\n</body></html>\n");
    enum err err = write_file(&out, path);
    buf_free(&out);
    return err;
}
