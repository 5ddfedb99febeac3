/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_kernels [part of a line]: the speed of each kernel on one core, at each instruction set of
 * this machine, beside the core's peak measured in the same run. A part is what the line begins
 * with or some of it: "avx512bf16 gemm int8 m 1600", "attention". A case's figure is the best of
 * its repeats. "cold" takes other weights each time, more of them than caches hold, as the layers
 * of a model do; "warm" takes the same again.
 */
#include "base/memory.h"
#include "kernels/kernel_table.h"
#include "kernels/specialize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include "kernels/x86/tiles_amx.h"

#include <immintrin.h>
#endif

static const double seconds_a_case = 0.25;
static const size_t cold_bytes = (size_t)160 << 20;

static double peak_gops[OSPREY_PRECISIONS]; /* 0: not known */
static const char *wanted = "";
static const char *const format_names[] = {"fp32", "bf16", "fp16", "int8", "int4"};

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Whether this case was asked for. */
static bool is_wanted(const osprey__kernels *kernels, const char *name)
{
    char line[160];
    snprintf(line, sizeof line, "%s %s", kernels->instruction_set, name);
    return strstr(line, wanted) != NULL;
}

static void *aligned_block(size_t bytes)
{
    void *block = osprey__aligned_alloc(bytes);
    if (!block) {
        fprintf(stderr, "bench_kernels: out of memory\n");
        exit(3);
    }
    return block;
}

static float *random_floats(size_t count)
{
    float *floats = aligned_block(count * sizeof *floats);
    unsigned state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        floats[i] = (float)(state >> 8) / (float)(1u << 23) - 1;
    }
    return floats;
}

/* As many bfloat16s. */
static uint16_t *random_halves(size_t count)
{
    float *floats = random_floats(count);
    uint16_t *halves = aligned_block(count * sizeof *halves);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &floats[i], sizeof bits);
        halves[i] = (uint16_t)(bits >> 16);
    }
    osprey__aligned_free(floats);
    return halves;
}

/* The shortest of the calls that fit the time, at least three. */
static double best_time_s(void (*call)(void *context, size_t turn), void *context)
{
    double best = INFINITY, begin = now_s();
    for (size_t turn = 0; turn < 3 || now_s() - begin < seconds_a_case; turn++) {
        double start = now_s();
        call(context, turn);
        best = fmin(best, now_s() - start);
    }
    return best;
}

static void print_rate(const char *instruction_set, const char *name, double operations,
                       double seconds, osprey_precision format)
{
    double gops = operations / seconds * 1e-9;
    printf("%-10s %-47s %9.1f us %8.1f GOP/s", instruction_set, name, seconds * 1e6, gops);
    if (peak_gops[format] > 0) printf(" %5.1f %%", 100 * gops / peak_gops[format]);
    printf("\n");
    fflush(stdout);
}

#if defined(__x86_64__)

enum { PEAK_CHAINS = 12, PEAK_ROUNDS = 100000 };

/* PEAK_CHAINS sums that do not wait for each other, and the instruction for all of them in turn. */
#define PEAK_LOOP(vector, constraint, instruction)                                                 \
    vector sums[PEAK_CHAINS] = {{0}}, factor = {0};                                                \
    for (size_t round = 0; round < PEAK_ROUNDS; round++) {                                         \
        OSPREY__UNROLL                                                                             \
        for (size_t i = 0; i < PEAK_CHAINS; i++)                                                   \
            __asm__ volatile(instruction " %1, %1, %0"                                             \
                             : "+" constraint(sums[i])                                             \
                             : constraint(factor));                                                \
    }

__attribute__((target("avx2,fma"))) static void peak_avx2(void)
{
    PEAK_LOOP(__m256, "x", "vfmadd231ps")
}

__attribute__((target("avx2"))) static void peak_avxvnni(void)
{
    PEAK_LOOP(__m256, "x", "%{vex%} vpdpbusd")
}

__attribute__((target("avx512f"))) static void peak_avx512(void)
{
    PEAK_LOOP(__m512, "v", "vfmadd231ps")
}

__attribute__((target("avx512f,avx512vnni"))) static void peak_avx512vnni(void)
{
    PEAK_LOOP(__m512, "v", "vpdpbusd")
}

__attribute__((target("avx512f,avx512bf16"))) static void peak_avx512bf16(void)
{
    PEAK_LOOP(__m512, "v", "vdpbf16ps")
}

__attribute__((target("avx512f,avx512fp16"))) static void peak_avx512fp16(void)
{
    PEAK_LOOP(__m512, "v", "vfmadd231ph")
}

/* Sums of four tiles, as a kernel has them, of whole ones that stay in registers. */
#define PEAK_TILES(instruction)                                                                    \
    static const tile_config config = {                                                            \
        .palette = 1,                                                                              \
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},                                             \
        .rows = {16, 16, 16, 16, 16, 16, 16, 16},                                                  \
    };                                                                                             \
    TILES_CONFIGURE(&config);                                                                      \
    for (size_t round = 0; round < PEAK_ROUNDS * PEAK_CHAINS / 4; round++) {                       \
        instruction(0, 4, 6);                                                                      \
        instruction(1, 4, 7);                                                                      \
        instruction(2, 5, 6);                                                                      \
        instruction(3, 5, 7);                                                                      \
    }                                                                                              \
    TILES_RELEASE();

static void peak_amx_bf16(void)
{
    PEAK_TILES(TILE_DOT_BF16)
}

static void peak_amx_int8(void)
{
    PEAK_TILES(TILE_DOT_S8_U8)
}

static void run_peak(void *context, size_t turn)
{
    (void)turn;
    void (**peak)(void) = context;
    (*peak)();
}

/* operations: of one instruction */
static double measure_peak(const char *what, void (*peak)(void), double operations)
{
    double rate = operations * PEAK_CHAINS * PEAK_ROUNDS / best_time_s(run_peak, &peak) * 1e-9;
    printf("peak of this core: %.1f GOP/s of %s\n", rate, what);
    return rate;
}

static void measure_peaks(void)
{
    double fp32 = 0;
    if (osprey__cpu_level_supported(OSPREY__CPU_AVX512))
        fp32 = measure_peak("fp32 (AVX-512)", peak_avx512, 32);
    else if (osprey__cpu_level_supported(OSPREY__CPU_AVX2))
        fp32 = measure_peak("fp32 (AVX2)", peak_avx2, 16);
    for (size_t format = 0; format < OSPREY_PRECISIONS; format++) peak_gops[format] = fp32;
    if (osprey__cpu_level_supported(OSPREY__CPU_AVX512VNNI))
        peak_gops[OSPREY_PRECISION_INT8] = measure_peak("int8 (VNNI)", peak_avx512vnni, 128);
    else if (osprey__cpu_level_supported(OSPREY__CPU_AVXVNNI))
        peak_gops[OSPREY_PRECISION_INT8] = measure_peak("int8 (AVX-VNNI)", peak_avxvnni, 64);
    peak_gops[OSPREY_PRECISION_INT4] = peak_gops[OSPREY_PRECISION_INT8];
    if (osprey__cpu_level_supported(OSPREY__CPU_AVX512BF16))
        peak_gops[OSPREY_PRECISION_BF16] = measure_peak("bf16", peak_avx512bf16, 64);
    if (osprey__cpu_level_supported(OSPREY__CPU_AVX512FP16))
        peak_gops[OSPREY_PRECISION_FP16] = measure_peak("fp16", peak_avx512fp16, 64);
    if (osprey__cpu_level_supported(OSPREY__CPU_AMX)) {
        peak_gops[OSPREY_PRECISION_BF16] = measure_peak("bf16 (AMX)", peak_amx_bf16, 16384);
        peak_gops[OSPREY_PRECISION_INT8] = measure_peak("int8 (AMX)", peak_amx_int8, 32768);
    }
}

#else

static void measure_peaks(void)
{
}

#endif

typedef struct gemm_case {
    const osprey__kernels *kernels;
    const osprey__gemm_kernel *kernel;
    osprey__gemm_input input;
    void *rows; /* prepared, or the sums of a block of pairs */
    osprey__gemm_args args;
    const char *packed;
    size_t packed_bytes, copies;
} gemm_case;

static void run_gemm(void *context, size_t turn)
{
    gemm_case *gemm = context;
    gemm->args.packed = gemm->packed + turn % gemm->copies * gemm->packed_bytes;
    if (gemm->args.a == gemm->rows) gemm->kernel->prepare(&gemm->input, gemm->rows);
    gemm->kernel->run(&gemm->args);
}

/* Tokens of an image, whose rows are paired. */
enum { SEQUENCE_ROWS = 50 };

static void run_strassen(void *context, size_t turn)
{
    gemm_case *gemm = context;
    gemm->args.packed = gemm->packed + turn % gemm->copies * gemm->packed_bytes;
    osprey__strassen_args args = {.product = &gemm->args,
                                  .sequence_rows = SEQUENCE_ROWS,
                                  .columns = gemm->args.n / 2,
                                  .sums = gemm->rows};
    const size_t sequences = gemm->args.m / SEQUENCE_ROWS;
    const size_t pairs = sequences * osprey__strassen_pairs(SEQUENCE_ROWS);
    for (size_t i = 0; i < osprey__strassen_blocks(sequences, SEQUENCE_ROWS); i++) {
        args.first = osprey__strassen_block_start(i, SEQUENCE_ROWS);
        size_t end = osprey__strassen_block_start(i + 1, SEQUENCE_ROWS);
        args.pairs = osprey__smaller(end, pairs) - args.first;
        gemm->kernels->strassen_prepare_f32(&args);
        gemm->kernels->strassen_f32(&args);
    }
}

/* What a case multiplies, and how it is called. */
typedef struct gemm_shape {
    size_t m, n, k;
    osprey_activation activation;
    bool residual, strassen;
    char names[2][96]; /* warm, cold */
} gemm_shape;

/*
 * As a tower's plan calls it (plan/row_forms.h): products that round what they read find bfloat16s,
 * and write such but where they add to the residual.
 */
static void time_gemm(const osprey__kernels *kernels, osprey_precision format,
                      const gemm_shape *shape)
{
    size_t m = shape->m, n = shape->n, k = shape->k;
    bool rounds = format == OSPREY_PRECISION_BF16 || format == OSPREY_PRECISION_INT8 ||
                  format == OSPREY_PRECISION_INT4;
    osprey__dtype dtype = rounds ? OSPREY__BF16 : OSPREY__F32;
    gemm_case gemm = {.kernels = kernels, .kernel = &kernels->gemm[format]};
    gemm.packed_bytes = osprey__gemm_packed_bytes(gemm.kernel, n, k);
    size_t most_copies = cold_bytes / gemm.packed_bytes + 1;
    char *weights = aligned_block(most_copies * gemm.packed_bytes);
    float *weight = random_floats(n * k);
    gemm.kernel->pack(gemm.kernel, n, k, weight, k, 1, weights);
    for (size_t i = 1; i < most_copies; i++)
        memcpy(weights + i * gemm.packed_bytes, weights, gemm.packed_bytes);
    osprey__aligned_free(weight);
    size_t rows_bytes = shape->strassen ? OSPREY__STRASSEN_BLOCK * osprey__strassen_pair_bytes(k)
                                        : m * gemm.kernel->row_bytes(k);
    gemm.rows = aligned_block(rows_bytes);
    void *a = rounds ? (void *)random_halves(m * k) : random_floats(m * k);
    float *bias = random_floats(n), *c = random_floats(m * n);
    gemm.packed = weights;
    gemm.input = (osprey__gemm_input){
        .m = m, .k = k, .dtype = dtype, .x = a, .stride = k * osprey__dtype_bytes(dtype)};
    bool plain = shape->strassen || osprey__gemm_takes(gemm.kernel, dtype, gemm.input.stride, k);
    gemm.args =
        (osprey__gemm_args){.m = m,
                            .n = n,
                            .k = k,
                            .a = plain ? a : gemm.rows,
                            .a_stride = plain ? gemm.input.stride : gemm.kernel->row_bytes(k),
                            .bias = bias,
                            .activation = shape->activation,
                            .residual = shape->residual ? c : NULL,
                            .c = c,
                            .ldc = n,
                            .rounded = rounds && !shape->residual};
    for (int cold = 0; cold < 2; cold++) {
        gemm.copies = cold ? most_copies : 1;
        if (is_wanted(kernels, shape->names[cold]))
            print_rate(kernels->instruction_set, shape->names[cold],
                       2.0 * (double)m * (double)n * (double)k,
                       best_time_s(shape->strassen ? run_strassen : run_gemm, &gemm), format);
    }
    osprey__aligned_free(weights);
    osprey__aligned_free(gemm.rows);
    osprey__aligned_free(a);
    osprey__aligned_free(bias);
    osprey__aligned_free(c);
}

static void bench_gemm_case(const osprey__kernels *kernels, osprey_precision format,
                            gemm_shape shape)
{
    for (int cold = 0; cold < 2; cold++)
        snprintf(shape.names[cold], sizeof shape.names[cold], "%s %s m %zu n %zu k %zu%s%s %s",
                 shape.strassen ? "strassen" : "gemm", format_names[format], shape.m, shape.n,
                 shape.k, shape.activation ? " quick_gelu" : "", shape.residual ? " residual" : "",
                 cold ? "cold" : "warm");
    if (is_wanted(kernels, shape.names[0]) || is_wanted(kernels, shape.names[1]))
        time_gemm(kernels, format, &shape);
}

/* The four products of a block of ViT-B/32, of so many rows. */
static void bench_block(const osprey__kernels *kernels, osprey_precision format, size_t m,
                        bool strassen)
{
    const gemm_shape shapes[] = {
        {m, 2304, 768, OSPREY_ACTIVATION_NONE, false, strassen, {{0}}},
        {m, 768, 768, OSPREY_ACTIVATION_NONE, true, strassen, {{0}}},
        {m, 3072, 768, OSPREY_ACTIVATION_QUICK_GELU, false, strassen, {{0}}},
        {m, 768, 3072, OSPREY_ACTIVATION_NONE, true, strassen, {{0}}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        bench_gemm_case(kernels, format, shapes[i]);
}

/* A block of ViT-B/32 for 1, 8 and 32 images, and a square product. */
static void bench_gemm(const osprey__kernels *kernels, osprey_precision format)
{
    const size_t images[] = {1, 8, 32};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        bench_block(kernels, format, SEQUENCE_ROWS * images[i], false);
        if (format == OSPREY_PRECISION_FP32 && kernels->strassen_f32)
            bench_block(kernels, format, SEQUENCE_ROWS * images[i], true);
    }
    bench_gemm_case(kernels, format, (gemm_shape){.m = 1024, .n = 1024, .k = 1024});
}

typedef struct attention_case {
    const osprey__kernels *kernels;
    osprey__attention_f32_args floats;
    osprey__attention_bf16_args halves;
    osprey__attention_bf16_function *run;
} attention_case;

static void run_attention_f32(void *context, size_t turn)
{
    (void)turn;
    attention_case *attention = context;
    attention->kernels->attention_f32.run(&attention->floats);
}

static void run_attention_bf16(void *context, size_t turn)
{
    (void)turn;
    attention_case *attention = context;
    attention->run(&attention->halves);
}

/* One head among others: rows are three widths of the model apart, as q, k and v come. */
enum { HEADS = 12 };

static void bench_attention_f32(const osprey__kernels *kernels, size_t tokens, size_t head_dim,
                                bool causal)
{
    char name[96];
    snprintf(name, sizeof name, "attention fp32 tokens %zu head_dim %zu%s", tokens, head_dim,
             causal ? " causal" : "");
    if (!is_wanted(kernels, name)) return;
    size_t width = HEADS * head_dim;
    const osprey__attention_f32_kernel *kernel = &kernels->attention_f32;
    float *qkv = random_floats(tokens * 3 * width), *out = random_floats(tokens * width);
    float *scratch = random_floats(kernel->scratch_floats(tokens, tokens, head_dim));
    attention_case attention = {.kernels = kernels};
    attention.floats = (osprey__attention_f32_args){.query_rows = tokens,
                                                    .key_rows = tokens,
                                                    .head_dim = head_dim,
                                                    .q = qkv,
                                                    .q_stride = 3 * width,
                                                    .k = qkv + width,
                                                    .v = qkv + 2 * width,
                                                    .kv_stride = 3 * width,
                                                    .out = out,
                                                    .out_stride = width,
                                                    .scale = 1 / sqrtf((float)head_dim),
                                                    .causal = causal,
                                                    .scratch = scratch};
    double pairs =
        causal ? (double)tokens * (double)(tokens + 1) / 2 : (double)tokens * (double)tokens;
    print_rate(kernels->instruction_set, name, 4 * pairs * (double)head_dim,
               best_time_s(run_attention_f32, &attention), OSPREY_PRECISION_FP32);
    osprey__aligned_free(qkv);
    osprey__aligned_free(out);
    osprey__aligned_free(scratch);
}

static void bench_attention_bf16(const osprey__kernels *kernels,
                                 const osprey__attention_bf16_kernel *kernel,
                                 osprey_precision factors, size_t tokens, size_t head_dim)
{
    char name[96];
    snprintf(name, sizeof name, "attention %s tokens %zu head_dim %zu",
             osprey_precision_name(factors), tokens, head_dim);
    if (!is_wanted(kernels, name)) return;
    size_t width = HEADS * head_dim, elements = tokens * 3 * width;
    float *random = random_floats(elements);
    uint16_t *qkv = aligned_block(elements * sizeof *qkv);
    uint16_t *out = aligned_block(tokens * width * sizeof *out);
    osprey__from_f32(OSPREY__BF16, random, elements, qkv);
    float *scratch = random_floats(kernel->scratch_floats(tokens, tokens, head_dim));
    attention_case attention = {.run = kernel->run};
    attention.halves = (osprey__attention_bf16_args){.query_rows = tokens,
                                                     .key_rows = tokens,
                                                     .head_dim = head_dim,
                                                     .q = qkv,
                                                     .q_stride = 3 * width,
                                                     .k = qkv + width,
                                                     .v = qkv + 2 * width,
                                                     .kv_stride = 3 * width,
                                                     .out = out,
                                                     .out_stride = width,
                                                     .scale = 1 / sqrtf((float)head_dim),
                                                     .scratch = scratch};
    print_rate(kernels->instruction_set, name,
               4 * (double)tokens * (double)tokens * (double)head_dim,
               best_time_s(run_attention_bf16, &attention), factors);
    osprey__aligned_free(random);
    osprey__aligned_free(qkv);
    osprey__aligned_free(out);
    osprey__aligned_free(scratch);
}

static const size_t image_tokens[] = {50, 197, 257, 577};

static void bench_attention_in_f32(const osprey__kernels *kernels)
{
    for (size_t i = 0; i < sizeof image_tokens / sizeof *image_tokens; i++)
        bench_attention_f32(kernels, image_tokens[i], 64, false);
    bench_attention_f32(kernels, 257, 80, false);
    bench_attention_f32(kernels, 9, 64, true);
    bench_attention_f32(kernels, 77, 64, true);
}

/* Over bfloat16s, with factors of this precision. */
static void bench_attention_of_halves(const osprey__kernels *kernels,
                                      const osprey__attention_bf16_kernel *kernel,
                                      osprey_precision factors)
{
    for (size_t i = 0; i < sizeof image_tokens / sizeof *image_tokens; i++)
        bench_attention_bf16(kernels, kernel, factors, image_tokens[i], 64);
    bench_attention_bf16(kernels, kernel, factors, 257, 80);
}

typedef struct row_case {
    const osprey__kernels *kernels;
    osprey_activation activation;
    size_t rows, width;
    float *x, *scale, *out, *factors;
} row_case;

static void run_layer_norm(void *context, size_t turn)
{
    (void)turn;
    row_case *c = context;
    c->kernels->layer_norm_f32(c->rows, c->width, c->x, c->scale, c->scale, 1e-5f, c->out);
}

static void run_activation(void *context, size_t turn)
{
    (void)turn;
    row_case *c = context;
    c->kernels->activation_f32(c->activation, c->rows * c->width, c->x, c->out);
}

static void run_transpose(void *context, size_t turn)
{
    (void)turn;
    row_case *c = context;
    c->kernels->transpose_f32(c->rows, c->width, c->x, c->width, NULL, c->out, c->rows);
}

static void print_elements(const row_case *c, const char *name, double seconds)
{
    printf("%-10s %-47s %9.1f us %8.2f elements/ns\n", c->kernels->instruction_set, name,
           seconds * 1e6, (double)(c->rows * c->width) / seconds * 1e-9);
    fflush(stdout);
}

static void bench_rows(const osprey__kernels *kernels)
{
    row_case c = {.kernels = kernels, .rows = 50, .width = 768};
    c.x = random_floats(c.rows * c.width);
    c.scale = random_floats(c.width);
    c.out = random_floats(c.rows * c.width);
    if (is_wanted(kernels, "layer_norm 50 x 768"))
        print_elements(&c, "layer_norm 50 x 768", best_time_s(run_layer_norm, &c));
    for (int kind = OSPREY_ACTIVATION_RELU; kind <= OSPREY_ACTIVATION_SILU; kind++) {
        char name[96];
        snprintf(name, sizeof name, "activation %s 50 x 768",
                 osprey_activation_name((osprey_activation)kind));
        c.activation = (osprey_activation)kind;
        if (is_wanted(kernels, name)) print_elements(&c, name, best_time_s(run_activation, &c));
    }
    osprey__aligned_free(c.x);
    osprey__aligned_free(c.scale);
    osprey__aligned_free(c.out);
}

static void run_group_norm(void *context, size_t turn)
{
    (void)turn;
    row_case *c = context;
    c->kernels->group_norm_f32(&(osprey__group_norm_f32_args){.positions = c->rows,
                                                              .channels = c->width,
                                                              .group_channels = c->width / 32,
                                                              .stride = c->width,
                                                              .x = c->x,
                                                              .scale = c->scale,
                                                              .shift = c->scale,
                                                              .activation = OSPREY_ACTIVATION_RELU,
                                                              .out = c->out,
                                                              .factors = c->factors});
}

/* Windows of 3 x 3, two apart. */
static void run_max_pool(void *context, size_t turn)
{
    (void)turn;
    row_case *c = context;
    size_t side = (size_t)lround(sqrt((double)c->rows));
    osprey__conv_shape shape = {.height = side,
                                .width = side,
                                .channels = c->width,
                                .kernel_height = 3,
                                .kernel_width = 3,
                                .stride = 2,
                                .out_height = side / 2,
                                .out_width = side / 2};
    c->kernels->max_pool_f32(&shape, c->x, 0, side / 2 * (side / 2), c->out);
}

/* The feature maps of a ResNet-50's first stage. */
static void bench_feature_maps(const osprey__kernels *kernels)
{
    const size_t widths[] = {64, 256};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        char name[96];
        row_case c = {.kernels = kernels, .rows = 56 * 56, .width = widths[i]};
        c.x = random_floats(c.rows * c.width);
        c.out = random_floats(c.rows * c.width);
        c.scale = random_floats(c.width);
        c.factors = random_floats(2 * c.width);
        snprintf(name, sizeof name, "group_norm %zu x %zu", c.rows, c.width);
        if (strstr(name, wanted)) print_elements(&c, name, best_time_s(run_group_norm, &c));
        snprintf(name, sizeof name, "max_pool %zu x %zu", c.rows, c.width);
        if (strstr(name, wanted)) print_elements(&c, name, best_time_s(run_max_pool, &c));
        osprey__aligned_free(c.x);
        osprey__aligned_free(c.out);
        osprey__aligned_free(c.scale);
        osprey__aligned_free(c.factors);
    }
}

/* As many rows as a picture has patches of 16 x 16. */
static void bench_transpose(const osprey__kernels *kernels)
{
    const size_t widths[] = {768, 1024};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        char name[96];
        row_case c = {.kernels = kernels, .rows = 196, .width = widths[i]};
        c.x = random_floats(c.rows * c.width);
        c.out = random_floats(c.rows * c.width);
        snprintf(name, sizeof name, "transpose %zu x %zu", c.rows, c.width);
        if (is_wanted(kernels, name)) print_elements(&c, name, best_time_s(run_transpose, &c));
        osprey__aligned_free(c.x);
        osprey__aligned_free(c.out);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) wanted = argv[1];
    measure_peaks();
    for (int level = OSPREY__CPU_LEVELS - 1; level >= 0; level--) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        const osprey__kernels *below =
            level ? osprey__kernels_for((osprey__cpu_level)(level - 1)) : NULL;
        for (size_t format = 0; format < OSPREY_PRECISIONS; format++)
            if (!below || kernels->gemm[format].run != below->gemm[format].run)
                bench_gemm(kernels, (osprey_precision)format);
        if (!below || kernels->attention_f32.run != below->attention_f32.run)
            bench_attention_in_f32(kernels);
        if (!below || kernels->attention_bf16.run != below->attention_bf16.run)
            bench_attention_of_halves(kernels, &kernels->attention_bf16, OSPREY_PRECISION_BF16);
        if (kernels->attention_s8.run &&
            (!below || kernels->attention_s8.run != below->attention_s8.run))
            bench_attention_of_halves(kernels, &kernels->attention_s8, OSPREY_PRECISION_INT8);
        if (below && kernels->layer_norm_f32 == below->layer_norm_f32) continue;
        bench_rows(kernels);
        bench_transpose(kernels);
        bench_feature_maps(kernels);
    }
    return 0;
}
