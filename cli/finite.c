/* SPDX-License-Identifier: Apache-2.0 */
#include "finite.h"

#include <math.h>
#include <stdio.h>

bool cli_all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

void cli_say_not_finite(const char *input, osprey_error *error)
{
    *error = (osprey_error){.status = OSPREY_FORMAT};
    snprintf(error->subject, sizeof error->subject, "%s", input);
    snprintf(error->message, sizeof error->message,
             "its embedding is not finite: the model's weights hold NaN or infinity, which osprey "
             "compile finds, or numbers too large");
}
