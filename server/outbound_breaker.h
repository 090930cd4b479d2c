/* outbound_breaker: whether a provider is worth another try (a circuit breaker).
 *
 *   CLOSED     calls go through; BREAKER_FAILURES in a row open it
 *   OPEN       none goes through, for BREAKER_PAUSE_MS, twice as long each time, up to
 *              BREAKER_PAUSE_MAX_MS
 *   HALF_OPEN  the pause is over: one call goes through; its success closes the breaker,
 *              its failure opens it again
 *
 * A call that ends after the breaker opened says nothing new, unless it was a success.
 * Pure; no clock. */
#ifndef SERVER_OUTBOUND_BREAKER_H
#define SERVER_OUTBOUND_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 3
#define BREAKER_PAUSE_MS 5000u
#define BREAKER_PAUSE_MAX_MS 60000u

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker { /* all zero: closed */
    unsigned failures; /* in a row */
    uint64_t until_ms; /* open until then; 0: closed */
    uint64_t pause_ms; /* the last one */
    bool probing;      /* the one call of HALF_OPEN is under way */
};

enum breaker_state breaker_state(const struct breaker *breaker, uint64_t now_ms);
/* May a call begin? It does not begin by the question. */
bool breaker_admits(const struct breaker *breaker, uint64_t now_ms);
/* A call begins that was admitted. */
void breaker_begin(struct breaker *breaker, uint64_t now_ms);
/* A call that had begun is over. */
void breaker_end(struct breaker *breaker, bool good, uint64_t now_ms);
/* One that had begun was never made. */
void breaker_cancel(struct breaker *breaker);

#endif
