/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [OSPREY__F32] = {"F32", 4},   [OSPREY__F16] = {"F16", 2}, [OSPREY__BF16] = {"BF16", 2},
    [OSPREY__F64] = {"F64", 8},   [OSPREY__I8] = {"I8", 1},   [OSPREY__U8] = {"U8", 1},
    [OSPREY__I16] = {"I16", 2},   [OSPREY__I32] = {"I32", 4}, [OSPREY__I64] = {"I64", 8},
    [OSPREY__BOOL] = {"BOOL", 1},
};

size_t osprey__dtype_bytes(osprey__dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *osprey__dtype_name(osprey__dtype dtype)
{
    return dtypes[dtype].name;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t rest = half & 0x7fff;
    if (rest >= 0x7c00) /* infinity and NaN */
        return from_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x400) /* normal: the exponent's bias goes from 15 to 127 */
        return from_bits(sign | ((rest << 13) + ((127 - 15) << 23)));
    float magnitude = (float)rest * 0x1p-24F; /* subnormal */
    return sign ? -magnitude : magnitude;
}

void osprey__to_f32(osprey__dtype dtype, const void *source, size_t count, float *destination)
{
    if (dtype == OSPREY__F32) {
        memcpy(destination, source, count * sizeof(float));
        return;
    }
    assert(dtype == OSPREY__F16 || dtype == OSPREY__BF16);
    const uint8_t *bytes = source;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        destination[i] =
            dtype == OSPREY__F16 ? half_to_float(half) : from_bits((uint32_t)half << 16);
    }
}

static uint16_t float_to_half(float x)
{
    enum {
        LARGEST_HALF = 0x477fe000,
        SMALLEST_NORMAL_HALF = 0x38800000,
        INFINITY_BITS = 0x7f800000
    };
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > INFINITY_BITS) return (uint16_t)(sign | 0x7e00);
    if (rest == INFINITY_BITS) return (uint16_t)(sign | 0x7c00);
    if (rest > LARGEST_HALF) rest = LARGEST_HALF;
    if (rest < SMALLEST_NORMAL_HALF)
        return (uint16_t)(sign | (uint32_t)lrintf(from_bits(rest) * 0x1p24F));
    uint32_t rounded = rest + 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | ((rounded >> 13) - ((127 - 15) << 10)));
}

static uint16_t float_to_bfloat(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    bool overflow = (rounded & 0x7fffffff) == 0x7f800000 && (bits & 0x7fffffff) != 0x7f800000;
    return (uint16_t)(overflow ? bits >> 16 : rounded >> 16);
}

void osprey__from_f32(osprey__dtype dtype, const float *source, size_t count, uint16_t *destination)
{
    assert(dtype == OSPREY__F16 || dtype == OSPREY__BF16);
    for (size_t i = 0; i < count; i++)
        destination[i] =
            dtype == OSPREY__F16 ? float_to_half(source[i]) : float_to_bfloat(source[i]);
}
