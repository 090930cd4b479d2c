#include "ops/cli/conn.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/check.h"

#define CONNECT_TIMEOUT_MS 3000L
#define TIMEOUT_S_DEFAULT 15
#define TIMEOUT_S_MAX 600

const char conn_help[] =
    "Where the nodes are:\n"
    "  --url URL        operator port of a node, as https://host:9421; repeat it for\n"
    "                   each node: the next is tried when one is down\n"
    "  --ca FILE        the cluster's CA\n"
    "  --cert FILE      an operator's certificate, and its key:\n"
    "  --key FILE\n"
    "  --env FILE       take these from a file such as build/demo/demo.env\n"
    "  --timeout S      give a node S seconds for an answer (default 15)\n"
    "  --json           print JSON\n"
    "Without options: the variables TASUKI_OPERATOR_1.._16 (URLs), TASUKI_CA,\n"
    "TASUKI_OPERATOR_CERT, TASUKI_OPERATOR_KEY; then the same names in\n"
    "~/.config/tasuki/env.\n"
    "Exit codes: 0 done, 1 refused, 64 wrong usage, 69 no node can be reached,\n"
    "75 try again later.\n";

void conn_options_init(struct conn_options *options) {
    const struct args_option table[] = {
        {"url", ARGS_LIST, &options->urls},  {"ca", ARGS_TEXT, &options->ca},
        {"cert", ARGS_TEXT, &options->cert}, {"key", ARGS_TEXT, &options->key},
        {"env", ARGS_TEXT, &options->env},   {"timeout", ARGS_TEXT, &options->timeout},
        {"json", ARGS_FLAG, &options->json}, {NULL, ARGS_FLAG, NULL},
    };

    _Static_assert(sizeof table == sizeof options->table, "one row each");
    memcpy(options->table, table, sizeof table);
}

bool conn_args(int argc, char *const argv[], const struct args_option *own,
               const char *usage, struct conn_options *options,
               struct args_list *ret_words, int *ret_code) {
    const struct args_option none[] = {{NULL, ARGS_FLAG, NULL}};
    const struct args_option *const tables[] = {own ? own : none, options->table, NULL};
    bool help;

    conn_options_init(options);
    *ret_code = EXIT_USAGE;
    if (!args_parse(argc, argv, tables, ret_words, &help))
        return false;
    if (help) {
        printf("%s%s", usage, conn_help);
        *ret_code = EXIT_DONE;
    }
    return !help;
}

/* ---- configuration */

static bool load_home(struct conn *conn) {
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char path[1024];
    int len;

    if (config && config[0] == '/')
        len = snprintf(path, sizeof path, "%s/tasuki/env", config);
    else if (home && home[0] == '/')
        len = snprintf(path, sizeof path, "%s/.config/tasuki/env", home);
    else
        return true;
    if (len < 0 || (size_t)len >= sizeof path || access(path, F_OK) != 0)
        return true;
    return env_file_load(path, &conn->home);
}

static const char *setting(const struct conn *conn, const char *option,
                           const char *name) {
    const char *value = option;

    if (!value)
        value = env_file_get(&conn->env, name);
    if (!value)
        value = getenv(name);
    if (!value)
        value = env_file_get(&conn->home, name);
    return value && value[0] ? value : NULL;
}

static bool add_url(struct conn *conn, const char *url) {
    if (strncmp(url, "https://", 8) != 0) {
        fprintf(stderr, "tasuki: %s: a URL that begins with https:// is expected\n",
                url);
        return false;
    }
    if (conn->urls_count == CONN_NODES_MAX) {
        fprintf(stderr, "tasuki: more than %d nodes\n", CONN_NODES_MAX);
        return false;
    }
    conn->urls[conn->urls_count++] = url;
    return true;
}

static bool find_urls(struct conn *conn, const struct args_list *given) {
    char name[32];

    for (size_t i = 0; i < given->count; i++)
        if (!add_url(conn, given->items[i]))
            return false;
    for (unsigned i = 1; given->count == 0 && i <= CONN_NODES_MAX; i++) {
        const char *url;

        snprintf(name, sizeof name, "TASUKI_OPERATOR_%u", i);
        url = setting(conn, NULL, name);
        if (url && !add_url(conn, url))
            return false;
    }
    if (conn->urls_count == 0)
        fprintf(stderr, "tasuki: no node is known: give --url, or --env FILE "
                        "(the demo's is build/demo/demo.env)\n");
    return conn->urls_count > 0;
}

static bool readable(const char *path, const char *option) {
    if (!path) {
        fprintf(stderr, "tasuki: --%s FILE is missing (ops/pki makes one)\n", option);
        return false;
    }
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "tasuki: --%s: %s cannot be read\n", option, path);
        return false;
    }
    return true;
}

static int configure(const struct conn_options *options, struct conn *conn) {
    unsigned long timeout_s = TIMEOUT_S_DEFAULT;

    if (options->timeout &&
        (!args_number(options->timeout, TIMEOUT_S_MAX, &timeout_s) || timeout_s == 0)) {
        fprintf(stderr, "tasuki: --timeout: a number from 1 to %d is expected\n",
                TIMEOUT_S_MAX);
        return EXIT_USAGE;
    }
    conn->timeout_s = (long)timeout_s;
    conn->json = options->json;
    if (options->env && !env_file_load(options->env, &conn->env))
        return EXIT_USAGE;
    if (!load_home(conn) || !find_urls(conn, &options->urls))
        return EXIT_USAGE;
    conn->ca = setting(conn, options->ca, "TASUKI_CA");
    conn->cert = setting(conn, options->cert, "TASUKI_OPERATOR_CERT");
    conn->key = setting(conn, options->key, "TASUKI_OPERATOR_KEY");
    if (!readable(conn->ca, "ca") || !readable(conn->cert, "cert") ||
        !readable(conn->key, "key"))
        return EXIT_USAGE;
    return EXIT_DONE;
}

int conn_open(const struct conn_options *options, struct conn *ret_conn) {
    int code;

    memset(ret_conn, 0, sizeof *ret_conn);
    code = configure(options, ret_conn);
    if (code == EXIT_DONE) {
        ret_conn->curl = curl_easy_init();
        CHECK(ret_conn->curl != NULL);
    } else {
        conn_close(ret_conn);
    }
    return code;
}

void conn_close(struct conn *conn) {
    if (conn->curl)
        curl_easy_cleanup(conn->curl);
    env_file_free(&conn->env);
    env_file_free(&conn->home);
}

/* ---- one request */

static size_t take_body(char *data, size_t size, size_t count, void *arg) {
    struct buf *body = arg;

    buf_put(body, data, size * count);
    return buf_err(body) ? 0 : size * count; /* too big: ends the transfer */
}

static void set_up(const struct conn *conn, const char *url, struct span body,
                   struct buf *out, char error[CURL_ERROR_SIZE]) {
    CURL *curl = conn->curl;

    curl_easy_reset(curl); /* keeps connections */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, conn->ca);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, conn->cert);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, conn->key);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, conn->timeout_s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    if (body.data) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        /* curl would else send a request anew by itself on a connection that was
         * closed meanwhile: a write must not be sent twice. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    }
}

static struct curl_slist *headers(struct span body) {
    struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");

    CHECK(list != NULL);
    if (body.data) {
        CHECK(curl_slist_append(list, "Content-Type: application/json") != NULL);
        CHECK(curl_slist_append(list, "Expect:") != NULL);
    }
    return list;
}

static void explain(CURLcode code, const char *detail, struct conn_answer *answer) {
    const char *hint = "";

    if (code == CURLE_COULDNT_CONNECT)
        hint = " (is the node running?)";
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        hint = " (is --ca this cluster's?)";
    else if (code == CURLE_SSL_CERTPROBLEM)
        hint = " (is --cert an operator's certificate and --key its key?)";
    else if (answer->maybe_sent && code != CURLE_OPERATION_TIMEDOUT)
        hint = " (does the node accept this operator's certificate?)";
    snprintf(answer->why, sizeof answer->why, "%.300s%s",
             detail[0] ? detail : curl_easy_strerror(code), hint);
}

/* The TLS handshake comes before the first byte of a request. */
static bool maybe_sent(CURL *curl, CURLcode code) {
    curl_off_t handshake_us = 0;

    if (code == CURLE_OK)
        return true;
    curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    return handshake_us > 0;
}

void conn_ask(struct conn *conn, size_t node, const char *path, struct span body,
              struct conn_answer *ret_answer) {
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *list = headers(body);
    const char *base = conn->urls[node];
    size_t base_len = strlen(base);
    char url[1200];
    struct buf out;
    CURLcode code;

    memset(ret_answer, 0, sizeof *ret_answer);
    while (base_len > 0 && base[base_len - 1] == '/')
        base_len--;
    snprintf(url, sizeof url, "%.*s%s", base_len > 1000 ? 1000 : (int)base_len, base,
             path);
    buf_init(&out, CONN_BODY_MAX);
    set_up(conn, url, body, &out, error);
    curl_easy_setopt(conn->curl, CURLOPT_HTTPHEADER, list);
    code = curl_easy_perform(conn->curl);
    ret_answer->maybe_sent = maybe_sent(conn->curl, code);
    if (code == CURLE_OK) {
        curl_easy_getinfo(conn->curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
        ret_answer->json = json_loadb(out.len ? (const char *)out.data : "", out.len,
                                      JSON_REJECT_DUPLICATES, NULL);
    } else {
        explain(code, error, ret_answer);
    }
    buf_free(&out);
    curl_slist_free_all(list);
}

void conn_answer_free(struct conn_answer *answer) {
    json_decref(answer->json);
    answer->json = NULL;
}

/* ---- any node */

static bool unavailable(const struct conn_answer *answer) {
    return answer->status == 0 || answer->status == 502 || answer->status == 503 ||
           answer->status == 504;
}

/* Later requests begin with the next node too. */
static void skip(struct conn *conn, struct conn_answer *answer) {
    const char *url = conn->urls[conn->first];

    if (answer->status)
        fprintf(stderr, "tasuki: %s: answers %ld; trying the next\n", url,
                answer->status);
    else
        fprintf(stderr, "tasuki: %s: %s; trying the next\n", url, answer->why);
    conn->first = (conn->first + 1) % conn->urls_count;
    conn_answer_free(answer);
}

void conn_read(struct conn *conn, const char *path, struct conn_answer *ret_answer) {
    for (size_t tried = 1;; tried++) {
        conn_ask(conn, conn->first, path, span_of(NULL, 0), ret_answer);
        if (!unavailable(ret_answer) || tried == conn->urls_count)
            return;
        skip(conn, ret_answer);
    }
}

void conn_write(struct conn *conn, const char *path, struct span body,
                struct conn_answer *ret_answer) {
    for (size_t tried = 1;; tried++) {
        conn_ask(conn, conn->first, path, body, ret_answer);
        if (ret_answer->maybe_sent || tried == conn->urls_count)
            return;
        skip(conn, ret_answer);
    }
}

static const char *message_of(const struct conn_answer *answer) {
    static const char *const names[] = {"message", "error_description", "error"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = json_string_value(json_object_get(answer->json, names[i]));

        if (text && text[0])
            return text;
    }
    return "the node gave no reason";
}

int conn_verdict(const struct conn_answer *answer, const char *subject) {
    const char *colon = subject ? ": " : "";

    subject = subject ? subject : "";
    if (answer->status >= 200 && answer->status < 300 && answer->json)
        return EXIT_DONE;
    if (answer->status == 0 && answer->maybe_sent) {
        fprintf(stderr,
                "tasuki: %s%sno answer came: %s. It may have been done all the same: "
                "look (status, rp list) before you try again\n",
                subject, colon, answer->why);
        return EXIT_AGAIN;
    }
    if (answer->status == 0) {
        fprintf(stderr, "tasuki: %s%sno node can be reached: %s\n", subject, colon,
                answer->why);
        return EXIT_UNREACHABLE;
    }
    if (answer->status == 429 || answer->status >= 500) {
        fprintf(stderr,
                "tasuki: %s%sthe cluster cannot do this now (%ld: %s). Look at "
                "`tasuki status`, then try again\n",
                subject, colon, answer->status, message_of(answer));
        return EXIT_AGAIN;
    }
    if (answer->status >= 200 && answer->status < 300) {
        fprintf(stderr,
                "tasuki: %s%sthe answer is not JSON: is this URL a node's "
                "operator port?\n",
                subject, colon);
        return EXIT_REFUSED;
    }
    fprintf(stderr, "tasuki: %s%s%s\n", subject, colon, message_of(answer));
    return EXIT_REFUSED;
}

void conn_print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
}

int conn_tell(const struct conn *conn, struct conn_answer *answer, const char *subject,
              void (*print)(const json_t *answer)) {
    int code = conn_verdict(answer, subject);

    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer->json);
    else if (code == EXIT_DONE)
        print(answer->json);
    conn_answer_free(answer);
    return code;
}

int conn_show(const struct conn_options *options, const char *path,
              void (*print)(const json_t *answer)) {
    struct conn_answer answer;
    struct conn conn;
    int code = conn_open(options, &conn);

    if (code != EXIT_DONE)
        return code;
    conn_read(&conn, path, &answer);
    code = conn_tell(&conn, &answer, NULL, print);
    conn_close(&conn);
    return code;
}

const char *conn_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}
