/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of the first core's data caches; cpu_features.h has the answer, found once. */
#ifndef OSPREY_BASE_CACHE_SIZES_H
#define OSPREY_BASE_CACHE_SIZES_H

#include <stddef.h>

/*
 * bytes[level - 1] for levels 1 to 3, from Linux's sysfs (sysconf of glibc 2.36 is wrong by ten
 * times for the third level of a Zen 4). A level that is not told keeps its value.
 */
void osprey__cache_sizes(size_t bytes[3]);

#endif
