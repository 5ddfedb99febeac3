/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one instruction of AVX-VNNI that kernels use. The lanes name this header as
 * OSPREY__DOT; the tests compile the same source with tests/kernels/dot_emulated.h instead.
 */
#ifndef OSPREY_KERNELS_X86_DOT_AVXVNNI_H
#define OSPREY_KERNELS_X86_DOT_AVXVNNI_H

/* Four signed bytes of factor times four unsigned ones of columns, added to each 32-bit sum. */
OSPREY__INLINE vec dot_bytes(vec factor, vec columns, vec sum)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(columns), "x"(factor));
    return sum;
}

#endif
