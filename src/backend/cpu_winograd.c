/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv2d by Winograd's transforms (kernels/winograd.h). A task is a block of tiles, with a share of
 * the output channels where there are fewer blocks than threads: it transforms the inputs and, a
 * few channels at a time, multiplies tap after tap and transforms the sums, all in the thread's
 * scratch.
 */
#include "backend/cpu_internal.h"

/* Tiles of a task, at most: the more, the less often weights are read. */
#define TASK_TILES 42

/* What of the scratch is written and read again soon stays in the first-level cache (the few tiles
 * whose taps are transformed and prepared together), or in the second (sums of all taps). */
#define NEAR_BYTES ((size_t)24 << 10)
#define SUM_BYTES  ((size_t)384 << 10)

typedef struct blocks {
    const osprey__run *run;
    const osprey__step *step;
    size_t tiles; /* of all images */
    size_t tile_blocks, channel_blocks;
    size_t channels; /* of the output in a task; the last may have fewer */
} blocks;

/* Bytes from row to row, and floats from tap to tap of so many rows: an odd number of cache lines,
 * so that neither share cache sets. */
static size_t row_bytes(size_t channels)
{
    return osprey__round_up(channels * sizeof(float), 2 * OSPREY__ALIGNMENT) + OSPREY__ALIGNMENT;
}

static size_t tap_floats(size_t rows, size_t channels)
{
    size_t bytes = rows * row_bytes(channels);
    return (rows % 2 ? bytes : bytes + OSPREY__ALIGNMENT) / sizeof(float);
}

/* The kernel reads transformed inputs as they are. */
static bool takes_floats(const osprey__step *step)
{
    size_t channels = step->conv.channels;
    return osprey__gemm_takes(step->gemm, OSPREY__F32, row_bytes(channels), channels);
}

/* Tiles whose taps are prepared together. */
static size_t near_tiles(const osprey__step *step)
{
    size_t fit = NEAR_BYTES / (OSPREY__WINOGRAD_TAPS * row_bytes(step->conv.channels));
    return fit ? fit : 1;
}

/* Floats of the transformed inputs of a task of so many tiles. */
static size_t input_floats(const osprey__step *step, size_t tiles)
{
    size_t channels = step->conv.channels;
    if (takes_floats(step)) return OSPREY__WINOGRAD_TAPS * tap_floats(tiles, channels);
    size_t prepared = tiles * step->gemm->row_bytes(channels) / sizeof(float);
    return OSPREY__WINOGRAD_TAPS * (tap_floats(near_tiles(step), channels) + prepared);
}

/*
 * Of n output channels, those whose sums are computed before they are transformed: whole panels.
 * All where inputs are floats, which would have to come from beyond the second-level cache again.
 */
static size_t sum_channels(const osprey__step *step, size_t tiles, size_t n)
{
    const osprey__gemm_kernel *gemm = step->gemm;
    if (takes_floats(step)) return n;
    size_t panels = osprey__divide_up(n, gemm->columns);
    size_t panel_bytes = OSPREY__WINOGRAD_TAPS * tap_floats(tiles, gemm->columns) * sizeof(float);
    size_t groups = osprey__divide_up(panels * panel_bytes, SUM_BYTES);
    return osprey__divide_up(panels, osprey__smaller(groups, panels)) * gemm->columns;
}

/* Where tile block i begins: at a register tile, or at the end. */
static size_t block_start(const blocks *b, size_t i)
{
    size_t rows = b->step->gemm->rows, register_tiles = osprey__divide_up(b->tiles, rows);
    return osprey__smaller(i * register_tiles / b->tile_blocks * rows, b->tiles);
}

/* How many of tiles first..first+count-1 lie in the image of the first. */
static size_t count_in_image(const osprey__conv_shape *conv, size_t first, size_t count)
{
    size_t tiles = osprey__winograd_tiles(conv);
    return osprey__smaller(count, tiles - first % tiles);
}

/* Tap t of tile i to out + t * taps_apart + i * row_bytes(channels) / sizeof(float). */
static void transform_inputs(const blocks *b, size_t first, size_t count, float *out,
                             size_t taps_apart)
{
    const osprey__conv_shape *conv = &b->step->conv;
    const float *images = osprey__step_input(b->run, b->step, 0);
    size_t tiles = osprey__winograd_tiles(conv);
    osprey__winograd_input_args args = {.shape = conv,
                                        .tap_floats = taps_apart,
                                        .row_floats = row_bytes(conv->channels) / sizeof(float)};
    for (size_t done = 0; done < count; done += args.count) {
        size_t tile = first + done;
        args.image = images + tile / tiles * conv->height * conv->width * conv->channels;
        args.first = tile % tiles;
        args.count = count_in_image(conv, tile, count - done);
        args.out = out + done * args.row_floats;
        b->run->plan->kernels->winograd_input_f32(&args);
    }
}

/* The same as the kernel takes them, a few tiles at a time: tap t of tile i to prepared +
 * (t * count + i) * gemm->row_bytes(channels). */
static void prepare_inputs(const blocks *b, size_t first, size_t count, float *near, char *prepared)
{
    const osprey__gemm_kernel *gemm = b->step->gemm;
    size_t channels = b->step->conv.channels, prepared_bytes = gemm->row_bytes(channels);
    size_t most = near_tiles(b->step), taps_apart = tap_floats(most, channels);
    osprey__gemm_input rows = {.k = channels, .dtype = OSPREY__F32, .stride = row_bytes(channels)};
    for (size_t done = 0; done < count; done += rows.m) {
        rows.m = osprey__smaller(most, count - done);
        transform_inputs(b, first + done, rows.m, near, taps_apart);
        for (size_t tap = 0; tap < OSPREY__WINOGRAD_TAPS; tap++) {
            rows.x = near + tap * taps_apart;
            gemm->prepare(&rows, prepared + (tap * count + done) * prepared_bytes);
        }
    }
}

/* Output channels channel..channel+n-1. */
static void transform_sums(const blocks *b, size_t first, size_t count, size_t channel, size_t n,
                           const float *sums)
{
    const osprey__step *step = b->step;
    const osprey__conv_shape *conv = &step->conv;
    const float *bias = osprey__step_input(b->run, step, 2);
    const float *residual = osprey__step_input(b->run, step, 3);
    float *out = osprey__step_output(b->run, step);
    size_t tiles = osprey__winograd_tiles(conv), ldc = step->out_channels;
    osprey__winograd_output_args args = {.shape = conv,
                                         .tap_floats = tap_floats(count, n),
                                         .row_floats = row_bytes(n) / sizeof(float),
                                         .n = n,
                                         .bias = bias ? bias + channel : NULL,
                                         .activation = step->node->attributes.activation,
                                         .ldc = ldc};
    for (size_t done = 0; done < count; done += args.count) {
        size_t tile = first + done;
        size_t at = tile / tiles * conv->out_height * conv->out_width * ldc + channel;
        args.first = tile % tiles;
        args.count = count_in_image(conv, tile, count - done);
        args.sums = sums + done * args.row_floats;
        args.residual = residual ? residual + at : NULL;
        args.out = out + at;
        b->run->plan->kernels->winograd_output_f32(&args);
    }
}

static void winograd_task(void *context, size_t task, size_t thread)
{
    const blocks *b = context;
    const osprey__step *step = b->step;
    const osprey__gemm_kernel *gemm = step->gemm;
    size_t block = task / b->channel_blocks, first = block_start(b, block);
    size_t count = block_start(b, block + 1) - first;
    size_t channel = task % b->channel_blocks * b->channels, channels = step->conv.channels;
    size_t n = osprey__smaller(b->channels, step->out_channels - channel);
    size_t panel_bytes = gemm->panel_bytes(gemm, channels);
    size_t tap_bytes = osprey__gemm_packed_bytes(gemm, step->out_channels, channels);
    char *inputs = (char *)(b->run->scratch + thread * b->run->scratch_floats);
    float *sums = (float *)inputs + input_floats(step, count);
    osprey__gemm_args args = {.m = count, .k = channels};
    size_t taps_apart;
    if (takes_floats(step)) {
        args.a_stride = row_bytes(channels);
        taps_apart = tap_floats(count, channels) * sizeof(float);
        transform_inputs(b, first, count, (float *)inputs, taps_apart / sizeof(float));
    } else {
        float *near = (float *)inputs;
        inputs += OSPREY__WINOGRAD_TAPS * tap_floats(near_tiles(step), channels) * sizeof(float);
        args.a_stride = gemm->row_bytes(channels);
        taps_apart = count * args.a_stride;
        prepare_inputs(b, first, count, near, inputs);
    }
    size_t group = sum_channels(step, count, n);
    for (size_t done = 0; done < n; done += group) {
        args.n = osprey__smaller(group, n - done);
        args.ldc = row_bytes(args.n) / sizeof(float);
        const char *packed =
            (const char *)step->packed + (channel + done) / gemm->columns * panel_bytes;
        for (size_t tap = 0; tap < OSPREY__WINOGRAD_TAPS; tap++) {
            args.a = inputs + tap * taps_apart;
            args.packed = packed + tap * tap_bytes;
            args.c = sums + tap * tap_floats(count, args.n);
            gemm->run(&args);
        }
        transform_sums(b, first, count, channel + done, args.n, sums);
    }
}

void osprey__cpu_winograd(const osprey__run *run, const osprey__step *step)
{
    const osprey__gemm_kernel *gemm = step->gemm;
    size_t threads = osprey__thread_pool_threads(run->pool), n = step->out_channels;
    blocks b = {
        .run = run, .step = step, .tiles = run->sequences * osprey__winograd_tiles(&step->conv)};
    const osprey_task_split whole_rows = {.rows = TASK_TILES, .columns = n};
    b.tile_blocks = osprey__cpu_product_tasks(gemm, b.tiles, n, threads, whole_rows).row_blocks;
    size_t panels = osprey__divide_up(n, gemm->columns);
    size_t shares = osprey__smaller(osprey__divide_up(threads, b.tile_blocks), panels);
    b.channels = osprey__divide_up(panels, shares) * gemm->columns;
    b.channel_blocks = osprey__divide_up(n, b.channels);
    osprey__thread_pool_run(run->pool, b.tile_blocks * b.channel_blocks, winograd_task, &b);
}

size_t osprey__cpu_winograd_scratch_floats(const osprey__plan *plan)
{
    size_t most = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (!step->winograd) continue;
        size_t rows = step->gemm->rows > TASK_TILES ? step->gemm->rows : TASK_TILES;
        size_t sums = OSPREY__WINOGRAD_TAPS * tap_floats(rows, step->out_channels);
        /* Groups of channels are rounded up: fewer tiles may have larger ones. */
        size_t part = OSPREY__WINOGRAD_TAPS * tap_floats(rows, step->gemm->columns) +
                      SUM_BYTES / sizeof(float);
        if (!takes_floats(step)) sums = osprey__smaller(sums, part);
        size_t floats = input_floats(step, rows) + sums;
        if (floats > most) most = floats;
    }
    return most;
}
