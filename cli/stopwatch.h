/* SPDX-License-Identifier: Apache-2.0 */
/* Time that only goes forward. */
#ifndef OSPREY_CLI_STOPWATCH_H
#define OSPREY_CLI_STOPWATCH_H

#include <time.h>

static inline double cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

#endif
