#include "store/base/spelling.h"

/* Groups, each a string of its members: the same character, spelt in another way. */
static const uint32_t *const groups[] = {
    /* of one code by Unicode's own normalization, or an old form of the same look */
    U"隆隆", U"祐祐", U"晴晴", U"福福", U"神神", U"祥祥", U"靖靖",
    U"精精", U"羽羽", U"諸諸", U"都都", U"郎郞郞", U"朗朖朗", U"者者",
    U"海海", U"梅梅", U"敏敏", U"勉勉", U"節節",
    /* spellings of names */
    U"高髙", U"崎﨑", U"辺邊邉", U"沢澤", U"斉齊", U"斎齋", U"浜濱濵", U"広廣", U"国國",
    U"徳德", U"塚塚",
};

const uint32_t *spelling_group(size_t i) {
    return i < sizeof groups / sizeof *groups ? groups[i] : NULL;
}

uint32_t spelling_fold(uint32_t ch) {
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        for (const uint32_t *at = groups[i]; *at != 0; at++)
            if (*at == ch)
                return groups[i][0];
    return ch;
}
