/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches of a feature map as rows of a product, for the rows_*.h: whatever a format makes of an
 * element is made once for all patches of a row of output positions, and then copied.
 */
#ifndef OSPREY_KERNELS_SIMD_PATCHES_SIMD_H
#define OSPREY_KERNELS_SIMD_PATCHES_SIMD_H

#include "kernels/gemm.h"

#include <string.h>

/* Consecutive patches in one row of output positions. */
typedef struct patch_row {
    size_t first, count; /* of the input's rows */
    osprey__span rows;   /* of the map that they lie in */
} patch_row;

/* The patches that follow those of *at, which begins as zeros; false where there are no more. */
OSPREY__INLINE bool next_patches(const osprey__gemm_input *input, patch_row *at)
{
    at->first += at->count;
    if (at->first >= input->m) return false;
    size_t position = input->first + at->first, width = input->patches->out_width;
    size_t left = input->m - at->first, in_row = width - position % width;
    at->count = in_row < left ? in_row : left;
    at->rows = osprey__window_rows(input->patches, position);
    return true;
}

/* The map's rows that the patches lie in. */
OSPREY__INLINE const float *patch_map(const osprey__gemm_input *input, const patch_row *at)
{
    const osprey__conv_shape *shape = input->patches;
    return (const float *)input->x + at->rows.start * shape->width * shape->channels;
}

/*
 * Copies the patch of those columns to out: pixels holds the map's rows of patch_map, an element
 * being element_bytes long. Zeros where the patch leaves the map.
 */
OSPREY__INLINE void copy_patch(const osprey__conv_shape *shape, const patch_row *at,
                               osprey__span columns, const char *pixels, size_t element_bytes,
                               char *out)
{
    size_t pixel_bytes = shape->channels * element_bytes;
    size_t window_bytes = shape->kernel_width * pixel_bytes;
    if (at->rows.count < shape->kernel_height || columns.count < shape->kernel_width)
        memset(out, 0, shape->kernel_height * window_bytes);
    out += at->rows.skipped * window_bytes + columns.skipped * pixel_bytes;
    pixels += columns.start * pixel_bytes;
    for (size_t row = 0; row < at->rows.count; row++)
        memcpy(out + row * window_bytes, pixels + row * shape->width * pixel_bytes,
               columns.count * pixel_bytes);
}

/*
 * Copies the patch that is a row of the input from input->scratch, which holds the map's rows of
 * patch_map, to out, and fills that with zeros up to row_bytes.
 */
OSPREY__INLINE void copy_scratch_patch(const osprey__gemm_input *input, const patch_row *at,
                                       size_t row, size_t element_bytes, size_t row_bytes,
                                       char *out)
{
    size_t end = input->k * element_bytes;
    copy_patch(input->patches, at, osprey__window_columns(input->patches, input->first + row),
               input->scratch, element_bytes, out);
    memset(out + end, 0, row_bytes - end);
}

#endif
