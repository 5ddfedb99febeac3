/* SPDX-License-Identifier: Apache-2.0 */
/* How many cores this process may keep busy; cpu_features.h has the answer, found once. */
#ifndef OSPREY_BASE_USABLE_CORES_H
#define OSPREY_BASE_USABLE_CORES_H

#include <stddef.h>

/*
 * The scheduler's affinity mask, or less where the quota of the process's cgroup (version 2) or
 * of one above it is smaller; a fraction of a core counts as one. At least 1.
 */
size_t osprey__usable_cores(void);

/* The cores that the text of a cpu.max file ("150000 100000", "max 100000") allows, rounded up;
 * SIZE_MAX for no quota or another text. */
size_t osprey__cgroup_quota_cores(const char *cpu_max);

#endif
