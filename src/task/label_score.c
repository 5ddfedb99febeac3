/* SPDX-License-Identifier: Apache-2.0 */
/* An image embedding against a label set: cosines, probabilities, order. */
#include "base/memory.h"
#include "base/status.h"
#include "task/label_set.h"

#include <math.h>
#include <stdlib.h>

/* Independent sums that the compiler can keep in vector registers; a fixed order of addition. */
#define LANES 16

static float dot(const float *a, const float *b, size_t count)
{
    float lanes[LANES] = {0};
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane] += a[i + lane] * b[i + lane];
    float sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) sum += lanes[lane];
    for (size_t i = whole; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static double sigmoid(double x)
{
    /* Neither branch takes exp of a large positive number. */
    if (x >= 0) return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}

/* Logits to probabilities, in place. */
static void activate(double *logits, size_t count, osprey_score_kind kind)
{
    if (kind == OSPREY_SCORE_SIGMOID) {
        for (size_t i = 0; i < count; i++) logits[i] = sigmoid(logits[i]);
        return;
    }
    double largest = logits[0], sum = 0;
    for (size_t i = 1; i < count; i++) largest = fmax(largest, logits[i]);
    for (size_t i = 0; i < count; i++) sum += logits[i] = exp(logits[i] - largest);
    for (size_t i = 0; i < count; i++) logits[i] /= sum;
}

osprey_status osprey_label_set_score(const osprey_label_set *set, const float *image,
                                     osprey_score_kind kind, osprey_score *scores,
                                     osprey_error *error)
{
    if (kind == OSPREY_SCORE_AS_TRAINED)
        kind = set->logit_bias != 0 ? OSPREY_SCORE_SIGMOID : OSPREY_SCORE_SOFTMAX;
    if (kind != OSPREY_SCORE_SOFTMAX && kind != OSPREY_SCORE_SIGMOID)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "kind",
                            "%d is no kind of score; OSPREY_SCORE_AS_TRAINED, OSPREY_SCORE_SOFTMAX "
                            "or OSPREY_SCORE_SIGMOID would be right",
                            (int)kind);
    size_t labels = set->label_count, dim = set->embed_dim;
    /* [0, labels): this template's logits; then the sums of cosines and of probabilities. */
    double *logits = osprey__calloc(labels, 3 * sizeof *logits);
    if (!logits) return osprey__fail_memory(error, labels * 3 * sizeof *logits);
    double *cosines = logits + labels, *probabilities = cosines + labels;
    const float *rows = set->prompt_embeddings ? set->prompt_embeddings : set->embeddings;
    for (size_t t = 0; t < set->template_count; t++, rows += labels * dim) {
        for (size_t i = 0; i < labels; i++) {
            double cosine = (double)dot(image, rows + i * dim, dim);
            double bias = set->biases ? (double)set->biases[i] : (double)set->logit_bias;
            logits[i] = (double)set->logit_scale * cosine + bias;
            cosines[i] += set->biases ? logits[i] : cosine;
        }
        activate(logits, labels, kind);
        for (size_t i = 0; i < labels; i++) probabilities[i] += logits[i];
    }
    double templates = (double)set->template_count;
    for (size_t i = 0; i < labels; i++)
        scores[i] = (osprey_score){i, (float)(probabilities[i] / templates),
                                   (float)(cosines[i] / templates)};
    osprey__free(logits);
    return OSPREY_OK;
}

static int by_falling_score(const void *left, const void *right)
{
    const osprey_score *a = left, *b = right;
    /* A score that is not a number goes last, so that the order is one for qsort too. */
    if (isnan(a->score) != isnan(b->score)) return isnan(a->score) ? 1 : -1;
    if (a->score > b->score) return -1;
    if (a->score < b->score) return 1;
    return a->label < b->label ? -1 : a->label > b->label;
}

size_t osprey_scores_rank(osprey_score *scores, size_t count, size_t top, float threshold)
{
    if (count == 0) return 0;
    qsort(scores, count, sizeof *scores, by_falling_score);
    size_t limit = top && top < count ? top : count, kept = 0;
    while (kept < limit && scores[kept].score >= threshold) kept++;
    return kept;
}
