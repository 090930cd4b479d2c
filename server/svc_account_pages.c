/* svc_account_pages: the names of the account's pages. */
#include "server/svc_account.h"

static const char *const paths[ACCOUNT_PAGES] = {
    [ACCOUNT_PAGE_HOME] = "",
    [ACCOUNT_PAGE_PASSWORD] = "password",
    [ACCOUNT_PAGE_SESSIONS] = "sessions",
    [ACCOUNT_PAGE_FACTORS] = "factors",
    [ACCOUNT_PAGE_ID] = "id",
    [ACCOUNT_PAGE_CONFIRM] = "confirm",
    [ACCOUNT_PAGE_ACTIVITY] = "activity",
    [ACCOUNT_PAGE_CLOSE] = "close",
};

const char *svc_account_path(enum account_page page) {
    return paths[page];
}

enum account_page svc_account_page(struct span path) {
    for (int i = 0; i < ACCOUNT_PAGES; i++)
        if (span_is(path, paths[i]))
            return (enum account_page)i;
    return ACCOUNT_PAGES;
}
