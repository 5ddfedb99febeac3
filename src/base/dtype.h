/* SPDX-License-Identifier: Apache-2.0 */
/* Element types of tensors, and their conversion to float. */
#ifndef OSPREY_BASE_DTYPE_H
#define OSPREY_BASE_DTYPE_H

#include <stddef.h>
#include <stdint.h>

typedef enum osprey__dtype {
    OSPREY__F32,
    OSPREY__F16,  /* IEEE 754 binary16 */
    OSPREY__BF16, /* the upper half of binary32 */
    OSPREY__F64,
    OSPREY__I8,
    OSPREY__U8,
    OSPREY__I16,
    OSPREY__I32,
    OSPREY__I64,
    OSPREY__BOOL,
} osprey__dtype;

/* Bytes an element. */
size_t osprey__dtype_bytes(osprey__dtype dtype);

/* "F32", "BF16", ... as safetensors spells them. Static storage. */
const char *osprey__dtype_name(osprey__dtype dtype);

/* Converts count elements of F32, F16 or BF16 at any alignment; exact. */
void osprey__to_f32(osprey__dtype dtype, const void *source, size_t count, float *destination);

/*
 * Rounds count floats to F16 or BF16, ties to even. What is finite stays so: beyond the range of
 * F16 it becomes the largest, 65504.
 */
void osprey__from_f32(osprey__dtype dtype, const float *source, size_t count,
                      uint16_t *destination);

#endif
