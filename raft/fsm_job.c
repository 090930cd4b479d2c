/* fsm_job: the OCR farm's work, from its cause to one result.
 *
 *   WAITING  fsm_job_start; fsm_job_result (failed, again later)
 *   LEASED   fsm_job_lease
 *   DONE     fsm_job_result; fsm_job_cancel
 *   POISON   give_up: so often begun without a result that it may be what ends workers;
 *            a person looks at what it was about
 *
 * Here because workers race, and die. */
#include "raft/fsm_internal.h"

struct job_key fsm_job_of(const struct application_id *id) {
    return (struct job_key){JOB_READ, store_application_key(id)};
}

static struct application_id id_of(const struct ocr_job *job) {
    struct application_id id = {{0}};

    memcpy(id.text, job->key.subject.b, sizeof job->key.subject.b);
    return id;
}

enum err fsm_job_start(struct fsm_tx *tx, struct job_key key,
                       enum client_environment environment) {
    struct ocr_job job = {.key = key};
    enum err err = store_job_get(tx->read, key, &job);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    job.state = JOB_WAITING;
    job.environment = environment;
    job.failures = 0;
    job.created_ms = tx->now_ms;
    job.at_ms = tx->now_ms;
    memset(job.worker, 0, sizeof job.worker);
    memset(job.error, 0, sizeof job.error);
    return store_job_put(tx->write, &job);
}

static enum err finish(struct fsm_tx *tx, struct ocr_job *job, enum job_state state) {
    job->state = state;
    job->at_ms = tx->now_ms + FSM_JOB_KEEP_MS;
    return store_job_put(tx->write, job);
}

enum err fsm_job_cancel(struct fsm_tx *tx, struct job_key key) {
    struct ocr_job job;
    enum err err = store_job_get(tx->read, key, &job);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (job.state != JOB_WAITING && job.state != JOB_LEASED) {
        return OK;
    }
    memset(job.worker, 0, sizeof job.worker); /* no result fits any more */
    return finish(tx, &job, JOB_DONE);
}

/* The verdict goes to the desk; a machine decides nothing. */
static enum err to_desk(struct fsm_tx *tx, struct application *application,
                        enum farm_verdict verdict, uint64_t reasons,
                        const uint8_t evidence[32]) {
    static const char *const words[] = {
        [FARM_NONE] = "", [FARM_OK] = "ok", [FARM_NG] = "ng", [FARM_REVIEW] = "review"};
    static const struct id128 nobody;
    static const uint8_t none[32];
    struct blob_id old, new;
    enum err err = OK;

    memcpy(old.b, application->evidence, sizeof old.b);
    memcpy(new.b, evidence, sizeof new.b);
    if (memcmp(new.b, none, sizeof none) != 0) {
        err = fsm_blob_ref(tx, &new, 1);
    }
    if (err == OK && memcmp(old.b, none, sizeof none) != 0) {
        err = fsm_blob_ref(tx, &old, -1);
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    if (err != OK) {
        return err;
    }
    application->ocr = verdict;
    application->ocr_reasons = reasons;
    memcpy(application->evidence, evidence, sizeof application->evidence);
    err = fsm_application_enter(tx, application, APPLICATION_STAFF);
    return err == OK ? fsm_application_tell(tx, AUDIT_OCR_RESULT, &application->id,
                                            nobody, words[verdict])
                     : err;
}

/* *ret_reads: the application is where its pages are read. */
static enum err reading(struct fsm_tx *tx, const struct ocr_job *job,
                        struct application *ret_application, bool *ret_reads) {
    struct application_id id = id_of(job);
    enum err err;

    arena_reset(tx->scratch);
    err = store_application_get(tx->read, tx->scratch, &id, ret_application);
    *ret_reads = err == OK && (ret_application->state == APPLICATION_WAITING ||
                               ret_application->state == APPLICATION_OCR);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err give_up(struct fsm_tx *tx, struct ocr_job *job) {
    static const uint8_t none[32];
    struct application application;
    bool reads = false;
    enum err err;

    if (job->key.kind == JOB_SORT) {
        err = fsm_intake_unsorted(tx, job->key.subject);
    } else {
        err = reading(tx, job, &application, &reads);
        if (err == OK && reads) {
            err = to_desk(tx, &application, FARM_REVIEW, FSM_OCR_REASON_POISON, none);
        }
    }
    return err == OK ? finish(tx, job, JOB_POISON) : err;
}

/* --- leases --- */

struct due {
    struct job_key keys[LIMIT_JOB_LEASES];
    size_t count, max;
};

static bool due_each(void *arg, struct job_key key) {
    struct due *due = arg;

    due->keys[due->count++] = key;
    return due->count < due->max;
}

/* *ret_leased false: nothing is to be done about it, or not by a worker. */
static enum err lease_one(struct fsm_tx *tx, const struct cmd_job_lease *cmd,
                          struct ocr_job *job, bool *ret_leased) {
    struct application application;
    bool reads = true;
    enum err err = OK;

    *ret_leased = false;
    if (job->state == JOB_LEASED) { /* it ran out */
        job->failures++;
        memcpy(job->error, "lapsed", sizeof "lapsed");
    }
    if (job->failures >= FSM_JOB_FAILURES_MAX) {
        return give_up(tx, job);
    }
    if (job->key.kind == JOB_READ) {
        err = reading(tx, job, &application, &reads);
        if (err == OK && !reads) {
            return finish(tx, job, JOB_DONE);
        }
        if (err == OK && application.state == APPLICATION_WAITING) {
            err = fsm_application_enter(tx, &application, APPLICATION_OCR);
        }
    }
    if (err != OK) {
        return err;
    }
    job->state = JOB_LEASED;
    job->attempt++;
    memcpy(job->worker, cmd->worker, sizeof job->worker);
    job->at_ms = tx->now_ms + (cmd->lease_ms < FSM_JOB_LEASE_MAX_MS
                                   ? cmd->lease_ms
                                   : FSM_JOB_LEASE_MAX_MS);
    *ret_leased = true;
    return store_job_put(tx->write, job);
}

enum err fsm_job_lease(struct fsm_tx *tx, const struct cmd_job_lease *cmd,
                       enum outcome_code *ret_code) {
    struct due due = {.max = cmd->count};
    struct outcome_leases leases = {0};
    enum err err = store_job_walk_due(tx->read, cmd->environment, tx->now_ms, due_each,
                                      &due);

    for (size_t i = 0; i < due.count && err == OK; i++) {
        struct ocr_job job;
        bool leased = false;
        err = store_job_get(tx->read, due.keys[i], &job);
        if (err == OK) {
            err = lease_one(tx, cmd, &job, &leased);
        }
        if (err == OK && leased) {
            leases.jobs[leases.count++] =
                (struct leased){job.key, job.attempt, job.at_ms};
        }
    }
    *ret_code = OUT_OK;
    err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    return err == OK ? outcome_leases_encode(&leases, tx->detail) : err;
}

/* --- results --- */

static enum err failed(struct fsm_tx *tx, struct ocr_job *job, const char *error) {
    job->failures++;
    memcpy(job->error, error, sizeof job->error);
    if (job->failures >= FSM_JOB_FAILURES_MAX) {
        return give_up(tx, job);
    }
    job->state = JOB_WAITING;
    job->at_ms = tx->now_ms + (uint64_t)FSM_JOB_PAUSE_MS * job->failures;
    return store_job_put(tx->write, job);
}

static enum err take_read(struct fsm_tx *tx, struct ocr_job *job,
                          const struct cmd_job_result *cmd,
                          enum outcome_code *ret_code) {
    struct application application;
    struct blob_row blob;
    bool reads;
    enum err err = OK;

    if (cmd->has_evidence) {
        err = store_blob_get(tx->read, &cmd->evidence, &blob);
        if (err != OK) {
            *ret_code = OUT_NOT_FOUND;
            return err == ERR_NOT_FOUND ? OK : err;
        }
    }
    err = reading(tx, job, &application, &reads);
    if (err == OK && reads) {
        err = to_desk(tx, &application, cmd->verdict, cmd->reasons, cmd->evidence.b);
    }
    return err == OK ? finish(tx, job, JOB_DONE) : err;
}

/* Does every page stand in a file of the bundle? Else the worker erred. */
static enum err take_sort(struct fsm_tx *tx, struct ocr_job *job,
                          const struct cmd_job_result *cmd,
                          enum outcome_code *ret_code) {
    static const char wrong[65] = "names a file that the bundle has not";
    enum err err = fsm_intake_sorted(tx, job->key.subject, cmd->pages,
                                     cmd->pages_count, ret_code);

    if (err != OK) {
        return err;
    }
    if (*ret_code == OUT_NOT_SUPPORTED) {
        return failed(tx, job, wrong);
    }
    return finish(tx, job, JOB_DONE);
}

enum err fsm_job_result(struct fsm_tx *tx, const struct cmd_job_result *cmd,
                        enum outcome_code *ret_code) {
    struct ocr_job job;
    bool own;
    enum err err = store_job_get(tx->read, cmd->key, &job);

    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    own = job.attempt == cmd->attempt &&
          strncmp(job.worker, cmd->worker, sizeof job.worker) == 0;
    if (own && job.state == JOB_DONE && !cmd->failed) {
        *ret_code = OUT_REPLAYED;
        return OK;
    }
    if (!own || job.state != JOB_LEASED) { /* J1 */
        *ret_code = OUT_JOB_LATE;
        return OK;
    }
    *ret_code = OUT_OK;
    if (cmd->failed) {
        return failed(tx, &job, cmd->error);
    }
    return job.key.kind == JOB_READ ? take_read(tx, &job, cmd, ret_code)
                                    : take_sort(tx, &job, cmd, ret_code);
}
