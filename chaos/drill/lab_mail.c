/* lab_mail: the mail server of a lab's nodes (lab.h).
 *
 * ops/demo-sinks over TLS, on an address of its own beside the balancers: it takes what it
 * is given, and keeps one JSON object a line in DIR/mail/mail.jsonl. */
#include <jansson.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/drill/lab.h"

#define TURNS 600
#define TURN_MS 50
#define HTTP_PORT "2580"
#define LAB_MAIL_TEXT_MAX 1024

static bool answers(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(LAB_MAIL_PORT)};
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = file >= 0 && inet_pton(AF_INET, LAB_MAIL_ADDRESS, &to.sin_addr) == 1 &&
                connect(file, (const struct sockaddr *)&to, sizeof(to)) == 0;
    if (file >= 0) {
        close(file);
    }
    return good;
}

bool lab_mail_start(struct lab *lab) {
    char program[LAB_PATH + 32], dir[LAB_PATH + 32], log[LAB_PATH + 32], port[8];
    char certificate[LAB_PATH + 16], key[LAB_PATH + 16];
    struct sh_command command = {
        .argv = {"/usr/bin/python3", program, "--address", LAB_MAIL_ADDRESS, "--smtp", port,
                 "--http", HTTP_PORT, "--dir", dir, "--tls", certificate, key},
        .net = -1,
        .log = log,
    };

    if (!lab->plan.mail) {
        return true;
    }
    snprintf(program, sizeof(program), "%s/ops/demo-sinks/sinks.py", lab->root);
    snprintf(dir, sizeof(dir), "%s/mail", lab->dir);
    snprintf(log, sizeof(log), "%s/mail.log", lab->dir);
    snprintf(port, sizeof(port), "%d", LAB_MAIL_PORT);
    snprintf(certificate, sizeof(certificate), "%s/http.crt", lab->pki);
    snprintf(key, sizeof(key), "%s/http.key", lab->pki);
    lab->mail = sh_spawn(&command);
    for (int i = 0; i < TURNS && lab->mail > 0 && !sh_ended(lab->mail, NULL); i++) {
        if (answers()) {
            return true;
        }
        poll(NULL, 0, TURN_MS);
    }
    snprintf(lab->why, sizeof(lab->why),
             "the mail server does not start (look at %.400s); python3-aiosmtpd is needed: "
             "ops/install chaos", log);
    return false;
}

/* What begins with `mark` in the text of this mail, if it is to `to`. */
static bool read_line(const char *line, const char *to, const char *mark, char *ret,
                      size_t size) {
    json_t *mail = json_loads(line, 0, NULL);
    const json_t *list = json_object_get(mail, "to");
    const char *text = json_string_value(json_object_get(mail, "text"));
    bool its = false;
    size_t i;
    const json_t *one;

    json_array_foreach(list, i, one) {
        const char *address = json_string_value(one);
        its |= address != NULL && strcmp(address, to) == 0;
    }
    const char *at = its && text != NULL ? strstr(text, mark) : NULL;
    size_t len = at != NULL ? strcspn(at, " \r\n\t") : 0;
    bool good = at != NULL && len < size;
    if (good) {
        memcpy(ret, at, len);
        ret[len] = '\0';
    }
    json_decref(mail);
    return good;
}

bool lab_mail_find(const struct lab *lab, const char *to, const char *mark, size_t nth,
                   char *ret, size_t size) {
    char path[LAB_PATH + 32], last[LAB_MAIL_TEXT_MAX] = "", *line = NULL;
    size_t room = 0, seen = 0;
    bool found = false;

    snprintf(path, sizeof(path), "%s/mail/mail.jsonl", lab->dir);
    FILE *from = fopen(path, "re");
    while (from != NULL && !found && getline(&line, &room, from) > 0) {
        /* The same one twice is one: its sender did not hear that it was taken. */
        if (strstr(line, to) != NULL && read_line(line, to, mark, ret, size) &&
            strncmp(last, ret, sizeof(last) - 1) != 0) {
            snprintf(last, sizeof(last), "%s", ret);
            found = seen++ == nth;
        }
    }
    free(line);
    if (from != NULL) {
        fclose(from);
    }
    return found;
}
