/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target has: one function that takes any bytes. It ends the process where the
 * library breaks a promise; libFuzzer and the sanitizers see the rest.
 */
#ifndef OSPREY_FUZZ_TARGET_H
#define OSPREY_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_PROMISE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
