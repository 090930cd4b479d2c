#include "ops/cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "store/base/limits.h"

static bool read_all(int fd, const char *name, struct buf *out) {
    uint8_t chunk[4096];
    ssize_t got;

    while ((got = read(fd, chunk, sizeof chunk)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fprintf(stderr, "tasuki: %s: %s\n", name, strerror(errno));
            return false;
        }
        buf_put(out, chunk, (size_t)got);
        if (buf_err(out)) {
            fprintf(stderr, "tasuki: %s: larger than %zu bytes\n", name, out->max);
            return false;
        }
    }
    secret_wipe(chunk, sizeof chunk);
    return true;
}

bool input_file(const char *path, struct buf *out) {
    bool good;
    int fd;

    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "tasuki: %s: %s\n", path, strerror(errno));
        return false;
    }
    good = read_all(fd, path, out);
    close(fd);
    return good;
}

/* One line from the terminal, echo off. */
static bool ask_once(const char *prompt, struct buf *out) {
    struct termios old, quiet;
    uint8_t c = 0;
    ssize_t got;

    fputs(prompt, stderr);
    if (tcgetattr(STDIN_FILENO, &old) != 0)
        return false;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return false;
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        buf_put(out, &c, 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputs("\n", stderr);
    return got >= 0 && buf_err(out) == OK;
}

static bool ask(const char *what, struct buf *out) {
    struct buf again;
    char prompt[128];
    bool good;

    buf_init(&again, out->max);
    snprintf(prompt, sizeof prompt, "%s: ", what);
    good = ask_once(prompt, out);
    snprintf(prompt, sizeof prompt, "%s, once more: ", what);
    good = good && ask_once(prompt, &again);
    if (!good) {
        fprintf(stderr, "tasuki: the %s could not be read\n", what);
    } else if (!secret_equal(buf_span(out), buf_span(&again))) {
        fprintf(stderr, "tasuki: the two differ; run the command again\n");
        good = false;
    }
    buf_free(&again);
    return good;
}

static struct span without_line_end(struct span text) {
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    return text;
}

bool input_secret(const char *path, const char *what, struct secret *ret_secret) {
    struct buf text;
    bool good;

    buf_init(&text, LIMIT_PASSWORD + 2);
    if (path)
        good = input_file(path, &text);
    else if (isatty(STDIN_FILENO))
        good = ask(what, &text);
    else
        good = read_all(STDIN_FILENO, "standard input", &text);
    if (good) {
        struct span line = without_line_end(buf_span(&text));

        if (line.len == 0) {
            fprintf(stderr, "tasuki: the %s is empty\n", what);
            good = false;
        } else if (secret_new(line, LIMIT_PASSWORD, ret_secret) != OK) {
            fprintf(stderr, "tasuki: the %s is longer than %d bytes\n", what,
                    LIMIT_PASSWORD);
            good = false;
        }
    }
    buf_free(&text);
    return good;
}
