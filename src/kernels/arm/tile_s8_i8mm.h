/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register tile of simd/tile_simd.h for smmla, which multiplies two rows by two columns: the
 * four sums of both lie in a vector, the second row's behind the first's. An odd last row is
 * multiplied with itself.
 */
#ifndef OSPREY_KERNELS_ARM_TILE_S8_I8MM_H
#define OSPREY_KERNELS_ARM_TILE_S8_I8MM_H

enum { TILE_ROW_PAIRS = (TILE_ROWS + 1) / 2, TILE_COLUMN_PAIRS = TILE_COLUMNS / 2 };

/* Four columns of two rows become two rows of two columns each, and back. */
OSPREY__INLINE void exchange_middle(int32x4_t *x, int32x4_t *y)
{
    int64x2_t first = vreinterpretq_s64_s32(*x), second = vreinterpretq_s64_s32(*y);
    *x = vreinterpretq_s32_s64(vzip1q_s64(first, second));
    *y = vreinterpretq_s32_s64(vzip2q_s64(first, second));
}

/* rows and vecs are constants at every call. */
OSPREY__INLINE void tile_of_rows(const tile_job *job, const size_t rows, const size_t vecs)
{
    const size_t row_pairs = (rows + 1) / 2, column_pairs = 2 * vecs;
    int32x4_t sums[TILE_ROW_PAIRS][TILE_COLUMN_PAIRS];
    OSPREY__UNROLL
    for (size_t pair = 0; pair < row_pairs; pair++) {
        const size_t second = 2 * pair + 1 < rows ? 2 * pair + 1 : 2 * pair;
        OSPREY__UNROLL
        for (size_t i = 0; i < column_pairs; i += 2) {
            sums[pair][i] = vreinterpretq_s32_f32(first_sum(job, 2 * pair, i / 2));
            sums[pair][i + 1] = vreinterpretq_s32_f32(first_sum(job, second, i / 2));
            exchange_middle(&sums[pair][i], &sums[pair][i + 1]);
        }
    }

    if (job->results)
        for (size_t row = 0; row < rows; row++)
            __builtin_prefetch(job->results + row * job->results_stride, 1);
    const char *b = job->b, *prefetch = job->prefetch;
    const lane *a = job->a;
    for (size_t steps = job->steps; steps > 0; steps--, a++, b += TILE_STEP_BYTES) {
        int8x16_t factors[TILE_ROW_PAIRS];
        OSPREY__UNROLL
        for (size_t pair = 0; pair < row_pairs; pair++) {
            const lane *first = a + 2 * pair * job->lda;
            const lane *second = 2 * pair + 1 < rows ? first + job->lda : first;
            factors[pair] =
                vcombine_s8(vcreate_s8((uint64_t)*first), vcreate_s8((uint64_t)*second));
        }
        OSPREY__UNROLL
        for (size_t i = 0; i < column_pairs; i++) {
            int8x16_t columns = vld1q_s8((const int8_t *)b + 16 * i);
            OSPREY__UNROLL
            for (size_t pair = 0; pair < row_pairs; pair++)
                sums[pair][i] = vmmlaq_s32(sums[pair][i], factors[pair], columns);
        }
        __builtin_prefetch(prefetch, 0, 2);
        prefetch += job->prefetch_step;
    }

    OSPREY__UNROLL
    for (size_t pair = 0; pair < row_pairs; pair++) {
        OSPREY__UNROLL
        for (size_t i = 0; i < column_pairs; i += 2) {
            exchange_middle(&sums[pair][i], &sums[pair][i + 1]);
            keep_sum(job, 2 * pair, i / 2, vreinterpretq_f32_s32(sums[pair][i]));
            if (2 * pair + 1 < rows)
                keep_sum(job, 2 * pair + 1, i / 2, vreinterpretq_f32_s32(sums[pair][i + 1]));
        }
    }
}

#endif
