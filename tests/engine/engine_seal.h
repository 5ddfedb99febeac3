/* SPDX-License-Identifier: Apache-2.0 */
/* For tests and fuzzers that change an engine and want to get behind its checksums. */
#ifndef OSPREY_TESTS_ENGINE_SEAL_H
#define OSPREY_TESTS_ENGINE_SEAL_H

#include <stddef.h>
#include <stdint.h>

/* Makes length and checksums right again, as far as the table of sections can be followed. */
void engine_seal(uint8_t *bytes, size_t length);

#endif
