/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/layer_errors.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

/* The outputs of all products of one run of fp32, and the run that is held against them. */
typedef struct trace {
    float *values;
    size_t capacity; /* floats */
    float *output;   /* of the step that is looked at */
    size_t output_capacity;
    size_t *starts; /* [step_count] */
    size_t used;
    bool alone; /* each layer on fp32's inputs: by itself */
    bool out_of_memory;
    osprey__layer_error *layers;
} trace;

double osprey__cosine(const float *a, const float *b, size_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)a[i], y = (double)b[i];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if (aa == 0 && bb == 0) return 1;
    double cosine = ab / sqrt(aa * bb);
    return isfinite(cosine) ? fmax(-1, fmin(1, cosine)) : -1;
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!isfinite(difference)) return INFINITY;
        if (difference > largest) largest = difference;
    }
    return largest;
}

static bool reserve(float **block, size_t *capacity, size_t floats)
{
    if (floats <= *capacity) return true;
    size_t larger = floats > 2 * *capacity ? floats : 2 * *capacity;
    float *grown = osprey__realloc(*block, larger, sizeof *grown);
    if (!grown) return false;
    *block = grown;
    *capacity = larger;
    return true;
}

/* The output of a product, which was written just now; NULL for another step, or without memory. */
static const float *product_output(trace *t, const osprey__run *run, size_t next, size_t *floats)
{
    if (next == 0 || !osprey__step_is_product(&run->plan->steps[next - 1])) return NULL;
    osprey__value_id id = run->plan->steps[next - 1].node->output;
    *floats = osprey__value_elements(&run->plan->graph->values[id], run->sequences, run->tokens);
    t->out_of_memory |= !reserve(&t->output, &t->output_capacity, *floats);
    if (t->out_of_memory) return NULL;
    osprey__run_get_floats(run, id, t->output);
    return t->output;
}

/* The next two are osprey__step_observer: `next` is the step after the one that is looked at. */
static void record(void *context, const osprey__run *run, size_t next)
{
    trace *t = context;
    size_t floats;
    if (next == 0) t->used = 0;
    const float *output = product_output(t, run, next, &floats);
    if (!output) return;
    if (!reserve(&t->values, &t->capacity, t->used + floats)) {
        t->out_of_memory = true;
        return;
    }
    t->starts[next - 1] = t->used;
    memcpy(t->values + t->used, output, floats * sizeof *output);
    t->used += floats;
}

static void compare(void *context, const osprey__run *run, size_t next)
{
    trace *t = context;
    size_t floats;
    const float *output = product_output(t, run, next, &floats);
    if (!output) return;
    const float *exact = t->values + t->starts[next - 1];
    osprey__layer_error *layer = &t->layers[next - 1];
    double cosine = osprey__cosine(output, exact, floats);
    if (t->alone) {
        layer->own_cosine = fmin(layer->own_cosine, cosine);
        osprey__run_set_floats(run, run->plan->steps[next - 1].node->output, exact);
    } else {
        layer->cosine = fmin(layer->cosine, cosine);
        layer->largest = fmax(layer->largest, largest_difference(output, exact, floats));
    }
}

static osprey_status watch(osprey_session *session, osprey__step_observer *observer, trace *t,
                           const osprey__samples *samples, size_t index, float *embedding,
                           osprey_error *error)
{
    session->observer = observer;
    session->observer_context = t;
    osprey_status status = osprey__sample_embed(samples, index, session, embedding, error);
    session->observer = NULL;
    if (status == OSPREY_OK && t->out_of_memory)
        status = osprey__fail_memory(error, t->capacity * sizeof *t->values);
    return status;
}

static osprey_status measure(osprey__mixed_tower *tower, const osprey__samples *samples, trace *t,
                             float *embeddings, double *cosines, osprey_error *error)
{
    osprey_session *fp32 = tower->sessions[OSPREY__AS_FP32];
    size_t width = tower->model->model->config.embed_dim;
    float *wanted = embeddings, *got = embeddings + width;
    for (size_t i = 0; i < samples->count; i++) {
        OSPREY_TRY(watch(fp32, record, t, samples, i, wanted, error));
        t->alone = false;
        OSPREY_TRY(watch(tower->session, compare, t, samples, i, got, error));
        cosines[i] = osprey__cosine(got, wanted, width);
        t->alone = true;
        OSPREY_TRY(watch(tower->session, compare, t, samples, i, got, error));
    }
    return OSPREY_OK;
}

osprey_status osprey__layer_errors_measure(osprey__mixed_tower *tower,
                                           const osprey__samples *samples,
                                           osprey__layer_error *layers, double *cosines,
                                           osprey_error *error)
{
    size_t width = tower->model->model->config.embed_dim;
    trace t = {.layers = layers};
    for (size_t s = 0; s < tower->step_count; s++)
        layers[s] = (osprey__layer_error){.cosine = 1, .own_cosine = 1};
    t.starts = osprey__calloc(tower->step_count, sizeof *t.starts);
    float *embeddings = osprey__calloc(2 * width, sizeof *embeddings);
    osprey__mixed_tower_apply(tower);
    osprey_status status = t.starts && embeddings
                               ? measure(tower, samples, &t, embeddings, cosines, error)
                               : osprey__fail_memory(error, 2 * width * sizeof *embeddings);
    osprey__free(embeddings);
    osprey__free(t.starts);
    osprey__free(t.values);
    osprey__free(t.output);
    return status;
}
