/* unit: cmocka with the headers that it wants first. */
#ifndef TESTS_UNIT_STORE_UNIT_H
#define TESTS_UNIT_STORE_UNIT_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#include "store/base/err.h"

#define assert_err(got, want) assert_string_equal(err_str(got), err_str(want))
#define assert_ok(got) assert_err(got, OK)

#endif
