/* SPDX-License-Identifier: Apache-2.0 */
/* The portable attention: a row of scores at a time. */
#include "kernels/attention.h"
#include "kernels/kernel_list.h"

#include <math.h>
#include <string.h>

size_t osprey__attention_f32_scratch_floats__portable(size_t query_rows, size_t key_rows,
                                                      size_t head_dim)
{
    (void)query_rows;
    (void)head_dim;
    return key_rows;
}

/* Replaces scores by weights that have yet to be divided by the returned sum. */
static float exponentials(size_t count, float *scores)
{
    float largest = scores[0];
    for (size_t j = 1; j < count; j++) largest = fmaxf(largest, scores[j]);
    float sum = 0;
    for (size_t j = 0; j < count; j++) {
        scores[j] = expf(scores[j] - largest);
        sum += scores[j];
    }
    return sum;
}

void osprey__attention_f32__portable(const osprey__attention_f32_args *args)
{
    float *scores = args->scratch;
    for (size_t i = 0; i < args->query_rows; i++) {
        size_t keys = args->causal ? args->key_rows - args->query_rows + i + 1 : args->key_rows;
        const float *q = args->q + i * args->q_stride;
        for (size_t j = 0; j < keys; j++) {
            const float *k = args->k + j * args->kv_stride;
            float dot = 0;
            for (size_t d = 0; d < args->head_dim; d++) dot += q[d] * k[d];
            scores[j] = dot * args->scale;
            if (args->key_bias) scores[j] += args->key_bias[j];
        }
        float sum = exponentials(keys, scores);
        float *out = args->out + i * args->out_stride;
        memset(out, 0, args->head_dim * sizeof *out);
        for (size_t j = 0; j < keys; j++) {
            const float *v = args->v + j * args->kv_stride;
            for (size_t d = 0; d < args->head_dim; d++) out[d] += scores[j] * v[d];
        }
        for (size_t d = 0; d < args->head_dim; d++) out[d] /= sum;
    }
}
