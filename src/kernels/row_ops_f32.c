/* SPDX-License-Identifier: Apache-2.0 */
/* The portable row operators. */
#include "kernels/kernel_list.h"
#include "kernels/row_ops.h"

#include <math.h>

void osprey__layer_norm_f32__portable(size_t rows, size_t width, const float *x, const float *scale,
                                      const float *shift, float epsilon, float *out)
{
    for (size_t row = 0; row < rows; row++, x += width, out += width) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < width; i++) sum += x[i];
        double mean = sum / (double)width;
        for (size_t i = 0; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
        double factor = 1 / sqrt(squares / (double)width + (double)epsilon);
        for (size_t i = 0; i < width; i++) {
            float normal = (float)((x[i] - mean) * factor);
            out[i] = normal * (scale ? scale[i] : 1) + (shift ? shift[i] : 0);
        }
    }
}

/* Below it every GELU rounds to zero; with it minus infinity gives zero, not NaN. NaN stays. */
static float clamp_below(float x)
{
    const float lowest = -128;
    return x < lowest ? lowest : x;
}

static float activate(osprey_activation activation, float x)
{
    switch (activation) {
    case OSPREY_ACTIVATION_NONE:
        return x;
    case OSPREY_ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case OSPREY_ACTIVATION_GELU:
        x = clamp_below(x);
        return 0.5f * x * erfcf(x * -0.707106781f);
    case OSPREY_ACTIVATION_GELU_TANH:
        x = clamp_below(x);
        return x / (1 + expf(-1.59576912f * (x + 0.044715f * x * x * x)));
    case OSPREY_ACTIVATION_QUICK_GELU:
        x = clamp_below(x);
        return x / (1 + expf(-1.702f * x));
    case OSPREY_ACTIVATION_TANH:
        return tanhf(x);
    case OSPREY_ACTIVATION_SILU:
        x = clamp_below(x);
        return x / (1 + expf(-x));
    }
    return x;
}

/* Within 4e-7 * max(1, |x|) of the exact value. */
void osprey__activation_f32__portable(osprey_activation activation, size_t count, const float *x,
                                      float *out)
{
    for (size_t i = 0; i < count; i++) out[i] = activate(activation, x[i]);
}

void osprey__add_f32__portable(osprey_activation activation, size_t count, const float *x,
                               const float *y, float *out)
{
    for (size_t i = 0; i < count; i++) out[i] = activate(activation, x[i] + y[i]);
}

void osprey__multiply_f32__portable(size_t count, const float *x, const float *y, float *out)
{
    for (size_t i = 0; i < count; i++) out[i] = x[i] * y[i];
}

void osprey__turn_pairs_f32__portable(size_t rows, size_t width, const float *x, size_t x_stride,
                                      const float *turns, float *out)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, turns += width, out += width)
        for (size_t i = 0; i < width; i += 2) {
            out[i] = x[i] * turns[i] - x[i + 1] * turns[i + 1];
            out[i + 1] = x[i + 1] * turns[i] + x[i] * turns[i + 1];
        }
}

void osprey__transpose_f32__portable(size_t rows, size_t columns, const float *x, size_t x_stride,
                                     const float *residual, float *out, size_t out_stride)
{
    for (size_t column = 0; column < columns; column++)
        for (size_t row = 0; row < rows; row++) {
            size_t at = column * out_stride + row;
            out[at] = x[row * x_stride + column] + (residual ? residual[at] : 0);
        }
}
