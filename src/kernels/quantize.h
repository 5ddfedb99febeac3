/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of activations as signed bytes, the same bits from every instruction set. */
#ifndef OSPREY_KERNELS_QUANTIZE_H
#define OSPREY_KERNELS_QUANTIZE_H

#include "base/memory.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* int8 x int8 products that an int32 holds the sum of, whatever they are. */
#define OSPREY__INT8_MOST_K ((size_t)1 << 17)

/* What is added to the bytes of int8 weights in panels of a depth: vpdpbusd takes unsigned ones. */
#if defined(__x86_64__)
#define OSPREY__UNSIGNED_DEPTH 4
#else
#define OSPREY__UNSIGNED_DEPTH 0 /* no panel's */
#endif
#define OSPREY__INT8_OFFSET(depth) ((depth) == OSPREY__UNSIGNED_DEPTH ? 128 : 0)

/* Weights along k that share an offset and a multiplier in int4. */
#define OSPREY__INT4_GROUP 32

/* Where the parts of a panel of int4 weights begin, which gemm_s4.c describes, and its bytes. */
typedef struct osprey__int4_layout {
    size_t groups, offsets, multipliers, scales, bytes;
} osprey__int4_layout;

static inline osprey__int4_layout osprey__int4_panel(size_t columns, size_t k)
{
    osprey__int4_layout layout = {.groups = (k + OSPREY__INT4_GROUP - 1) / OSPREY__INT4_GROUP};
    layout.offsets = layout.groups * columns * (OSPREY__INT4_GROUP / 2);
    layout.multipliers = layout.offsets + layout.groups * columns;
    size_t end = layout.multipliers + layout.groups * columns / 2;
    layout.scales = osprey__round_up(end, OSPREY__ALIGNMENT);
    layout.bytes = layout.scales + osprey__round_up(columns * sizeof(float), OSPREY__ALIGNMENT);
    return layout;
}

/* A row's elements are about quantized * scale, quantized = round(x * inverse), -127 to 127. */
typedef struct osprey__row_scale {
    float scale, inverse;
} osprey__row_scale;

/*
 * From the bits of the largest magnitude of the row; as integers they are ordered as the floats
 * are, and a NaN is above infinity. A row of zeros (or of subnormals) is all zero; one with a NaN
 * or an infinity is quantized to zeros too, and its scale makes every result NaN.
 */
static inline osprey__row_scale osprey__row_scale_of(uint32_t largest_bits)
{
    float largest;
    memcpy(&largest, &largest_bits, sizeof largest);
    if (!isfinite(largest)) return (osprey__row_scale){NAN, 0};
    if (largest < 1e-30F) return (osprey__row_scale){0, 0};
    return (osprey__row_scale){largest / 127, 127 / largest};
}

/* The same from the largest magnitude itself. */
static inline osprey__row_scale osprey__row_scale_of_range(float range)
{
    uint32_t bits;
    memcpy(&bits, &range, sizeof bits);
    return osprey__row_scale_of(bits);
}

#endif
