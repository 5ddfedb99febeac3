/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that CTest runs once for each instruction set, which OSPREY_CPU names. */
#ifndef OSPREY_TESTS_TEST_CPU_H
#define OSPREY_TESTS_TEST_CPU_H

/*
 * 0, after naming the instruction set; or what main has to return, after saying why: CTest's code
 * for a test that was not run where this machine lacks it.
 */
int test_cpu_missing(void);

#endif
