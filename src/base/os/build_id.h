/* SPDX-License-Identifier: Apache-2.0 */
/* What tells this build from every other: the linker's build id. Any thread may call. */
#ifndef OSPREY_BASE_OS_BUILD_ID_H
#define OSPREY_BASE_OS_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copies at most capacity bytes of the id of the program or shared library that this code is part
 * of, and returns how many; 0 where it was linked without one.
 */
size_t osprey__build_id(uint8_t *id, size_t capacity);

#endif
