/* staff_fixture: a person of the staff, signed in, and what the console's actions answer;
 * over svc_fixture. */
#ifndef TESTS_STAFF_FIXTURE_H
#define TESTS_STAFF_FIXTURE_H

#include "server/svc_staff.h"
#include "tests/unit/server/svc_fixture.h"

#define PASSWORD "a long enough password"

struct person {
    char name[32], id[40], secret[64];
    char browser[64], csrf[64]; /* of the sign-in form */
    char cookie[1024], token[64];
};

void text_of(struct span from, char *out, size_t size);
/* `roles` as JSON has them: "\"intake\",\"auditor\"". */
void add_person(struct fixture *f, const char *name, const char *roles,
                struct person *ret);
/* The code of the person's authenticator now. */
void code_now(struct fixture *f, const struct person *person, char out[8]);
/* The sign-in's form, which belongs to the person's browser; then the sign-in: its kind. */
void open_form(struct fixture *f, struct person *person);
int attempt(struct fixture *f, struct person *person, const char *name,
            const char *password, const char *code, const char *csrf);
/* Sign in; `token` is the session's. */
void enter(struct fixture *f, struct person *person);

/* An action, run to its end; svc_op_close it. NULL: without fields. */
struct svc_staff run_with(struct fixture *f, const struct person *person,
                          enum staff_action action, const struct params *params,
                          struct span upload);
struct svc_staff run(struct fixture *f, const struct person *person,
                     enum staff_action action, const struct params *params);
/* The file of the latest answer; its bytes ended with the answer. */
extern struct staff_file {
    size_t len;
    char head[6], name[64];
} staff_file;
/* Its kind alone. */
enum svc_staff_kind act(struct fixture *f, const struct person *person,
                        enum staff_action action, const struct params *params);

#endif
