/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one instruction of AVX-512 FP16 that kernels use, on vectors whose bits are half-precision
 * numbers. A kernel's source names this header as OSPREY__HALVES; the tests compile the same source
 * with tests/kernels/halves_emulated.h instead.
 */
#ifndef OSPREY_KERNELS_X86_HALVES_AVX512FP16_H
#define OSPREY_KERNELS_X86_HALVES_AVX512FP16_H

/* factor * columns + sum, each element rounded once. */
OSPREY__INLINE vec halves_multiply_add(vec factor, vec columns, vec sum)
{
    __asm__("vfmadd231ph %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(factor));
    return sum;
}

#endif
