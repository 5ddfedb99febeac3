/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow's convolution resize, bit for bit (Pillow, src/libImaging/Resample.c): filters that widen
 * when the picture shrinks, coefficients in fixed point with 22 bits behind the point, rows first,
 * rounded to 8 bits between the two passes. Every output is independent of its neighbours, so only
 * those that a crop keeps are computed.
 *
 *     osprey__resize_axis columns = {0};
 *     osprey__resize_input in = {.samples = 500, .end = 500};
 *     OSPREY_TRY(osprey__resize_axis_init(&columns, &in, 311, 43, 224, OSPREY_RESAMPLE_BICUBIC,
 *                                         error));
 *     kernels->horizontal(rgb, 500 * 3, 359, &columns, narrow, 704);
 *     osprey__resize_axis_free(&columns);
 */
#ifndef OSPREY_INPUT_IMAGE_RESIZE_H
#define OSPREY_INPUT_IMAGE_RESIZE_H

#include "base/cpu/cpu_features.h"

#include <osprey/image.h>

#include <stddef.h>
#include <stdint.h>

/* Bits behind the point of a coefficient. 8 of 32 are the pixel's, 2 leave room for overshoot. */
#define OSPREY__RESIZE_BITS 22

/* For products of 16 bits a coefficient is high * 2^15 + low, with low not negative. */
#define OSPREY__RESIZE_LOW_BITS 15

/* How one output is mixed from neighbours: inputs first to first + taps - 1. */
typedef struct osprey__resize_window {
    size_t first;
    size_t taps; /* at least 1 */
} osprey__resize_window;

/* Two neighbouring coefficients, split. */
typedef struct osprey__resize_pair {
    int16_t high[2], low[2];
} osprey__resize_pair;

/* Four neighbouring coefficients for products of 8 bits: byte[0] + byte[1] * 2^8 + byte[2] * 2^16,
 * each byte signed. */
typedef struct osprey__resize_quad {
    int8_t byte[3][4];
} osprey__resize_quad;

/* Outputs of one direction, in order. Read-only once made; any number of threads may use it. */
typedef struct osprey__resize_axis {
    size_t count;                   /* of outputs */
    size_t stride;                  /* coefficients an output, zeroes at the end; 4 divides it */
    osprey__resize_window *windows; /* [count] */
    int32_t *coefficients;          /* [count][stride] */
    osprey__resize_pair *pairs;     /* [count][stride / 2], the same numbers */
    osprey__resize_quad *quads;     /* [count][stride / 4], the same again */
} osprey__resize_axis;

/* Samples, at least 1, of which those from begin to end, not always whole ones, are resized:
 * Pillow's `box`. */
typedef struct osprey__resize_input {
    size_t samples;
    double begin, end;
} osprey__resize_input;

/*
 * The outputs first to first + count - 1 of out (at least 1) that the input becomes.
 * Errors: OSPREY_UNSUPPORTED (no such filter), OSPREY_LIMIT (far too many samples),
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__resize_axis_init(osprey__resize_axis *axis, const osprey__resize_input *in,
                                       size_t out, size_t first, size_t count,
                                       osprey_resample resample, osprey_error *error);

/* Of the samples, those that such an axis looks at. Errors: OSPREY_UNSUPPORTED. */
osprey_status osprey__resize_reach(const osprey__resize_input *in, size_t out, size_t first,
                                   size_t count, osprey_resample resample,
                                   osprey__resize_window *reach, osprey_error *error);

/* Takes an axis of zeroes too. */
void osprey__resize_axis_free(osprey__resize_axis *axis);

/* A byte v of channel c becomes v * scale[c] + shift[c], rounded once; table holds them all. */
typedef struct osprey__resize_levels {
    float scale[3], shift[3];
    float table[3][256];
} osprey__resize_levels;

void osprey__resize_levels_init(osprey__resize_levels *levels, const float scale[3],
                                const float shift[3]);

/*
 * One instruction set's way; all give the same bits. OSPREY__RESIZE_SLACK bytes behind the last
 * row of every source have to be readable and behind every destination writable.
 */
#define OSPREY__RESIZE_SLACK     64
#define OSPREY__RESIZE_ROW_SLACK 16

typedef struct osprey__resize_kernels {
    const char *name;
    osprey__cpu_level level; /* what they need */
    /* rows rows of RGB; destination gets columns->count (at least 1) pixels a row, and its rows
     * have OSPREY__RESIZE_ROW_SLACK bytes more, whose values are lost. */
    void (*horizontal)(const uint8_t *source, size_t source_row_bytes, size_t rows,
                       const osprey__resize_axis *columns, uint8_t *destination,
                       size_t destination_row_bytes);
    /* One output row of bytes bytes. source is the row that windows' numbers count from. */
    void (*vertical)(const uint8_t *source, size_t source_row_bytes,
                     const osprey__resize_axis *rows, size_t output, uint8_t *destination,
                     size_t bytes);
    /* count RGB pixels to one row of each plane. */
    void (*to_planes)(const uint8_t *rgb, size_t count, const osprey__resize_levels *levels,
                      float *const planes[3]);
} osprey__resize_kernels;

extern const osprey__resize_kernels osprey__resize_portable;
extern const osprey__resize_kernels osprey__resize_avx2;
extern const osprey__resize_kernels osprey__resize_avx512vnni;

/* The number-th of all kernels, better ones later; NULL behind the last. */
const osprey__resize_kernels *osprey__resize_kernels_at(size_t number);

bool osprey__resize_kernels_run(const osprey__resize_kernels *kernels,
                                const osprey__cpu_features *features);

/* The best kernels that a processor can run. */
const osprey__resize_kernels *osprey__resize_kernels_for(const osprey__cpu_features *features);

#endif
