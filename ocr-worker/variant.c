#include "ocr-worker/variant.h"

#include "store/base/spelling.h"

/* Related or old forms that may belong to another family: for a person to decide. */
static const uint32_t *const kin[] = {
    U"斉斎齊齋", U"崎﨑碕嵜埼", U"吉𠮷", U"桜櫻", U"関關", U"滝瀧", U"竜龍", U"栄榮",
    U"真眞", U"条條", U"桧檜", U"渋澁澀", U"静靜", U"薮藪", U"頼賴", U"恵惠", U"柳栁",
    U"島嶋嶌", U"富冨", U"曽曾", U"万萬", U"与與", U"実實", U"寿壽", U"円圓", U"学學",
    U"礼禮", U"亀龜", U"豊豐", U"芦蘆", U"蔵藏", U"会會", U"鉄鐵", U"塩鹽", U"淵渕",
    U"峰峯", U"槙槇", U"凛凜", U"遥遙", U"尭堯", U"瑶瑤", U"穣穰", U"譲讓", U"巌巖",
   
    U"館舘", U"崎嵜", U"栁柳", U"桑桒", U"船舩", U"帆帆",
    U"弥彌", U"当當", U"為爲", U"清淸", U"増增", U"横橫", U"黒黑", U"徳惪", U"兎兔",
    U"松枩", U"秋秌", U"梅楳", U"野埜", U"桐桐", U"杉椙", U"昇曻", U"稲稻", U"聡聰",
    U"蝋蠟", U"鴎鷗", U"薩薩", U"侠俠", U"軽輕", U"庄荘", U"靏鶴", U"冴冱", U"舎舍",
    U"晃晄", U"煕熙", U"猪豬",
};

static const uint32_t *const shapes[] = {
    U"ロ口",   U"エ工",
    U"カ力",   U"ニ二",
    U"ハ八",   U"タ夕",
    U"ト卜",   U"ヘへ",
    U"ベべ",   U"ペぺ",
    U"ー一―‐－-", U"オ才",
    U"ミ三",   U"チ千",
    U"ッツ",   U"っつ",
    U"ャヤ",   U"ゃや",
    U"ュユ",   U"ゅゆ",
    U"ョヨ",   U"ょよ",
    U"ァア",   U"ィイ",
    U"ゥウ",   U"ェエ工",
    U"ォオ",   U"ぁあ",
    U"ぃい",   U"ぅう",
    U"ぇえ",   U"ぉお",
    U"ヵカ力", U"ヶケ",
    U"ヮワ",   U"ゎわ",
    U"リり",
};

static const uint32_t *const alikes[] = {
    U"土士",     U"太大犬丈",
    U"巳已己",   U"末未",
    U"千干于",   U"明朋",
    U"田由甲申", U"日目曰白",
    U"人入八",   U"木本",
    U"斉斎齊齋", U"祐裕",
    U"崇祟",     U"治冶",
    U"間問聞",   U"今令",
    U"王玉主",   U"郎朗",
    U"惠恵思",   U"浩治洁",
    U"矢失",     U"天夫",
    U"右石",     U"子了予",
    U"小少",     U"永水氷",
    U"代伐",     U"和知",
    U"晃晄",     U"輝揮",
    U"徹撤",     U"義儀",
    U"隆降",     U"博博傳",
    U"雄稚",     U"康庸",
    U"幸辛",     U"哲晢",
    U"シツ",     U"ソンリ",
    U"クタワ",   U"ハバパ",
    U"ヒビピ",   U"フブプ",
    U"ヘベペ",   U"ホボポ",
    U"カガ",     U"キギ",
    U"ナメ",     U"コユロ",
    U"ウワフ",   U"マアム",
    U"はほ",     U"るろ",
    U"めぬ",     U"わねれ",
    U"さき",     U"いり",
    U"塚塜",     U"緑縁",
    U"淳享",     U"綱網",
    U"岡罔",     U"栗粟",
    U"萩荻",     U"柿杮",
    U"藤籐",     U"俣候",
    U"埼崎",     U"鳥烏島",
    U"嶋鳴",     U"宮官",
    U"元光",     U"弥称",
};

static bool holds(const uint32_t *group, uint32_t ch) {
    for (; *group != 0; group++)
        if (*group == ch)
            return true;
    return false;
}

static size_t others_of(const uint32_t *const *groups, size_t count, uint32_t ch,
                        uint32_t others[VARIANT_MAX]) {
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (!holds(groups[i], ch))
            continue;
        for (const uint32_t *at = groups[i]; *at != 0 && n < VARIANT_MAX; at++)
            if (*at != ch)
                others[n++] = *at;
    }
    return n;
}

size_t variant_of(uint32_t ch, uint32_t others[VARIANT_MAX]) {
    const uint32_t *group;

    for (size_t i = 0; (group = spelling_group(i)) != NULL; i++)
        if (holds(group, ch))
            return others_of(&group, 1, ch, others);
    return 0;
}

bool variant_same(uint32_t a, uint32_t b) {
    uint32_t others[VARIANT_MAX];
    size_t count = variant_of(a, others);

    for (size_t i = 0; i < count; i++)
        if (others[i] == b)
            return true;
    return a == b;
}

/* カ of ガ, ハ of パ: the marks are small, and fade, or are taken for the next character's. */
static uint32_t without_marks(uint32_t ch) {
    static const uint32_t pairs[] = U"ガカギキグクゲケゴコザサジシズスゼセゾソダタヂチヅツデテドト"
                                    U"バハパハビヒピヒブフプフベヘペヘボホポホヴウ";

    if (ch >= 0x3041 && ch <= 0x3096) /* hiragana, as katakana */
        return without_marks(ch + 0x60) - 0x60;
    for (size_t i = 0; pairs[i] != 0; i += 2)
        if (pairs[i] == ch)
            return pairs[i + 1];
    return ch;
}

bool variant_kin(uint32_t a, uint32_t b) {
    if (without_marks(a) == without_marks(b))
        return true;
    for (size_t i = 0; i < sizeof kin / sizeof *kin; i++)
        if (holds(kin[i], a) && holds(kin[i], b))
            return true;
    return variant_same(a, b);
}

bool variant_one_shape(uint32_t a, uint32_t b) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (holds(shapes[i], a) && holds(shapes[i], b))
            return true;
    return a == b;
}

size_t variant_alike(uint32_t ch, uint32_t others[VARIANT_MAX]) {
    return others_of(alikes, sizeof alikes / sizeof *alikes, ch, others);
}

uint32_t variant_fold(uint32_t ch) {
    if (ch == 0x20 || ch == 0x3000 || ch == 0xa0 || ch == 0x2003 || ch == 0x9)
        return 0;
    if (ch >= 0xff01 && ch <= 0xff5e)
        ch -= 0xfee0;
    if (ch >= 0xfe00 && ch <= 0xfe0f) /* variation selectors */
        return 0;
    if (ch >= 0xe0100 && ch <= 0xe01ef)
        return 0;
    if (ch == 0xfa10)
        return 0x585a;
    if (ch == 0x2010 || ch == 0x2212 || ch == 0x2015 || ch == 0x2014)
        return '-';
    return ch;
}
