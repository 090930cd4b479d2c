/* conn: the nodes' operator ports, over HTTPS with an operator's certificate.
 *
 * A read that fails at one node is tried at the next. A write is tried elsewhere
 * only when nothing of it can have reached a node: it must not be done twice. */
#ifndef CLI_CONN_H
#define CLI_CONN_H

#include <jansson.h>

#include "ops/cli/args.h"
#include "ops/cli/env_file.h"
#include "store/base/buf.h"

#define CONN_NODES_MAX 16
#define CONN_BODY_MAX (16u * 1024 * 1024)

/* Exit codes of every command (sysexits.h where it has one). */
enum {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 64,
    EXIT_UNREACHABLE = 69,
    EXIT_AGAIN = 75,
};

/* Set by options; zero-initialised. */
struct conn_options {
    struct args_list urls;
    const char *ca, *cert, *key, *env, *timeout;
    bool json;
    struct args_option table[8]; /* filled by conn_options_init */
};
void conn_options_init(struct conn_options *options);
extern const char conn_help[];

/* The words and options of a command that asks nodes: its `own` (NULL: none) and those
 * above; with --help, `usage` and conn_help are printed. False: the command ends with
 * *ret_code, all is said. */
bool conn_args(int argc, char *const argv[], const struct args_option *own,
               const char *usage, struct conn_options *options,
               struct args_list *ret_words, int *ret_code);

struct conn {
    const char *urls[CONN_NODES_MAX];
    size_t urls_count;
    size_t first;                /* where the next request begins */
    const char *ca, *cert, *key; /* paths */
    long timeout_s;
    bool json;
    struct env_file env, home; /* what the texts above may point into */
    void *curl;
};

/* Options first, then --env's file, the environment, ~/.config/tasuki/env. Returns
 * EXIT_DONE, or a code after a sentence on stderr. */
int conn_open(const struct conn_options *options, struct conn *ret_conn);
void conn_close(struct conn *conn);

struct conn_answer {
    long status;     /* 0: none came; `why` says why */
    bool maybe_sent; /* the request may have reached the node */
    json_t *json;    /* NULL: the body is not JSON. Owned by the caller */
    char why[512];
};
/* One request to one node. `body` NULL: GET. */
void conn_ask(struct conn *conn, size_t node, const char *path, struct span body,
              struct conn_answer *ret_answer);
void conn_answer_free(struct conn_answer *answer);

/* The next node when that is allowed; the nodes that failed are told on stderr. */
void conn_read(struct conn *conn, const char *path, struct conn_answer *ret_answer);
void conn_write(struct conn *conn, const char *path, struct span body,
                struct conn_answer *ret_answer);

/* EXIT_DONE for 2xx. Else an exit code, and on stderr what happened and what to do
 * next (`subject`: about what, may be NULL). */
int conn_verdict(const struct conn_answer *answer, const char *subject);
/* Pretty JSON on stdout. */
void conn_print_json(const json_t *value);

/* The answer's verdict; and if it is good, the answer as JSON where that was asked for,
 * else by `print`. Frees the answer. An exit code. */
int conn_tell(const struct conn *conn, struct conn_answer *answer, const char *subject,
              void (*print)(const json_t *answer));

/* A whole command: what the nodes answer at `path`, told by conn_tell. */
int conn_show(const struct conn_options *options, const char *path,
              void (*print)(const json_t *answer));

/* The member's text; "" where there is none. */
const char *conn_text(const json_t *object, const char *name);

#endif
