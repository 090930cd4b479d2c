/* fields: one list of fields that serves both directions.
 *
 * A row or message is described by one function that names its fields in order; the
 * same function writes it and reads it, so the two cannot disagree, and what is read
 * has exactly one form: numbers have fixed widths (little-endian), a flag is 0 or 1,
 * texts and bytes carry their length, nothing is optional.
 *
 *   static void each(struct fields *f, struct thing *thing) {
 *       field_u32(f, &thing->count);
 *       field_bytes(f, &thing->name, LIMIT_NAME);
 *   }
 *
 * After the first value out of bounds `bad` is set and stays, in both directions; when
 * reading, everything behind it is zero. The struct that is read into is zeroed first.
 * Spans that are read borrow from the input. Thread: any (pure). */
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include "store/base/buf.h"
#include "store/base/codec.h"

struct fields {
    struct buf *out;  /* NULL: reading */
    struct reader in; /* reading */
    bool bad;
};

struct fields fields_to(struct buf *out);
struct fields fields_from(struct span in);
/* Written: what went wrong, if anything (ERR_INVALID, or the buffer's own error). Read:
 * OK when everything was in bounds and nothing is left over; ERR_INVALID. */
enum err fields_end(const struct fields *f);

void field_u8(struct fields *f, uint8_t *value);
void field_u16(struct fields *f, uint16_t *value);
void field_u32(struct fields *f, uint32_t *value);
void field_u64(struct fields *f, uint64_t *value);
void field_bool(struct fields *f, bool *value);
void field_fixed(struct fields *f, void *data, size_t len);
/* At most `max` (65535 at most) bytes. */
void field_bytes(struct fields *f, struct span *bytes, size_t max);
/* A terminated text of well-formed UTF-8 in an array of `size` (256 at most). */
void field_text(struct fields *f, char *text, size_t size);
/* The number of elements that follow, at most `max`. */
void field_count(struct fields *f, size_t *count, size_t max);
/* Something that must hold of what was named so far. */
static inline void field_rule(struct fields *f, bool holds)
{
    f->bad = f->bad || !holds;
}

static inline void field_within(struct fields *f, unsigned value, unsigned first,
                                unsigned last)
{
    field_rule(f, value >= first && value <= last);
}

/* An enum whose numbers go from `first` to `last`. */
#define FIELD_ENUM(f, value, first, last)                                              \
    do {                                                                               \
        uint8_t number_ = (uint8_t)(value);                                            \
        field_u8((f), &number_);                                                       \
        field_within((f), number_, (first), (last));                                   \
        (value) = (__typeof__(value))number_;                                          \
    } while (0)

#endif
