/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolutions, and the gate of squeeze-and-excitation, against their definitions. */
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>
#include <string.h>

static double gelu(double x)
{
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double activated(osprey_activation activation, double x)
{
    if (activation == OSPREY_ACTIVATION_RELU) return x < 0 ? 0 : x;
    return activation == OSPREY_ACTIVATION_GELU ? gelu(x) : x;
}

/* The element of the result by definition. */
static float exact_element(const osprey__depthwise_f32_args *args, size_t index)
{
    const osprey__conv_shape *shape = args->shape;
    const size_t wide = shape->channels * args->multiplier, position = index / wide;
    const size_t channel = index % wide / args->multiplier, filter = index % args->multiplier;
    const size_t taps = shape->kernel_height * shape->kernel_width;
    double sum = (double)args->bias[filter * shape->channels + channel];
    for (size_t tap = 0; tap < taps; tap++) {
        size_t y = position / shape->out_width * shape->stride + tap / shape->kernel_width;
        size_t x = position % shape->out_width * shape->stride + tap % shape->kernel_width;
        if (y < shape->padding || x < shape->padding || y - shape->padding >= shape->height ||
            x - shape->padding >= shape->width)
            continue;
        size_t at = (y - shape->padding) * shape->width + x - shape->padding;
        sum += (double)args->image[at * shape->channels + channel] *
               (double)args->filter[(filter * taps + tap) * shape->channels + channel];
    }
    return (float)activated(args->activation, sum);
}

/* The whole in two calls that share neither channels nor rows; nothing else is written. */
static void run_in_parts(const osprey__kernels *kernels, osprey__depthwise_f32_args args)
{
    const osprey__conv_shape *shape = args.shape;
    const size_t channels = random_below(shape->channels + 1);
    const size_t rows = random_below(shape->out_height + 1);
    for (size_t part = 0; part < 4; part++) {
        args.first_channel = part % 2 ? channels : 0;
        args.channel_count = part % 2 ? shape->channels - channels : channels;
        args.first_row = part / 2 ? rows : 0;
        args.row_count = part / 2 ? shape->out_height - rows : rows;
        kernels->depthwise_f32(&args);
    }
}

static void check(osprey__conv_shape shape, size_t multiplier, osprey_activation activation)
{
    shape.out_height = (shape.height + 2 * shape.padding - shape.kernel_height) / shape.stride + 1;
    shape.out_width = (shape.width + 2 * shape.padding - shape.kernel_width) / shape.stride + 1;
    const size_t wide = shape.channels * multiplier;
    guarded image = guarded_random(shape.height * shape.width * shape.channels, 1);
    guarded filter = guarded_random(shape.kernel_height * shape.kernel_width * wide, 1);
    guarded bias = guarded_random(wide, 1);
    guarded expected = guarded_random(shape.out_height * shape.out_width * wide, 1);
    osprey__depthwise_f32_args args = {.shape = &shape,
                                       .multiplier = multiplier,
                                       .image = image.floats,
                                       .filter = filter.floats,
                                       .bias = bias.floats,
                                       .activation = activation,
                                       .channel_count = shape.channels,
                                       .row_count = shape.out_height};
    for (size_t i = 0; i < expected.count; i++) expected.floats[i] = exact_element(&args, i);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        guarded out = guarded_random(expected.count, 1), parts = guarded_copy(&out);
        args.out = out.floats;
        kernels->depthwise_f32(&args);
        assert_near(expected.floats, out.floats, out.count, 2e-5);
        args.out = parts.floats;
        run_in_parts(kernels, args);
        /* Of parts that end within a vector too: the order of a sum is always the same. */
        assert_same_bits(out.floats, parts.floats, out.count);
        guarded_free(&out);
        guarded_free(&parts);
    }
    guarded_free(&image);
    guarded_free(&filter);
    guarded_free(&bias);
    guarded_free(&expected);
}

static osprey_activation some_activation(void)
{
    static const osprey_activation all[] = {OSPREY_ACTIVATION_NONE, OSPREY_ACTIVATION_GELU,
                                            OSPREY_ACTIVATION_RELU};
    return all[random_below(3)];
}

/* The sizes of the models, of which rows are computed together, over maps smaller and larger. */
static void test_depthwise_of_models(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        kernels_or_say_so("depthwise", (osprey__cpu_level)level);
    for (size_t repeat = 0; repeat < 200; repeat++) {
        const size_t size = (size_t[]){3, 5, 7}[random_below(3)];
        check((osprey__conv_shape){.height = 1 + random_below(20),
                                   .width = 1 + random_below(20),
                                   .channels = 1 + random_below(70),
                                   .kernel_height = size,
                                   .kernel_width = size,
                                   .stride = 1 + random_below(2),
                                   .padding = size / 2},
              1 + random_below(3), some_activation());
    }
}

static void test_depthwise_of_random_shapes(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 300; repeat++) {
        osprey__conv_shape shape = {
            .height = 1 + random_below(12),
            .width = 1 + random_below(12),
            .channels = 1 + random_below(40),
            .stride = 1 + random_below(4),
            .padding = random_below(9),
        };
        shape.kernel_height = 1 + random_below(shape.height + 2 * shape.padding);
        shape.kernel_width = 1 + random_below(shape.width + 2 * shape.padding);
        if (random_below(2) && shape.kernel_width <= shape.height + 2 * shape.padding)
            shape.kernel_height = shape.kernel_width;
        check(shape, 1 + random_below(2), some_activation());
    }
}

static void check_gate(size_t rows, size_t width, osprey_activation activation)
{
    guarded x = guarded_random(rows * width, 3), gate = guarded_random(width, 6);
    guarded expected = guarded_random(rows * width, 1);
    for (size_t i = 0; i < x.count; i++)
        expected.floats[i] = (float)activated(
            activation, (double)x.floats[i] / (1 + exp(-(double)gate.floats[i % width])));
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        guarded out = guarded_random(x.count, 1), in_place = guarded_copy(&x);
        osprey__gate_f32_args args = {rows, width, x.floats, gate.floats, activation, out.floats};
        kernels->gate_f32(&args);
        assert_near(expected.floats, out.floats, out.count, 2e-6);
        args.x = args.out = in_place.floats;
        kernels->gate_f32(&args);
        assert_same_bits(out.floats, in_place.floats, out.count);
        guarded_free(&out);
        guarded_free(&in_place);
    }
    guarded_free(&x);
    guarded_free(&gate);
    guarded_free(&expected);
}

static void test_gate(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        kernels_or_say_so("gate", (osprey__cpu_level)level);
    for (size_t width = 1; width < 70; width++)
        check_gate(1 + random_below(9), width, some_activation());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depthwise_of_models),
        cmocka_unit_test(test_depthwise_of_random_shapes),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
