#include "raft/repl_note.h"

enum err repl_note_begin(struct repl *repl, struct repl_note *note,
                         const struct store_backup *backup, uint64_t deadline_mono_ms,
                         struct port_loop *loop,
                         void (*done)(struct repl_request *request)) {
    struct command command = {.type = CMD_BACKUP_NOTE, .backup_note.backup = *backup};
    buf_init(&note->payload, LIMIT_COMMAND);
    enum err err = command_encode(&command, &note->payload);
    note->request = (struct repl_request){.type = command.type,
                                          .payload = buf_span(&note->payload),
                                          .deadline_mono_ms = deadline_mono_ms,
                                          .loop = loop,
                                          .done = done};
    if (err == OK) {
        err = repl_submit(repl, &note->request);
    }
    if (err != OK) {
        buf_free(&note->payload);
    }
    return err;
}

enum err repl_note_end(struct repl_note *note) {
    enum err err = note->request.err;
    /* OUT_EXISTS: a newer one was noted meanwhile, which says as much. */
    if (err == OK && note->request.outcome.code != OUT_OK &&
        note->request.outcome.code != OUT_EXISTS) {
        err = ERR_VERSION;
    }
    repl_request_close(&note->request);
    buf_free(&note->payload);
    return err;
}
