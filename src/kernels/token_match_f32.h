/* SPDX-License-Identifier: Apache-2.0 */
/* The matching, for token_match_f32.c and the files of x86/ that compile it for wider vectors. */
#ifndef OSPREY_KERNELS_TOKEN_MATCH_F32_H
#define OSPREY_KERNELS_TOKEN_MATCH_F32_H

#include "kernels/token_merge.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* scratch, cut into its parts */
typedef struct token_metric {
    size_t a, b;   /* rows of the sets */
    float *even;   /* [a][head_dim] */
    float *odd;    /* [head_dim][b] */
    float *scores; /* [b] of one row of A */
    float *best;   /* [a] */
    float *chosen; /* [a] 1: to be merged */
    float *mean;   /* [head_dim] */
} token_metric;

static token_metric cut_token_scratch(const osprey__token_match_f32_args *args)
{
    token_metric m = {.a = (args->rows + 1) / 2, .b = args->rows / 2, .even = args->scratch};
    m.odd = m.even + m.a * args->head_dim;
    m.scores = m.odd + m.b * args->head_dim;
    m.best = m.scores + m.b;
    m.chosen = m.best + m.a;
    m.mean = m.chosen + m.a;
    return m;
}

/* The row's key, averaged over the heads, of unit length; a zero one stays. */
static void unit_key(const osprey__token_match_f32_args *args, size_t row, float *mean)
{
    const float *k = args->k + row * args->k_stride;
    memset(mean, 0, args->head_dim * sizeof *mean);
    for (size_t h = 0; h < args->heads; h++)
        for (size_t d = 0; d < args->head_dim; d++) mean[d] += k[h * args->head_dim + d];
    float squares = 0;
    for (size_t d = 0; d < args->head_dim; d++) squares += mean[d] * mean[d];
    float length = sqrtf(squares);
    for (size_t d = 0; d < args->head_dim && length > 0; d++) mean[d] /= length;
}

static void fill_metric(const osprey__token_match_f32_args *args, const token_metric *m)
{
    for (size_t i = 0; i < m->a; i++) unit_key(args, 2 * i, m->even + i * args->head_dim);
    for (size_t j = 0; j < m->b; j++) {
        unit_key(args, 2 * j + 1, m->mean);
        for (size_t d = 0; d < args->head_dim; d++) m->odd[d * m->b + j] = m->mean[d];
    }
}

/* The row of B that row i of A is most alike; its cosine goes to best. */
static size_t partner_of(const osprey__token_match_f32_args *args, const token_metric *m, size_t i)
{
    size_t b = m->b;
    float *restrict scores = m->scores;
    memset(scores, 0, b * sizeof *scores);
    for (size_t d = 0; d < args->head_dim; d++) {
        float x = m->even[i * args->head_dim + d];
        const float *restrict y = m->odd + d * b;
        for (size_t j = 0; j < b; j++) scores[j] += x * y[j];
    }
    size_t partner = 0;
    for (size_t j = 1; j < b; j++)
        if (scores[j] > scores[partner]) partner = j;
    m->best[i] = scores[partner];
    return partner;
}

/* Marks the count rows of A, not the first, with the highest best. */
static void choose_merged(const token_metric *m, size_t count)
{
    memset(m->chosen, 0, m->a * sizeof *m->chosen);
    for (size_t n = 0; n < count; n++) {
        size_t most = 0;
        for (size_t i = 1; i < m->a; i++)
            if (m->chosen[i] == 0 && (most == 0 || m->best[i] > m->best[most])) most = i;
        m->chosen[most] = 1;
    }
}

static void token_match(const osprey__token_match_f32_args *args)
{
    const token_metric m = cut_token_scratch(args);
    size_t kept = m.a - args->count, next = 0;
    float *targets = args->targets;
    fill_metric(args, &m);
    for (size_t i = 1; i < m.a; i++) targets[2 * i] = (float)(kept + partner_of(args, &m, i));
    choose_merged(&m, args->count);
    for (size_t i = 0; i < m.a; i++)
        if (m.chosen[i] == 0) targets[2 * i] = (float)next++;
    for (size_t j = 0; j < m.b; j++) targets[2 * j + 1] = (float)(kept + j);
}

#endif
