/* SPDX-License-Identifier: Apache-2.0 */
/* For osprey__set_memory_hook. Both take a size_t as their context. */
#ifndef OSPREY_TESTS_MEMORY_HOOKS_H
#define OSPREY_TESTS_MEMORY_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

/* The allocation after *left more fails, and no other. */
bool fail_at(size_t bytes, void *left);

bool count_allocation(size_t bytes, void *allocations);

#endif
