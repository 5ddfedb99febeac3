/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as bfloat16s: as such for vdpbf16ps, widened again for the others. */
#ifndef OSPREY_KERNELS_X86_ROWS_BF16_H
#define OSPREY_KERNELS_X86_ROWS_BF16_H

#include "kernels/x86/gemm_x86.h"

/* The vector's elements, rounded to the upper halves of floats, to even; NaN stays. */
#if LANE_IS_PAIR

enum { ELEMENT_BYTES = 2 };

OSPREY__INLINE void store_rounded(char *out, vec x)
{
    __m512i bits = _mm512_castps_si512(x);
    __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(1 << 22));
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

#else

enum { ELEMENT_BYTES = sizeof(float) };

OSPREY__INLINE void store_rounded(char *out, vec x)
{
#if defined(__AVX512F__)
    __m512i bits = _mm512_castps_si512(x);
    __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
    rounded = _mm512_and_si512(rounded, _mm512_set1_epi32(-0x10000));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    vec_store((float *)out, _mm512_mask_mov_ps(_mm512_castsi512_ps(rounded), nan, x));
#else
    __m256i bits = _mm256_castps_si256(x);
    __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    rounded = _mm256_and_si256(rounded, _mm256_set1_epi32(-0x10000));
    vec nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    vec_store((float *)out, _mm256_blendv_ps(_mm256_castsi256_ps(rounded), x, nan));
#endif
}

#endif

/* An odd number of cache lines, so that rows do not share cache sets. */
static size_t row_scratch_bytes(size_t k)
{
    return osprey__round_up(k * ELEMENT_BYTES, 2 * OSPREY__ALIGNMENT) + OSPREY__ALIGNMENT;
}

static void prepare_rows(const osprey__gemm_args *args, row_block *block)
{
    size_t k = args->k, row_bytes = row_scratch_bytes(k);
    char *rows = args->scratch;
    for (size_t row = 0; row < block->rows; row++) {
        const float *x = args->a + (block->first_row + row) * args->lda;
        for (size_t i = 0; i < k; i += VEC_FLOATS)
            store_rounded(rows + row * row_bytes + i * ELEMENT_BYTES, load_elements(x, i, k));
    }
    block->a = (const lane *)rows;
    block->lda = row_bytes / sizeof(lane);
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, SUM_FLOAT);
}

#endif
