/* label: words that are printed on forms and certificates, found on a page.
 *
 * The table is the only place that knows them. A new version of a form that words a
 * label in another way needs a line there and nothing else. */
#ifndef OCR_WORKER_LABEL_H
#define OCR_WORKER_LABEL_H

#include "ocr-worker/text.h"

enum label {
    LABEL_FORM_TITLE,
    LABEL_CERT_TITLE,
    LABEL_REGISTRY_TITLE,
    LABEL_PERSONAL_TITLE,
    LABEL_COVER,
    LABEL_FORM_NUMBER, /* 法人番号, not within 会社法人等番号 */
    LABEL_CERT_NUMBER,
    LABEL_NAME,
    LABEL_KANA,
    LABEL_BIRTH,
    LABEL_PROOF,     /* これは提出されている印鑑の写しに相違ない */
    LABEL_REGISTRAR, /* 登記官, 法務局 */
    LABEL_REGISTRY,  /* words that only the register has */
    LABEL_PERSONAL,
    LABEL_SEAL,
    LABEL_APPLICATION,
    LABEL_COMPANY,
    LABEL_ADDRESS,
    LABEL_TITLE, /* 代表取締役 and other offices */
    LABEL_FORM,  /* words that only the form has */
};
#define LABEL_END 20
#define LABEL_HITS_MAX 64

struct label_hit {
    enum label label;
    size_t line;       /* of the text */
    size_t start, end; /* atoms */
    struct box box;
    float score;
    size_t length; /* characters */
};

struct labels {
    size_t count;
    struct label_hit hits[LABEL_HITS_MAX];
};

struct label_reader;
/* Renders the alphabet of all labels. */
enum err label_reader_open(struct glyphs *glyphs, struct label_reader **ret_reader);
void label_reader_close(struct label_reader *reader);

void labels_find(struct label_reader *reader, struct text *text, struct labels *ret);
/* The best hit, or NULL. */
const struct label_hit *labels_best(const struct labels *labels, enum label label);
/* Sum over its hits of score and length: how sure that the page has it. */
float labels_weight(const struct labels *labels, enum label label);

#endif
