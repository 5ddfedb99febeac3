/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka wants these four before itself, whatever the order of includes elsewhere. */
#ifndef OSPREY_TESTS_CMOCKA_ALL_H
#define OSPREY_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* clang-format on */

#endif
