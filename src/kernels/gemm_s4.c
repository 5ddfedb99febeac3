/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int4: packing for every instruction set, and the portable product. A weight is an integer of four
 * bits, times its group's multiplier, less its group's offset: a signed byte, and as in int8 that
 * is times the scale of its output channel. A group are 32 weights along k of one channel. So
 * products are int8's, and all instruction sets agree bit for bit up to the activation function.
 *
 * A panel is, for each group, 16 * columns bytes, those of an int8 panel of 32 / depth steps,
 * [step][columns][depth], in four bits each: an even step in the lower half of the byte, the odd
 * step after it in the upper. Then for each group [columns] offsets, modulo 256; then for each
 * [columns / 2] bytes of two multipliers less one, that of a column of the first half in the lower
 * four bits and that of the second half's in the upper; then (on a 64-byte boundary) [columns]
 * scales.
 */
#include "base/dtype.h"
#include "base/memory.h"
#include "kernels/gemm_portable.h"

enum { GROUP = OSPREY__INT4_GROUP, LARGEST = 127, LARGEST_CODE = 15, LARGEST_MULTIPLIER = 16 };

size_t osprey__gemm_s4_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    return osprey__int4_panel(kernel->columns, k).bytes;
}

/* How a group of weights is stored; codes are integers from 0 to LARGEST_CODE. */
typedef struct group_code {
    int multiplier, offset;
    float codes[GROUP];
} group_code;

/* Ties to even; of a magnitude below 2^22. */
static float round_small(float x)
{
    return (x + 12582912.0F) - 12582912.0F;
}

/*
 * The codes nearest to x, which is from -LARGEST to LARGEST, such that what they stand for is so
 * too. Returns the squared error that is left; *mean is that of the errors.
 */
static float find_codes(const float x[GROUP], group_code *group, float *mean)
{
    float multiplier = (float)group->multiplier, offset = (float)group->offset;
    float inverse = 1 / multiplier, error = 0, sum = 0;
    float least = fmaxf(ceilf((offset - LARGEST) * inverse), 0);
    float most = fminf(floorf((offset + LARGEST) * inverse), LARGEST_CODE);
    for (size_t i = 0; i < GROUP; i++) {
        float code = round_small((x[i] + offset) * inverse);
        code = code < least ? least : code;
        code = code > most ? most : code;
        group->codes[i] = code;
        float difference = code * multiplier - offset - x[i];
        error += difference * difference;
        sum += difference;
    }
    *mean = sum / GROUP;
    return error;
}

/*
 * Of some multipliers around that which spreads the codes from the least to the largest of x, the
 * one with the least squared error. An offset begins in the middle and follows the mean error.
 */
static group_code choose_code(const float x[GROUP])
{
    enum { ROUNDS = 3 };
    float low = x[0], high = x[0], least = INFINITY;
    for (size_t i = 1; i < GROUP; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    float even = (high - low) / LARGEST_CODE;
    int last = (int)ceilf(even * 1.05F);
    last = last < 1 ? 1 : last > LARGEST_MULTIPLIER ? LARGEST_MULTIPLIER : last;
    int first = (int)(even * 0.75F);
    first = first < 1 ? 1 : first > last ? last : first;
    group_code best = {.multiplier = 1}, tried;
    for (tried.multiplier = first; tried.multiplier <= last; tried.multiplier++)
        for (int quarter = -1; quarter <= 1; quarter++) {
            float middle = (float)(LARGEST_CODE * tried.multiplier) - low - high;
            tried.offset = (int)rintf((middle + 0.5F * (float)(quarter * tried.multiplier)) / 2);
            for (size_t round = 0; round < ROUNDS; round++) {
                float mean, error = find_codes(x, &tried, &mean);
                if (error < least) {
                    least = error;
                    best = tried;
                }
                int step = (int)rintf(mean);
                if (step == 0) break;
                tried.offset += step;
            }
        }
    return best;
}

static void pack_group(const osprey__gemm_kernel *kernel, const group_code *group,
                       const osprey__int4_layout *layout, uint8_t *panel, size_t index,
                       size_t column)
{
    size_t columns = kernel->columns, depth = kernel->depth, step_bytes = columns * depth;
    uint8_t *codes = panel + index * (GROUP / 2) * columns;
    for (size_t i = 0; i < GROUP; i++) {
        size_t step = i / depth, within = column * depth + i % depth;
        uint8_t code = (uint8_t)group->codes[i];
        codes[step / 2 * step_bytes + within] |= (uint8_t)(step % 2 ? code << 4 : code);
    }
    size_t half = columns / 2;
    uint8_t multiplier = (uint8_t)(group->multiplier - 1);
    panel[layout->offsets + index * columns + column] = (uint8_t)group->offset;
    panel[layout->multipliers + index * half + column % half] |=
        (uint8_t)(column < half ? multiplier : multiplier << 4);
}

/* Returns the column's scale. */
static float pack_column(const osprey__gemm_kernel *kernel, size_t k, const float *weight,
                         size_t stride, uint8_t *panel, size_t column)
{
    const osprey__int4_layout layout = osprey__int4_panel(kernel->columns, k);
    float largest = 0;
    for (size_t i = 0; i < k; i++) largest = fmaxf(largest, fabsf(weight[i * stride]));
    float inverse = largest < 1e-30F ? 0 : LARGEST / largest;
    for (size_t begin = 0; begin < k; begin += GROUP) {
        float x[GROUP] = {0};
        for (size_t i = 0; i < GROUP && begin + i < k; i++) {
            float scaled = weight[(begin + i) * stride] * inverse;
            x[i] = !(scaled > -LARGEST) ? -LARGEST : fminf(scaled, LARGEST); /* NaN: -LARGEST */
        }
        group_code group = choose_code(x);
        pack_group(kernel, &group, &layout, panel, begin / GROUP, column);
    }
    return inverse == 0 ? 0 : largest / LARGEST;
}

void osprey__gemm_s4_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                          const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    const osprey__int4_layout layout = osprey__int4_panel(kernel->columns, k);
    uint8_t *panel = packed;
    for (size_t first = 0; first < n; first += kernel->columns, panel += layout.bytes) {
        memset(panel, 0, layout.bytes);
        float *scales = (float *)(void *)(panel + layout.scales);
        for (size_t i = 0; i < kernel->columns && first + i < n; i++)
            scales[i] = pack_column(kernel, k, weight + (first + i) * stride_n, stride_k, panel, i);
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

/* integers[column] += the group's products with `row`, GROUP elements */
static void add_group(const int8_t *row, const uint8_t *panel, const osprey__int4_layout *layout,
                      size_t group, int32_t integers[PORTABLE_COLUMNS])
{
    enum { HALF = PORTABLE_COLUMNS / 2 };
    const uint8_t *codes = panel + group * (GROUP / 2) * PORTABLE_COLUMNS;
    const uint8_t *offsets = panel + layout->offsets + group * PORTABLE_COLUMNS;
    const uint8_t *multipliers = panel + layout->multipliers + group * HALF;
    for (size_t i = 0; i < GROUP; i++)
        for (size_t column = 0; column < PORTABLE_COLUMNS; column++) {
            int byte = codes[i / 2 * PORTABLE_COLUMNS + column], two = multipliers[column % HALF];
            int code = i % 2 ? byte >> 4 : byte & 15;
            int multiplier = (column < HALF ? two & 15 : two >> 4) + 1;
            integers[column] += row[i] * (int8_t)(code * multiplier - offsets[column]);
        }
}

void osprey__gemm_s4__portable(const osprey__gemm_args *args)
{
    const osprey__int4_layout layout = osprey__int4_panel(PORTABLE_COLUMNS, args->k);
    const uint8_t *panel = args->packed;
    for (size_t first = 0; first < args->n; first += PORTABLE_COLUMNS, panel += layout.bytes) {
        size_t columns = args->n - first < PORTABLE_COLUMNS ? args->n - first : PORTABLE_COLUMNS;
        const float *column_scales = (const float *)(const void *)(panel + layout.scales);
        for (size_t row = 0; row < args->m; row++) {
            const int8_t *a = row_of(args, row);
            float scale;
            int32_t integers[PORTABLE_COLUMNS] = {0};
            memcpy(&scale, a + osprey__round_up(args->k, GROUP), sizeof scale);
            for (size_t group = 0; group < layout.groups; group++)
                add_group(a + group * GROUP, panel, &layout, group, integers);
            finish_integers(args, row, first, columns, integers, scale, column_scales);
        }
    }
}
