/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering of patches, pooling and group norm against their definitions. */
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>
#include <string.h>

/* The element of a patch by definition: zero outside the image. */
static float patch_element(const osprey__conv_shape *shape, const float *image, size_t position,
                           size_t ky, size_t kx, size_t channel)
{
    size_t y = position / shape->out_width * shape->stride + ky;
    size_t x = position % shape->out_width * shape->stride + kx;
    if (y < shape->padding || x < shape->padding) return 0;
    y -= shape->padding;
    x -= shape->padding;
    if (y >= shape->height || x >= shape->width) return 0;
    if (shape->planar) return image[(channel * shape->height + y) * shape->width + x];
    return image[(y * shape->width + x) * shape->channels + channel];
}

static void check_gather(const osprey__conv_shape *shape, size_t first, size_t count)
{
    size_t patch = shape->kernel_height * shape->kernel_width * shape->channels;
    guarded image = guarded_random(shape->height * shape->width * shape->channels, 1);
    guarded out = guarded_random(count * patch, 1);
    osprey__conv_gather_f32(shape, image.floats, first, count, out.floats);
    const float *element = out.floats;
    for (size_t position = first; position < first + count; position++)
        for (size_t ky = 0; ky < shape->kernel_height; ky++)
            for (size_t kx = 0; kx < shape->kernel_width; kx++)
                for (size_t channel = 0; channel < shape->channels; channel++)
                    assert_true(patch_element(shape, image.floats, position, ky, kx, channel) ==
                                *element++);
    guarded_free(&image);
    guarded_free(&out);
}

static void set_output_size(osprey__conv_shape *shape)
{
    shape->out_height =
        (shape->height + 2 * shape->padding - shape->kernel_height) / shape->stride + 1;
    shape->out_width =
        (shape->width + 2 * shape->padding - shape->kernel_width) / shape->stride + 1;
}

static void test_gather_of_random_shapes(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 400; repeat++) {
        osprey__conv_shape shape = {
            .height = 1 + random_below(20),
            .width = 1 + random_below(20),
            .channels = 1 + random_below(9),
            .planar = random_below(2),
            .stride = 1 + random_below(4),
            .padding = random_below(4),
        };
        shape.kernel_height = 1 + random_below(shape.height + 2 * shape.padding);
        shape.kernel_width = 1 + random_below(shape.width + 2 * shape.padding);
        set_output_size(&shape);
        size_t positions = shape.out_height * shape.out_width;
        size_t first = random_below(positions);
        check_gather(&shape, first, 1 + random_below(positions - first));
    }
}

/* TensorFlow's padding of a stem: two above, three below. */
static void test_gather_behind_uneven_padding(void **state)
{
    (void)state;
    const osprey__conv_shape stem = {.height = 20,
                                     .width = 20,
                                     .channels = 3,
                                     .planar = true,
                                     .kernel_height = 7,
                                     .kernel_width = 7,
                                     .stride = 2,
                                     .padding = 2,
                                     .out_height = 10,
                                     .out_width = 10};
    check_gather(&stem, 0, 100);
    osprey__conv_shape unit = {.height = 10,
                               .width = 10,
                               .channels = 5,
                               .kernel_height = 3,
                               .kernel_width = 3,
                               .stride = 2,
                               .out_height = 5,
                               .out_width = 5};
    check_gather(&unit, 3, 22);
    unit.kernel_height = unit.kernel_width = unit.stride = 1;
    unit.out_height = unit.out_width = 10;
    assert_true(osprey__conv_is_pointwise(&unit));
    unit.out_height = unit.out_width = 11; /* padded behind */
    assert_false(osprey__conv_is_pointwise(&unit));
}

static void test_gather_of_models(void **state)
{
    (void)state;
    osprey__conv_shape patches = {.height = 96,
                                  .width = 96,
                                  .channels = 3,
                                  .planar = true,
                                  .kernel_height = 32,
                                  .kernel_width = 32,
                                  .stride = 32};
    set_output_size(&patches);
    check_gather(&patches, 0, 9);
    osprey__conv_shape stem = {.height = 64,
                               .width = 64,
                               .channels = 3,
                               .planar = true,
                               .kernel_height = 3,
                               .kernel_width = 3,
                               .stride = 2,
                               .padding = 1};
    set_output_size(&stem);
    check_gather(&stem, 0, 32 * 32);
    osprey__conv_shape bottleneck = {.height = 14,
                                     .width = 14,
                                     .channels = 64,
                                     .kernel_height = 3,
                                     .kernel_width = 3,
                                     .stride = 1,
                                     .padding = 1};
    set_output_size(&bottleneck);
    check_gather(&bottleneck, 7, 14 * 14 - 7);
}

/* An image of bfloat16s, which end where nothing may be read, gives what it gives as floats. */
static void check_rounded_pool(osprey__cpu_level level, const osprey__conv_shape *shape,
                               size_t first, size_t positions, const guarded *image)
{
    const size_t out_floats = positions * shape->channels, count = image->count;
    guarded half = guarded_random((count + 1) / 2, 1), widened = guarded_random(count, 1);
    guarded wanted = guarded_random(out_floats, 1), got = guarded_random(out_floats, 1);
    uint16_t *halves = (uint16_t *)(void *)half.floats + count % 2;
    const osprey__kernels *kernels = osprey__kernels_for(level);
    osprey__from_f32(OSPREY__BF16, image->floats, count, halves);
    osprey__to_f32(OSPREY__BF16, halves, count, widened.floats);
    kernels->average_pool_f32(shape, OSPREY__F32, widened.floats, first, positions, wanted.floats);
    kernels->average_pool_f32(shape, OSPREY__BF16, halves, first, positions, got.floats);
    assert_same_bits(wanted.floats, got.floats, out_floats);
    guarded_free(&half);
    guarded_free(&widened);
    guarded_free(&wanted);
    guarded_free(&got);
}

/* Of what lies inside the image. */
static float mean_of_window(const osprey__conv_shape *shape, const float *image, size_t position,
                            size_t channel)
{
    double sum = 0, inside = 0;
    for (size_t ky = 0; ky < shape->kernel_height; ky++)
        for (size_t kx = 0; kx < shape->kernel_width; kx++) {
            size_t y = position / shape->out_width * shape->stride + ky - shape->padding;
            size_t x = position % shape->out_width * shape->stride + kx - shape->padding;
            if (y >= shape->height || x >= shape->width) continue; /* also above and left */
            sum += (double)image[(y * shape->width + x) * shape->channels + channel];
            inside++;
        }
    return (float)(sum / inside);
}

static void check_average_pool(const osprey__conv_shape *shape, size_t first, size_t count)
{
    guarded image = guarded_random(shape->height * shape->width * shape->channels, 1);
    guarded expected = guarded_random(count * shape->channels, 1);
    for (size_t i = 0; i < expected.count; i++)
        expected.floats[i] =
            mean_of_window(shape, image.floats, first + i / shape->channels, i % shape->channels);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        guarded out = guarded_random(expected.count, 1);
        osprey__kernels_for((osprey__cpu_level)level)
            ->average_pool_f32(shape, OSPREY__F32, image.floats, first, count, out.floats);
        assert_near(expected.floats, out.floats, out.count, 1e-6);
        check_rounded_pool((osprey__cpu_level)level, shape, first, count, &image);
        guarded_free(&out);
    }
    guarded_free(&image);
    guarded_free(&expected);
}

static float largest_in_window(const osprey__conv_shape *shape, const float *image, size_t position,
                               size_t channel)
{
    float largest = -INFINITY;
    for (size_t ky = 0; ky < shape->kernel_height; ky++)
        for (size_t kx = 0; kx < shape->kernel_width; kx++) {
            size_t y = position / shape->out_width * shape->stride + ky;
            size_t x = position % shape->out_width * shape->stride + kx;
            if (y < shape->padding || x < shape->padding || y - shape->padding >= shape->height ||
                x - shape->padding >= shape->width)
                continue;
            size_t at = (y - shape->padding) * shape->width + x - shape->padding;
            largest = fmaxf(largest, image[at * shape->channels + channel]);
        }
    return largest;
}

static void check_max_pool(const osprey__conv_shape *shape, size_t first, size_t count)
{
    guarded image = guarded_random(shape->height * shape->width * shape->channels, 1);
    guarded expected = guarded_random(count * shape->channels, 1);
    for (size_t i = 0; i < expected.count; i++)
        expected.floats[i] = largest_in_window(shape, image.floats, first + i / shape->channels,
                                               i % shape->channels);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        guarded out = guarded_random(expected.count, 1);
        osprey__kernels_for((osprey__cpu_level)level)
            ->max_pool_f32(shape, image.floats, first, count, out.floats);
        assert_same_bits(expected.floats, out.floats, out.count);
        guarded_free(&out);
    }
    guarded_free(&image);
    guarded_free(&expected);
}

/* Windows of all sizes, beyond the image's edges too. */
static void check_pools(const char *name,
                        void (*check)(const osprey__conv_shape *shape, size_t first, size_t count))
{
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        kernels_or_say_so(name, (osprey__cpu_level)level);
    for (size_t channels = 1; channels < 70; channels++) {
        size_t size = 1 + random_below(4), padding = random_below(size);
        size_t after = random_below(size);
        osprey__conv_shape shape = {.height = size + random_below(9),
                                    .width = size + random_below(9),
                                    .channels = channels,
                                    .kernel_height = size,
                                    .kernel_width = size,
                                    .stride = 1 + random_below(3),
                                    .padding = padding};
        shape.out_height = (shape.height + padding + after - size) / shape.stride + 1;
        shape.out_width = (shape.width + padding + after - size) / shape.stride + 1;
        size_t positions = shape.out_height * shape.out_width, first = random_below(positions);
        check(&shape, first, 1 + random_below(positions - first));
    }
}

static void test_average_pool(void **state)
{
    (void)state;
    check_pools("average pool", check_average_pool);
}

static void test_max_pool(void **state)
{
    (void)state;
    check_pools("max pool", check_max_pool);
}

typedef struct group_norm_case {
    size_t positions, groups, group_channels, beside; /* channels that are not of this call */
    float offset;
    osprey_activation activation;
    bool residual;
} group_norm_case;

static void exact_group_norm(const osprey__group_norm_f32_args *args, float *out)
{
    for (size_t c = 0; c < args->channels; c++) {
        size_t first = c / args->group_channels * args->group_channels;
        double sum = 0, squares = 0, count = (double)(args->positions * args->group_channels);
        for (size_t p = 0; p < args->positions; p++)
            for (size_t i = first; i < first + args->group_channels; i++)
                sum += (double)args->x[p * args->stride + i];
        for (size_t p = 0; p < args->positions; p++)
            for (size_t i = first; i < first + args->group_channels; i++) {
                double apart = (double)args->x[p * args->stride + i] - sum / count;
                squares += apart * apart;
            }
        double deviation = sqrt(squares / count + (double)args->epsilon);
        for (size_t p = 0; p < args->positions; p++) {
            size_t at = p * args->stride + c;
            double y = ((double)args->x[at] - sum / count) / deviation * (double)args->scale[c] +
                       (double)args->shift[c] + (args->residual ? (double)args->residual[at] : 0);
            out[at] = args->activation == OSPREY_ACTIVATION_RELU && y < 0 ? 0 : (float)y;
        }
    }
}

static void check_group_norm(const group_norm_case *c)
{
    size_t channels = c->groups * c->group_channels, stride = channels + c->beside;
    guarded x = guarded_random((c->positions - 1) * stride + channels, 2);
    guarded residual = guarded_random(x.count, 1);
    guarded scale = guarded_random(channels, 2), shift = guarded_random(channels, 1);
    guarded factors = guarded_random(2 * channels, 1);
    for (size_t i = 0; i < x.count; i++) x.floats[i] += c->offset;
    osprey__group_norm_f32_args args = {.positions = c->positions,
                                        .channels = channels,
                                        .group_channels = c->group_channels,
                                        .stride = stride,
                                        .x = x.floats,
                                        .scale = scale.floats,
                                        .shift = shift.floats,
                                        .epsilon = 1e-6F,
                                        .residual = c->residual ? residual.floats : NULL,
                                        .activation = c->activation,
                                        .factors = factors.floats};
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        /* What is not of this call stays. */
        guarded out = guarded_copy(&residual), wanted = guarded_copy(&residual);
        guarded in_place = guarded_copy(&x);
        args.x = x.floats;
        args.out = out.floats;
        exact_group_norm(&args, wanted.floats);
        kernels->group_norm_f32(&args);
        assert_near(wanted.floats, out.floats, out.count, 1e-5 * (1 + fabs((double)c->offset)));
        args.x = args.out = in_place.floats;
        kernels->group_norm_f32(&args);
        for (size_t p = 0; p < c->positions; p++)
            assert_same_bits(out.floats + p * stride, in_place.floats + p * stride, channels);
        guarded_free(&out);
        guarded_free(&wanted);
        guarded_free(&in_place);
    }
    guarded_free(&x);
    guarded_free(&residual);
    guarded_free(&scale);
    guarded_free(&shift);
    guarded_free(&factors);
}

static void test_group_norm(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        kernels_or_say_so("group norm", (osprey__cpu_level)level);
    for (size_t repeat = 0; repeat < 200; repeat++)
        check_group_norm(&(group_norm_case){
            .positions = 2 + random_below(150),
            .groups = 1 + random_below(20),
            .group_channels = 1 + random_below(9),
            .beside = random_below(3),
            .activation = random_below(2) ? OSPREY_ACTIVATION_RELU : OSPREY_ACTIVATION_NONE,
            .residual = random_below(2),
        });
    check_group_norm(&(group_norm_case){.positions = 3136, .groups = 16, .group_channels = 2});
    check_group_norm(&(group_norm_case){.positions = 196, .groups = 1, .group_channels = 64});
    /* Far from zero, where a difference of squares would cancel. */
    check_group_norm(
        &(group_norm_case){.positions = 500, .groups = 4, .group_channels = 8, .offset = 100});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather_of_random_shapes),
        cmocka_unit_test(test_gather_of_models),
        cmocka_unit_test(test_average_pool),
        cmocka_unit_test(test_gather_behind_uneven_padding),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_group_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
