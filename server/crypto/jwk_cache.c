#include "server/crypto/jwk_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/check.h"

#define SLOTS 128u

struct cache {
    struct {
        uint8_t point[JWK_POINT];
        cjose_jwk_t *key; /* NULL: free */
    } slot[SLOTS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t of_thread;

static void cache_free(void *arg) {
    struct cache *cache = arg;

    for (size_t i = 0; i < SLOTS; i++)
        cjose_jwk_release(cache->slot[i].key);
    free(cache);
}

static void make_key(void) {
    CHECK(pthread_key_create(&of_thread, cache_free) == 0);
}

static struct cache *cache_of(bool make) {
    struct cache *cache;

    (void)pthread_once(&once, make_key);
    cache = pthread_getspecific(of_thread);
    if (!cache && make) {
        cache = calloc(1, sizeof *cache);
        if (cache && pthread_setspecific(of_thread, cache) != 0) {
            free(cache);
            cache = NULL;
        }
    }
    return cache;
}

/* FNV-1a. Points may be chosen to meet in one place: see the header. */
static size_t place_of(const uint8_t point[JWK_POINT]) {
    uint64_t hash = 1469598103934665603u;

    for (size_t i = 0; i < JWK_POINT; i++)
        hash = (hash ^ point[i]) * 1099511628211u;
    return hash % SLOTS;
}

cjose_jwk_t *jwk_cache_get(const uint8_t point[JWK_POINT]) {
    struct cache *cache = cache_of(false);
    size_t at = place_of(point);

    if (!cache || !cache->slot[at].key ||
        memcmp(cache->slot[at].point, point, JWK_POINT) != 0)
        return NULL;
    return cjose_jwk_retain(cache->slot[at].key, NULL);
}

void jwk_cache_put(const uint8_t point[JWK_POINT], cjose_jwk_t *key) {
    struct cache *cache = cache_of(true);
    size_t at = place_of(point);

    if (!cache || !cjose_jwk_retain(key, NULL))
        return;
    cjose_jwk_release(cache->slot[at].key);
    cache->slot[at].key = key;
    memcpy(cache->slot[at].point, point, JWK_POINT);
}
