/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of kernels share: arrays of floats that end where a page begins that nobody may
 * touch, so that a vector load or store of one float too many is a crash (AddressSanitizer does not
 * see all of those), with a canary in front; a fixed sequence of random numbers; the instruction
 * sets of this machine.
 */
#ifndef OSPREY_TESTS_KERNELS_GUARDED_H
#define OSPREY_TESTS_KERNELS_GUARDED_H

#include "kernels/kernel_table.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct guarded {
    float *floats; /* count of them; on a 64-byte boundary where count is a multiple of 16 */
    size_t count;
    char *map;
    size_t map_bytes;
} guarded;

/* Filled with random numbers from -limit to limit. Fails the test when memory is short. */
guarded guarded_random(size_t count, float limit);
guarded guarded_copy(const guarded *source);

/* Checks the canary, and frees. */
void guarded_free(guarded *array);

/* The next number of the sequence, from 0 to bound - 1. */
size_t random_below(size_t bound);
float random_float(float limit);

/*
 * Whether the level's kernels run here. Where the program was built with KERNELS_EMULATED, those of
 * AMX and AVX-512 FP16 always do where AVX-512 BF16 is there, and those of AVX-VNNI where AVX2 is:
 * then they use none of these.
 */
bool level_runs(osprey__cpu_level level);

/*
 * The table of a level, or NULL where this machine or build has none; the test's name and the
 * level's are then printed.
 */
const osprey__kernels *kernels_or_say_so(const char *test, osprey__cpu_level level);

/* Fails unless the bits are equal. */
void assert_same_bits(const float *left, const float *right, size_t count);

/* Fails where an element differs by more than tolerance, or only one of the two is NaN. */
void assert_near(const float *left, const float *right, size_t count, double tolerance);

#endif
