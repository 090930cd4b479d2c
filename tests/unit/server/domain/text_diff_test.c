/* Typed and read, character by character. */
#include "tests/unit/server/unit.h"

#include <stdio.h>

#include "server/domain/date_like.h"
#include "server/domain/text_diff.h"

/* A side as text, what differs in brackets. */
static const char *marked(const struct text_side *side, char out[1024]) {
    size_t len = 0;

    for (size_t i = 0; i < side->count; i++) {
        const struct text_run *run = &side->runs[i];
        len += (size_t)snprintf(out + len, 1024 - len, run->differs ? "[%.*s]" : "%.*s",
                                (int)run->text.len, (const char *)run->text.data);
    }
    out[len] = '\0';
    return out;
}

static void expect(const char *a, const char *b, const char *marked_a,
                   const char *marked_b) {
    struct text_diff diff;
    char out[1024];

    text_diff(span_str(a), span_str(b), &diff);
    assert_string_equal(marked(&diff.a, out), marked_a);
    assert_string_equal(marked(&diff.b, out), marked_b);
    assert_int_equal(diff.same, strchr(marked_a, '[') == NULL &&
                                    strchr(marked_b, '[') == NULL);
}

static void what_differs_is_marked(void **state) {
    (void)state;
    expect("7140003014381", "7140003014301", "71400030143[8]1", "71400030143[0]1");
    expect("田中 明", "田中朋", "田中 [明]", "田中[朋]");
    expect("山本　千尋", "山本 千尋", "山本　千尋", "山本 千尋");
    expect("髙橋", "高橋", "[髙]橋", "[高]橋");
    expect("abc", "", "[abc]", "");
    expect("", "", "", "");
    expect("1234", "134", "1[2]34", "134");
    expect("ab", "xaby", "ab", "[x]ab[y]");
    expect("\xff\xfe", "\xff", "\xff[\xfe]", "\xff"); /* no UTF-8: byte by byte */
}

static void long_texts_are_one_run(void **state) {
    char a[3 * TEXT_DIFF_CHARS], b[3 * TEXT_DIFF_CHARS];
    struct text_diff diff;

    (void)state;
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    text_diff(span_of(a, sizeof a), span_of(b, sizeof b), &diff);
    assert_true(diff.same);
    b[7] = 'b';
    text_diff(span_of(a, sizeof a), span_of(b, sizeof b), &diff);
    assert_false(diff.same);
    assert_int_equal(diff.a.count, 1);
    assert_true(diff.a.runs[0].differs);
    text_diff(span_of(a, TEXT_DIFF_CHARS), span_of(b, TEXT_DIFF_CHARS), &diff);
    assert_int_equal(diff.a.count, 3);
}

static void day(const char *text, const char *like, const char *expected) {
    struct buf out;

    buf_init(&out, 128);
    date_like(span_str(text), span_str(like), &out);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    buf_free(&out);
}

static void a_day_is_written_as_the_other_is(void **state) {
    (void)state;
    day("19901006", "平成2年10月6日生", "平成2年10月6日生");
    day("19901006", "1990年10月06日", "1990年10月06日");
    day("19901006", "1990年10月6日", "1990年10月6日");
    day("19890107", "昭和64年1月7日", "昭和64年1月7日");
    day("19890108", "平成元年1月8日", "平成元年1月8日");
    day("19890108", "平成1年1月8日", "平成1年1月8日");
    day("19261224", "昭和1年12月24日", "大正15年12月24日");
    day("19120729", "明治45年7月29日", "明治45年7月29日");
    day("20190501", "令和", "令和1年5月1日");
    day("20190230", "令和1年", "20190230");
    day("", "令和1年", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_marked),
        cmocka_unit_test(long_texts_are_one_run),
        cmocka_unit_test(a_day_is_written_as_the_other_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
