/* desk_fixture: applications, their papers and evidence as rows, whatever brought them
 * there; over svc_fixture. */
#ifndef TESTS_DESK_FIXTURE_H
#define TESTS_DESK_FIXTURE_H

#include "store/store_application.h"
#include "store/store_intake.h"
#include "tests/unit/server/svc_fixture.h"

#define DESK_COMPANY "襷株式会社"
#define DESK_EMAIL "applicant@example.jp"
#define DESK_PHONE "+819012345678"

/* An application of a corporation in `state`; an APPROVED one lapses in 60 days. */
void desk_put(struct fixture *f, const char *id, enum application_state state);
/* As it stands now; in `arena`. */
void desk_get(struct fixture *f, struct arena *arena, const char *id,
              struct application *ret_application);
enum application_state desk_state(struct fixture *f, const char *id);
/* A bundle of one file with two pages: the first is the application's (NULL: nobody's),
 * the second is in the list of those that nobody could sort. The bytes are nowhere. */
void desk_put_pages(struct fixture *f, struct id128 bundle, const char *id);
/* It is on the person's desk (`staff`: hex) for an hour. */
void desk_claim(struct fixture *f, const char *id, const char *staff);

#endif
