#include "server/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/secret.h"

/* A key may stand in any of the slots of its set. */
#define WAYS 8
/* Levels count in 1/60000 of a token, so that a millisecond's refill is whole. */
#define TOKEN_UNITS 60000u
#define SLOTS_MAX (1u << 22)
#define RATE_MAX 1000000u

struct bucket {
    uint64_t key; /* keyed hash; 0: free */
    uint64_t level;
    uint64_t filled_ms;
};

struct rate_limit {
    pthread_mutex_t lock;
    struct port_clock clock;
    uint64_t per_minute, level_max;
    uint64_t seed[2]; /* so that nobody can choose keys that collide */
    size_t sets;      /* a power of two */
    struct bucket buckets[];
};

enum err rate_limit_new(unsigned per_minute, unsigned burst, unsigned slots,
                        struct port_clock clock, struct rate_limit **ret_limit) {
    struct rate_limit *limit;
    size_t sets = 1;

    if (per_minute > RATE_MAX || burst > RATE_MAX || slots == 0 || slots > SLOTS_MAX ||
        (per_minute > 0 && burst == 0))
        return ERR_INVALID;
    while (sets * WAYS < slots)
        sets *= 2;
    limit = calloc(1, sizeof(*limit) + sets * WAYS * sizeof(limit->buckets[0]));
    if (!limit)
        return ERR_NOMEM;
    CHECK(pthread_mutex_init(&limit->lock, NULL) == 0);
    port_system_random.fill(port_system_random.impl, limit->seed, sizeof(limit->seed));
    limit->clock = clock;
    limit->per_minute = per_minute;
    limit->level_max = (uint64_t)burst * TOKEN_UNITS;
    limit->sets = sets;
    *ret_limit = limit;
    return OK;
}

void rate_limit_free(struct rate_limit *limit) {
    if (!limit)
        return;
    pthread_mutex_destroy(&limit->lock);
    secret_wipe(limit->seed, sizeof(limit->seed));
    free(limit);
}

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

static uint64_t key_of(const struct rate_limit *limit, struct span text) {
    uint64_t hash = limit->seed[0] ^ text.len;

    for (size_t i = 0; i < text.len; i += 8) {
        uint64_t word = 0;
        size_t len = text.len - i < 8 ? text.len - i : 8;

        memcpy(&word, text.data + i, len);
        hash = mix(hash ^ word) + limit->seed[1];
    }
    hash = mix(hash ^ limit->seed[1]);
    return hash != 0 ? hash : 1;
}

static uint64_t level_at(const struct rate_limit *limit, const struct bucket *bucket,
                         uint64_t now_ms) {
    uint64_t passed = now_ms - bucket->filled_ms;
    uint64_t level;

    if (passed > limit->level_max) /* so the product cannot overflow */
        return limit->level_max;
    level = bucket->level + passed * limit->per_minute;
    return level < limit->level_max ? level : limit->level_max;
}

/* The key's bucket, or the one to give up for it: a free one, else the fullest,
 * which has been quiet for longest; whoever is at the limit stays remembered. */
static struct bucket *find(struct rate_limit *limit, uint64_t key, uint64_t now_ms) {
    struct bucket *set = &limit->buckets[(key & (limit->sets - 1)) * WAYS];
    struct bucket *victim = &set[0];
    uint64_t victim_level = 0;

    for (size_t i = 0; i < WAYS; i++) {
        uint64_t level;

        if (set[i].key == key)
            return &set[i];
        level = set[i].key == 0 ? UINT64_MAX : level_at(limit, &set[i], now_ms);
        if (level > victim_level) {
            victim_level = level;
            victim = &set[i];
        }
    }
    *victim = (struct bucket){key, limit->level_max, now_ms};
    return victim;
}

bool rate_limit_take(struct rate_limit *limit, struct span key) {
    uint64_t now_ms;
    struct bucket *bucket;
    bool taken;

    if (limit->per_minute == 0)
        return true;
    CHECK(pthread_mutex_lock(&limit->lock) == 0);
    /* Read under the lock: now_ms never lies before a bucket's filled_ms. */
    now_ms = limit->clock.mono_ms(limit->clock.impl);
    bucket = find(limit, key_of(limit, key), now_ms);
    bucket->level = level_at(limit, bucket, now_ms);
    bucket->filled_ms = now_ms;
    taken = bucket->level >= TOKEN_UNITS;
    if (taken)
        bucket->level -= TOKEN_UNITS;
    CHECK(pthread_mutex_unlock(&limit->lock) == 0);
    return taken;
}
