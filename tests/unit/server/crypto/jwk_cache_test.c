/* jwk_cache: a key that was seen is the same key, and no point gets in by another's. */
#include <pthread.h>
#include <string.h>

#include "server/crypto/jwk.h"
#include "server/crypto/jwk_cache.h"
#include "tests/unit/server/unit.h"

#define MANY 400 /* more than there are places */

static json_t *new_key(void) {
    cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    char *text = cjose_jwk_to_json(key, false, NULL);
    json_t *object = json_loads(text, 0, NULL);

    assert_non_null(object);
    cjose_get_dealloc()(text);
    cjose_jwk_release(key);
    return object;
}

static cjose_jwk_t *load(const json_t *object) {
    const char *why = NULL;
    struct jwk jwk;

    assert_int_equal(jwk_load_public(object, &jwk, &why), OK);
    assert_int_equal(jwk.type, JWK_P256);
    return jwk.cjose;
}

static void test_the_same_again(void **state) {
    json_t *one = new_key(), *other = new_key();
    cjose_jwk_t *first = load(one), *second = load(one), *third = load(other);

    (void)state;
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, third);
    cjose_jwk_release(first);
    cjose_jwk_release(second);
    second = load(one); /* nobody else held it */
    assert_ptr_equal(first, second);
    cjose_jwk_release(second);
    cjose_jwk_release(third);
    json_decref(one);
    json_decref(other);
}

/* Half of the one and half of the other is no point, however well both are known. */
static void test_no_point_by_halves(void **state) {
    json_t *one = new_key(), *other = new_key();
    const char *why = NULL;
    struct jwk jwk;

    (void)state;
    cjose_jwk_release(load(one));
    cjose_jwk_release(load(other));
    json_object_set(one, "y", json_object_get(other, "y"));
    for (int i = 0; i < 2; i++)
        assert_int_equal(jwk_load_public(one, &jwk, &why), ERR_INVALID);
    json_decref(one);
    json_decref(other);
}

/* One that is in use is good though its place was taken. */
static void test_many(void **state) {
    json_t *kept = new_key();
    cjose_jwk_t *key = load(kept);
    char *before = cjose_jwk_to_json(key, false, NULL), *after;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        json_t *object = new_key();

        cjose_jwk_release(load(object));
        json_decref(object);
    }
    after = cjose_jwk_to_json(key, false, NULL);
    assert_string_equal(before, after);
    cjose_get_dealloc()(before);
    cjose_get_dealloc()(after);
    cjose_jwk_release(key);
    json_decref(kept);
}

static void *in_thread(void *arg) {
    cjose_jwk_t *key = load(arg);

    cjose_jwk_release(key);
    return key;
}

/* Its own, and it goes with it: the leak checker sees to that. */
static void test_threads(void **state) {
    json_t *object = new_key();
    cjose_jwk_t *ours = load(object);
    void *theirs;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, in_thread, object), 0);
    assert_int_equal(pthread_join(thread, &theirs), 0);
    assert_ptr_not_equal(ours, theirs);
    cjose_jwk_release(ours);
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_again),
        cmocka_unit_test(test_no_point_by_halves),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
