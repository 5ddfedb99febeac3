/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What resize_avx2.c and resize_avx512vnni.c share: the rows of the horizontal pass in fours. Each
 * brings its own horizontal_four.
 */
#ifndef OSPREY_INPUT_IMAGE_X86_RESIZE_X86_H
#define OSPREY_INPUT_IMAGE_X86_RESIZE_X86_H

#include "input/image/resize.h"

/* All outputs of columns for four rows. */
static void horizontal_four(const uint8_t *source, size_t source_row_bytes,
                            const osprey__resize_axis *columns, uint8_t *destination,
                            size_t destination_row_bytes);

static void horizontal(const uint8_t *source, size_t source_row_bytes, size_t rows,
                       const osprey__resize_axis *columns, uint8_t *destination,
                       size_t destination_row_bytes)
{
    if (rows < 4) {
        osprey__resize_portable.horizontal(source, source_row_bytes, rows, columns, destination,
                                           destination_row_bytes);
        return;
    }
    for (size_t y = 0; y < rows; y += 4) {
        size_t row = y < rows - 4 ? y : rows - 4; /* the last four may begin among those done */
        horizontal_four(source + row * source_row_bytes, source_row_bytes, columns,
                        destination + row * destination_row_bytes, destination_row_bytes);
    }
}

#endif
