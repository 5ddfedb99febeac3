/* SPDX-License-Identifier: Apache-2.0 */
/* Strassen's product with the register tile of gemm_f32. */
#define OSPREY__LANES   "kernels/simd/lanes_f32.h"
#define OSPREY__COLUMNS "kernels/x86/columns_difference.h"

#include "kernels/simd/tile_simd.h"
#include "kernels/strassen.h"

/* Needs TILE_COLUMNS. */
#include "kernels/simd/epilogue_simd.h"

enum {
    PRODUCTS = 7,
    QUARTERS = 4,
    /* Steps over k / 2: four parts of panels, and a sum of them, stay in the second-level cache. */
    CHUNK = 384,
};

/* A register tile's pairs. */
typedef struct pair_tile {
    size_t pair, rows;               /* of the block */
    size_t top, bottom, bottom_rows; /* of the product; the middle row has none below it */
} pair_tile;

typedef struct pair_block {
    const osprey__strassen_args *args;
    const char *sums;
    size_t tile_count;
    pair_tile tiles[OSPREY__STRASSEN_BLOCK];
} pair_block;

/* Cuts pairs first..first+count-1 into tiles none of which has pairs of two sequences. */
static void cut_tiles(pair_block *block, size_t first, size_t count)
{
    size_t sequence_rows = block->args->sequence_rows;
    size_t half = osprey__strassen_pairs(sequence_rows);
    block->tile_count = 0;
    for (size_t done = 0; done < count;) {
        size_t sequence = (first + done) / half, at = (first + done) % half;
        size_t part = osprey__smaller(count - done, half - at), tiles = tile_count(part);
        for (size_t t = 0; t < tiles; t++) {
            size_t start = tile_start(t, part), rows = tile_start(t + 1, part) - start;
            size_t row = at + start;
            block->tiles[block->tile_count++] = (pair_tile){
                .pair = done + start,
                .rows = rows,
                .top = sequence * sequence_rows + row,
                .bottom = sequence * sequence_rows + half + row,
                .bottom_rows = osprey__smaller(rows, sequence_rows - half - row),
            };
        }
        done += part;
    }
}

typedef float pair_sums[OSPREY__STRASSEN_BLOCK * TILE_COLUMNS];

/* A chunk of k / 2 in all four quarters of the pair of panels that begins at column. */
typedef struct weight_chunk {
    const float *b11, *b12, *b21, *b22;
    size_t column, first, steps;
    bool add, last;
} weight_chunk;

/* The quarters of a tile's result, from the seven products, in place of the first four. */
static void sum_products(const pair_tile *at, pair_sums p[PRODUCTS])
{
    size_t end = (at->pair + at->rows) * TILE_COLUMNS;
    for (size_t i = at->pair * TILE_COLUMNS; i < end; i += VEC_FLOATS) {
        vec p1 = vec_load(p[0] + i), p2 = vec_load(p[1] + i), p3 = vec_load(p[2] + i);
        vec p4 = vec_load(p[3] + i), p5 = vec_load(p[4] + i);
        vec u = p1 + vec_load(p[5] + i), v = u + vec_load(p[6] + i);
        vec_store(p[0] + i, p1 + p2);
        vec_store(p[1] + i, u + p5 + p3);
        vec_store(p[2] + i, v + p4);
        vec_store(p[3] + i, v + p5);
    }
}

/* A tile's share of quarter 0, c11; 1, c12; 2, c21; or 3, c22. */
static finish_job quarter_of(const pair_block *block, const pair_tile *at, size_t column,
                             size_t quarter)
{
    bool is_top = quarter < 2, is_left = quarter % 2 == 0;
    return (finish_job){.first = is_top ? at->top : at->bottom,
                        .rows = is_top ? at->rows : at->bottom_rows,
                        .column = is_left ? column : block->args->product->n / 2 + column};
}

static void finish_tile(const pair_block *block, const pair_tile *at, size_t column,
                        pair_sums p[PRODUCTS])
{
    sum_products(at, p);
    for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
        finish_job job = quarter_of(block, at, column, quarter);
        job.sums = p[quarter] + at->pair * TILE_COLUMNS;
        finish_sums(block->args->product, &job, SUM_FLOAT);
    }
}

/* One of the seven products: of an operand and weights, or their difference with `minus`. */
typedef struct factors {
    osprey__strassen_operand operand;
    const float *weights, *minus;
    float *difference;
    const float *next; /* what is fetched meanwhile */
    size_t quarter;    /* and of the result, with the last chunk; QUARTERS: nothing */
} factors;

/* The operand's rows, stride bytes apart. */
static const char *rows_of(const pair_block *block, const pair_tile *at,
                           osprey__strassen_operand operand, size_t *stride)
{
    const osprey__gemm_args *product = block->args->product;
    if (operand < OSPREY__STRASSEN_SUMS) {
        *stride = osprey__strassen_pair_bytes(product->k);
        return block->sums + at->pair * *stride + operand * osprey__strassen_sum_bytes(product->k);
    }
    size_t row = operand == OSPREY__STRASSEN_A22 ? at->bottom : at->top;
    size_t column = operand == OSPREY__STRASSEN_A11 ? 0 : product->k / 2;
    *stride = product->a_stride;
    return (const char *)product->a + row * *stride + column * sizeof(float);
}

/* p[i] is p(i+1) of strassen.h. With the last of the chunks and of the products a tile's sums are
 * whole: its results then leave while the next is multiplied. */
static void multiply_factors(const pair_block *block, const weight_chunk *chunk,
                             const factors *with, size_t i, pair_sums p[PRODUCTS])
{
    const osprey__gemm_args *product = block->args->product;
    const bool is_below = with->operand == OSPREY__STRASSEN_A22, finishes = chunk->last && is_below;
    tile_job job = {.steps = chunk->steps,
                    .b = (const char *)with->weights,
                    .sums_stride = TILE_COLUMNS,
                    .add = chunk->add,
                    .minus = (const char *)with->minus,
                    .difference = (char *)with->difference,
                    .prefetch = (const char *)with->next,
                    .results_stride = product->ldc * result_bytes(product),
                    .wide_results = true};
    job.prefetch_step = (TILE_STEP_BYTES + block->tile_count - 1) / block->tile_count;
    for (size_t t = 0; t < block->tile_count; t++) {
        const pair_tile *at = &block->tiles[t];
        /* p4 of a row that is not there is part of no result. */
        size_t rows = is_below ? at->bottom_rows : at->rows, stride;
        job.a = (const float *)rows_of(block, at, with->operand, &stride) + chunk->first;
        job.lda = stride / sizeof(float);
        job.sums = p[i] + at->pair * TILE_COLUMNS;
        if (chunk->last && with->quarter < QUARTERS) {
            finish_job result = quarter_of(block, at, chunk->column, with->quarter);
            if (result.rows == rows) job.results = result_at(product, result.first, result.column);
        }
        if (rows) tile(&job, rows);
        if (rows && with->minus) {
            job.b = (const char *)with->difference;
            job.minus = NULL;
        }
        job.prefetch += job.steps * job.prefetch_step;
        if (finishes) finish_tile(block, at, chunk->column, p);
    }
}

/* The seven products of a chunk, while the next comes to the cache. */
static void multiply_chunk(const pair_block *block, const weight_chunk *chunk,
                           const weight_chunk *next, pair_sums p[PRODUCTS])
{
    _Alignas(OSPREY__ALIGNMENT) float t[CHUNK * TILE_COLUMNS];
    const float *b11 = chunk->b11, *b12 = chunk->b12, *b21 = chunk->b21, *b22 = chunk->b22;
    /* t is t1, then t3, t2 and t4. The first four products fetch what comes next; for the others
     * nothing of it is left. The last four have the result's quarters fetched. */
    const struct {
        size_t i;
        factors with;
    } products[PRODUCTS] = {
        {0, {OSPREY__STRASSEN_A11, b11, NULL, NULL, next->b11, QUARTERS}},
        {1, {OSPREY__STRASSEN_A12, b21, NULL, NULL, next->b12, QUARTERS}},
        {2, {OSPREY__STRASSEN_S4, b22, NULL, NULL, next->b21, QUARTERS}},
        {4, {OSPREY__STRASSEN_S1, b12, b11, t, next->b22, 0}},
        {6, {OSPREY__STRASSEN_S3, b12, b22, t, next->b22, 1}},
        {5, {OSPREY__STRASSEN_S2, b11, t, t, next->b22, 2}},
        {3, {OSPREY__STRASSEN_A22, b21, t, t, next->b22, 3}},
    };
    for (size_t i = 0; i < PRODUCTS; i++)
        multiply_factors(block, chunk, &products[i].with, products[i].i, p);
}

static weight_chunk chunk_at(const osprey__gemm_args *product, size_t column, size_t i,
                             size_t chunks)
{
    size_t half = product->k / 2, first = i * half / chunks;
    size_t panel_bytes = osprey__round_up(product->k * TILE_STEP_BYTES, OSPREY__ALIGNMENT);
    const char *left = (const char *)product->packed + column / TILE_COLUMNS * panel_bytes;
    const char *right = left + product->n / 2 / TILE_COLUMNS * panel_bytes;
    size_t top = first * TILE_STEP_BYTES, bottom = (half + first) * TILE_STEP_BYTES;
    return (weight_chunk){.b11 = (const float *)(left + top),
                          .b12 = (const float *)(right + top),
                          .b21 = (const float *)(left + bottom),
                          .b22 = (const float *)(right + bottom),
                          .column = column,
                          .first = first,
                          .steps = (i + 1) * half / chunks - first,
                          .add = i > 0,
                          .last = i + 1 == chunks};
}

static void multiply_panel(const pair_block *block, size_t column)
{
    _Alignas(OSPREY__ALIGNMENT) pair_sums p[PRODUCTS];
    const osprey__gemm_args *product = block->args->product;
    size_t chunks = (product->k / 2 + CHUNK - 1) / CHUNK;
    weight_chunk chunk = chunk_at(product, column, 0, chunks);
    for (size_t i = 1; i <= chunks; i++) {
        weight_chunk next = i < chunks ? chunk_at(product, column, i, chunks)
                                       : chunk_at(product, column + TILE_COLUMNS, 0, chunks);
        multiply_chunk(block, &chunk, &next, p);
        chunk = next;
    }
}

void osprey__strassen_f32__avx512(const osprey__strassen_args *args)
{
    pair_block block = {.args = args};
    const size_t end = args->first + args->pairs;
    for (size_t i = 0, at = args->first; at < end; i++) {
        size_t next =
            osprey__smaller(osprey__strassen_block_start(i + 1, args->sequence_rows), end);
        if (next <= at) continue;
        block.sums = (const char *)args->sums +
                     (at - args->first) * osprey__strassen_pair_bytes(args->product->k);
        cut_tiles(&block, at, next - at);
        for (size_t column = 0; column < args->columns; column += TILE_COLUMNS)
            multiply_panel(&block, args->column + column);
        at = next;
    }
}

/* The sums of one pair; bottom is NULL for the middle row. What lies `ahead` bytes further on, the
 * next pair, is fetched meanwhile. */
OSPREY__INLINE void prepare_pair(const float *top, const float *bottom, size_t k, size_t ahead,
                                 char *out)
{
    size_t half = k / 2, bytes = osprey__strassen_sum_bytes(k);
    for (size_t i = 0; i < half; i += VEC_FLOATS) {
        __builtin_prefetch((const char *)(top + i) + ahead);
        __builtin_prefetch((const char *)(top + half + i) + ahead);
        if (bottom) {
            __builtin_prefetch((const char *)(bottom + i) + ahead);
            __builtin_prefetch((const char *)(bottom + half + i) + ahead);
        }
        vec a11 = load_elements(top, i, half), a12 = load_elements(top + half, i, half);
        vec a21 = vec_set(0.0f), a22 = a21;
        if (bottom) {
            a21 = load_elements(bottom, i, half);
            a22 = load_elements(bottom + half, i, half);
        }
        vec s1 = a21 + a22, s2 = s1 - a11;
        vec_store((float *)(out + OSPREY__STRASSEN_S1 * bytes) + i, s1);
        vec_store((float *)(out + OSPREY__STRASSEN_S2 * bytes) + i, s2);
        vec_store((float *)(out + OSPREY__STRASSEN_S3 * bytes) + i, a21 - a11);
        vec_store((float *)(out + OSPREY__STRASSEN_S4 * bytes) + i, a12 - s2);
    }
}

void osprey__strassen_prepare_f32__avx512(const osprey__strassen_args *args)
{
    const osprey__gemm_args *product = args->product;
    size_t half = osprey__strassen_pairs(args->sequence_rows);
    char *out = args->sums;
    for (size_t i = 0; i < args->pairs; i++, out += osprey__strassen_pair_bytes(product->k)) {
        size_t sequence = (args->first + i) / half, at = (args->first + i) % half;
        const char *top =
            (const char *)product->a + (sequence * args->sequence_rows + at) * product->a_stride;
        const char *bottom =
            at + half < args->sequence_rows ? top + half * product->a_stride : NULL;
        prepare_pair((const float *)top, (const float *)bottom, product->k, product->a_stride, out);
    }
}
