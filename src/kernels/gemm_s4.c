/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int4: packing for every instruction set, and the portable product. A weight is an integer from
 * -8 to 7 times the scale of its group, 32 weights along k of one output channel; rows of a are
 * quantized to int8 as they come. The integers of a group are summed exactly and the groups' sums
 * added as floats in order: instruction sets agree bit for bit up to the activation function.
 *
 * A panel is a record a group: 16 * columns bytes, then [columns] scales in bfloat16. The bytes
 * are what an int8 panel of 32 / depth steps would be, [step][columns][depth], each weight plus 8
 * in four bits: an even step in the lower half of the byte, the odd step after it in the upper.
 */
#include "base/dtype.h"
#include "base/memory.h"
#include "kernels/gemm_portable.h"

enum { GROUP = OSPREY__INT4_GROUP };

size_t osprey__gemm_s4_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    size_t groups = (k + GROUP - 1) / GROUP;
    return osprey__round_up(groups * osprey__int4_record_bytes(kernel->columns), OSPREY__ALIGNMENT);
}

static float round_to_bf16(float x, uint16_t *half)
{
    osprey__from_f32(OSPREY__BF16, &x, 1, half);
    osprey__to_f32(OSPREY__BF16, half, 1, &x);
    return x;
}

/* integers = x / scale, rounded; returns the squared error that is left. */
static float quantize(const float x[GROUP], float scale, float integers[GROUP])
{
    float inverse = 1 / scale, error = 0;
    for (size_t i = 0; i < GROUP; i++) {
        float integer = rintf(x[i] * inverse);
        integer = !(integer > -8) ? -8 : integer > 7 ? 7 : integer; /* NaN: -8 */
        integers[i] = integer;
        float difference = x[i] - integer * scale;
        error += difference * difference;
    }
    return error;
}

/*
 * The scale, of some around that which takes the largest weight to -8 (so it has that weight's
 * sign turned), with the least squared error.
 */
static uint16_t choose_scale(const float x[GROUP], float integers[GROUP])
{
    float largest = 0;
    for (size_t i = 0; i < GROUP; i++)
        if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
    memset(integers, 0, GROUP * sizeof *integers);
    if (fabsf(largest) < 1e-30F) return 0;
    float least = INFINITY;
    uint16_t best = 0;
    for (int eighths = 50; eighths <= 78; eighths += 4) {
        float tried[GROUP];
        uint16_t half;
        float scale = round_to_bf16(-largest * 8 / (float)eighths, &half);
        float error = quantize(x, scale, tried);
        if (error >= least) continue;
        least = error;
        best = half;
        memcpy(integers, tried, sizeof tried);
    }
    return best;
}

static void pack_group(const osprey__gemm_kernel *kernel, const float integers[GROUP],
                       uint8_t *record, size_t column)
{
    size_t depth = kernel->depth, step_bytes = kernel->columns * depth;
    for (size_t i = 0; i < GROUP; i++) {
        size_t step = i / depth, within = column * depth + i % depth;
        uint8_t nibble = (uint8_t)(integers[i] + 8);
        record[step / 2 * step_bytes + within] |= (uint8_t)(step % 2 ? nibble << 4 : nibble);
    }
}

void osprey__gemm_s4_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                          const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    size_t columns = kernel->columns, record_bytes = osprey__int4_record_bytes(columns);
    uint8_t *panel = packed;
    for (size_t first = 0; first < n; first += columns) {
        memset(panel, 0, kernel->panel_bytes(kernel, k));
        for (size_t column = 0; column < columns && first + column < n; column++) {
            const float *source = weight + (first + column) * stride_n;
            for (size_t begin = 0; begin < k; begin += GROUP) {
                float x[GROUP] = {0}, integers[GROUP];
                for (size_t i = 0; i < GROUP && begin + i < k; i++)
                    x[i] = source[(begin + i) * stride_k];
                uint8_t *record = panel + begin / GROUP * record_bytes;
                uint16_t scale = choose_scale(x, integers);
                pack_group(kernel, integers, record, column);
                memcpy(record + GROUP / 2 * columns + column * sizeof scale, &scale, sizeof scale);
            }
        }
        panel += kernel->panel_bytes(kernel, k);
    }
}

/* A prepared row: groups of bytes, zeros behind the k-th, then their scale. */
size_t osprey__gemm_s4_row_bytes__portable(size_t k)
{
    return osprey__round_up(osprey__round_up(k, GROUP) + sizeof(float), OSPREY__ALIGNMENT);
}

void osprey__gemm_s4_prepare__portable(const osprey__gemm_input *input, void *rows)
{
    size_t row_bytes = osprey__gemm_s4_row_bytes__portable(input->k);
    char *out = rows;
    memset(out, 0, input->m * row_bytes);
    for (size_t row = 0; row < input->m; row++, out += row_bytes) {
        float scale = quantize_row(input, row, (int8_t *)out);
        memcpy(out + osprey__round_up(input->k, GROUP), &scale, sizeof scale);
    }
}

/* sums[column] += the group's products with `row`, GROUP elements */
static void add_group(const int8_t *row, const uint8_t *record, float sums[PORTABLE_COLUMNS])
{
    float scales[PORTABLE_COLUMNS];
    osprey__to_f32(OSPREY__BF16, record + GROUP / 2 * PORTABLE_COLUMNS, PORTABLE_COLUMNS, scales);
    int32_t integers[PORTABLE_COLUMNS] = {0};
    for (size_t i = 0; i < GROUP; i++)
        for (size_t column = 0; column < PORTABLE_COLUMNS; column++) {
            int byte = record[i / 2 * PORTABLE_COLUMNS + column];
            integers[column] += row[i] * ((i % 2 ? byte >> 4 : byte & 15) - 8);
        }
    for (size_t column = 0; column < PORTABLE_COLUMNS; column++)
        sums[column] += (float)integers[column] * scales[column];
}

void osprey__gemm_s4__portable(const osprey__gemm_args *args)
{
    size_t padded = osprey__round_up(args->k, GROUP);
    size_t record_bytes = osprey__int4_record_bytes(PORTABLE_COLUMNS);
    const uint8_t *panel = args->packed;
    for (size_t first = 0; first < args->n; first += PORTABLE_COLUMNS) {
        size_t columns = args->n - first < PORTABLE_COLUMNS ? args->n - first : PORTABLE_COLUMNS;
        for (size_t row = 0; row < args->m; row++) {
            const int8_t *a = row_of(args, row);
            float scale, sums[PORTABLE_COLUMNS] = {0};
            memcpy(&scale, a + padded, sizeof scale);
            for (size_t begin = 0; begin < args->k; begin += GROUP)
                add_group(a + begin, panel + begin / GROUP * record_bytes, sums);
            for (size_t column = 0; column < PORTABLE_COLUMNS; column++) sums[column] *= scale;
            finish_row(args, row, first, columns, sums);
        }
        panel += osprey__round_up(padded / GROUP * record_bytes, OSPREY__ALIGNMENT);
    }
}
