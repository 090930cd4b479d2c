/* engine: from scan files and a record to evidence and verdict.
 *
 * Flow per file: decode -> sheets (upright, kind) -> fields of form and certificate ->
 * judge. The engine is opened once (fonts, banks); engine_read is what runs in the
 * sandboxed child and touches neither files nor the network.
 * Memory: at most one form and one certificate are kept as pixels at a time. */
#ifndef OCR_WORKER_ENGINE_H
#define OCR_WORKER_ENGINE_H

#include "ocr-worker/wire/evidence_wire.h"
#include "ocr-worker/wire/job_wire.h"

struct engine;

/* `without_fonts`: a part of a font's path, for measuring with fonts unseen; NULL: all.
 * ERR_NOT_FOUND: too few Japanese fonts are installed. */
enum err engine_open(const char *without_fonts, struct engine **ret_engine);
void engine_close(struct engine *engine);

/* Render what this record will be compared with, in the parent: children inherit it. */
void engine_prepare(struct engine *engine, const struct job_record *record);

/* Texts of the evidence borrow the engine until the next engine_read. */
void engine_read(struct engine *engine, const struct job_record *record,
                 const struct span *files, size_t count, struct ocr_evidence *ret);

#endif
