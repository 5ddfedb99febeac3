/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/token_merge.h"

#include <string.h>

static float size_of(const osprey__token_merge_f32_args *args, size_t row)
{
    return args->sizes ? args->sizes[row] : 1;
}

void osprey__token_sizes_f32(const osprey__token_merge_f32_args *args)
{
    memset(args->merged_sizes, 0, args->merged_rows * sizeof *args->merged_sizes);
    for (size_t row = 0; row < args->rows; row++)
        args->merged_sizes[(size_t)args->targets[row]] += size_of(args, row);
}

void osprey__token_merge_f32(const osprey__token_merge_f32_args *args)
{
    osprey__token_sizes_f32(args);
    memset(args->out, 0, args->merged_rows * args->width * sizeof *args->out);
    for (size_t row = 0; row < args->rows; row++) {
        size_t target = (size_t)args->targets[row];
        const float *x = args->x + row * args->width;
        float *out = args->out + target * args->width;
        /* Exactly 1 for a row that stays alone. */
        float share = size_of(args, row) / args->merged_sizes[target];
        for (size_t i = 0; i < args->width; i++) out[i] += share * x[i];
    }
}
