/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering of patches and pooling against their definitions. */
#include "cmocka_all.h"
#include "kernels/guarded.h"

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

static void check_average_pool(size_t height, size_t width, size_t channels, size_t size)
{
    guarded image = guarded_random(height * width * channels, 1);
    size_t out_floats = height / size * (width / size) * channels;
    guarded expected = guarded_random(out_floats, 1);
    for (size_t i = 0; i < out_floats; i++) {
        size_t y = i / channels / (width / size), x = i / channels % (width / size);
        double sum = 0;
        for (size_t dy = 0; dy < size; dy++)
            for (size_t dx = 0; dx < size; dx++)
                sum += (double)image.floats[((y * size + dy) * width + x * size + dx) * channels +
                                            i % channels];
        expected.floats[i] = (float)(sum / (double)(size * size));
    }
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        guarded out = guarded_random(out_floats, 1);
        osprey__kernels_for((osprey__cpu_level)level)
            ->average_pool_f32(height, width, channels, size, image.floats, out.floats);
        assert_near(expected.floats, out.floats, out_floats, 1e-6);
        if (level == OSPREY__CPU_PORTABLE)
            memcpy(expected.floats, out.floats, out_floats * sizeof(float));
        guarded_free(&out);
    }
    guarded_free(&image);
    guarded_free(&expected);
}

static void test_average_pool(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        kernels_or_say_so("average pool", (osprey__cpu_level)level);
    for (size_t channels = 1; channels < 70; channels++) {
        size_t size = 1 + random_below(4);
        check_average_pool(size + random_below(9), size + random_below(9), channels, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather_of_random_shapes),
        cmocka_unit_test(test_gather_of_models),
        cmocka_unit_test(test_average_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
