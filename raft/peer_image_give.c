/* peer_image_give: the donor's side of raft/peer_image.h.
 *
 * A job is one thread and one connection. Its place is free -> running -> ended
 * (by its thread, under the mutex) -> joined and free (by the next call). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raft/peer_image.h"
#include "raft/peer_image_channel.h"
#include "raft/peer_image_pace.h"
#include "raft/repl_note.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/log.h"
#include "store/base/mailbox.h"

#define NICE 10             /* below everything that answers somebody */
#define CAPTURE_TRY_MS 2000 /* of waiting for one probe */
#define RETRY_MS 200
#define WAIT_EACH_MS 1000
#define NOTE_MS 5000        /* for the command that says that it was kept */
#define BURST_US 100000 /* of the rate may be made up for */

#define JOBS (PEER_IMAGE_JOBS + PEER_BLOB_JOBS)

enum place { PLACE_FREE, PLACE_RUNS, PLACE_ENDED };

struct job {
    struct peer_image_donor *donor;
    pthread_t thread;
    enum place place;      /* mutex */
    atomic_bool cancelled; /* set under the mutex */
    uint64_t floor_index;
    uint8_t blob[32];
    struct repl_image_status status; /* mutex */
    struct peer_channel channel;
    struct mailbox mailbox;
    bool captured; /* `done` of the capture has run */
    bool noted;    /* that of the command */
    uint64_t begun_ms, due_us;
    struct peer_image_pace pace;
};

struct peer_image_donor {
    struct repl *repl;
    uint64_t bytes_per_s;
    struct port_clock clock;
    char data_dir[1024]; /* "": no blobs are given */
    pthread_mutex_t mutex;
    bool closed;
    struct job job[JOBS]; /* images first, then blobs */
};

/* --- the job's thread --- */

static enum err say(struct job *job, const struct peer_message *message) {
    return peer_channel_send(&job->channel, message,
                             peer_channel_now(&job->channel) + PEER_IMAGE_SILENCE_MS);
}

static enum err say_wait(struct job *job) {
    struct peer_message wait = {.type = PEER_IMAGE_WAIT};
    return say(job, &wait);
}

static struct peer_message refusal(enum peer_image_refusal reason, const char *why) {
    return (struct peer_message){
        .type = PEER_IMAGE_REFUSED,
        .refused = {.reason = (uint8_t)reason, .why = span_str(why)}};
}

static void on_captured(struct repl_wait *wait) {
    struct mailbox *mailbox = (struct mailbox *)wait->loop;
    struct job *job = (struct job *)((char *)mailbox - offsetof(struct job, mailbox));
    job->captured = true;
}

/* One try. Whatever becomes of the taker, the raft thread's word is waited for: it
 * writes into *capture. ERR_CLOSED: the taker is gone, the capture given back. */
static enum err capture_once(struct job *job, struct repl_capture *capture) {
    uint64_t now = peer_channel_now(&job->channel);
    enum err taker = OK;
    *capture = (struct repl_capture){.floor_index = job->floor_index,
                                     .wait = {.deadline_mono_ms = now + CAPTURE_TRY_MS,
                                              .loop = &job->mailbox.loop,
                                              .done = on_captured}};
    job->captured = false;
    enum err err = repl_capture(job->donor->repl, capture);
    if (err != OK) {
        return err;
    }
    while (!job->captured) {
        if (!mailbox_run(&job->mailbox, WAIT_EACH_MS) && taker == OK) {
            taker = say_wait(job);
        }
    }
    if (capture->wait.err == OK && taker != OK) {
        store_read_end(capture->read);
        store_read_free(capture->read);
        repl_capture_release(capture);
    }
    return taker != OK ? ERR_CLOSED : capture->wait.err;
}

static enum err capture_new(struct job *job, struct repl_capture *capture) {
    uint64_t until = peer_channel_now(&job->channel) + PEER_IMAGE_CAPTURE_MS;
    for (;;) {
        enum err err = say_wait(job);
        if (err != OK) {
            return ERR_CLOSED;
        }
        err = capture_once(job, capture);
        bool again = err == ERR_BUSY || err == ERR_TIMEOUT || err == ERR_NO_LEADER;
        if (!again || peer_channel_now(&job->channel) >= until) {
            return err;
        }
        if (peer_channel_pause(&job->channel, RETRY_MS) != OK) {
            return ERR_CLOSED;
        }
    }
}

/* Sleep as the rate demands. */
static enum err throttle(struct job *job, size_t bytes) {
    uint64_t now_us = peer_channel_now(&job->channel) * 1000;
    if (job->due_us + BURST_US < now_us) {
        job->due_us = now_us - BURST_US;
    }
    job->due_us += (uint64_t)bytes * 1000000 / job->pace.rate;
    if (job->due_us < now_us + 1000) {
        return OK;
    }
    return peer_channel_pause(&job->channel, (job->due_us - now_us) / 1000);
}

static enum err send_bytes(struct job *job, struct span bytes) {
    while (bytes.len > 0) {
        size_t len = bytes.len;
        if (len > PEER_CHANNEL_DATA_MAX) {
            len = PEER_CHANNEL_DATA_MAX;
        }
        struct peer_message data = {.type = PEER_IMAGE_DATA,
                                    .image_data = span_of(bytes.data, len)};
        enum err err = say(job, &data);
        if (err == OK) {
            err = throttle(job, len);
        }
        if (err != OK) {
            return err;
        }
        bytes = span_of(bytes.data + len, bytes.len - len);
    }
    return OK;
}

/* How long the log's writes take while nothing is sent yet. */
static enum err hear_log(struct job *job) {
    struct repl_log_load load;
    repl_log_load(job->donor->repl, &load);
    if (load.writes == job->pace.seen.writes) {
        return OK; /* nobody waits for it */
    }
    enum err err = peer_channel_pause(&job->channel, PACE_LISTEN_MS);
    repl_log_load(job->donor->repl, &load);
    peer_image_pace_listened(&job->pace, &load, peer_channel_now(&job->channel));
    return err;
}

/* *ret_ours: the error is of this node's state, not of the connection. */
static enum err stream(struct job *job, struct image_source *source, bool *ret_ours) {
    uint64_t until = peer_channel_now(&job->channel) + PEER_IMAGE_TOTAL_MS;
    struct peer_message end = {.type = PEER_IMAGE_END};
    for (;;) {
        struct span bytes;
        enum err err = store_image_source_next(source, &bytes);
        if (err != OK) {
            *ret_ours = true;
            return err;
        }
        if (bytes.len == 0) {
            break;
        }
        err = send_bytes(job, bytes);
        if (err != OK) {
            return err;
        }
        pthread_mutex_lock(&job->donor->mutex);
        job->status.rows = store_image_source_rows(source);
        job->status.bytes += bytes.len;
        pthread_mutex_unlock(&job->donor->mutex);
        struct repl_log_load load;
        repl_log_load(job->donor->repl, &load);
        peer_image_pace_step(&job->pace, &load, peer_channel_now(&job->channel));
        if (peer_channel_now(&job->channel) >= until) {
            return ERR_TIMEOUT;
        }
    }
    return say(job, &end);
}

static void on_noted(struct repl_request *request) {
    struct mailbox *mailbox = (struct mailbox *)request->loop;
    struct job *job = (struct job *)((char *)mailbox - offsetof(struct job, mailbox));
    job->noted = true;
}

/* The state gets to know of it. Whatever the raft thread says is waited for. */
static enum err note_backup(struct job *job, const struct image_head *head) {
    struct store_backup backup = {.index = job->status.index,
                                  .digest = head->meta.digest,
                                  .rows = job->status.rows,
                                  .bytes = job->status.bytes,
                                  .donor = head->node,
                                  .taker = job->status.peer};
    struct repl_note note;
    job->noted = false;
    enum err err = repl_note_begin(job->donor->repl, &note, &backup,
                                   peer_channel_now(&job->channel) + NOTE_MS,
                                   &job->mailbox.loop, on_noted);
    if (err != OK) {
        return err;
    }
    while (!job->noted) {
        (void)mailbox_run(&job->mailbox, WAIT_EACH_MS);
    }
    return repl_note_end(&note);
}

/* It has everything once it closes; or it verifies, and says what it has kept. */
static enum err farewell(struct job *job, const struct image_head *head) {
    struct peer_message message, end = {.type = PEER_IMAGE_END};
    enum err err = peer_channel_receive(
        &job->channel, peer_channel_now(&job->channel) + PEER_IMAGE_KEEP_MS, &message);
    if (err != OK) {
        return err == ERR_CLOSED && !atomic_load(&job->cancelled) ? OK : err;
    }
    if (message.type != PEER_IMAGE_KEPT) {
        return ERR_INVALID;
    }
    err = note_backup(job, head);
    log_event(err == OK ? LOG_INFO : LOG_WARN, "image.kept",
              log_u64("peer", job->status.peer), log_u64("index", job->status.index),
              log_str("why", err == OK ? "" : err_str(err)), log_end());
    return err == OK ? say(job, &end) : err;
}

static void refuse_late(struct job *job, enum err err) {
    struct peer_message message =
        err == ERR_CORRUPT
            ? refusal(PEER_IMAGE_FAILED, "this node's own state does not add up")
        : err == ERR_STALE
            ? refusal(PEER_IMAGE_BUSY, "this node's data is not proven fresh")
            : refusal(PEER_IMAGE_BUSY, err_str(err));
    (void)say(job, &message); /* a courtesy: the connection ends in any case */
}

static enum err give(struct job *job) {
    struct repl_capture capture;
    struct image_source *source = NULL;
    bool ours = false;
    enum err err = capture_new(job, &capture);
    if (err != OK) {
        if (err != ERR_CLOSED) {
            refuse_late(job, err);
        }
        return err;
    }
    err = store_image_source_new(capture.read, &capture.head, &source);
    ours = err != OK;
    if (err == OK) {
        pthread_mutex_lock(&job->donor->mutex);
        job->status.index = capture.head.meta.applied_index;
        job->status.rows_total = store_image_source_head(source)->rows;
        pthread_mutex_unlock(&job->donor->mutex);
        log_event(LOG_INFO, "image.begin", log_u64("peer", job->status.peer),
                  log_u64("index", job->status.index),
                  log_u64("rows", job->status.rows_total), log_end());
        err = hear_log(job);
        err = err == OK ? stream(job, source, &ours) : err;
        store_image_source_free(source);
    }
    repl_capture_release(&capture);
    if (ours) {
        refuse_late(job, err);
    }
    return err == OK ? farewell(job, &capture.head) : err;
}

/* Zero: the image. */
static bool is_blob(const uint8_t blob[32]) {
    static const uint8_t none[32];
    return memcmp(blob, none, sizeof(none)) != 0;
}

/* The sealed file as it stands (server/blob.h); the taker reads it back. -1: none. */
static int open_blob(const struct job *job) {
    char name[2 * sizeof(job->blob) + 1], path[1200];
    hex_encode(span_of(job->blob, sizeof(job->blob)), name);
    snprintf(path, sizeof(path), "%s/blobs/%.2s/%s", job->donor->data_dir, name, name);
    return job->donor->data_dir[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static enum err give_blob(struct job *job) {
    struct peer_message end = {.type = PEER_IMAGE_END};
    struct peer_message none = refusal(PEER_IMAGE_BUSY, "this node does not hold the blob");
    uint8_t chunk[32 * 1024];
    ssize_t n = 1;
    int fd = open_blob(job);
    enum err err = OK;
    if (fd < 0) {
        (void)say(job, &none); /* a courtesy: the connection ends in any case */
        return ERR_NOT_FOUND;
    }
    while (err == OK && n > 0) {
        n = read(fd, chunk, sizeof(chunk));
        if (n > 0) {
            err = send_bytes(job, span_of(chunk, (size_t)n));
        }
    }
    close(fd);
    if (err == OK && n == 0) {
        err = say(job, &end);
        /* The taker closes. */
        (void)peer_channel_pause(&job->channel, PEER_IMAGE_SILENCE_MS);
    }
    return err == OK && n < 0 ? ERR_IO : err;
}

static void log_end_of(struct job *job, enum err err) {
    const struct repl_image_status *status = &job->status;
    uint64_t ms = peer_channel_now(&job->channel) - job->begun_ms;
    const char *why = err == OK                      ? ""
                      : err != ERR_CLOSED            ? err_str(err)
                      : atomic_load(&job->cancelled) ? "cancelled"
                                                     : "the taker is gone";
    log_event(err == OK            ? LOG_INFO
              : err == ERR_CORRUPT ? LOG_ERROR
                                   : LOG_WARN,
              err == OK ? "image.given" : "image.failed", log_u64("peer", status->peer),
              log_u64("index", status->index), log_u64("rows", status->rows),
              log_u64("bytes", status->bytes), log_u64("ms", ms), log_str("why", why),
              log_end());
}

static void *run(void *arg) {
    struct job *job = arg;
    /* For this thread alone. A refinement: the rate is the real bound. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    mailbox_init(&job->mailbox);
    enum err err = is_blob(job->blob) ? give_blob(job) : give(job);
    mailbox_close(&job->mailbox);
    if (!is_blob(job->blob)) {
        log_end_of(job, err);
    }
    pthread_mutex_lock(&job->donor->mutex);
    peer_channel_close(&job->channel); /* not while somebody shuts it down */
    job->place = PLACE_ENDED;
    pthread_mutex_unlock(&job->donor->mutex);
    return NULL;
}

/* --- the raft thread, and others --- */

enum err peer_image_donor_new(struct repl *repl, uint64_t bytes_per_s,
                              struct port_clock clock,
                              struct peer_image_donor **ret_donor) {
    CHECK(bytes_per_s > 0);
    struct peer_image_donor *donor = calloc(1, sizeof(*donor));
    if (donor == NULL) {
        return ERR_NOMEM;
    }
    donor->repl = repl;
    donor->bytes_per_s = bytes_per_s;
    donor->clock = clock;
    for (size_t i = 0; i < JOBS; i++) {
        donor->job[i].donor = donor;
    }
    CHECK(pthread_mutex_init(&donor->mutex, NULL) == 0);
    *ret_donor = donor;
    return OK;
}

void peer_image_donor_blobs(struct peer_image_donor *donor, const char *data_dir) {
    snprintf(donor->data_dir, sizeof(donor->data_dir), "%s", data_dir);
}

/* A few bytes into an empty socket: they go, or the peer is gone. */
static void refuse_now(const struct peer_image_call *call,
                       enum peer_image_refusal reason, const char *why) {
    struct peer_message message = refusal(reason, why);
    struct buf out;
    buf_init(&out, 512);
    peer_message_encode(&message, &out);
    if (buf_err(&out) == OK && peer_tls_write(call->session, buf_span(&out)) == OK) {
        struct span pending = peer_tls_pending(call->session);
        (void)send(call->fd, pending.data, pending.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    buf_free(&out);
    peer_tls_session_free(call->session);
    close(call->fd);
    log_event(LOG_WARN, "image.refused", log_u64("peer", call->peer),
              log_str("why", why), log_end());
}

static void cancel(struct job *job) {
    atomic_store(&job->cancelled, true);
    (void)shutdown(job->channel.fd, SHUT_RDWR); /* wakes its poll */
}

static bool begin(struct job *job, const struct peer_image_call *call) {
    struct peer_image_donor *donor = job->donor;
    sigset_t all, before;
    atomic_store(&job->cancelled, false);
    job->floor_index = call->floor_index;
    memcpy(job->blob, call->blob, sizeof(job->blob));
    job->status = (struct repl_image_status){.peer = call->peer};
    job->begun_ms = donor->clock.mono_ms(donor->clock.impl);
    job->due_us = job->begun_ms * 1000;
    struct repl_log_load load;
    repl_log_load(donor->repl, &load);
    peer_image_pace_init(&job->pace, donor->bytes_per_s, &load, job->begun_ms);
    peer_channel_init(&job->channel, call->fd, call->session, &job->cancelled,
                      donor->clock);
    sigfillset(&all); /* signals are for the main thread */
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    bool started = pthread_create(&job->thread, NULL, run, job) == 0;
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    job->place = started ? PLACE_RUNS : PLACE_FREE;
    return started;
}

/* By the mutex. A place for the call; NULL: *ret_busy says why there is none. */
static struct job *place_for(struct peer_image_donor *donor,
                             const struct peer_image_call *call, const char **ret_busy) {
    bool blob = is_blob(call->blob);
    size_t last = blob ? JOBS : PEER_IMAGE_JOBS, running = 0;
    struct job *free_job = NULL;
    *ret_busy = "as many as this node gives at a time are under way";
    for (size_t i = blob ? PEER_IMAGE_JOBS : 0; i < last && !donor->closed; i++) {
        struct job *job = &donor->job[i];
        if (job->place == PLACE_ENDED) {
            CHECK(pthread_join(job->thread, NULL) == 0); /* it is at its last line */
            job->place = PLACE_FREE;
        }
        bool same = job->place == PLACE_RUNS && job->status.peer == call->peer;
        running += same ? 1 : 0;
        if (same && memcmp(job->blob, call->blob, sizeof(job->blob)) == 0) {
            cancel(job); /* its taker has begun again */
            *ret_busy = "what was asked for before is being given up";
            return NULL;
        }
        if (job->place == PLACE_FREE) {
            free_job = job;
        }
    }
    return running >= (blob ? PEER_BLOB_EACH : 1) ? NULL : free_job;
}

void peer_image_donor_serve(struct peer_image_donor *donor,
                            const struct peer_image_call *call) {
    const char *busy;
    if (!call->member) {
        refuse_now(call, PEER_IMAGE_DENIED, "the caller is no member of this cluster");
        return;
    }
    pthread_mutex_lock(&donor->mutex);
    struct job *job = place_for(donor, call, &busy);
    bool begun = job != NULL && begin(job, call);
    pthread_mutex_unlock(&donor->mutex);
    if (!begun) {
        refuse_now(call, PEER_IMAGE_BUSY, busy);
    }
}

void peer_image_donor_close(struct peer_image_donor *donor) {
    pthread_mutex_lock(&donor->mutex);
    donor->closed = true;
    for (size_t i = 0; i < JOBS; i++) {
        if (donor->job[i].place == PLACE_RUNS) {
            cancel(&donor->job[i]);
        }
    }
    pthread_mutex_unlock(&donor->mutex);
    for (size_t i = 0; i < JOBS; i++) {
        struct job *job = &donor->job[i];
        pthread_mutex_lock(&donor->mutex);
        bool join = job->place != PLACE_FREE;
        pthread_mutex_unlock(&donor->mutex);
        if (join) {
            CHECK(pthread_join(job->thread, NULL) == 0);
            pthread_mutex_lock(&donor->mutex);
            job->place = PLACE_FREE;
            pthread_mutex_unlock(&donor->mutex);
        }
    }
}

void peer_image_donor_free(struct peer_image_donor *donor) {
    if (donor != NULL) {
        CHECK(donor->closed);
        CHECK(pthread_mutex_destroy(&donor->mutex) == 0);
        free(donor);
    }
}

size_t peer_image_donor_status(struct peer_image_donor *donor,
                               struct repl_image_status jobs[PEER_IMAGE_JOBS]) {
    size_t count = 0;
    pthread_mutex_lock(&donor->mutex);
    for (size_t i = 0; i < PEER_IMAGE_JOBS; i++) {
        if (donor->job[i].place == PLACE_RUNS) {
            jobs[count++] = donor->job[i].status;
        }
    }
    pthread_mutex_unlock(&donor->mutex);
    return count;
}
