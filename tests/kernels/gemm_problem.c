/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/gemm_problem.h"

#include "cmocka_all.h"
#include "kernels/exact_activation.h"

#include <math.h>
#include <string.h>

problem problem_new(size_t m, size_t n, size_t k)
{
    problem p = {.m = m, .n = n, .k = k};
    /* Rows 4 KiB apart are those that kernels would rather have prepared. */
    p.lda = k <= 1024 && !random_below(3) ? 1024 : k + random_below(3) * 5;
    p.ldc = n + random_below(3) * 7;
    p.activation = (osprey_activation)random_below(OSPREY_ACTIVATION_SILU + 1);
    p.has_bias = random_below(2);
    p.input_range = random_below(2) ? 0 : 0.25F + 0.25F * (float)random_below(5);
    p.has_residual = random_below(2);
    p.weight_is_k_by_n = random_below(2);
    p.a = guarded_random((m - 1) * p.lda + k, 1);
    p.weight = guarded_random(n * k, 1);
    p.bias = guarded_random(n, 1);
    p.residual = guarded_random((m - 1) * p.ldc + n, 1);
    return p;
}

void problem_free(problem *p)
{
    guarded_free(&p->a);
    guarded_free(&p->weight);
    guarded_free(&p->bias);
    guarded_free(&p->residual);
}

guarded problem_pack(const problem *p, const osprey__gemm_kernel *kernel)
{
    size_t bytes = osprey__gemm_packed_bytes(kernel, p->n, p->k);
    guarded packed = guarded_random(bytes / sizeof(float), 1);
    kernel->pack(kernel, p->n, p->k, p->weight.floats, p->weight_is_k_by_n ? 1 : p->k,
                 p->weight_is_k_by_n ? p->n : 1, packed.floats);
    return packed;
}

/* What the format makes of the numbers that it multiplies; a's padding is left as it is. */
typedef struct operands {
    guarded a, weight; /* as in the problem */
} operands;

/* range 0: the largest magnitude; of another, what is larger is cut off. */
static void round_int8(float *x, size_t count, size_t stride, float range)
{
    float largest = range;
    for (size_t i = 0; i < count && range == 0; i++) largest = fmaxf(largest, fabsf(x[i * stride]));
    if (largest == 0) return;
    float inverse = 127 / largest;
    for (size_t i = 0; i < count; i++) {
        float integer = rintf(x[i * stride] * inverse);
        integer = integer < -127 ? -127 : integer > 127 ? 127 : integer;
        x[i * stride] = integer * (largest / 127);
    }
}

/* To `bits` significant ones, and to a multiple of 2^least. */
static void round_floats(guarded *array, int bits, int least)
{
    for (size_t i = 0; i < array->count; i++) {
        int exponent;
        frexpf(array->floats[i], &exponent);
        int unit = exponent - bits < least ? least : exponent - bits;
        array->floats[i] = ldexpf(rintf(ldexpf(array->floats[i], -unit)), unit);
    }
}

/* The weights that a portable panel of int4 holds, and that they are near those packed. */
static void read_int4(const problem *p, guarded *weight)
{
    const osprey__gemm_kernel *kernel =
        &osprey__kernels_for(OSPREY__CPU_PORTABLE)->gemm[OSPREY_PRECISION_INT4];
    guarded packed = problem_pack(p, kernel);
    size_t columns = kernel->columns, groups = (p->k + 31) / 32;
    size_t panel_bytes = kernel->panel_bytes(kernel, p->k);
    for (size_t n = 0; n < p->n; n++)
        for (size_t i = 0; i < p->k; i++) {
            const unsigned char *panel =
                (const unsigned char *)packed.floats + n / columns * panel_bytes;
            size_t group = i / 32, column = n % columns, half = column % (columns / 2);
            unsigned code = panel[i / 2 * columns + column];
            const unsigned char *offsets = panel + 16 * groups * columns;
            unsigned two = offsets[groups * columns + group * columns / 2 + half];
            unsigned multiplier = (column < columns / 2 ? two & 15 : two >> 4) + 1;
            unsigned offset = offsets[group * columns + column];
            float scale;
            memcpy(&scale, panel + panel_bytes - 64 + column * sizeof scale, sizeof scale);
            float *x = &weight->floats[p->weight_is_k_by_n ? i * p->n + n : n * p->k + i];
            unsigned byte = (i % 2 ? code >> 4 : code & 15) * multiplier - offset;
            float read = (float)(int8_t)(uint8_t)byte * scale;
            /* Weights are from -1 to 1: half a step of the largest scale, and what is cut off. */
            if (fabsf(read - *x) > 0.18F) fail_msg("%g became %g", (double)*x, (double)read);
            *x = read;
        }
    guarded_free(&packed);
}

static operands round_operands(const problem *p, osprey_precision format)
{
    operands o = {guarded_copy(&p->a), guarded_copy(&p->weight)};
    switch (format) {
    case OSPREY_PRECISION_FP32:
        return o;
    case OSPREY_PRECISION_BF16:
        round_floats(&o.a, 8, -200);
        round_floats(&o.weight, 8, -200);
        return o;
    case OSPREY_PRECISION_FP16:
        round_floats(&o.weight, 11, -24);
        return o;
    case OSPREY_PRECISION_INT8:
    case OSPREY_PRECISION_INT4:
        break;
    }
    for (size_t row = 0; row < p->m; row++)
        round_int8(o.a.floats + row * p->lda, p->k, 1, p->input_range);
    if (format == OSPREY_PRECISION_INT4) {
        read_int4(p, &o.weight);
        return o;
    }
    for (size_t n = 0; n < p->n; n++) {
        float *first = o.weight.floats + (p->weight_is_k_by_n ? n : n * p->k);
        round_int8(first, p->k, p->weight_is_k_by_n ? p->n : 1, 0);
    }
    return o;
}

guarded problem_exact_result(const problem *p, osprey_precision format)
{
    operands o = round_operands(p, format);
    guarded c = guarded_copy(&p->residual);
    for (size_t row = 0; row < p->m; row++)
        for (size_t column = 0; column < p->n; column++) {
            double sum = p->has_bias ? (double)p->bias.floats[column] : 0;
            for (size_t i = 0; i < p->k; i++) {
                size_t at = p->weight_is_k_by_n ? i * p->n + column : column * p->k + i;
                sum += (double)o.a.floats[row * p->lda + i] * (double)o.weight.floats[at];
            }
            float *out = &c.floats[row * p->ldc + column];
            *out =
                (float)exact_activation(p->activation, sum + (p->has_residual ? (double)*out : 0));
        }
    guarded_free(&o.a);
    guarded_free(&o.weight);
    return c;
}
