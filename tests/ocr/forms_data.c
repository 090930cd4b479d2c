/* forms_data: people, companies and what may be wrong with their papers. */
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "tests/ocr/forms.h"

const char *const fault_names[FAULT_END] = {
    "", "corp_number_mismatch", "name_mismatch", "birthdate_mismatch", "cert_expired",
    "seal_mismatch", "seal_mismatch", "cert_missing", "wrong_document", "blank_page",
    "cert_photocopy", "form_photocopy", "hand_corrected", "record_mismatch"};

uint32_t chance_next(struct chance *c) {
    uint64_t z = (c->state += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

int chance_int(struct chance *c, int from, int to) {
    return from + (int)(chance_next(c) % (uint32_t)(to - from + 1));
}

double chance_real(struct chance *c, double from, double to) {
    return from + (to - from) * (chance_next(c) / 4294967296.0);
}

bool chance_is(struct chance *c, double part) {
    return chance_real(c, 0, 1) < part;
}

static const char *const families[] = {
    "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田",
    "山田", "佐々木", "山口", "松本", "井上", "木村", "林", "斎藤", "清水", "山崎", "森",
    "池田", "橋本", "阿部", "石川", "山下", "中島", "石井", "小川", "前田", "岡田", "長谷川",
    "藤田", "後藤", "近藤", "村上", "遠藤", "青木", "坂本", "斉藤", "福田", "太田", "西村",
    "藤井", "金子", "岡本", "藤原", "三浦", "中野", "中川", "原田", "松田", "竹内", "小野",
    "田村", "土屋", "千葉", "大塚", "末広", "矢野", "鳥居", "萩原", "栗原", "宮本", "新井",
    "武藤", "東海林", "五十嵐", "勅使河原", "己斐", "古川", "右田", "天野", "王", "今井",
    "髙木", "岩﨑", "渡邉", "小澤", "榊原", "濵田", "德永", "丸山", "川上", "八木", "二宮",
    "三木", "一ノ瀬", "辻", "蓮見", "鷲尾", "轟", "蘇我", "鬼塚", "曽根", "荻野", "苅谷"};
static const char *const givens[] = {
    "誠", "明", "隆", "茂", "豊", "勝", "清", "進", "一郎", "太郎", "健一", "大輔", "翔太",
    "慎太郎", "雄一郎", "龍之介", "裕子", "洋子", "和子", "陽子", "久美子", "響子", "千尋",
    "瑠璃", "あゆみ", "みどり", "のぞみ", "しのぶ", "つよし", "きみ江", "サチ", "キヨ", "正",
    "巳之助", "祐二", "治", "晋也", "剛", "修", "拓也", "秀樹", "義男", "徳次郎", "末吉",
    "未来", "由美", "甲斐", "土門", "直人", "和人", "千夏", "大", "太一", "元", "天", "凜",
    "馨", "昇", "敬", "寿", "彩", "彰", "哲也", "徹", "撤", "浩", "恵", "早苗", "真理",
    "美咲", "七海", "八重", "小百合", "少名", "永吉", "氷見子"};
static const char *const foreigners[] = {
    "ジョン スミス", "マリア サントス", "グエン ヴァン アイン", "ロバート ジョンソン",
    "キム ミンジュン", "アンナ シュミット", "パク ソヨン", "ハリ プラサド",
    "カルロス エルナンデス", "リュ シャオリン", "ピーター オコナー", "ボビー ターナー"};
static const char *const stems[] = {"白樺", "若草", "三和", "瑞穂", "新光", "共栄", "朝日",
                                    "和泉", "大洋", "北斗", "東雲", "青葉", "栄光", "八雲",
                                    "千歳", "大地", "日の出", "みなと", "丸福", "旭"};
static const char *const trades[] = {"電機",     "建設", "印刷",       "商事", "食品",
                                     "製作所",   "運輸", "テクノロジー", "工業", "メディカル",
                                     "デザイン", "物流", "システム",   "農園", "出版"};
static const char *const places[] = {
    "東京都港区芝公園", "札幌市北区北八条西", "名古屋市中区三の丸", "大阪市中央区谷町",
    "福岡市中央区舞鶴", "さいたま市中央区下落合", "横浜市中区北仲通", "金沢市新神田",
    "高松市丸の内", "仙台市青葉区春日町"};
static const char *const titles[] = {"代表取締役", "代表取締役", "取締役", "代表社員",
                                     "代表理事", "代表取締役社長"};
/* What is easily taken for another: from, to. */
static const char *const alike[][2] = {
    {"土", "士"}, {"千", "干"}, {"太", "大"}, {"大", "太"}, {"末", "未"}, {"未", "末"},
    {"明", "朋"}, {"矢", "失"}, {"鳥", "烏"}, {"萩", "荻"}, {"荻", "萩"}, {"栗", "粟"},
    {"右", "石"}, {"石", "右"}, {"天", "夫"}, {"己", "巳"}, {"巳", "已"}, {"治", "冶"},
    {"祐", "裕"}, {"裕", "祐"}, {"由", "田"}, {"田", "由"}, {"甲", "田"}, {"今", "令"},
    {"宮", "官"}, {"直", "真"}, {"徹", "撤"}, {"古", "占"}, {"小", "少"}, {"永", "氷"},
    {"王", "玉"}, {"和", "知"}, {"木", "本"}, {"本", "木"}, {"早", "旱"}, {"千", "十"},
    {"進", "准"}, {"茂", "茨"}, {"藤", "籐"}, {"林", "森"}, {"元", "光"}, {"子", "予"},
    {"郎", "朗"}, {"美", "実"}, {"川", "河"}, {"島", "鳥"}, {"清", "精"}, {"勝", "騰"},
    {"ソ", "ン"}, {"シ", "ツ"}, {"ア", "マ"}, {"タ", "ク"}, {"キ", "サ"}, {"正", "止"}};
static const char *const spelt[][2] = {{"髙", "高"}, {"﨑", "崎"}, {"邉", "辺"}, {"澤", "沢"},
                                       {"濵", "浜"}, {"德", "徳"}, {"辺", "邊"}, {"高", "髙"},
                                       {"崎", "﨑"}, {"国", "國"}, {"広", "廣"}};

#define PICK(c, list) (list)[chance_int(c, 0, (int)(sizeof(list) / sizeof *(list)) - 1)]

void number_complete(char number[14]) {
    int sum = 0;

    for (int n = 1; n <= 12; n++)
        sum += (number[13 - n] - '0') * (n % 2 == 1 ? 1 : 2);
    number[0] = (char)('9' - sum % 9);
    number[13] = '\0';
}

void who_make(struct chance *c, int index, struct who *w) {
    snprintf(w->id, sizeof w->id, "P%09d", 268100000 + index * 131);
    for (int i = 1; i < 13; i++)
        w->number[i] = (char)('0' + (i == 5 || i == 6 || i == 7 ? chance_int(c, 0, 1) * chance_int(c, 0, 4)
                                                               : chance_int(c, 0, 9)));
    number_complete(w->number);
    if (chance_is(c, 0.5))
        snprintf(w->company, sizeof w->company, "株式会社%s%s", PICK(c, stems), PICK(c, trades));
    else
        snprintf(w->company, sizeof w->company, "%s%s株式会社", PICK(c, stems), PICK(c, trades));
    snprintf(w->address, sizeof w->address, "%s%d丁目%d番%d号", PICK(c, places),
             chance_int(c, 1, 9), chance_int(c, 1, 30), chance_int(c, 1, 20));
    snprintf(w->title, sizeof w->title, "%s", PICK(c, titles));
    if (chance_is(c, 0.08))
        snprintf(w->name, sizeof w->name, "%s", PICK(c, foreigners));
    else
        snprintf(w->name, sizeof w->name, "%s %s", PICK(c, families), PICK(c, givens));
    w->birth[0] = chance_int(c, 1935, 2004);
    w->birth[1] = chance_int(c, 1, 12);
    w->birth[2] = chance_int(c, 1, 28);
    w->received[0] = 2026;
    w->received[1] = chance_int(c, 5, 11);
    w->received[2] = chance_int(c, 1, 28);
}

/* A kanji of the first level of JIS X 0208 (codes of EUC-JP to UTF-8). */
static bool put_kanji(struct chance *c, iconv_t conv, char **to, size_t *left) {
    char in[2], *from = in;
    size_t len = sizeof in;

    in[0] = (char)chance_int(c, 0xb0, 0xce); /* row 0xcf is not full */
    in[1] = (char)chance_int(c, 0xa1, 0xfe);
    return iconv(conv, &from, &len, to, left) != (size_t)-1;
}

bool who_rename(struct chance *c, struct who *w) {
    iconv_t conv = iconv_open("UTF-8", "EUC-JP");
    char *to = w->name;
    size_t left = sizeof w->name - 1;
    int family = chance_int(c, 1, 3), given = chance_int(c, 1, 3);
    bool good = conv != (iconv_t)-1;

    for (int i = 0; good && i < family + given; i++) {
        if (i == family) {
            *to++ = ' ';
            left--;
        }
        good = put_kanji(c, conv, &to, &left);
    }
    *to = '\0';
    if (conv != (iconv_t)-1)
        iconv_close(conv);
    return good;
}

/* Replace the first `from` in text. */
static bool replace(char *text, size_t size, const char *from, const char *to) {
    char *at = strstr(text, from), rest[64];

    if (at == NULL || strlen(text) - strlen(from) + strlen(to) >= size)
        return false;
    snprintf(rest, sizeof rest, "%s", at + strlen(from));
    snprintf(at, size - (size_t)(at - text), "%s%s", to, rest);
    return true;
}

static void other_name(struct chance *c, struct papers *p) {
    int count = (int)(sizeof alike / sizeof *alike), from = chance_int(c, 0, count - 1);

    for (int i = 0; i < count && chance_is(c, 0.99); i++)
        if (replace(p->cert_name, sizeof p->cert_name, alike[(from + i) % count][0],
                    alike[(from + i) % count][1]))
            return;
    while (strcmp(p->cert_name, p->record.name) == 0)
        snprintf(p->cert_name, sizeof p->cert_name, "%s %s", PICK(c, families),
                 PICK(c, givens));
}

static void other_number(struct chance *c, char *digits, int count) {
    int at = chance_int(c, 0, count - 1);

    if (chance_is(c, 0.3)) /* what a check digit cannot see */
        for (int i = 0; i < count; i++) {
            char *d = &digits[(at + i) % count];

            if (*d == '0' || *d == '9') {
                *d = *d == '0' ? '9' : '0';
                return;
            }
        }
    digits[at] = (char)('0' + (digits[at] - '0' + chance_int(c, 1, 9)) % 10);
}

static void other_day(struct chance *c, int day[3]) {
    int was[3] = {day[0], day[1], day[2]};

    while (memcmp(was, day, sizeof was) == 0) {
        int part = chance_int(c, 0, 2);

        day[part] += chance_is(c, 0.5) ? 1 : -1;
        if (chance_is(c, 0.3))
            day[2] = day[2] > 10 ? day[2] - 10 : day[2] + 10;
        day[1] = day[1] < 1 ? 12 : day[1] > 12 ? 1 : day[1];
        day[2] = day[2] < 1 ? 28 : day[2] > 28 ? 1 : day[2];
    }
}

static void issue(struct chance *c, struct papers *p) {
    memcpy(p->issued, p->record.received, sizeof p->issued);
    if (p->fault == FAULT_EXPIRED) {
        p->issued[1] -= 3;
        if (--p->issued[2] < 1 || chance_is(c, 0.5)) {
            p->issued[1]--;
            p->issued[2] = chance_int(c, 1, 28);
        }
    } else if (chance_is(c, 0.1)) {
        p->issued[1] -= 3; /* valid to the day */
    } else {
        p->issued[1] -= chance_int(c, 0, 2);
        if (p->issued[1] == p->record.received[1] && p->issued[2] > 1)
            p->issued[2] -= chance_int(c, 0, p->issued[2] - 1);
    }
    if (p->issued[1] < 1) {
        p->issued[1] += 12;
        p->issued[0]--;
    }
}

void papers_make(struct chance *c, const struct who *who, enum fault fault,
                 struct papers *p) {
    static const int rows[] = {0, 4, 6}; /* number, name, birth date */

    memset(p, 0, sizeof *p);
    p->record = p->form = *who;
    p->fault = fault;
    snprintf(p->cert_number, sizeof p->cert_number, "%s", who->number + 1);
    snprintf(p->cert_name, sizeof p->cert_name, "%s", who->name);
    memcpy(p->cert_birth, who->birth, sizeof p->cert_birth);
    p->seal[0] = p->seal[1] = chance_next(c);
    if (fault == FAULT_NUMBER)
        other_number(c, p->cert_number, 12);
    else if (fault == FAULT_NAME)
        other_name(c, p);
    else if (fault == FAULT_BIRTH)
        other_day(c, p->cert_birth);
    else if (fault == FAULT_SEAL || fault == FAULT_RECUT)
        p->seal[1] = p->seal[0] + 1;
    else if (fault == FAULT_RECORD) {
        other_number(c, p->record.number + 1, 12);
        number_complete(p->record.number);
    } else if (fault == FAULT_CORRECTED) {
        other_number(c, p->form.number + 1, 12);
        number_complete(p->form.number);
    } else if (fault == FAULT_NONE && chance_is(c, 0.15)) {
        for (size_t i = 0; i < sizeof spelt / sizeof *spelt && !p->variant; i++)
            p->variant = replace(p->cert_name, sizeof p->cert_name, spelt[i][0], spelt[i][1]);
    }
    p->recut = fault == FAULT_RECUT;
    p->margin_seal = chance_is(c, 0.12);
    p->overlap = chance_is(c, 0.12) ? rows[chance_int(c, 0, 2)] : -1;
    issue(c, p);
}
