/* SPDX-License-Identifier: Apache-2.0 */
/* OSPREY__UNROLL before a loop of at most 16 rounds whose arrays have to become registers. */
#ifndef OSPREY_KERNELS_UNROLL_H
#define OSPREY_KERNELS_UNROLL_H

/* Each compiler ignores the other's. */
#if defined(__clang__)
#define OSPREY__UNROLL _Pragma("clang loop unroll(full)")
#else
#define OSPREY__UNROLL _Pragma("GCC unroll 16")
#endif

#endif
