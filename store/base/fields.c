/* fields: writing and reading by one list. */
#include "store/base/fields.h"

#include "store/base/check.h"

struct fields fields_to(struct buf *out) {
    return (struct fields){.out = out};
}

struct fields fields_from(struct span in) {
    return (struct fields){.in = reader_of(in)};
}

enum err fields_end(const struct fields *f) {
    if (f->bad) {
        return ERR_INVALID;
    }
    if (f->out != NULL) {
        return buf_err(f->out);
    }
    return f->in.bad || reader_left(&f->in) != 0 ? ERR_INVALID : OK;
}

void field_u8(struct fields *f, uint8_t *value) {
    if (f->out != NULL) {
        put_u8(f->out, *value);
    } else {
        *value = read_u8(&f->in);
    }
}

void field_u16(struct fields *f, uint16_t *value) {
    if (f->out != NULL) {
        put_u16(f->out, *value);
    } else {
        *value = read_u16(&f->in);
    }
}

void field_u32(struct fields *f, uint32_t *value) {
    if (f->out != NULL) {
        put_u32(f->out, *value);
    } else {
        *value = read_u32(&f->in);
    }
}

void field_u64(struct fields *f, uint64_t *value) {
    if (f->out != NULL) {
        put_u64(f->out, *value);
    } else {
        *value = read_u64(&f->in);
    }
}

void field_bool(struct fields *f, bool *value) {
    uint8_t number = *value ? 1 : 0;

    field_u8(f, &number);
    field_rule(f, number <= 1);
    *value = number == 1;
}

void field_fixed(struct fields *f, void *data, size_t len) {
    struct span bytes;

    if (f->out != NULL) {
        buf_put(f->out, data, len);
        return;
    }
    bytes = read_bytes(&f->in, len);
    if (bytes.len == len && len > 0) {
        memcpy(data, bytes.data, len);
    }
}

void field_bytes(struct fields *f, struct span *bytes, size_t max) {
    uint16_t len = (uint16_t)bytes->len;

    CHECK(max <= UINT16_MAX);
    if (f->out != NULL && bytes->len > max) {
        f->bad = true;
        return;
    }
    field_u16(f, &len);
    if (f->out != NULL) {
        buf_put(f->out, bytes->data, len);
        return;
    }
    field_rule(f, len <= max);
    *bytes = read_bytes(&f->in, f->bad ? 0 : len);
}

void field_text(struct fields *f, char *text, size_t size) {
    struct span in;
    uint8_t len;

    CHECK(size > 0 && size <= 256);
    if (f->out != NULL) {
        in = span_of(text, strnlen(text, size));
        if (in.len == size || !utf8_valid(in)) {
            f->bad = true;
            return;
        }
        put_u8(f->out, (uint8_t)in.len);
        buf_put(f->out, in.data, in.len);
        return;
    }
    len = read_u8(&f->in);
    in = read_bytes(&f->in, len);
    if (len >= size || !utf8_valid(in)) { /* which no NUL is */
        f->bad = true;
        return;
    }
    memset(text, 0, size);
    if (in.len > 0) {
        memcpy(text, in.data, in.len);
    }
}

void field_count(struct fields *f, size_t *count, size_t max) {
    uint16_t number = (uint16_t)*count;

    CHECK(max <= UINT16_MAX);
    field_rule(f, *count <= max);
    field_u16(f, &number);
    field_rule(f, number <= max);
    *count = f->bad ? 0 : number;
}
