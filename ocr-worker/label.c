#include "ocr-worker/label.h"

#include <stdlib.h>
#include <string.h>

/* True words score 0.92 to 0.99, the best accidents 0.82 to 0.87. */
#define LEAST 0.58f    /* of one character */
#define MEAN 0.90f      /* of a word of two or three */
#define MEAN_LONG 0.87f /* of four and more */

static const struct {
    enum label label;
    const char *text;
    double gap_em;
} words[] = {
    {LABEL_FORM_TITLE, "プライム登録申請書", 1.0},
    {LABEL_FORM_TITLE, "登録申請書", 1.6},
    {LABEL_CERT_TITLE, "印鑑証明書", 2.5},
    {LABEL_REGISTRY_TITLE, "履歴事項全部証明書", 2.0},
    {LABEL_REGISTRY_TITLE, "現在事項全部証明書", 2.0},
    {LABEL_REGISTRY_TITLE, "事項証明書", 2.0},
    {LABEL_PERSONAL_TITLE, "印鑑登録証明書", 2.5},
    {LABEL_PERSONAL_TITLE, "印鑑登録証明", 2.5},
    {LABEL_PERSONAL_TITLE, "住民票", 2.5},
    {LABEL_COVER, "送付状", 2.5},
    {LABEL_COVER, "書類送付", 1.5},
    {LABEL_COVER, "送付書", 2.5},
    {LABEL_COVER, "拝啓", 1.5},
    {LABEL_COVER, "敬具", 1.5},
    {LABEL_COVER, "同封", 0.8},
    {LABEL_COVER, "ご査収", 0.8},
    {LABEL_FORM_NUMBER, "法人番号", 0.8},
    {LABEL_CERT_NUMBER, "会社法人等番号", 0.8},
    {LABEL_NAME, "氏名", 2.2},
    {LABEL_NAME, "利用者氏名", 1.0},
    {LABEL_NAME, "代表者氏名", 1.0},
    {LABEL_NAME, "申請者氏名", 1.0},
    {LABEL_KANA, "フリガナ", 0.8},
    {LABEL_KANA, "カナ", 0.5},
    {LABEL_KANA, "ふりがな", 0.8},
    {LABEL_BIRTH, "生年月日", 1.2},
    {LABEL_PROOF, "印鑑の写し", 0.8},
    {LABEL_PROOF, "相違ないことを証明", 0.8},
    {LABEL_REGISTRAR, "登記官", 2.2},
    {LABEL_REGISTRAR, "法務局", 0.8},
    {LABEL_REGISTRY, "資本金の額", 0.8},
    {LABEL_REGISTRY, "発行可能株式総数", 0.8},
    {LABEL_REGISTRY, "会社成立の年月日", 0.8},
    {LABEL_REGISTRY, "役員に関する事項", 0.8},
    {LABEL_REGISTRY, "登記簿に", 0.8},
    {LABEL_REGISTRY, "公告をする方法", 0.8},
    {LABEL_PERSONAL, "登録番号", 2.0},
    {LABEL_PERSONAL, "印鑑登録", 1.2},
    {LABEL_PERSONAL, "市長", 2.0},
    {LABEL_PERSONAL, "区長", 2.0},
    {LABEL_PERSONAL, "町長", 2.0},
    {LABEL_PERSONAL, "世帯主", 2.0},
    {LABEL_SEAL, "実印", 1.0},
    {LABEL_SEAL, "代表者印", 1.0},
    {LABEL_APPLICATION, "申請書番号", 0.8},
    {LABEL_APPLICATION, "申請番号", 0.8},
    {LABEL_APPLICATION, "申請書ID", 0.8},
    {LABEL_COMPANY, "商号", 2.5},
    {LABEL_COMPANY, "法人名", 1.5},
    {LABEL_ADDRESS, "本店", 2.5},
    {LABEL_ADDRESS, "所在地", 2.0},
    {LABEL_TITLE, "代表取締役", 1.2},
    {LABEL_TITLE, "代表取締役社長", 1.2},
    {LABEL_TITLE, "代表取締役会長", 1.2},
    {LABEL_TITLE, "取締役社長", 1.2},
    {LABEL_TITLE, "代表取締役副社長", 1.2},
    {LABEL_TITLE, "取締役", 1.2},
    {LABEL_TITLE, "代表社員", 1.2},
    {LABEL_TITLE, "業務執行社員", 1.2},
    {LABEL_TITLE, "代表理事", 1.2},
    {LABEL_TITLE, "理事長", 1.2},
    {LABEL_TITLE, "代表役員", 1.2},
    {LABEL_FORM, "利用規約", 0.8},
    {LABEL_FORM, "規約に同意", 0.8},
    {LABEL_FORM, "確認事項", 0.8},
    {LABEL_FORM, "メールアドレス", 0.8},
    {LABEL_FORM, "電話番号", 0.8},
    {LABEL_FORM, "利用者情報", 0.8},
    {LABEL_FORM, "法人情報", 0.8},
};
#define WORDS (sizeof words / sizeof *words)
#define WORD_MAX 12
#define LABEL_FONTS 8

struct label_reader {
    struct alphabet alphabet;
    struct {
        size_t length;
        uint32_t chars[WORD_MAX];
        size_t at[WORD_MAX]; /* index into the alphabet */
    } words[WORDS];
};

static size_t word_chars(const char *text, uint32_t *chars) {
    const char *at = text, *end = text + strlen(text);
    size_t count = 0;

    while (at < end && count < WORD_MAX)
        chars[count++] = glyph_next(&at, end);
    return count;
}

static size_t all_chars(struct label_reader *r, uint32_t *all) {
    size_t count = 0;

    for (size_t w = 0; w < WORDS; w++) {
        r->words[w].length = word_chars(words[w].text, r->words[w].chars);
        for (size_t k = 0; k < r->words[w].length; k++) {
            size_t i = 0;

            while (i < count && all[i] != r->words[w].chars[k])
                i++;
            if (i == count)
                all[count++] = r->words[w].chars[k];
        }
    }
    return count;
}

static size_t alphabet_index(const struct alphabet *a, uint32_t ch) {
    size_t c = 0;

    while (c < a->count && a->chars[c] != ch)
        c++;
    return c;
}

enum err label_reader_open(struct glyphs *glyphs, struct label_reader **ret) {
    struct label_reader *r = calloc(1, sizeof *r);
    uint32_t all[WORDS * WORD_MAX];
    enum err err;

    if (r == NULL)
        return ERR_NOMEM;
    err = alphabet_of(glyphs, all, all_chars(r, all), LABEL_FONTS, &r->alphabet);
    if (err != OK) {
        free(r);
        return err;
    }
    for (size_t w = 0; w < WORDS; w++)
        for (size_t k = 0; k < r->words[w].length; k++) {
            r->words[w].at[k] = alphabet_index(&r->alphabet, r->words[w].chars[k]);
            if (r->words[w].at[k] == r->alphabet.count) { /* no font has it */
                label_reader_close(r);
                return ERR_NOT_FOUND;
            }
        }
    *ret = r;
    return OK;
}

void label_reader_close(struct label_reader *r) {
    if (r == NULL)
        return;
    alphabet_free(&r->alphabet);
    free(r);
}

/* Scores of groups of one line against characters of the alphabet, kept. */
struct scores {
    struct label_reader *reader;
    struct text *text;
    float *kept; /* [atom][length][alphabet]; above 1: not asked yet */
    int8_t *any; /* [alphabet]: some group may be it; -1: not asked yet */
};

static float score_at(struct scores *s, struct line *line, size_t at, size_t len,
                      size_t c) {
    const struct alphabet *a = &s->reader->alphabet;
    float *kept = &s->kept[(at * TEXT_GROUP_MAX + len - 1) * a->count + c];

    if (*kept > 1.5f) {
        const struct glyph_coarse *ink = line_coarse(s->text, line, at, len);

        *kept = -1;
        for (size_t k = a->first[c]; ink != NULL && k < a->first[c + 1]; k++) {
            float score = glyph_coarse_match(ink, &a->bank.coarse[k]);

            *kept = score > *kept ? score : *kept;
        }
    }
    return *kept;
}

static float score_of(void *context, struct line *line, size_t at, size_t len,
                      uint32_t ch) {
    struct scores *s = context;
    size_t c = alphabet_index(&s->reader->alphabet, ch);

    return c < s->reader->alphabet.count ? score_at(s, line, at, len, c) : -1;
}

/* Is every character of the word anywhere in the line? Most words end at the first. */
static bool may_hold(struct scores *s, struct line *line, size_t w) {
    for (size_t k = 0; k < s->reader->words[w].length; k++) {
        size_t c = s->reader->words[w].at[k];

        if (s->any[c] < 0) {
            s->any[c] = 0;
            for (size_t at = 0; at < line->count && s->any[c] == 0; at++)
                for (size_t len = 1; len <= TEXT_GROUP_MAX && at + len <= line->count;
                     len++)
                    if (score_at(s, line, at, len, c) >= LEAST)
                        s->any[c] = 1;
        }
        if (s->any[c] == 0)
            return false;
    }
    return true;
}

static void hit_add(struct labels *ret, const struct label_hit *hit) {
    for (size_t i = 0; i < ret->count; i++) { /* the longer word of a place counts */
        struct label_hit *h = &ret->hits[i];

        if (h->label != hit->label || h->line != hit->line || h->start >= hit->end ||
            hit->start >= h->end)
            continue;
        if ((float)hit->length * hit->score > (float)h->length * h->score)
            *h = *hit;
        return;
    }
    if (ret->count < LABEL_HITS_MAX)
        ret->hits[ret->count++] = *hit;
}

/* One word in one line, every place of it. */
static void find_word(struct label_reader *r, size_t w, struct text *text, size_t at,
                      struct scores *scores, struct labels *ret) {
    struct line *line = &text->lines[at];
    size_t from = 0, n = r->words[w].length;

    while (from < line->count) {
        struct aligned a = line_align(line, r->words[w].chars, n, from, true,
                                      words[w].gap_em, LEAST, score_of, scores);
        struct label_hit hit = {words[w].label, at, a.start, a.end, {0}, a.mean, n};

        if (!a.found || a.mean < (n >= 4 ? MEAN_LONG : MEAN))
            return;
        for (size_t k = 0; k < n; k++)
            hit.box = box_join(hit.box, a.box[k]);
        hit_add(ret, &hit);
        from = a.end;
    }
}

void labels_find(struct label_reader *r, struct text *text, struct labels *ret) {
    struct scores scores = {r, text, NULL, NULL};

    ret->count = 0;
    for (size_t i = 0; i < text->count; i++) {
        size_t cells = text->lines[i].count * TEXT_GROUP_MAX * r->alphabet.count;

        if (text->lines[i].count < 2)
            continue;
        scores.kept = malloc(cells * sizeof *scores.kept + r->alphabet.count);
        if (scores.kept == NULL)
            return;
        for (size_t k = 0; k < cells; k++)
            scores.kept[k] = 2;
        scores.any = (int8_t *)(scores.kept + cells);
        memset(scores.any, -1, r->alphabet.count);
        for (size_t w = 0; w < WORDS; w++)
            if (may_hold(&scores, &text->lines[i], w))
                find_word(r, w, text, i, &scores, ret);
        free(scores.kept);
    }
}

const struct label_hit *labels_best(const struct labels *labels, enum label label) {
    const struct label_hit *best = NULL;

    for (size_t i = 0; i < labels->count; i++) {
        const struct label_hit *h = &labels->hits[i];

        if (h->label == label && (best == NULL || (float)h->length * h->score >
                                                      (float)best->length * best->score))
            best = h;
    }
    return best;
}

float labels_weight(const struct labels *labels, enum label label) {
    float sum = 0;

    for (size_t i = 0; i < labels->count; i++)
        if (labels->hits[i].label == label)
            sum += labels->hits[i].score * (float)labels->hits[i].length;
    return sum;
}
