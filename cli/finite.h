/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels or an embedding of NaN or infinity are no result: such an embedding fits every label. */
#ifndef OSPREY_CLI_FINITE_H
#define OSPREY_CLI_FINITE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static inline bool cli_all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

#endif
