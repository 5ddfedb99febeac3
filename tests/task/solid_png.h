/* SPDX-License-Identifier: Apache-2.0 */
/* A PNG file of one grey, for tests that have to tell pictures apart. */
#ifndef OSPREY_TESTS_SOLID_PNG_H
#define OSPREY_TESTS_SOLID_PNG_H

#include <stdint.h>

/* 8 x 8 pixels of RGB (grey, grey, grey). The test fails where it cannot be written. */
void write_solid_png(const char *path, uint8_t grey);

#endif
