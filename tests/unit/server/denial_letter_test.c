/* denial_letter: what is printed, read back from the PDF: who it goes to, every reason
 * that there is and no other, one page of A4 with everything on it, whatever the names. */
#include "tests/unit/server/unit.h"

#include <poppler.h>

#include "server/denial_letter.h"
#include "server/domain/defect.h"

/* fontconfig keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig";
}

struct read {
    char text[8192]; /* without white space: lines end anywhere */
    double bottom;   /* points: of the lowest glyph */
    int pages;
    double width, height;
};

static void squeeze(const char *from, char *out, size_t size) {
    size_t n = 0;

    for (; *from; from++) {
        if (memcmp(from, "\u3000", 3) == 0) {
            from += 2;
            continue;
        }
        assert_true(n + 1 < size);
        if (*from != ' ' && *from != '\n' && *from != '\r' && *from != '\f')
            out[n++] = *from;
    }
    out[n] = '\0';
}

static void read_pdf(const struct buf *pdf, struct read *ret) {
    GBytes *bytes = g_bytes_new(pdf->data, pdf->len);
    PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
    PopplerPage *page;
    PopplerRectangle *boxes = NULL;
    guint count = 0;
    char *text;

    assert_non_null(document);
    ret->pages = poppler_document_get_n_pages(document);
    page = poppler_document_get_page(document, 0);
    poppler_page_get_size(page, &ret->width, &ret->height);
    text = poppler_page_get_text(page);
    squeeze(text, ret->text, sizeof ret->text);
    assert_true(poppler_page_get_text_layout(page, &boxes, &count));
    ret->bottom = 0;
    for (guint i = 0; i < count; i++)
        ret->bottom = boxes[i].y2 > ret->bottom ? boxes[i].y2 : ret->bottom;
    g_free(boxes);
    g_free(text);
    g_object_unref(page);
    g_object_unref(document);
    g_bytes_unref(bytes);
}

static void print(const struct denial_letter *letter, struct read *ret) {
    struct buf pdf;

    buf_init(&pdf, DENIAL_LETTER_BYTES_MAX);
    assert_int_equal(denial_letter_print(letter, &pdf), OK);
    read_pdf(&pdf, ret);
    buf_free(&pdf);
    assert_int_equal(ret->pages, 1);
    assert_int_equal((int)(ret->width + 0.5), 595);
    assert_int_equal((int)(ret->height + 0.5), 842);
    assert_true(ret->bottom < ret->height - 20);
}

static bool has(const struct read *read, const char *text) {
    char wanted[1024];

    squeeze(text, wanted, sizeof wanted);
    return strstr(read->text, wanted) != NULL;
}

static struct profile person(void) {
    struct profile profile = {.corp_type = CORP_CORPORATION};

    profile.fields[PROFILE_NAME] = span_str("株式会社試験");
    profile.fields[PROFILE_PREFECTURE] = span_str("13");
    profile.fields[PROFILE_ADDRESS1] = span_str("千代田区");
    profile.fields[PROFILE_ADDRESS2] = span_str("霞が関1丁目3番1号");
    profile.fields[PROFILE_REP_LAST_NAME] = span_str("髙橋");
    profile.fields[PROFILE_REP_FIRST_NAME] = span_str("太郎");
    profile.fields[PROFILE_USER_POST_CODE] = span_str("1008901");
    return profile;
}

static struct denial_letter letter_to(const struct profile *profile, uint32_t defects) {
    return (struct denial_letter){.application_id = span_str("P12345678901"),
                                  .profile = profile,
                                  .defects = defects,
                                  .day = "令和8年7月1日",
                                  .environment = ""};
}

static void a_letter_names_whom_it_goes_to_and_why(void **state) {
    struct profile profile = person();
    struct denial_letter letter = letter_to(&profile, 0);
    struct read read;

    (void)state;
    for (uint32_t defects = 1; defects < 1u << DEFECTS; defects = defects * 2 + 1) {
        letter.defects = defects;
        print(&letter, &read);
        assert_true(has(&read, "〒100-8901"));
        assert_true(has(&read, "東京都千代田区霞が関1丁目3番1号"));
        assert_true(has(&read, "株式会社試験髙橋太郎様"));
        assert_true(has(&read, "P12345678901"));
        assert_true(has(&read, "令和8年7月1日"));
        for (size_t i = 0; i < DEFECTS; i++)
            assert_int_equal(has(&read, defect_sentence(i, false)),
                             (defects & (1u << i)) != 0);
    }
    assert_false(has(&read, "デモ"));
    letter.environment = "デモ環境の通知です。郵送しないでください。";
    print(&letter, &read);
    assert_true(has(&read, "デモ環境の通知です。"));
}

/* It goes to the contact, where there is one. */
static void a_contacts_address_is_written_alone(void **state) {
    struct profile profile = person();
    struct denial_letter letter = letter_to(&profile, 1);
    struct read read;

    (void)state;
    profile.fields[PROFILE_USER_PREFECTURE] = span_str("27");
    profile.fields[PROFILE_USER_ADDRESS1] = span_str("大阪市北区");
    profile.fields[PROFILE_USER_ADDRESS2] = span_str("中之島1番地");
    print(&letter, &read);
    assert_true(has(&read, "大阪府大阪市北区中之島1番地"));
    assert_false(has(&read, "千代田区"));
}

static void the_longest_names_stay_on_the_page(void **state) {
    struct profile profile = person();
    struct denial_letter letter = letter_to(&profile, (1u << DEFECTS) - 1);
    char name[150 * 3 + 1] = "";
    struct read read;

    (void)state;
    letter.environment = "検証環境の通知です。郵送しないでください。";
    for (size_t i = 0; i < 150; i++)
        memcpy(name + 3 * i, "襷", 3);
    profile.fields[PROFILE_NAME] = span_str(name);
    profile.fields[PROFILE_ADDRESS1] = span_of(name, 100 * 3);
    profile.fields[PROFILE_ADDRESS2] = span_str(name);
    print(&letter, &read);
    assert_true(has(&read, "審査結果のお知らせ"));
    assert_true(has(&read, defect_sentence(DEFECTS - 1, false)));
    assert_true(has(&read, "改めて郵送してください。"));
}

static void a_bound_is_kept(void **state) {
    struct profile profile = person();
    struct denial_letter letter = letter_to(&profile, 1);
    struct buf pdf;

    (void)state;
    buf_init(&pdf, 256);
    assert_int_equal(denial_letter_print(&letter, &pdf), ERR_TOO_BIG);
    buf_free(&pdf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_names_whom_it_goes_to_and_why),
        cmocka_unit_test(a_contacts_address_is_written_alone),
        cmocka_unit_test(the_longest_names_stay_on_the_page),
        cmocka_unit_test(a_bound_is_kept),
    };
    return cmocka_run_group_tests_name("denial_letter", tests, NULL, NULL);
}
