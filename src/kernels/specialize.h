/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kernel is written once and compiled for each size: a function before which OSPREY__INLINE
 * stands is part of every caller, so that sizes that are constants there are constants in it, and a
 * loop of at most 16 rounds before which OSPREY__UNROLL stands is written out, so that its arrays
 * become registers.
 *
 * Under sanitizers neither happens: what they add to each access makes minutes of compiling of it,
 * and the arrays that stay are checked as any other.
 */
#ifndef OSPREY_KERNELS_SPECIALIZE_H
#define OSPREY_KERNELS_SPECIALIZE_H

#if defined(OSPREY__SANITIZED)
#define OSPREY__INLINE static inline
#define OSPREY__UNROLL
#elif defined(__clang__)
#define OSPREY__INLINE static inline __attribute__((always_inline))
#define OSPREY__UNROLL _Pragma("clang loop unroll(full)")
#else
#define OSPREY__INLINE static inline __attribute__((always_inline))
#define OSPREY__UNROLL _Pragma("GCC unroll 16")
#endif

#endif
