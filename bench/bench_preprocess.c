/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times decoding and CLIP's preprocessing, one thread, and prints one JSON object: mean
 * milliseconds an image, each image's own figure being the least of the repetitions.
 *
 *     bench_preprocess REPETITIONS PIXELS FILE...
 *
 * PIXELS is a file for the float32 pixels, [images, 3, 224, 224], or "-" for none.
 * preprocessing.py calls it and puts Pillow beside it.
 */
#include <osprey/image.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIDE = 224, PIXELS = 3 * SIDE * SIDE };

typedef struct timing {
    double decode, full_resize, preprocess, total;
} timing;

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int fail(const osprey_error *error)
{
    fprintf(stderr, "%s: %s\n", error->subject, error->message);
    return 1;
}

static void keep_least(double *least, double value)
{
    if (*least == 0 || value < *least) *least = value;
}

static const osprey_preprocessing clip = {
    .resize = OSPREY_RESIZE_SHORTEST,
    .resize_height = SIDE,
    .resample = OSPREY_RESAMPLE_BICUBIC,
    .center_crop = true,
    .crop_height = SIDE,
    .crop_width = SIDE,
    .rescale = true,
    .rescale_factor = 1.0F / 255,
    .normalize = true,
    .mean = {0.48145466F, 0.4578275F, 0.40821073F},
    .std = {0.26862954F, 0.26130258F, 0.27577711F},
};

/* The whole resized picture, as Pillow's Image.resize makes it, and into floats at that. */
static osprey_status time_full_resize(const osprey_image *image, double *least, osprey_error *error)
{
    osprey_preprocessing full = clip;
    size_t width = osprey_image_width(image), height = osprey_image_height(image);
    size_t shorter = width < height ? width : height;
    full.crop_width = SIDE * width / shorter;
    full.crop_height = SIDE * height / shorter;
    float *pixels = malloc(3 * full.crop_width * full.crop_height * sizeof *pixels);
    if (!pixels) abort();
    double start = now_ms();
    osprey_status status = osprey_image_preprocess(image, &full, pixels, error);
    keep_least(least, now_ms() - start);
    free(pixels);
    return status;
}

static osprey_status time_image(const char *path, float *pixels, timing *least, osprey_error *error)
{
    osprey_image *image = NULL;
    double start = now_ms();
    osprey_status status = osprey_image_open(path, NULL, &image, error);
    double decoded = now_ms();
    if (status == OSPREY_OK) status = osprey_image_preprocess(image, &clip, pixels, error);
    double end = now_ms();
    if (status == OSPREY_OK) {
        keep_least(&least->decode, decoded - start);
        keep_least(&least->preprocess, end - decoded);
        keep_least(&least->total, end - start);
        status = time_full_resize(image, &least->full_resize, error);
    }
    osprey_image_free(image);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s REPETITIONS PIXELS|- FILE...\n", argv[0]);
        return 2;
    }
    long repetitions = strtol(argv[1], NULL, 10);
    int images = argc - 3;
    float *pixels = malloc(PIXELS * sizeof *pixels);
    timing *least = calloc((size_t)images, sizeof *least);
    FILE *out = argv[2][0] == '-' ? NULL : fopen(argv[2], "wb");
    if (!pixels || !least || (!out && argv[2][0] != '-')) abort();
    osprey_error error = {0};
    for (long round = 0; round < repetitions; round++)
        for (int i = 0; i < images; i++) {
            if (time_image(argv[3 + i], pixels, &least[i], &error) != OSPREY_OK)
                return fail(&error);
            if (out && round == 0) fwrite(pixels, sizeof *pixels, PIXELS, out);
        }
    if (out && fclose(out) != 0) abort();
    timing sum = {0};
    for (int i = 0; i < images; i++) {
        sum.decode += least[i].decode / images;
        sum.full_resize += least[i].full_resize / images;
        sum.preprocess += least[i].preprocess / images;
        sum.total += least[i].total / images;
    }
    printf("{\"images\": %d, \"repetitions\": %ld, \"decode_ms\": %.4f, \"full_resize_ms\": %.4f, "
           "\"preprocess_ms\": %.4f, \"total_ms\": %.4f}\n",
           images, repetitions, sum.decode, sum.full_resize, sum.preprocess, sum.total);
    free(pixels);
    free(least);
    return 0;
}
