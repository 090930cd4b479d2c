#include "server/outbound_internal.h"
#include "store/base/check.h"

#define NOWHERE OUTBOUND_FAILING_MAX

/* "" stands for an empty place. */
static size_t find(const struct outbound_fair *fair, const char *client_id) {
    size_t i = 0;

    while (i < OUTBOUND_FAILING_MAX && strcmp(fair->failing[i], client_id) != 0)
        i++;
    return i;
}

size_t outbound_fair_slots(const struct outbound_fair *fair, const char *client_id) {
    return find(fair, client_id) == NOWHERE ? OUTBOUND_CLIENT_SLOTS : 1;
}

void outbound_fair_note(struct outbound_fair *fair, const char *client_id,
                        bool failed) {
    size_t place = find(fair, client_id);
    size_t len = strlen(client_id);

    CHECK(len > 0 && len <= LIMIT_CLIENT_ID);
    if (place != NOWHERE && !failed)
        fair->failing[place][0] = '\0';
    if (place != NOWHERE || !failed)
        return;
    place = find(fair, "");
    if (place == NOWHERE) {
        place = fair->next;
        fair->next = (fair->next + 1) % OUTBOUND_FAILING_MAX;
    }
    memcpy(fair->failing[place], client_id, len + 1);
}
