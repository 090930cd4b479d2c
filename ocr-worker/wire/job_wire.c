#include "ocr-worker/wire/job_wire.h"

#include <string.h>

#include "store/base/codec.h"

#define MAGIC 0x4a524f54u /* "TORJ" */

static bool text_fits(struct span text) {
    return text.len <= JOB_TEXT_MAX && utf8_valid(text);
}

static void put_text(struct buf *out, struct span text) {
    put_u16(out, (uint16_t)text.len);
    buf_put(out, text.data, text.len);
}

static struct span read_text(struct reader *in) {
    size_t len = read_u16(in);
    struct span text;

    if (len > JOB_TEXT_MAX)
        in->bad = true;
    if (in->bad)
        return (struct span){0};
    text = read_bytes(in, len);
    if (!utf8_valid(text))
        in->bad = true;
    return text;
}

static bool is_date(struct span text) {
    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (i != 4 && i != 7 && (text.data[i] < '0' || text.data[i] > '9'))
            return false;
    return true;
}

static bool is_number(struct span text) {
    if (text.len != 13)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

static bool record_fits(const struct job_record *r) {
    return text_fits(r->application_id) && r->application_id.len > 0 &&
           is_number(r->corporate_number) && text_fits(r->company) &&
           text_fits(r->address) && text_fits(r->title) && text_fits(r->name) &&
           r->name.len > 0 && is_date(r->birth_date) && is_date(r->received_on);
}

static bool job_fits(const struct job *job) {
    if (job->id.len < 1 || job->id.len > JOB_ID_MAX || job->scan_count > JOB_SCANS_MAX)
        return false;
    for (uint32_t i = 0; i < job->scan_count; i++) {
        const struct job_scan *scan = &job->scans[i];

        if (scan->media < JOB_MEDIA_TIFF || scan->media >= JOB_MEDIA_END ||
            scan->len > JOB_SCAN_BYTES_MAX)
            return false;
    }
    return record_fits(&job->record);
}

enum err job_encode(const struct job *job, struct buf *out) {
    const struct job_record *r = &job->record;

    if (!job_fits(job))
        return ERR_INVALID;
    put_u32(out, MAGIC);
    put_u16(out, JOB_WIRE_VERSION);
    put_u8(out, (uint8_t)job->id.len);
    buf_put(out, job->id.data, job->id.len);
    put_u32(out, job->attempt);
    put_u32(out, job->lease_ms);
    put_text(out, r->application_id);
    put_text(out, r->corporate_number);
    put_text(out, r->company);
    put_text(out, r->address);
    put_text(out, r->title);
    put_text(out, r->name);
    put_text(out, r->birth_date);
    put_text(out, r->received_on);
    put_u8(out, (uint8_t)job->scan_count);
    for (uint32_t i = 0; i < job->scan_count; i++) {
        buf_put(out, job->scans[i].hash, JOB_HASH_LEN);
        put_u32(out, job->scans[i].len);
        put_u8(out, job->scans[i].media);
    }
    return buf_err(out);
}

static void read_record(struct reader *in, struct job_record *r) {
    r->application_id = read_text(in);
    r->corporate_number = read_text(in);
    r->company = read_text(in);
    r->address = read_text(in);
    r->title = read_text(in);
    r->name = read_text(in);
    r->birth_date = read_text(in);
    r->received_on = read_text(in);
}

static void read_scan(struct reader *in, struct job_scan *scan) {
    struct span hash = read_bytes(in, JOB_HASH_LEN);

    if (!in->bad)
        memcpy(scan->hash, hash.data, JOB_HASH_LEN);
    scan->len = read_u32(in);
    scan->media = read_u8(in);
}

enum err job_decode(struct span in, struct job *ret_job) {
    struct reader r = reader_of(in);
    struct job job = {0};

    if (in.len > JOB_WIRE_MAX)
        return ERR_TOO_BIG;
    if (read_u32(&r) != MAGIC)
        return ERR_INVALID;
    if (read_u16(&r) != JOB_WIRE_VERSION)
        return r.bad ? ERR_INVALID : ERR_VERSION;
    job.id = read_bytes(&r, read_u8(&r));
    job.attempt = read_u32(&r);
    job.lease_ms = read_u32(&r);
    read_record(&r, &job.record);
    job.scan_count = read_u8(&r);
    if (r.bad || job.scan_count > JOB_SCANS_MAX)
        return ERR_INVALID;
    for (uint32_t i = 0; i < job.scan_count; i++)
        read_scan(&r, &job.scans[i]);
    if (r.bad || reader_left(&r) != 0 || !job_fits(&job))
        return ERR_INVALID;
    *ret_job = job;
    return OK;
}
